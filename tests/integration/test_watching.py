# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wait is one watch and no poll, and nothing that happens to a watch makes it miss the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.integration import proxy
from tests.integration.kit import Object, Result, Stage, arguments, canary
from tests.integration.proxy import Fault, Proxy, every, refused, watches
from tests.integration.support import eventually

GATE: list[Object] = [{"setWeight": 20}, {"pause": {}}]


@dataclass
class Wait:
    """A wait until `shop` is healthy, through a proxy."""

    proxy: Proxy
    result: Future[Result]
    timeline: list[Object] = field(default_factory=list)

    def told(self, reason: str) -> bool:
        return any(entry.get("reason") == reason for entry in self.timeline)

    def asked(self) -> list[str]:
        """What kind of requests it has made."""
        requests = list(self.proxy.requests)
        return ["watch" if each.is_watch else "list" if each.path.endswith("rollouts") else "get" for each in requests]

    def count(self, kind: str) -> int:
        return self.asked().count(kind)


@dataclass
class Watching:
    """A Rollout at its gate, and a wait for its end through a proxy."""

    stage: Stage
    pool: ThreadPoolExecutor
    proxy: Proxy

    def wait(self, *faults: Fault, timeout: str = "60s") -> Wait:
        """Returns when the watch is open."""
        self.proxy.script(*faults)
        through = connect(self.proxy.options)
        given = {"namespace": self.stage.namespace, "name": "shop", "until": "healthy", "wait_timeout": timeout}
        known, timeline = arguments("rollout_wait", given), []
        future = self.pool.submit(run_task, "rollout_wait", known, lambda: through, listener=timeline.append)
        wait = Wait(self.proxy, future, timeline)
        eventually(lambda: wait.count("watch"))
        return wait

    def finish(self) -> None:
        """Promote, past the proxy."""
        self.stage.ok("rollout_promote", wait_until="healthy")


@pytest.fixture
def watching(stage: Stage) -> Iterator[Watching]:
    stage.deploy(canary(replicas=1, steps=GATE))
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    with Proxy(stage.lab.kubeconfig).running() as between, ThreadPoolExecutor(2) as pool:
        yield Watching(stage, pool, between)


def test_a_quiet_wait_is_one_read_and_one_watch(watching: Watching) -> None:
    wait = watching.wait()
    quiet = threading.Event()
    quiet.wait(7)  # longer than any tick of the engine
    assert wait.asked() == ["get", "watch"]
    watching.finish()
    assert wait.result.result(60)["reason"] == "healthy"
    assert wait.asked() == ["get", "watch"]


def healthy(wait: Wait) -> Result:
    result = wait.result.result(90)
    assert (result["failed"], result["reason"]) == (False, "healthy"), f"{result['msg']}\n{result['timeline']}"
    return result


def test_an_idle_watch_that_is_cut_again_and_again_is_made_again_without_a_word(watching: Watching) -> None:
    wait = watching.wait(Fault(watches, proxy.cut_when_idle(0.3), times=999))
    eventually(lambda: wait.count("watch") >= 4)
    watching.finish()
    healthy(wait)
    assert not wait.told("unreachable")


def test_what_happens_while_a_watch_is_cut_is_not_missed(watching: Watching) -> None:
    """The whole rest of the rollout, and nothing after it that could tell."""
    wait = watching.wait(Fault(watches, proxy.stalled(999), skip=1))
    refuse = Fault(every, proxy.reset, times=999)
    wait.proxy.script(refuse)
    wait.proxy.drop()
    eventually(lambda: wait.told("unreachable"))
    watching.finish()
    wait.proxy.script()
    healthy(wait)
    assert wait.told("reconnected")


def test_an_apiserver_that_is_gone_for_a_while_is_told_and_waited_for(watching: Watching) -> None:
    wait = watching.wait()
    wait.proxy.restart(3)
    eventually(lambda: wait.told("unreachable"))
    watching.finish()
    result = healthy(wait)
    reasons = [entry.get("reason") for entry in result["timeline"]]
    assert (reasons.count("unreachable"), reasons.count("reconnected")) == (1, 1)


@pytest.mark.parametrize(
    "effect",
    [
        pytest.param(proxy.edited(proxy.expired), id="expires"),
        pytest.param(proxy.edited(proxy.half_event), id="breaks in an event"),
        pytest.param(proxy.edited(proxy.ended), id="ends after each event"),
        pytest.param(proxy.edited(proxy.bookmarked), id="has bookmarks"),
        pytest.param(refused(410), id="has expired"),
        pytest.param(refused(503), id="is refused"),
    ],
)
def test_a_watch_that_always(watching: Watching, effect: Callable[[proxy.Exchange], None]) -> None:
    wait = watching.wait(Fault(watches, effect, times=9999))
    watching.finish()
    healthy(wait)


def test_events_that_never_come_cost_the_wait_its_time_but_not_its_end(watching: Watching) -> None:
    """Something holds them back though the connection is good: a last look before the task gives up finds out."""
    wait = watching.wait(Fault(watches, proxy.edited(proxy.all_lost), times=9), timeout="15s")
    watching.finish()
    healthy(wait)
    assert (wait.count("watch"), wait.asked()[-1]) == (1, "get")


def test_an_object_that_is_replaced_while_the_watch_is_cut_is_not_taken_for_the_old_one(watching: Watching) -> None:
    wait = watching.wait()
    wait.proxy.script(Fault(every, proxy.reset, times=9999))
    wait.proxy.drop()
    eventually(lambda: wait.told("unreachable"))
    watching.stage.kubectl("delete", "rollout", "shop")
    watching.stage.apply(canary(replicas=1, steps=GATE))
    wait.proxy.script()
    assert wait.result.result(60)["reason"] == "deleted"
