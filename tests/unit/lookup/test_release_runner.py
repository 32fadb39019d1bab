# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that says who runs a release."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible_collections.progressive.delivery.plugins.lookup import release_runner

ROOT = Path(__file__).parents[3]


def told(monkeypatch: pytest.MonkeyPatch, **cli: Any) -> dict[str, Any]:
    monkeypatch.setattr(context, "CLIARGS", cli)
    (found,) = release_runner.LookupModule().run([])
    return found


def test_who_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "ada")
    assert told(monkeypatch, args=("playbooks/canary.yml",)) == {
        "user": "ada",
        "host": socket.gethostname(),
        "playbook": "canary.yml",
        "collection": yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"],
    }


@pytest.mark.parametrize(
    ("cli", "playbook"),
    [
        ({"args": ("/secret/canary.yml", "progressive.delivery.status")}, "canary.yml, progressive.delivery.status"),
        # The command ansible has a pattern of hosts there.
        ({"args": "localhost"}, ""),
        ({}, ""),
    ],
)
def test_the_playbooks_of_the_command(monkeypatch: pytest.MonkeyPatch, cli: dict[str, Any], playbook: str) -> None:
    assert told(monkeypatch, **cli)["playbook"] == playbook


def test_a_user_whom_the_system_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a number for its user."""

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(release_runner, "getuser", unknown)
    assert told(monkeypatch)["user"] == ""


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"MANIFEST.json": json.dumps({"collection_info": {"version": "1.2.3"}})}, "1.2.3"),
        ({"galaxy.yml": "namespace: progressive\nversion: 1.2.4\n"}, "1.2.4"),
        ({"MANIFEST.json": "{"}, ""),
        ({"galaxy.yml": "- 1"}, ""),
        ({}, ""),
    ],
)
def test_the_version_of_an_installed_collection_and_of_a_checkout(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert release_runner.version_in(tmp_path) == version
