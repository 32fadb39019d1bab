# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop in two versions behind the Services `stable` and `canary`, without a controller that releases it."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import JSON_PATCH, Resource

from tests.integration.client import Client
from tests.integration.kit import Object, Stage, service
from tests.integration.support import eventually

RULES = "networking.istio.io/v1"
VIRTUAL_SERVICE = Resource(RULES, "VirtualService", "virtualservices")


def deployment(name: str, tag: str, replicas: int = 2, **annotations: str) -> Object:
    """Pods of `name` that answer as version `tag`."""
    labels = {"app": name, "version": tag}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": f"shop:{tag}"}]},
            },
        },
    }


def front(name: str, app: str) -> Object:
    """A Service in front of the pods of `app`."""
    found = service(name)
    found["spec"]["selector"] = {"app": app}
    return found


def virtual_service(*http: Object, **spec: Any) -> Object:
    metadata = {"name": "shop"}
    return {
        "apiVersion": RULES, "kind": "VirtualService", "metadata": metadata,
        "spec": {"hosts": ["stable"], "http": list(http), **spec},
    }  # fmt: skip


def destination_rule(**spec: Any) -> Object:
    return {"apiVersion": RULES, "kind": "DestinationRule", "metadata": {"name": "shop"}, "spec": spec}


def split(stable: int, **route: Any) -> Object:
    destinations = [{"destination": {"host": "stable"}, "weight": stable}]
    destinations.append({"destination": {"host": "canary"}, "weight": 100 - stable})
    return {"name": "primary", "route": destinations, **route}


def open_shop(stage: Stage) -> Client:
    """Versions 1 and 2, two pods each; both answer. The client calls the Service `stable`."""
    stage.apply(deployment("one", "1"), deployment("two", "2"), front("stable", "one"), front("canary", "two"))
    stable, other = (Client(stage.lab, f"{name}.{stage.namespace}") for name in ("stable", "canary"))
    eventually(lambda: stable.get().status == other.get().status == 200)
    return stable


def obey(stage: Stage, client: Client, *http: Object, **spec: Any) -> None:
    """Apply a VirtualService, the last route of which takes every request, and wait until it is in force."""
    mark = str(time.monotonic_ns())
    marked = {**http[-1], "headers": {"response": {"set": {"x-rule": mark}}}}
    stage.apply(virtual_service(*http[:-1], marked, **spec))
    eventually(lambda: client.get().headers.get("x-rule") == mark)


def weigh(stage: Stage, stable: int) -> float:
    """Write other weights into the VirtualService that is there; return the time on the monotonic clock before that."""
    patch = [
        {"op": "replace", "path": f"/spec/http/0/route/{number}/weight", "value": weight}
        for number, weight in enumerate((stable, 100 - stable))
    ]
    before = time.monotonic()
    stage.cluster.patch(VIRTUAL_SERVICE, stage.namespace, "shop", patch, content_type=JSON_PATCH)
    return before
