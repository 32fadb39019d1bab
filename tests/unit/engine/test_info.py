# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading rollouts without acting on them."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Forbidden,
    NotInstalled,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.info import read_rollouts

from tests.unit.fakes import FakeCluster
from tests.unit.support import NAME, NAMESPACE, WORKLOAD_REF, Tree, canary, deployment, experiment, updating


def named(name: str, namespace: str = NAMESPACE) -> Tree:
    return {"metadata": {"name": name, "namespace": namespace}}


def test_one_rollout_by_its_name() -> None:
    cluster = FakeCluster(canary(), canary(named("other")))
    (found,) = read_rollouts(cluster, cluster.clock, NAMESPACE, NAME)
    assert (found["name"], found["phase"], found["images"]) == (NAME, "Healthy", {"app": "shop:2"})
    assert cluster.asked == ["get rollouts/shop"]


@pytest.mark.parametrize(("there", "phase"), [(True, "Running"), (False, None)], ids=["read", "gone"])
def test_the_experiment_of_the_current_step(there: bool, phase: str | None) -> None:
    rollout = updating(1, {"status": {"canary": {"currentExperiment": "exp"}}})
    cluster = FakeCluster(rollout, *([experiment(name="exp")] if there else []))
    (found,) = read_rollouts(cluster, cluster.clock, NAMESPACE, NAME)
    assert (found["experiment"]["name"], found["experiment"]["phase"]) == ("exp", phase)
    assert cluster.asked == ["get rollouts/shop", "get experiments/exp"]


def test_a_name_that_is_not_there_is_an_empty_list() -> None:
    cluster = FakeCluster()
    assert read_rollouts(cluster, cluster.clock, NAMESPACE, NAME) == []


def test_without_a_name_all_in_their_order() -> None:
    cluster = FakeCluster(
        canary(named("b")), canary(named("a", "zoo")), canary(named("c", "prod")), canary(named("a1"))
    )
    found = read_rollouts(cluster, cluster.clock, "")
    assert [(item["namespace"], item["name"]) for item in found] == [
        ("prod", "a1"),
        ("prod", "b"),
        ("prod", "c"),
        ("zoo", "a"),
    ]


@pytest.mark.parametrize(
    ("labels", "fields", "query"),
    [
        ((), (), {}),
        (("app=shop", "tier!=db"), (), {"labelSelector": "app=shop,tier!=db"}),
        ((), ("metadata.name=shop",), {"fieldSelector": "metadata.name=shop"}),
        (("a=b",), ("c=d",), {"labelSelector": "a=b", "fieldSelector": "c=d"}),
    ],
)
def test_the_server_selects(labels: tuple[str, ...], fields: tuple[str, ...], query: dict[str, str]) -> None:
    cluster = FakeCluster(canary())
    read_rollouts(cluster, cluster.clock, NAMESPACE, "", labels, fields)
    assert [request.query for request in cluster.requests] == [query]


def test_the_images_of_a_referenced_workload() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF), deployment("shop:7"))
    (found,) = read_rollouts(cluster, cluster.clock, NAMESPACE, NAME)
    assert found["images"] == {"app": "shop:7"}
    assert cluster.asked == ["get rollouts/shop", "get deployments/shop-pods"]


@pytest.mark.parametrize(
    ("kind", "asked"), [("Deployment", 2), ("StatefulSet", 1)], ids=["not there", "of a kind that is not resolved"]
)
def test_a_workload_that_cannot_be_read_leaves_the_images_empty(kind: str, asked: int) -> None:
    ref = {"spec": {"template": None, "workloadRef": {"apiVersion": "apps/v1", "kind": kind, "name": "pods"}}}
    cluster = FakeCluster(canary(ref))
    (found,) = read_rollouts(cluster, cluster.clock, NAMESPACE, NAME)
    assert found["images"] == {}
    assert len(cluster.requests) == asked


def test_a_passing_trouble_is_waited_out() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", Transient("503", 503), times=2)
    assert len(read_rollouts(cluster, cluster.clock, NAMESPACE)) == 1


@pytest.mark.parametrize("error", [Forbidden("no", 403), NotInstalled("no CRD", 404)])
def test_other_errors_are_the_callers(error: Forbidden | NotInstalled) -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", error)
    with pytest.raises(type(error)):
        read_rollouts(cluster, cluster.clock, NAMESPACE)


def test_a_missing_api_is_no_empty_list() -> None:
    cluster = FakeCluster()
    cluster.fail("get", NotInstalled("no CRD", 404))
    with pytest.raises(NotInstalled):
        read_rollouts(cluster, cluster.clock, NAMESPACE, NAME)


def test_it_gives_up_in_time() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", Transient("503", 503), times=1000)
    with pytest.raises(Transient):
        read_rollouts(cluster, cluster.clock, NAMESPACE, timeout=30)
    assert cluster.clock.elapsed <= 10
