# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of a Rollout: what it says of weights, steps, pauses and versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.phase import rollout_phase
from ansible_collections.progressive.delivery.plugins.module_utils._model.rollout import (
    AnalysisRef,
    Condition,
    PauseCondition,
    Rollout,
    WorkloadRef,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import (
    ABORT_MESSAGE,
    ANALYSIS_STEP,
    END,
    FIRST_GATE,
    LABEL,
    MANUAL,
    NEW,
    NO_STEPS,
    NOW,
    SECOND_GATE,
    SPEC_PAUSED,
    STABLE,
    STATES,
    STEPS,
    TIMED,
    TIMED_PAUSE,
    UID,
    WORKLOAD_REF,
    Tree,
    aborted,
    blue_green,
    canary,
    paused,
    preview_paused,
    updating,
    view,
)


def routed(*, weight: int | None = None, most: int | None = None) -> Tree:
    """A traffic router, and the weight that the controller last wrote to it."""
    weights = {"canary": {"weight": weight}, "stable": {"weight": 100 - weight}} if weight is not None else None
    return {
        "spec": {"strategy": {"canary": {"trafficRouting": {"istio": {}, "maxTrafficWeight": most}}}},
        "status": {"canary": {"weights": weights}},
    }


def pods(current: int, updated: int, available: int) -> Tree:
    return {"status": {"replicas": current, "updatedReplicas": updated, "availableReplicas": available}}


def test_the_fields_of_a_canary() -> None:
    rollout = view(paused(FIRST_GATE))
    assert (rollout.name, rollout.namespace, rollout.uid) == ("shop", "prod", UID)
    assert (rollout.label, rollout.strategy, rollout.replicas) == (LABEL, "canary", 5)
    assert (rollout.generation, rollout.observed_generation, rollout.resource_version) == (2, "2", "100")
    assert (rollout.current_hash, rollout.stable_hash, rollout.revision) == (NEW, STABLE, 3)
    assert (rollout.status_phase, rollout.status_message) == ("Paused", "CanaryPauseStep")
    assert rollout.pause_conditions == (PauseCondition("CanaryPauseStep", NOW - timedelta(seconds=60)),)
    assert rollout.controller_pause
    assert (rollout.spec_paused, rollout.abort, rollout.promote_full) == (False, False, False)
    assert rollout.counts == {"current": 5, "updated": 1, "ready": 5, "available": 5}
    assert len(rollout.steps) == END


@pytest.mark.parametrize("raw", [{}, {"metadata": None, "spec": None, "status": None}], ids=["absent", "null"])
def test_an_empty_object_has_a_view(raw: Tree) -> None:
    rollout = Rollout.parse(raw)
    assert rollout.replicas == 1
    assert (rollout.strategy, rollout.steps, rollout.step_index, rollout.index) == ("", (), None, 0)
    assert (rollout.generation, rollout.revision, rollout.current_hash, rollout.stable_hash) == (0, 0, "", "")
    assert rollout.counts == {"current": 0, "updated": 0, "ready": 0, "available": 0}
    assert rollout.fully_promoted
    assert not rollout.updating
    assert (rollout.spec, rollout.status, rollout.strategy_spec) == ({}, {}, {})
    assert (rollout.pause_until, rollout.pause_is_timed, rollout.abort_condition) == (None, False, None)


@pytest.mark.parametrize("state", STATES)
def test_every_field_may_be_null(state: str) -> None:
    raw = STATES[state]
    for section in ("metadata", "spec", "status"):
        for field in raw[section]:
            rollout = Rollout.parse({**raw, section: {**raw[section], field: None}})
            assert rollout_phase(rollout)[0] in {"Healthy", "Degraded", "Progressing", "Paused"}
            assert 0 <= rollout.actual_weight <= 100


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(canary(), (True, False), id="healthy"),
        pytest.param(updating(0), (False, True), id="updating"),
        pytest.param(updating(0, {"status": {"stableRS": None}}), (False, False), id="first deployment"),
        pytest.param(aborted(), (False, True), id="aborted: the spec still wants the new version"),
    ],
)
def test_fully_promoted_and_updating(raw: Tree, expected: tuple[bool, bool]) -> None:
    rollout = view(raw)
    assert (rollout.fully_promoted, rollout.updating) == expected


@pytest.mark.parametrize(
    ("annotation", "revision"),
    [("7", 7), (None, 0), ("", 0), ("seven", 0), ("-1", 0), ("²", 0), ("1.5", 0)],
)
def test_the_revision_is_what_the_controller_numbered(annotation: str | None, revision: int) -> None:
    raw = canary({"metadata": {"annotations": {"rollout.argoproj.io/revision": annotation}}})
    assert view(raw).revision == revision


@pytest.mark.parametrize(
    ("raw", "index", "step"),
    [
        pytest.param(updating(FIRST_GATE), FIRST_GATE, "pause", id="at a step"),
        pytest.param(updating(0, {"status": {"currentStepIndex": None}}), 0, "setWeight: 20", id="absent means 0"),
        pytest.param(updating(END), END, None, id="past the last step"),
        pytest.param(updating(END + 5), END + 5, None, id="steps were removed"),
        pytest.param(updating(0, NO_STEPS), 0, None, id="no steps"),
        pytest.param(blue_green(), 0, None, id="blue-green"),
    ],
)
def test_the_current_step(raw: Tree, index: int, step: str | None) -> None:
    rollout = view(raw)
    assert rollout.index == index
    assert (None if rollout.current_step is None else str(rollout.current_step)) == step


# -- weights


@pytest.mark.parametrize(
    ("raw", "weight"),
    [
        pytest.param(updating(0), 20, id="at setWeight"),
        pytest.param(updating(ANALYSIS_STEP), 20, id="the last setWeight before the step"),
        pytest.param(updating(SECOND_GATE), 50, id="a later one"),
        pytest.param(updating(END), 100, id="past the last step"),
        pytest.param(updating(END, routed(most=1000)), 1000, id="past the last step, of maxTrafficWeight"),
        pytest.param(updating(0, NO_STEPS), 100, id="no steps"),
        pytest.param(canary(), 100, id="healthy"),
        pytest.param(aborted(), 0, id="aborted"),
        pytest.param(updating(END, {"status": {"abort": True}}), 0, id="abort not acted on yet"),
        pytest.param(updating(0, {"spec": {"strategy": {"canary": {"steps": [{"pause": {}}]}}}}), 0, id="no weight"),
    ],
)
def test_the_set_weight_is_the_plugins(raw: Tree, weight: int) -> None:
    assert view(raw).set_weight == weight


@pytest.mark.parametrize(
    ("raw", "weight"),
    [
        pytest.param(updating(0, pods(5, 1, 5)), 20, id="1 of 5 pods"),
        pytest.param(updating(0, pods(6, 2, 6)), 33, id="2 of 6 pods, rounded down"),
        pytest.param(updating(0, pods(6, 2, 5)), 20, id="one pod is starting: the lower bound"),
        pytest.param(updating(0, pods(6, 1, 4)), 0, id="more are starting than are new"),
        pytest.param(updating(0, pods(5, 1, 0)), 0, id="no pod available"),
        pytest.param(updating(0, pods(4, 1, 5)), 20, id="a status in between"),
        pytest.param(updating(0, pods(5, 1, 5), routed(weight=7)), 7, id="what the router was told"),
        pytest.param(updating(0, pods(5, 1, 5), routed(weight=0)), 0, id="the router was told zero"),
        pytest.param(updating(0, pods(5, 1, 0), routed()), 20, id="the router was told nothing yet"),
        pytest.param(updating(0, pods(4, 1, 4), routed(weight=250, most=1000)), 250, id="of maxTrafficWeight"),
        pytest.param(updating(END), 100, id="past the last step"),
        pytest.param(updating(END, routed(weight=80, most=1000)), 1000, id="past the last step, with a router"),
        pytest.param(canary(), 100, id="healthy"),
        pytest.param(aborted(pods(5, 0, 5)), 0, id="aborted, the new pods are gone"),
        pytest.param(aborted(pods(5, 1, 5)), 20, id="aborted, a new pod is still there"),
        pytest.param(aborted(routed(weight=30)), 30, id="aborted, the router steps back slowly"),
        pytest.param(
            updating(END, pods(10, 5, 10), routed(weight=100), {"status": {"abort": True}}),
            100,
            id="abort written at the end of the steps: the canary still has all traffic",
        ),
        pytest.param(
            updating(0, NO_STEPS, pods(10, 5, 10), {"status": {"abort": True}}),
            50,
            id="abort written without steps: the new pods still serve",
        ),
    ],
)
def test_the_actual_weight_is_what_is_in_force(raw: Tree, weight: int) -> None:
    assert view(raw).actual_weight == weight


@given(current=st.integers(0, 50), updated=st.integers(0, 50), available=st.integers(0, 50), index=st.integers(0, 9))
def test_an_actual_weight_is_a_share(current: int, updated: int, available: int, index: int) -> None:
    weight = view(updating(index, pods(max(current, updated, available), updated, available))).actual_weight
    assert 0 <= weight <= 100


def test_only_a_canary_is_traffic_routed() -> None:
    assert view(canary(routed())).traffic_routed
    assert not view(canary()).traffic_routed
    assert not view(blue_green()).traffic_routed
    assert view(blue_green()).max_weight == 100


# -- pauses


@pytest.mark.parametrize(
    ("raw", "seconds", "timed"),
    [
        pytest.param(paused(FIRST_GATE), None, False, id="pause without end"),
        pytest.param(paused(TIMED_PAUSE), 240, True, id="5m pause that began a minute ago"),
        pytest.param(paused(TIMED_PAUSE, SPEC_PAUSED), None, True, id="spec.paused holds a timed pause"),
        pytest.param(paused(0), None, False, id="a pause left over at a step that is none"),
        pytest.param(paused(END), None, False, id="a pause past the last step"),
        pytest.param(paused(TIMED_PAUSE, reason="InconclusiveAnalysisRun"), None, False, id="inconclusive"),
        pytest.param(updating(TIMED_PAUSE), None, False, id="not paused"),
        pytest.param(canary(SPEC_PAUSED), None, False, id="spec.paused alone"),
        pytest.param(preview_paused(MANUAL), None, False, id="preview, manual"),
        pytest.param(preview_paused(TIMED), 240, True, id="preview, timed"),
        pytest.param(preview_paused(TIMED, MANUAL), None, False, id="preview, a time that manual overrules"),
        pytest.param(preview_paused(), None, False, id="preview, no time"),
    ],
)
def test_when_a_pause_ends_by_itself(raw: Tree, seconds: float | None, timed: bool) -> None:
    rollout = view(raw)
    assert rollout.pause_until == (None if seconds is None else NOW + timedelta(seconds=seconds))
    assert rollout.pause_is_timed is timed


def test_a_timed_pause_without_a_start_has_no_known_end() -> None:
    raw = paused(TIMED_PAUSE, {"status": {"pauseConditions": [{"reason": "CanaryPauseStep"}]}})
    assert view(raw).pause_until is None
    assert view(raw).pause_is_timed


# -- the rest


def test_conditions_are_found_by_type_and_by_reason() -> None:
    rollout = view(aborted())
    aborted_condition = Condition("Progressing", "False", "RolloutAborted", ABORT_MESSAGE)
    assert rollout.conditions == (aborted_condition,)
    assert rollout.condition("Progressing") == rollout.abort_condition == aborted_condition
    assert rollout.condition("InvalidSpec") is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param({}, [], id="none"),
        pytest.param(
            {"canary": {"currentStepAnalysisRunStatus": {"name": "a", "status": "Running", "message": "m"}}},
            [AnalysisRef("step", "a", "Running", "m")],
            id="step",
        ),
        pytest.param(
            {"canary": {"currentBackgroundAnalysisRunStatus": {"name": "a"}}},
            [AnalysisRef("background", "a", "", "")],
            id="background, just made",
        ),
        pytest.param(
            {
                "blueGreen": {
                    "prePromotionAnalysisRunStatus": {"name": "a", "status": "Successful"},
                    "postPromotionAnalysisRunStatus": {"name": "b", "status": "Failed", "message": "no"},
                }
            },
            [AnalysisRef("pre_promotion", "a", "Successful", ""), AnalysisRef("post_promotion", "b", "Failed", "no")],
            id="before and after promotion",
        ),
    ],
)
def test_the_analysis_that_the_status_names(status: dict[str, Any], expected: list[AnalysisRef]) -> None:
    assert view(canary({"status": status})).analysis == tuple(expected)


def test_a_reference_to_a_workload() -> None:
    assert view(canary(WORKLOAD_REF)).workload_ref == WorkloadRef("apps/v1", "Deployment", "shop-pods")
    assert view(canary()).workload_ref is None


def test_a_view_does_not_change_the_object() -> None:
    raw = paused(FIRST_GATE)
    assert view(raw).raw is raw
    assert raw == paused(FIRST_GATE)
    assert raw["spec"]["strategy"]["canary"]["steps"] == STEPS


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"canary": {"steps": [{"setWeight": 20}]}}, False),
        ({"canary": {"steps": [{"analysis": {"templates": [{"templateName": "a"}]}}]}}, True),
        ({"canary": {"steps": [{"experiment": {"templates": []}}]}}, True),
        ({"canary": {"analysis": {"templates": [{"templateName": "a"}]}}}, True),
        ({"blueGreen": {"activeService": "a"}}, False),
        ({"blueGreen": {"prePromotionAnalysis": {"templates": [{"templateName": "a"}]}}}, True),
        ({"blueGreen": {"postPromotionAnalysis": {"templates": [{"templateName": "a"}]}}}, True),
    ],
)
def test_whether_a_strategy_asks_for_an_analysis(strategy: dict[str, Any], expected: bool) -> None:
    raw = canary()
    raw["spec"]["strategy"] = strategy
    assert view(raw).has_analysis is expected
