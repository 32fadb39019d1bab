# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase is the one that `kubectl argo rollouts status` would print.

The cases are those of utils/rollout/rolloututil_test.go of Argo Rollouts v1.10.2, and the rows of the decision that
it leaves out.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.phase import (
    COMPLETED_ANALYSIS,
    calculate_phase,
    is_unpausing,
    plugin_generation_observed,
    rollout_phase,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import Tree, merged, view

OLD, DESIRED = "abc1234", "def5678"
MINUTE_AGO = "2026-01-01T11:59:00Z"
COUNTS = {"replicas": 5, "readyReplicas": 5, "updatedReplicas": 5, "availableReplicas": 5}


def rollout(strategy: Tree, *changes: Tree) -> Tree:
    """As the Go tests begin: 5 wanted, 4 there, 3 of them new, 2 available; no phase stored."""
    raw: Tree = {
        "metadata": {"name": "guestbook", "namespace": "test"},
        "spec": {"replicas": 5, "strategy": strategy},
        "status": {
            "currentStepIndex": 1,
            "replicas": 4,
            "readyReplicas": 1,
            "updatedReplicas": 3,
            "availableReplicas": 2,
        },
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


def canary(*changes: Tree) -> Tree:
    steps = [{"setWeight": 10}, {"pause": {"duration": 60}}, {"setWeight": 20}]
    return rollout({"canary": {"steps": steps}}, *changes)


def blue_green(*changes: Tree) -> Tree:
    return rollout({"blueGreen": {}}, *changes)


def status(**fields: Any) -> Tree:
    return {"status": fields}


def counts(**fields: int) -> Tree:
    return status(**{**COUNTS, **fields})


def conditions(*entries: tuple[str, str, str]) -> Tree:
    return status(conditions=[{"type": kind, "reason": reason, "message": text} for kind, reason, text in entries])


def hashes(stable: str, current: str) -> Tree:
    return status(stableRS=stable, currentPodHash=current)


def fresh(observed: str) -> Tree:
    """A status that has its hashes and nothing else."""
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": None},
        "status": {
            **dict.fromkeys(["replicas", "updatedReplicas", "availableReplicas", "readyReplicas"]),
            "stableRS": OLD,
            "currentPodHash": OLD,
            "observedGeneration": observed,
        },
    }


POST_PROMOTION = {"spec": {"strategy": {"blueGreen": {"postPromotionAnalysis": {}}}}}
ROUTED = {"spec": {"strategy": {"canary": {"trafficRouting": {"istio": {}}}}}}


def post_promotion_run(phase: str) -> Tree:
    return status(blueGreen={"activeSelector": DESIRED, "postPromotionAnalysisRunStatus": {"status": phase}})


@pytest.mark.parametrize(
    ("raw", "phase", "message"),
    [
        pytest.param(
            canary(conditions(("Progressing", "ProgressDeadlineExceeded", "timed out"))),
            "Degraded",
            "ProgressDeadlineExceeded: timed out",
            id="progress deadline exceeded",
        ),
        pytest.param(
            canary(conditions(("Progressing", "RolloutAborted", "aborted update to revision 2"))),
            "Degraded",
            "RolloutAborted: aborted update to revision 2",
            id="aborted",
        ),
        pytest.param(
            canary(conditions(("InvalidSpec", "InvalidSpec", "spec.replicas: -1"))),
            "Degraded",
            "InvalidSpec: spec.replicas: -1",
            id="invalid spec",
        ),
        pytest.param(
            canary(conditions(("Progressing", "RolloutAborted", "first"), ("InvalidSpec", "any", "second"))),
            "Degraded",
            "RolloutAborted: first",
            id="of several bad conditions the first one in the list",
        ),
        pytest.param(
            canary(conditions(("Available", "AvailableReason", "fine")), {"spec": {"paused": True}}),
            "Paused",
            "manually paused",
            id="spec.paused, other conditions do not matter",
        ),
        pytest.param(
            canary(
                {"spec": {"paused": True}},
                conditions(("Progressing", "RolloutAborted", "aborted")),
            ),
            "Degraded",
            "RolloutAborted: aborted",
            id="aborted wins over spec.paused",
        ),
        pytest.param(
            canary(status(pauseConditions=[{"reason": "BlueGreenPause"}, {"reason": "CanaryPauseStep"}])),
            "Paused",
            "BlueGreenPause",
            id="the first pause condition",
        ),
        pytest.param(
            canary({"spec": {"paused": True}}, status(pauseConditions=[{"reason": "CanaryPauseStep"}])),
            "Paused",
            "manually paused",
            id="spec.paused wins over a pause condition",
        ),
        pytest.param(
            canary(counts(), hashes(OLD, OLD), {"spec": {"restartAt": MINUTE_AGO}}),
            "Progressing",
            "rollout is restarting",
            id="restart wanted, none done yet",
        ),
        pytest.param(
            canary(
                counts(restartedAt="2026-01-01T10:00:00Z"),
                hashes(OLD, OLD),
                {"spec": {"restartAt": MINUTE_AGO}},
            ),
            "Progressing",
            "rollout is restarting",
            id="restart wanted, an older one done",
        ),
        pytest.param(
            canary(
                counts(restartedAt="2026-01-01T12:59:00+01:00"),
                hashes(OLD, OLD),
                {"spec": {"restartAt": MINUTE_AGO}},
            ),
            "Healthy",
            "",
            id="restart done, the same moment in another time zone",
        ),
        pytest.param(
            canary(counts(restartedAt=MINUTE_AGO), hashes(OLD, OLD), {"spec": {"restartAt": MINUTE_AGO}}),
            "Healthy",
            "",
            id="restart done",
        ),
        pytest.param(
            canary(counts(updatedReplicas=4, availableReplicas=4)),
            "Progressing",
            "more replicas need to be updated",
            id="fewer new pods than wanted",
        ),
        pytest.param(
            canary(fresh("2")),
            "Progressing",
            "more replicas need to be updated",
            id="no number of pods wanted means one",
        ),
        pytest.param(
            canary(counts(availableReplicas=4)),
            "Progressing",
            "updated replicas are still becoming available",
            id="new pods not all available",
        ),
        pytest.param(
            canary(counts(replicas=7)),
            "Progressing",
            "old replicas are pending termination",
            id="old pods left",
        ),
        pytest.param(
            canary(counts(replicas=7), hashes(OLD, OLD), ROUTED),
            "Healthy",
            "",
            id="old pods left, but a traffic router keeps them for a while",
        ),
        pytest.param(
            canary(counts(), hashes(OLD, DESIRED)),
            "Progressing",
            "waiting for all steps to complete",
            id="canary not stable yet",
        ),
        pytest.param(
            canary(counts(), hashes("", "")),
            "Progressing",
            "waiting for all steps to complete",
            id="canary without a stable version",
        ),
        pytest.param(canary(counts(), hashes(OLD, OLD)), "Healthy", "", id="canary healthy"),
        pytest.param(
            blue_green(counts(), hashes(OLD, DESIRED), status(blueGreen={"activeSelector": OLD})),
            "Progressing",
            "active service cutover pending",
            id="active service on the old version",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, OLD)),
            "Progressing",
            "active service cutover pending",
            id="active service on no version",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, DESIRED), status(blueGreen={"activeSelector": DESIRED}), POST_PROMOTION),
            "Progressing",
            "waiting for analysis to complete",
            id="post-promotion analysis not started",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, DESIRED), post_promotion_run("Running"), POST_PROMOTION),
            "Progressing",
            "waiting for analysis to complete",
            id="post-promotion analysis running",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, DESIRED), post_promotion_run("Successful"), POST_PROMOTION),
            "Progressing",
            "waiting for post-promotion verification to complete",
            id="post-promotion analysis done",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, DESIRED), status(blueGreen={"activeSelector": DESIRED})),
            "Progressing",
            "waiting for post-promotion verification to complete",
            id="no post-promotion analysis",
        ),
        pytest.param(
            blue_green(counts(), hashes("", DESIRED), status(blueGreen={"activeSelector": DESIRED})),
            "Progressing",
            "waiting for post-promotion verification to complete",
            id="blue-green without a stable version",
        ),
        pytest.param(
            blue_green(counts(), hashes(OLD, OLD), status(blueGreen={"activeSelector": OLD})),
            "Healthy",
            "",
            id="blue-green healthy",
        ),
        pytest.param(
            blue_green(counts(replicas=9), hashes(OLD, OLD), status(blueGreen={"activeSelector": OLD})),
            "Healthy",
            "",
            id="blue-green healthy with the previous version still there",
        ),
        pytest.param(rollout({}, counts()), "Healthy", "", id="no strategy is nothing to wait for"),
    ],
)
def test_an_object_without_a_stored_phase_gets_the_calculated_one(raw: Tree, phase: str, message: str) -> None:
    assert calculate_phase(view(raw)) == (phase, message)
    assert rollout_phase(view(raw)) == (phase, message)


@pytest.mark.parametrize("phase", sorted(COMPLETED_ANALYSIS))
def test_every_completed_post_promotion_run_ends_the_wait_for_it(phase: str) -> None:
    raw = blue_green(counts(), hashes(OLD, DESIRED), post_promotion_run(phase), POST_PROMOTION)
    assert rollout_phase(view(raw)) == ("Progressing", "waiting for post-promotion verification to complete")


def test_both_strategies_at_once_are_read_as_blue_green() -> None:
    raw = rollout({"canary": {}, "blueGreen": {}}, counts(), hashes(OLD, DESIRED))
    assert rollout_phase(view(raw)) == ("Progressing", "active service cutover pending")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            canary(fresh("1")),
            ("Progressing", "waiting for rollout spec update to be observed"),
            id="generation not observed",
        ),
        pytest.param(
            canary(fresh("1"), status(phase="Healthy", controllerPause=True)),
            ("Progressing", "waiting for rollout spec update to be observed"),
            id="generation not observed wins over everything else",
        ),
        pytest.param(
            canary(status(controllerPause=True, phase="Paused", message="CanaryPauseStep")),
            ("Progressing", "waiting for rollout to unpause"),
            id="a cleared pause wins over the stored phase",
        ),
        pytest.param(
            canary(
                status(
                    controllerPause=True,
                    pauseConditions=[{"reason": "CanaryPauseStep"}],
                    phase="Paused",
                    message="canary pause",
                )
            ),
            ("Paused", "canary pause"),
            id="the stored phase and message",
        ),
        pytest.param(
            canary(status(phase="Degraded", message="what the controller says"), {"spec": {"paused": True}}),
            ("Degraded", "what the controller says"),
            id="the stored phase wins over the calculated one",
        ),
        pytest.param(
            canary(
                counts(workloadObservedGeneration="1", phase="Healthy"),
                {"metadata": {"annotations": {"rollout.argoproj.io/workload-generation": "2"}}},
            ),
            ("Healthy", ""),
            id="the plugin never looks at the workload's generation; is_observed does",
        ),
        pytest.param(
            {"metadata": {"name": "new", "generation": 1}, "spec": {"strategy": {"canary": {}}}},
            ("Progressing", "more replicas need to be updated"),
            id="a brand-new object",
        ),
        pytest.param(
            {"metadata": {"generation": 1}, "spec": {"replicas": 0, "strategy": {"canary": {}}}},
            ("Progressing", "waiting for all steps to complete"),
            id="a brand-new object with no replicas wanted",
        ),
    ],
)
def test_the_phase_that_a_client_shows(raw: Tree, expected: tuple[str, str]) -> None:
    assert rollout_phase(view(raw)) == expected


@pytest.mark.parametrize(
    ("observed", "generation", "expected"),
    [
        pytest.param("10", 10, True, id="equal"),
        pytest.param("10", 9, True, id="larger"),
        pytest.param("10", 11, False, id="smaller"),
        pytest.param("", 1, True, id="absent"),
        pytest.param("invalid", 1, True, id="no number"),
        pytest.param("7d66d4485f", 2, True, id="hash of v0.9"),
        pytest.param("1366344857", 2, True, id="hash of v0.9, all digits"),
        pytest.param("+1", 2, False, id="Go's Atoi takes a sign"),
        pytest.param("-1", 2, False, id="negative"),
        pytest.param("1_0", 11, True, id="Go's Atoi takes no underscore"),
        pytest.param(" 1", 2, True, id="Go's Atoi takes no space"),
        pytest.param("9" * 30, 2, True, id="too large for Go"),
        pytest.param("-" + "9" * 30, 2, True, id="too small for Go"),
        pytest.param("١", 2, True, id="digits of another script"),
    ],
)
def test_the_plugins_test_of_the_generation(observed: str, generation: int, expected: bool) -> None:
    raw = canary({"metadata": {"generation": generation}}, status(observedGeneration=observed))
    assert plugin_generation_observed(view(raw)) is expected


@pytest.mark.parametrize(
    ("controller_pause", "conditions", "expected"),
    [(True, [], True), (True, [{"reason": "CanaryPauseStep"}], False), (False, [], False)],
    ids=["cleared", "paused by the controller", "not paused"],
)
def test_unpausing_is_a_pause_without_its_condition(
    controller_pause: bool, conditions: list[Tree], expected: bool
) -> None:
    raw = canary(status(controllerPause=controller_pause, pauseConditions=conditions))
    assert is_unpausing(view(raw)) is expected


MAYBE = st.none() | st.booleans()
NUMBER = st.none() | st.integers(0, 9)
HASH = st.sampled_from([None, "", "a", "b"])


@given(
    strategy=st.sampled_from([{}, {"canary": {}}, {"canary": {"trafficRouting": {}}}, {"blueGreen": {}}]),
    replicas=NUMBER,
    paused=MAYBE,
    fields=st.fixed_dictionaries(
        {
            "phase": st.sampled_from([None, ""]),
            "replicas": NUMBER,
            "updatedReplicas": NUMBER,
            "availableReplicas": NUMBER,
            "currentPodHash": HASH,
            "stableRS": HASH,
            "blueGreen": st.none() | st.fixed_dictionaries({"activeSelector": HASH}),
        }
    ),
)
def test_healthy_means_enough_new_pods_and_one_version(
    strategy: Tree, replicas: int | None, paused: bool | None, fields: Tree
) -> None:
    rollout = view({"spec": {"strategy": strategy, "replicas": replicas, "paused": paused}, "status": fields})
    phase, message = rollout_phase(rollout)
    assert phase in {"Healthy", "Progressing", "Paused"}
    assert bool(message) is (phase != "Healthy")
    if phase == "Healthy":
        assert not paused
        assert rollout.counts["available"] >= rollout.counts["updated"] >= rollout.replicas
        assert rollout.strategy == "" or rollout.fully_promoted
