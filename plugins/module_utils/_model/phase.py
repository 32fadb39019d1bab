# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phase and message of a Rollout, decided exactly as the kubectl plugin decides them.

Mirrors ``utils/rollout/rolloututil.go`` of Argo Rollouts v1.10: ``GetRolloutPhase`` and, for objects
that carry no phase yet, ``CalculateRolloutPhase``. The order of the tests is theirs.
"""

from __future__ import annotations

import re

from .rollout import ABORTED_REASON, BLUE_GREEN, CANARY, DEADLINE_REASON, INVALID_SPEC, Rollout

HEALTHY = "Healthy"
DEGRADED = "Degraded"
PROGRESSING = "Progressing"
PAUSED = "Paused"

# The message of a rollout whose status is about an older spec.
UNOBSERVED = "waiting for rollout spec update to be observed"
# That of one that spec.paused holds.
MANUALLY_PAUSED = "manually paused"

COMPLETED_ANALYSIS = frozenset({"Successful", "Failed", "Error", "Inconclusive"})

_GO_INT = re.compile(r"([+-]?)0*([0-9]{1,19})")

Phase = tuple[str, str]


def rollout_phase(rollout: Rollout) -> Phase:
    """``(phase, message)`` that ``kubectl argo rollouts status`` prints for this object."""
    if not plugin_generation_observed(rollout):
        return PROGRESSING, UNOBSERVED
    if is_unpausing(rollout):
        return PROGRESSING, "waiting for rollout to unpause"
    if rollout.status_phase:
        return rollout.status_phase, rollout.status_message
    return calculate_phase(rollout)


def plugin_generation_observed(rollout: Rollout) -> bool:
    """The plugin's test: a status without a number counts as observed, and so does a larger number."""
    number = _go_int(rollout.observed_generation)
    return number is None or number >= rollout.generation


def _go_int(text: str) -> int | None:
    """What ``strconv.Atoi`` makes of a text; None where it fails."""
    match = _GO_INT.fullmatch(text)
    number = int(match[1] + match[2]) if match else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def is_unpausing(rollout: Rollout) -> bool:
    """Someone cleared the pause and the controller has not acted on it yet (``IsUnpausing``)."""
    return rollout.controller_pause and not rollout.pause_conditions


def calculate_phase(rollout: Rollout) -> Phase:
    """What the controller itself would store (``CalculateRolloutPhase``)."""
    return _from_conditions(rollout) or _from_pause(rollout) or _from_replicas(rollout) or (HEALTHY, "")


def _from_conditions(rollout: Rollout) -> Phase | None:
    for condition in rollout.conditions:
        if condition.type == INVALID_SPEC:
            return DEGRADED, f"{INVALID_SPEC}: {condition.message}"
        if condition.reason in (ABORTED_REASON, DEADLINE_REASON):
            return DEGRADED, f"{condition.reason}: {condition.message}"
    return None


def _from_pause(rollout: Rollout) -> Phase | None:
    if rollout.spec_paused:
        return PAUSED, MANUALLY_PAUSED
    if rollout.pause_conditions:
        return PAUSED, rollout.pause_conditions[0].reason
    if rollout.restart_at is not None and rollout.restart_at != rollout.restarted_at:
        return PROGRESSING, "rollout is restarting"
    return None


def _from_replicas(rollout: Rollout) -> Phase | None:
    updated = rollout.counts["updated"]
    if updated < rollout.replicas:
        return PROGRESSING, "more replicas need to be updated"
    if rollout.counts["available"] < updated:
        return PROGRESSING, "updated replicas are still becoming available"
    if rollout.strategy == BLUE_GREEN:
        return _from_blue_green(rollout)
    if rollout.strategy == CANARY:
        return _from_canary(rollout)
    return None


def _from_blue_green(rollout: Rollout) -> Phase | None:
    active = (rollout.status.get(BLUE_GREEN) or {}).get("activeSelector") or ""
    if not active or active != rollout.current_hash:
        return PROGRESSING, "active service cutover pending"
    if rollout.stable_hash and rollout.fully_promoted:
        return None
    if rollout.strategy_spec.get("postPromotionAnalysis") is not None and not _post_promotion_done(rollout):
        return PROGRESSING, "waiting for analysis to complete"
    return PROGRESSING, "waiting for post-promotion verification to complete"


def _post_promotion_done(rollout: Rollout) -> bool:
    return any(run.kind == "post_promotion" and run.phase in COMPLETED_ANALYSIS for run in rollout.analysis)


def _from_canary(rollout: Rollout) -> Phase | None:
    if not rollout.traffic_routed and rollout.counts["current"] > rollout.counts["updated"]:
        return PROGRESSING, "old replicas are pending termination"
    if not rollout.stable_hash or not rollout.fully_promoted:
        return PROGRESSING, "waiting for all steps to complete"
    return None
