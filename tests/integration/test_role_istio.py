# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role istio: what it installs, what it refuses, and what it leaves behind.

It has a lab of its own, because it takes the CRDs away. The tests use it in the order in which they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as LabRecord

from tests.integration import charts
from tests.integration.support import (
    BUILD_TIMEOUT,
    Lab,
    PlaybookRun,
    lab_down,
    life_of,
    own_lab,
    play,
    role_call,
    run_playbook,
)

CHARTS_TIMEOUT = 900  # seconds
CHARTS = {"base": "base", "cni": "istio-cni", "istiod": "istio-control/istio-discovery"}
PROCESSES = ("envoy", "mesh-translator")
CLUSTER = [play(roles=[{"role": "progressive.delivery.embedded_cluster"}])]
ROLE = [play(tasks=[role_call("istio")])]


class Role:
    """The role on one lab."""

    def __init__(self, playbook: Path, lab: Lab) -> None:
        self.playbook, self.lab = playbook, lab

    def run(self, *options: str, entry: str = "main", helm: str = "", **variables: Any) -> PlaybookRun:
        given = {"progressive_lab": self.lab.name, **{f"istio_{key}": value for key, value in variables.items()}}
        extra = {"entry": entry, "progressive_helm": helm, **given}
        # Three charts, one after the other, on a busy machine.
        return run_playbook(self.playbook, extra, *options, timeout=CHARTS_TIMEOUT)

    def refuses(self, *words: str, **variables: Any) -> None:
        """It fails in one sentence that has these words, and changes nothing."""
        run = self.run(**variables)
        message = " ".join(run.output.rpartition("fatal:")[2].partition("PLAY RECAP")[0].split())
        assert (run.failed, run.changed) == (1, 0), run.output
        for word in words:
            assert word in message, message

    def exists(self, *reference: str) -> bool:
        return bool(self.lab.kubectl("get", *reference, "--ignore-not-found", "--output=name").strip())

    def running(self) -> list[str]:
        processes = LabRecord.load(self.lab.name).processes
        return [name for name in PROCESSES if name in processes and processes[name].running]


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    folder, name = tmp_path_factory.mktemp("play"), own_lab("istio")
    for file, found in (("cluster", CLUSTER), ("role", ROLE)):
        (folder / f"{file}.yml").write_text(yaml.safe_dump(found))
    run_playbook(folder / "cluster.yml", {"embedded_cluster_name": name}, timeout=BUILD_TIMEOUT).succeeded()
    yield Role(folder / "role.yml", Lab(name))
    lab_down(name)


def test_an_existing_cluster_without_istio_is_refused(role: Role) -> None:
    existing = {"provider": "existing", "kubeconfig": str(role.lab.kubeconfig)}
    role.refuses("has no virtualservices.networking.istio.io", "install Istio first", **existing)


def test_istio_lives_by_its_charts(role: Role) -> None:
    program = charts.helm()
    folder = charts.module(charts.ISTIO) / "manifests" / "charts"
    wish = {
        "provider": "existing", "method": "helm", "kubeconfig": str(role.lab.kubeconfig), "cni": True,
        "charts": {name: f"{folder}/{path}" for name, path in CHARTS.items()},
        # Its pods ask istiod for their image, and no istiod runs in the lab's pods.
        "gateway": False, "image_registry": "registry.example.com/mirror", "inject_namespaces": ["shop"],
    }  # fmt: skip

    def run(*options: str, **settings: Any) -> PlaybookRun:
        return role.run(*options, helm=program, uninstall_crds=True, **wish | settings)

    with life_of(run, lambda: role.exists("crd", "virtualservices.networking.istio.io")):
        images = role.lab.kubectl("get", "pods", "-n", "istio-system", "-o", "jsonpath={..image}").split()
        assert {image.rpartition("/")[0] for image in images} == {"registry.example.com/mirror/istio"}
        assert role.exists("namespace", "--selector=istio-injection=enabled")
    kinds = "crd,validatingwebhookconfiguration,mutatingwebhookconfiguration,clusterrole,deployment,daemonset"
    assert "istio" not in role.lab.kubectl("get", kinds, "--all-namespaces", "--output=name")
    role.lab.kubectl("delete", "namespace", "istio-system", "shop")


def test_check_mode_writes_nothing(role: Role) -> None:
    assert role.run("--check").succeeded().changed > 0
    assert not role.exists("crd", "virtualservices.networking.istio.io")
    assert role.running() == []


def test_it_installs_and_changes_nothing_the_second_time(role: Role) -> None:
    role.run().succeeded()
    assert role.running() == list(PROCESSES)
    assert role.run().succeeded().changed == 0
    assert role.run("--check").succeeded().changed == 0


def test_an_existing_cluster_with_istio_is_left_alone(role: Role) -> None:
    assert role.run(provider="existing", kubeconfig=str(role.lab.kubeconfig)).succeeded().changed == 0


def test_the_translator_may_look_and_not_write(role: Role) -> None:
    kubeconfig = role.lab.folder / "mesh-translator.kubeconfig"
    rights = role.lab.kubectl("auth", "can-i", "--list", f"--kubeconfig={kubeconfig}")
    assert "virtualservices.networking.istio.io" in rights
    own = [line for line in rights.splitlines() if "selfsubject" not in line]
    assert not [line for line in own if any(verb in line for verb in ("create", "update", "patch", "delete"))]


def test_a_crd_that_somebody_deleted_comes_back(role: Role) -> None:
    role.lab.kubectl("delete", "crd", "destinationrules.networking.istio.io")
    assert role.run().succeeded().changed > 0
    assert role.exists("crd", "destinationrules.networking.istio.io")


def test_a_lab_that_is_not_there_is_said(role: Role) -> None:
    run = run_playbook(role.playbook, {"entry": "main", "progressive_lab": "nobody"})
    assert run.failed == 1
    assert "There is no lab nobody" in run.output


def test_uninstall_keeps_the_crds(role: Role) -> None:
    assert role.run("--check", entry="uninstall").succeeded().changed > 0
    role.run(entry="uninstall").succeeded()
    assert role.running() == []
    assert not role.exists("clusterrole", "lab:mesh-translator")
    assert role.exists("crd", "virtualservices.networking.istio.io")
    assert role.run(entry="uninstall").succeeded().changed == 0


def test_uninstall_removes_the_crds_when_asked(role: Role) -> None:
    role.run(entry="uninstall", uninstall_crds=True).succeeded()
    assert not role.exists("crd", "virtualservices.networking.istio.io")
    role.refuses("the role only looks", entry="uninstall", provider="existing", kubeconfig=str(role.lab.kubeconfig))
