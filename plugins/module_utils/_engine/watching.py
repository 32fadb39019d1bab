# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows AnalysisRuns and Experiments to their end, and says what they measured and what that proves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

from .._analysis.evidence import Verdict, experiment_verdict, verdict
from .._cluster.errors import ClusterError, NotFound, Transient
from .._cluster.events import Broken, Changed, Event, Gone, Interrupted
from .._cluster.resources import ANALYSIS_RUN, EXPERIMENT, Object, Resource
from .._model.analysis import MEASURED, SUCCESSFUL, UNHAPPY, AnalysisRun
from .._model.durations import format_seconds
from .._model.experiment import Experiment
from .follower import BLAME_AFTER, TICK, check_controller
from .measurements import Beside, News
from .outcome import Stop, unreachable
from .ports import Clock, ClusterPort, FeedPort
from .retry import Patience
from .timeline import Contact, Timeline

NOT_STARTED = "not started"


class Watched(Protocol):
    """An AnalysisRun or an Experiment."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def phase(self) -> str:
        """Its phase; empty before the controller has looked at it."""

    @property
    def completed(self) -> bool:
        """Whether the phase is final."""


W = TypeVar("W", bound=Watched)


@dataclass
class _Watch:
    """A watch, and the version that was ``seen`` last."""

    feed: FeedPort
    resource: Resource
    seen: Object

    @property
    def label(self) -> str:
        return f"{self.resource.kind} {self.seen['metadata']['namespace']}/{self.seen['metadata']['name']}"


class Watching(AbstractContextManager["Watching"]):
    """``run`` holds what was followed, or ``experiment`` with its ``runs``, as last seen.

    Without ``follows`` everything is read as it is.
    """

    def __init__(
        self,
        cluster: ClusterPort,
        clock: Clock,
        patience: Patience,
        namespace: str,
        timeline: Timeline,
        *,
        follows: bool,
    ) -> None:
        self._cluster, self._clock, self._patience, self._namespace = cluster, clock, patience, namespace
        self._timeline, self._follows = timeline, follows
        self._started = self._followed = clock.monotonic()
        self._stack = ExitStack()
        self._beside = self._stack.enter_context(Beside(cluster, self._see_run))
        self._news = News()
        self._contact = Contact(cluster.host, timeline)
        self._looked_again = False
        self._told: dict[tuple[str, str], str] = {}
        self.runs: dict[str, AnalysisRun] = {}
        self.experiment: Experiment | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    # -- read and follow

    def follow_run(self, raw: Object) -> None:
        """See a run, until it is completed."""
        self._follow(ANALYSIS_RUN, raw, self._see_run)

    def follow_experiment(self, raw: Object) -> None:
        """See an Experiment until nothing more will come of it, and then each of its runs."""
        experiment = self._follow(EXPERIMENT, raw, self._see_experiment)
        for name in experiment.run_names:
            if name in self.runs and self.runs[name].completed:
                continue
            try:
                self.follow_run(self.read(ANALYSIS_RUN, name))
            except NotFound:
                # A run that was deleted is an error of the Experiment, which tells it; a success would lack it.
                if experiment.phase not in UNHAPPY:
                    raise
                self.runs.pop(name, None)

    def read(self, resource: Resource, name: str) -> Object:
        """An object of the namespace."""
        return self._patience.call(lambda limit: self._cluster.get(resource, self._namespace, name, limit))

    def until_gone(self, resource: Resource, raw: Object) -> None:
        """Wait until an object that is being deleted is there no more."""
        watch = _Watch(self._stack.enter_context(self._cluster.feed(resource, raw)), resource, raw)
        while not isinstance(self._event(watch, "being deleted"), Gone):
            pass

    def _follow(self, resource: Resource, raw: Object, see: Callable[[Object], W]) -> W:
        """The object as it was when it completed; as it is, when the task does not wait."""
        now = see(raw)
        if not self._follows or now.completed:
            return now
        self._followed = self._clock.monotonic()
        watch = _Watch(self._stack.enter_context(self._cluster.feed(resource, raw)), resource, raw)
        self._beside.wakes(watch.feed)
        while not now.completed:
            self._beside.look()
            match self._event(watch, now.phase or NOT_STARTED):
                case Changed(object=found):
                    now = see(found)
                case Gone():
                    text = f"{watch.label} was deleted before it completed"
                    raise Stop("deleted", f"{text}; the update was replaced, or somebody removed it: no verdict")
        return now

    def _event(self, watch: _Watch, state: str) -> Event | None:
        """The next change, or None when it is time to look at the clock. Raises Stop at the deadline."""
        remaining = self._patience.remaining
        if remaining > 0:
            self._timeline.beat(f"waiting for {watch.label}, which is {state}")
            event: Event | None = watch.feed.next(min(remaining, TICK))
        elif (event := self._last_look(watch)) is None:
            raise self._out_of_time(watch.label, state)
        match event:
            case Interrupted(error=error):
                self._contact.is_lost(error)
            case Changed(object=found):
                self._contact.is_back()
                watch.seen = found
            case Broken(error=error):
                raise error
        return event

    def _out_of_time(self, label: str, state: str) -> Stop:
        elapsed = format_seconds(round(self._clock.monotonic() - self._started, 1))
        text = f"{label} is still {state} after {elapsed}"
        if self._contact.lost is not None:
            return unreachable(text, self._contact.lost)
        if state == NOT_STARTED and self._clock.monotonic() - self._followed >= BLAME_AFTER:
            return Stop("controller_absent", f"{text}; {check_controller('object')}")
        return Stop("timeout", f"{text}; give it more time with wait_timeout")

    def _last_look(self, watch: _Watch) -> Event | None:
        """What has changed until the deadline, in case something between held the events back; once."""
        if self._looked_again:
            return None
        self._looked_again = True
        known = watch.seen["metadata"]
        try:
            found = self._patience.last_look(
                lambda timeout: self._cluster.get(watch.resource, self._namespace, known["name"], timeout)
            )
        except NotFound:
            return Gone()
        except Transient as error:
            self._contact.lost = self._contact.lost or error
            return None
        except ClusterError:
            return None
        if found["metadata"]["resourceVersion"] == known["resourceVersion"]:
            return None
        return Changed(found) if found["metadata"]["uid"] == known["uid"] else Gone()

    # -- see

    def _see_run(self, raw: Object) -> AnalysisRun:
        run = AnalysisRun.parse(raw)
        self.runs[run.name] = run
        for entry in self._news.of(run):
            self._timeline.note(**entry)
        return run

    def _see_experiment(self, raw: Object) -> Experiment:
        experiment = self.experiment = Experiment.parse(raw)
        self._tell(experiment, "", experiment.name, experiment.phase)
        for template in experiment.templates:
            name, status = template.get("name", ""), template.get("status") or ""
            self._tell(experiment, f"template {name}", f"template {name} of {experiment.name}", status)
        for item in experiment.analyses:
            what = f"analysis {item.analysis}"
            self._tell(experiment, what, f"{what} of {experiment.name}", item.phase)
        if self._follows and not experiment.completed:
            for name in experiment.run_names:
                if name not in self.runs:
                    self._beside.watch(self._namespace, name, self._patience.request_timeout)
        return experiment

    def _tell(self, experiment: Experiment, part: str, what: str, phase: str) -> None:
        key = (experiment.name, part)
        if phase and phase != self._told.get(key):
            self._told[key] = phase
            self._timeline.note("experiment", f"{what} is {phase}", experiment=experiment.name)

    # -- judge

    def verdict(self, accept_silence: Collection[str] = ()) -> Verdict:
        """What the end proves; ``running`` until there is one."""
        runs = tuple(self.runs.values())
        if self.experiment is not None:
            self.experiment = self.experiment.having(runs)
            if not self.experiment.completed:
                return _running(self.experiment.label, self.experiment.phase)
        for run in runs:
            if not run.completed:
                return _running(f"AnalysisRun {run.namespace}/{run.name}", run.phase)
        if self.experiment is not None:
            return experiment_verdict(self.experiment, accept_silence)
        return verdict(runs[0], accept_silence)

    def analysis(self) -> dict[str, Any] | None:
        """The run as modules return it; of several the first that is not simply good."""
        if not self.runs:
            return None
        runs = self.runs.values()
        good = (SUCCESSFUL, MEASURED)
        shown = next((run for run in runs if (run.phase, run.evidence) != good), next(iter(runs)))
        return {**shown.as_result(), "requests": None}


def _running(label: str, phase: str) -> Verdict:
    return "running", f"{label} is {phase or NOT_STARTED}"
