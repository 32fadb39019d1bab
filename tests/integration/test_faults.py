# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every verb under every fault: it ends in the right state, and has acted once.

For each fault a few Rollouts go through a story each, in which every verb has something to do, with the fault in force
anew for each of them. The stories run side by side. What was done is counted at the apiserver and looked at past the
proxy.

``PROGRESSIVE_TEST_LONG=1`` makes stalls last 10 s instead of one, goes through every story under every fault of a
write and some more, and through each in check mode as well.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import NotFound
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ANALYSIS_RUN
from ansible_collections.progressive.delivery.plugins.module_utils._engine.clock import SystemClock
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.integration import proxy
from tests.integration.kit import (
    ANALYSIS_STEP,
    ENDLESS,
    Gauge,
    Object,
    Result,
    Stage,
    argument_spec,
    arguments,
    arm,
    blue_green,
    canary,
    deployment,
    new_namespace,
    referring,
)
from tests.integration.proxy import Fault, Proxy, dry_runs, every, reads, refused, watches, writes
from tests.integration.support import Lab

LONG = bool(os.environ.get("PROGRESSIVE_TEST_LONG"))
STALL = 10.0 if LONG else 1.0
# Stories at once; they mostly wait for the controller and for the faults.
SIDE_BY_SIDE = 10
TIMEOUT = "2m"

STEPS: list[Object] = [
    {"setWeight": 20},
    {"pause": {}},
    ANALYSIS_STEP,
    {"pause": {}},
    {"setWeight": 60},
    {"pause": {}},
]


# -- faults


class SkewedClock(SystemClock):
    """This host's clock is off by so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._skew = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._skew


@dataclass(frozen=True)
class Weather:
    """The faults that are in force for one task, and how its clock is off."""

    faults: tuple[Fault, ...] = ()
    skew: float = 0.0

    @property
    def hits_writes(self) -> bool:
        return any(fault.hits is writes for fault in self.faults)

    @property
    def in_check_mode(self) -> Weather:
        """The same for a task that writes only for show."""
        hits = {writes: dry_runs}
        return replace(
            self, faults=tuple(replace(fault, hits=hits.get(fault.hits, fault.hits)) for fault in self.faults)
        )


def weather(*faults: Fault, skew: float = 0.0) -> Weather:
    return Weather(faults, skew)


BUSY = refused(429, retry_after=1)
DRY = "a dry run goes wrong in every way"
WEATHER: dict[str, Weather] = {
    "none": weather(),
    "409 to a write": weather(Fault(writes, refused(409), times=2)),
    DRY: weather(
        Fault(dry_runs, refused(409)),
        Fault(dry_runs, refused(503)),
        Fault(dry_runs, proxy.reset),
        Fault(dry_runs, proxy.half_answer),
        Fault(dry_runs, proxy.stalled(STALL)),
    ),
    "429 to everything": weather(Fault(reads, BUSY), Fault(writes, BUSY), Fault(watches, BUSY)),
    "500 to everything": weather(
        Fault(reads, refused(500), 2), Fault(writes, refused(500), 2), Fault(watches, refused(500), 2)
    ),
    "503 to the first requests": weather(Fault(every, refused(503), times=4)),
    "reset before a request": weather(
        Fault(reads, proxy.reset), Fault(writes, proxy.reset, 2), Fault(watches, proxy.reset)
    ),
    "answer to a write lost": weather(Fault(writes, proxy.answer_lost, times=9)),
    "second write lost": weather(Fault(writes, proxy.reset, skip=1)),
    "half an answer to a write": weather(Fault(writes, proxy.half_answer)),
    "half an answer to a read": weather(Fault(reads, proxy.half_answer, times=2)),
    "write lost and then nobody there": weather(
        Fault(writes, proxy.answer_lost), Fault(reads, refused(503), times=3, skip=1)
    ),
    "stalls": weather(*[Fault(kind, proxy.stalled(STALL)) for kind in (reads, writes, watches)]),
    "restart before a write": weather(Fault(writes, proxy.restarted(STALL))),
    "restart before a watch": weather(Fault(watches, proxy.restarted(STALL))),
    "bookmarks, events twice and old ones again": weather(
        Fault(watches, proxy.edited(lambda lines: proxy.doubled(proxy.replayed(proxy.bookmarked(lines)))), times=9)
    ),
    "half an event": weather(Fault(watches, proxy.edited(proxy.half_event), times=2)),
    "410 to a watch and in it": weather(
        Fault(watches, refused(410)), Fault(watches, proxy.edited(proxy.expired), times=2)
    ),
    "watches that end after each event": weather(Fault(watches, proxy.edited(proxy.ended), times=99)),
    "idle watches cut": weather(Fault(watches, proxy.cut_when_idle(0.2), times=99)),
    "clock behind": weather(skew=-300),
    "clock ahead": weather(skew=300),
}
if LONG:
    WEATHER |= {
        "answer to the second write lost": weather(Fault(writes, proxy.answer_lost, skip=1)),
        "gateway gives up on a write": weather(Fault(writes, proxy.bad_gateway_after)),
    }


# -- the stories


@dataclass(frozen=True)
class Chapter:
    """A verb, how often it may write, and what the Rollout then shows past the proxy."""

    module: str
    options: Mapping[str, Any]
    proves: Callable[[Object], bool]
    acts: int = 1
    # Whether it is run again, to find nothing to do.
    repeats: bool = True
    # A merge patch of somebody else before it begins.
    before: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Story:
    """``objects`` of a name, the verbs in their order, and how many AnalysisRuns there are in the end."""

    objects: Callable[[str], list[Object]]
    chapters: Mapping[str, Chapter]
    analyses: int = 0


def at_step(index: int, revision: str) -> Callable[[Object], bool]:
    """It is held at that step."""

    def proves(rollout: Object) -> bool:
        status = rollout["status"]
        reached = (status["currentStepIndex"], bool(status.get("pauseConditions"))) == (index, True)
        return reached and _revision(rollout) == revision

    return proves


def at_preview(revision: str) -> Callable[[Object], bool]:
    def proves(rollout: Object) -> bool:
        status = rollout["status"]
        waits = bool(status.get("pauseConditions")) and status["blueGreen"]["activeSelector"] == status["stableRS"]
        return waits and _revision(rollout) == revision

    return proves


def healthy(revision: str) -> Callable[[Object], bool]:
    def proves(rollout: Object) -> bool:
        status = rollout["status"]
        through = status["stableRS"] == status["currentPodHash"] and status["phase"] == "Healthy"
        return through and _revision(rollout) == revision

    return proves


def held(rollout: Object) -> bool:
    return rollout["spec"].get("paused") is True


def restarted(rollout: Object) -> bool:
    return bool(rollout["spec"]["restartAt"] == rollout["status"]["restartedAt"])


def gone(rollout: Object) -> bool:
    return not rollout


def anything(_rollout: Object) -> bool:
    """It is about something else."""
    return True


def aborted(revision: str) -> Callable[[Object], bool]:
    def proves(rollout: Object) -> bool:
        return bool(rollout["status"].get("abort")) and _revision(rollout) == revision

    return proves


def _revision(rollout: Object) -> str:
    revision: str = rollout["metadata"]["annotations"]["rollout.argoproj.io/revision"]
    return revision


def _set_image(number: int, until: str) -> dict[str, Any]:
    return {"images": {"app": f"shop:{number}.0.0"}, "wait_until": until}


def renamed(name: str, *objects: Object) -> list[Object]:
    """The same under names of their own."""
    names = {"shop": name, "active": f"{name}-active", "preview": f"{name}-preview"}
    made: list[Object] = json.loads(
        re.sub('"(shop|active|preview)"', lambda found: f'"{names[found[1]]}"', json.dumps(objects))
    )
    return made


def small(rollout: Object) -> Object:
    """One pod, and the steps that the chapters speak of."""
    rollout["spec"] |= {"replicas": 1, "strategy": {"canary": {"steps": STEPS}}}
    return rollout


def declared(number: int, **annotations: str) -> Object:
    """That version of a Rollout, for the module rollout; the pods have these annotations."""
    spec = small(canary(f"shop:{number}.0.0"))["spec"]
    spec["template"]["metadata"]["annotations"] = annotations
    return spec


MEASURED_ONCE: Object = {"templates": [{"name": "value"}]}
MEASURED_TWICE: Object = {"templates": [{"name": "twice"}]}
MEASURED_FOR_EVER: Object = {"templates": [{"name": "endless"}]}
PROBE: Object = {
    "analyses": [{"name": "value", "templateName": "value", "requiredForCompletion": True}],
    "templates": [arm("probe", "probe:1")],
}

STORIES: Mapping[str, Story] = {
    "canary": Story(
        lambda name: renamed(name, small(canary())),
        {
            "set_image": Chapter("rollout_set_image", _set_image(2, "paused"), at_step(1, "2")),
            "wait": Chapter("rollout_wait", {"until": "paused"}, at_step(1, "2"), acts=0),
            "info": Chapter("rollout_info", {}, at_step(1, "2"), acts=0),
            "traffic_info": Chapter("traffic_info", {}, at_step(1, "2"), acts=0),
            "pause": Chapter("rollout_pause", {}, held),
            "resume": Chapter("rollout_pause", {"state": "resumed", "wait_until": "paused"}, at_step(1, "2")),
            # Nothing but the state keeps it from the next gate: once it stands there, the same task is another wish.
            "promote": Chapter("rollout_promote", {"wait_until": "paused"}, at_step(3, "2"), repeats=False),
            "analysis_wait": Chapter("analysis_wait", {"kind": "step"}, at_step(3, "2"), acts=0),
            "abort": Chapter("rollout_abort", {"wait_until": "restored"}, aborted("2")),
            "retry": Chapter("rollout_retry", {"wait_until": "paused"}, at_step(1, "2")),
            "skip_step": Chapter(
                "rollout_promote", {"mode": "skip_step", "expected_step": 1, "wait_until": "paused"}, at_step(3, "2")
            ),
            "promote what is held": Chapter(
                "rollout_promote",
                {"expected_step": 3, "wait_until": "paused"},
                at_step(5, "2"),
                acts=2,
                before={"spec": {"paused": True}},
            ),
            "undo": Chapter("rollout_undo", {"to_revision": 1, "wait_until": "healthy"}, healthy("3")),
            "set_image without a wait": Chapter(
                "rollout_set_image", {"images": {"app": "shop:3.0.0"}, "wait": False}, anything
            ),
            "promote in full": Chapter("rollout_promote", {"mode": "full", "wait_until": "healthy"}, healthy("4")),
            "restart": Chapter("rollout_restart", {"token": "once"}, restarted),
        },
        # Reached twice, by promote and by skip_step; in full there is none.
        analyses=2,
    ),
    "blue-green": Story(
        lambda name: renamed(name, *blue_green()),
        {
            "set_image": Chapter("rollout_set_image", _set_image(2, "paused"), at_preview("2")),
            "promote": Chapter("rollout_promote", {"wait_until": "healthy"}, healthy("2")),
            "set_image again": Chapter("rollout_set_image", _set_image(3, "paused"), at_preview("3")),
            "abort": Chapter("rollout_abort", {"wait_until": "restored"}, aborted("3")),
            "retry": Chapter("rollout_retry", {"wait_until": "paused"}, at_preview("3")),
            "undo": Chapter("rollout_undo", {"wait_until": "healthy"}, healthy("4")),
        },
    ),
    "Deployment": Story(
        lambda name: renamed(name, deployment(), small(referring())),
        {
            "set_image": Chapter("rollout_set_image", _set_image(2, "paused"), at_step(1, "2")),
            "promote": Chapter("rollout_promote", {"expected_step": 1, "wait_until": "paused"}, at_step(3, "2")),
            "undo": Chapter("rollout_undo", {"to_revision": 1, "wait_until": "healthy"}, healthy("3")),
        },
        analyses=1,
    ),
    "declared": Story(
        lambda name: [],
        {
            "create": Chapter("rollout", {"definition": declared(1, old="1"), "wait_until": "healthy"}, healthy("1")),
            "nothing to do": Chapter("rollout", {"definition": declared(1, old="1")}, healthy("1"), acts=0),
            "change": Chapter("rollout", {"definition": declared(2), "wait_until": "paused"}, at_step(1, "2")),
            "undo": Chapter("rollout_undo", {"to_revision": 1, "wait_until": "healthy"}, healthy("3")),
            # The first write says that what the undo brought back is to be taken away.
            "change again": Chapter(
                "rollout", {"definition": declared(2), "wait_until": "paused"}, at_step(1, "4"), acts=2
            ),
            "remove": Chapter("rollout", {"state": "absent"}, gone),
        },
    ),
    "standalone": Story(
        lambda name: renamed(name, small(canary())),
        {
            "analysis_run": Chapter("analysis_run", MEASURED_TWICE, anything),
            "analysis_run anew": Chapter(
                "analysis_run", {**MEASURED_ONCE, "recreate": "always"}, anything, acts=2, repeats=False
            ),
            "analysis_run away": Chapter("analysis_run", {"state": "absent"}, anything),
            "analysis_run without a wait": Chapter("analysis_run", {**MEASURED_FOR_EVER, "wait": False}, anything),
            "analysis_run ended": Chapter("analysis_run", {"state": "terminated"}, anything),
            "experiment": Chapter("experiment", {"definition": PROBE}, anything),
            "experiment ended": Chapter("experiment", {"state": "terminated"}, anything, acts=0),
            "experiment anew": Chapter(
                "experiment", {"definition": PROBE, "recreate": "finished"}, anything, acts=2, repeats=False
            ),
            "experiment away": Chapter("experiment", {"state": "absent"}, anything),
        },
    ),
}


@dataclass
class Page:
    """How a chapter went."""

    result: Result
    requests: list[str]
    written: int
    rollout: Object
    again: Result | None

    def __str__(self) -> str:
        told = [f"{entry.get('reason') or entry['phase']}: {entry['message']}" for entry in self.timeline]
        shown = [f"{self.result.get('reason')}: {self.result.get('msg')}", *told, *self.requests]
        again = self.again.get("msg") if self.again else ""
        return "\n".join([*shown, f"again: {again}", json.dumps(self.rollout.get("status"))])

    @property
    def timeline(self) -> list[Object]:
        found: list[Object] = self.result.get("timeline") or []
        return found

    @property
    def dropped(self) -> int:
        """How often the controller dropped what the apiserver had taken: that is written again, and told."""
        return sum(entry.get("reason") == "dropped" for entry in self.timeline)


@dataclass
class Book:
    """One story under one fault."""

    pages: dict[str, Page] = field(default_factory=dict)
    analyses: int = 0


class Narrator:
    """One Rollout and the way to it through a proxy of its own."""

    def __init__(self, stage: Stage, name: str, proxy: Proxy, weather: Weather) -> None:
        self._stage, self._name, self._proxy, self._weather = stage, name, proxy, weather
        self._through = connect(proxy.options)

    def tell(self, story: Story) -> Book:
        book = Book()
        for title, chapter in story.chapters.items():
            if chapter.before:
                self._stage.kubectl("patch", "rollout", self._name, "--type=merge", "-p", json.dumps(chapter.before))
            book.pages[title] = page = self._chapter(chapter)
            if page.result["failed"]:
                break
        runs = self._stage.cluster.list(ANALYSIS_RUN, self._stage.namespace)["items"]
        owners = [owner for run in runs for owner in run["metadata"].get("ownerReferences", [])]
        book.analyses = sum((owner["kind"], owner["name"]) == ("Rollout", self._name) for owner in owners)
        return book

    def _chapter(self, chapter: Chapter) -> Page:
        if LONG:
            self._proxy.script(*self._weather.in_check_mode.faults)
            self._run(chapter, check=True)
            assert not self._proxy.count(lambda request: request.has_written), "check mode wrote something"
        self._proxy.script(*self._weather.faults)
        result = self._run(chapter)
        requests = [str(request) for request in self._proxy.requests]
        written = self._proxy.count(lambda request: request.has_written)
        rollout = self._there()
        self._proxy.script()
        repeats = chapter.repeats and not result["failed"] and (LONG or self._weather.hits_writes)
        again = self._run(chapter) if repeats else None
        return Page(result, requests, written, rollout, again)

    def _there(self) -> Object:
        try:
            return self._stage.get(self._name)
        except NotFound:
            return {}

    def _run(self, chapter: Chapter, check: bool = False) -> Result:
        subject = "rollout" if chapter.module == "analysis_wait" else "name"
        usual = {"namespace": self._stage.namespace, subject: self._name}
        if "wait_timeout" in argument_spec(chapter.module):
            usual["wait_timeout"] = TIMEOUT
        known = arguments(chapter.module, {**usual, **renamed(self._name, dict(chapter.options))[0]})
        clock = SkewedClock(self._weather.skew)
        return run_task(
            chapter.module, known, lambda: self._through, check_mode=check, clock=clock, listener=lambda _entry: None
        )


Plot = tuple[str, str]  # a fault and a story
# What is declared is written in another way than what the verbs do. The watch is the same for all strategies; what is
# written is not, and these are the faults that tempt to act twice.
WITH_DRY_RUNS = ("declared", "standalone")
ESSENTIAL = ("409 to a write", DRY, "reset before a request", "answer to a write lost", "second write lost")
PLOTS: list[Plot] = [
    (fault, story)
    for fault, each in WEATHER.items()
    for story in (WITH_DRY_RUNS if fault == DRY else STORIES)
    if story in ("canary", "declared", "standalone") or (each.hits_writes if LONG else fault in (*ESSENTIAL, DRY))
]


@pytest.fixture(scope="module")
def books(lab: Lab) -> Iterator[Mapping[Plot, Future[Book]]]:
    """Each story under each fault."""
    with new_namespace(lab, f"faults-{os.getpid()}") as stage, closing(Gauge()) as gauge:
        names = {plot: f"shop-{number}" for number, plot in enumerate(PLOTS)}
        stage.apply(
            gauge.template(),
            gauge.template("twice", count=2, interval="1s"),
            gauge.template("endless", **ENDLESS),
            *(each for plot, name in names.items() for each in STORIES[plot[1]].objects(name)),
        )
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            yield {plot: pool.submit(_write, stage, names[plot], *plot) for plot in PLOTS}


def _write(stage: Stage, name: str, fault: str, story: str) -> Book:
    if STORIES[story].objects(name):
        stage.ok("rollout_wait", name=name, until="healthy")
    with Proxy(stage.lab.kubeconfig).running() as proxy:
        return Narrator(stage, name, proxy, WEATHER[fault]).tell(STORIES[story])


@pytest.mark.parametrize(
    ("fault", "story", "title"), [(*plot, title) for plot in PLOTS for title in STORIES[plot[1]].chapters]
)
def test_a_verb_under_a_fault_does_its_work_once(
    books: Mapping[Plot, Future[Book]], fault: str, story: str, title: str
) -> None:
    page = books[fault, story].result().pages.get(title)
    assert page is not None, "an earlier verb failed"
    chapter = STORIES[story].chapters[title]
    assert not page.result["failed"], str(page)
    assert page.result["changed"] is bool(chapter.acts), str(page)
    assert page.written == chapter.acts + page.dropped, str(page)
    assert chapter.proves(page.rollout), str(page)
    if page.again is not None:
        assert (page.again["failed"], page.again["changed"]) == (False, False), str(page)


@pytest.mark.parametrize(("fault", "story"), PLOTS)
def test_no_analysis_is_skipped_or_made_twice_under_a_fault(
    books: Mapping[Plot, Future[Book]], fault: str, story: str
) -> None:
    assert books[fault, story].result().analyses == STORIES[story].analyses
