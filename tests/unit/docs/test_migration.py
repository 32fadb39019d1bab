# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/migration-kubectl.md has each command of the kubectl plugin, and names modules that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import EVERY_CONTAINER

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "migration-kubectl.md").read_text()
ROWS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
# Those of pkg/kubectl-argo-rollouts/cmd in v1.10.2, to the last word that names one.
COMMANDS = (
    "abort", "completion", "create", "create analysisrun", "dashboard", "get experiment", "get rollout", "lint",
    "list experiments", "list rollouts", "notifications template", "notifications trigger", "pause", "promote",
    "restart", "retry experiment", "retry rollout", "set image", "status", "terminate analysisrun",
    "terminate experiment", "undo", "version",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_a_row(command: str) -> None:
    commands = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[0])]
    assert any(name == command or name.startswith(f"{command} ") for name in commands)


def test_the_modules_are_there() -> None:
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py")}
    named = {name for row in ROWS for name in re.findall(r"`((?:rollout|analysis)_[a-z_]+)`", row[1])}
    assert len(named) > 9
    assert named <= modules | {"rollout_tree"}


def test_what_stands_for_all_containers_is_told() -> None:
    (row,) = [row for row in ROWS if row[0].startswith("| `set image")]
    assert f'The key `"{EVERY_CONTAINER}"` stands for all containers' in row[2]
