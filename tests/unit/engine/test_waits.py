# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: exact deadlines, what ends a wait early, and who is to blame when nothing happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Forbidden,
    Transient,
    Unauthorized,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Broken, Changed, Interrupted
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options, Runner
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import LOOKS_AGAIN, Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import Promote
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.retry import Retry
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import FakeCluster, notes, run
from tests.unit.support import (
    ABORT_MESSAGE,
    ANALYSIS_ABORT_MESSAGE,
    ANALYSIS_STEP,
    FIRST_GATE,
    LABEL,
    NEW,
    NOT_OBSERVED,
    SECOND_GATE,
    STATES,
    TIMED_PAUSE,
    Tree,
    aborted,
    ago,
    analysis_run,
    blue_green,
    canary,
    degraded,
    experiment,
    experiment_run,
    merged,
    paused,
    pods_of,
    preview_paused,
    put_right,
    replica_set,
    updating,
)

OBSERVED, HEALTHY = Goal(Until.OBSERVED), Goal(Until.HEALTHY)
THROUGH = canary({"status": {"currentPodHash": NEW, "stableRS": NEW}})
TOUCHED: Tree = {"metadata": {"annotations": {"touched": "by somebody"}}}
CONTROLLER = "check that the argo-rollouts controller runs"


# -- the deadline


@given(st.floats(0.2, 300))
def test_a_deadline_is_exact(timeout: float) -> None:
    cluster = FakeCluster(updating(0), *pods_of())
    result = run(cluster, Wait(HEALTHY), timeout=timeout)
    assert cluster.clock.elapsed == pytest.approx(timeout)
    assert (result["failed"], result["reason"]) == (True, "timeout")


def test_a_success_at_the_last_moment_counts() -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(29.9, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=30)["reason"] == "healthy"


def test_a_success_after_the_last_moment_does_not() -> None:
    cluster = FakeCluster(updating(0), *pods_of())
    cluster.later(30.1, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=30)["reason"] == "timeout"
    assert cluster.clock.elapsed == pytest.approx(30)


HELD_BACK = {"metadata": {"resourceVersion": "9000"}}


def test_what_no_event_has_told_is_seen_at_the_deadline() -> None:
    """Something between may hold events back though the connection is good."""
    cluster = FakeCluster(updating(2), *pods_of())
    cluster.appear(5.0, merged(THROUGH, HELD_BACK))
    assert run(cluster, Wait(HEALTHY), timeout=30)["reason"] == "healthy"
    assert cluster.asked.count("get rollouts/shop") == 2
    assert cluster.clock.elapsed == pytest.approx(30)


def test_at_the_deadline_it_looks_once() -> None:
    cluster = FakeCluster(updating(2), *pods_of())
    cluster.appear(5.0, updating(3, HELD_BACK))
    result = run(cluster, Wait(HEALTHY), timeout=30)
    assert (result["reason"], result["rollout"]["step"]["index"]) == ("timeout", 3)
    assert cluster.asked.count("get rollouts/shop") == 2


def test_a_last_look_without_an_answer_tells_why_no_event_came() -> None:
    cluster = FakeCluster(updating(2), *pods_of())
    cluster.appear(5.0, canary(HELD_BACK))
    cluster.fail("get", Transient("cannot reach there: no answer in time"), times=2, after=1)
    result = run(cluster, Wait(HEALTHY), timeout=30)
    assert result["reason"] == "unreachable"
    assert result["msg"].endswith("cannot reach there: no answer in time; check the network and the apiserver")


def test_a_last_look_that_is_not_allowed_changes_nothing() -> None:
    cluster = FakeCluster(updating(2), *pods_of())
    cluster.fail("get", Forbidden("no", 403), after=1)
    assert run(cluster, Wait(HEALTHY), timeout=30)["reason"] == "timeout"


def test_many_events_do_not_push_the_deadline() -> None:
    cluster = FakeCluster(updating(0), *pods_of())
    for tenth in range(1, 1000):
        cluster.later(tenth / 10, {"metadata": {"annotations": {"tick": str(tenth)}}})
    assert run(cluster, Wait(HEALTHY), timeout=30)["reason"] == "timeout"
    assert cluster.clock.elapsed == pytest.approx(30)


def test_no_time_at_all_is_one_look() -> None:
    cluster = FakeCluster(updating(0), *pods_of())
    result = run(cluster, Wait(HEALTHY), timeout=0)
    assert (result["failed"], result["reason"]) == (True, "timeout")
    assert cluster.clock.elapsed == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(updating(0), "waiting until healthy: more replicas need to be updated", id="pods"),
        pytest.param(paused(FIRST_GATE), "waiting until healthy: CanaryPauseStep at step 1 (pause)", id="person"),
        pytest.param(
            updating(ANALYSIS_STEP), "waiting until healthy: the analysis at step 2 (analysis)", id="analysis"
        ),
        pytest.param(preview_paused(), "waiting until healthy: BlueGreenPause", id="blue-green"),
    ],
)
def test_a_timeout_names_what_it_waited_for_and_what_to_do(raw: Tree, words: str) -> None:
    result = run(FakeCluster(raw, *pods_of()), Wait(HEALTHY), timeout=90)
    assert result["reason"] == "timeout"
    assert result["msg"].startswith(f"{LABEL}: no success within 1m30s, {words}")
    assert ". " in result["msg"]


def test_a_passed_progress_deadline_is_named_at_ours() -> None:
    result = run(FakeCluster(STATES["deadline passed"], *pods_of()), Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "progress_deadline")
    assert result["msg"].endswith("it heals by itself if they become available")


def test_a_passed_progress_deadline_can_heal() -> None:
    cluster = FakeCluster(STATES["deadline passed"])
    cluster.later(20, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "healthy"


def test_a_write_that_is_not_acted_on_in_time_is_a_change_and_a_failure() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    result = run(cluster, Promote(OBSERVED), timeout=30)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "controller_absent")
    assert "passed the gate at step 1 of 7 (pause), but the controller has not acted on it yet" in result["msg"]


# -- nobody works on it


@pytest.mark.parametrize(
    ("raw", "debt"),
    [
        pytest.param(updating(0, NOT_OBSERVED), "generation 3 of the spec is not observed", id="spec"),
        pytest.param(STATES["unpausing"], "the cleared pause is not acted on", id="promote"),
        pytest.param(STATES["aborting"], "the abort is not acted on", id="abort"),
        pytest.param(STATES["retrying"], "the retry is not acted on", id="retry"),
        pytest.param(
            paused(TIMED_PAUSE, since=400), "the pause that ended at 11:58:20 UTC is still there", id="timed pause"
        ),
    ],
)
def test_a_controller_that_does_not_react_is_blamed(raw: Tree, debt: str) -> None:
    cluster = FakeCluster(raw, *pods_of())
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "controller_absent")
    assert f"The controller does not react: {debt}; {CONTROLLER}" in result["msg"]
    (note,) = notes(result, "controller_absent")
    assert note.startswith(debt)


def test_it_is_noted_once_after_ten_seconds() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    result = run(cluster, Wait(HEALTHY), timeout=300)
    (note,) = [entry for entry in result["timeline"] if entry.get("reason") == "controller_absent"]
    assert "2026-01-01T12:00:10" <= note["time"] <= "2026-01-01T12:00:12.000Z"


def test_it_is_not_noted_when_the_controller_answers_in_time() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.later(9, THROUGH)
    result = run(cluster, Wait(HEALTHY), timeout=300)
    assert (result["reason"], notes(result, "controller_absent")) == ("healthy", [])


def test_it_is_noted_again_when_the_controller_vanishes_again() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.later(20, updating(1))
    cluster.later(30, {"spec": {"minReadySeconds": 5}})
    cluster.later(60, THROUGH)
    result = run(cluster, Wait(HEALTHY), timeout=300)
    assert result["reason"] == "healthy"
    assert [note.partition(";")[0] for note in notes(result, "controller_absent")] == [
        "generation 3 of the spec is not observed",
        "generation 4 of the spec is not observed",
    ]


@pytest.mark.parametrize(("timeout", "reason"), [(2.9, "timeout"), (3.1, "controller_absent")])
def test_three_seconds_are_enough_to_say_who_is_to_blame(timeout: float, reason: str) -> None:
    result = run(FakeCluster(updating(0, NOT_OBSERVED), *pods_of()), Wait(HEALTHY), timeout=timeout)
    assert result["reason"] == reason


def test_a_status_that_contradicts_the_pods_proves_that_nobody_keeps_it() -> None:
    cluster = FakeCluster(updating(0), *pods_of(3))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "controller_absent")
    counts = "its ReplicaSets have 7 pods, 7 available, but the status still says 5 and 5"
    assert f"The controller does not react: {counts}; {CONTROLLER}" in result["msg"]


def test_a_status_that_has_just_been_written_proves_nothing() -> None:
    cluster = FakeCluster(updating(0), *pods_of(3))
    cluster.later(58, {"status": {"message": "still at it"}})
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "timeout"


def test_pods_that_cannot_be_read_prove_nothing() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("list", Forbidden("no replicasets", 403))
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "timeout"


# -- the connection


def interrupted(words: str = "connection refused") -> Interrupted:
    return Interrupted(Transient(words))


def test_an_outage_is_noted_once_and_its_end_too() -> None:
    cluster = FakeCluster(updating(0))
    for second in range(5, 20):
        cluster.emit(second, interrupted())
    cluster.later(20, updating(1))
    cluster.later(40, THROUGH)
    result = run(cluster, Wait(HEALTHY), timeout=300)
    assert result["reason"] == "healthy"
    assert notes(result, "unreachable") == ["connection refused; trying again"]
    assert notes(result, "reconnected") == ["https://cluster.test answers again"]
    assert [entry.get("reason") or entry["step"]["index"] for entry in result["timeline"]] == [
        0,
        "unreachable",
        "reconnected",
        1,
        7,
    ]


def test_every_outage_is_noted() -> None:
    cluster = FakeCluster(updating(0))
    for second in (5, 15):
        cluster.emit(second, interrupted(f"lost at {second}"))
        cluster.later(second + 5, updating(second // 5))
    cluster.later(40, THROUGH)
    result = run(cluster, Wait(HEALTHY), timeout=300)
    assert notes(result, "unreachable") == ["lost at 5; trying again", "lost at 15; trying again"]
    assert len(notes(result, "reconnected")) == 2


def test_the_same_version_after_an_outage_is_an_answer_too() -> None:
    cluster = FakeCluster(updating(0), *pods_of())
    cluster.emit(5, interrupted())
    cluster.emit(9, Changed(updating(0)))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert result["reason"] == "timeout"
    assert len(notes(result, "reconnected")) == 1


def test_an_outage_until_the_deadline_is_not_blamed_on_the_controller() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.emit(1, interrupted())
    cluster.fail("get", Transient("no answer to the last look"), times=2, after=1)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "unreachable")
    assert result["msg"].endswith(". connection refused; check the network and the apiserver")
    assert notes(result, "controller_absent") == []
    assert cluster.clock.elapsed == pytest.approx(60)


def test_a_watch_that_cannot_go_on_ends_the_wait() -> None:
    cluster = FakeCluster(updating(0))
    cluster.emit(5, Broken(Unauthorized("the token has expired", 401)))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "unauthorized")
    assert "the token has expired" in result["msg"]
    assert cluster.clock.elapsed == pytest.approx(5)
    assert cluster.feeds_open == 0


# -- deleted


def test_a_rollout_that_is_deleted_ends_the_wait() -> None:
    cluster = FakeCluster(updating(0))
    cluster.vanish(7)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "deleted")
    assert f"{LABEL} was deleted while the task waited" in result["msg"]
    assert result["rollout"]["current_hash"] == NEW
    assert cluster.clock.elapsed == pytest.approx(7)


def test_a_rollout_that_is_deleted_after_a_write_has_changed() -> None:
    cluster = FakeCluster(updating(0))
    cluster.vanish(7)
    result = run(cluster, Abort(OBSERVED), timeout=60)
    assert (result["changed"], result["reason"]) == (True, "deleted")


# -- the version


def test_a_wait_is_about_the_version_that_it_began_with() -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(10, updating(0, {"status": {"currentPodHash": "abc"}}))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "superseded")


BETWEEN = paused(FIRST_GATE, put_right(), {"metadata": {"annotations": {"rollout.argoproj.io/revision": "4"}}})
AFTER: Tree = {"metadata": {"annotations": {"rollout.argoproj.io/revision": "4"}}, "status": {"currentPodHash": "abc"}}


def test_a_wait_that_begins_between_two_versions_is_about_the_new_one() -> None:
    """The controller calls a template observed, in a status that still is about the version before."""
    cluster = FakeCluster(BETWEEN, replica_set(3, NEW, "shop:1"))
    cluster.later(1, updating(0, AFTER))
    cluster.later(9, canary(AFTER, {"status": {"stableRS": "abc"}}))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["reason"], result["revision"]) == ("healthy", 4)


def test_an_act_between_two_versions_waits_for_the_new_one() -> None:
    cluster = FakeCluster(BETWEEN, replica_set(3, NEW, "shop:1"))
    cluster.later(1, paused(FIRST_GATE, AFTER))
    cluster.react((0, updating(SECOND_GATE - 1, AFTER)))
    result = run(cluster, Promote(OBSERVED))
    assert cluster.patches[0].at == pytest.approx(1)
    assert (result["changed"], result["failed"], result["revision"]) == (True, False, 4)


def test_a_status_that_may_be_about_another_version_and_is_not_costs_one_request() -> None:
    cluster = FakeCluster(BETWEEN, replica_set(4, NEW, "shop:1"))
    cluster.later(1, TOUCHED)
    cluster.later(9, canary(AFTER, {"status": {"currentPodHash": NEW, "stableRS": NEW}}))
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "healthy"
    assert [request for request in cluster.asked if "replicasets" in request] == ["list replicasets"]


def test_what_was_seen_at_rest_is_not_asked_about_again() -> None:
    """A promotion makes the controller put conditions right, too, and no new version."""
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.later(1, updating(FIRST_GATE + 1, put_right("RolloutResumed", since=-1)))
    cluster.later(2, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "healthy"
    assert cluster.asked == ["get rollouts/shop", "watch rollouts/shop"]


def test_a_status_is_believed_where_replica_sets_cannot_be_read() -> None:
    cluster = FakeCluster(BETWEEN, replica_set(3, NEW, "shop:1"))
    cluster.fail("list", Forbidden("no", 403))
    assert run(cluster, Wait(Goal(Until.PAUSED)), timeout=60)["reason"] == "paused"


def test_a_wait_that_begins_before_the_change_is_observed_is_about_the_new_version() -> None:
    cluster = FakeCluster(canary(NOT_OBSERVED))
    cluster.later(1, updating(0))
    cluster.later(9, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "healthy"


# -- terminal states, with their cause


RUN = analysis_run("shop-3-2", "Failed", values=("[0.99]", "[0.4]"))
EXPLAINED = "metric \"success-rate\" Failed, measured [0.99], [0.4] against successCondition 'result[0] >= 0.95'"


def test_a_failed_analysis_is_told_by_metric_value_and_condition() -> None:
    cluster = FakeCluster(updating(ANALYSIS_STEP), RUN)
    cluster.later(12, aborted(message=ANALYSIS_ABORT_MESSAGE))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "analysis_failed")
    assert result["msg"] == (
        f"{LABEL}: RolloutAborted: {ANALYSIS_ABORT_MESSAGE}. {EXPLAINED}. "
        "Traffic goes back to the stable version; correct the image and set it, or rollout_undo the spec"
    )
    assert [run["name"] for run in result["rollout"]["analysis"]] == ["shop-3-2"]
    assert result["rollout"]["analysis"][0]["metrics"][0]["measurements"][1]["value"] == "[0.4]"
    assert cluster.clock.elapsed == pytest.approx(12)
    assert cluster.requests[-1].query == {"labelSelector": f"rollouts-pod-template-hash={NEW}"}


def test_only_unhappy_runs_of_this_version_and_the_last_try_explain() -> None:
    others = (
        analysis_run("shop-3-2.1", "Failed", values=("[0.1]",), created=90),  # of an earlier try
        analysis_run("shop-3", "Successful", kind="Background", values=("[1]",)),
        analysis_run("foreign", "Failed", {"metadata": {"ownerReferences": []}}, values=("[0]",), created=1),
    )
    cluster = FakeCluster(aborted(message=ANALYSIS_ABORT_MESSAGE), RUN, *others)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert [run["name"] for run in result["rollout"]["analysis"]] == ["shop-3-2"]


def test_the_newest_of_several_culprits_is_told_first() -> None:
    background = analysis_run("shop-3", "Error", kind="Background", values=("[7]",), created=1)
    cluster = FakeCluster(aborted(message=ANALYSIS_ABORT_MESSAGE), RUN, background)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert [run["name"] for run in result["rollout"]["analysis"]] == ["shop-3", "shop-3-2"]
    assert 'metric "success-rate" Error, measured [7]' in result["msg"]


@pytest.mark.parametrize(
    "error", [Forbidden("no analysisruns", 403), Transient("gone")], ids=["forbidden", "unreachable"]
)
def test_an_analysis_that_cannot_be_read_does_not_hide_the_abort(error: Forbidden | Transient) -> None:
    cluster = FakeCluster(aborted(message=ANALYSIS_ABORT_MESSAGE), RUN)
    cluster.fail("list", error, times=100)
    result = run(cluster, Wait(HEALTHY), timeout=20)
    assert (result["failed"], result["reason"]) == (True, "aborted")
    assert ANALYSIS_ABORT_MESSAGE in result["msg"]
    assert cluster.clock.elapsed <= 20


def test_an_abort_by_a_person_is_not_blamed_on_an_old_analysis() -> None:
    cluster = FakeCluster(aborted(), RUN)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "aborted")
    assert result["msg"] == (
        f"{LABEL}: RolloutAborted: {ABORT_MESSAGE}. Traffic goes back to the stable version; "
        "rollout_retry tries again, rollout_undo gives the version up"
    )
    assert result["rollout"]["analysis"] == []
    assert cluster.asked == ["get rollouts/shop"]


def test_an_inconclusive_analysis_is_told_by_metric_value_and_condition() -> None:
    inconclusive = analysis_run("shop-3-2", "Inconclusive", values=("[0.8]",))
    cluster = FakeCluster(STATES["inconclusive step"], inconclusive)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "inconclusive")
    assert 'metric "success-rate" Inconclusive, measured [0.8]' in result["msg"]
    assert [run["phase"] for run in result["rollout"]["analysis"]] == ["Inconclusive"]


EXPERIMENT_ABORT_MESSAGE = f"{ABORT_MESSAGE}: Experiment analysis phase is error/failed: Metric assessed Failed"
EXPERIMENT_STEPS: Tree = {
    "spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"experiment": {}}, {"pause": {}}]}}}
}


def test_a_failed_experiment_is_told_by_metric_value_and_condition() -> None:
    run_of_it = experiment_run("exp-run", "Failed", values=("[0.4]",), created=50)
    tried = experiment("Failed", {"metadata": {"creationTimestamp": ago(900)}}, name="old", runs=("gone",))
    failed = aborted(EXPERIMENT_STEPS, message=EXPERIMENT_ABORT_MESSAGE)
    cluster = FakeCluster(failed, tried, experiment("Failed", name="exp"), run_of_it)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "analysis_failed")
    assert (
        "metric \"success-rate\" Failed, measured [0.4] against successCondition 'result[0] >= 0.95'" in result["msg"]
    )
    assert [(item["kind"], item["name"]) for item in result["rollout"]["analysis"]] == [("experiment", "exp-run")]
    assert (result["rollout"]["experiment"]["name"], result["rollout"]["experiment"]["phase"]) == ("exp", "Failed")


def test_an_experiment_whose_runs_are_gone_does_not_hide_the_abort() -> None:
    cluster = FakeCluster(aborted(EXPERIMENT_STEPS, message=EXPERIMENT_ABORT_MESSAGE), experiment("Failed", name="exp"))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "aborted")
    assert EXPERIMENT_ABORT_MESSAGE in result["msg"]
    assert result["rollout"]["experiment"]["phase"] == "Failed"


def test_the_experiment_that_follows_an_inconclusive_one_explains_nothing() -> None:
    held = paused(1, EXPERIMENT_STEPS, reason="InconclusiveExperiment")
    unsure = experiment("Inconclusive", {"metadata": {"creationTimestamp": ago(200)}}, name="unsure", runs=("a",))
    cluster = FakeCluster(
        held, experiment(name="next", runs=("b",)), unsure, experiment_run("a", "Inconclusive", values=("[0.8]",))
    )
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "inconclusive")
    assert 'metric "success-rate" Inconclusive, measured [0.8]' in result["msg"]


# -- what a wait was let through on


ANALYSING = updating(
    ANALYSIS_STEP, {"status": {"canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Running"}}}}
)


@pytest.mark.parametrize(("value", "evidence"), [("[0.97]", "measured"), ("[]", "silent")])
def test_a_wait_through_an_analysis_shows_its_evidence_and_is_no_failure(value: str, evidence: str) -> None:
    cluster = FakeCluster(ANALYSING, analysis_run("a", "Successful", values=(value,)))
    cluster.later(5, THROUGH)
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["reason"]) == (False, "healthy")
    assert [(item["name"], item["evidence"]) for item in result["rollout"]["analysis"]] == [("a", evidence)]
    assert cluster.asked == ["get rollouts/shop", "watch rollouts/shop", "list analysisruns"]


def test_whoever_comes_to_a_gate_is_shown_what_it_was_passed_on_so_far() -> None:
    cluster = FakeCluster(paused(SECOND_GATE), analysis_run("a", "Successful", values=("[]",)))
    result = run(cluster, Wait(Goal(Until.HEALTHY, fail_on=frozenset({"paused"}))), timeout=60)
    assert (result["failed"], result["reason"]) == (True, "paused")
    assert [(item["name"], item["evidence"]) for item in result["rollout"]["analysis"]] == [("a", "silent")]


def test_whoever_asks_for_the_end_is_shown_an_analysis_that_was_over_before() -> None:
    explicit = replace(HEALTHY, healthy_is_enough=False)
    cluster = FakeCluster(THROUGH, analysis_run("a", "Successful", values=("[]",)))
    result = run(cluster, Wait(explicit), timeout=60)
    assert [(item["name"], item["evidence"]) for item in result["rollout"]["analysis"]] == [("a", "silent")]
    without = canary({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}]}}}})
    assert run(quiet := FakeCluster(without), Wait(explicit), timeout=60)["rollout"]["analysis"] == []
    assert "list analysisruns" not in quiet.asked


def test_a_wait_through_an_experiment_shows_its_evidence() -> None:
    on_it = updating(1, EXPERIMENT_STEPS, {"status": {"canary": {"currentExperiment": "exp"}}})
    run_of_it = experiment_run("exp-run", "Successful", values=("[]",))
    cluster = FakeCluster(on_it, experiment("Successful", name="exp"), run_of_it)
    cluster.later(5, canary(EXPERIMENT_STEPS, {"status": {"currentPodHash": NEW, "stableRS": NEW}}))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert [item["evidence"] for item in result["rollout"]["experiment"]["analysis"]] == ["silent"]
    assert [item["evidence"] for item in result["rollout"]["analysis"]] == ["silent"]


def test_evidence_that_cannot_be_read_is_no_failure() -> None:
    cluster = FakeCluster(ANALYSING)
    cluster.later(5, THROUGH)
    cluster.fail("list", Forbidden("no analysisruns", 403))
    result = run(cluster, Wait(HEALTHY), timeout=60)
    assert (result["failed"], result["rollout"]["analysis"]) == (False, [])


def test_a_wait_that_no_analysis_was_part_of_asks_for_none() -> None:
    """A blue-green keeps the names of its last runs."""
    named = {"status": {"blueGreen": {"postPromotionAnalysisRunStatus": {"name": "a", "status": "Successful"}}}}
    cluster = FakeCluster(blue_green(named))
    assert run(cluster, Wait(HEALTHY), timeout=60)["reason"] == "healthy"
    assert cluster.asked == ["get rollouts/shop"]


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("invalid spec", "invalid_spec", "The controller does nothing until the spec is corrected"),
        ("aborted", "aborted", "rollout_retry tries again, rollout_undo gives the version up"),
        ("inconclusive step", "inconclusive", "a person must look at the analysis and decide"),
    ],
)
def test_a_state_that_cannot_heal_fails_at_once(state: str, reason: str, words: str) -> None:
    cluster = FakeCluster(STATES[state])
    result = run(cluster, Wait(HEALTHY), timeout=600)
    assert (result["failed"], result["reason"]) == (True, reason)
    assert words in result["msg"]
    assert cluster.clock.elapsed == 0


MISSING = degraded("InvalidSpec", "InvalidSpec", "spec.strategy: AnalysisTemplate 'errors' not found")


def test_what_a_spec_refers_to_may_come_until_the_controller_has_looked_again() -> None:
    """It was applied in the same go, and is not in the controller's cache yet."""
    cluster = FakeCluster(MISSING)
    cluster.later(20, THROUGH)
    assert run(cluster, Wait(HEALTHY), timeout=600)["reason"] == "healthy"
    assert cluster.clock.elapsed == pytest.approx(20)


@pytest.mark.parametrize("goal", [HEALTHY, OBSERVED])
def test_what_is_still_not_found_then_fails(goal: Goal) -> None:
    cluster = FakeCluster(MISSING)
    result = run(cluster, Wait(goal), timeout=600)
    assert (result["failed"], result["reason"]) == (True, "invalid_spec")
    assert "AnalysisTemplate 'errors' not found" in result["msg"]
    assert cluster.clock.elapsed == pytest.approx(LOOKS_AGAIN.total_seconds())


def test_a_spec_that_becomes_invalid_again_gets_the_same_time_again() -> None:
    cluster = FakeCluster(MISSING)
    cluster.later(20, updating(0))
    cluster.later(50, MISSING)
    result = run(cluster, Wait(HEALTHY), timeout=600)
    assert (result["reason"], cluster.clock.elapsed) == ("invalid_spec", pytest.approx(75))


@pytest.mark.parametrize(
    "goal",
    [Goal(Until.DEGRADED), Goal(Until.HEALTHY, fail_on=frozenset({"aborted"}))],
    ids=["that is the wish", "that is no failure"],
)
def test_nothing_is_waited_for_that_does_not_end_in_failure(goal: Goal) -> None:
    cluster = FakeCluster(MISSING)
    result = run(cluster, Wait(goal), timeout=5)
    assert (result["reason"] == "invalid_spec") == (goal.until is Until.DEGRADED)
    assert cluster.clock.elapsed == (0 if goal.until is Until.DEGRADED else pytest.approx(5))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("aborted", "aborted"),
        ("invalid spec", "invalid_spec"),
        ("inconclusive step", "unexpected_step"),
        ("at second gate", "unexpected_step"),
    ],
)
def test_a_step_that_can_no_longer_come_is_not_waited_for(state: str, reason: str) -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(15, STATES[state])
    result = run(cluster, Promote(OBSERVED, expected_step=6, mode="full"))
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, reason)
    assert cluster.clock.elapsed == pytest.approx(15)


def test_an_abort_until_the_traffic_is_back() -> None:
    cluster = FakeCluster(updating(0))
    cluster.react((1, aborted()), (12, aborted({"status": {"updatedReplicas": 0}})))
    result = run(cluster, Abort(Goal(Until.RESTORED)))
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "restored")
    assert cluster.clock.elapsed == pytest.approx(12)


def test_a_retry_that_fails_again_is_a_failure() -> None:
    cluster = FakeCluster(aborted(), RUN)
    cluster.react((1, updating(0)), (30, aborted(message=ANALYSIS_ABORT_MESSAGE)))
    result = run(cluster, Retry(HEALTHY))
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "analysis_failed")


def test_a_runner_that_was_never_in_touch_opens_no_watch() -> None:
    cluster = FakeCluster()
    Runner(cluster, cluster.clock, "prod", "shop", Options()).run(Wait(HEALTHY))
    assert cluster.asked == ["get rollouts/shop"]
