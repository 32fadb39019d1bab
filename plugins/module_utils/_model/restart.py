# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that a restart replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .rollout import BLUE_GREEN, Rollout
from .timestamps import parse_time

Pod = Mapping[str, Any]


def pods_to_come(pods: Sequence[Pod], rollout: Rollout) -> int:
    """How many pods are not as they will be after the restart: old, going, not ready, or not made yet."""
    mine = {version: _pods_of(version, pods, rollout) for version in (rollout.stable_hash, rollout.current_hash)}
    found = [pod for version in mine.values() for pod in version]
    if rollout.strategy == BLUE_GREEN:
        missing = sum(max(_wanted(version, rollout) - len(made), 0) for version, made in mine.items())
    else:
        missing = max(rollout.counts["current"] - len(found), 0)
    return missing + sum(not _is_back(pod, rollout) for pod in found)


def _wanted(version: str, rollout: Rollout) -> int:
    """The pods that a blue-green rollout has of a version at least; its status also counts those of old ones."""
    if version == (rollout.stable_hash or rollout.current_hash):
        return rollout.replicas
    if not version or rollout.abort:
        return 0
    return int(rollout.strategy_spec.get("previewReplicaCount") or rollout.replicas)


def _pods_of(version: str, pods: Sequence[Pod], rollout: Rollout) -> list[Pod]:
    """Those whose ReplicaSet the controller has named after the Rollout and its version."""
    owner = f"{rollout.name}-{version}"
    return [pod for pod in pods if owner in [ref.get("name") for ref in pod["metadata"].get("ownerReferences") or ()]]


def _is_back(pod: Pod, rollout: Rollout) -> bool:
    meta = pod["metadata"]
    created = parse_time(meta.get("creationTimestamp"))
    young = rollout.restart_at is None or (created is not None and created >= rollout.restart_at)
    ready = any(
        item.get("type") == "Ready" and item.get("status") == "True"
        for item in (pod.get("status") or {}).get("conditions") or ()
    )
    return young and ready and not meta.get("deletionTimestamp")
