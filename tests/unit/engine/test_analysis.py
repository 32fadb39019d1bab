# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for an AnalysisRun: finding it, following it, and what its end proves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.errors import (
    PrometheusError,
    QueryError,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.evidence import Demand
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Forbidden,
    NotFound,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Broken, Interrupted
from ansible_collections.progressive.delivery.plugins.module_utils._engine.analysis import AnalysisWait
from ansible_collections.progressive.delivery.plugins.module_utils._engine.census import Census
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options

from tests.unit.fakes import FakeCluster, FakePrometheus, Key, notes
from tests.unit.support import (
    ANALYSIS_STEP,
    LABEL,
    NAME,
    NAMESPACE,
    NOT_OBSERVED,
    NOW,
    Tree,
    aborted,
    ago,
    analysis_run,
    canary,
    experiment,
    experiment_run,
    merged,
    paused,
    pods_of,
    updating,
)

RUN: Key = ("analysisruns", "run")
RUN_LABEL = f"AnalysisRun {NAMESPACE}/run"
NAMED: Tree = {"status": {"canary": {"currentStepAnalysisRunStatus": {"name": "run", "status": "Running"}}}}


def measured(phase: str, *values: str) -> Tree:
    """What the controller writes into the run."""
    return {"status": analysis_run("run", phase, values=values)["status"]}


def wait(cluster: FakeCluster, **options: Any) -> Tree:
    """By the rollout's name unless ``run_name`` is given."""
    engine = {key: options.pop(key) for key in ("check_mode", "wait", "timeout") if key in options}
    if "run_name" not in options:
        options = {"rollout": NAME, **options}
    return AnalysisWait(cluster, cluster.clock, NAMESPACE, Options(**engine), **options).run()


# -- by its name


def test_a_completed_run_is_one_request() -> None:
    cluster = FakeCluster(analysis_run("run", "Successful", values=("[0.97]",)))
    result = wait(cluster, run_name="run")
    assert cluster.asked == ["get analysisruns/run"]
    assert (result["changed"], result["failed"], result["reason"]) == (False, False, "successful")
    assert result["msg"] == f"{RUN_LABEL} is Successful: success-rate measured [0.97]"
    assert result["analysis"]["metrics"][0]["measurements"][0]["value"] == "[0.97]"
    assert result["rollout"] is None


def test_a_running_run_is_followed_measurement_by_measurement() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.later(10, measured("Running", "[0.97]"), RUN)
    cluster.later(15, {"metadata": {"annotations": {"a": "b"}}}, RUN)
    cluster.later(20, measured("Running", "[0.97]", "[0.96]"), RUN)
    cluster.later(30, measured("Failed", "[0.97]", "[0.96]", "[0.4]"), RUN)
    result = wait(cluster, run_name="run")
    assert (result["failed"], result["reason"]) == (True, "analysis_failed")
    assert 'metric "success-rate" Failed, measured [0.97], [0.96], [0.4]' in result["msg"]
    condition = "against successCondition 'result[0] >= 0.95'"
    assert notes(result, "measured") == [
        f"success-rate Running: [0.97] {condition}",
        f"success-rate Running: [0.96] {condition}",
        f"success-rate Failed: [0.4] {condition}",
    ]
    assert [entry["metric"] for entry in result["timeline"]] == ["success-rate"] * 3
    assert cluster.clock.elapsed == pytest.approx(30)
    assert cluster.feeds_open == 0


def test_a_metric_that_has_measured_nothing_yet_says_so() -> None:
    raw = analysis_run("run", "Running")
    raw["spec"]["metrics"][0].pop("successCondition")
    raw["status"]["metricResults"] = [{"name": "success-rate", "phase": "Error", "error": 1}]
    cluster = FakeCluster(raw)
    result = wait(cluster, run_name="run", wait=False)
    assert notes(result, "measured") == ["success-rate Error: nothing yet"]


def test_a_run_that_is_not_there() -> None:
    result = wait(FakeCluster(), run_name="run")
    assert (result["failed"], result["reason"], result["analysis"]) == (True, "not_found", None)


@pytest.mark.parametrize("options", [{"wait": False}, {"check_mode": True}], ids=["wait: false", "check mode"])
def test_without_a_wait_a_running_run_is_told_and_no_failure(options: Tree) -> None:
    cluster = FakeCluster(analysis_run("run", "Running", values=("[0.97]",)))
    result = wait(cluster, run_name="run", **options)
    assert cluster.asked == ["get analysisruns/run"]
    assert (result["failed"], result["reason"]) == (False, "running")
    assert result["msg"] == f"{RUN_LABEL} is Running"


def test_in_check_mode_a_run_that_is_still_to_come_is_no_failure() -> None:
    """A whole release can be tried in check mode, where nothing has started the analysis."""
    judged = canary({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"analysis": {}}]}}}})
    result = wait(FakeCluster(judged), rollout="shop", check_mode=True)
    assert (result["failed"], result["reason"]) == (False, "no_analysis")
    assert wait(FakeCluster(judged), rollout="shop", wait=False)["failed"]


def test_a_run_that_the_controller_has_not_looked_at_is_not_started() -> None:
    raw = analysis_run("run", "")
    result = wait(FakeCluster(raw), run_name="run", wait=False)
    assert result["msg"] == f"{RUN_LABEL} is not started"


def test_a_run_that_is_deleted_gives_no_verdict() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.vanish(5, RUN)
    result = wait(cluster, run_name="run")
    assert (result["failed"], result["reason"]) == (True, "deleted")
    assert f"{RUN_LABEL} was deleted before it completed" in result["msg"]
    assert result["analysis"]["phase"] == "Running"


def test_the_deadline_is_exact() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    result = wait(cluster, run_name="run", timeout=45)
    assert (result["failed"], result["reason"]) == (True, "timeout")
    assert result["msg"] == f"{RUN_LABEL} is still Running after 45s; give it more time with wait_timeout"
    assert cluster.clock.elapsed == pytest.approx(45)


# -- at the deadline it looks once more, in case something between held the events back


def test_a_run_that_has_completed_behind_a_silent_watch() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.appear(5, held_back(analysis_run("run", "Successful", values=("[1]",))))
    assert wait(cluster, run_name="run", timeout=45)["reason"] == "successful"
    assert cluster.clock.elapsed == pytest.approx(45)


@pytest.mark.parametrize("error", [None, Interrupted(Transient("connection reset"))])
def test_a_run_that_has_changed_is_looked_at_once(error: Interrupted | None) -> None:
    cluster = FakeCluster(analysis_run("run", ""))
    if error is not None:
        cluster.emit(5, error, RUN)
    cluster.appear(5, held_back(analysis_run("run", "Running")))
    result = wait(cluster, run_name="run", timeout=45)
    assert (result["reason"], result["analysis"]["phase"]) == ("timeout", "Running")
    assert cluster.asked.count("get analysisruns/run") == 2


@pytest.mark.parametrize("change", [{"metadata": {"uid": "another"}}, None])
def test_a_run_that_was_deleted_behind_a_silent_watch(change: Tree | None) -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    if change is None:
        cluster.fail("get", NotFound("there is no run", 404), after=1)
    else:
        cluster.appear(5, merged(held_back(analysis_run("run", "Successful", values=("[1]",))), change))
    assert wait(cluster, run_name="run", timeout=45)["reason"] == "deleted"


def test_a_last_look_without_an_answer_tells_why_no_event_came() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.fail("get", Transient("cannot reach there: no answer in time"), times=2, after=1)
    result = wait(cluster, run_name="run", timeout=45)
    assert (result["failed"], result["reason"]) == (True, "unreachable")
    assert result["msg"] == (
        f"{RUN_LABEL} is still Running after 45s. cannot reach there: no answer in time; "
        "check the network and the apiserver"
    )
    assert cluster.requests[-1].timeout == 1.0


def test_a_last_look_that_is_not_allowed_changes_nothing() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.fail("get", Forbidden("no", 403), after=1)
    assert wait(cluster, run_name="run", timeout=45)["reason"] == "timeout"


def held_back(raw: Tree) -> Tree:
    """A later version, of which no event tells."""
    return merged(raw, {"metadata": {"resourceVersion": "later"}})


@pytest.mark.parametrize(("timeout", "reason"), [(45, "controller_absent"), (1, "timeout")])
def test_a_run_that_nobody_looks_at(timeout: float, reason: str) -> None:
    """More time is no remedy for what no controller has looked at for seconds."""
    result = wait(FakeCluster(analysis_run("run", "")), run_name="run", timeout=timeout)
    assert (result["failed"], result["reason"]) == (True, reason)
    assert f"{RUN_LABEL} is still not started after {timeout}s" in result["msg"]


def test_an_outage_is_noted_once_and_survived() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    for second in (5, 6, 9):
        cluster.emit(second, Interrupted(Transient("connection refused")), RUN)
    cluster.later(20, measured("Successful", "[1]"), RUN)
    result = wait(cluster, run_name="run")
    assert result["reason"] == "successful"
    assert notes(result, "unreachable") == ["connection refused; trying again"]
    assert notes(result, "reconnected") == ["https://cluster.test answers again"]


def test_a_watch_that_cannot_go_on_ends_the_wait() -> None:
    cluster = FakeCluster(analysis_run("run", "Running"))
    cluster.emit(5, Broken(Forbidden("not allowed to watch", 403)), RUN)
    result = wait(cluster, run_name="run")
    assert (result["failed"], result["reason"]) == (True, "forbidden")


TERMINATED: Tree = {"spec": {"terminate": True}, "status": {"message": "Run Terminated"}}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (analysis_run("run", "Successful", TERMINATED, values=("[1]",)), "terminated"),
        (analysis_run("run", "Successful"), "insufficient"),
        (analysis_run("run", "Error", values=("[1]",)), "analysis_error"),
        (analysis_run("run", "Inconclusive", values=("[1]",)), "inconclusive"),
    ],
    ids=["terminated", "nothing measured", "error", "inconclusive"],
)
def test_only_a_success_is_a_success(raw: Tree, reason: str) -> None:
    result = wait(FakeCluster(raw), run_name="run")
    assert (result["failed"], result["reason"]) == (True, reason)


# -- by its rollout


def test_the_run_of_a_rollout_is_waited_for_and_followed() -> None:
    cluster = FakeCluster(updating(0), analysis_run("other", "Running", {"metadata": {"ownerReferences": []}}))
    cluster.later(5, updating(ANALYSIS_STEP, NAMED))
    cluster.later(6, {"status": {"message": "the run appears"}})
    cluster.later(30, measured("Successful", "[0.99]"), RUN)
    cluster.appear(5.5, analysis_run("run", "Running"))
    result = wait(cluster)
    assert (result["failed"], result["reason"]) == (False, "successful")
    assert result["analysis"]["name"] == "run"
    assert result["rollout"]["name"] == NAME
    assert cluster.clock.elapsed == pytest.approx(30)
    assert cluster.feeds_open == 0


def test_a_change_that_is_not_observed_is_waited_for() -> None:
    """The run of the version before must not be taken for the one of the next."""
    cluster = FakeCluster(canary(NOT_OBSERVED), analysis_run("run", "Successful", values=("[1]",)))
    result = wait(cluster, wait=False)
    assert cluster.asked == ["get rollouts/shop"]
    assert (result["failed"], result["reason"]) == (True, "not_observed")


def test_a_retry_waits_for_the_new_run() -> None:
    failed = analysis_run("failed", "Failed", values=("[0.1]",), created=600)
    cluster = FakeCluster(updating(0), failed)
    cluster.appear(3, analysis_run("run", "Successful", values=("[1]",)))
    cluster.later(4, updating(ANALYSIS_STEP, NAMED))
    result = wait(cluster)
    assert (result["reason"], result["analysis"]["name"]) == ("successful", "run")


def test_the_newest_of_the_runs_that_were_made_in_one_second() -> None:
    """The controller counts: run, run.1, run.2 and later run.10."""
    names = ("run.1", "run.10", "run", "run.9")
    runs = [analysis_run(name, "Successful", values=("[1]",)) for name in names]
    assert wait(FakeCluster(canary(), *runs))["analysis"]["name"] == "run.10"


def test_an_analysis_that_is_not_declared() -> None:
    result = wait(FakeCluster(canary()), kind="background")
    assert (result["failed"], result["reason"]) == (True, "no_analysis")
    assert f"{LABEL} declares no background analysis" in result["msg"]


def test_a_run_that_has_not_started_by_the_deadline() -> None:
    cluster = FakeCluster(paused(1), *pods_of())
    result = wait(cluster, timeout=20)
    assert (result["failed"], result["reason"]) == (True, "timeout")
    assert "its step analysis has not started yet" in result["msg"]
    assert cluster.clock.elapsed == pytest.approx(20)


def test_without_a_wait_a_run_that_has_not_started_is_no_success() -> None:
    result = wait(FakeCluster(paused(1)), wait=False)
    assert (result["failed"], result["reason"]) == (True, "no_analysis")
    assert result["msg"] == f"{LABEL}: its step analysis has not started yet"


def test_an_aborted_rollout_shows_the_run_that_failed() -> None:
    cluster = FakeCluster(aborted(), analysis_run("run", "Failed", values=("[0.4]",)))
    result = wait(cluster)
    assert (result["failed"], result["reason"], result["analysis"]["name"]) == (True, "analysis_failed", "run")


def test_a_rollout_that_is_not_there() -> None:
    result = wait(FakeCluster())
    assert (result["failed"], result["reason"]) == (True, "not_found")


def test_the_listener_hears_every_entry() -> None:
    heard: list[Tree] = []
    cluster = FakeCluster(updating(ANALYSIS_STEP, NAMED), analysis_run("run", "Running"))
    cluster.later(3, measured("Successful", "[1]"), RUN)
    result = wait(cluster, listener=heard.append)
    assert heard == result["timeline"] != []


# -- an Experiment

STEPS: Tree = {"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"experiment": {}}, {"pause": {}}]}}}}
EXPERIMENT: Key = ("experiments", "exp")
EXPERIMENT_RUN: Key = ("analysisruns", "exp-run")
ON_IT: Tree = {"status": {"canary": {"currentExperiment": "exp"}}}


def experiment_status(phase: str) -> Tree:
    """What the controller writes into the Experiment."""
    return {"status": experiment(phase)["status"]}


def run_status(phase: str, *values: str) -> Tree:
    return {"status": experiment_run("exp-run", phase, values=values)["status"]}


def test_an_experiment_is_followed_and_then_its_runs() -> None:
    started = experiment("Pending", {"status": {"analysisRuns": None}}, name="exp")
    cluster = FakeCluster(updating(1, STEPS), started, experiment_run())
    cluster.later(2, updating(1, STEPS, ON_IT))
    cluster.later(5, experiment_status("Running"), EXPERIMENT)
    cluster.later(20, experiment_status("Successful"), EXPERIMENT)
    cluster.later(21, run_status("Successful", "[0.99]"), EXPERIMENT_RUN)
    result = wait(cluster, kind="experiment")
    assert (result["failed"], result["reason"]) == (False, "successful")
    assert result["msg"] == f"Experiment {NAMESPACE}/exp is Successful: success-rate measured [0.99]"
    assert cluster.clock.elapsed == pytest.approx(21)
    assert notes(result, "experiment") == [
        "exp is Pending",
        "template canary of exp is Pending",
        "exp is Running",
        "template canary of exp is Running",
        "analysis of-exp-run of exp is Running",
        "exp is Successful",
        "template canary of exp is Successful",
        "analysis of-exp-run of exp is Successful",
    ]
    shown = result["rollout"]["experiment"]
    assert (shown["phase"], [run["name"] for run in shown["analysis"]]) == ("Successful", ["exp-run"])
    assert (result["analysis"]["name"], result["analysis"]["kind"]) == ("exp-run", "experiment")
    assert cluster.feeds_open == 0


def test_an_experiment_that_is_through_is_read_once() -> None:
    cluster = FakeCluster(
        canary(STEPS), experiment("Successful", name="exp"), experiment_run("exp-run", "Successful", values=("[1]",))
    )
    assert wait(cluster, kind="experiment")["reason"] == "successful"
    assert cluster.asked == [
        "get rollouts/shop",
        "list experiments",
        "get experiments/exp",
        "get analysisruns/exp-run",
    ]


@pytest.mark.parametrize(
    ("phase", "run", "message"),
    [
        ("Running", "Running", "Experiment prod/exp is Running"),
        ("", "Running", "Experiment prod/exp is not started"),
        ("Successful", "Running", "AnalysisRun prod/exp-run is Running"),
    ],
)
def test_without_a_wait_an_experiment_on_its_way_is_told(phase: str, run: str, message: str) -> None:
    cluster = FakeCluster(updating(1, STEPS, ON_IT), experiment(phase, name="exp"), experiment_run("exp-run", run))
    result = wait(cluster, kind="experiment", wait=False)
    assert (result["failed"], result["reason"], result["msg"]) == (False, "running", message)


def test_an_experiment_without_runs() -> None:
    cluster = FakeCluster(canary(STEPS), experiment("Successful", name="exp", runs=()))
    result = wait(cluster, kind="experiment")
    assert (result["failed"], result["reason"], result["analysis"]) == (True, "insufficient", None)


def test_of_several_runs_the_one_that_is_not_good_is_shown() -> None:
    runs = [experiment_run(name, "Successful", values=(value,)) for name, value in (("a", "[1]"), ("b", "[]"))]
    cluster = FakeCluster(canary(STEPS), experiment("Successful", name="exp", runs=("a", "b")), *runs)
    result = wait(cluster, kind="experiment")
    assert (result["reason"], result["analysis"]["name"]) == ("insufficient", "b")
    assert wait(cluster, kind="experiment", accept_silence=["success-rate"])["reason"] == "successful"


def test_an_experiment_at_the_deadline() -> None:
    cluster = FakeCluster(updating(1, STEPS, ON_IT), experiment("Running", name="exp"), experiment_run())
    result = wait(cluster, kind="experiment", timeout=30)
    assert (result["failed"], result["reason"]) == (True, "timeout")
    assert result["msg"] == "Experiment prod/exp is still Running after 30s; give it more time with wait_timeout"


# -- the requests behind a success

SUCCESSFUL = analysis_run(
    "run",
    "Successful",
    {
        "spec": {"metrics": [{"name": "success-rate", "provider": {"prometheus": {"address": "http://prom.test"}}}]},
        "status": {"startedAt": ago(165), "completedAt": ago(100)},
    },
    values=("[1]",),
)
DEMAND = Demand(100, {"canary": "canary[$window]", "stable": "stable[$window]"})


def counted(prometheus: FakePrometheus, run: Tree = SUCCESSFUL, address: str = "", **options: Any) -> Tree:
    cluster = FakeCluster(run)
    result = wait(cluster, run_name="run", census=Census(DEMAND, prometheus.at, address, 10.0), **options)
    return {**result, "seconds": cluster.clock.elapsed}


def test_enough_requests_are_a_success_that_shows_them() -> None:
    prometheus = FakePrometheus(canary=100.0, stable=400.5)
    result = counted(prometheus)
    assert (result["failed"], result["reason"]) == (False, "successful")
    assert result["analysis"]["requests"] == {"canary": 100.0, "stable": 400.5}
    end = NOW.timestamp() - 100
    assert prometheus.asked == [("canary[65s]", end), ("stable[65s]", end)]
    assert set(prometheus.addresses) == {"http://prom.test"}
    assert set(prometheus.timeouts) == {10.0}


def test_too_few_requests_are_no_success() -> None:
    result = counted(FakePrometheus(canary=99.0, stable=400.0))
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    assert result["msg"].startswith(
        f"{RUN_LABEL} is Successful: success-rate measured [1], but in 65s canary had 99 requests, "
        "and 100 requests are needed. Send more traffic"
    )
    assert result["analysis"]["requests"] == {"canary": 99.0, "stable": 400.0}


def test_what_has_no_number_is_null() -> None:
    assert counted(FakePrometheus(stable=400.0))["analysis"]["requests"] == {"canary": None, "stable": 400.0}


def test_an_address_of_ones_own_comes_first() -> None:
    prometheus = FakePrometheus(canary=100.0, stable=400.0)
    counted(prometheus, address="http://own.test")
    assert set(prometheus.addresses) == {"http://own.test"}


def test_without_any_address_it_says_what_to_give() -> None:
    result = counted(FakePrometheus(), analysis_run("run", "Successful", values=("[1]",)))
    assert (result["failed"], result["reason"], result["analysis"]["requests"]) == (True, "invalid_request", None)
    assert "give prometheus with its address" in result["msg"]


def test_nothing_is_counted_without_a_success() -> None:
    prometheus = FakePrometheus()
    result = counted(prometheus, analysis_run("run", "Failed", values=("[0]",)))
    assert (result["reason"], result["analysis"]["requests"], prometheus.asked) == ("analysis_failed", None, [])


def test_an_outage_of_prometheus_is_survived() -> None:
    prometheus = FakePrometheus(Unreachable("refused"), TimedOut("too slow"), canary=100.0, stable=100.0)
    result = counted(prometheus)
    assert result["reason"] == "successful"
    assert notes(result, "unreachable") == ["refused; trying again", "too slow; trying again"]


def test_requests_that_cannot_be_counted_by_the_deadline_are_no_evidence() -> None:
    result = counted(FakePrometheus(*[Unreachable("refused")] * 100), timeout=20)
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    assert "the requests of arm canary could not be counted: refused" in result["msg"]
    assert 10 < result["seconds"] <= 20


def test_without_a_wait_it_is_asked_once() -> None:
    prometheus = FakePrometheus(Unreachable("refused"), canary=100.0, stable=100.0)
    result = counted(prometheus, wait=False)
    assert (result["failed"], result["reason"], len(prometheus.asked)) == (True, "insufficient", 1)
    assert notes(result, "unreachable") == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [(QueryError("bad_data", "parse error"), "bad_query"), (Unauthorized("401"), "unauthorized")],
)
def test_what_another_try_does_not_heal_ends_the_wait(error: PrometheusError, reason: str) -> None:
    prometheus = FakePrometheus(error)
    result = counted(prometheus)
    assert (result["failed"], result["reason"], len(prometheus.asked)) == (True, reason, 1)
    assert f"the requests of arm canary (canary[65s]) cannot be counted: {error}" in result["msg"]


def test_a_question_never_outlasts_the_deadline() -> None:
    prometheus = FakePrometheus(canary=100.0, stable=100.0)
    counted(prometheus, timeout=3)
    assert max(prometheus.timeouts) <= 3
