# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random sequences of verbs on real Rollouts, with restarts of the controller in between; and what must always hold.

Some walkers, each with a Rollout of its own, do what their seed says. Everything that the apiserver has ever stored of
the Rollouts is kept beside the verbs' results, and judged in the end:

* no step is left out unless a full promotion was asked for, and no gate is passed but by a promote;
* what became stable has passed its analysis, unless it was asked for without;
* there is one revision for each wish for another version, and no other;
* the same verb twice changes nothing the second time;
* at rest, `rollout_info` says what the real plugin says.

``PROGRESSIVE_TEST_LONG=1`` walks ten times as far, and elsewhere each time. ``PROGRESSIVE_TEST_SEED`` chooses a walk,
such as the one that a failure names.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Changed
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.feed import Feed
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ANALYSIS_RUN, ROLLOUT
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as Supervised

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Result, Stage, canary
from tests.integration.support import Lab, eventually
from tests.integration.test_plugin_parity import Plugin, row

LONG = bool(os.environ.get("PROGRESSIVE_TEST_LONG"))
# Another walk each time is for the long run; what `make test` says must not depend on chance more than it has to.
SEED = int(os.environ.get("PROGRESSIVE_TEST_SEED") or (random.randrange(1_000_000) if LONG else 21))
ROUNDS = 120 if LONG else 12
WALKERS = 4
VERBS_IN_A_ROUND = 4
CONTROLLER = "rollouts-controller"

STEPS: list[Object] = [
    {"setWeight": 20},
    {"pause": {}},
    ANALYSIS_STEP,
    {"setWeight": 50},
    {"pause": {"duration": 1}},
    {"setWeight": 80},
    {"pause": {}},
]
GATES = (1, 6)
ANALYSIS = 2

# What a verb may say that found itself where it has nothing to do, and the rest would be wrong: nobody else acts here,
# nothing is ever refused or lost, and the controller always comes back in time.
FINE = frozenset({"aborted", "paused", "healthy", "unexpected_step", "not_at_step", "no_revision", "no_stable"})


@dataclass(frozen=True)
class Deed:
    """A task. ``repeatable``: when it has succeeded, the same one has nothing to do.

    ``version`` is the hash of what it was done to, once it is done.
    """

    module: str
    options: dict[str, Any]
    repeatable: bool = True
    version: str = ""


def choose(rng: random.Random) -> Deed:
    make = rng.choices([deed for deed, _other in DEEDS], [weight for _other, weight in DEEDS])[0]
    return make(rng)


def _set_image(rng: random.Random) -> Deed:
    until = rng.choice([{"wait": False}, {}, {"wait_until": "paused"}])
    return Deed("rollout_set_image", {"images": {"app": f"shop:{rng.randint(1, 4)}"}, **until})


def _promote(rng: random.Random) -> Deed:
    """Without a step it is another wish at each gate. It does not wait for a gate: there may be nobody to get there."""
    step = rng.choice([None, *GATES])
    until = rng.choice(["observed", "paused"])
    options = {"wait_until": until, "wait_timeout": "15s", **({} if step is None else {"expected_step": step})}
    return Deed("rollout_promote", options, repeatable=step is not None)


DEEDS: list[tuple[Callable[[random.Random], Deed], int]] = [
    (_set_image, 8),
    (_promote, 8),
    (lambda rng: Deed("rollout_promote", {"mode": "full", "wait_until": rng.choice(["observed", "healthy"])}), 2),
    (lambda rng: Deed("rollout_promote", {"mode": "skip_step", "expected_step": rng.randrange(len(STEPS))}), 2),
    (lambda rng: Deed("rollout_abort", {"wait_until": rng.choice(["observed", "restored"])}), 3),
    (lambda rng: Deed("rollout_retry", {"wait_until": rng.choice(["observed", "paused"])}), 3),
    (lambda rng: Deed("rollout_undo", {"wait_until": rng.choice(["observed", "paused"])}), 2),
    (lambda rng: Deed("rollout_undo", {"to_revision": rng.randint(1, 4)}), 2),
    (lambda rng: Deed("rollout_pause", {"state": "paused"}), 1),
    (lambda rng: Deed("rollout_pause", {"state": "resumed"}), 3),
    (lambda rng: Deed("rollout_wait", {"until": "observed"}), 1),
]


def _also(deed: Deed) -> Iterator[str]:
    """What else this one may say: after a change that nobody has waited for, or before a gate that does not come."""
    if deed.options.get("wait") is False:
        yield "not_observed"
    if deed.module == "rollout_promote":
        yield "timeout"


@dataclass
class Walker:
    """One Rollout, what was done to it, and every version of it."""

    stage: Stage
    name: str
    rng: random.Random
    feed: Feed
    log: list[str] = field(default_factory=list)
    acts: list[Deed] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    versions: list[Object] = field(default_factory=list)

    def walk(self) -> None:
        for _turn in range(VERBS_IN_A_ROUND):
            deed = choose(self.rng)
            result = self._do(deed)
            if not result["failed"] and deed.repeatable:
                again = self._do(deed)
                if again["changed"]:
                    self.wrong.append(f"{deed} acted twice")

    def _do(self, deed: Deed) -> Result:
        result = self.stage.run(deed.module, **{"name": self.name, "wait_timeout": "60s", **deed.options})
        self.log.append(f"{deed.module} {deed.options}: {'changed, ' * result['changed']}{result['msg']}")
        if result["changed"]:
            self.acts.append(replace(deed, version=result["rollout"]["current_hash"]))
        if result["failed"] and result["reason"] not in (*FINE, *_also(deed)):
            self.wrong.append(f"{deed} failed: {result['reason']}: {result['msg']}")
        return result

    def collect(self) -> None:
        """Take in what the watch has brought, up to the present."""
        version = int(self.stage.get(self.name)["metadata"]["resourceVersion"])
        while not self.versions or int(self.versions[-1]["metadata"]["resourceVersion"]) < version:
            event = self.feed.next(30)
            assert isinstance(event, Changed), event
            self.versions.append(event.object)

    def acted(self, *modules: str, **options: Any) -> list[Deed]:
        """The acts of these modules with these options."""
        return [act for act in self.acts if act.module in modules and options.items() <= act.options.items()]

    # -- what must hold

    def judge(self) -> list[str]:
        found = [*self.wrong, *self._revisions(), *self._steps(), *self._gates(), *self._analyses()]
        return [f"{self.name}: {text}" for text in found]

    def _revisions(self) -> Iterator[str]:
        wishes = len(self.acted("rollout_set_image", "rollout_undo"))
        revision = int(self.versions[-1]["metadata"]["annotations"]["rollout.argoproj.io/revision"])
        if revision != 1 + wishes:
            yield f"{wishes} wishes made revision {revision}"

    def _steps(self) -> Iterator[str]:
        """A step more than one further, on the way of a version to be stable."""
        for before, after in self._updates():
            if after["currentStepIndex"] > before["currentStepIndex"] + 1:
                yield f"from step {before['currentStepIndex']} to {after['currentStepIndex']}"

    def _gates(self) -> Iterator[str]:
        passed = Counter(
            before["currentPodHash"]
            for before, after in self._updates()
            if before["currentStepIndex"] in GATES and after["currentStepIndex"] > before["currentStepIndex"]
        )
        asked = Counter(act.version for act in self.acted("rollout_promote") if act.options.get("mode") != "full")
        for version, number in (passed - asked).items():
            yield f"{version} has passed {number} gates more than it was promoted"

    def _updates(self) -> Iterator[tuple[Object, Object]]:
        """Pairs of neighbouring states of one update that nobody promotes fully.

        Also not when an abort has withdrawn that: the controller may be through with it all the same.
        """
        states, fully = [version.get("status", {}) for version in self.versions], False
        for before, after in pairwise(state for state in states if state.get("currentStepIndex") is not None):
            same = before["currentPodHash"] == after["currentPodHash"]
            fully = bool((same and fully) or before.get("promoteFull") or after.get("promoteFull"))
            if same and before["currentPodHash"] != before.get("stableRS") and not fully:
                yield before, after

    def _analyses(self) -> Iterator[str]:
        """Each version that became stable by its steps has a successful analysis, or is the one that has skipped it."""
        skipped = {act.version for act in self.acted("rollout_promote", mode="skip_step", expected_step=ANALYSIS)}
        runs = self.stage.cluster.list(ANALYSIS_RUN, self.stage.namespace)["items"]
        proved = {
            run["metadata"]["labels"]["rollouts-pod-template-hash"]
            for run in runs
            if run.get("status", {}).get("phase") == "Successful"
        }
        for before, after in self._updates():
            became_stable = after.get("stableRS") == after["currentPodHash"]
            if became_stable and after["currentPodHash"] not in proved | skipped:
                yield f"{before['currentPodHash']} became stable without an analysis"


@pytest.fixture
def walkers(stage: Stage, gauge: Gauge) -> Iterator[list[Walker]]:
    names = [f"walker-{number}" for number in range(WALKERS)]
    stage.apply(gauge.template(), *(_rollout(name) for name in names))
    with ExitStack() as stack:
        made = []
        for number, name in enumerate(names):
            stage.ok("rollout_wait", name=name, until="healthy")
            feed = stack.enter_context(stage.cluster.feed(ROLLOUT, stage.get(name)))
            made.append(Walker(stage, name, random.Random(f"{SEED} {number}"), feed))
        yield made


def _rollout(name: str) -> Object:
    kept = {"successfulRunHistoryLimit": 1000, "unsuccessfulRunHistoryLimit": 1000}
    made = canary("shop:1", STEPS, replicas=1, analysis=kept)
    rollout: Object = json.loads(json.dumps(made).replace('"shop"', f'"{name}"'))
    return rollout


@pytest.fixture
def supervised(lab: Lab) -> Iterator[Supervised]:
    """The lab's processes; the controller runs again afterwards."""
    found = Supervised.load(lab.name)
    yield found
    found.start(CONTROLLER)


def test_whatever_the_order(walkers: list[Walker], supervised: Supervised) -> None:
    for turn in range(ROUNDS):
        with ThreadPoolExecutor(WALKERS) as pool:
            walks = [pool.submit(walker.walk) for walker in walkers]
            if turn % 2:
                supervised.stop(CONTROLLER)
                supervised.start(CONTROLLER)
        for walk in walks:
            walk.result()
        compare(walkers)
    for walker in walkers:
        walker.collect()
    found = [text for walker in walkers for text in walker.judge()]
    logs = ["\n".join([walker.name, *walker.log]) for walker in walkers]
    assert not found, "\n".join([f"PROGRESSIVE_TEST_SEED={SEED}", *found, *logs])


def compare(walkers: list[Walker]) -> None:
    """At rest, the plugin's table shows what rollout_info says."""
    stage = walkers[0].stage
    plugin = Plugin.on(stage)

    def agreed() -> bool:
        ours = {item["name"]: row(None, item) for item in stage.run("rollout_info")["rollouts"]}  # type: ignore[arg-type]
        return plugin.list() == ours

    eventually(agreed, what=f"PROGRESSIVE_TEST_SEED={SEED}: the plugin shows something else than rollout_info")
