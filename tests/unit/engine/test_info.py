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
from tests.unit.support import (
    NAME,
    NAMESPACE,
    NEW,
    NOW,
    STABLE,
    WORKLOAD_REF,
    Tree,
    analysis_run,
    canary,
    deployment,
    experiment,
    pods_of,
    updating,
)


def named(name: str, namespace: str = NAMESPACE) -> Tree:
    return {"metadata": {"name": name, "namespace": namespace}}


def referring(number: int) -> Tree:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"pods-{number}"}
    return {"metadata": {"name": f"shop-{number}"}, "spec": {"template": None, "workloadRef": ref}}


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


def test_many_rollouts_take_one_list_for_each_kind() -> None:
    def of(number: int) -> Tree:
        return {"metadata": {"name": f"shop-{number}"}}

    waiting = [{"status": {"canary": {"currentExperiment": f"exp-{number}"}}} for number in range(6)]
    cluster = FakeCluster(
        *(canary(referring(number)) for number in range(3)),
        *(updating(1, waiting[number], of(number)) for number in range(3, 6)),
        *(
            {**deployment(f"shop:{number}"), "metadata": {"name": f"pods-{number}", "namespace": NAMESPACE}}
            for number in (0, 2)
        ),
        *(experiment(name=f"exp-{number}") for number in (3, 5)),
    )
    found = read_rollouts(cluster, cluster.clock, NAMESPACE)
    assert cluster.asked == ["list rollouts", "list deployments", "list experiments"]
    assert [item["images"] for item in found[:3]] == [{"app": "shop:0"}, {}, {"app": "shop:2"}]
    assert [item["experiment"]["phase"] for item in found[3:]] == ["Running", None, "Running"]


def test_a_list_that_may_not_be_had_leaves_gaps() -> None:
    cluster = FakeCluster(*(canary(referring(number)) for number in range(2)))
    cluster.fail("list", Forbidden("no deployments", 403), after=1)
    assert [item["images"] for item in read_rollouts(cluster, cluster.clock, NAMESPACE)] == [{}, {}]


def test_the_tree_takes_one_list_for_each_kind() -> None:
    pod = {
        "kind": "Pod",
        "metadata": {"name": "pod", "ownerReferences": [{"uid": f"uid-of-{NEW}"}]},
        "status": {"phase": "Running"},
    }
    cluster = FakeCluster(updating(1), canary(named("other"), {"metadata": {"uid": "other"}}), *pods_of(), pod)
    cluster.appear(0, analysis_run())
    other, shop = read_rollouts(cluster, cluster.clock, NAMESPACE, tree=True)
    assert cluster.asked == ["list rollouts", "list replicasets", "list pods", "list experiments", "list analysisruns"]
    assert [request.query for request in cluster.requests[1:3]] == [{"labelSelector": "rollouts-pod-template-hash"}] * 2
    assert other["tree"]["revisions"] == []
    assert shop["tree"]["now"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    sets = [item["replica_sets"] for item in shop["tree"]["revisions"]]
    assert [[(item["hash"], len(item["pods"])) for item in each] for each in sets] == [[(NEW, 1)], [(STABLE, 0)], []]


def test_no_tree_of_nothing() -> None:
    cluster = FakeCluster()
    assert read_rollouts(cluster, cluster.clock, NAMESPACE, tree=True) == []
    assert cluster.asked == ["list rollouts"]


def test_what_belongs_to_a_rollout_has_to_be_readable() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", Forbidden("no pods", 403), after=1)
    with pytest.raises(Forbidden):
        read_rollouts(cluster, cluster.clock, NAMESPACE, NAME, tree=True)


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
    assert cluster.clock.elapsed <= 30
