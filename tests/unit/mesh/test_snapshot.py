# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the translation of any objects: Envoy must never refuse it, nor lack what it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.progressive.delivery.plugins.module_utils._mesh.bootstrap import bootstrap
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.listeners import listeners
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.snapshot import Snapshot, discovery
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.mesh.support import (
    Tree,
    destination_rule,
    ingress,
    mesh,
    path,
    pod,
    service,
    split,
    virtual_service,
)

NAMES = st.sampled_from(["stable", "canary", "shop", "nobody"])
HOSTS = st.one_of(NAMES, st.sampled_from(["*", "*.test", "shop.test", "stable.prod.svc.cluster.local"]))
LABELS = st.dictionaries(st.sampled_from(["app", "v"]), st.sampled_from(["stable", "canary", "a"]), max_size=2)
TARGETS = st.builds(lambda host, subset: f"{host}/{subset}" if subset else host, NAMES, st.sampled_from(["", "v1"]))
HTTP = st.builds(
    lambda weights, match, mirror: split(weights, **match, **mirror),
    st.dictionaries(TARGETS, st.integers(0, 100), min_size=1, max_size=3),
    st.sampled_from([{}, {"match": [{"headers": {"x": {"exact": "1"}}}]}, {"match": [{"uri": {"regex": "("}}]}]),
    st.sampled_from([{}, {"mirror": {"host": "nobody"}}]),
)
OBJECTS = st.lists(
    st.one_of(
        st.builds(service, NAMES, namespace=st.sampled_from(["prod", "default"])),
        st.builds(
            lambda number, labels, ready: pod(f"p{number}", f"10.244.0.{number}", ready=ready, **labels),
            st.integers(1, 200), LABELS, st.booleans(),
        ),
        st.builds(
            lambda name, http, hosts, gateways: virtual_service(name, *http, hosts=hosts, gateways=gateways),
            NAMES, st.lists(HTTP, max_size=2), st.lists(HOSTS, min_size=1, max_size=2),
            st.sampled_from([[], ["edge"], ["mesh", "edge"]]),
        ),
        st.builds(
            lambda name, host, labels: destination_rule(name, host, {"name": "v1", "labels": labels}),
            NAMES, NAMES, LABELS,
        ),
        st.builds(
            lambda name, to, canary: ingress(name, path(to), annotations={"canary": str(canary).lower()}),
            NAMES, NAMES, st.booleans(),
        ),
    ),
    max_size=12,
    unique_by=lambda found: (found["kind"], found["metadata"]["name"], found["metadata"]["namespace"]),
)  # fmt: skip


def _mesh(objects: list[Tree]) -> Snapshot:
    given_names = {(found["kind"], found["metadata"]["name"]) for found in objects}
    assert len(given_names) <= len(objects)
    return mesh(*(found for found in objects if _key(found) not in {("Service", "stable"), ("Service", "canary")}))


def _key(found: Tree) -> tuple[str, str]:
    return found["kind"], found["metadata"]["name"]


def _named(tree: object) -> Iterator[str]:
    """Every cluster that a route names."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == "cluster":
                yield value
            elif key == "weighted_clusters":
                yield from (item["name"] for item in value["clusters"])
            else:
                yield from _named(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _named(value)


@given(OBJECTS)
def test_every_cluster_that_a_route_names_is_there(objects: list[Tree]) -> None:
    snapshot = _mesh(objects)
    assert set(_named(snapshot.routes)) <= set(snapshot.clusters)


@given(OBJECTS)
def test_no_host_occurs_twice(objects: list[Tree]) -> None:
    for configuration in _mesh(objects).routes.values():
        domains = [domain for host in configuration["virtual_hosts"] for domain in host["domains"]]
        assert len(set(domains)) == len(domains)


@given(OBJECTS)
def test_weights_are_never_all_zero(objects: list[Tree]) -> None:
    for configuration in _mesh(objects).routes.values():
        for host in configuration["virtual_hosts"]:
            for found in host["routes"]:
                weighted = found.get("route", {}).get("weighted_clusters")
                assert weighted is None or sum(item["weight"] for item in weighted["clusters"]) > 0


@given(OBJECTS)
def test_the_order_of_the_objects_does_not_matter(objects: list[Tree]) -> None:
    one, other = _mesh(objects), _mesh(objects[::-1])
    assert _unordered(one.routes) == _unordered(other.routes)
    assert set(one.clusters) == set(other.clusters)


def _unordered(routes: object) -> Tree:
    tree = json.loads(json.dumps(routes))
    return {name: {host["name"]: host for host in found["virtual_hosts"]} for name, found in tree.items()}


def test_the_version_of_a_file_stands_for_its_content() -> None:
    version, text = discovery([{"b": 1, "a": 2}])
    assert json.loads(text) == {"version_info": version, "resources": [{"a": 2, "b": 1}]}
    assert discovery([{"a": 2, "b": 1}]) == (version, text)
    assert discovery([{"a": 3}])[0] != version


def test_everything_listens_on_loopback_only() -> None:
    start = bootstrap(Path("/lab/clusters.json"), Path("/lab/listeners.json"), 9901)
    found = listeners({"mesh": 1, "ingress": 2}, {"mesh": "/lab/m.json", "ingress": "/lab/i.json"})
    sockets = [item["address"]["socket_address"] for item in (start["admin"], *found)]
    assert sockets == [{"address": "127.0.0.1", "port_value": port} for port in (9901, 1, 2)]
