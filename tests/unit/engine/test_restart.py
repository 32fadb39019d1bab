# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart that waits: its end, and the PodDisruptionBudget that is in its way."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import Forbidden
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.restart import TOKEN_ANNOTATION, Restart

from tests.unit.fakes import FakeCluster, notes, run
from tests.unit.support import LABEL, NOW, STABLE, Tree, canary, merged, replica_set

RESTART = Restart(Goal(Until.RESTARTED, fail_on=frozenset({"invalid_spec"})), token="a")
RESTARTING = canary(
    {"spec": {"restartAt": "2026-01-01T12:00:00Z"}, "status": {"phase": "Progressing", "message": "restarting"}}
)
DONE = merged(RESTARTING, {"status": {"restartedAt": "2026-01-01T12:00:00Z", "phase": "Healthy", "message": None}})
PODS = replica_set(2, STABLE, "shop:2")


def pods(ready: str = "True", count: int = 5) -> list[Tree]:
    """Those that the restart has made; the last of them may be on its way."""
    return [
        {
            "kind": "Pod",
            "metadata": {
                "name": f"shop-{STABLE}-{number}",
                "namespace": "prod",
                "resourceVersion": "8",
                "creationTimestamp": "2026-01-01T12:00:01Z",
                "ownerReferences": [{"name": f"shop-{STABLE}"}],
            },
            "status": {"conditions": [{"type": "Ready", "status": ready if number == count - 1 else "True"}]},
        }
        for number in range(count)
    ]


def budget(allowed: int = 0, healthy: int = 5, app: str = "shop") -> Tree:
    status = {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": 5, "expectedPods": 5}
    return {
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"keep-{app}", "namespace": "prod", "resourceVersion": "7"},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": status,
    }


def test_a_restart_is_followed_to_its_end() -> None:
    cluster = FakeCluster(canary(), PODS, *pods())
    cluster.react((0.1, RESTARTING), (20.0, DONE))
    result = run(cluster, RESTART)
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "restarted")
    assert cluster.patches[0].body == {
        "spec": {"restartAt": "2026-01-01T12:00:00Z"},
        "metadata": {"annotations": {TOKEN_ANNOTATION: "a"}, "resourceVersion": "100"},
    }
    assert cluster.stored()["metadata"]["annotations"][TOKEN_ANNOTATION] == "a"


def test_a_restart_is_through_when_its_last_pod_is_ready() -> None:
    """The controller calls it done when it evicts the last one, and still counts that as available."""
    cluster = FakeCluster(canary(), PODS, *pods(ready="False"))
    cluster.react((0.1, RESTARTING), (20.0, DONE))
    cluster.later(24.0, pods()[4], ("pods", f"shop-{STABLE}-4"))
    result = run(cluster, RESTART)
    assert (result["reason"], result["failed"]) == ("restarted", False)
    assert 24.0 <= cluster.clock.elapsed <= 28.0


def test_a_pod_that_never_gets_ready_is_told_at_the_deadline() -> None:
    cluster = FakeCluster(canary(), PODS, *pods(ready="False"))
    cluster.react((0.1, RESTARTING), (20.0, DONE))
    result = run(cluster, RESTART, timeout=60.0)
    assert (result["reason"], result["failed"]) == ("timeout", True)
    assert "all old pods are gone or going, 1 of the new ones are not ready yet. Look at the pods" in result["msg"]


def test_who_may_not_read_pods_trusts_the_status() -> None:
    cluster = FakeCluster(canary(), PODS, *pods(ready="False"))
    cluster.react((0.1, RESTARTING), (20.0, DONE))
    cluster.fail("list", Forbidden("you may not"), times=20)
    assert run(cluster, RESTART)["reason"] == "restarted"


def test_the_second_run_waits_for_the_restart_of_the_first() -> None:
    cluster = FakeCluster(merged(RESTARTING, {"metadata": {"annotations": {TOKEN_ANNOTATION: "a"}}}), PODS, *pods())
    cluster.later(5.0, DONE)
    result = run(cluster, RESTART)
    assert (result["changed"], result["reason"], cluster.patches) == (False, "restarted", [])


@pytest.mark.parametrize(
    ("found", "reason", "text"),
    [
        (
            [budget()],
            "pdb_blocked",
            "PodDisruptionBudget prod/keep-shop lets no pod go: 5 of 5 are healthy and it wants 5. Change the budget",
        ),
        (
            [budget(healthy=4)],
            "timeout",
            "PodDisruptionBudget prod/keep-shop lets no pod go: 4 of 5 are healthy and it wants 5. Look at the pods",
        ),
        ([budget(allowed=1), budget(app="other")], "timeout", "5 of 5 pods are available. Look at the pods"),
        ([], "timeout", "5 of 5 pods are available. Look at the pods"),
    ],
    ids=["for good", "for now", "others", "none"],
)
def test_the_deadline_names_the_budget_in_the_way(found: list[Tree], reason: str, text: str) -> None:
    cluster = FakeCluster(canary(), PODS, *found, *pods())
    cluster.react((0.1, RESTARTING))
    result = run(cluster, RESTART, timeout=30.0)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, reason)
    assert result["msg"].startswith(f"{LABEL} is not restarted in time: pods from before")
    assert text in result["msg"]
    assert cluster.clock.elapsed == pytest.approx(30.0)


def test_a_budget_in_the_way_is_told_once_and_looked_for_now_and_then() -> None:
    cluster = FakeCluster(canary(), PODS, budget(), *pods())
    cluster.react((0.1, RESTARTING), *((0.2 + second / 10, _at(second)) for second in range(20)), (30.0, DONE))
    result = run(cluster, RESTART)
    assert result["reason"] == "restarted"
    assert len(notes(result, "pdb_blocked")) == 1
    looks = [request.at for request in cluster.requests if request.plural == "poddisruptionbudgets"]
    assert 8 <= len(looks) <= 12, "every few seconds, however often the rollout changes"


def _at(second: int) -> Tree:
    return merged(RESTARTING, {"status": {"availableReplicas": 4 + second % 2}})


def test_who_may_not_read_budgets_learns_nothing_of_them() -> None:
    cluster = FakeCluster(canary(), PODS, budget(), *pods())
    cluster.react((0.1, RESTARTING))
    cluster.fail("list", Forbidden("you may not"), times=20)
    assert run(cluster, RESTART, timeout=10.0)["reason"] == "timeout"


def test_what_else_ends_a_wait_keeps_its_reason() -> None:
    cluster = FakeCluster(canary(), PODS, budget(), *pods())
    cluster.react((0.1, RESTARTING))
    cluster.vanish(5.0)
    assert run(cluster, RESTART)["reason"] == "deleted"


def test_a_restart_of_tomorrow_is_not_waited_for_in_vain() -> None:
    """It is on record; a task that waits says when it begins."""
    verb = Restart(RESTART.goal, not_before=NOW.replace(hour=23))
    cluster = FakeCluster(canary(), PODS, *pods())
    cluster.react((0.1, canary({"status": {"phase": "Progressing", "message": "rollout is restarting"}})))
    result = run(cluster, verb, timeout=30.0)
    assert result["reason"] == "timeout"
    assert "the restart begins at 2026-01-01T23:00:00Z" in result["msg"]
