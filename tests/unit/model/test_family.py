# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to a Rollout: who is whose, in what order, and what it is called."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.family import (
    Kin,
    by_owner,
    family_tree,
    tags_of,
)
from ansible_collections.progressive.delivery.plugins.module_utils._model.rollout import Rollout

from tests.unit.support import (
    NEW,
    NOW,
    OTHER,
    STABLE,
    Tree,
    ago,
    analysis_run,
    blue_green,
    canary,
    experiment,
    experiment_run,
    pods_of,
    preview,
    replica_set,
    updating,
    view,
)

UID_OF_EXPERIMENT = "uid-of-experiment"


def revision(number: int) -> Tree:
    return {"metadata": {"annotations": {"rollout.argoproj.io/revision": str(number)}}}


def pod(name: str, pod_hash: str, created: float = 60) -> Tree:
    owner = {"kind": "ReplicaSet", "uid": f"uid-of-{pod_hash}", "controller": True}
    return {"kind": "Pod", "metadata": {"name": name, "creationTimestamp": ago(created), "ownerReferences": [owner]}}


def tree(rollout: Tree, *objects: Tree) -> Tree:
    def of(kind: str) -> Any:
        return by_owner(item for item in objects if item["kind"] == kind)

    return family_tree(view(rollout), Kin(of("ReplicaSet"), of("Pod"), of("Experiment"), of("AnalysisRun")), NOW)


def test_by_revision_the_newest_first() -> None:
    arm = replica_set(
        0,
        OTHER,
        "shop:1",
        {"metadata": {"annotations": {"experiment.argoproj.io/template-name": "baseline"}}},
        owner=UID_OF_EXPERIMENT,
    )
    found = tree(
        updating(1, {"metadata": {"creationTimestamp": ago(3600)}}),
        *pods_of(),
        replica_set(9, "feed", "other:1", owner="somebody"),
        pod("b", NEW), pod("a", NEW), pod("old", NEW, created=90), pod("arm", OTHER), pod("stranger", "feed"),
        experiment("Running", revision(3)), arm, experiment_run("of-experiment"),
        analysis_run("late", "Running", revision(3), created=10),
        analysis_run("early", "Successful", revision(3), created=50),
        analysis_run("first", "Successful", revision(2)),
    )  # fmt: skip
    assert (found["now"], found["created"]) == ("2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z")
    assert found["images"] == [
        {"image": "shop:1", "tags": ["stable", "Σ:baseline"]},
        {"image": "shop:2", "tags": ["canary"]},
    ]
    new, old = found["revisions"]
    assert [each["revision"] for each in found["revisions"]] == [3, 2]
    assert [item["hash"] for item in new["replica_sets"]] == [NEW]
    assert [item["name"] for item in new["replica_sets"][0]["pods"]] == ["old", "a", "b"]
    assert [item["name"] for item in new["analysis"]] == ["early", "late"]
    (made,) = new["experiments"]
    assert (made["status"], [run["name"] for run in made["analysis"]]) == ("Running", ["of-experiment"])
    (of_arm,) = made["replica_sets"]
    assert (of_arm["template"], of_arm["tags"], [item["name"] for item in of_arm["pods"]]) == ("baseline", [], ["arm"])
    assert ([item["name"] for item in old["analysis"]], old["experiments"]) == (["first"], [])


def test_nothing_belongs_to_a_new_rollout() -> None:
    assert tree(canary()) == {"now": "2026-01-01T12:00:00Z", "created": "", "images": [], "revisions": []}


def test_a_replica_set() -> None:
    status = {"status": {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1}, "spec": {"replicas": 4}}
    deadline = {"metadata": {"creationTimestamp": ago(60), "annotations": {"scale-down-deadline": ago(-30)}}}
    (found,) = tree(canary(), replica_set(2, STABLE, "shop:2", status, deadline))["revisions"][0]["replica_sets"]
    assert found == {
        "name": f"shop-{STABLE}",
        "revision": 2,
        "created": "2026-01-01T11:59:00Z",
        "hash": STABLE,
        "status": "Progressing",
        "tags": ["stable"],
        "template": None,
        "desired": 4,
        "replicas": 3,
        "ready": 2,
        "available": 1,
        "scale_down_deadline": "2026-01-01T12:00:30Z",
        "images": ["shop:2"],
        "pods": [],
    }


FAILURE: Tree = {"type": "ReplicaFailure", "status": "True"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"metadata": {"generation": 3}, "status": {"observedGeneration": 2}}, "Progressing"),
        ({"spec": {"replicas": 6}}, "Progressing"),
        ({"spec": {"replicas": 5}}, "Healthy"),
        ({"spec": {"replicas": 0}, "status": {"availableReplicas": 0}}, "ScaledDown"),
        ({}, "Healthy"),
        ({"spec": {"replicas": 6}, "status": {"conditions": [FAILURE]}}, "ReplicaFailure"),
        ({"status": {"conditions": [{**FAILURE, "status": "False"}]}}, "Healthy"),
    ],
)
def test_the_health_of_a_replica_set(change: Tree, status: str) -> None:
    (found,) = tree(canary(), replica_set(2, STABLE, "shop:2", change))["revisions"][0]["replica_sets"]
    assert found["status"] == status


def test_an_image_has_all_its_tags_and_only_those_with_pods_count() -> None:
    gone = replica_set(1, OTHER, "shop:0", {"status": {"replicas": 0}})
    found = tree(updating(1), replica_set(3, NEW, "shop:1"), replica_set(2, STABLE, "shop:1"), gone)
    assert found["images"] == [{"image": "shop:1", "tags": ["canary", "stable"]}]


PING_PONG: Tree = {"spec": {"strategy": {"canary": {"pingPong": {"pingService": "a", "pongService": "b"}}}}}
STABLE_IS_PING: Tree = {"status": {"canary": {"stablePingPong": "ping"}}}
NO_STRATEGY: Tree = {"spec": {"strategy": {"canary": None}}}


@pytest.mark.parametrize(
    ("rollout", "stable", "new"),
    [
        (canary(), ["stable"], []),
        (updating(1), ["stable"], ["canary"]),
        (updating(1, PING_PONG, STABLE_IS_PING), ["stable", "ping"], ["canary", "pong"]),
        (updating(1, PING_PONG), ["stable", "pong"], ["canary", "ping"]),
        (blue_green(), ["stable", "active"], []),
        (preview({"status": {"blueGreen": {"activeSelector": STABLE}}}), ["stable", "active"], ["preview"]),
        (preview({"status": {"blueGreen": {"activeSelector": NEW}}}), ["stable"], ["active"]),
        (preview({"status": {"blueGreen": None}}), ["stable"], []),
        (updating(1, NO_STRATEGY), [], []),
    ],
)
def test_the_tags(rollout: Tree, stable: list[str], new: list[str]) -> None:
    found = Rollout.parse(rollout)
    assert (tags_of(found, STABLE), tags_of(found, NEW), tags_of(found, OTHER)) == (stable, new, [])


def test_an_analysis_run_with_its_counts_and_jobs() -> None:
    jobs = [
        {"phase": "Successful", "startedAt": ago(20), "metadata": {"job-name": "smoke-1"}},
        {"phase": "Running", "metadata": {"job-name": "smoke-2", "job-namespace": "elsewhere"}},
        {"phase": "Error", "metadata": {"other": "word"}},
        {"phase": "Error"},
    ]
    results = [{"name": "smoke", "successful": 1, "error": 2, "measurements": jobs}, {"name": "rate", "failed": 4}]
    run = analysis_run("run", "Running", {"status": {"metricResults": results, "message": "on its way"}})
    (found,) = tree(canary(), run)["revisions"][0]["analysis"]
    assert found == {
        "name": "run",
        "revision": 0,
        "created": "2026-01-01T11:59:00Z",
        "status": "Running",
        "message": "on its way",
        "successful": 1,
        "failed": 4,
        "inconclusive": 0,
        "error": 2,
        "jobs": [
            {"name": "smoke-1", "status": "Successful", "created": "2026-01-01T11:59:40Z"},
            {"name": "smoke-2", "status": "Running", "created": ""},
        ],
    }
