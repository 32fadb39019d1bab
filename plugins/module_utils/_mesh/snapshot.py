# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's objects as a whole, translated: the files that Envoy reads, and what is wrong with the objects."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .catalog import Catalog
from .clusters import cluster
from .destination_rules import rules
from .ingresses import sites
from .objects import Object, Problems, Tree
from .routes import MESH
from .services import Pod, Service
from .virtual_hosts import INGRESS, ingress_routes, mesh_routes
from .virtual_services import virtual_services


@dataclass(frozen=True)
class Objects:
    """What the mesh is made of."""

    services: Sequence[Object] = ()
    pods: Sequence[Object] = ()
    virtual_services: Sequence[Object] = ()
    destination_rules: Sequence[Object] = ()
    ingresses: Sequence[Object] = ()


@dataclass(frozen=True)
class Snapshot:
    """`clusters` by name; `routes` by listener; `problems` as the status page shows them."""

    clusters: Mapping[str, Tree]
    routes: Mapping[str, Tree]
    problems: list[dict[str, str]]


def translate(objects: Objects, network: str) -> Snapshot:
    """`network`: the first two octets of the pods' loopback addresses."""
    problems = Problems()
    catalog = _catalog(objects, problems)
    virtual = virtual_services(objects.virtual_services, problems)
    routes = {
        MESH: mesh_routes(catalog, virtual),
        INGRESS: ingress_routes(catalog, virtual, sites(objects.ingresses, catalog, problems)),
    }
    targets = [*catalog.targets(), *catalog.strangers]
    clusters = {target.cluster: cluster(catalog, target, network) for target in targets}
    return Snapshot(clusters, routes, problems.listed())


def _catalog(objects: Objects, problems: Problems) -> Catalog:
    services = [Service.parse(found) for found in objects.services]
    pods: dict[str, list[Pod]] = defaultdict(list)
    for found in objects.pods:
        pod = Pod.parse(found)
        if pod is not None:
            pods[pod.namespace].append(pod)
    by_host = {service.host: service for service in services}
    return Catalog(by_host, rules(objects.destination_rules, problems), pods)


def discovery(resources: Sequence[Tree]) -> tuple[str, str]:
    """The version and the text of a file with resources for Envoy; the version stands for the content."""
    content = json.dumps(resources, separators=(",", ":"), sort_keys=True)
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    return version, f'{{"version_info":"{version}","resources":{content}}}\n'
