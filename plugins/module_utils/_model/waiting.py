# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout that is not finished is waiting for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .phase import DEGRADED, HEALTHY, PAUSED, is_unpausing, rollout_phase
from .rollout import INCONCLUSIVE_PAUSES, INVALID_SPEC, Rollout
from .steps import ANALYSIS, EXPERIMENT
from .timestamps import format_time

# The states of ``Waiting.state``.
NOTHING = "nothing"
CONTROLLER = "controller"
PERSON = "person"
TIME = "time"
INCONCLUSIVE = "inconclusive"
ANALYSING = "analysis"
PODS = "pods"
ABORTED = "aborted"
INVALID = "invalid_spec"
DEADLINE = "progress_deadline"


@dataclass(frozen=True)
class Waiting:
    """``state`` is one of the words above; ``until`` is set for a timed pause."""

    state: str
    message: str
    until: datetime | None = None

    def as_result(self) -> dict[str, str | None]:
        """The shape that modules return in ``waiting``."""
        return {"state": self.state, "message": self.message, "until": format_time(self.until)}


def waiting_for(rollout: Rollout, observed: bool) -> Waiting:
    """What must happen next, and who must make it happen."""
    if not observed or is_unpausing(rollout) or phase_is_stale(rollout):
        return Waiting(CONTROLLER, "the controller has not observed the last change yet")
    phase, message = rollout_phase(rollout)
    if phase == HEALTHY:
        return Waiting(NOTHING, "nothing; it is healthy")
    if phase == DEGRADED:
        return Waiting(_degraded_state(rollout), message)
    return _paused(rollout) or _progressing(rollout, message)


def is_inconclusive(rollout: Rollout) -> bool:
    """Paused because an analysis or experiment could not decide."""
    return any(pause.reason in INCONCLUSIVE_PAUSES for pause in rollout.pause_conditions)


def phase_is_stale(rollout: Rollout) -> bool:
    """The stored phase still says Paused although nothing pauses it: a skipped step that is not acted on."""
    return rollout_phase(rollout)[0] == PAUSED and not rollout.pause_conditions and not rollout.spec_paused


def is_aborted(rollout: Rollout) -> bool:
    """Aborted, by a person, an analysis or the progress deadline, and seen as such by the controller."""
    return rollout.abort and (rollout.aborted_at is not None or rollout.abort_condition is not None)


def _degraded_state(rollout: Rollout) -> str:
    if rollout.condition(INVALID_SPEC) is not None:
        return INVALID
    return ABORTED if rollout.abort_condition is not None else DEADLINE


def _paused(rollout: Rollout) -> Waiting | None:
    reason = rollout.pause_conditions[0].reason if rollout.pause_conditions else ""
    where = _where(rollout)
    if is_inconclusive(rollout):
        return Waiting(INCONCLUSIVE, f"{reason}{where}: a person must look at the analysis and decide")
    if rollout.spec_paused:
        return Waiting(PERSON, "spec.paused is set; a person must resume it")
    if not rollout.pause_conditions:
        return None
    until = rollout.pause_until
    if until is not None:
        return Waiting(TIME, f"{reason}{where}, which ends by itself at {format_time(until)}", until)
    return Waiting(PERSON, f"{reason}{where}, which ends when it is promoted")


def _progressing(rollout: Rollout, message: str) -> Waiting:
    step = rollout.current_step
    if rollout.updating and step is not None and step.kind in (ANALYSIS, EXPERIMENT):
        return Waiting(ANALYSING, f"the {step.kind}{_where(rollout)}")
    return Waiting(PODS, message)


def _where(rollout: Rollout) -> str:
    step = rollout.current_step
    return "" if step is None else f" at step {rollout.index} ({step})"
