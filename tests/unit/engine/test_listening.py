# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener is told while a task waits, beside the transitions: measurements, and that the task still lives."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import (
    Broken,
    Event,
    Gone,
    Interrupted,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.analysis import AnalysisWait
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options, Runner
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait

from tests.unit.fakes import FakeCluster, Key
from tests.unit.support import ANALYSIS_STEP, NAME, NAMESPACE, NEW, Tree, analysis_run, canary, updating

RUN: Key = ("analysisruns", "a")
ANALYSING = updating(
    ANALYSIS_STEP, {"status": {"canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Running"}}}}
)
THROUGH = canary({"status": {"currentPodHash": NEW, "stableRS": NEW}})
CONDITION = "against successCondition 'result[0] >= 0.95'"


def listen(cluster: FakeCluster) -> tuple[list[Tree], Tree]:
    """What was heard during a wait until healthy, and its result."""
    heard: list[Tree] = []
    runner = Runner(cluster, cluster.clock, NAMESPACE, NAME, Options(timeout=600), heard.append)
    return heard, runner.run(Wait(Goal(Until.HEALTHY))).as_result()


def measurements(heard: list[Tree]) -> list[str]:
    return [entry["message"] for entry in heard if entry.get("reason") == "measured"]


def measured(phase: str, *values: str) -> Tree:
    return {"status": analysis_run("a", phase, values=values)["status"]}


def test_each_measurement_is_told_at_once() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running", values=("[0.99]",)))
    cluster.later(10.1, measured("Running", "[0.99]", "[0.97]"), RUN)
    cluster.later(20.3, measured("Successful", "[0.99]", "[0.97]", "[0.96]"), RUN)
    cluster.later(21, THROUGH)
    heard, result = listen(cluster)
    assert measurements(heard) == [
        f"success-rate Running: [0.99] {CONDITION}",
        f"success-rate Running: [0.97] {CONDITION}",
        f"success-rate Successful: [0.96] {CONDITION}",
    ]
    told = [entry for entry in heard if entry.get("reason") == "measured"]
    assert {(entry["analysis_run"], entry["metric"]) for entry in told} == {("a", "success-rate")}
    assert [entry["time"][14:21] for entry in told] == ["00:00.0", "00:10.1", "00:20.3"]
    assert result["reason"] == "healthy"


def test_they_are_no_transitions_so_the_result_is_the_same_without_a_listener() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running", values=("[0.99]",)))
    cluster.later(10, THROUGH)
    _heard, result = listen(cluster)
    assert [entry.get("reason") for entry in result["timeline"]] == [None, None]


def test_there_is_one_watch_for_each_run() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    for second in range(5, 30, 5):
        cluster.later(second, {"status": {"availableReplicas": second}})
    cluster.later(40, THROUGH)
    listen(cluster)
    assert cluster.asked[:4] == [
        "get rollouts/shop",
        "watch rollouts/shop",
        "get analysisruns/a",
        "watch analysisruns/a",
    ]
    assert cluster.asked.count("watch analysisruns/a") == cluster.asked.count("get analysisruns/a") == 1
    assert cluster.feeds_open == 0


def test_a_run_is_not_read_beyond_the_deadline() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    runner = Runner(cluster, cluster.clock, NAMESPACE, NAME, Options(timeout=0.5), lambda _entry: None)
    runner.run(Wait(Goal(Until.HEALTHY)))
    assert [request.timeout for request in cluster.requests if str(request) == "get analysisruns/a"] == [0.5]


def test_nobody_listens_so_no_run_is_watched() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    cluster.later(10, THROUGH)
    Runner(cluster, cluster.clock, NAMESPACE, NAME, Options()).run(Wait(Goal(Until.HEALTHY)))
    assert "watch analysisruns/a" not in cluster.asked


def test_a_run_that_is_over_is_told_and_not_watched() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Successful", values=("[0.99]",)))
    cluster.later(10, THROUGH)
    heard, _result = listen(cluster)
    assert measurements(heard) == [f"success-rate Successful: [0.99] {CONDITION}"]
    assert "watch analysisruns/a" not in cluster.asked


@pytest.mark.parametrize("event", [Gone(), Broken(ClusterError("the watch failed"))])
def test_a_run_that_can_no_longer_be_watched_does_not_matter(event: Event) -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    cluster.emit(5, event, RUN)
    cluster.later(10, measured("Running", "[0.99]"), RUN)
    cluster.later(20, THROUGH)
    heard, result = listen(cluster)
    assert (result["reason"], measurements(heard)) == ("healthy", [])


def test_an_interrupted_watch_of_a_run_goes_on_by_itself() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    cluster.emit(5, Interrupted(Transient("connection refused")), RUN)
    cluster.later(10, measured("Running", "[0.99]"), RUN)
    cluster.later(20, THROUGH)
    heard, result = listen(cluster)
    assert measurements(heard) == [f"success-rate Running: [0.99] {CONDITION}"]
    assert [entry.get("reason") for entry in result["timeline"]] == [None, None]


def test_a_run_that_cannot_be_read_does_not_matter() -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Running"))
    cluster.fail("get", Forbidden("no analysisruns", 403), after=1)
    cluster.later(10, THROUGH)
    heard, result = listen(cluster)
    assert (result["reason"], measurements(heard)) == ("healthy", [])


def test_a_heartbeat_each_minute_without_news_says_what_is_waited_for() -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(150, updating(1))
    cluster.later(230, THROUGH)
    heard, result = listen(cluster)
    beats = [entry for entry in heard if "heartbeat" in entry]
    assert [entry["elapsed"] for entry in beats] == [60, 120, 210]
    assert beats[0]["message"].startswith("waiting until healthy: ")
    assert not any("heartbeat" in entry for entry in result["timeline"])


def test_the_wait_for_an_analysis_has_a_heartbeat_too() -> None:
    heard: list[Tree] = []
    cluster = FakeCluster(analysis_run("a", "Running"))
    AnalysisWait(cluster, cluster.clock, NAMESPACE, Options(timeout=100), run_name="a", listener=heard.append).run()
    (beat,) = [entry for entry in heard if "heartbeat" in entry]
    assert beat["message"] == "waiting for AnalysisRun prod/a, which is Running"
