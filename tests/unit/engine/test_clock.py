# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of a task: this host's, unless the apiserver's differs, which the times in objects are from."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._engine.clock import ClusterClock
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.unit.fakes import FakeCluster
from tests.unit.support import NAMESPACE, NOW, TIMED_PAUSE, Tree, paused, pods_of

WAIT: Tree = {
    "name": "shop", "namespace": NAMESPACE, "until": "healthy", "step": None, "weight": None, "fail_on": [],
    "wait_timeout": "30s",
}  # fmt: skip


def clock_of(cluster: FakeCluster) -> ClusterClock:
    clock = ClusterClock(cluster.clock)
    clock.connected(lambda: cluster)()
    return clock


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [(None, 0), (0, 0), (2.9, 0), (-2.9, 0), (3.1, -3.1), (-3.1, 3.1), (300, -300), (-7200, 7200)],
)
def test_a_clock_that_is_off_is_put_right(ahead: float | None, shown: float) -> None:
    cluster = FakeCluster()
    cluster.ahead = None if ahead is None else timedelta(seconds=ahead)
    assert clock_of(cluster).now() == NOW + timedelta(seconds=shown)


def test_before_there_is_a_connection_it_is_the_hosts() -> None:
    cluster = FakeCluster()
    cluster.ahead = timedelta(hours=1)
    clock = ClusterClock(cluster.clock)
    connect = clock.connected(lambda: cluster)
    assert clock.now() == NOW
    assert connect() is cluster
    assert clock.now() == NOW - timedelta(hours=1)


def test_what_takes_time_takes_it_as_ever() -> None:
    cluster = FakeCluster()
    clock, before = clock_of(cluster), cluster.clock.monotonic()
    clock.sleep(2.0)
    assert clock.monotonic() == before + 2.0


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_wrong_clock_makes_no_controller_late(minutes: int) -> None:
    """Ahead of the apiserver's, it would take a timed pause for one that should be over."""
    cluster = FakeCluster(paused(TIMED_PAUSE), *pods_of())
    cluster.ahead = timedelta(minutes=minutes)
    cluster.clock.elapsed = cluster.ahead.total_seconds()
    result = run_task("rollout_wait", WAIT, lambda: cluster, clock=cluster.clock)
    assert result["reason"] == "timeout", result["msg"]
