# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and programs see while a task waits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from tests.integration.kit import Stage, canary
from tests.integration.support import COLLECTION, play

Task = dict[str, Any]


@pytest.fixture
def gated(stage: Stage) -> Stage:
    """A rollout whose next version stops at a gate."""
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {}}]))
    return stage


def _release(stage: Stage, version: str, **options: Any) -> Task:
    wish = {"images": {"app": f"shop:{version}"}, "wait_until": "paused", **options}
    return {"name": f"Release {version}", f"{COLLECTION}.rollout_set_image": {**stage.shop, **wish}}


def _play(folder: Path, *tasks: Task, hosts: str = "localhost") -> Path:
    playbook = folder / "play.yml"
    playbook.write_text(json.dumps([play(hosts=hosts, tasks=list(tasks))]))
    return playbook


def _lines(text: str, stage: Stage) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"  [localhost] {stage.namespace}/shop ")]


def _ansible(playbook: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ansible-playbook", *options, str(playbook)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip


def test_each_line_is_an_event_of_its_own_that_comes_while_the_task_runs(gated: Stage, tmp_path: Path) -> None:
    playbook = _play(tmp_path, _release(gated, "2.0.0"))
    (tmp_path / "data").mkdir()
    run = ansible_runner.run(private_data_dir=str(tmp_path / "data"), playbook=str(playbook), quiet=True, timeout=300)
    events = list(run.events)
    assert run.rc == 0, events[-3:]
    told = [event for event in events if _lines(event["stdout"], gated)]
    assert len(told) >= 2
    assert {event["event"] for event in told} == {"verbose"}
    assert all(len(event["stdout"].splitlines()) == 1 for event in told)
    assert any("paused: CanaryPauseStep, waits for rollout_promote" in event["stdout"] for event in told)
    names = [event["event"] for event in events]
    first, last = names.index("runner_on_start"), names.index("runner_on_ok")
    assert all(first < events.index(event) < last for event in told)
    # They were made one after another, not handed over together at the end.
    assert told[0]["created"] < told[-1]["created"] < events[last]["created"]


def test_lines_reach_a_pipe_at_once(stage: Stage, tmp_path: Path) -> None:
    """The wait would go on for minutes; only who has read a line of it ends it."""
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": "1h"}}]))
    playbook = _play(tmp_path, _release(stage, "2.0.0", wait_until="healthy") | {"ignore_errors": True})
    command = ["ansible-playbook", str(playbook)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        line = next(line for line in run.stdout if "paused: CanaryPauseStep until" in line)
        assert _lines(line, stage)
        stage.kubectl("delete", "rollout", "shop")
        rest = run.stdout.read()
    assert "was deleted while the task waited" in " ".join(rest.split())


def test_nothing_is_told_where_it_is_not_wanted_or_not_allowed(gated: Stage, tmp_path: Path) -> None:
    silent = _release(gated, "2.0.0", progress=False)
    secret = {**_release(gated, "3.0.0"), "no_log": True}
    assert _lines(_ansible(_play(tmp_path, silent, secret)).stdout, gated) == []


def test_several_hosts_stay_apart(gated: Stage, tmp_path: Path) -> None:
    done = _ansible(_play(tmp_path, _release(gated, "2.0.0"), hosts="all"), "--inventory", "one,two")
    for host in ("one", "two"):
        assert f"  [{host}] {gated.namespace}/shop 00:00 " in done.stdout


def test_a_callback_that_writes_json_gets_its_stdout_for_itself(gated: Stage, tmp_path: Path) -> None:
    plugin = tmp_path / "json_lines.py"
    plugin.write_text(_JSON_CALLBACK)
    playbook = _play(tmp_path, _release(gated, "2.0.0"))
    done = _ansible(playbook, ANSIBLE_CALLBACK_PLUGINS=str(tmp_path), ANSIBLE_STDOUT_CALLBACK="json_lines")
    assert [json.loads(line)["changed"] for line in done.stdout.splitlines()] == [True]
    assert _lines(done.stderr, gated)


_JSON_CALLBACK = """
import json
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = '''
    name: json_lines
    type: stdout
    short_description: Results as JSON
    description: One line for each.
'''


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "json_lines"

    def v2_runner_on_ok(self, result):
        self._display.display(json.dumps({"changed": result._result["changed"]}))
"""
