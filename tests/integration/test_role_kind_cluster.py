# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kind_cluster in check mode, where neither kind nor its folder is there yet. Docker is a stand-in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.integration.support import COLLECTION, play, run_playbook
from tests.unit.lab.programs import Answer, Programs, docker

# Nobody answers there, so a run that asks fails.
WISHES = {
    "kind_cluster_name": "planned",
    "kind_cluster_install": "release",
    # Not one that may be on PATH.
    "kind_cluster_version": "v0.0.0",
    "kind_cluster_release_url": "http://127.0.0.1:9/kind",
    "kind_cluster_release_checksum": "sha256:" + "0" * 64,
    "kind_cluster_min_disk": 0,
}


def test_check_mode_plans_a_cluster_with_a_kind_that_is_yet_to_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = Programs(tmp_path)
    programs.put("docker", docker() | {"ps": Answer()})
    monkeypatch.setenv("PATH", f"{programs.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    playbook = tmp_path / "kind.yml"
    playbook.write_text(yaml.safe_dump([play(roles=[f"{COLLECTION}.kind_cluster"])]))
    run = run_playbook(playbook, WISHES, "--check").succeeded()
    assert run.changed == 2, run.output
    assert not (tmp_path / "cache").exists()
