# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a task: what is asked of the apiserver, what is written with which lock, and what the result says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import JSON_PATCH, MERGE_PATCH
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options, Runner
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Verb
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import Promote
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.retry import Retry
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import SetImage
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.undo import Undo
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait

from tests.unit.fakes import DEPLOYMENT, FakeCluster, run
from tests.unit.support import (
    FIRST_GATE,
    LABEL,
    NEW,
    NOT_OBSERVED,
    SPEC_PAUSED,
    STABLE,
    STATES,
    TIMED_PAUSE,
    WORKLOAD_REF,
    Tree,
    aborted,
    canary,
    deployment,
    paused,
    replica_set,
    template,
    updating,
)

OBSERVED, HEALTHY = Goal(Until.OBSERVED), Goal(Until.HEALTHY)
THROUGH: Tree = canary(
    {
        "metadata": {"annotations": {"rollout.argoproj.io/revision": "3"}},
        "status": {"currentPodHash": NEW, "stableRS": NEW},
    }
)
GATE = {"metadata": {"resourceVersion": "100"}, "status": {"pauseConditions": None}}

KEYS = ["changed", "failed", "reason", "msg", "rollout", "timeline", "waiting", "revision"]


def test_a_passed_gate_from_the_first_request_to_the_result() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react((0.4, updating(2)))
    result = run(cluster, Promote(OBSERVED))

    assert cluster.asked == ["get rollouts/shop", "patch rollouts/shop/status", "watch rollouts/shop"]
    assert cluster.patches[0].body == GATE
    assert cluster.patches[0].content_type == MERGE_PATCH
    assert cluster.clock.elapsed == pytest.approx(0.4)
    assert cluster.feeds_open == 0
    assert list(result) == [*KEYS, "diff"]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert result["msg"] == (
        f"{LABEL}: passed the gate at step 1 of 7 (pause); the controller has observed it; "
        "Progressing (more replicas need to be updated)"
    )
    assert result["diff"] == {
        "before_header": LABEL,
        "after_header": LABEL,
        "before": {"paused": "CanaryPauseStep at step 1 of 7 (pause)"},
        "after": {"paused": None},
    }
    assert result["revision"] == 3
    assert result["rollout"]["step"]["index"] == 2
    assert result["waiting"]["state"] == "analysis"
    assert [(entry["phase"], entry["step"]["index"]) for entry in result["timeline"]] == [
        ("Paused", 1),
        ("Progressing", 1),
        ("Progressing", 2),
    ]
    assert json.loads(json.dumps(result)) == result


def test_nothing_to_do_is_one_request() -> None:
    cluster = FakeCluster(canary())
    result = run(cluster, Promote(OBSERVED))
    assert cluster.asked == ["get rollouts/shop"]
    assert list(result) == KEYS
    assert (result["changed"], result["reason"]) == (False, "observed")


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        pytest.param(Promote(OBSERVED), paused(FIRST_GATE), updating(2), id="promote"),
        pytest.param(
            Promote(OBSERVED, mode="full"), paused(FIRST_GATE), STATES["full promotion on its way"], id="promote full"
        ),
        pytest.param(
            Promote(OBSERVED, mode="skip_step", expected_step=2), updating(2), updating(3), id="promote skip_step"
        ),
        pytest.param(Abort(OBSERVED), updating(0), aborted(), id="abort"),
        pytest.param(Retry(OBSERVED), aborted(), updating(0), id="retry"),
        pytest.param(SetImage({"app": "shop:3"}, OBSERVED), canary(), updating(0), id="set image"),
        pytest.param(Undo(OBSERVED), updating(0), canary(), id="undo"),
    ],
)
def test_a_second_run_changes_nothing(verb: Verb, before: Tree, after: Tree) -> None:
    cluster = FakeCluster(before, replica_set(2, STABLE, "shop:1"), replica_set(3, NEW, "shop:2"))
    cluster.react((0.2, after))
    first, second = run(cluster, verb), run(cluster, verb)
    assert (first["changed"], first["failed"]) == (True, False)
    assert (second["changed"], second["failed"]) == (False, False)
    assert len(cluster.patches) == 1


PODS = "/spec/template/spec/containers/0"
SET_IMAGE = [
    {"op": "test", "path": f"{PODS}/name", "value": "app"},
    {"op": "test", "path": f"{PODS}/image", "value": "shop:2"},
    {"op": "replace", "path": f"{PODS}/image", "value": "shop:3"},
]
UNDO = [
    {"op": "test", "path": "/spec/template", "value": template("shop:2")},
    {"op": "replace", "path": "/spec/template", "value": template("shop:1")},
]


def locked(**fields: Any) -> Tree:
    return {"metadata": {"resourceVersion": "100"}, **fields}


@pytest.mark.parametrize(
    ("verb", "raw", "path", "body"),
    [
        pytest.param(
            Promote(OBSERVED, mode="full"), paused(FIRST_GATE), "rollouts/shop/status",
            locked(status={"promoteFull": True}), id="promote full",
        ),
        pytest.param(
            Promote(OBSERVED), updating(0, SPEC_PAUSED), "rollouts/shop", locked(spec={"paused": False}), id="resume"
        ),
        pytest.param(Abort(OBSERVED), updating(0), "rollouts/shop/status", locked(status={"abort": True}), id="abort"),
        pytest.param(Retry(OBSERVED), aborted(), "rollouts/shop/status", locked(status={"abort": False}), id="retry"),
        pytest.param(SetImage({"app": "shop:3"}, OBSERVED), canary(), "rollouts/shop", SET_IMAGE, id="set image"),
        pytest.param(Undo(OBSERVED), updating(0), "rollouts/shop", UNDO, id="undo"),
        pytest.param(
            SetImage({"app": "shop:3"}, OBSERVED), canary(WORKLOAD_REF), "deployments/shop-pods", SET_IMAGE,
            id="set image of a workloadRef",
        ),
        pytest.param(
            Undo(OBSERVED), updating(0, WORKLOAD_REF), "deployments/shop-pods", UNDO, id="undo of a workloadRef"
        ),
        pytest.param(
            Abort(OBSERVED), updating(0, WORKLOAD_REF), "rollouts/shop/status", locked(status={"abort": True}),
            id="abort of a workloadRef",
        ),
    ],
)  # fmt: skip
def test_what_each_verb_writes_and_where(verb: Verb, raw: Tree, path: str, body: Any) -> None:
    cluster = FakeCluster(raw, deployment(), replica_set(2, STABLE, "shop:1"))
    run(cluster, verb, wait=False)
    (patch,) = cluster.patches
    assert str(patch) == f"patch {path}"
    assert patch.body == body
    assert patch.content_type == (JSON_PATCH if isinstance(body, list) else MERGE_PATCH)


def test_spec_replicas_is_never_written() -> None:
    """An autoscaler owns it."""
    for state in STATES.values():
        for verb in (
            Promote(OBSERVED),
            Promote(OBSERVED, mode="full"),
            Abort(OBSERVED),
            Retry(OBSERVED),
            Undo(OBSERVED),
            SetImage({"app": "shop:3"}, OBSERVED),
        ):
            cluster = FakeCluster(state, deployment(), replica_set(2, STABLE, "shop:1"))
            run(cluster, verb, wait=False)
            assert all("replicas" not in json.dumps(patch.body) for patch in cluster.patches)


# -- without a wait


def test_without_a_wait_it_is_one_get_and_one_patch() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    result = run(cluster, Promote(HEALTHY), wait=False)
    assert cluster.asked == ["get rollouts/shop", "patch rollouts/shop/status"]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "written")
    assert result["msg"] == f"{LABEL}: passed the gate at step 1 of 7 (pause)"
    assert result["timeline"] == []
    assert cluster.clock.elapsed == 0


def test_without_a_wait_an_unchanged_object_is_as_it_was_observed() -> None:
    result = run(FakeCluster(canary()), Promote(OBSERVED), wait=False)
    assert (result["changed"], result["reason"]) == (False, "observed")


def test_without_a_wait_an_unobserved_change_is_on_record_and_no_more() -> None:
    result = run(FakeCluster(canary(NOT_OBSERVED)), SetImage({"app": "shop:2"}, OBSERVED), wait=False)
    assert (result["changed"], result["failed"], result["reason"]) == (False, False, "written")


@pytest.mark.parametrize(
    ("verb", "raw", "reason", "message"),
    [
        (Promote(OBSERVED), updating(0), "not_paused", "it is at step 0 of 7 (setWeight: 20), before the gate"),
        (Promote(OBSERVED, expected_step=1), updating(0), "not_at_step", "not yet at step 1"),
    ],
    ids=["before the gate", "before the step"],
)
def test_without_a_wait_what_needs_one_fails(verb: Verb, raw: Tree, reason: str, message: str) -> None:
    cluster = FakeCluster(raw)
    result = run(cluster, verb, wait=False)
    assert cluster.asked == ["get rollouts/shop"]
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, reason)
    assert message in result["msg"]
    assert result["msg"].endswith("run it again later, or with wait: true")


def test_without_a_wait_the_observation_of_the_change_before_is_waited_for() -> None:
    """Otherwise two tasks right after each other would fail now and then."""
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.later(4, {"status": {"observedGeneration": "3"}})
    result = run(cluster, Abort(OBSERVED), wait=False)
    assert cluster.asked == ["get rollouts/shop", "watch rollouts/shop", "patch rollouts/shop/status"]
    assert cluster.patches[0].at == pytest.approx(4)
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "written")
    assert result["timeline"] == []


@pytest.mark.parametrize(("timeout", "waited"), [(300, 10), (4, 4)])
def test_without_a_wait_an_observation_that_does_not_come_fails(timeout: float, waited: float) -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.later(2, {"metadata": {"labels": {"touched": "by somebody"}}})
    result = run(cluster, Abort(OBSERVED), wait=False, timeout=timeout)
    assert not cluster.patches
    assert cluster.clock.elapsed == pytest.approx(waited)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "not_observed")
    assert f"has not observed the last change yet, after {waited}s; check that the argo-rollouts" in result["msg"]
    assert result["msg"].endswith("; then run it again later, or with wait: true")


def test_a_wait_that_may_not_wait_tells_the_present_state() -> None:
    for options in ({"wait": False}, {"check_mode": True}):
        cluster = FakeCluster(paused(TIMED_PAUSE))
        result = run(cluster, Wait(HEALTHY), **options)
        assert cluster.asked == ["get rollouts/shop"]
        assert (result["changed"], result["failed"], result["reason"]) == (False, False, "observed")
        where = "CanaryPauseStep at step 4 (pause: 300s), which ends by itself at 2026-01-01T12:04:00Z"
        assert result["msg"] == f"{LABEL}: {where}"


# -- check mode


def test_check_mode_writes_a_dry_run_only() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    result = run(cluster, Promote(HEALTHY), check_mode=True)
    assert cluster.asked == ["get rollouts/shop", "patch rollouts/shop/status dry run"]
    assert cluster.patches[0].body == GATE
    assert cluster.stored() == paused(FIRST_GATE)
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert result["diff"]["after"] == {"paused": None}
    assert result["rollout"]["phase"] == "Paused"
    assert result["timeline"] == []


def test_check_mode_tries_both_writes_of_a_held_gate() -> None:
    cluster = FakeCluster(paused(FIRST_GATE, SPEC_PAUSED))
    result = run(cluster, Promote(OBSERVED), check_mode=True)
    assert [str(patch) for patch in cluster.patches] == [
        "patch rollouts/shop dry run",
        "patch rollouts/shop/status dry run",
    ]
    assert result["changed"]
    assert cluster.stored() == paused(FIRST_GATE, SPEC_PAUSED)


def test_check_mode_tries_the_write_on_the_workload() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF), deployment())
    result = run(cluster, SetImage({"app": "shop:3"}, OBSERVED), check_mode=True)
    assert [str(patch) for patch in cluster.patches] == ["patch deployments/shop-pods dry run"]
    assert cluster.stored(DEPLOYMENT) == deployment()
    assert result["rollout"]["images"] == {"app": "shop:2"}


@pytest.mark.parametrize(
    ("raw", "changed", "after"),
    [
        pytest.param(updating(0), True, {"gate": "step 1 passed"}, id="before the gate: it will be passed"),
        pytest.param(updating(0, NOT_OBSERVED), False, None, id="not observed: nobody knows yet"),
    ],
)
def test_check_mode_foresees_what_a_real_run_would_wait_for(raw: Tree, changed: bool, after: Tree | None) -> None:
    cluster = FakeCluster(raw)
    result = run(cluster, Promote(OBSERVED), check_mode=True)
    assert cluster.asked == ["get rollouts/shop"]
    assert (result["changed"], result["failed"]) == (changed, False)
    assert result["msg"].endswith("a real run waits for it first")
    assert result.get("diff", {}).get("after") == after


def test_check_mode_of_nothing_is_no_change() -> None:
    result = run(FakeCluster(canary()), Abort(OBSERVED), check_mode=True)
    assert (result["changed"], result["failed"]) == (False, False)
    assert "diff" not in result


# -- refused, not found


def test_a_refusal_writes_nothing_and_shows_the_state() -> None:
    cluster = FakeCluster(canary())
    result = run(cluster, Promote(OBSERVED, expected_revision=7))
    assert cluster.asked == ["get rollouts/shop"]
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "unexpected_revision")
    assert result["rollout"]["phase"] == "Healthy"
    assert "diff" not in result


def test_a_rollout_that_is_not_there() -> None:
    result = run(FakeCluster(), Promote(OBSERVED))
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "not_found")
    assert (result["rollout"], result["waiting"], result["timeline"]) == (None, None, [])
    assert "revision" not in result


# -- workloadRef


def test_an_image_of_a_workload_is_followed_by_its_generation_and_the_new_version() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF), deployment())
    healthy = canary(WORKLOAD_REF)
    cluster.react(
        (0.5, {"status": {"message": "still the old one, generation 4"}}),
        (1.0, healthy),  # observed, but the old version is still named
        (2.0, updating(0, WORKLOAD_REF)),
    )
    result = run(cluster, SetImage({"app": "shop:3"}, OBSERVED))
    assert cluster.asked == [
        "get rollouts/shop",
        "get deployments/shop-pods",
        "patch deployments/shop-pods",
        "watch rollouts/shop",
    ]
    assert cluster.clock.elapsed == pytest.approx(2.0)
    assert (result["failed"], result["reason"]) == (False, "observed")
    assert result["rollout"]["images"] == {"app": "shop:3"}
    assert result["rollout"]["current_hash"] == NEW


def test_a_change_of_the_workload_by_others_is_waited_for_first() -> None:
    cluster = FakeCluster(paused(FIRST_GATE, WORKLOAD_REF), deployment(generation=5))
    cluster.later(3.0, updating(0, WORKLOAD_REF))
    result = run(cluster, Abort(OBSERVED), timeout=4)
    assert [str(request) for request in cluster.requests] == [
        "get rollouts/shop",
        "get deployments/shop-pods",
        "watch rollouts/shop",
        "patch rollouts/shop/status",
        "get rollouts/shop",  # at the deadline
    ]
    assert cluster.patches[0].at == pytest.approx(3.0)
    assert result["changed"]


def test_a_pod_template_has_no_generation_and_is_followed_by_the_version() -> None:
    ref: Tree = {"spec": {"template": None, "workloadRef": {"apiVersion": "v1", "kind": "PodTemplate", "name": "pods"}}}
    pods = {"kind": "PodTemplate", "metadata": {"name": "pods", "resourceVersion": "5"}, "template": template("shop:2")}
    cluster = FakeCluster(canary(ref), pods)
    cluster.later(2.0, {"status": updating(0)["status"]})
    result = run(cluster, SetImage({"app": "shop:3"}, OBSERVED))
    assert str(cluster.patches[0]) == "patch podtemplates/pods"
    assert cluster.patches[0].body[-1]["path"] == "/template/spec/containers/0/image"
    assert cluster.clock.elapsed == pytest.approx(2.0)
    assert result["reason"] == "observed"


@pytest.mark.parametrize(
    ("kind", "reason", "message"),
    [
        ("Deployment", "not_found", f"{LABEL} refers to Deployment pods: there is no deployments pods"),
        (
            "StatefulSet",
            "invalid_spec",
            f"{LABEL} refers to a StatefulSet, which Argo Rollouts does not resolve; "
            "use one of Deployment, ReplicaSet, PodTemplate",
        ),
    ],
)
def test_a_reference_to_nothing(kind: str, reason: str, message: str) -> None:
    ref: Tree = {"spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": kind, "name": "pods"}}}
    result = run(FakeCluster(canary(ref)), SetImage({"app": "shop:3"}, OBSERVED))
    assert (result["failed"], result["reason"]) == (True, reason)
    assert message in result["msg"]


# -- to the goal


def test_a_promotion_until_healthy() -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react(
        (1, updating(3)),
        (2, paused(TIMED_PAUSE, since=-2)),
        (302, updating(6)),
        (310, THROUGH),
    )
    result = run(cluster, Promote(HEALTHY, expected_step=FIRST_GATE), timeout=600)
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "healthy")
    assert result["msg"] == (f"{LABEL}: passed the gate at step 1 of 7 (pause); revision 3 is healthy and stable")
    assert cluster.clock.elapsed == pytest.approx(310)
    assert len(cluster.patches) == 1
    assert [(entry["phase"], entry["step"]["index"], entry["weight"]["set"]) for entry in result["timeline"]] == [
        ("Paused", 1, 20),
        ("Progressing", 1, 20),
        ("Progressing", 3, 50),
        ("Paused", 4, 50),
        ("Progressing", 6, 80),
        ("Healthy", 7, 100),
    ]


def test_it_waits_for_its_gate_and_passes_it_once() -> None:
    cluster = FakeCluster(updating(0))
    cluster.later(5, paused(FIRST_GATE))
    cluster.react((1, updating(3)))
    result = run(cluster, Promote(OBSERVED, expected_step=FIRST_GATE))
    assert cluster.asked == ["get rollouts/shop", "watch rollouts/shop", "patch rollouts/shop/status"]
    assert cluster.clock.elapsed == pytest.approx(6)
    assert result["changed"]


def test_a_change_that_is_not_observed_yet_is_waited_for_before_acting() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED))
    cluster.later(4, {"status": {"observedGeneration": "3"}})
    cluster.react((1, aborted()))
    result = run(cluster, Abort(OBSERVED))
    assert cluster.patches[0].at == pytest.approx(4)
    assert cluster.patches[0].body["metadata"] == {"resourceVersion": "1000"}
    assert (result["changed"], result["reason"]) == (True, "observed")


def test_an_undo_looks_at_the_history_again_when_it_had_to_wait() -> None:
    cluster = FakeCluster(updating(0, NOT_OBSERVED), replica_set(2, STABLE, "shop:1"))
    cluster.later(1, {"status": {"observedGeneration": "3"}})
    cluster.react((1, canary()))
    result = run(cluster, Undo(OBSERVED))
    assert cluster.asked[:4] == ["get rollouts/shop", "list replicasets", "watch rollouts/shop", "list replicasets"]
    assert result["rollout"]["images"] == {"app": "shop:1"}


@pytest.mark.parametrize(("selector", "query"), [("app=shop", {"labelSelector": "app=shop"}), ("", {})])
def test_an_undo_asks_for_the_replica_sets_that_the_rollout_selects(selector: str, query: Tree) -> None:
    cluster = FakeCluster(canary({"status": {"selector": selector}}), replica_set(2, STABLE, "shop:1"))
    run(cluster, Undo(OBSERVED))
    assert [request.query for request in cluster.requests if request.verb == "list"] == [query]


def test_the_listener_hears_every_entry_as_it_comes() -> None:
    heard: list[Tree] = []
    cluster = FakeCluster(paused(FIRST_GATE))
    cluster.react((1, updating(2)))
    runner = Runner(cluster, cluster.clock, "prod", "shop", Options(), heard.append)
    outcome = runner.run(Promote(OBSERVED))
    assert heard == outcome.timeline
    assert len(heard) == 3
