# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Pod of the lab, ready unless a test says otherwise."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

READY = [{"type": "Ready", "status": "True"}]


def pod(name: str = "shop-1", **status: Any) -> Object:
    """A v1.Pod; `status` is laid over its status."""
    return {
        "metadata": {
            "name": name,
            "namespace": "apps",
            "uid": f"uid-of-{name}",
            "creationTimestamp": "2026-01-01T12:00:00Z",
            "ownerReferences": [{"kind": "ReplicaSet", "name": "shop-5d4c8b"}],
        },
        "spec": {"nodeName": "worker", "containers": [{"name": "app", "image": "team/shop:1.0.0"}]},
        "status": {
            "phase": "Running",
            "podIP": "10.244.1.7",
            "startTime": "2026-01-01T12:00:01Z",
            "conditions": READY,
            **status,
        },
    }
