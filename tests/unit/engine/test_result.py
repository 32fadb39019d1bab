# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline has one entry for each transition, and the result the same keys however a task ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._engine.clock import SystemClock
from ansible_collections.progressive.delivery.plugins.module_utils._engine.outcome import Outcome, Stop
from ansible_collections.progressive.delivery.plugins.module_utils._engine.timeline import MOST_ENTRIES, Timeline
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Change

from tests.unit.fakes import FakeClock
from tests.unit.support import (
    LABEL,
    STATES,
    Tree,
    ago,
    analysis_run,
    blue_green,
    canary,
    paused,
    snapshot,
    updating,
    view,
)


def recorded(*states: Tree) -> list[Tree]:
    timeline = Timeline(FakeClock())
    for raw in states:
        timeline.record(view(raw))
    return timeline.entries


def test_an_entry_says_where_it_stands() -> None:
    (entry,) = recorded(paused(1))
    assert entry == {
        "time": "2026-01-01T12:00:00.000Z",
        "phase": "Paused",
        "message": "CanaryPauseStep",
        "revision": 3,
        "step": {"index": 1, "total": 7, "current": "pause"},
        "weight": {"set": 20, "actual": 20},
        "paused": {"reason": "CanaryPauseStep", "since": ago(60), "until": None, "manual": True},
        "replicas": {"desired": 5, "updated": 1, "available": 5},
        "analysis": [],
    }


def test_blue_green_has_neither_step_nor_weight() -> None:
    (entry,) = recorded(blue_green())
    assert set(entry) == {"time", "phase", "message", "revision", "paused", "replicas", "analysis"}


@pytest.mark.parametrize(
    ("change", "entries"),
    [
        pytest.param({"metadata": {"resourceVersion": "101", "annotations": {"a": "b"}}}, 1, id="nothing to see"),
        pytest.param({"status": {"readyReplicas": 3}}, 1, id="ready pods"),
        pytest.param({"status": {"message": "other"}}, 2, id="message"),
        pytest.param({"status": {"currentStepIndex": 1}}, 2, id="step"),
        pytest.param({"status": {"availableReplicas": 4}}, 2, id="available pods"),
        pytest.param({"spec": {"replicas": 8}}, 2, id="desired pods"),
        pytest.param(
            {"status": {"canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Running"}}}},
            2,
            id="analysis",
        ),
    ],
)
def test_only_a_transition_makes_an_entry(change: Tree, entries: int) -> None:
    assert len(recorded(updating(0), updating(0, change))) == entries


def test_to_and_fro_is_two_transitions() -> None:
    assert len(recorded(updating(0), paused(1), updating(0))) == 3


def test_a_note_does_not_hide_that_nothing_has_changed() -> None:
    timeline = Timeline(FakeClock())
    timeline.record(view(updating(0)))
    timeline.note("unreachable", "lost", host="a")
    timeline.record(view(updating(0)))
    assert [entry.get("reason") for entry in timeline.entries] == [None, "unreachable"]
    assert timeline.entries[1] == {
        "time": "2026-01-01T12:00:00.000Z",
        "reason": "unreachable",
        "message": "lost",
        "host": "a",
    }


def test_times_have_milliseconds() -> None:
    clock = FakeClock()
    clock.sleep(1.5)
    timeline = Timeline(clock)
    timeline.note("a", "b")
    assert timeline.entries[0]["time"] == "2026-01-01T12:00:01.500Z"


def test_a_wait_of_days_keeps_the_newest_entries_and_tells_all() -> None:
    heard: list[Tree] = []
    timeline = Timeline(FakeClock(), heard.append)
    for number in range(MOST_ENTRIES + 20):
        timeline.note("tick", str(number))
    assert len(heard) == MOST_ENTRIES + 20
    assert len(timeline.entries) == MOST_ENTRIES
    assert timeline.entries[0]["message"] == "20"


KEYS = {"changed", "failed", "reason", "msg", "rollout", "timeline", "waiting"}


def test_a_result_without_a_view() -> None:
    result = Outcome(False, True, "forbidden", "not allowed").as_result()
    assert set(result) == KEYS
    assert (result["rollout"], result["waiting"], result["timeline"]) == (None, None, [])


@pytest.mark.parametrize("state", STATES)
def test_a_result_in_every_state(state: str) -> None:
    now = snapshot(STATES[state])
    result = Outcome(False, False, "observed", "text", snapshot=now).as_result()
    assert set(result) == KEYS | {"revision"}
    assert result["revision"] == result["rollout"]["revision"] == now.rollout.revision
    assert set(result["waiting"]) == {"state", "message", "until"}


def test_a_diff_is_what_was_planned() -> None:
    change = Change({"aborted": False}, {"aborted": True})
    with_view = Outcome(True, False, "observed", "text", snapshot=snapshot(canary()), change=change).as_result()
    assert with_view["diff"] == {
        "before_header": LABEL,
        "after_header": LABEL,
        "before": {"aborted": False},
        "after": {"aborted": True},
    }
    without = Outcome(True, True, "unreachable", "text", change=change).as_result()
    assert without["diff"]["before_header"] == ""


def test_the_runs_that_explain_a_failure_take_the_place_of_the_names() -> None:
    named = updating(2, {"status": {"canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Failed"}}}})
    run = AnalysisRun.parse(analysis_run("a", "Failed", values=("[0]",)))
    plain = Outcome(False, True, "aborted", "text", snapshot=snapshot(named)).as_result()
    (ref,) = plain["rollout"]["analysis"]
    assert ref == {"kind": "step", "name": "a", "phase": "Failed", "message": "", "evidence": None}
    told = Outcome(False, True, "aborted", "text", snapshot=snapshot(named), runs=(run,)).as_result()
    assert told["rollout"]["analysis"] == [run.as_result()]
    assert ref.keys() <= told["rollout"]["analysis"][0].keys()


def test_a_stop_carries_its_word() -> None:
    stop = Stop("timeout", "text")
    assert (stop.reason, str(stop)) == ("timeout", "text")


def test_the_real_clock() -> None:
    clock = SystemClock()
    before, start = datetime.now(UTC), time.monotonic()
    clock.sleep(0)
    assert start <= clock.monotonic() <= time.monotonic()
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC
