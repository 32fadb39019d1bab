# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that a restart replaces: which of them are still to come."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.restart import pods_to_come

from tests.unit.support import (
    NEW,
    OTHER,
    STABLE,
    Tree,
    aborted,
    ago,
    blue_green,
    canary,
    merged,
    preview,
    updating,
    view,
)

RESTARTED: Tree = {"spec": {"restartAt": ago(60)}, "status": {"restartedAt": ago(60)}}


def pod(version: str = STABLE, *changes: Tree, age: float = 30, ready: str = "True") -> Tree:
    raw: Tree = {
        "metadata": {
            "creationTimestamp": ago(age),
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"shop-{version}"}],
        },
        "status": {"conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": ready}]},
    }
    for change in changes:
        raw = merged(raw, change)
    return raw


GOING: Tree = {"metadata": {"deletionTimestamp": ago(1)}}
FOUR = [pod()] * 4


@pytest.mark.parametrize(
    ("raw", "pods", "to_come"),
    [
        (canary(RESTARTED), [*FOUR, pod()], 0),
        (canary(RESTARTED), [*FOUR, pod(age=60)], 0),
        (canary(), [*FOUR, pod(age=9999)], 0),
        (canary(RESTARTED), [*FOUR, pod(age=61)], 1),
        (canary(RESTARTED), [*FOUR, pod(ready="False")], 1),
        (canary(RESTARTED), [*FOUR, pod(STABLE, {"status": None})], 1),
        (canary(RESTARTED), [*FOUR, pod(STABLE, GOING)], 1),
        (canary(RESTARTED), [*FOUR, pod(STABLE, GOING), pod(ready="False")], 2),
        (canary(RESTARTED), FOUR, 1),
        (canary(RESTARTED), [*FOUR, pod(OTHER)], 1),
        (canary(RESTARTED), [*FOUR, pod(STABLE, {"metadata": {"ownerReferences": None}})], 1),
        (updating(0, RESTARTED), [*FOUR, pod(NEW)], 0),
        (updating(0, RESTARTED), [*FOUR, pod(NEW, ready="False")], 1),
        (canary(RESTARTED, {"status": {"replicas": 0}}), [], 0),
        (blue_green(RESTARTED), [*FOUR, pod()], 0),
        (blue_green(RESTARTED, {"status": {"replicas": 10}}), FOUR, 1),
        (preview(RESTARTED), [*FOUR, pod(), *([pod(NEW)] * 5)], 0),
        (preview(RESTARTED), [*FOUR, pod(), *([pod(NEW)] * 4)], 1),
        (preview(RESTARTED, {"spec": {"strategy": {"blueGreen": {"previewReplicaCount": 1}}}}), [*FOUR, pod()], 1),
        (preview(RESTARTED, {"status": {"abort": True}}), [*FOUR, pod()], 0),
        (preview(RESTARTED, {"status": {"stableRS": None}}), [pod(NEW)] * 5, 0),
        (aborted(RESTARTED, {"status": {"updatedReplicas": 0}}), [*FOUR, pod()], 0),
    ],
)
def test_pods_that_are_not_back(raw: Tree, pods: list[Tree], to_come: int) -> None:
    assert pods_to_come(pods, view(raw)) == to_come
