# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the controller has seen what was written, and what it owes.

Status writes (promote, abort, retry) never change ``metadata.generation``; the controller's reaction
in the status is the only sign that it has seen them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .phase import is_unpausing
from .rollout import Rollout
from .waiting import phase_is_stale
from .workload import ReplicaSet, Workload

# How far past the end of a timed pause the controller may be before it counts as late.
LATE = timedelta(seconds=5)
# Conditions that the controller puts right before it looks at a new template (``checkPausedConditions``), with the
# new generation in a status that is otherwise of before. The rest of its work takes less than this,
_PUT_RIGHT = ("RolloutPaused", "RolloutResumed", "RolloutRetry")
SWITCHES_WITHIN = timedelta(seconds=5)
# and the condition of a pause that has just begun comes sooner than this after it.
_PAUSES_WITHIN = timedelta(seconds=2)
# What stands in their place as soon as it has made the ReplicaSet, whose name ends the message
# (``createDesiredReplicaSet``); the version in the status follows after that.
_CREATED = "NewReplicaSetCreated"


def is_observed(rollout: Rollout, workload: Workload) -> bool:
    """Whether the status speaks of the spec as it is now, the referenced workload's included.

    Stricter than the plugin, which takes an empty status for observed and never looks at the workload.
    """
    return spec_observed(rollout) and workload_observed(rollout, workload)


def spec_observed(rollout: Rollout) -> bool:
    """``status.observedGeneration`` (a string) has reached ``metadata.generation``."""
    text = rollout.observed_generation
    return text.isdecimal() and int(text) >= rollout.generation


def workload_observed(rollout: Rollout, workload: Workload) -> bool:
    """The referenced workload's generation was observed; a PodTemplate has none, so it counts as observed."""
    if rollout.workload_ref is None or workload.generation == 0:
        return True
    text = rollout.workload_observed_generation
    return text.isdecimal() and int(text) >= workload.generation


def may_lag(rollout: Rollout, now: datetime) -> bool:
    """Whether the status may call a template observed and still be about the version before it."""
    put = rollout.condition("Progressing")
    if put is None or put.updated is None or now - put.updated > SWITCHES_WITHIN:
        return False
    if put.reason == _CREATED:
        return not put.message.endswith(f'-{rollout.current_hash}"')
    if put.reason not in _PUT_RIGHT:
        return False
    starts = [pause.start for pause in rollout.pause_conditions if pause.start is not None]
    return not starts or put.updated - max(starts) >= _PAUSES_WITHIN


def lags(rollout: Rollout, replica_sets: tuple[ReplicaSet, ...]) -> bool:
    """Whether it is: the controller has numbered a later revision than that of the version in the status."""
    mine = [item for item in replica_sets if (item.owner_uid, item.pod_hash) == (rollout.uid, rollout.current_hash)]
    return any(0 < item.revision < rollout.revision for item in mine)


def overdue(rollout: Rollout, workload: Workload, now: datetime) -> str:
    """What a running controller would have done by now; empty when it owes nothing.

    Each of these takes a running controller well under a second, so an answer that stays the same
    for some seconds means that no controller works on this object.
    """
    if not spec_observed(rollout):
        return f"generation {rollout.generation} of the spec is not observed"
    if not workload_observed(rollout, workload):
        return f"generation {workload.generation} of {workload.kind} {workload.name} is not observed"
    if is_unpausing(rollout):
        return "the cleared pause is not acted on"
    if rollout.abort and rollout.aborted_at is None and not rollout.fully_promoted:
        return "the abort is not acted on"
    if not rollout.abort and rollout.aborted_at is not None:
        return "the retry is not acted on"
    if phase_is_stale(rollout):
        return "the skipped step is not acted on"
    until = rollout.pause_until
    if until is not None and now > until + LATE:
        return f"the pause that ended at {until:%H:%M:%S} UTC is still there"
    return ""


def stale_counts(rollout: Rollout, replica_sets: tuple[ReplicaSet, ...]) -> str:
    """Says how the status contradicts the ReplicaSets; empty when they agree.

    A canary's status counts the pods of all its ReplicaSets, so a lasting difference means that
    nobody keeps the status up to date. Not decided for blue-green, which counts the active one only.
    """
    if rollout.strategy != "canary":
        return ""
    mine = [item for item in replica_sets if item.owner_uid == rollout.uid]
    current, available = sum(item.replicas for item in mine), sum(item.available for item in mine)
    if (current, available) == (rollout.counts["current"], rollout.counts["available"]):
        return ""
    return (
        f"its ReplicaSets have {current} pods, {available} available, but the status still says "
        f"{rollout.counts['current']} and {rollout.counts['available']}"
    )
