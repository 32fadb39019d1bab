# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role release, called for the Rollout `shop` of a stage."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.integration.kit import Stage
from tests.integration.support import PlaybookRun, play, run_playbook

# Gives a command a terminal, and hands on what is said there.
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
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
                        # In one word, which no layout of the output breaks.
                        "ansible.builtin.debug": {"msg": "{{ release_result | default({}) | to_json | b64encode }}"},
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
    result: dict[str, Any] = field(default_factory=dict)

    def run(self, *options: str, in_lab: bool = False, **variables: Any) -> PlaybookRun:
        """`in_lab`: after the role prometheus, as in a playbook that knows of the lab."""
        done = run_playbook(self.playbook, self.variables(in_lab=in_lab, **variables), *options)
        handed = done.output.rpartition("TASK [Hand the result on]")[2]
        self.result = json.loads(base64.b64decode(handed.partition("msg: ")[2].split()[0]))
        return done

    @property
    def playbook(self) -> Path:
        path = self.folder / "release.yml"
        path.write_text(yaml.safe_dump(PLAYBOOK))
        return path

    def variables(self, in_lab: bool = False, **variables: Any) -> dict[str, Any]:
        """The extra variables of a run."""
        given = {
            **({} if "services" in variables else {"name": "shop"}),
            "namespace": self.stage.namespace,
            "prometheus_address": self.stage.lab.record["addresses"]["prometheus"],
            "wait_timeout": "60s",
            "evidence_timeout": 4,
            **variables,
        }
        role = {f"release_{key}": value for key, value in given.items()}
        around = {"kubeconfig": str(self.stage.lab.kubeconfig)}
        lab = {"progressive_lab": self.stage.lab.name} if in_lab else {}
        return {**around, **lab, **role}

    def command(self, **variables: Any) -> list[str]:
        """A run, for who starts it in a way of their own."""
        return ["ansible-playbook", str(self.playbook), "--extra-vars", json.dumps(self.variables(**variables))]

    def at_a_terminal(self, answer: str, **variables: Any) -> str:
        """What a run that must succeed prints to somebody at a terminal, who answers its question."""
        pipe, command = subprocess.PIPE, self.command(**variables)
        with subprocess.Popen([sys.executable, "-c", TERMINAL, *command], stdin=pipe, stdout=pipe) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            said, more = b"", b"so far nothing"
            while more:
                # What is typed before the question is complete is thrown away, so it is typed until something happens.
                if b"Type yes" in said and not select.select([run.stdout], [], [], 1)[0]:
                    run.stdin.write(f"{answer}\r".encode())
                    run.stdin.flush()
                    continue
                more = os.read(run.stdout.fileno(), 4096)
                said += more
        assert run.returncode == 0, said.decode()
        return _line(said.decode())

    def fails(self, **variables: Any) -> str:
        """What it says when it fails, as one line; it must fail once."""
        run = self.run(**variables)
        assert run.failed == 1, run.output
        return _line(run.output.rpartition("[ERROR]: Task failed")[2].partition("TASK [")[0])

    def said(self, run: PlaybookRun) -> str:
        """How it ended, in its own words, as one line."""
        return _line(run.output.rpartition("Say how it ended")[2].partition("PLAY RECAP")[0].partition("TASK")[0])


def images(stage: Stage, name: str = "shop") -> dict[str, str]:
    """Those of the Rollout's spec, by container."""
    found: dict[str, str] = stage.ok("rollout_info", name=name)["rollouts"][0]["images"]
    return found


def is_stable(stage: Stage, name: str = "shop") -> bool:
    """Whether the version of the spec is the stable one."""
    status = stage.get(name)["status"]
    return bool(status["stableRS"] == status["currentPodHash"])


def _line(text: str) -> str:
    return " ".join(text.split())
