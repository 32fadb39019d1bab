# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promote: pass a gate, skip a named step, or promote fully."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._model.errors import InvalidRequest, check_one_of
from .._model.phase import is_unpausing
from .._model.rollout import BLUE_GREEN, BLUE_GREEN_PAUSE, CANARY, CANARY_PAUSE, Rollout
from .._model.timestamps import format_time
from .._model.waiting import is_inconclusive, phase_is_stale
from .goals import Goal
from .plan import (
    Act,
    Change,
    MergePatch,
    NotYet,
    Plan,
    Refused,
    Sight,
    Snapshot,
    Unchanged,
    not_observed,
    not_valid,
    resume,
    resumed_fields,
    step_text,
)

GATE = "gate"
FULL = "full"
SKIP_STEP = "skip_step"
MODES = (GATE, FULL, SKIP_STEP)


@dataclass(frozen=True)
class Promote:
    """``expected_*`` are guards: None (or empty) means any."""

    goal: Goal
    mode: str = GATE
    expected_step: int | None = None
    expected_revision: int | None = None
    expected_images: Mapping[str, str] = field(default_factory=dict)
    pass_timed_pause: bool = False
    pass_inconclusive: bool = False
    name: str = "rollout_promote"
    needs_history: bool = False

    def __post_init__(self) -> None:
        check_one_of("mode", self.mode, MODES)
        if self.mode == SKIP_STEP and self.expected_step is None:
            remedy = "name the step in expected_step as well, so that a second run cannot skip another one"
            raise InvalidRequest("mode", self.mode, remedy)
        if self.expected_step is not None and self.expected_step < 0:
            raise InvalidRequest("expected_step", self.expected_step, "steps are counted from 0")

    def plan(self, snapshot: Snapshot) -> Plan:
        """Decide by the state alone, so that a second run does nothing more."""
        return (
            not_observed(snapshot)
            or self._guard(snapshot)
            or _nothing_on_its_way(snapshot.rollout)
            or self._by_mode(snapshot)
        )

    def _guard(self, snapshot: Snapshot) -> Refused | None:
        rollout = snapshot.rollout
        if self.expected_revision is not None and rollout.revision != self.expected_revision:
            text = f"expected_revision is {self.expected_revision} but {rollout.label} is at revision"
            return Refused("unexpected_revision", f"{text} {rollout.revision}; nothing was promoted")
        images = snapshot.workload.images
        wrong = {name: images.get(name) for name, image in self.expected_images.items() if images.get(name) != image}
        if wrong:
            found = ", ".join(f"{name} runs {image or 'nothing'}" for name, image in sorted(wrong.items()))
            text = f"expected_images do not match {rollout.label}: {found}"
            return Refused("unexpected_images", f"{text}; nothing was promoted")
        return None

    def _by_mode(self, snapshot: Snapshot) -> Plan:
        rollout = snapshot.rollout
        invalid = not_valid(rollout)
        if invalid:
            return invalid
        if self.mode == FULL:
            return self._at_expected_step(rollout) or _full(rollout)
        if rollout.abort:
            remedy = "rollout_retry starts the update again; mode: full promotes it without analysis"
            return Refused("aborted", f"{rollout.label} is aborted and has no gate to pass; {remedy}")
        if is_unpausing(rollout):
            return NotYet("not_observed", "the controller has not acted on the last promote yet")
        return self._skip(rollout) if self.mode == SKIP_STEP else self._gate(rollout)

    def _skip(self, rollout: Rollout) -> Plan:
        return self._at_expected_step(rollout) or _held(rollout) or _act_skip(rollout)

    def _gate(self, rollout: Rollout) -> Plan:
        return self._at_expected_step(rollout) or self._pass_pause(rollout) or self._wait_for_gate(rollout)

    def _at_expected_step(self, rollout: Rollout) -> Plan | None:
        """None when there is no such guard or the rollout stands at that step."""
        wanted = self.expected_step
        if wanted is None:
            return None
        if not rollout.steps:
            return Refused("no_steps", f"expected_step: {rollout.label} has no steps; leave the option out")
        if wanted >= len(rollout.steps):
            text = f"expected_step: {rollout.label} has no step {wanted}, its steps are 0 to {len(rollout.steps) - 1}"
            return Refused("invalid_request", text)
        return None if rollout.index == wanted else self._at_another_step(rollout, wanted)

    def _at_another_step(self, rollout: Rollout, wanted: int) -> Plan:
        if rollout.index > wanted:
            return Unchanged(f"step {wanted} is passed already; it is at {step_text(rollout)}")
        if (rollout.pause_conditions and rollout.pause_until is None) or rollout.spec_paused:
            text = f"{rollout.label} is held at {step_text(rollout)}, before the expected step {wanted}"
            return Refused("unexpected_step", f"{text}; promote that gate first, by its own expected_step")
        if rollout.abort:
            text = f"{rollout.label} is aborted and will not get to the expected step {wanted}"
            return Refused("aborted", f"{text}; rollout_retry starts the update again")
        return NotYet("not_at_step", f"it is at {step_text(rollout)}, not yet at step {wanted}", _gate_change(wanted))

    def _pass_pause(self, rollout: Rollout) -> Plan | None:
        """The act for the pause that it is in; None when it is not paused."""
        if not rollout.pause_conditions:
            return _act_resume(rollout) if rollout.spec_paused else None
        if is_inconclusive(rollout):
            return self._pass_undecided(rollout)
        if not rollout.pause_is_timed or self.pass_timed_pause or self.expected_step is not None:
            return _act_pass(rollout)
        if rollout.spec_paused:
            return _act_resume(rollout)
        text = f"the pause at {step_text(rollout)} ends by itself at {format_time(rollout.pause_until)}"
        return Unchanged(f"{text}; to end it now name it: expected_step or pass_timed_pause")

    def _pass_undecided(self, rollout: Rollout) -> Plan:
        if not self.pass_inconclusive:
            text = f"{rollout.label} is paused because an analysis was inconclusive; a person must look at it"
            return Refused("inconclusive", f"{text}; then pass_inconclusive: true goes on, rollout_abort gives up")
        return _act_past_undecided(rollout)

    def _wait_for_gate(self, rollout: Rollout) -> Plan:
        """Not paused. Wait for the first gate of the update; never for a later one unless it is named.

        Otherwise a promote that ran twice in a row would wait for the second gate and pass that too.
        """
        if rollout.strategy == BLUE_GREEN:
            return _await_blue_green(rollout)
        gates = [index for index, step in enumerate(rollout.steps) if step.is_manual_gate]
        if self.expected_step is not None:
            return _await_named(rollout, self.expected_step)
        ahead = [index for index in gates if index >= rollout.index]
        if not ahead:
            return Unchanged(f"no gate is left; it is at {step_text(rollout)} and goes on by itself")
        if ahead[0] != gates[0]:
            text = f"a gate was passed already and the next one, step {ahead[0]}, is not reached yet"
            return Unchanged(f"{text}; to wait for it name it: expected_step: {ahead[0]}")
        return NotYet(
            "not_paused",
            f"it is at {step_text(rollout)}, before the gate at step {ahead[0]}",
            _gate_change(ahead[0]),
        )


def _nothing_on_its_way(rollout: Rollout) -> Unchanged | None:
    if rollout.fully_promoted and not rollout.spec_paused:
        return Unchanged(f"nothing is on its way; revision {rollout.revision} is the stable version")
    if not rollout.stable_hash and not rollout.spec_paused:
        return Unchanged("this is the first deployment; it needs no promotion")
    return None


def _await_named(rollout: Rollout, wanted: int) -> Plan:
    """At the named step, but no pause is there (yet)."""
    step = rollout.steps[wanted]
    if step.kind == "pause":
        return NotYet("not_paused", f"step {wanted} is about to pause", _gate_change(wanted))
    text = f"expected_step: step {wanted} of {rollout.label} is {step}, which is not a gate"
    return Refused("invalid_request", f"{text}; let it finish, or skip it by name with mode: skip_step")


def _await_blue_green(rollout: Rollout) -> Plan:
    active = (rollout.status.get(BLUE_GREEN) or {}).get("activeSelector")
    manual = rollout.strategy_spec.get("autoPromotionEnabled", True) is False
    if active == rollout.current_hash or not manual:
        return Unchanged("no gate is left; the new version becomes active by itself")
    return NotYet("not_paused", "the preview is not ready yet", Change({"active": "stable"}, {"active": "preview"}))


def _gate_change(index: int) -> Change:
    return Change({"gate": f"step {index}"}, {"gate": f"step {index} passed"})


def _full(rollout: Rollout) -> Plan:
    if not rollout.updating:  # only spec.paused brought us here
        return _act_resume(rollout)
    if rollout.promote_full and not rollout.spec_paused:
        return Unchanged("a full promotion is on its way already")
    patches = [] if rollout.promote_full else [MergePatch({"status": {"promoteFull": True}}, "status")]
    version = rollout.current_hash

    def seen(now: Snapshot) -> Sight:
        if now.rollout.fully_promoted or now.rollout.current_hash != version:
            return Sight.SEEN
        # The controller keeps the wish until it is fulfilled; a new template or a race drops it.
        if not now.rollout.promote_full:
            return Sight.LOST
        return Sight.SEEN if _acts_on_full(now.rollout) else Sight.PENDING

    return Act(
        patches=(*resume(rollout), *patches),
        change=Change({"promotion": f"at {_stand(rollout)}"}, {"promotion": "full, without steps and analysis"}),
        message="promoted fully",
        seen=seen,
        once=version,
        fields=resumed_fields(rollout),
    )


def _acts_on_full(rollout: Rollout) -> bool:
    """The controller has jumped to the end of the steps (canary), or left the pause (blue-green)."""
    if rollout.strategy == CANARY and rollout.steps:
        return rollout.current_step is None
    return not rollout.pause_conditions


def _act_resume(rollout: Rollout) -> Act:
    return Act(
        patches=resume(rollout),
        change=Change({"paused": True}, {"paused": False}),
        message="resumed from spec.paused; no step was skipped",
        seen=lambda now: Sight.SEEN if now.observed else Sight.PENDING,
        fields=resumed_fields(rollout),
    )


def _act_pass(rollout: Rollout) -> Act:
    pause = rollout.pause_conditions[0]
    index = rollout.index

    def seen(now: Snapshot) -> Sight:
        if is_unpausing(now.rollout):
            return Sight.PENDING
        same = pause in now.rollout.pause_conditions and now.rollout.index == index
        return Sight.LOST if same else Sight.SEEN

    return Act(
        patches=(*resume(rollout), MergePatch({"status": {"pauseConditions": None}}, "status")),
        change=Change({"paused": f"{pause.reason} at {_stand(rollout)}"}, {"paused": None}),
        message=f"passed the gate at {_stand(rollout)}",
        seen=seen,
        once=f"{rollout.current_hash} {index} {pause.reason}",
        fields=resumed_fields(rollout),
    )


def _act_past_undecided(rollout: Rollout) -> Act:
    """A step whose analysis or experiment could not decide is left behind by its index.

    A background, pre- or post-promotion run has no step: clearing the pause makes the controller
    start a new run.
    """
    step = rollout.current_step
    if step is None or step.kind not in ("analysis", "experiment"):
        return _act_pass(rollout)
    return _act_skip(rollout)


def _held(rollout: Rollout) -> Refused | None:
    if not rollout.spec_paused:
        return None
    text = f"{rollout.label} is held by spec.paused, which also holds the next step"
    return Refused("paused", f"{text}; resume it first with rollout_pause state: resumed")


def _act_skip(rollout: Rollout) -> Act:
    skipped, wanted = rollout.index, rollout.index + 1

    def seen(now: Snapshot) -> Sight:
        if now.rollout.index < wanted:
            return Sight.LOST
        return Sight.PENDING if phase_is_stale(now.rollout) else Sight.SEEN

    status = {"pauseConditions": None, "controllerPause": False, "currentStepIndex": wanted}
    return Act(
        patches=(*resume(rollout), MergePatch({"status": status}, "status")),
        change=Change({"step": skipped}, {"step": wanted}),
        message=f"skipped step {skipped} ({rollout.steps[skipped]})",
        seen=seen,
        once=f"{rollout.current_hash} {skipped}",
        fields=resumed_fields(rollout),
    )


def _stand(rollout: Rollout) -> str:
    if rollout.pause_conditions and rollout.pause_conditions[0].reason == BLUE_GREEN_PAUSE:
        return "the preview"
    if rollout.pause_conditions and rollout.pause_conditions[0].reason != CANARY_PAUSE:
        return rollout.pause_conditions[0].reason
    return step_text(rollout) if rollout.steps else f"revision {rollout.revision}"
