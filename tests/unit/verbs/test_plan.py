# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verbs share: the snapshot, the sight of a new version, where a canary stands; and the wait."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    NotYet,
    Refused,
    Sight,
    Unchanged,
    not_observed,
    not_valid,
    step_text,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.revision import new_version_seen
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait

from tests.unit.support import (
    END,
    FIRST_GATE,
    LABEL,
    NO_STEPS,
    NOT_OBSERVED,
    STATES,
    WORKLOAD_REF,
    Tree,
    canary,
    condition,
    deployment,
    paused,
    snapshot,
    updating,
    view,
)

HIGHER: Tree = {"metadata": {"generation": 3}, "status": {"observedGeneration": "3"}}


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(canary(NOT_OBSERVED), Sight.PENDING, id="written, nothing more"),
        pytest.param(canary(HIGHER), Sight.PENDING, id="observed with a condition only, the old version still named"),
        pytest.param(updating(0, NOT_OBSERVED), Sight.PENDING, id="a new version, but of a change before the last one"),
        pytest.param(updating(0, HIGHER), Sight.SEEN, id="a new version"),
        pytest.param(canary(HIGHER, condition("InvalidSpec", "InvalidSpec", "no")), Sight.SEEN, id="invalid"),
    ],
)
def test_a_new_version_is_seen_by_its_hash(after: Tree, sight: Sight) -> None:
    assert new_version_seen(snapshot(canary()))(snapshot(after)) is sight


def test_a_new_version_of_a_referenced_workload_is_seen_by_its_hash() -> None:
    seen = new_version_seen(snapshot(canary(WORKLOAD_REF)))
    five = deployment("shop:3", generation=5)
    assert seen(snapshot(canary(WORKLOAD_REF), workload=five)) is Sight.PENDING
    observed: Tree = {"status": {"workloadObservedGeneration": "5"}}
    assert seen(snapshot(canary(WORKLOAD_REF, observed), workload=five)) is Sight.PENDING
    assert seen(snapshot(updating(0, WORKLOAD_REF, observed), workload=five)) is Sight.SEEN


def test_no_act_on_what_is_not_observed() -> None:
    assert not_observed(snapshot(canary())) is None
    plan = not_observed(snapshot(canary(NOT_OBSERVED)))
    assert plan == NotYet("not_observed", "the controller has not observed the last change yet")


def test_no_act_on_what_is_invalid() -> None:
    assert not_valid(view(canary())) is None
    text = f"the spec of {LABEL} is invalid: spec.strategy: Required value; correct it first"
    assert not_valid(view(STATES["invalid spec"])) == Refused("invalid_spec", text)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (paused(FIRST_GATE), "step 1 of 7 (pause)"),
        (updating(END), "the end of its 7 steps"),
        (updating(0, NO_STEPS), "the end of its 0 steps"),
    ],
)
def test_where_a_canary_stands(raw: Tree, text: str) -> None:
    assert step_text(view(raw)) == text


# -- wait


@pytest.mark.parametrize("state", STATES)
def test_a_wait_never_writes(state: str) -> None:
    assert Wait(Goal(Until.HEALTHY)).plan(snapshot(STATES[state])) == Unchanged("")


@pytest.mark.parametrize(
    ("goal", "option"),
    [
        ({"until": Until.STEP}, "step"),
        ({"until": Until.STEP, "weight": 5}, "step"),
        ({"until": Until.WEIGHT}, "weight"),
        ({"until": Until.STEP, "step": -1}, "step"),
        ({"until": Until.WEIGHT, "weight": -1}, "weight"),
        ({"until": Until.HEALTHY, "fail_on": frozenset({"aborted", "tired"})}, "fail_on"),
    ],
    ids=["no step", "a weight instead", "no weight", "a step below 0", "a weight below 0", "an unknown state"],
)
def test_a_wait_for_what_is_not_there(goal: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Wait(Goal(**goal))
    assert caught.value.option == option


@pytest.mark.parametrize(
    "goal",
    [
        {"until": Until.STEP, "step": 0},
        {"until": Until.WEIGHT, "weight": 0},
        {"until": Until.HEALTHY, "fail_on": frozenset()},
    ],
    ids=["step 0", "weight 0", "fail on nothing"],
)
def test_zero_and_nothing_are_values(goal: dict[str, Any]) -> None:
    assert not Wait(Goal(**goal)).needs_history
