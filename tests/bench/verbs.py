# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a task takes that only acts, beside what people use for the same: all in one ansible-playbook."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.kit import Stage, canary, new_namespace
from tests.integration.support import COLLECTION, Lab

ROUNDS = 31
CALLBACKS = Path(__file__).resolve().parent / "callbacks"

Task = dict[str, Any]


def act_without_wait(lab: Lab) -> dict[str, float]:
    """Milliseconds of a task, medians: `debug`, our `act`, the plugin's `command`, `k8s_info` of the same object.

    Each act and each command sets another image. `above_debug` is what our act costs beside an empty task.
    """
    with _shop(lab) as stage:
        return _compared(_run([_tasks(stage, number) for number in range(ROUNDS + 1)]))


def _compared(found: dict[str, list[float]]) -> dict[str, float]:
    medians = {name: round(statistics.median(values), 1) for name, values in found.items()}
    return {
        **medians,
        "above_debug": round(medians["act"] - medians["debug"], 1),
        "command_to_act": round(medians["command"] / medians["act"], 1),
        "k8s_info_to_act": round(medians["k8s_info"] / medians["act"], 1),
    }


def _run(rounds: list[dict[str, Task]]) -> dict[str, list[float]]:
    """Milliseconds of each task, by name. The first round is not counted: it loads the collections."""
    with tempfile.TemporaryDirectory() as folder:
        playbook, record = Path(folder, "play.json"), Path(folder, "durations.jsonl")
        tasks = [{"name": name, **task} for tasks in rounds for name, task in tasks.items()]
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        environment = {"ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS), "ANSIBLE_CALLBACKS_ENABLED": "durations"}
        subprocess.run(
            ["ansible-playbook", str(playbook)],
            env={**os.environ, **environment, "DURATIONS": str(record)},
            stdout=subprocess.DEVNULL, timeout=300, check=True,
        )  # fmt: skip
        durations = [json.loads(line) for line in record.read_text().splitlines()]
    assert len(durations) == len(tasks), durations
    assert all(item["changed"] for item in durations if item["task"] in ("act", "command")), durations
    counted = durations[len(rounds[0]) :]
    return {name: [item["seconds"] * 1000 for item in counted if item["task"] == name] for name in rounds[0]}


def _tasks(stage: Stage, number: int) -> dict[str, Task]:
    """Those of one round."""
    where, tools = stage.shop, stage.lab.record["bin"]
    command = [tools["kubectl-argo-rollouts"], "set", "image", "shop", f"app=shop:{number}.2"]
    there = [f"--kubeconfig={stage.lab.kubeconfig}", f"--namespace={stage.namespace}"]
    return {
        "debug": {"ansible.builtin.debug": {"msg": "nothing"}},
        "act": {f"{COLLECTION}.rollout_set_image": {**where, "images": {"app": f"shop:{number}.1"}, "wait": False}},
        "command": {"ansible.builtin.command": {"argv": [*command, *there]}},
        "k8s_info": {"kubernetes.core.k8s_info": {**where, "api_version": "argoproj.io/v1alpha1", "kind": "Rollout"}},
    }


@contextmanager
def _shop(lab: Lab) -> Iterator[Stage]:
    """A Rollout without pods, so that nothing but the tasks needs the processor."""
    with new_namespace(lab, f"bench-{os.getpid()}", wait=True) as stage:
        stage.deploy(canary(steps=[], replicas=0))
        yield stage
