# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far to wait, and what ends a wait early."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

from .._model.errors import InvalidRequest
from .._model.phase import DEGRADED, HEALTHY, PAUSED, rollout_phase
from .._model.rollout import CANARY, INVALID_SPEC, Rollout
from .._model.timestamps import format_time
from .._model.waiting import (
    ABORTED,
    CONTROLLER,
    PERSON,
    PODS,
    TIME,
    Waiting,
    is_aborted,
    is_inconclusive,
    waiting_for,
)


class Until(Enum):
    """The values of ``wait_until`` and of ``rollout_wait``'s ``until``."""

    OBSERVED = "observed"
    PAUSED = "paused"
    STEP = "step"
    WEIGHT = "weight"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    RESTORED = "restored"
    RESTARTED = "restarted"


# Words of ``Waiting.state``, and ``paused`` for a pause that only a person ends.
FAIL_ON = ("aborted", "invalid_spec", "inconclusive", "progress_deadline", "paused")
# An aborted update, an invalid spec and an inconclusive analysis cannot heal by themselves. A passed
# progress deadline can, and a pause is what many wait through.
DEFAULT_FAIL_ON = frozenset({"aborted", "invalid_spec", "inconclusive"})

# The controller looks at an invalid spec again after 20 s. What refers to an object that it has not found may be good
# by then: it was applied together with the Rollout, and is not in the controller's cache yet.
LOOKS_AGAIN = timedelta(seconds=25)
_MAY_COME = "not found"
LOOKS_AT_PODS_AGAIN = timedelta(seconds=3)


@dataclass(frozen=True)
class Goal:
    """A wish for a state. ``healthy_is_enough``: a verb's wish for a pause is granted by being through."""

    until: Until
    step: int | None = None
    weight: int | None = None
    fail_on: frozenset[str] = DEFAULT_FAIL_ON
    healthy_is_enough: bool = True


@dataclass(frozen=True)
class Reached:
    """The goal holds."""

    reason: str
    message: str


@dataclass(frozen=True)
class Ended:
    """Another terminal state came instead: waiting longer is useless."""

    reason: str
    message: str


Verdict: TypeAlias = "Reached | Ended | Waiting"


@dataclass(frozen=True)
class View:
    """What a goal is judged on.

    ``pinned_hash`` is the version that the wait is about, if one is; ``invalid_since`` is when the task first saw that
    the spec is called invalid.
    """

    rollout: Rollout
    observed: bool
    now: datetime
    pinned_hash: str = ""
    invalid_since: datetime | None = None


def parse_until(option: str, value: str, allowed: tuple[Until, ...]) -> Until:
    """The goal of that name; raises InvalidRequest naming the option."""
    found = next((until for until in allowed if until.value == value), None)
    if found is None:
        raise InvalidRequest(option, value, f"use one of {', '.join(until.value for until in allowed)}")
    return found


def judge(goal: Goal, view: View) -> Verdict:
    """Whether the goal holds, can no longer be met, or what it still waits for."""
    rollout = view.rollout
    waiting = waiting_for(rollout, view.observed)
    if not view.observed:
        return waiting
    if view.pinned_hash and rollout.current_hash != view.pinned_hash:
        return Ended("superseded", _superseded(view))
    if waiting.state == CONTROLLER and goal.until is not Until.OBSERVED:
        return waiting  # the stored phase is that of before the last promote
    again = _looked_at_again(goal, view)
    if again is not None:
        return replace(waiting, until=again)
    unfinished = _restarting(view) if goal.until is Until.RESTARTED else waiting
    return _reached(goal, rollout) or _ended(goal, rollout, waiting) or unfinished


def _looked_at_again(goal: Goal, view: View) -> datetime | None:
    """When the controller will have had another look at what it did not find; None when that is no reason to wait."""
    invalid = view.rollout.condition(INVALID_SPEC)
    if invalid is None or _MAY_COME not in invalid.message or not _ends_in_failure(goal):
        return None
    again = (view.invalid_since or view.now) + LOOKS_AGAIN
    return again if view.now < again else None


def _ends_in_failure(goal: Goal) -> bool:
    return goal.until is not Until.DEGRADED and "invalid_spec" in goal.fail_on


def _superseded(view: View) -> str:
    rollout = view.rollout
    return (
        f"another version took over: {view.pinned_hash} was replaced by {rollout.current_hash} "
        f"(revision {rollout.revision}); whoever changed it owns the rollout now"
    )


def _reached(goal: Goal, rollout: Rollout) -> Reached | None:
    phase, message = rollout_phase(rollout)
    healthy = phase == HEALTHY and rollout.fully_promoted
    match goal.until:
        case Until.OBSERVED if not _is_refused(goal, rollout):
            return Reached("observed", f"the controller has observed it; {phase}{_tail(message)}")
        case Until.HEALTHY | Until.PAUSED | Until.STEP | Until.WEIGHT if healthy and _healthy_counts(goal):
            return Reached("healthy", f"revision {rollout.revision} is healthy and stable")
        case Until.PAUSED if phase == PAUSED and not is_inconclusive(rollout):
            return Reached("paused", waiting_for(rollout, observed=True).message)
        case Until.STEP if rollout.updating and not rollout.abort and rollout.index >= (goal.step or 0):
            return Reached("step", f"it is at step {rollout.index} of {len(rollout.steps)}")
        case Until.WEIGHT if _has_weight(rollout) and rollout.actual_weight >= (goal.weight or 0):
            return Reached("weight", f"the canary has {rollout.actual_weight} of {rollout.max_weight}")
        case Until.DEGRADED if phase == DEGRADED:
            return Reached(_degraded_reason(rollout), message)
    return _reached_again(goal, rollout)


def _reached_again(goal: Goal, rollout: Rollout) -> Reached | None:
    """The goals that are about the versions that are there, and no way of a new one."""
    if goal.until is Until.RESTORED and is_restored(rollout):
        return Reached("restored", f"all traffic is back on the stable version {rollout.stable_hash}")
    if goal.until is Until.RESTARTED and is_restarted(rollout):
        return Reached("restarted", f"no pod is from before {format_time(rollout.restart_at)}")
    return None


def _is_refused(goal: Goal, rollout: Rollout) -> bool:
    """The controller has seen the spec only to call it invalid, which no wait will heal."""
    return rollout.condition(INVALID_SPEC) is not None and "invalid_spec" in goal.fail_on


def _has_weight(rollout: Rollout) -> bool:
    """Blue-green moves all traffic at once, when it is through."""
    return rollout.strategy == CANARY and rollout.updating and not rollout.abort


def _healthy_counts(goal: Goal) -> bool:
    """Being through grants every wish of a verb, but an explicit wait asked for one state and means it."""
    return goal.until is Until.HEALTHY or goal.healthy_is_enough or goal.until in (Until.STEP, Until.WEIGHT)


def is_restored(rollout: Rollout) -> bool:
    """Whether no traffic reaches the new version any more."""
    if not (is_aborted(rollout) or rollout.fully_promoted):
        return False
    if rollout.fully_promoted:
        return True
    if rollout.strategy == "blueGreen":
        return (rollout.status.get("blueGreen") or {}).get("activeSelector") == rollout.stable_hash
    if rollout.traffic_routed:
        return rollout.actual_weight == 0
    return rollout.counts["updated"] == 0


def is_restarted(rollout: Rollout) -> bool:
    """Whether the restart that was asked for last is through, and all its pods are available again."""
    if rollout.restart_at is not None and rollout.restart_at != rollout.restarted_at:
        return False
    return rollout.counts["available"] >= _pods_wanted(rollout)


def _pods_wanted(rollout: Rollout) -> int:
    """Of the versions whose available pods the status counts: all of a canary's, the active one of blue-green."""
    return rollout.counts["current"] if rollout.strategy == CANARY else rollout.replicas


def _restarting(view: View) -> Waiting:
    """What a restart waits for, with a time for another look: what refuses to let pods go does not change the Rollout.

    The controller never has more pods on their way than may be unavailable, so that also others can hold it up.
    """
    rollout, since = view.rollout, format_time(view.rollout.restart_at)
    if rollout.restart_at is not None and rollout.restart_at > view.now:
        return Waiting(TIME, f"the restart begins at {since}", rollout.restart_at)
    pods = f"{rollout.counts['available']} of {_pods_wanted(rollout)} pods are available"
    return Waiting(PODS, f"pods from before {since} are replaced, {pods}", view.now + LOOKS_AT_PODS_AGAIN)


# The controller scales nothing then, and an abort is only on record.
_HELD = "spec.paused keeps the pods of the new version; rollout_pause with state: resumed lets the rollout go back"


def _ended(goal: Goal, rollout: Rollout, waiting: Waiting) -> Ended | None:
    phase, _message = rollout_phase(rollout)
    if goal.until is Until.RESTORED:
        return Ended("paused", _HELD) if rollout.abort and rollout.spec_paused else None
    if phase == HEALTHY and rollout.fully_promoted and goal.until is not Until.RESTARTED:
        return Ended("healthy", f"it is healthy at revision {rollout.revision} and nothing is on its way")
    if goal.until is Until.DEGRADED:
        return None
    state = waiting.state
    if state == ABORTED and not is_aborted(rollout):
        return None  # a retry that the conditions do not show yet
    reason = "paused" if state == PERSON else state
    return Ended(reason, waiting.message) if reason in goal.fail_on else None


def _degraded_reason(rollout: Rollout) -> str:
    if rollout.condition(INVALID_SPEC) is not None:
        return "invalid_spec"
    return "aborted" if rollout.abort_condition is not None else "progress_deadline"


def _tail(message: str) -> str:
    return f" ({message})" if message else ""
