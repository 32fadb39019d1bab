# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Abort and retry: in every state what is written, and how the controller's answer is read."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    Change,
    MergePatch,
    Refused,
    Sight,
    Unchanged,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.retry import Retry

from tests.unit.support import (
    FIRST_GATE,
    LABEL,
    NEW,
    NOT_OBSERVED,
    STATES,
    Tree,
    aborted,
    canary,
    in_words,
    merged,
    paused,
    snapshot,
    updating,
)

ABORT, RETRY = Abort(Goal(Until.OBSERVED)), Retry(Goal(Until.OBSERVED))

WRITES = "act: status.abort"
# State: abort, retry. Every other state of an update is aborted, and has nothing to retry.
EXCEPTIONS: dict[str, tuple[str, str]] = {
    "not observed": ("not yet: not_observed", "not yet: not_observed"),
    "first deployment": ("refused: no_stable", "unchanged"),
    "healthy": ("unchanged", "unchanged"),
    "healthy, spec.paused": ("unchanged", "unchanged"),
    "blue-green healthy": ("unchanged", "unchanged"),
    "aborting": ("unchanged", WRITES),
    "aborted": ("unchanged", WRITES),
    "blue-green aborted": ("unchanged", WRITES),
    "full promotion on its way": ("act: status.abort status.promoteFull", "unchanged"),
    "full promotion, spec.paused": ("act: status.abort status.promoteFull, spec.paused", "unchanged"),
    "spec.paused at setWeight": (f"{WRITES}, spec.paused", "unchanged"),
    "spec.paused at manual pause": (f"{WRITES}, spec.paused", "unchanged"),
    "spec.paused at timed pause": (f"{WRITES}, spec.paused", "unchanged"),
    "inconclusive step, spec.paused": (f"{WRITES}, spec.paused", "unchanged"),
    "invalid spec": ("refused: invalid_spec", "unchanged"),
}


@pytest.mark.parametrize("state", STATES)
def test_abort_in_every_state(state: str) -> None:
    assert in_words(ABORT.plan(snapshot(STATES[state]))) == EXCEPTIONS.get(state, (WRITES, ""))[0]


@pytest.mark.parametrize("state", STATES)
def test_retry_in_every_state(state: str) -> None:
    assert in_words(RETRY.plan(snapshot(STATES[state]))) == EXCEPTIONS.get(state, ("", "unchanged"))[1]


# -- abort


def test_an_abort_writes_one_field() -> None:
    plan = ABORT.plan(snapshot(paused(FIRST_GATE)))
    assert isinstance(plan, Act)
    assert plan.patches == (MergePatch({"status": {"abort": True}}, "status"),)
    assert plan.change == Change({"aborted": False, "at": "step 1 of 7 (pause)"}, {"aborted": True})
    assert plan.message == "aborted revision 3 at step 1 of 7 (pause)"


def test_a_full_promotion_is_withdrawn_with_it() -> None:
    """Otherwise the controller drops the abort (issue 4461)."""
    plan = ABORT.plan(snapshot(STATES["full promotion on its way"]))
    assert isinstance(plan, Act)
    assert plan.patches == (MergePatch({"status": {"abort": True, "promoteFull": None}}, "status"),)


def test_a_held_rollout_is_let_go_after_the_abort_or_its_new_pods_would_stay() -> None:
    plan = ABORT.plan(snapshot(STATES["spec.paused at manual pause"]))
    assert isinstance(plan, Act)
    assert plan.patches == (MergePatch({"status": {"abort": True}}, "status"), MergePatch({"spec": {"paused": False}}))
    assert plan.change == Change(
        {"aborted": False, "at": "step 1 of 7 (pause)", "paused": True}, {"aborted": True, "paused": False}
    )
    assert plan.message == ("aborted revision 3 at step 1 of 7 (pause), and resumed it so that its way back is free")
    assert [field.name for field in plan.fields] == ["spec.paused"]


HELD: Tree = {"spec": {"paused": True}}


def test_an_abort_that_got_stuck_in_a_hold_is_let_go() -> None:
    plan = ABORT.plan(snapshot(aborted(HELD)))
    assert isinstance(plan, Act)
    assert plan.patches == (MergePatch({"spec": {"paused": False}}),)
    assert plan.change == Change({"paused": True}, {"paused": False})
    assert plan.message == "it is aborted already, and resumed it so that its way back is free"


def test_a_hold_after_the_way_back_is_somebodys_wish() -> None:
    plan = ABORT.plan(snapshot(aborted(HELD, {"status": {"updatedReplicas": 0}})))
    assert plan == Unchanged("it is aborted already")


def test_nothing_to_abort_names_the_version_that_stays() -> None:
    assert ABORT.plan(snapshot(canary())) == Unchanged(
        "nothing is on its way to abort; revision 2 is the stable version"
    )


def test_an_abort_that_the_controller_will_drop_is_not_called_aborted() -> None:
    plan = ABORT.plan(snapshot(canary({"status": {"abort": True}})))
    assert plan == Unchanged("nothing is on its way to abort; revision 2 is the stable version")


def test_there_is_nothing_to_go_back_to() -> None:
    plan = ABORT.plan(snapshot(STATES["first deployment"]))
    text = f"{LABEL} has no stable version yet to go back to"
    assert plan == Refused("no_stable", f"{text}; correct the image with rollout_set_image, or delete the Rollout")


THROUGH: Tree = {"status": {"currentPodHash": NEW, "stableRS": NEW}}


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(STATES["aborting"], Sight.PENDING, id="written, nothing more"),
        pytest.param(aborted(), Sight.SEEN, id="acted on"),
        pytest.param(
            merged(STATES["aborting"], {"status": {"conditions": aborted()["status"]["conditions"]}}),
            Sight.PENDING,
            id="the condition of an earlier abort is no answer",
        ),
        pytest.param(aborted(NOT_OBSERVED), Sight.PENDING, id="the resume is not observed yet"),
        pytest.param(updating(FIRST_GATE), Sight.LOST, id="taken back: the rollback window, or a retry"),
        pytest.param(canary(THROUGH), Sight.LOST, id="promoted meanwhile"),
        pytest.param(canary(THROUGH, {"status": {"abort": True}}), Sight.LOST, id="promoted, the mark still there"),
    ],
)
def test_an_abort_is_seen_by_its_time(after: Tree, sight: Sight) -> None:
    plan = ABORT.plan(snapshot(paused(FIRST_GATE)))
    assert isinstance(plan, Act)
    assert plan.seen(snapshot(after)) is sight


# -- retry


def test_a_retry_writes_one_field() -> None:
    plan = RETRY.plan(snapshot(aborted()))
    assert isinstance(plan, Act)
    assert plan.patches == (MergePatch({"status": {"abort": False}}, "status"),)
    assert plan.change == Change({"aborted": True}, {"aborted": False})
    assert plan.message == "revision 3 starts again from its first step"


def test_nothing_to_retry() -> None:
    assert RETRY.plan(snapshot(canary())) == Unchanged("it is not aborted, so there is nothing to retry")


def test_an_invalid_spec_is_not_retried() -> None:
    plan = RETRY.plan(snapshot(merged(STATES["invalid spec"], {"status": {"abort": True}})))
    text = f"the spec of {LABEL} is invalid: spec.strategy: Required value; correct it first"
    assert plan == Refused("invalid_spec", text)


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(STATES["retrying"], Sight.PENDING, id="written, nothing more"),
        pytest.param(
            merged(STATES["retrying"], {"status": {"abortedAt": None}}), Sight.PENDING, id="the condition still says it"
        ),
        pytest.param(
            merged(STATES["retrying"], {"status": {"conditions": []}}), Sight.PENDING, id="the time still says it"
        ),
        pytest.param(updating(0), Sight.SEEN, id="started again"),
        pytest.param(aborted(), Sight.SEEN, id="aborted again at once"),
    ],
)
def test_a_retry_is_seen_when_nothing_speaks_of_the_abort_any_more(after: Tree, sight: Sight) -> None:
    plan = RETRY.plan(snapshot(aborted()))
    assert isinstance(plan, Act)
    assert plan.seen(snapshot(after)) is sight
