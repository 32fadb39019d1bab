# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods stand behind a Service, where they are reached, and what metrics say about them."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.services import Pod

from tests.unit.mesh.support import Tree, destination_rule, members, mesh, metadata, pod, service


def test_a_ready_pod_is_reached_at_its_loopback_address() -> None:
    snapshot = mesh(pod("one", "10.244.1.7", app="stable"), pod("other", "10.244.1.8", app="canary"))
    assert members(snapshot, "stable") == ["127.71.1.7:8080"]
    assert members(snapshot, "canary") == ["127.71.1.8:8080"]


def _with(name: str, change: Tree) -> Tree:
    found = pod(name, app="stable")
    return {key: {**found[key], **change.get(key, {})} if isinstance(found[key], dict) else found[key] for key in found}


@pytest.mark.parametrize(
    "absent",
    [
        pytest.param(pod("one", ready=False, app="stable"), id="not ready"),
        pytest.param(_with("one", {"metadata": {"deletionTimestamp": "now"}}), id="on its way out"),
        pytest.param(_with("one", {"status": {"podIP": ""}}), id="without an address"),
        pytest.param({"kind": "Pod", "metadata": metadata("one", labels={"app": "stable"}), "spec": {}}, id="new"),
        pytest.param(pod("one", namespace="test", app="stable"), id="of another namespace"),
        pytest.param(pod("one", app="canary"), id="that the selector does not want"),
        pytest.param(pod("one"), id="without labels"),
    ],
)
def test_other_pods_get_nothing(absent: Tree) -> None:
    assert members(mesh(absent), "stable") == []


def test_a_service_without_a_selector_has_nothing_behind_it() -> None:
    external = {"kind": "Service", "metadata": metadata("external"), "spec": {"ports": [{"port": 80}]}}
    assert members(mesh(external, pod("one", app="stable")), "external") == []


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        pytest.param({"port": 80, "targetPort": 9090}, ["127.71.1.2:9090"], id="a number"),
        pytest.param({"port": 80, "targetPort": "web"}, ["127.71.1.2:8080"], id="a name"),
        pytest.param({"port": 80, "targetPort": "grpc"}, [], id="a name that the pod does not have"),
        pytest.param({"port": 80}, ["127.71.1.2:20080"], id="the Service's own, lifted because it is below 1024"),
    ],
)
def test_the_target_port(port: Tree, expected: list[str]) -> None:
    snapshot = mesh(service("web", port, app="stable"), pod("one", app="stable"))
    assert members(snapshot, "web") == expected


def test_each_tcp_port_has_a_cluster() -> None:
    ports = [{"name": "a", "port": 80}, {"name": "b", "port": 81}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    found = [name for name in mesh(service("many", *ports)).clusters if "many" in name]
    assert found == ["outbound|80||many.prod.svc.cluster.local", "outbound|81||many.prod.svc.cluster.local"]


def test_a_subset_is_the_pods_with_its_labels() -> None:
    """As the Rollouts controller marks them."""
    key = "rollouts-pod-template-hash"
    subsets = [{"name": "old", "labels": {key: "a1"}}, {"name": "new", "labels": {key: "b2"}}, {"name": "all"}]
    snapshot = mesh(
        destination_rule("shop", "stable", *subsets),
        pod("one", "10.244.1.1", app="stable", **{key: "a1"}),
        pod("two", "10.244.1.2", app="stable", **{key: "b2"}),
        pod("stray", "10.244.1.3", app="canary", **{key: "b2"}),
    )
    assert members(snapshot, "stable/old") == ["127.71.1.1:8080"]
    assert members(snapshot, "stable/new") == ["127.71.1.2:8080"]
    assert members(snapshot, "stable/all") == members(snapshot, "stable") == ["127.71.1.1:8080", "127.71.1.2:8080"]


# ---- What metrics say


def _owned(owner: Tree | None, **labels: str) -> Tree:
    found = pod("shop-7d9f-x2x4z", **labels)
    if owner:
        found["metadata"]["ownerReferences"] = [{"controller": True, **owner}]
    return found


def _identity(found: Tree) -> dict[str, str]:
    parsed = Pod.parse(found)
    assert parsed
    return parsed.identity()


@pytest.mark.parametrize(
    ("owner", "labels", "workload"),
    [
        pytest.param({"kind": "ReplicaSet", "name": "shop-7d9f"}, {"rollouts-pod-template-hash": "7d9f"}, "shop",
                     id="of a Rollout"),
        pytest.param({"kind": "ReplicaSet", "name": "shop-7d9f"}, {"pod-template-hash": "7d9f"}, "shop",
                     id="of a Deployment"),
        pytest.param({"kind": "ReplicaSet", "name": "shop-7d9f-1-0-canary"}, {"rollouts-pod-template-hash": "5c"},
                     "shop-7d9f-1-0-canary", id="of an Experiment"),
        pytest.param({"kind": "ReplicaSet", "name": "shop"}, {}, "shop", id="of a ReplicaSet"),
        pytest.param({"kind": "StatefulSet", "name": "db"}, {"rollouts-pod-template-hash": "db"}, "db",
                     id="of something else"),
        pytest.param(None, {}, "shop-7d9f-x2x4z", id="of nobody"),
        pytest.param({"kind": "Node", "name": "n", "controller": False}, {}, "shop-7d9f-x2x4z",
                     id="of somebody who does not control it"),
    ],
)  # fmt: skip
def test_the_workload_of_a_pod(owner: Tree | None, labels: dict[str, str], workload: str) -> None:
    assert _identity(_owned(owner, **labels))["workload"] == workload


@pytest.mark.parametrize(
    ("labels", "app", "version", "service", "revision"),
    [
        pytest.param({}, "unknown", "unknown", "shop-7d9f-x2x4z", "latest", id="none"),
        pytest.param({"app": "a", "version": "v"}, "a", "v", "a", "v", id="Istio's"),
        pytest.param(
            {"app.kubernetes.io/name": "a", "app.kubernetes.io/version": "v"}, "a", "v", "a", "v", id="Kubernetes'"
        ),
        pytest.param(
            {
                "app": "a", "version": "v",
                "service.istio.io/canonical-name": "c", "service.istio.io/canonical-revision": "r",
            },
            "a", "v", "c", "r", id="canonical ones",
        ),
    ],
)  # fmt: skip
def test_the_names_of_a_pod(labels: dict[str, str], app: str, version: str, service: str, revision: str) -> None:
    identity = _identity(_owned(None, **labels))
    assert (identity["app"], identity["version"]) == (app, version)
    assert (identity["canonical_service"], identity["canonical_revision"]) == (service, revision)


def test_envoy_gets_them_with_the_endpoint_and_the_cluster() -> None:
    snapshot = mesh(pod("one", app="stable"))
    cluster = snapshot.clusters["outbound|80||stable.prod.svc.cluster.local"]
    [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    said = endpoint["metadata"]["filter_metadata"]["istio"]
    assert (said["pod"], said["namespace"], said["app"]) == ("one", "prod", "stable")
    assert cluster["metadata"]["filter_metadata"]["istio"] == {
        "host": "stable.prod.svc.cluster.local",
        "service": "stable",
        "namespace": "prod",
    }


def test_the_figures_of_a_cluster_have_a_name_without_dots() -> None:
    """Envoy ends the name at the first dot when it makes a label of it."""
    subset = destination_rule("shop", "stable", {"name": "v1", "labels": {}})
    names = [cluster["alt_stat_name"] for cluster in mesh(subset).clusters.values()]
    assert names == ["outbound|80||stable|prod", "outbound|80|v1|stable|prod", "outbound|80||canary|prod"]
