# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role release, called for the Rollout `shop` of a stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.integration.kit import Stage
from tests.integration.support import PlaybookRun, play, run_playbook

PLAYBOOK = [
    play(
        module_defaults={
            "group/progressive.delivery.delivery": {"kubeconfig": "{{ kubeconfig }}"},
            "progressive.delivery.rollout_set_image": {"gitops": "{{ release_gitops | default('warn') }}"},
        },
        tasks=[
            {
                "name": "Know where Prometheus is and what must be alive",
                "ansible.builtin.include_role": {"name": "progressive.delivery.prometheus"},
                "when": "progressive_lab is defined",
            },
            {
                "block": [
                    {"name": "Release", "ansible.builtin.include_role": {"name": "progressive.delivery.release"}},
                ],
                "always": [
                    {
                        "name": "Hand the result on",
                        "ansible.builtin.copy": {"content": "{{ release_result | to_json }}", "dest": "{{ written }}"},
                        "when": "release_result is defined",
                        "changed_when": False,
                        "check_mode": False,
                    },
                ],
            },
        ],
    )
]


@dataclass
class Release:
    """`result` is what the last run has left in release_result."""

    stage: Stage
    folder: Path

    def run(self, *options: str, in_lab: bool = False, **variables: Any) -> PlaybookRun:
        """`in_lab`: after the role prometheus, as in a playbook that knows of the lab."""
        playbook = self.folder / "release.yml"
        playbook.write_text(yaml.safe_dump(PLAYBOOK))
        given = {
            "name": "shop",
            "namespace": self.stage.namespace,
            "prometheus_address": self.stage.lab.record["addresses"]["prometheus"],
            "wait_timeout": "60s",
            "evidence_timeout": 4,
            **variables,
        }
        role = {f"release_{key}": value for key, value in given.items()}
        around = {"kubeconfig": str(self.stage.lab.kubeconfig), "written": str(self._written)}
        lab = {"progressive_lab": self.stage.lab.name} if in_lab else {}
        return run_playbook(playbook, {**around, **lab, **role}, *options)

    def fails(self, **variables: Any) -> str:
        """What it says when it fails, as one line; it must fail once."""
        run = self.run(**variables)
        assert run.failed == 1, run.output
        return _line(run.output.rpartition("[ERROR]: Task failed")[2].partition("TASK [")[0])

    def said(self, run: PlaybookRun) -> str:
        """How it ended, in its own words, as one line."""
        return _line(run.output.rpartition("Say how it ended")[2].partition("PLAY RECAP")[0].partition("TASK")[0])

    @property
    def result(self) -> dict[str, Any]:
        return json.loads(self._written.read_text())

    @property
    def _written(self) -> Path:
        return self.folder / "result.json"


def _line(text: str) -> str:
    return " ".join(text.split())
