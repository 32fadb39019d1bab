# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a wait goes, and what ends it early: every goal in every state."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.waiting import Waiting
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import (
    Ended,
    Goal,
    Reached,
    Until,
    Verdict,
    View,
    is_restored,
    judge,
    parse_until,
)

from tests.unit.support import (
    NEW,
    NOW,
    OTHER,
    SECOND_GATE,
    STABLE,
    STATES,
    Tree,
    aborted,
    blue_green,
    canary,
    paused,
    preview,
    preview_paused,
    snapshot,
    updating,
    view,
)

GOALS = {
    "observed": Goal(Until.OBSERVED),
    "paused": Goal(Until.PAUSED),  # of a verb: to be through is as good
    "wait paused": Goal(Until.PAUSED, healthy_is_enough=False),  # of rollout_wait
    "step": Goal(Until.STEP, step=3),
    "weight": Goal(Until.WEIGHT, weight=50),
    "healthy": Goal(Until.HEALTHY),
    "degraded": Goal(Until.DEGRADED),
    "restored": Goal(Until.RESTORED),
}
# yes: the goal holds. no: it never will, with the reason. A word: what it still waits for. ": the same in all columns.
# fmt: off
TABLE = """
                               | observed   | paused            | wait paused       | step              | weight            | healthy           | degraded   | restored
not observed                   | controller | "                 | "                 | "                 | "                 | "                 | "          | "
first deployment               | yes        | pods              | pods              | pods              | pods              | pods              | pods       | pods
healthy                        | yes        | yes: healthy      | no: healthy       | yes: healthy      | yes: healthy      | yes               | no: healthy| yes
healthy, spec.paused           | yes        | yes               | yes               | person            | person            | person            | person     | yes
at setWeight                   | yes        | pods              | pods              | pods              | pods              | pods              | pods       | pods
at manual pause                | yes        | yes               | yes               | person            | person            | person            | person     | person
at analysis                    | yes        | analysis          | analysis          | analysis          | analysis          | analysis          | analysis   | analysis
between the gates              | yes        | pods              | pods              | yes               | pods              | pods              | pods       | pods
at timed pause                 | yes        | yes               | yes               | yes               | time              | time              | time       | time
at second gate                 | yes        | yes               | yes               | yes               | person            | person            | person     | person
past the gates                 | yes        | pods              | pods              | yes               | pods              | pods              | pods       | pods
past the last step             | yes        | pods              | pods              | yes               | yes               | pods              | pods       | pods
spec.paused at setWeight       | yes        | yes               | yes               | person            | person            | person            | person     | person
spec.paused at manual pause    | yes        | yes               | yes               | person            | person            | person            | person     | person
spec.paused at timed pause     | yes        | yes               | yes               | yes               | person            | person            | person     | person
inconclusive step              | yes        | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | inconclusive | inconclusive
inconclusive step, spec.paused | yes        | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | inconclusive | inconclusive
inconclusive background        | yes        | no: inconclusive  | no: inconclusive  | yes               | no: inconclusive  | no: inconclusive  | inconclusive | inconclusive
unpausing                      | yes        | controller        | controller        | controller        | controller        | controller        | controller | controller
skipped a gate                 | yes        | controller        | controller        | controller        | controller        | controller        | controller | controller
aborting                       | yes        | yes               | yes               | person            | person            | person            | person     | person
aborted                        | yes        | no: aborted       | no: aborted       | no: aborted       | no: aborted       | no: aborted       | yes: aborted | aborted
retrying                       | yes        | aborted           | aborted           | aborted           | aborted           | aborted           | yes: aborted | aborted
full promotion on its way      | yes        | pods              | pods              | yes               | yes               | pods              | pods       | pods
full promotion, spec.paused    | yes        | yes               | yes               | yes               | yes               | person            | person     | person
invalid spec                   | no: invalid_spec | no: invalid_spec  | no: invalid_spec  | no: invalid_spec  | no: invalid_spec  | no: invalid_spec  | yes: invalid_spec | invalid_spec
deadline passed                | yes        | progress_deadline | progress_deadline | progress_deadline | progress_deadline | progress_deadline | yes: progress_deadline | progress_deadline
canary without steps           | yes        | pods              | pods              | pods              | yes               | pods              | pods       | pods
blue-green healthy             | yes        | yes: healthy      | no: healthy       | yes: healthy      | yes: healthy      | yes               | no: healthy| yes
blue-green starting, manual    | yes        | pods              | pods              | pods              | pods              | pods              | pods       | pods
blue-green starting, auto      | yes        | pods              | pods              | pods              | pods              | pods              | pods       | pods
blue-green preview, manual     | yes        | yes               | yes               | person            | person            | person            | person     | person
blue-green preview, timed      | yes        | yes               | yes               | time              | time              | time              | time       | time
blue-green active, not stable  | yes        | pods              | pods              | pods              | pods              | pods              | pods       | pods
blue-green inconclusive        | yes        | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | no: inconclusive  | inconclusive | inconclusive
blue-green aborted             | yes        | no: aborted       | no: aborted       | no: aborted       | no: aborted       | no: aborted       | yes: aborted | yes
workloadRef at manual pause    | yes        | yes               | yes               | person            | person            | person            | person     | person
"""  # noqa: E501
# fmt: on


def rows() -> dict[str, dict[str, str]]:
    head, *lines = ([cell.strip() for cell in line.split("|")] for line in TABLE.strip("\n").splitlines())
    return {
        state: {goal: cells[0] if cell == '"' else cell for goal, cell in zip(head[1:], cells, strict=True)}
        for state, *cells in lines
    }


def judged(goal: Goal, raw: Tree, pinned: str = "") -> Verdict:
    now = snapshot(raw)
    return judge(goal, View(now.rollout, now.observed, NOW, pinned))


def in_words(verdict: Verdict, goal: Goal) -> str:
    match verdict:
        case Reached(reason):
            return "yes" if reason == goal.until.value else f"yes: {reason}"
        case Ended(reason):
            return f"no: {reason}"
        case Waiting(state):
            return state


def test_the_table_is_complete() -> None:
    assert set(rows()) == set(STATES)
    assert all(set(row) == set(GOALS) for row in rows().values())


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("state", STATES)
def test_every_goal_in_every_state(state: str, goal: str) -> None:
    verdict = judged(GOALS[goal], STATES[state])
    assert in_words(verdict, GOALS[goal]) == rows()[state][goal]
    assert verdict.message


# -- the version


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("state", ["healthy", "at manual pause", "aborted", "invalid spec", "unpausing"])
def test_whatever_the_goal_another_version_ends_the_wait(state: str, goal: str) -> None:
    verdict = judged(GOALS[goal], STATES[state], pinned=OTHER)
    assert isinstance(verdict, Ended)
    assert verdict.reason == "superseded"
    assert f"{OTHER} was replaced by {view(STATES[state]).current_hash}" in verdict.message


def test_an_unobserved_change_is_not_judged_to_be_another_version() -> None:
    verdict = judged(Goal(Until.HEALTHY), STATES["not observed"], pinned=OTHER)
    assert isinstance(verdict, Waiting)


def test_the_same_version_goes_on() -> None:
    assert judged(Goal(Until.HEALTHY), STATES["healthy"], pinned=STABLE) == judged(
        Goal(Until.HEALTHY), STATES["healthy"]
    )
    assert isinstance(judged(Goal(Until.HEALTHY), STATES["at setWeight"], pinned=NEW), Waiting)


# -- fail_on


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("aborted", "aborted"),
        ("invalid spec", "invalid_spec"),
        ("inconclusive step", "inconclusive"),
        ("deadline passed", "progress_deadline"),
        ("at manual pause", "paused"),
        ("healthy, spec.paused", "paused"),
        ("blue-green preview, manual", "paused"),
    ],
)
def test_fail_on_ends_a_wait_at_the_states_that_it_names_and_at_no_others(state: str, word: str) -> None:
    every = frozenset({"aborted", "invalid_spec", "inconclusive", "progress_deadline", "paused"})
    only = judged(Goal(Until.HEALTHY, fail_on=frozenset({word})), STATES[state])
    assert isinstance(only, Ended)
    assert only.reason == word
    assert isinstance(judged(Goal(Until.HEALTHY, fail_on=every - {word}), STATES[state]), Waiting)


@pytest.mark.parametrize("state", ["at timed pause", "at setWeight", "at analysis", "unpausing", "retrying"])
def test_what_heals_by_itself_is_no_failure_whatever_is_asked_for(state: str) -> None:
    every = frozenset({"aborted", "invalid_spec", "inconclusive", "progress_deadline", "paused"})
    assert isinstance(judged(Goal(Until.HEALTHY, fail_on=every), STATES[state]), Waiting)


def test_a_wait_for_a_pause_is_not_failed_by_it() -> None:
    verdict = judged(Goal(Until.PAUSED, fail_on=frozenset({"paused"})), STATES["at manual pause"])
    assert isinstance(verdict, Reached)


# -- single goals


@pytest.mark.parametrize(("step", "reached"), [(0, True), (5, True), (6, False)])
def test_a_step_is_reached_from_its_index_on(step: int, reached: bool) -> None:
    assert isinstance(judged(Goal(Until.STEP, step=step), paused(SECOND_GATE)), Reached) is reached


@pytest.mark.parametrize(("weight", "reached"), [(0, True), (20, True), (21, False)])
def test_a_weight_is_reached_from_its_share_on(weight: int, reached: bool) -> None:
    assert isinstance(judged(Goal(Until.WEIGHT, weight=weight), updating(0)), Reached) is reached


@pytest.mark.parametrize("goal", [Goal(Until.STEP, step=0), Goal(Until.WEIGHT, weight=0)], ids=["step", "weight"])
def test_an_aborted_update_has_reached_nothing(goal: Goal) -> None:
    assert isinstance(judged(goal, aborted()), Ended)
    assert isinstance(judged(goal, updating(3, {"status": {"abort": True}})), Waiting)


def test_a_stored_healthy_of_another_version_is_not_healthy() -> None:
    """The stored phase lags while the controller only updates a condition."""
    raw = updating(0, {"status": {"phase": "Healthy", "message": ""}})
    assert not isinstance(judged(Goal(Until.HEALTHY), raw), Reached)
    assert isinstance(judged(Goal(Until.PAUSED), raw), Waiting)


@pytest.mark.parametrize(
    ("goal", "state", "message"),
    [
        ("observed", "healthy", "the controller has observed it; Healthy"),
        ("observed", "at manual pause", "the controller has observed it; Paused (CanaryPauseStep)"),
        ("healthy", "healthy", "revision 2 is healthy and stable"),
        ("paused", "at manual pause", "CanaryPauseStep at step 1 (pause), which ends when it is promoted"),
        ("step", "between the gates", "it is at step 3 of 7"),
        ("weight", "past the last step", "the canary has 100 of 100"),
        ("degraded", "aborted", "RolloutAborted: Rollout aborted update to revision 3"),
        ("restored", "blue-green aborted", f"all traffic is back on the stable version {STABLE}"),
        ("degraded", "healthy", "it is healthy at revision 2 and nothing is on its way"),
    ],
)
def test_the_sentence(goal: str, state: str, message: str) -> None:
    assert judged(GOALS[goal], STATES[state]).message == message


# -- restored


def routed(weight: int) -> Tree:
    return {
        "spec": {"strategy": {"canary": {"trafficRouting": {"istio": {}}}}},
        "status": {"canary": {"weights": {"canary": {"weight": weight}}}},
    }


NO_NEW_PODS: Tree = {"status": {"updatedReplicas": 0}}
BLUE_GREEN_ABORT: Tree = {"status": {"abort": True, "abortedAt": "2026-01-01T11:59:00Z"}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(aborted(), False, id="a new pod still serves"),
        pytest.param(aborted(NO_NEW_PODS), True, id="no new pod left"),
        pytest.param(aborted(routed(30)), False, id="the router still sends some"),
        pytest.param(aborted(routed(0)), True, id="the router sends none, though pods are there"),
        pytest.param(aborted(NO_NEW_PODS, {"status": {"abortedAt": None, "conditions": []}}), False, id="not seen yet"),
        pytest.param(canary(), True, id="nothing on its way"),
        pytest.param(updating(0, NO_NEW_PODS), False, id="not aborted"),
        pytest.param(preview(BLUE_GREEN_ABORT), True, id="preview given up"),
        pytest.param(
            preview(BLUE_GREEN_ABORT, {"status": {"blueGreen": {"activeSelector": NEW}}}),
            False,
            id="the active service is still on the new version",
        ),
        pytest.param(preview_paused(), False, id="preview not given up"),
        pytest.param(blue_green(), True, id="blue-green, nothing on its way"),
    ],
)
def test_traffic_is_restored_when_none_reaches_the_new_version(raw: Tree, expected: bool) -> None:
    assert is_restored(view(raw)) is expected


def test_an_aborted_update_that_is_held_does_not_go_back_by_itself() -> None:
    """Found by a random walk: the controller scales nothing while spec.paused is set."""
    held = judge(Goal(Until.RESTORED), View(view(aborted({"spec": {"paused": True}})), True, NOW))
    assert isinstance(held, Ended)
    assert (held.reason, "rollout_pause with state: resumed" in held.message) == ("paused", True)


# -- names


def test_a_goal_by_its_name() -> None:
    assert parse_until("wait_until", "healthy", (Until.OBSERVED, Until.HEALTHY)) is Until.HEALTHY


@pytest.mark.parametrize("value", ["degraded", "Healthy", "", None])
def test_a_name_that_is_not_allowed(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="use one of observed, healthy") as caught:
        parse_until("wait_until", value, (Until.OBSERVED, Until.HEALTHY))
    assert caught.value.option == "wait_until"
