# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading where the traffic goes: which requests, and what happens when some of them are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotInstalled,
    Transient,
    Unauthorized,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import TRAFFIC, Object, Resource
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.unit.fakes import FakeCluster
from tests.unit.support import FIRST_GATE, NAME, NAMESPACE, NEW, STABLE, Tree, canary, merged, paused, pods_of

ROUTING: Tree = {"istio": {"virtualService": {"name": "shop"}}}
STRATEGY: Tree = {"canaryService": "new", "stableService": "old", "trafficRouting": ROUTING}


def rollout(weight: int = 20) -> Tree:
    weights = {
        "canary": {"weight": weight, "podTemplateHash": NEW},
        "stable": {"weight": 100 - weight, "podTemplateHash": STABLE},
    }
    return paused(FIRST_GATE, {"spec": {"strategy": {"canary": STRATEGY}}, "status": {"canary": {"weights": weights}}})


def named(kind: str, name: str, spec: Tree) -> Tree:
    metadata = {"name": name, "namespace": NAMESPACE, "resourceVersion": "1"}
    return {"kind": kind, "metadata": metadata, "spec": spec}


def service(name: str, pod_hash: str) -> Tree:
    return named("Service", name, {"selector": {"rollouts-pod-template-hash": pod_hash}})


def split(weight: int) -> Tree:
    route = [
        {"destination": {"host": "old"}, "weight": 100 - weight},
        {"destination": {"host": "new"}, "weight": weight},
    ]
    return named("VirtualService", "shop", {"http": [{"route": route}]})


def world(weight: int = 20) -> FakeCluster:
    sets = (merged(raw, {"status": {"readyReplicas": 1}}) for raw in pods_of())
    return FakeCluster(rollout(), *sets, service("old", STABLE), service("new", NEW), split(weight))


def look(cluster: FakeCluster, **options: Any) -> Tree:
    given = {"name": NAME, "namespace": NAMESPACE, **options}
    return run_task("traffic_info", given, lambda: cluster, clock=cluster.clock)


def refuse(cluster: FakeCluster, plural: str, error: ClusterError, versions: tuple[str, ...] = ("",)) -> None:
    """Requests for that resource, in the API versions that end so, fail."""
    get, listed = cluster.get, cluster.list

    def is_refused(resource: Resource) -> bool:
        return resource.plural == plural and resource.api_version.endswith(versions)

    def getting(resource: Resource, *rest: Any) -> Object:
        if is_refused(resource):
            raise error
        return get(resource, *rest)

    def listing(resource: Resource, *rest: Any) -> Object:
        if is_refused(resource):
            raise error
        return listed(resource, *rest)

    cluster.get, cluster.list = getting, listing  # type: ignore[method-assign]


def test_one_request_for_each_object() -> None:
    cluster = world()
    result = look(cluster)
    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "agree")
    assert cluster.asked == [
        "get rollouts/shop",
        "get services/old",
        "get services/new",
        "get virtualservices/shop",
        "list replicasets",
    ]
    assert cluster.requests[-1].query == {"labelSelector": "rollouts-pod-template-hash"}


def test_what_disagrees_while_nothing_moves_is_said() -> None:
    cluster = world(40)
    assert look(cluster)["reason"] == "disagree"
    assert cluster.asked[5:] == ["get rollouts/shop"]


def test_what_disagrees_while_the_rollout_moves_is_looked_at_again() -> None:
    cluster = world(40)
    listed = cluster.list

    def moving(*rest: Any) -> Object:
        cluster.later(0, rollout(40))
        return listed(*rest)

    cluster.list = moving  # type: ignore[method-assign]
    assert look(cluster)["reason"] == "agree"
    assert cluster.asked.count("get rollouts/shop") == 2


def test_a_rollout_that_never_stands_still_is_not_followed() -> None:
    cluster = world(100)
    listed, weights = cluster.list, iter(range(50))

    def moving(*rest: Any) -> Object:
        cluster.later(0, rollout(next(weights)))
        return listed(*rest)

    cluster.list = moving  # type: ignore[method-assign]
    assert look(cluster)["reason"] == "disagree"
    assert cluster.asked.count("list replicasets") == 3


@pytest.mark.parametrize(
    ("plural", "what"),
    [
        ("virtualservices", "VirtualService prod/shop"),
        ("services", "Service prod/old"),
        ("replicasets", "ReplicaSets of prod"),
    ],
)
def test_what_may_not_be_read_is_named(plural: str, what: str) -> None:
    cluster = world()
    refuse(cluster, plural, Forbidden(f"user eve may not get {plural}", 403))
    result = look(cluster)
    assert (result["failed"], result["reason"]) == (False, "not_read")
    first = result["traffic"]["not_read"][0]
    assert (first["object"], first["reason"]) == (what, "forbidden")
    assert f"user eve may not get {plural}" in result["msg"]


def test_an_older_istio_has_another_version_of_the_same_objects() -> None:
    cluster = world()
    refuse(cluster, "virtualservices", NotInstalled("not served", 404), ("/v1",))
    assert look(cluster)["reason"] == "agree"


def test_a_mesh_that_is_not_installed() -> None:
    cluster = world()
    refuse(cluster, "virtualservices", NotInstalled("not served", 404))
    (missed,) = look(cluster)["traffic"]["not_read"]
    assert missed == {
        "object": "VirtualService prod/shop",
        "reason": "not_installed",
        "message": (
            "https://cluster.test serves no VirtualService that VirtualService prod/shop could be; "
            "install what defines it"
        ),
    }


def test_an_object_that_is_not_there() -> None:
    result = look(FakeCluster(rollout(), service("old", STABLE), service("new", NEW)))
    assert [item["what"] for item in result["traffic"]["disagreements"]] == ["missing"]


def test_no_such_rollout() -> None:
    result = look(FakeCluster())
    assert (result["failed"], result["reason"]) == (True, "not_found")
    assert "traffic" not in result


@pytest.mark.parametrize("plural", ["virtualservices", "replicasets"])
def test_a_cluster_that_does_not_answer_fails_the_task(plural: str) -> None:
    cluster = world()
    refuse(cluster, plural, Transient("503", 503))
    assert (look(cluster)["failed"], look(cluster)["reason"]) == (True, "unreachable")


def test_a_refused_rollout_fails_the_task() -> None:
    cluster = world()
    refuse(cluster, "rollouts", Unauthorized("who are you", 401))
    assert (look(cluster)["failed"], look(cluster)["reason"]) == (True, "unauthorized")


@pytest.mark.parametrize("options", [{"name": "Shop"}, {"namespace": ""}, {"name": "a/b"}])
def test_names_that_no_object_can_have(options: Tree) -> None:
    assert look(FakeCluster(canary()), **options)["reason"] == "invalid_request"


def test_every_kind_has_its_path() -> None:
    paths = {resource.path("prod", "x") for found in TRAFFIC.values() for resource in found}
    assert paths == {
        "/api/v1/namespaces/prod/services/x",
        "/apis/networking.k8s.io/v1/namespaces/prod/ingresses/x",
        "/apis/networking.istio.io/v1/namespaces/prod/virtualservices/x",
        "/apis/networking.istio.io/v1alpha3/namespaces/prod/virtualservices/x",
        "/apis/networking.istio.io/v1/namespaces/prod/destinationrules/x",
        "/apis/networking.istio.io/v1alpha3/namespaces/prod/destinationrules/x",
        "/apis/traefik.io/v1alpha1/namespaces/prod/traefikservices/x",
    }
