# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that last: every verb gives up at its deadline, says why, and claims no write that was not acknowledged.

Each begins with the first request, with the first write, or with the first watch, and nothing gets through from there
on. All of them wait at the same time, each through a proxy of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest

from tests.integration import proxy
from tests.integration.kit import GATED_STEPS, Gauge, Object, Result, Stage, arm, canary, new_namespace
from tests.integration.proxy import Effect, Fault, Proxy, Request, every, refused
from tests.integration.support import Lab

TIMEOUT = "5s"
# The most requests that these seconds have room for, between pauses that grow.
MOST_REQUESTS = 40
SIDE_BY_SIDE = 48
STEPS = GATED_STEPS[:2]


@dataclass(frozen=True)
class Outage:
    """What happens to every request, what the message says of the last one, and whether a write may be done."""

    effect: Effect
    cause: str
    in_doubt: bool = True


OUTAGES: Mapping[str, Outage] = {
    "503": Outage(refused(503), "answered 503: by the fault proxy"),
    "500": Outage(refused(500), "answered 500: by the fault proxy"),
    "429": Outage(refused(429, retry_after=1), "answered 429: by the fault proxy", in_doubt=False),
    "reset": Outage(proxy.reset, "cannot reach"),
    "silence": Outage(proxy.silent, "cannot reach"),
}

MEASURES: Object = {"templates": [{"name": "value"}]}
PROBE: Object = {"templates": [arm("probe", "probe:1")]}


def declared(number: int) -> Object:
    """That version of a Rollout, for the module rollout."""
    return canary(f"shop:{number}.0.0", steps=STEPS, replicas=1)["spec"]


# Each verb where it has something to write, on a Rollout at its gate (`shop`) or aborted there (`stuck`).
WRITERS: Mapping[str, tuple[str, Object]] = {
    "set_image": ("rollout_set_image", {"images": {"app": "shop:3.0.0"}}),
    "promote": ("rollout_promote", {}),
    "skip_step": ("rollout_promote", {"mode": "skip_step", "expected_step": 1}),
    "abort": ("rollout_abort", {}),
    "retry": ("rollout_retry", {"name": "stuck"}),
    "undo": ("rollout_undo", {}),
    "pause": ("rollout_pause", {}),
    "restart": ("rollout_restart", {"token": "once"}),
    "declare": ("rollout", {"definition": declared(1)}),
    "create": ("rollout", {"name": "new", "definition": declared(1)}),
    "remove": ("rollout", {"state": "absent"}),
    "analysis_run": ("analysis_run", {"name": "new", **MEASURES}),
    "experiment": ("experiment", {"name": "new", "definition": PROBE}),
}
# And where it waits, for what does not come.
WAITERS: Mapping[str, tuple[str, Object]] = {
    "wait": ("rollout_wait", {"until": "healthy", "fail_on": []}),
    "analysis_wait": ("analysis_wait", {"analysis_run": "measuring"}),
    "analysis_run": ("analysis_run", {"name": "measuring", "templates": [{"name": "endless"}]}),
    "experiment": ("experiment", {"name": "probing", "definition": PROBE}),
    "declare": ("rollout", {"definition": declared(2), "wait_until": "healthy"}),
    "undo": ("rollout_undo", {"to_revision": 2, "wait_until": "healthy"}),
}
# What only looks has no deadline to set, but one of its own.
READERS: Mapping[str, tuple[str, Object]] = {
    "info": ("rollout_info", {"name": "shop"}),
    "traffic": ("traffic_info", {"name": "shop"}),
}


def from_the(first: Callable[[Request], bool]) -> Callable[[Request], bool]:
    """The first such request, and all that come after it."""
    begun = False

    def hits(request: Request) -> bool:
        nonlocal begun
        begun = begun or first(request)
        return begun

    return hits


Case = tuple[str, str, str]  # an outage, the request that it begins with, and a verb
BEGINNINGS: Mapping[str, tuple[Callable[[Request], bool], Mapping[str, tuple[str, Object]]]] = {
    "request": (every, {**READERS, **WAITERS, **WRITERS}),
    "write": (proxy.writes, WRITERS),
    "watch": (proxy.watches, WAITERS),
}
CASES: list[Case] = [
    (outage, beginning, verb) for outage in OUTAGES for beginning, (_at, verbs) in BEGINNINGS.items() for verb in verbs
]


@dataclass
class End:
    """What a verb returned, and what came to the proxy."""

    result: Result
    host: str
    requests: list[Request]

    def __str__(self) -> str:
        return "\n".join([f"{self.result['reason']}: {self.result['msg']}", *map(str, self.requests)])


@pytest.fixture(scope="module")
def ends(lab: Lab) -> Iterator[Mapping[Case, Future[End]]]:
    with new_namespace(lab, f"outages-{os.getpid()}") as stage, closing(Gauge()) as gauge:
        _prepare(stage, gauge)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            yield {case: pool.submit(_suffer, stage, *case) for case in CASES}


def _prepare(stage: Stage, gauge: Gauge) -> None:
    """A Rollout at its gate, one that is aborted there, and an analysis and an experiment that do not end."""
    stage.apply(gauge.template(), gauge.template("endless", interval="1h", count=2))
    for name in ("shop", "stuck"):
        stage.ok("rollout", name=name, definition=declared(1), wait_until="healthy")
        stage.ok("rollout_set_image", name=name, images={"app": "shop:2.0.0"}, wait_until="paused")
    stage.ok("rollout_abort", name="stuck", wait_until="restored")
    stage.ok("analysis_run", name="measuring", templates=[{"name": "endless"}], wait=False)
    stage.ok("experiment", name="probing", definition=PROBE, wait=False)


def _suffer(stage: Stage, outage: str, beginning: str, verb: str) -> End:
    first, verbs = BEGINNINGS[beginning]
    module, options = verbs[verb]
    with Proxy(stage.lab.kubeconfig).running() as between:
        between.script(Fault(from_the(first), OUTAGES[outage].effect, times=10**6))
        limit = {} if verb in READERS else {"wait_timeout": TIMEOUT}
        result = stage.through(**between.options).run(module, **limit, **options)
        return End(result, between.url, list(between.requests))


@pytest.mark.parametrize(("outage", "beginning", "verb"), CASES)
def test_a_verb_gives_up_and_says_why(ends: Mapping[Case, Future[End]], outage: str, beginning: str, verb: str) -> None:
    end = ends[outage, beginning, verb].result(timeout=120)
    assert (end.result["failed"], end.result["reason"]) == (True, "unreachable"), str(end)
    # What comes at the very end may have no time left to be answered.
    assert re.search(f"({OUTAGES[outage].cause}|no answer in time)", end.result["msg"]), str(end)
    assert end.host in end.result["msg"], str(end)
    assert len(end.requests) <= MOST_REQUESTS, str(end)
    assert not any(request.has_written for request in end.requests), str(end)
    unknown = "whether it was done is unknown" in end.result["msg"]
    assert end.result["changed"] is unknown, str(end)
    assert unknown is (OUTAGES[outage].in_doubt and beginning == "write"), str(end)
