# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pause and resume: ``spec.paused``, which holds a rollout wherever it is and skips nothing when it goes.

It has nothing to do with the pauses of steps and previews, which live in the status: ``rollout_promote`` passes those.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._model.errors import InvalidRequest, check_one_of
from .._model.phase import DEGRADED, MANUALLY_PAUSED, rollout_phase
from .._model.rollout import BLUE_GREEN, Rollout
from .._model.waiting import waiting_for
from .goals import Goal, Until, is_restored
from .plan import (
    Act,
    Change,
    MergePatch,
    NotYet,
    Plan,
    Sight,
    Snapshot,
    Unchanged,
    not_observed,
    not_valid,
    paused_field,
    step_text,
)

PAUSED = "paused"
RESUMED = "resumed"
STATES = (PAUSED, RESUMED)


@dataclass(frozen=True)
class Pause:
    """``state`` is one of STATES."""

    goal: Goal
    state: str = PAUSED
    name: str = "rollout_pause"
    needs_history: bool = False

    def __post_init__(self) -> None:
        check_one_of("state", self.state, STATES)
        if self.state == PAUSED and self.goal.until is Until.HEALTHY:
            remedy = "a rollout that is held does not get there; leave it out, or use it with state: resumed"
            raise InvalidRequest("wait_until", self.goal.until.value, remedy)

    def plan(self, snapshot: Snapshot) -> Plan:
        """Write ``spec.paused`` where it differs."""
        rollout, wanted = snapshot.rollout, self.state == PAUSED
        if rollout.spec_paused is wanted:
            return Unchanged("it is held already" if wanted else f"it is not held by spec.paused{_still(rollout)}")
        blocked = not_observed(snapshot) or not_valid(rollout) or (_going_back(rollout) if wanted else None)
        return blocked or _act(rollout, wanted)


def _act(rollout: Rollout, paused: bool) -> Act:
    return Act(
        patches=(MergePatch({"spec": {"paused": paused}}),),
        change=_change(paused),
        message=f"paused {_where(rollout)}" if paused else f"resumed, nothing was skipped{_still(rollout)}",
        seen=lambda now: Sight.SEEN if now.observed and _shows(now.rollout, paused) else Sight.PENDING,
        fields=(paused_field(paused),),
    )


def _change(paused: bool) -> Change:
    return Change({"paused": not paused}, {"paused": paused})


def _shows(rollout: Rollout, paused: bool) -> bool:
    """Whether the phase speaks of it (``CalculateRolloutPhase``), which names an abort before any pause."""
    phase, message = rollout_phase(rollout)
    return (message == MANUALLY_PAUSED) is paused or phase == DEGRADED


def _going_back(rollout: Rollout) -> NotYet | None:
    """A hold also stops the scaling of ReplicaSets, and with it the way back of an aborted update.

    ``haltProgress`` in ``rollout/context.go``: without a traffic router the canary would keep its share.
    """
    if not (rollout.updating and rollout.abort) or is_restored(rollout):
        return None
    text = "its update is aborted and the traffic still goes back to the stable version, which a pause would stop"
    return NotYet("not_restored", text, _change(paused=True))


def _where(rollout: Rollout) -> str:
    if not rollout.updating:
        return "with nothing on its way; the next version will be held at its start"
    if rollout.strategy == BLUE_GREEN:
        return f"revision {rollout.revision} before its next move"
    return f"revision {rollout.revision} at {step_text(rollout)}"


def _still(rollout: Rollout) -> str:
    """The pause of a step or preview that goes on."""
    if not rollout.pause_conditions:
        return ""
    return f"; it waits for {waiting_for(replace(rollout, spec_paused=False), observed=True).message}"
