# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report reads what our own tasks return, under the names that they use."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.progressive.delivery.plugins.module_utils._engine.outcome import Outcome
from ansible_collections.progressive.delivery.plugins.module_utils._engine.timeline import Timeline
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._report.report import build

from tests.unit import support as states
from tests.unit.fakes import FakeClock
from tests.unit.report.support import NAMES, Tree, facts, release

ROOT = Path(__file__).parents[3]


def aborted_release() -> Tree:
    """The report of an update that its analysis has aborted, made of a task's own result."""
    clock = FakeClock()
    timeline = Timeline(clock)
    raw = [
        states.updating(states.ANALYSIS_STEP),
        states.paused(states.FIRST_GATE),
        states.aborted(),
    ]
    for each in raw:
        timeline.record(states.view(each))
        clock.sleep(10)
    run = AnalysisRun.parse(states.analysis_run(phase="Failed", values=("[0.5]",)))
    snapshot = states.snapshot(raw[-1])
    outcome = Outcome(False, True, "analysis_failed", "it is bad", snapshot, timeline=timeline.entries, runs=(run,))
    # As a registered result is: plain JSON.
    result = json.loads(json.dumps(outcome.as_result()))
    made: Tree = build(release({"results": [{"action": "rollout_wait", "result": result}]}))["services"][0]
    return made


def test_the_result_of_a_task_is_read_whole() -> None:
    made = aborted_release()
    assert (made["namespace"], made["name"], made["strategy"]) == (states.NAMESPACE, states.NAME, "canary")
    assert (made["verdict"], made["reason"], made["message"]) == ("aborted", "analysis_failed", "it is bad")
    assert [item["phase"] for item in made["phases"]] == ["Progressing", "Paused", "Degraded"]
    assert [item["aborted"] for item in made["events"]] == [False, False, True, False]
    assert next((item["revision"], item["set"]) for item in made["weights"]) == (3, 20)
    assert [(item["from"][11:19], item["to"][11:19], item["reason"]) for item in made["pauses"]] == [
        ("12:00:10", "12:00:20", "CanaryPauseStep")
    ]
    (run,) = made["analyses"]
    (metric,) = run["metrics"]
    assert (run["kind"], run["step"], run["evidence"]) == ("step", states.ANALYSIS_STEP, "measured")
    assert [limit["text"] for limit in metric["series"][0]["limits"]] == ["at least 0.95"]
    assert metric["measurements"][0]["numbers"] == [0.5]


def test_every_key_of_a_report_is_documented() -> None:
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    for name in NAMES:
        report = build(facts(name))
        for tree in (report, report["by"], *report["rollback"], *report["services"]):
            for key in tree:
                assert f"`{key}`" in text
