# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promote: what it writes in every state, and what it never does unless it is asked for by name."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    Change,
    MergePatch,
    NotYet,
    Refused,
    Sight,
    Unchanged,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import MODES, Promote

from tests.unit.support import (
    ANALYSIS_STEP,
    END,
    FIRST_GATE,
    LABEL,
    MANUAL,
    NEW,
    NO_STEPS,
    NOT_OBSERVED,
    OTHER,
    SECOND_GATE,
    SPEC_PAUSED,
    STATES,
    TIMED_PAUSE,
    WORKLOAD_REF,
    Tree,
    ago,
    canary,
    deployment,
    in_words,
    merged,
    paused,
    preview,
    preview_paused,
    snapshot,
    updating,
    written,
)

OBSERVED = Goal(Until.OBSERVED)

PASS = "act: status.pauseConditions"
RESUME = "act: spec.paused"
FULL = "act: status.promoteFull"
SKIP = "act: status.pauseConditions status.controllerPause status.currentStepIndex"


def promote(**options: Any) -> Promote:
    return Promote(goal=OBSERVED, **options)


def act(raw: Tree, **options: Any) -> Act:
    plan = promote(**options).plan(snapshot(raw))
    assert isinstance(plan, Act), plan
    return plan


# State: mode gate, mode full, mode skip_step of the step that it is at.
TABLE: dict[str, tuple[str, str, str]] = {
    "not observed": ("not yet: not_observed", "not yet: not_observed", "not yet: not_observed"),
    "first deployment": ("unchanged", "unchanged", "unchanged"),
    "healthy": ("unchanged", "unchanged", "unchanged"),
    "healthy, spec.paused": (RESUME, RESUME, "refused: invalid_request"),
    "at setWeight": ("not yet: not_paused", FULL, SKIP),
    "at manual pause": (PASS, FULL, SKIP),
    "at analysis": ("unchanged", FULL, SKIP),
    "between the gates": ("unchanged", FULL, SKIP),
    "at timed pause": ("unchanged", FULL, SKIP),
    "at second gate": (PASS, FULL, SKIP),
    "past the gates": ("unchanged", FULL, SKIP),
    "past the last step": ("unchanged", FULL, "refused: invalid_request"),
    "spec.paused at setWeight": (RESUME, f"{RESUME}, status.promoteFull", "refused: paused"),
    "spec.paused at manual pause": (
        f"{RESUME}, status.pauseConditions",
        f"{RESUME}, status.promoteFull",
        "refused: paused",
    ),
    "spec.paused at timed pause": (RESUME, f"{RESUME}, status.promoteFull", "refused: paused"),
    "inconclusive step": ("refused: inconclusive", FULL, SKIP),
    "inconclusive step, spec.paused": (
        "refused: inconclusive",
        f"{RESUME}, status.promoteFull",
        "refused: paused",
    ),
    "inconclusive background": ("refused: inconclusive", FULL, SKIP),
    "unpausing": ("not yet: not_observed", FULL, "not yet: not_observed"),
    "skipped a gate": ("unchanged", FULL, SKIP),
    "aborting": ("refused: aborted", FULL, "refused: aborted"),
    "aborted": ("refused: aborted", FULL, "refused: aborted"),
    "retrying": ("not yet: not_paused", FULL, SKIP),
    "full promotion on its way": ("unchanged", "unchanged", "refused: invalid_request"),
    "full promotion, spec.paused": (RESUME, RESUME, "refused: invalid_request"),
    "invalid spec": ("refused: invalid_spec", "refused: invalid_spec", "refused: invalid_spec"),
    "deadline passed": ("not yet: not_paused", FULL, SKIP),
    "canary without steps": ("unchanged", FULL, "refused: no_steps"),
    "blue-green healthy": ("unchanged", "unchanged", "unchanged"),
    "blue-green starting, manual": ("not yet: not_paused", FULL, "refused: no_steps"),
    "blue-green starting, auto": ("unchanged", FULL, "refused: no_steps"),
    "blue-green preview, manual": (PASS, FULL, "refused: no_steps"),
    "blue-green preview, timed": ("unchanged", FULL, "refused: no_steps"),
    "blue-green active, not stable": ("unchanged", FULL, "refused: no_steps"),
    "blue-green inconclusive": ("refused: inconclusive", FULL, "refused: no_steps"),
    "blue-green aborted": ("refused: aborted", FULL, "refused: aborted"),
    "workloadRef at manual pause": (PASS, FULL, SKIP),
}


def test_every_state_is_in_the_table() -> None:
    assert set(TABLE) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_mode_gate_in_every_state(state: str) -> None:
    assert in_words(promote().plan(snapshot(STATES[state]))) == TABLE[state][0]


@pytest.mark.parametrize("state", STATES)
def test_mode_full_in_every_state(state: str) -> None:
    assert in_words(promote(mode="full").plan(snapshot(STATES[state]))) == TABLE[state][1]


@pytest.mark.parametrize("state", STATES)
def test_mode_skip_step_in_every_state(state: str) -> None:
    now = snapshot(STATES[state])
    assert in_words(promote(mode="skip_step", expected_step=now.rollout.index).plan(now)) == TABLE[state][2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("state", STATES)
def test_every_answer_names_what_is_and_what_to_do(state: str, mode: str) -> None:
    now = snapshot(STATES[state])
    plan = promote(mode=mode, expected_step=now.rollout.index if mode == "skip_step" else None).plan(now)
    assert plan.message
    if isinstance(plan, Refused):
        assert LABEL in plan.message


# -- expected_step


@pytest.mark.parametrize(
    ("raw", "step", "expected"),
    [
        pytest.param(updating(0), 1, "not yet: not_at_step", id="before it"),
        pytest.param(updating(FIRST_GATE), 1, "not yet: not_paused", id="at it, about to pause"),
        pytest.param(paused(FIRST_GATE), 1, PASS, id="at it"),
        pytest.param(STATES["unpausing"], 1, "not yet: not_observed", id="at it, just promoted"),
        pytest.param(updating(2), 1, "unchanged", id="past it"),
        pytest.param(paused(SECOND_GATE), 1, "unchanged", id="past it, at another gate"),
        pytest.param(updating(END), 1, "unchanged", id="past all steps"),
        pytest.param(canary(), 1, "unchanged", id="nothing on its way"),
        pytest.param(paused(FIRST_GATE), 5, "refused: unexpected_step", id="held by a gate before it"),
        pytest.param(updating(0, SPEC_PAUSED), 1, "refused: unexpected_step", id="held by spec.paused before it"),
        pytest.param(paused(TIMED_PAUSE), 5, "not yet: not_at_step", id="a timed pause before it ends by itself"),
        pytest.param(
            paused(TIMED_PAUSE, SPEC_PAUSED), 5, "refused: unexpected_step", id="a timed pause before it that is held"
        ),
        pytest.param(
            paused(ANALYSIS_STEP, reason="InconclusiveAnalysisRun"),
            5,
            "refused: unexpected_step",
            id="inconclusive before it",
        ),
        pytest.param(STATES["aborted"], 1, "refused: aborted", id="aborted before it"),
        pytest.param(STATES["aborted"], 0, "refused: aborted", id="aborted at it"),
        pytest.param(paused(TIMED_PAUSE), 4, PASS, id="a timed pause that is named"),
        pytest.param(
            paused(TIMED_PAUSE, SPEC_PAUSED), 4, f"{RESUME}, status.pauseConditions", id="one that is also held"
        ),
        pytest.param(updating(0, SPEC_PAUSED), 0, RESUME, id="spec.paused at it"),
        pytest.param(updating(0), 0, "refused: invalid_request", id="it is no gate"),
        pytest.param(updating(ANALYSIS_STEP), 2, "refused: invalid_request", id="it is an analysis"),
        pytest.param(updating(0), END, "refused: invalid_request", id="there is no such step"),
        pytest.param(updating(0, NO_STEPS), 0, "refused: no_steps", id="there are no steps"),
        pytest.param(preview_paused(MANUAL), 0, "refused: no_steps", id="blue-green has no steps"),
    ],
)
def test_an_expected_step_is_the_only_one_that_is_passed(raw: Tree, step: int, expected: str) -> None:
    assert in_words(promote(expected_step=step).plan(snapshot(raw))) == expected


@pytest.mark.parametrize(
    ("mode", "raw", "expected"),
    [
        pytest.param("full", updating(0), "not yet: not_at_step", id="full, before it"),
        pytest.param("full", paused(FIRST_GATE), FULL, id="full, at it"),
        pytest.param("full", paused(SECOND_GATE), "unchanged", id="full, past it"),
        pytest.param("full", STATES["aborted"], "refused: aborted", id="full, will never get there"),
        pytest.param("skip_step", updating(0), "not yet: not_at_step", id="skip, before it"),
        pytest.param("skip_step", updating(FIRST_GATE), SKIP, id="skip, at it"),
        pytest.param("skip_step", updating(ANALYSIS_STEP), "unchanged", id="skip, past it: a second run skips no more"),
    ],
)
def test_the_other_modes_keep_to_the_expected_step_too(mode: str, raw: Tree, expected: str) -> None:
    assert in_words(promote(mode=mode, expected_step=FIRST_GATE).plan(snapshot(raw))) == expected


def test_a_wait_for_a_gate_foresees_what_it_will_write() -> None:
    passed = Change({"gate": "step 1"}, {"gate": "step 1 passed"})
    for plan in (
        promote().plan(snapshot(updating(0))),
        promote(expected_step=1).plan(snapshot(updating(0))),
        promote(expected_step=1).plan(snapshot(updating(1))),
    ):
        assert isinstance(plan, NotYet)
        assert plan.change == passed
    starting = promote().plan(snapshot(preview(MANUAL)))
    assert isinstance(starting, NotYet)
    assert starting.change == Change({"active": "stable"}, {"active": "preview"})


# -- guards


@pytest.mark.parametrize("mode", MODES)
def test_another_revision_is_not_promoted(mode: str) -> None:
    plan = promote(mode=mode, expected_step=1, expected_revision=2).plan(snapshot(paused(FIRST_GATE)))
    assert plan == Refused(
        "unexpected_revision", f"expected_revision is 2 but {LABEL} is at revision 3; nothing was promoted"
    )


@pytest.mark.parametrize("mode", MODES)
def test_other_images_are_not_promoted(mode: str) -> None:
    images = {"app": "shop:3", "proxy": "envoy:1"}
    plan = promote(mode=mode, expected_step=1, expected_images=images).plan(snapshot(paused(FIRST_GATE)))
    found = "app runs shop:2, proxy runs nothing"
    assert plan == Refused("unexpected_images", f"expected_images do not match {LABEL}: {found}; nothing was promoted")


def test_the_guards_let_the_right_version_pass() -> None:
    options = {"expected_step": 1, "expected_revision": 3, "expected_images": {"app": "shop:2"}}
    assert in_words(promote(**options).plan(snapshot(paused(FIRST_GATE)))) == PASS


def test_the_images_of_a_referenced_workload_are_guarded() -> None:
    now = snapshot(paused(FIRST_GATE, WORKLOAD_REF), workload=deployment("shop:9"))
    assert in_words(promote(expected_images={"app": "shop:9"}).plan(now)) == PASS
    assert in_words(promote(expected_images={"app": "shop:2"}).plan(now)) == "refused: unexpected_images"


def test_the_guards_hold_also_when_nothing_is_on_its_way() -> None:
    assert in_words(promote(expected_revision=3).plan(snapshot(canary()))) == "refused: unexpected_revision"


def test_an_unobserved_change_is_waited_for_before_the_guards_are_asked() -> None:
    plan = promote(expected_revision=99).plan(snapshot(paused(FIRST_GATE, NOT_OBSERVED)))
    assert in_words(plan) == "not yet: not_observed"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"mode": "half"}, "mode"),
        ({"mode": "skip_step"}, "mode"),
        ({"expected_step": -1}, "expected_step"),
    ],
    ids=["unknown mode", "skip without a name", "negative step"],
)
def test_unusable_options(options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        promote(**options)
    assert caught.value.option == option


# -- what is asked for by name


def test_a_timed_pause_is_ended_early_only_by_name() -> None:
    plan = promote().plan(snapshot(paused(TIMED_PAUSE)))
    assert isinstance(plan, Unchanged)
    assert "ends by itself at 2026-01-01T12:04:00Z" in plan.message
    assert in_words(promote(pass_timed_pause=True).plan(snapshot(paused(TIMED_PAUSE)))) == PASS
    held = snapshot(paused(TIMED_PAUSE, SPEC_PAUSED))
    assert in_words(promote(pass_timed_pause=True).plan(held)) == f"{RESUME}, status.pauseConditions"
    blue_green = snapshot(STATES["blue-green preview, timed"])
    assert in_words(promote(pass_timed_pause=True).plan(blue_green)) == PASS


def test_what_is_held_is_to_be_resumed_by_what_passes_no_gate() -> None:
    held = promote(mode="skip_step", expected_step=FIRST_GATE).plan(snapshot(STATES["spec.paused at manual pause"]))
    assert isinstance(held, Refused)
    assert held.message.endswith("resume it first with rollout_pause state: resumed")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("inconclusive step", SKIP),
        ("inconclusive step, spec.paused", f"{RESUME}, {SKIP[5:]}"),
        ("inconclusive background", PASS),
        ("blue-green inconclusive", PASS),
    ],
)
def test_an_inconclusive_analysis_is_passed_only_by_name(state: str, expected: str) -> None:
    assert in_words(promote(pass_inconclusive=True).plan(snapshot(STATES[state]))) == expected
    assert in_words(promote(pass_timed_pause=True).plan(snapshot(STATES[state]))) == "refused: inconclusive"


def test_an_inconclusive_experiment_is_left_by_its_index() -> None:
    steps = [{"setWeight": 20}, {"experiment": {"templates": []}}]
    raw = paused(1, {"spec": {"strategy": {"canary": {"steps": steps}}}}, reason="InconclusiveExperiment")
    assert in_words(promote(pass_inconclusive=True).plan(snapshot(raw))) == SKIP


# -- what is written, in which order, and how it is seen


def test_passing_a_gate_writes_no_step() -> None:
    plan = act(paused(FIRST_GATE))
    assert plan.patches == (MergePatch({"status": {"pauseConditions": None}}, "status"),)
    assert plan.change == Change({"paused": "CanaryPauseStep at step 1 of 7 (pause)"}, {"paused": None})
    assert plan.message == "passed the gate at step 1 of 7 (pause)"


def test_a_held_gate_is_resumed_first() -> None:
    """When the second write is lost the rollout still stands at its gate, and a new try finds it there."""
    assert written(act(paused(FIRST_GATE, SPEC_PAUSED))) == [
        {"spec": {"paused": False}},
        {"status": {"pauseConditions": None}},
    ]


def test_a_full_promotion() -> None:
    plan = act(paused(FIRST_GATE), mode="full")
    assert plan.patches == (MergePatch({"status": {"promoteFull": True}}, "status"),)
    assert plan.change == Change(
        {"promotion": "at step 1 of 7 (pause)"}, {"promotion": "full, without steps and analysis"}
    )


def test_a_skip_names_the_next_step() -> None:
    plan = act(updating(ANALYSIS_STEP), mode="skip_step", expected_step=ANALYSIS_STEP)
    assert written(plan) == [{"status": {"pauseConditions": None, "controllerPause": False, "currentStepIndex": 3}}]
    assert plan.change == Change({"step": 2}, {"step": 3})
    assert plan.message == "skipped step 2 (analysis)"


def test_a_resume_skips_nothing() -> None:
    plan = act(updating(0, SPEC_PAUSED))
    assert plan.patches == (MergePatch({"spec": {"paused": False}}),)
    assert plan.change == Change({"paused": True}, {"paused": False})


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (paused(FIRST_GATE), "step 1 of 7 (pause)"),
        (preview_paused(MANUAL), "the preview"),
        (paused(3, reason="InconclusiveAnalysisRun"), "InconclusiveAnalysisRun"),
        (paused(0, NO_STEPS), "revision 3"),
    ],
    ids=["canary", "blue-green", "inconclusive", "no steps"],
)
def test_where_it_was_is_told(raw: Tree, where: str) -> None:
    assert act(raw, pass_inconclusive=True).message == f"passed the gate at {where}"


NEXT = merged(updating(2), {"metadata": {"resourceVersion": "101"}})


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(STATES["unpausing"], Sight.PENDING, id="written, nothing more"),
        pytest.param(NEXT, Sight.SEEN, id="the next step"),
        pytest.param(paused(SECOND_GATE), Sight.SEEN, id="the next gate"),
        pytest.param(paused(FIRST_GATE, since=1), Sight.SEEN, id="a pause that began later"),
        pytest.param(canary({"status": {"currentPodHash": NEW, "stableRS": NEW}}), Sight.SEEN, id="through"),
        pytest.param(STATES["aborted"], Sight.SEEN, id="aborted meanwhile"),
        pytest.param(paused(FIRST_GATE), Sight.LOST, id="the same pause again: the controller overwrote it"),
    ],
)
def test_a_passed_gate_is_seen_when_the_controller_has_left_it(after: Tree, sight: Sight) -> None:
    assert act(paused(FIRST_GATE)).seen(snapshot(after)) is sight


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(paused(FIRST_GATE, {"status": {"promoteFull": True}}), Sight.PENDING, id="written, nothing more"),
        pytest.param(STATES["full promotion on its way"], Sight.SEEN, id="at the end of the steps"),
        pytest.param(canary({"status": {"currentPodHash": NEW, "stableRS": NEW}}), Sight.SEEN, id="stable"),
        pytest.param(updating(0), Sight.LOST, id="the wish is gone, the version is not stable"),
        pytest.param(updating(0, {"status": {"currentPodHash": OTHER}}), Sight.SEEN, id="another version took over"),
    ],
)
def test_a_full_promotion_is_seen_when_the_controller_keeps_the_wish(after: Tree, sight: Sight) -> None:
    assert act(paused(FIRST_GATE), mode="full").seen(snapshot(after)) is sight


WISH: Tree = {"status": {"promoteFull": True}}


@pytest.mark.parametrize(
    ("before", "after", "sight"),
    [
        (preview_paused(MANUAL), preview_paused(MANUAL, WISH), Sight.PENDING),
        (preview_paused(MANUAL), preview(MANUAL, WISH), Sight.SEEN),
        (updating(0, NO_STEPS), updating(0, NO_STEPS, WISH), Sight.SEEN),
    ],
    ids=["blue-green, still paused", "blue-green, left the pause", "canary without steps"],
)
def test_without_steps_a_full_promotion_is_seen_by_the_pause(before: Tree, after: Tree, sight: Sight) -> None:
    assert act(before, mode="full").seen(snapshot(after)) is sight


@pytest.mark.parametrize(
    ("after", "sight"),
    [
        pytest.param(STATES["skipped a gate"], Sight.PENDING, id="written, the stored phase still says Paused"),
        pytest.param(updating(2), Sight.SEEN, id="at the next step"),
        pytest.param(paused(SECOND_GATE), Sight.SEEN, id="further on"),
        pytest.param(paused(FIRST_GATE), Sight.LOST, id="back at the step: the controller overwrote it"),
    ],
)
def test_a_skip_is_seen_when_the_index_stays(after: Tree, sight: Sight) -> None:
    plan = act(paused(FIRST_GATE), mode="skip_step", expected_step=FIRST_GATE)
    assert plan.seen(snapshot(after)) is sight


def test_a_resume_is_seen_with_its_generation() -> None:
    plan = act(updating(0, SPEC_PAUSED))
    assert plan.seen(snapshot(updating(0, NOT_OBSERVED))) is Sight.PENDING
    assert plan.seen(snapshot(updating(0))) is Sight.SEEN


# -- once


def test_the_one_thing_that_a_task_may_act_on_is_told_apart() -> None:
    first, again, second = act(paused(FIRST_GATE)), act(paused(FIRST_GATE, since=1)), act(paused(SECOND_GATE))
    assert first.once == again.once != second.once
    assert act(paused(FIRST_GATE, {"status": {"currentPodHash": OTHER}})).once != first.once
    full, full_later = act(paused(FIRST_GATE), mode="full"), act(updating(3), mode="full")
    assert full.once == full_later.once
    skip, next_skip = (act(updating(step), mode="skip_step", expected_step=step).once for step in (1, 2))
    assert skip != next_skip
    assert all({first.once, full.once, skip})


def test_a_held_gate_and_the_gate_alone_are_the_same_thing() -> None:
    assert act(paused(FIRST_GATE, SPEC_PAUSED)).once == act(paused(FIRST_GATE)).once


def test_a_pause_with_a_second_reason_is_inconclusive_all_the_same() -> None:
    reasons = [{"reason": name, "startTime": ago(9)} for name in ("CanaryPauseStep", "InconclusiveAnalysisRun")]
    raw = paused(FIRST_GATE, {"status": {"pauseConditions": reasons}})
    assert in_words(promote().plan(snapshot(raw))) == "refused: inconclusive"
