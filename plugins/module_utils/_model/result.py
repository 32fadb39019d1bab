# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``rollout`` dictionary that every module returns."""

from __future__ import annotations

from typing import Any

from .experiment import Experiment, unread
from .phase import MANUALLY_PAUSED, PAUSED, rollout_phase
from .rollout import BLUE_GREEN, CANARY, Rollout
from .timestamps import format_time
from .workload import Workload


def rollout_result(
    rollout: Rollout, workload: Workload | None = None, experiment: Experiment | None = None
) -> dict[str, Any]:
    """Argo Rollouts' own terms, one level deep; numbers are numbers, times are RFC 3339 in UTC.

    Without ``workload`` the images of a rollout with a workloadRef stay empty; without ``experiment`` only the name
    of the current one is told. ``evidence`` is null where the AnalysisRun itself was not read.
    """
    phase, message = rollout_phase(rollout)
    step = rollout.current_step
    return {
        "name": rollout.name,
        "namespace": rollout.namespace,
        "uid": rollout.uid,
        "strategy": rollout.strategy,
        "phase": phase,
        "message": message,
        "revision": rollout.revision,
        "step": {
            "index": rollout.step_index,
            "total": len(rollout.steps),
            "current": str(step) if step is not None and rollout.updating else None,
        },
        "weight": _weight(rollout),
        "images": (workload or Workload.of(rollout)).images,
        "replicas": {"desired": rollout.replicas, **rollout.counts},
        "paused": _paused(rollout, phase),
        "aborted": rollout.abort,
        "stable_hash": rollout.stable_hash,
        "current_hash": rollout.current_hash,
        "analysis": [
            {"kind": run.kind, "name": run.name, "phase": run.phase, "message": run.message, "evidence": None}
            for run in rollout.analysis
        ],
        "experiment": _experiment(rollout, experiment),
        "traffic": _traffic(rollout),
    }


def _weight(rollout: Rollout) -> dict[str, int | None]:
    """The canary's weight; nulls for blue-green, which moves all traffic at once."""
    if rollout.strategy != CANARY:
        return {"set": None, "actual": None}
    return {"set": rollout.set_weight, "actual": rollout.actual_weight}


def _paused(rollout: Rollout, phase: str) -> dict[str, Any] | None:
    if phase != PAUSED:
        return None
    pause = rollout.pause_conditions[0] if rollout.pause_conditions else None
    until = rollout.pause_until
    return {
        "reason": pause.reason if pause else MANUALLY_PAUSED,
        "since": format_time(pause.start) if pause else None,
        "until": format_time(until),
        "manual": until is None,
    }


def _experiment(rollout: Rollout, experiment: Experiment | None) -> dict[str, Any] | None:
    if experiment is not None:
        return experiment.as_result()
    return unread(rollout.current_experiment) if rollout.current_experiment else None


def _traffic(rollout: Rollout) -> dict[str, Any] | None:
    """What the controller last wrote to the router; null where it routes no traffic."""
    if rollout.strategy == BLUE_GREEN:
        status = rollout.status.get(BLUE_GREEN) or {}
        return {"active_hash": status.get("activeSelector"), "preview_hash": status.get("previewSelector")}
    weights = rollout.weights
    if not weights:
        return None
    return {role: _destination(weights.get(role) or {}) for role in ("canary", "stable")} | {
        "additional": [_destination(item) for item in weights.get("additional") or ()],
    }


def _destination(raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "weight": int(raw.get("weight") or 0),
        "service": raw.get("serviceName"),
        "hash": raw.get("podTemplateHash"),
    }
