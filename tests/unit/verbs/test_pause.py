# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pause: spec.paused in every state, and nothing but spec.paused."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.pause import STATES as WISHES
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.pause import Pause
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    Change,
    NotYet,
    Plan,
    Sight,
    Unchanged,
)

from tests.unit.support import (
    FIRST_GATE,
    NOT_OBSERVED,
    SPEC_PAUSED,
    STATES,
    TIMED_PAUSE,
    Tree,
    aborted,
    blue_green,
    canary,
    in_words,
    merged,
    paused,
    preview_paused,
    snapshot,
    updating,
    written,
)

HELD = [state for state, raw in STATES.items() if raw["spec"].get("paused")]
UNHOLD: Tree = {"spec": {"paused": None}}


def pause(raw: Tree, state: str = "paused") -> Plan:
    return Pause(Goal(Until.OBSERVED), state).plan(snapshot(raw))


def act(raw: Tree, state: str = "paused") -> Act:
    plan = pause(raw, state)
    assert isinstance(plan, Act), plan
    return plan


@pytest.mark.parametrize("state", STATES)
def test_in_every_state_it_is_held_at_once(state: str) -> None:
    expected = {
        **dict.fromkeys(HELD, "unchanged"),
        "not observed": "not yet: not_observed",
        "invalid spec": "refused: invalid_spec",
        # Without a hold the controller takes them back; with one it would stop.
        "aborting": "not yet: not_restored",
        "aborted": "not yet: not_restored",
    }
    assert in_words(pause(STATES[state])) == expected.get(state, "act: spec.paused")


@pytest.mark.parametrize("state", STATES)
def test_what_is_held_can_be_resumed_whatever_else_it_is(state: str) -> None:
    assert in_words(pause(STATES[state], "resumed")) == ("act: spec.paused" if state in HELD else "unchanged")


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("state", STATES)
def test_no_status_is_ever_written_so_nothing_is_skipped(state: str, wish: str) -> None:
    plan = pause(STATES[state], wish)
    if isinstance(plan, Act):
        assert written(plan) == [{"spec": {"paused": wish == "paused"}}]
        assert plan.change == Change({"paused": wish != "paused"}, {"paused": wish == "paused"})


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("state", STATES)
def test_a_second_run_has_nothing_to_do(state: str, wish: str) -> None:
    plan = pause(STATES[state], wish)
    if isinstance(plan, Act):
        assert isinstance(pause(merged(STATES[state], written(plan)[0]), wish), Unchanged)


def test_an_abort_is_let_back_before_it_is_held() -> None:
    plan = pause(aborted())
    assert isinstance(plan, NotYet)
    assert plan.change == Change({"paused": False}, {"paused": True})
    assert in_words(pause(aborted({"status": {"updatedReplicas": 0}}))) == "act: spec.paused"


def test_an_aborted_update_that_is_held_can_be_let_go() -> None:
    assert in_words(pause(aborted({"spec": {"paused": True}}), "resumed")) == "act: spec.paused"


@pytest.mark.parametrize(
    ("raw", "wish", "message"),
    [
        (canary(), "paused", "paused with nothing on its way; the next version will be held at its start"),
        (updating(3), "paused", "paused revision 3 at step 3 of 7 (setWeight: 50)"),
        (STATES["blue-green starting, manual"], "paused", "paused revision 3 before its next move"),
        (updating(3, SPEC_PAUSED), "resumed", "resumed, nothing was skipped"),
        (
            paused(FIRST_GATE, SPEC_PAUSED),
            "resumed",
            "resumed, nothing was skipped; it waits for CanaryPauseStep at step 1 (pause), which ends when it is "
            "promoted",
        ),
        (
            paused(TIMED_PAUSE, SPEC_PAUSED),
            "resumed",
            "resumed, nothing was skipped; it waits for CanaryPauseStep at step 4 (pause: 300s), which ends by itself "
            "at 2026-01-01T12:04:00Z",
        ),
        (
            preview_paused(SPEC_PAUSED),
            "resumed",
            "resumed, nothing was skipped; it waits for BlueGreenPause, which ends when it is promoted",
        ),
    ],
)
def test_it_says_where_it_is_held_and_what_it_waits_for_then(raw: Tree, wish: str, message: str) -> None:
    assert act(raw, wish).message == message


def test_without_a_hold_it_says_what_the_rollout_waits_for_instead() -> None:
    plan = pause(paused(FIRST_GATE), "resumed")
    assert isinstance(plan, Unchanged)
    assert plan.message == (
        "it is not held by spec.paused; it waits for CanaryPauseStep at step 1 (pause), which ends when it is promoted"
    )


@pytest.mark.parametrize(
    ("now", "sight"),
    [
        (updating(3, {"spec": {"paused": True}}, NOT_OBSERVED), Sight.PENDING),
        # The controller updates conditions first, and writes the generation with them.
        (updating(3, {"spec": {"paused": True}}), Sight.PENDING),
        (updating(3, SPEC_PAUSED), Sight.SEEN),
        (aborted({"spec": {"paused": True}}), Sight.SEEN),
    ],
)
def test_a_pause_is_seen_when_the_phase_speaks_of_it(now: Tree, sight: Sight) -> None:
    assert act(updating(3)).seen(snapshot(now)) is sight


@pytest.mark.parametrize(
    ("now", "sight"),
    [
        (paused(FIRST_GATE, NOT_OBSERVED), Sight.PENDING),
        (paused(FIRST_GATE, SPEC_PAUSED, UNHOLD), Sight.PENDING),
        (paused(FIRST_GATE), Sight.SEEN),
        (updating(2), Sight.SEEN),
        (canary(), Sight.SEEN),
        (aborted(), Sight.SEEN),
    ],
)
def test_a_resumption_is_seen_when_the_phase_speaks_of_something_else(now: Tree, sight: Sight) -> None:
    assert act(paused(FIRST_GATE, SPEC_PAUSED), "resumed").seen(snapshot(now)) is sight


def test_the_field_that_somebody_may_put_back() -> None:
    (field,) = act(canary()).fields
    assert (field.name, field.path, field.old) == ("spec.paused", ("f:spec", "f:paused"), "false")
    assert field.back(snapshot(canary()))
    assert not field.back(snapshot(canary(SPEC_PAUSED)))
    assert field.holder(snapshot(canary())) == canary()


def test_bad_wishes() -> None:
    with pytest.raises(InvalidRequest, match=r"state: 'stopped'.* use one of paused, resumed"):
        Pause(Goal(Until.OBSERVED), "stopped")
    with pytest.raises(InvalidRequest, match=r"wait_until: 'healthy'.*state: resumed"):
        Pause(Goal(Until.HEALTHY), "paused")
    assert Pause(Goal(Until.HEALTHY), "resumed").plan(snapshot(blue_green())) == Unchanged(
        "it is not held by spec.paused"
    )
