# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes that do not go as planned: conflicts, lost answers, dropped wishes, and other people."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Changed
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Verb
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import Promote
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.retry import Retry
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import SetImage
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.undo import Undo

from tests.unit.fakes import DEPLOYMENT, FakeCluster, notes, run
from tests.unit.support import (
    FIRST_GATE,
    LABEL,
    NEW,
    NOT_OBSERVED,
    OTHER,
    SECOND_GATE,
    SPEC_PAUSED,
    STABLE,
    STATES,
    WORKLOAD_REF,
    Tree,
    aborted,
    canary,
    deployment,
    paused,
    replica_set,
    template,
    updating,
)

OBSERVED, HEALTHY = Goal(Until.OBSERVED), Goal(Until.HEALTHY)
LOST = Transient("connection reset by peer")
TOUCHED: Tree = {"metadata": {"annotations": {"touched": "by somebody"}}}
SOMEBODYS: Tree = {
    "metadata": {"annotations": {"rollout.argoproj.io/revision": "4"}},
    "status": {"currentPodHash": OTHER},
}
THROUGH = canary({"status": {"currentPodHash": NEW, "stableRS": NEW}})


# -- conflicts


def test_a_conflict_is_decided_again_from_a_fresh_view() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.race(TOUCHED)
    cluster.react((0.1, updating(2)))
    result = run(cluster, Promote(OBSERVED))
    assert cluster.asked == [
        "get rollouts/shop",
        "patch rollouts/shop/status",
        "get rollouts/shop",
        "patch rollouts/shop/status",
        "watch rollouts/shop",
    ]
    assert (result["changed"], result["failed"]) == (True, False)


def test_a_stale_lock_is_a_conflict_and_is_renewed() -> None:
    cluster = FakeCluster(updating(0))
    cluster.race(TOUCHED)
    cluster.react((0.1, aborted()))
    result = run(cluster, Abort(OBSERVED))
    assert [patch.body["metadata"] for patch in cluster.patches] == [
        {"resourceVersion": "100"},
        {"resourceVersion": "1000"},
    ]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(updating(3), "a gate was passed already", id="it moved on"),
        pytest.param(THROUGH, "nothing is on its way", id="it is through"),
        pytest.param(paused(SECOND_GATE), "it was passed meanwhile", id="it stands at the next gate"),
    ],
)
def test_a_conflict_after_which_nothing_is_left_to_do_is_unchanged(raw: Tree, message: str) -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.race(raw)
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"]) == (False, False)
    assert message in result["msg"]
    assert "diff" not in result


def test_a_conflict_with_another_version_is_not_ours_to_promote() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.race(paused(FIRST_GATE, SOMEBODYS))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "superseded")
    assert f"another version ({OTHER}, revision 4) took over" in result["msg"]


@pytest.mark.parametrize("verb", [SetImage({"app": "shop:3"}, OBSERVED), Undo(OBSERVED, 1)], ids=["set image", "undo"])
def test_a_wish_for_a_template_is_still_the_wish_after_somebody_elses_change(verb: Verb) -> None:
    cluster = FakeCluster(updating(0), replica_set(1, "111111", "shop:0"))
    cluster.fail("patch", Conflict("the server rejected our request", 422))
    cluster.later(0.01, SOMEBODYS)
    cluster.react((0.2, {"metadata": {"annotations": {"rollout.argoproj.io/revision": "5"}}}))
    cluster.later(1, {"status": {"currentPodHash": "555555", "observedGeneration": "3"}})
    result = run(cluster, verb)
    assert len(cluster.patches) == 2
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")


def test_a_wish_for_a_template_waits_until_somebody_elses_change_is_observed_and_replaces_it() -> None:
    cluster = FakeCluster(canary(NOT_OBSERVED))
    cluster.later(3, updating(0, SOMEBODYS))
    cluster.react((1, updating(0)))
    result = run(cluster, SetImage({"app": "shop:9"}, OBSERVED))
    assert cluster.patches[0].at == pytest.approx(3)
    assert (result["changed"], result["failed"], result["rollout"]["current_hash"]) == (True, False, NEW)


def test_an_image_that_somebody_changed_fails_the_test_and_is_set_again() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF), deployment())
    cluster.race({"spec": {"template": template("shop:8")}}, DEPLOYMENT)
    cluster.later(2, updating(0, WORKLOAD_REF))
    result = run(cluster, SetImage({"app": "shop:3"}, OBSERVED))
    assert [patch.body[1]["value"] for patch in cluster.patches] == ["shop:2", "shop:8"]
    assert result["rollout"]["images"] == {"app": "shop:3"}
    assert result["diff"]["before"] == {"images": {"app": "shop:8"}}


def test_an_object_that_never_stands_still_is_a_conflict_and_not_a_lost_connection() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", Conflict("modified", 409), times=10_000)
    result = run(cluster, Abort(OBSERVED), timeout=20)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "conflict")
    assert result["msg"] == f"{LABEL} keeps changing under the write"
    assert cluster.clock.elapsed <= 20
    assert len(cluster.patches) < 200


# -- two writes


def test_a_held_gate_is_resumed_and_passed() -> None:
    cluster = FakeCluster(paused(FIRST_GATE, SPEC_PAUSED))
    cluster.react()
    cluster.react((0.3, updating(2)))
    result = run(cluster, Promote(OBSERVED))
    assert [patch.body for patch in cluster.patches] == [
        {"metadata": {"resourceVersion": "100"}, "spec": {"paused": False}},
        {"metadata": {"resourceVersion": "1000"}, "status": {"pauseConditions": None}},
    ]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")


@pytest.mark.parametrize("verb", [Promote(OBSERVED), Promote(OBSERVED, mode="full")], ids=["gate", "full"])
def test_when_the_controller_is_faster_than_the_second_write_it_is_written_again(verb: Verb) -> None:
    cluster = FakeCluster(paused(FIRST_GATE, SPEC_PAUSED))
    cluster.react((0.0, paused(FIRST_GATE)))  # the answer to the first write, before the second
    cluster.react((0.3, updating(7, {"status": {"promoteFull": True}})))
    result = run(cluster, verb)
    assert [str(patch) for patch in cluster.patches] == [
        "patch rollouts/shop",
        "patch rollouts/shop/status",
        "patch rollouts/shop/status",
    ]
    assert (result["changed"], result["failed"]) == (True, False)
    assert not cluster.stored()["spec"]["paused"]


def test_what_was_written_is_a_change_although_the_rest_was_refused() -> None:
    cluster = FakeCluster(paused(FIRST_GATE, SPEC_PAUSED))
    cluster.react((0.0, paused(FIRST_GATE, SOMEBODYS)))
    result = run(cluster, Promote(OBSERVED))
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "superseded")
    assert len(cluster.patches) == 2


# -- answers that were lost


def test_a_lost_answer_to_a_write_that_was_done_is_a_change_and_is_not_repeated() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.fail("patch", LOST, done=True)
    cluster.react((0.01, updating(2)))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert result["diff"]["after"] == {"paused": None}


def test_a_lost_answer_to_a_write_that_was_not_done_is_written_again() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.fail("patch", LOST)
    cluster.react((0.2, updating(2)))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 2
    assert (result["changed"], result["failed"]) == (True, False)


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_after_a_lost_answer_the_next_gate_is_never_passed(done: bool) -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.fail("patch", LOST, done=done)
    cluster.later(0.05, paused(SECOND_GATE))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert cluster.stored()["status"]["pauseConditions"]
    assert (result["changed"], result["failed"]) == (True, False)
    assert "it was passed meanwhile" in result["msg"]


def test_after_a_lost_answer_a_pause_by_a_person_is_not_resumed() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.fail("patch", LOST, done=True)
    cluster.later(0.05, updating(2, SPEC_PAUSED))
    cluster.later(0.05, {"spec": {"paused": True}, "status": {"observedGeneration": "3"}})
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert cluster.stored()["spec"]["paused"] is True
    assert result["changed"]


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        pytest.param(Abort(OBSERVED), updating(0), aborted(), id="abort"),
        pytest.param(Retry(OBSERVED), aborted(), updating(0), id="retry"),
        pytest.param(SetImage({"app": "shop:3"}, OBSERVED), canary(), updating(0), id="set image"),
        pytest.param(Undo(OBSERVED), updating(0), canary(), id="undo"),
        pytest.param(
            Promote(OBSERVED, mode="skip_step", expected_step=1),
            paused(FIRST_GATE),
            updating(2),
            id="promote skip_step",
        ),
        pytest.param(
            Promote(OBSERVED, mode="full"), paused(FIRST_GATE), STATES["full promotion on its way"], id="promote full"
        ),
    ],
)
def test_a_write_that_was_done_is_followed_as_if_its_answer_had_come(verb: Verb, before: Tree, after: Tree) -> None:
    cluster = FakeCluster(before, replica_set(2, STABLE, "shop:1"))
    cluster.fail("patch", LOST, done=True)
    cluster.react((3, after))
    result = run(cluster, verb)
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert cluster.clock.elapsed == pytest.approx(3)


def test_a_new_image_whose_answer_was_lost_is_not_taken_for_somebody_elses_version() -> None:
    """The controller is faster than our second look."""
    cluster = FakeCluster(canary())
    cluster.fail("patch", LOST, done=True)
    cluster.react((0.001, updating(0)), (5, THROUGH))
    result = run(cluster, SetImage({"app": "shop:3"}, HEALTHY))
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "healthy")
    assert result["rollout"]["current_hash"] == NEW


def test_a_new_image_whose_answer_was_lost_is_not_taken_for_the_old_healthy_version() -> None:
    """The controller observes the generation with a condition first, while the old version is still named."""
    cluster = FakeCluster(canary())
    cluster.fail("patch", LOST, done=True)
    cluster.react((0.001, {"status": {"observedGeneration": "3"}}), (5, updating(0)), (9, THROUGH))
    result = run(cluster, SetImage({"app": "shop:3"}, HEALTHY))
    assert (result["reason"], result["rollout"]["current_hash"]) == ("healthy", NEW)
    assert cluster.clock.elapsed == pytest.approx(9)


def test_a_lost_abort_that_came_too_late_is_told_and_not_repeated() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", LOST, done=True)
    cluster.react((0.001, THROUGH))
    result = run(cluster, Abort(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"]) == (True, False)
    assert "nothing is on its way to abort" in result["msg"]


def test_without_a_wait_a_lost_answer_is_looked_after_all_the_same() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", LOST, done=True)
    result = run(cluster, Abort(OBSERVED), wait=False)
    assert cluster.asked == ["get rollouts/shop", "patch rollouts/shop/status", "get rollouts/shop"]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "written")


def test_a_write_after_which_nobody_answers_is_reported_as_unknown() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", LOST)
    cluster.fail("get", LOST, times=1000, after=1)
    result = run(cluster, Abort(OBSERVED), timeout=30)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "unreachable")
    assert result["msg"].endswith("The write was answered by an error, or not at all: whether it was done is unknown")
    assert 25 <= cluster.clock.elapsed <= 30
    assert result["diff"]["after"] == {"aborted": True}


def test_a_lost_dry_run_changes_nothing_for_sure() -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", LOST)
    cluster.later(0.01, aborted())
    result = run(cluster, Abort(OBSERVED), check_mode=True)
    assert (result["changed"], result["failed"]) == (False, False)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Forbidden("not allowed", 403), "forbidden"), (Invalid("spec: no", 422), "invalid_request")],
)
def test_a_refusal_by_the_apiserver_is_final(error: Exception, reason: str) -> None:
    cluster = FakeCluster(updating(0))
    cluster.fail("patch", error)  # type: ignore[arg-type]
    result = run(cluster, Abort(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, reason)
    assert result["rollout"]["phase"] == "Progressing"
    assert "diff" not in result


# -- dropped


def test_a_write_that_the_controller_drops_is_decided_again() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react((0.2, paused(FIRST_GATE)))  # from a stale cache
    cluster.react((0.2, updating(2)))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 2
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert notes(result, "dropped") == [
        "passed the gate at step 1 of 7 (pause), but the controller dropped it; deciding again"
    ]


def test_the_third_drop_is_an_answer() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    for _turn in range(3):
        cluster.react((0.2, paused(FIRST_GATE)))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 3
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "dropped")
    assert "the controller dropped it 3 times; look at the Rollout's events" in result["msg"]


def test_a_dropped_gate_is_tried_again_and_the_next_one_is_not() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react((0.2, paused(FIRST_GATE)), (0.2, paused(SECOND_GATE)))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"]) == (True, False)
    assert "it was passed meanwhile" in result["msg"]


def test_an_abort_that_a_promotion_overtook_does_not_call_itself_aborted() -> None:
    cluster = FakeCluster(updating(7))
    cluster.react((0.2, THROUGH))
    result = run(cluster, Abort(OBSERVED))
    assert len(cluster.patches) == 1
    assert (result["changed"], result["failed"]) == (True, False)
    assert "nothing is on its way to abort" in result["msg"]
    assert "aborted revision" not in result["msg"]


# -- other people


def test_another_version_that_takes_over_before_the_act_is_not_acted_on() -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(5, paused(FIRST_GATE, SOMEBODYS))
    result = run(cluster, Promote(OBSERVED))
    assert cluster.patches == []
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "superseded")


@pytest.mark.parametrize("goal", [OBSERVED, HEALTHY], ids=["observed", "healthy"])
@pytest.mark.parametrize(
    ("verb", "before"),
    [("gate", paused(FIRST_GATE)), ("full", paused(FIRST_GATE)), ("abort", updating(0)), ("retry", aborted())],
)
def test_another_version_that_takes_over_before_the_controller_acts_is_not_followed(
    verb: str, before: Tree, goal: Goal
) -> None:
    verbs: dict[str, Verb] = {
        "gate": Promote(goal),
        "full": Promote(goal, mode="full"),
        "abort": Abort(goal),
        "retry": Retry(goal),
    }
    cluster = FakeCluster(before)
    cluster.react((1, updating(0, SOMEBODYS)), (9, canary({"status": {"currentPodHash": OTHER, "stableRS": OTHER}})))
    result = run(cluster, verbs[verb])
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "superseded")
    assert len(cluster.patches) == 1


def test_another_version_that_takes_over_during_the_wait_ends_it() -> None:
    cluster = FakeCluster(canary())
    cluster.react((1, updating(0)), (60, updating(0, SOMEBODYS)))
    result = run(cluster, SetImage({"app": "shop:3"}, HEALTHY))
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "superseded")
    assert f"{NEW} was replaced by {OTHER} (revision 4)" in result["msg"]
    assert cluster.clock.elapsed == pytest.approx(60)


def test_our_own_image_is_not_another_version() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react((1, updating(0, SOMEBODYS)), (5, canary({"status": {"currentPodHash": OTHER, "stableRS": OTHER}})))
    result = run(cluster, SetImage({"app": "shop:9"}, HEALTHY))
    assert (result["failed"], result["reason"]) == (False, "healthy")


# -- events that are older than our write


def test_events_from_before_our_write_are_not_looked_at_again() -> None:
    cluster = FakeCluster(updating(0))
    before = paused(FIRST_GATE, {"metadata": {"resourceVersion": "999"}})
    cluster.later(1, paused(FIRST_GATE))
    cluster.react((2, updating(2)))
    cluster.emit(1.5, Changed(before))
    result = run(cluster, Promote(OBSERVED))
    assert len(cluster.patches) == 1
    assert notes(result, "dropped") == []
    assert (result["changed"], result["failed"]) == (True, False)
    assert cluster.clock.elapsed == pytest.approx(3)


def test_versions_that_are_no_numbers_are_taken_as_they_come() -> None:
    """Kubernetes promises no more than that they differ."""
    cluster = FakeCluster(paused(FIRST_GATE))
    opaque = updating(2, {"metadata": {"resourceVersion": "abc"}})
    cluster.emit(1, Changed(opaque))
    result = run(cluster, Promote(OBSERVED))
    assert result["rollout"]["step"]["index"] == 2
    assert cluster.clock.elapsed == pytest.approx(1)
