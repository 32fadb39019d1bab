# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the controller has seen the spec, and what it owes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.observed import (
    is_observed,
    lags,
    may_lag,
    overdue,
    spec_observed,
    stale_counts,
    workload_observed,
)
from ansible_collections.progressive.delivery.plugins.module_utils._model.workload import ReplicaSet, Workload

from tests.unit.support import (
    FIRST_GATE,
    NEW,
    NOT_OBSERVED,
    NOW,
    SPEC_PAUSED,
    STABLE,
    STATES,
    TIMED_PAUSE,
    WORKLOAD_REF,
    Tree,
    ago,
    canary,
    condition,
    deployment,
    paused,
    preview_paused,
    put_right,
    replica_set,
    snapshot,
    updating,
    view,
)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        ("2", True),
        ("3", True),
        ("1", False),
        (None, False),
        ("", False),
        ("7d66d4485f", False),
        ("-2", False),
        ("²", False),
        (2, True),
    ],
)
def test_the_spec_is_observed_from_its_generation_on(observed: str | int | None, expected: bool) -> None:
    """Stricter than the plugin: a status without a number is no proof."""
    assert spec_observed(view(canary({"status": {"observedGeneration": observed}}))) is expected


@pytest.mark.parametrize(
    ("observed", "generation", "expected"),
    [
        ("4", 4, True),
        ("5", 4, True),
        ("3", 4, False),
        (None, 4, False),
        ("hash", 4, False),
        ("²", 4, False),
        (None, 0, True),
    ],
    ids=["equal", "larger", "smaller", "absent", "no number", "no digit", "a PodTemplate has no generation"],
)
def test_the_workload_is_observed_from_its_generation_on(observed: str | None, generation: int, expected: bool) -> None:
    raw = canary(WORKLOAD_REF, {"status": {"workloadObservedGeneration": observed}})
    workload = Workload.parse(deployment(generation=generation), "Deployment", "apps/v1")
    assert workload_observed(view(raw), workload) is expected
    assert is_observed(view(raw), workload) is expected


def test_a_rollout_with_a_template_of_its_own_has_no_other_workload_to_observe() -> None:
    now = snapshot(canary())
    assert now.workload.generation == 2
    assert workload_observed(now.rollout, now.workload)


def test_both_generations_must_be_observed() -> None:
    assert snapshot(canary(WORKLOAD_REF)).observed
    assert not snapshot(canary(WORKLOAD_REF, NOT_OBSERVED)).observed
    assert not snapshot(canary(WORKLOAD_REF), workload=deployment(generation=5)).observed


def created(pod_hash: str) -> str:
    return f'Created new replica set "shop-{pod_hash}"'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (paused(FIRST_GATE, put_right()), True),
        (paused(FIRST_GATE, put_right(), since=3), True),
        (paused(FIRST_GATE, put_right(), since=2), False),
        (paused(FIRST_GATE, put_right(since=5)), True),
        (paused(FIRST_GATE, put_right(since=6)), False),
        (paused(FIRST_GATE, condition("Progressing", "RolloutPaused", "no time")), False),
        (paused(FIRST_GATE), False),
        (updating(0, put_right("RolloutResumed")), True),
        (updating(0, put_right("RolloutRetry")), True),
        (updating(0, put_right("ReplicaSetUpdated")), False),
        (updating(0, put_right("NewReplicaSetCreated", message=created("5997775789"))), True),
        (updating(0, put_right("NewReplicaSetCreated", since=6, message=created("5997775789"))), False),
        (updating(0, put_right("NewReplicaSetCreated", message=created(NEW))), False),
        (paused(FIRST_GATE, put_right("NewReplicaSetCreated", message=created("5997775789")), since=1), True),
    ],
    ids=[
        "a pause of before", "of shortly before", "of just now", "put right shortly before", "put right long before",
        "without a time", "without a condition", "resumed", "retried", "something else",
        "another version made shortly before", "long before", "its own version made", "another one in a new pause",
    ],
)  # fmt: skip
def test_when_a_status_may_be_about_the_version_before(raw: Tree, expected: bool) -> None:
    assert may_lag(view(raw), NOW) is expected


@pytest.mark.parametrize(
    ("replica_sets", "expected"),
    [
        ([replica_set(2, NEW, "shop:1")], True),
        ([replica_set(3, NEW, "shop:1")], False),
        ([replica_set(0, NEW, "shop:1")], False),
        ([replica_set(1, STABLE, "shop:1")], False),
        ([replica_set(2, NEW, "shop:1", owner="another")], False),
        ([], False),
    ],
    ids=["it is", "it is not", "not numbered", "of another version", "somebody else's", "gone"],
)
def test_that_a_status_is_about_the_version_before_is_told_by_its_replica_set(
    replica_sets: list[Tree], expected: bool
) -> None:
    assert lags(view(updating(0)), tuple(ReplicaSet.parse(item) for item in replica_sets)) is expected


OWES_NOTHING = set(STATES) - {"not observed", "unpausing", "skipped a gate", "aborting", "retrying"}


@pytest.mark.parametrize("state", sorted(OWES_NOTHING))
def test_the_controller_owes_nothing(state: str) -> None:
    now = snapshot(STATES[state])
    assert overdue(now.rollout, now.workload, NOW) == ""


@pytest.mark.parametrize(
    ("raw", "debt"),
    [
        pytest.param(STATES["not observed"], "generation 3 of the spec is not observed", id="spec"),
        pytest.param(STATES["unpausing"], "the cleared pause is not acted on", id="promote"),
        pytest.param(STATES["skipped a gate"], "the skipped step is not acted on", id="skip"),
        pytest.param(STATES["aborting"], "the abort is not acted on", id="abort"),
        pytest.param(STATES["retrying"], "the retry is not acted on", id="retry"),
        pytest.param(
            paused(TIMED_PAUSE, since=306), "the pause that ended at 11:59:54 UTC is still there", id="timed pause"
        ),
    ],
)
def test_what_the_controller_owes(raw: Tree, debt: str) -> None:
    now = snapshot(raw)
    assert overdue(now.rollout, now.workload, NOW) == debt


def test_the_workloads_generation_is_owed_too() -> None:
    now = snapshot(canary(WORKLOAD_REF), workload=deployment(generation=5))
    assert overdue(now.rollout, now.workload, NOW) == "generation 5 of Deployment shop-pods is not observed"


def test_a_timed_pause_is_late_only_after_some_seconds() -> None:
    now = snapshot(paused(TIMED_PAUSE, since=0))
    end = NOW + timedelta(minutes=5)
    assert overdue(now.rollout, now.workload, end + timedelta(seconds=5)) == ""
    assert overdue(now.rollout, now.workload, end + timedelta(seconds=5.1)) != ""


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(paused(FIRST_GATE, since=10**6), id="a pause without end"),
        pytest.param(paused(TIMED_PAUSE, SPEC_PAUSED, since=10**6), id="a timed pause that spec.paused holds"),
        pytest.param(preview_paused(), id="a preview without a time"),
        pytest.param(canary({"status": {"abort": True}}), id="an abort that a stable version refuses"),
        pytest.param(canary({"status": {"abort": True, "abortedAt": ago(5)}}), id="an abort that was acted on"),
    ],
)
def test_what_needs_a_person_is_not_owed(raw: Tree) -> None:
    now = snapshot(raw)
    assert overdue(now.rollout, now.workload, NOW) == ""


def counted(replicas: int, available: int, pod_hash: str = NEW, owner: str = "") -> ReplicaSet:
    status = {"status": {"replicas": replicas, "availableReplicas": available}}
    return ReplicaSet.parse(replica_set(1, pod_hash, "shop:1", status, **({"owner": owner} if owner else {})))


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        pytest.param((counted(4, 4, STABLE), counted(1, 1)), "", id="they agree"),
        pytest.param(
            (counted(4, 4, STABLE), counted(1, 1), counted(9, 9, owner="another")), "", id="others are not counted"
        ),
        pytest.param(
            (counted(4, 4, STABLE), counted(1, 0)),
            "its ReplicaSets have 5 pods, 4 available, but the status still says 5 and 5",
            id="a pod is not available any more",
        ),
        pytest.param(
            (counted(5, 5, STABLE), counted(2, 0)),
            "its ReplicaSets have 7 pods, 5 available, but the status still says 5 and 5",
            id="there are more pods",
        ),
        pytest.param((), "its ReplicaSets have 0 pods, 0 available, but the status still says 5 and 5", id="no pods"),
    ],
)
def test_a_canarys_status_counts_all_its_pods(sets: tuple[ReplicaSet, ...], expected: str) -> None:
    assert stale_counts(view(updating(0)), sets) == expected


def test_a_blue_green_status_counts_the_active_pods_only_and_proves_nothing() -> None:
    assert stale_counts(view(preview_paused()), (counted(10, 10),)) == ""
