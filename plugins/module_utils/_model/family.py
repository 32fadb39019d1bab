# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a Rollout: by revision its ReplicaSets with their pods, its Experiments, its AnalysisRuns.

Selects, judges and orders as ``kubectl argo rollouts get rollout`` does (``pkg/kubectl-argo-rollouts/info`` of v1.10).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .pods import pod_result
from .rollout import BLUE_GREEN, CANARY, HASH_LABEL, Rollout, revision_of
from .timestamps import format_time

Raw = Mapping[str, Any]
Tree = dict[str, Any]

DEADLINE_ANNOTATION = "scale-down-deadline"
TEMPLATE_ANNOTATION = "experiment.argoproj.io/template-name"
_COUNTS = ("successful", "failed", "inconclusive", "error")


def by_owner(items: Iterable[Raw]) -> Mapping[str, list[Raw]]:
    """The objects that each owner has, by its uid; an owner need not be the controlling one."""
    found: dict[str, list[Raw]] = defaultdict(list)
    for item in items:
        for owner in item["metadata"].get("ownerReferences") or ():
            found[owner.get("uid", "")].append(item)
    return found


@dataclass(frozen=True)
class Kin:
    """The objects of a namespace, or of all namespaces, by the uid of their owner."""

    replica_sets: Mapping[str, list[Raw]]
    pods: Mapping[str, list[Raw]]
    experiments: Mapping[str, list[Raw]]
    runs: Mapping[str, list[Raw]]


def family_tree(rollout: Rollout, kin: Kin, now: datetime) -> Tree:
    """``now`` and ``created`` as times, ``images`` in use, and ``revisions``, the newest first."""
    replica_sets = _replica_sets(rollout.uid, kin, rollout)
    experiments = [_experiment(item, kin) for item in _of(kin.experiments, rollout.uid)]
    runs = _runs(rollout.uid, kin)
    numbers = {item["revision"] for group in (replica_sets, experiments, runs) for item in group}
    return {
        "now": format_time(now),
        "created": (rollout.raw.get("metadata") or {}).get("creationTimestamp") or "",
        "images": _images([*replica_sets, *(each for item in experiments for each in item["replica_sets"])]),
        "revisions": [
            {
                "revision": number,
                "replica_sets": [item for item in replica_sets if item["revision"] == number],
                "experiments": [item for item in experiments if item["revision"] == number],
                "analysis": [item for item in runs if item["revision"] == number],
            }
            for number in sorted(numbers, reverse=True)
        ],
    }


def _of(owned: Mapping[str, list[Raw]], uid: str) -> list[Raw]:
    """What an owner has, the oldest first."""
    return sorted(owned.get(uid, ()), key=lambda item: (_created(item), item["metadata"]["name"]))


def _created(item: Raw) -> str:
    return item["metadata"].get("creationTimestamp") or ""


def _annotations(item: Raw) -> Mapping[str, str]:
    return item["metadata"].get("annotations") or {}


def _head(item: Raw) -> Tree:
    return {
        "name": item["metadata"]["name"],
        "revision": revision_of(_annotations(item)),
        "created": _created(item),
    }


# -- ReplicaSets


def _replica_sets(uid: str, kin: Kin, rollout: Rollout | None = None) -> list[Tree]:
    found = [_replica_set(item, kin, rollout) for item in kin.replica_sets.get(uid, ())]
    return sorted(found, key=lambda item: (-item["revision"], item["name"]))


def _replica_set(item: Raw, kin: Kin, rollout: Rollout | None) -> Tree:
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    pod_hash = (meta.get("labels") or {}).get(HASH_LABEL, "")
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    return {
        **_head(item),
        "hash": pod_hash,
        "status": _health(meta, spec, status),
        "tags": tags_of(rollout, pod_hash) if rollout is not None else [],
        "template": _annotations(item).get(TEMPLATE_ANNOTATION) or None,
        "desired": int(spec.get("replicas") or 0),
        "replicas": int(status.get("replicas") or 0),
        "ready": int(status.get("readyReplicas") or 0),
        "available": int(status.get("availableReplicas") or 0),
        "scale_down_deadline": _annotations(item).get(DEADLINE_ANNOTATION) or None,
        "images": [container.get("image", "") for container in containers],
        "pods": [pod_result(pod) for pod in _of(kin.pods, meta.get("uid", ""))],
    }


def _health(meta: Raw, spec: Raw, status: Raw) -> str:
    """``getReplicaSetHealth``."""
    if int(meta.get("generation") or 0) > int(status.get("observedGeneration") or 0):
        return "Progressing"
    conditions = status.get("conditions") or ()
    if any(item.get("type") == "ReplicaFailure" and item.get("status") == "True" for item in conditions):
        return "ReplicaFailure"
    desired = spec.get("replicas")
    if desired is not None and int(status.get("availableReplicas") or 0) < desired:
        return "Progressing"
    return "ScaledDown" if desired == 0 else "Healthy"


def tags_of(rollout: Rollout, pod_hash: str) -> list[str]:
    """What a ReplicaSet of that hash is to the Rollout: stable, canary, active, preview, ping, pong."""
    if rollout.strategy == BLUE_GREEN:
        return _blue_green_tags(rollout, pod_hash)
    role = {rollout.current_hash: CANARY, rollout.stable_hash: "stable"}.get(pod_hash)
    if rollout.strategy != CANARY or role is None:
        return []
    if rollout.strategy_spec.get("pingPong") is None:
        return [role]
    return [role, "ping" if (role == "stable") == rollout.stable_is_ping else "pong"]


def _blue_green_tags(rollout: Rollout, pod_hash: str) -> list[str]:
    status = rollout.status.get(BLUE_GREEN) or {}
    selected = {status.get("previewSelector"): "preview", status.get("activeSelector"): "active"}.get(pod_hash)
    return [tag for tag in ("stable" if pod_hash == rollout.stable_hash else None, selected) if tag]


def _images(replica_sets: Sequence[Tree]) -> list[Tree]:
    """The images of ReplicaSets that have pods, each with all that it is used for (``info.Images``)."""
    found: dict[str, list[str]] = {}
    for item in replica_sets:
        tags = [*item["tags"], *([f"Σ:{item['template']}"] if item["template"] else [])]
        for image in item["images"] if item["replicas"] else ():
            found[image] = sorted({*found[image], *tags}) if image in found else tags
    return [{"image": image, "tags": found[image]} for image in sorted(found)]


# -- Experiments and AnalysisRuns


def _experiment(item: Raw, kin: Kin) -> Tree:
    uid, status = item["metadata"].get("uid", ""), item.get("status") or {}
    return {
        **_head(item),
        "status": status.get("phase") or "",
        "message": status.get("message") or "",
        "replica_sets": _replica_sets(uid, kin),
        "analysis": _runs(uid, kin),
    }


def _runs(uid: str, kin: Kin) -> list[Tree]:
    return [_run(item) for item in _of(kin.runs, uid)]


def _run(item: Raw) -> Tree:
    status = item.get("status") or {}
    results = status.get("metricResults") or ()
    return {
        **_head(item),
        "status": status.get("phase") or "",
        "message": status.get("message") or "",
        **{name: sum(int(result.get(name) or 0) for result in results) for name in _COUNTS},
        "jobs": [job for result in results for job in _jobs(result.get("measurements") or ())],
    }


def _jobs(measurements: Sequence[Raw]) -> list[Tree]:
    """The Jobs that measured something."""
    return [
        {
            "name": item["metadata"]["job-name"],
            "status": item.get("phase") or "",
            "created": item.get("startedAt") or "",
        }
        for item in measurements
        if "job-name" in (item.get("metadata") or {})
    ]
