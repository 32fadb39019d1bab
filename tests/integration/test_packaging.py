# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection builds, ships what users need and nothing else, and works where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[!_]*.py"))
# Every folder or file at the top of the tarball that is meant to be there; the changelog once there is a release.
SHIPPED = {
    "MANIFEST.json", "FILES.json", "CHANGELOG.md", "LICENSE", "LICENSES", "README.md", "REUSE.toml",
    "execution-environment.yml", "requirements.txt", "requirements-lab.txt",
    "changelogs", "docs", "meta", "playbooks", "plugins", "roles",
}  # fmt: skip


def ansible(*command: str, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    ansible("ansible-galaxy", "collection", "build", str(ROOT), "--output-path", str(folder))
    return next(folder.glob("progressive-delivery-*.tar.gz"))


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections folder with nothing but the built collection in it."""
    folder = tmp_path_factory.mktemp("installed")
    # By force, because the checkout is on Python's path, which counts as installed.
    words = ["install", str(tarball), "--no-deps", "--offline", "--force", f"--collections-path={folder}"]
    ansible("ansible-galaxy", "collection", *words, environment={"ANSIBLE_COLLECTIONS_PATH": str(folder)})
    return folder


@pytest.mark.smoke
def test_the_tarball_ships_only_what_users_need(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()

    assert {name.split("/")[0] for name in names} <= SHIPPED
    assert [name for name in names if name.endswith(".pyc") or "__pycache__" in name] == []


@pytest.mark.smoke
def test_the_execution_environment_is_accepted_as_the_guide_says(tarball: Path, tmp_path: Path) -> None:
    """No image is built, which needs a container engine; its build context has this collection in it."""
    for file in (tarball, ROOT / "execution-environment.yml"):
        shutil.copy(file, tmp_path)
    ansible(
        "ansible-builder", "create", f"--file={tmp_path}/execution-environment.yml", f"--context={tmp_path}/context"
    )
    built = tmp_path / "context" / "_build"
    asked = yaml.safe_load((built / "requirements.yml").read_text())["collections"]
    assert [collection["name"] for collection in asked] == [f"collections/{tarball.name}", "kubernetes.core"]
    assert (built / "collections" / tarball.name).read_bytes() == tarball.read_bytes()


def test_the_image_gets_the_python_packages_that_the_collection_names(installed: Path) -> None:
    """Found by ansible-builder, as it finds them while it builds the image."""
    told = yaml.safe_load(ansible("ansible-builder", "introspect", "--sanitize", str(installed)))
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert [found.split("#")[0].strip() for found in told["python"]] == [line for line in lines if line[0] != "#"]


@pytest.mark.smoke
def test_an_installed_copy_documents_every_module(installed: Path) -> None:
    """`ansible-doc` parses each module's documentation, its fragments included."""
    checkout = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    paths = {"ANSIBLE_COLLECTIONS_PATH": f"{installed}{os.pathsep}{checkout}"}
    names = [f"progressive.delivery.{module}" for module in MODULES]

    documented: dict[str, Any] = json.loads(ansible("ansible-doc", "--json", *names, environment=paths))

    for name in names:
        assert documented[name]["doc"]["filename"].startswith(str(installed)), name
        assert documented[name]["doc"]["short_description"], name
        assert documented[name]["examples"], name
        assert documented[name]["return"], name


def test_each_verb_is_in_the_action_group() -> None:
    """So that `module_defaults: group/progressive.delivery.delivery` reaches every module that has a connection."""
    group = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["delivery"]

    # The lab's modules and prometheus_query have no connection to a cluster.
    assert sorted(group) == [module for module in MODULES if not module.startswith(("lab_", "prometheus_"))]
