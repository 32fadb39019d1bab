# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines for people: what each entry of a timeline adds to what was told before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._engine.progress import LONGEST, Progress
from ansible_collections.progressive.delivery.plugins.module_utils._engine.timeline import Timeline
from ansible_collections.progressive.delivery.plugins.module_utils._model.rollout import Rollout
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import FakeClock
from tests.unit.support import canary

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def state(seconds: float = 0, **changes: Any) -> dict[str, Any]:
    base = {
        "time": at(seconds),
        "phase": "Progressing",
        "message": "more replicas need to be updated",
        "revision": 2,
        "step": {"index": 1, "total": 4, "current": "setWeight 20"},
        "weight": {"set": 20, "actual": 10},
        "paused": None,
        "replicas": {"desired": 5, "updated": 1, "available": 5},
        "analysis": [],
    }
    return base | changes


def paused(reason: str = "CanaryPauseStep", until: float | None = None) -> dict[str, Any]:
    return {
        "reason": reason,
        "since": at(0),
        "until": None if until is None else at(until),
        "manual": until is None,
    }


FIRST = "Progressing; revision 2; step 1/4 setWeight 20; weight 20 (actual 10); pods 1/5 updated, 5 available"


def told(*entries: dict[str, Any]) -> str:
    """What the last of these entries adds, without the object and the time."""
    progress = Progress("production/shop")
    lines = [progress.line(entry) for entry in entries]
    return lines[-1].partition(" ")[2].partition(" ")[2]


def test_the_first_line_tells_everything() -> None:
    assert Progress("production/shop").line(state()) == f"production/shop 00:00 {FIRST}"


def test_the_time_is_that_since_the_first_line() -> None:
    progress = Progress("production/shop")
    progress.line(state())
    assert progress.line(state(72.9, revision=3)) == "production/shop 01:12 revision 3"
    assert progress.line(state(3600 + 62, revision=4)) == "production/shop 1:01:02 revision 4"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"phase": "Healthy", "message": ""}, "Healthy"),
        ({"phase": "Degraded", "message": "RolloutAborted: metric failed"}, "Degraded: RolloutAborted: metric failed"),
        ({"phase": "Degraded", "message": ""}, "Degraded"),
        ({"revision": 3}, "revision 3"),
        ({"revision": None}, "more replicas need to be updated"),
        ({"step": {"index": 4, "total": 4, "current": None}}, "step 4/4"),
        ({"step": {"index": None, "total": 0, "current": None}}, "more replicas need to be updated"),
        ({"weight": {"set": 20, "actual": 20}}, "weight 20 (actual 20)"),
        ({"replicas": {"desired": 5, "updated": 2, "available": 5}}, "pods 2/5 updated, 5 available"),
        ({"replicas": {"desired": 8, "updated": 1, "available": 5}}, "pods 1/8 updated, 5 available"),
        ({"replicas": None}, "more replicas need to be updated"),
        ({"paused": paused()}, "paused: CanaryPauseStep, waits for rollout_promote"),
        ({"paused": paused(until=38)}, "paused: CanaryPauseStep until 12:00:38Z (28 s left)"),
        ({"paused": paused(until=3)}, "paused: CanaryPauseStep until 12:00:03Z (0 s left)"),
        ({"paused": paused("manually paused")}, "paused: manually paused, waits for rollout_pause with state: resumed"),
        (
            {"paused": paused("InconclusiveAnalysisRun")},
            "paused: InconclusiveAnalysisRun, waits for a decision: rollout_promote or rollout_abort",
        ),
        (
            {"analysis": [{"kind": "step", "name": "shop-2-1", "phase": "Running"}]},
            "analysis shop-2-1 Running",
        ),
        (
            {"revision": 3, "weight": {"set": 40, "actual": 20}, "unheard_of": 1},
            "revision 3; weight 40 (actual 20)",
        ),
        ({"message": "waiting for all steps to complete"}, "waiting for all steps to complete"),
    ],
)
def test_only_what_is_new_is_told(changes: dict[str, Any], line: str) -> None:
    assert told(state(), state(10, **changes)) == line


def test_the_end_of_a_pause_is_told_even_when_nothing_else_is_new() -> None:
    assert told(state(paused=paused()), state(10)) == "goes on"


def test_an_analysis_is_told_again_only_with_another_phase() -> None:
    running = {"analysis": [{"kind": "step", "name": "a", "phase": "Running"}]}
    failed = {"analysis": [{"kind": "step", "name": "a", "phase": "Failed"}]}
    assert told(state(**running), state(5, revision=3, **running)) == "revision 3"
    assert told(state(**running), state(5, **failed)) == "analysis a Failed"


def test_nothing_new_is_no_line() -> None:
    progress = Progress("production/shop")
    progress.line(state(message=""))
    assert progress.line(state(5, message="")) == ""


def test_blue_green_has_neither_step_nor_weight() -> None:
    entry = {key: value for key, value in state().items() if key not in ("step", "weight")}
    assert told(entry) == "Progressing; revision 2; pods 1/5 updated, 5 available"


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"reason": "unreachable", "message": "cannot reach https://a: timed out; trying again"},
            "unreachable: cannot reach https://a: timed out; trying again",
        ),
        (
            {
                "reason": "measured",
                "message": "errors Failed: 0.93 against result[0] >= 0.95",
                "analysis_run": "shop-2-1",
                "metric": "errors",
            },
            "analysis shop-2-1 errors Failed: 0.93 against result[0] >= 0.95",
        ),
        (
            {"heartbeat": True, "message": "it is paused", "elapsed": 60},
            "still waiting: it is paused",
        ),
    ],
)
def test_what_is_no_state(entry: dict[str, Any], line: str) -> None:
    assert told(state(), {"time": at(60), **entry}) == line
    # and it does not count as one: the next state is compared with the last state
    assert told(state(), {"time": at(60), **entry}, state(61, revision=3)) == "revision 3"


def test_the_entries_of_a_real_timeline_can_be_told() -> None:
    lines: list[str] = []
    progress = Progress("prod/shop")
    timeline = Timeline(FakeClock(), lambda entry: lines.append(progress.line(entry)))
    timeline.record(Rollout.parse(canary()))
    timeline.note("unreachable", "nobody answers")
    assert [line.split()[:2] for line in lines] == [["prod/shop", "00:00"]] * 2
    assert "weight" in lines[0]


@given(st.text(), st.text())
def test_every_line_is_one_line_of_plain_text(message: str, label: str) -> None:
    line = Progress(label).line({"time": at(0), "reason": "unreachable", "message": message})
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= LONGEST


def test_a_message_cannot_steer_a_terminal() -> None:
    assert told({"time": at(0), "reason": "x", "message": "a\x1b[2Jb\r\n\tc \u2028 d\u00e9"}) == "x: a [2Jb c d\\xe9"
