# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of the objects that the pure layers look at: a Rollout in every state that it can be in.

The states are the shapes that the controller of v1.10 writes; a test names one and says what is different.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._model.rollout import Rollout
from ansible_collections.progressive.delivery.plugins.module_utils._model.timestamps import format_time
from ansible_collections.progressive.delivery.plugins.module_utils._model.workload import ReplicaSet, Workload
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    JsonPatch,
    MergePatch,
    NotYet,
    Plan,
    Refused,
    Snapshot,
    Unchanged,
)

Tree = dict[str, Any]

NAMESPACE, NAME, UID = "prod", "shop", "uid-of-shop"
LABEL = f"Rollout {NAMESPACE}/{NAME}"
# Pod template hashes: of the version that serves, of the one on its way, and of somebody else's.
STABLE, NEW, OTHER = "5d4c8b", "7f9b6c", "c0ffee"
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)

# Two gates, so that passing one can be told from passing both.
STEPS: list[Tree] = [
    {"setWeight": 20},
    {"pause": {}},
    {"analysis": {"templates": [{"templateName": "success-rate"}]}},
    {"setWeight": 50},
    {"pause": {"duration": "5m"}},
    {"pause": {}},
    {"setWeight": 80},
]
FIRST_GATE, ANALYSIS_STEP, TIMED_PAUSE, SECOND_GATE, END = 1, 2, 4, 5, len(STEPS)


def ago(seconds: float) -> str:
    """A Kubernetes time before NOW."""
    return format_time(NOW - timedelta(seconds=seconds)) or ""


def merged(base: Any, changes: Any) -> Any:
    """A JSON merge patch (RFC 7386), as the apiserver applies it: None removes a key."""
    if not isinstance(changes, Mapping):
        return copy.deepcopy(changes)
    result = copy.deepcopy(dict(base)) if isinstance(base, Mapping) else {}
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def template(image: str = "shop:2") -> Tree:
    return {
        "metadata": {"labels": {"app": NAME}},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


# -- Rollouts. Each takes a merge patch that makes the difference.


def canary(*changes: Tree) -> Tree:
    """A canary that is healthy at revision 2."""
    raw: Tree = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "uid": UID,
            "generation": 2,
            "resourceVersion": "100",
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {"replicas": 5, "strategy": {"canary": {"steps": STEPS}}, "template": template()},
        "status": {
            "observedGeneration": "2",
            "currentPodHash": STABLE,
            "stableRS": STABLE,
            "currentStepIndex": END,
            "replicas": 5,
            "updatedReplicas": 5,
            "readyReplicas": 5,
            "availableReplicas": 5,
            "phase": "Healthy",
        },
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


def updating(index: int, *changes: Tree) -> Tree:
    """A canary on its way to revision 3 that stands at a step and is not paused."""
    status = {
        "currentPodHash": NEW,
        "currentStepIndex": index,
        "updatedReplicas": 1,
        "phase": "Progressing",
        "message": "more replicas need to be updated",
    }
    revision = {"annotations": {"rollout.argoproj.io/revision": "3"}}
    return canary({"metadata": revision, "status": status}, *changes)


def paused(index: int, *changes: Tree, reason: str = "CanaryPauseStep", since: float = 60) -> Tree:
    """A canary that the controller has paused at a step."""
    status = {
        "controllerPause": True,
        "pauseConditions": [{"reason": reason, "startTime": ago(since)}],
        "phase": "Paused",
        "message": reason,
    }
    return updating(index, {"status": status}, *changes)


SPEC_PAUSED: Tree = {"spec": {"paused": True}, "status": {"phase": "Paused", "message": "manually paused"}}


def condition(kind: str, reason: str, message: str, status: str = "True") -> Tree:
    return {"status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}}


def put_right(reason: str = "RolloutPaused", since: float = 1, message: str = "Rollout is paused") -> Tree:
    """The controller has just written a condition; the version in the status may be that of before."""
    change = condition("Progressing", reason, message, "Unknown")
    change["status"]["conditions"][0]["lastUpdateTime"] = ago(since)
    return change


ABORT_MESSAGE = "Rollout aborted update to revision 3"
ANALYSIS_ABORT_MESSAGE = (
    f"{ABORT_MESSAGE}: Step-based analysis phase error/failed: "
    'Metric "success-rate" assessed Failed due to failed (1) > failureLimit (0)'
)


def aborted(*changes: Tree, message: str = ABORT_MESSAGE) -> Tree:
    status = {"abort": True, "abortedAt": ago(30), "phase": "Degraded", "message": f"RolloutAborted: {message}"}
    return updating(0, {"status": status}, condition("Progressing", "RolloutAborted", message, "False"), *changes)


def degraded(kind: str, reason: str, message: str) -> Tree:
    phase = {"status": {"phase": "Degraded", "message": f"{reason}: {message}"}}
    return updating(0, phase, condition(kind, reason, message))


def blue_green(*changes: Tree) -> Tree:
    """A blue-green rollout that is healthy at revision 2."""
    status = {
        "currentStepIndex": None,
        "blueGreen": {"activeSelector": STABLE, "previewSelector": STABLE},
    }
    strategy = {"canary": None, "blueGreen": {"activeService": "shop", "previewService": "shop-preview"}}
    return canary({"spec": {"strategy": strategy}, "status": status}, *changes)


def preview(*changes: Tree) -> Tree:
    """A blue-green rollout whose new version is starting beside the active one."""
    status = {
        "currentPodHash": NEW,
        "blueGreen": {"previewSelector": NEW},
        "phase": "Progressing",
        "message": "active service cutover pending",
    }
    revision = {"annotations": {"rollout.argoproj.io/revision": "3"}}
    return blue_green({"metadata": revision, "status": status}, *changes)


def preview_paused(*changes: Tree, reason: str = "BlueGreenPause") -> Tree:
    status = {
        "controllerPause": True,
        "pauseConditions": [{"reason": reason, "startTime": ago(60)}],
        "phase": "Paused",
        "message": reason,
    }
    return preview({"status": status}, *changes)


MANUAL: Tree = {"spec": {"strategy": {"blueGreen": {"autoPromotionEnabled": False}}}}
TIMED: Tree = {"spec": {"strategy": {"blueGreen": {"autoPromotionSeconds": 300}}}}
NO_STEPS: Tree = {"spec": {"strategy": {"canary": {"steps": None}}}, "status": {"currentStepIndex": None}}
# The spec was changed and the controller has not looked at it yet.
NOT_OBSERVED: Tree = {"metadata": {"generation": 3}}
WORKLOAD_REF: Tree = {
    "spec": {"template": None, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-pods"}},
    "status": {"workloadObservedGeneration": "4"},
}

# Every state that a verb can meet.
STATES: Mapping[str, Tree] = {
    "not observed": updating(0, NOT_OBSERVED),
    "first deployment": updating(0, {"status": {"stableRS": None}}),
    "healthy": canary(),
    "healthy, spec.paused": canary(SPEC_PAUSED),
    "at setWeight": updating(0),
    "at manual pause": paused(FIRST_GATE),
    "at analysis": updating(ANALYSIS_STEP),
    "between the gates": updating(3),
    "at timed pause": paused(TIMED_PAUSE),
    "at second gate": paused(SECOND_GATE),
    "past the gates": updating(6),
    "past the last step": updating(END),
    "spec.paused at setWeight": updating(0, SPEC_PAUSED),
    "spec.paused at manual pause": paused(FIRST_GATE, SPEC_PAUSED),
    "spec.paused at timed pause": paused(TIMED_PAUSE, SPEC_PAUSED),
    "inconclusive step": paused(ANALYSIS_STEP, reason="InconclusiveAnalysisRun"),
    "inconclusive step, spec.paused": paused(ANALYSIS_STEP, SPEC_PAUSED, reason="InconclusiveAnalysisRun"),
    "inconclusive background": paused(3, reason="InconclusiveAnalysisRun"),
    "unpausing": updating(FIRST_GATE, {"status": {"controllerPause": True}}),
    "skipped a gate": updating(2, {"status": {"phase": "Paused", "message": "CanaryPauseStep"}}),
    "aborting": paused(FIRST_GATE, {"status": {"abort": True}}),
    "aborted": aborted(),
    "retrying": aborted({"status": {"abort": False}}),
    "full promotion on its way": updating(END, {"status": {"promoteFull": True}}),
    "full promotion, spec.paused": updating(END, SPEC_PAUSED, {"status": {"promoteFull": True}}),
    "invalid spec": degraded("InvalidSpec", "InvalidSpec", "spec.strategy: Required value"),
    "deadline passed": degraded("Progressing", "ProgressDeadlineExceeded", "it has timed out progressing."),
    "canary without steps": updating(0, NO_STEPS),
    "blue-green healthy": blue_green(),
    "blue-green starting, manual": preview(MANUAL),
    "blue-green starting, auto": preview(),
    "blue-green preview, manual": preview_paused(MANUAL),
    "blue-green preview, timed": preview_paused(TIMED),
    "blue-green active, not stable": preview(MANUAL, {"status": {"blueGreen": {"activeSelector": NEW}}}),
    "blue-green inconclusive": preview_paused(MANUAL, reason="InconclusiveAnalysisRun"),
    "blue-green aborted": preview(
        MANUAL,
        {"status": {"abort": True, "abortedAt": ago(30), "phase": "Degraded", "message": "RolloutAborted: by hand"}},
        condition("Progressing", "RolloutAborted", ABORT_MESSAGE, "False"),
    ),
    "workloadRef at manual pause": paused(FIRST_GATE, WORKLOAD_REF),
}


# -- other objects


def deployment(image: str = "shop:2", generation: int = 4) -> Tree:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "shop-pods",
            "namespace": NAMESPACE,
            "uid": "uid-of-pods",
            "generation": generation,
            "resourceVersion": "50",
        },
        "spec": {"replicas": 0, "template": template(image)},
    }


def replica_set(
    revision: int,
    pod_hash: str,
    image: str,
    *changes: Tree,
    owner: str = UID,
) -> Tree:
    raw: Tree = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{NAME}-{pod_hash}",
            "namespace": NAMESPACE,
            "uid": f"uid-of-{pod_hash}",
            "resourceVersion": "60",
            "labels": {"app": NAME, "rollouts-pod-template-hash": pod_hash},
            "annotations": {"rollout.argoproj.io/revision": str(revision)},
            "ownerReferences": [{"kind": "Rollout", "name": NAME, "uid": owner, "controller": True}],
        },
        "spec": {
            "template": merged(template(image), {"metadata": {"labels": {"rollouts-pod-template-hash": pod_hash}}}),
        },
        "status": {"replicas": 5, "availableReplicas": 5},
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


def pods_of(updated: int = 1) -> tuple[Tree, Tree]:
    """The ReplicaSets that the status of ``updating`` counts, if no other number is given."""
    stable = {"status": {"replicas": 4, "availableReplicas": 4}}
    new = {"status": {"replicas": updated, "availableReplicas": updated}}
    return replica_set(2, STABLE, "shop:1", stable), replica_set(3, NEW, "shop:2", new)


def analysis_run(
    name: str = f"{NAME}-{NEW}-3-2",
    phase: str = "Running",
    *changes: Tree,
    kind: str = "Step",
    step: int | None = ANALYSIS_STEP,
    values: tuple[str, ...] = (),
    created: float = 60,
) -> Tree:
    """An AnalysisRun with the one metric ``success-rate`` and these measured values."""
    labels = {"rollouts-pod-template-hash": NEW, "rollout-type": kind}
    if kind == "Step":
        labels["step-index"] = str(step)
    metric = {
        "name": "success-rate",
        "successCondition": "result[0] >= 0.95",
        "interval": "10s",
        "count": 3,
        "provider": {"prometheus": {"query": "up"}},
    }
    result = {
        "name": "success-rate",
        "phase": phase,
        "count": len(values),
        "measurements": [{"phase": phase, "value": value} for value in values],
    }
    raw: Tree = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-{name}",
            "resourceVersion": "70",
            "creationTimestamp": ago(created),
            "labels": labels,
            "ownerReferences": [{"kind": "Rollout", "name": NAME, "uid": UID, "controller": True}],
        },
        "spec": {"metrics": [metric]},
        "status": {"phase": phase, "metricResults": [result] if values else []},
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


def experiment(
    phase: str = "Running", *changes: Tree, name: str = f"{NAME}-{NEW}-3-1", runs: tuple[str, ...] = ("exp-run",)
) -> Tree:
    """The Experiment of step 1, with an analysis for each of these AnalysisRuns."""
    raw: Tree = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": "uid-of-experiment",
            "resourceVersion": "80",
            "creationTimestamp": ago(90),
            "labels": {"rollouts-pod-template-hash": NEW},
            "ownerReferences": [{"kind": "Rollout", "name": NAME, "uid": UID, "controller": True}],
        },
        "spec": {"analyses": [{"name": f"of-{run}"} for run in runs]},
        "status": {
            "phase": phase,
            "availableAt": ago(60),
            "templateStatuses": [{"name": "canary", "status": phase, "replicas": 1, "availableReplicas": 1}],
            "analysisRuns": [{"name": f"of-{run}", "analysisRun": run, "phase": phase} for run in runs],
        },
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


def experiment_run(name: str = "exp-run", phase: str = "Running", *changes: Tree, **more: Any) -> Tree:
    """An AnalysisRun that the Experiment owns."""
    owner = {"kind": "Experiment", "name": f"{NAME}-{NEW}-3-1", "uid": "uid-of-experiment", "controller": True}
    return analysis_run(name, phase, {"metadata": {"labels": None, "ownerReferences": [owner]}}, *changes, **more)


# -- views


def view(raw: Tree) -> Rollout:
    return Rollout.parse(raw)


def snapshot(raw: Tree, *replica_sets: Tree, workload: Tree | None = None, now: datetime = NOW) -> Snapshot:
    """What a verb decides on; a rollout with a workloadRef gets its Deployment."""
    rollout = Rollout.parse(raw)
    if rollout.workload_ref is not None:
        pods = Workload.parse(workload or deployment(), "Deployment", "apps/v1")
    else:
        pods = Workload.of(rollout)
    return Snapshot(rollout, pods, now, tuple(ReplicaSet.parse(item) for item in replica_sets))


def in_words(plan: Plan) -> str:
    """A plan in a form that fits into a table: its kind, its reason, and where it writes."""
    match plan:
        case Act():
            return "act: " + ", ".join(_where(patch) for patch in plan.patches)
        case Unchanged():
            return "unchanged"
        case NotYet():
            return f"not yet: {plan.reason}"
        case Refused():
            return f"refused: {plan.reason}"


def _where(patch: MergePatch | JsonPatch) -> str:
    if isinstance(patch, JsonPatch):
        return "template"
    return " ".join(f"{part}.{field}" for part, fields in patch.body.items() for field in fields)


def written(plan: Plan) -> list[Any]:
    """The bodies of a plan's patches, in their order."""
    assert isinstance(plan, Act), plan
    return [patch.operations if isinstance(patch, JsonPatch) else patch.body for patch in plan.patches]
