# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builders of the objects that the mesh is made of, and ways to look at what Envoy gets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._mesh.snapshot import Objects, Snapshot, translate

Tree = dict[str, Any]

NETWORK = "127.71"
NAMESPACE = "prod"
BOTH = {"stable": 80, "canary": 20}


def metadata(name: str, namespace: str = NAMESPACE, **other: Any) -> Tree:
    return {"name": name, "namespace": namespace, **other}


def service(name: str, *ports: Tree, namespace: str = NAMESPACE, **selector: str) -> Tree:
    """Port 80 leads to 8080, unless ports are given; the selector is `app: <name>` unless one is given."""
    spec = {"selector": selector or {"app": name}, "ports": list(ports) or [{"port": 80, "targetPort": 8080}]}
    return {"kind": "Service", "metadata": metadata(name, namespace), "spec": spec}


def pod(name: str, ip: str = "10.244.1.2", namespace: str = NAMESPACE, ready: bool = True, **labels: str) -> Tree:
    return {
        "kind": "Pod",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {"containers": [{"name": "app", "ports": [{"name": "web", "containerPort": 8080}]}]},
        "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def virtual_service(name: str, *http: Tree, hosts: Sequence[str] = ("stable",), **spec: Any) -> Tree:
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    namespace = spec.pop("namespace", NAMESPACE)
    return {
        "kind": "VirtualService",
        "metadata": metadata(name, namespace, creationTimestamp=created),
        "spec": {"hosts": list(hosts), "http": list(http), **spec},
    }


def to(*destinations: Tree, **route: Any) -> Tree:
    """An HTTP route to these destinations."""
    return {"route": list(destinations), **route}


def split(weights: dict[str, int] | None = None, **route: Any) -> Tree:
    """An HTTP route that shares the requests out among hosts, or among subsets written as `host/subset`."""
    found = [destination(*key.split("/"), weight=weight) for key, weight in (weights or BOTH).items()]
    return to(*found, **route)


def destination(host: str, subset: str = "", **other: Any) -> Tree:
    return {"destination": {"host": host, **({"subset": subset} if subset else {})}, **other}


def destination_rule(name: str, host: str, *subsets: Tree, **spec: Any) -> Tree:
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    namespace = spec.pop("namespace", NAMESPACE)
    return {
        "kind": "DestinationRule",
        "metadata": metadata(name, namespace, creationTimestamp=created),
        "spec": {"host": host, "subsets": list(subsets), **spec},
    }


def ingress(name: str, *paths: Tree, host: str | None = "shop.test", **other: Any) -> Tree:
    """`annotations` without the prefix of ingress-nginx; the rest goes into spec."""
    annotations = {f"nginx.ingress.kubernetes.io/{key}": value for key, value in other.pop("annotations", {}).items()}
    rule = {"http": {"paths": list(paths)}, **({"host": host} if host else {})}
    return {
        "kind": "Ingress",
        "metadata": metadata(name, annotations=annotations),
        "spec": {"rules": [rule] if paths else [], **other},
    }


def path(to_service: str = "stable", at: str = "/", kind: str = "Prefix", port: Tree | None = None) -> Tree:
    return {"path": at, "pathType": kind, "backend": {"service": {"name": to_service, "port": port or {"number": 80}}}}


def mesh(*objects: Tree) -> Snapshot:
    """The translation of these objects and of the Services `stable` and `canary`."""
    every = [service("stable"), service("canary"), *objects]

    def of(kind: str) -> list[Tree]:
        return [item for item in every if item["kind"] == kind]

    return translate(
        Objects(
            services=of("Service"),
            pods=of("Pod"),
            virtual_services=of("VirtualService"),
            destination_rules=of("DestinationRule"),
            ingresses=of("Ingress"),
        ),
        NETWORK,
    )


def problems(snapshot: Snapshot) -> list[str]:
    return [f"{item['object']}: {item['problem']}" for item in snapshot.problems]


def routes(snapshot: Snapshot, domain: str = "stable.prod", listener: str = "mesh") -> list[Tree]:
    """The routes for a Host header, as Envoy chooses the virtual host of an exact name."""
    hosts = snapshot.routes[listener]["virtual_hosts"]
    return next((host["routes"] for host in hosts if domain in host["domains"]), [])


def route(snapshot: Snapshot, domain: str = "stable.prod", listener: str = "mesh") -> Tree:
    [only] = routes(snapshot, domain, listener)
    return only


def action(http: Tree, *objects: Tree) -> Tree:
    """What Envoy does for the only HTTP route of a VirtualService."""
    return route(mesh(virtual_service("shop", http), *objects))["route"]


def shares(action: Tree) -> dict[str, int]:
    """Weight by cluster, named without what all clusters have in common."""
    clusters = action["weighted_clusters"]["clusters"]
    return {short(item["name"]): item["weight"] for item in clusters}


def short(cluster: str) -> str:
    _direction, port, subset, host = cluster.split("|")
    name = host.removesuffix(".prod.svc.cluster.local")
    return "/".join(part for part in (name, subset, port if port != "80" else "") if part)


def members(snapshot: Snapshot, cluster: str) -> list[str]:
    """The addresses behind a cluster, which is named as `short` does."""
    [found] = [item for name, item in snapshot.clusters.items() if short(name) == cluster]
    endpoints = found["load_assignment"]["endpoints"]
    addresses = [
        entry["endpoint"]["address"]["socket_address"] for group in endpoints for entry in group["lb_endpoints"]
    ]
    return [f"{address['address']}:{address['port_value']}" for address in addresses]
