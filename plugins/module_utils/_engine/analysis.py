# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for an AnalysisRun or an Experiment, and says what it measured and what that proves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar

from .._analysis.evidence import experiment_verdict, verdict
from .._analysis.samples import Answer
from .._cluster.errors import ClusterError
from .._cluster.events import Broken, Changed, Gone, Interrupted
from .._cluster.resources import ANALYSIS_RUN, EXPERIMENT, Object, Resource
from .._model.analysis import MEASURED, SUCCESSFUL, AnalysisRun, Metric
from .._model.durations import format_seconds
from .._model.experiment import KIND, Experiment
from .._model.rollout import Rollout
from .._verbs.analysis import Candidate, Found, choose_run
from .._verbs.plan import NotYet, Refused, Snapshot, not_observed
from .census import Census
from .follower import TICK, Follower
from .outcome import Outcome, Stop
from .ports import Clock, ClusterPort, FeedPort
from .reader import Reader
from .retry import Patience
from .runner import Options
from .timeline import Listener, Timeline


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
C = TypeVar("C", bound=Candidate)


class AnalysisWait:
    """One wait. ``run_name`` or ``rollout`` with ``kind`` says for what.

    ``accept_silence`` names metrics that need no value; a ``census`` demands enough requests behind a success.
    """

    def __init__(
        self,
        cluster: ClusterPort,
        clock: Clock,
        namespace: str,
        options: Options,
        *,
        run_name: str = "",
        rollout: str = "",
        kind: str = "step",
        accept_silence: Collection[str] = (),
        census: Census | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._cluster, self._clock, self._namespace, self._options = cluster, clock, namespace, options
        self._run_name, self._kind = run_name, kind
        self._accept_silence, self._census = accept_silence, census
        self._patience = Patience(clock, clock.monotonic() + options.timeout)
        self._started = clock.monotonic()
        self._reader = Reader(cluster, clock, self._patience, namespace, rollout)
        self._timeline = Timeline(clock, listener)
        self._snapshot: Snapshot | None = None
        self._experiment: Experiment | None = None
        self._runs: dict[str, AnalysisRun] = {}
        self._told: dict[tuple[str, str], object] = {}
        self._counted: Mapping[str, Answer] | None = None

    def run(self) -> dict[str, Any]:
        """The result; never raises a ClusterError or Stop."""
        with ExitStack() as stack:
            try:
                self._see_all(stack)
                return self._result(*self._judge())
            except Stop as stop:
                return self._result(stop.reason, str(stop))
            except ClusterError as error:
                return self._result(error.reason, str(error))

    # -- find

    def _see_all(self, stack: ExitStack) -> None:
        """Read, and follow to its end, the run; or the Experiment and then its runs."""
        if self._run_name:
            return self._follow_run(self._run_name, stack)
        if self._kind != KIND:
            return self._follow_run(self._find(stack, self._reader.analysis_runs), stack)
        name = self._find(stack, self._reader.experiments)
        raw = self._patience.call(lambda limit: self._cluster.get(EXPERIMENT, self._namespace, name, limit))
        for run in self._follow(EXPERIMENT, raw, self._see_experiment, stack).run_names:
            self._follow_run(run, stack)
        return None

    def _find(self, stack: ExitStack, read: Callable[[Rollout], Sequence[C]]) -> str:
        """The name of the one that is meant, as soon as there is one."""
        follower = stack.enter_context(
            Follower(self._cluster, self._clock, self._patience, self._reader, self._timeline)
        )
        self._snapshot = self._reader.snapshot(history=False)
        while True:
            chosen = self._choose(self._snapshot, read)
            if isinstance(chosen, Found):
                return chosen.run.name
            if isinstance(chosen, Refused):
                raise Stop(chosen.reason, chosen.message)
            if not self._options.follows:
                raise Stop(chosen.reason, f"{self._snapshot.rollout.label}: {chosen.message}")
            self._timeline.record(self._snapshot.rollout)
            self._snapshot = follower.next(self._snapshot, chosen.message)

    def _choose(self, snapshot: Snapshot, read: Callable[[Rollout], Sequence[C]]) -> Found[C] | NotYet | Refused:
        return not_observed(snapshot) or choose_run(snapshot.rollout, read(snapshot.rollout), self._kind)

    # -- follow

    def _follow_run(self, name: str, stack: ExitStack) -> None:
        self._follow(ANALYSIS_RUN, self._reader.raw_run(name), self._see_run, stack)

    def _follow(self, resource: Resource, raw: Object, see: Callable[[Object], W], stack: ExitStack) -> W:
        """The object as it was when it completed; as it is, when the task does not wait."""
        now = see(raw)
        if not self._options.follows or now.completed:
            return now
        feed = stack.enter_context(self._cluster.feed(resource, raw))
        while not now.completed:
            label = f"{resource.kind} {self._namespace}/{now.name}"
            found = self._next(feed, label, now.phase)
            now = now if found is None else see(found)
        return now

    def _next(self, feed: FeedPort, label: str, phase: str) -> Object | None:
        """The next version, or None when it is time to look at the clock."""
        remaining = self._patience.remaining
        if remaining <= 0:
            elapsed = format_seconds(round(self._clock.monotonic() - self._started, 1))
            text = f"{label} is still {phase or 'not started'} after {elapsed}"
            raise Stop("timeout", f"{text}; give it more time with wait_timeout")
        match feed.next(min(remaining, TICK)):
            case Changed(object=found):
                return found
            case Gone():
                text = f"{label} was deleted before it completed"
                raise Stop("deleted", f"{text}; the update was replaced, or somebody removed it: no verdict")
            case Interrupted(error=error):
                self._timeline.note("unreachable", f"{error}; trying again")
            case Broken(error=error):
                raise error
        return None

    def _see_run(self, raw: Object) -> AnalysisRun:
        run = AnalysisRun.parse(raw)
        self._runs[run.name] = run
        for metric in run.metrics:
            state = (metric.counts["count"] + metric.counts["error"], metric.phase)
            if state != self._told.get((run.name, metric.name), (0, "")):
                self._told[run.name, metric.name] = state
                self._timeline.note("measured", _line(metric), analysis_run=run.name, metric=metric.name)
        return run

    def _see_experiment(self, raw: Object) -> Experiment:
        experiment = self._experiment = Experiment.parse(raw)
        phases = {"": experiment.phase, **{item.analysis: item.phase for item in experiment.analyses}}
        for analysis, phase in phases.items():
            if phase and phase != self._told.get((experiment.name, analysis)):
                self._told[experiment.name, analysis] = phase
                what = f"analysis {analysis} of {experiment.name}" if analysis else experiment.name
                self._timeline.note("experiment", f"{what} is {phase}", experiment=experiment.name)
        return experiment

    # -- judge

    def _judge(self) -> tuple[str, str]:
        """The verdict once all is over; ``running`` until then."""
        runs = tuple(self._runs.values())
        if self._experiment is not None:
            self._experiment = self._experiment.having(runs)
            if not self._experiment.completed:
                return _running(self._experiment.label, self._experiment.phase)
        for run in runs:
            if not run.completed:
                return _running(f"AnalysisRun {run.namespace}/{run.name}", run.phase)
        reason, message = self._verdict(runs)
        return (reason, message) if reason != "successful" or self._census is None else self._count(runs, message)

    def _verdict(self, runs: Sequence[AnalysisRun]) -> tuple[str, str]:
        if self._experiment is not None:
            return experiment_verdict(self._experiment, self._accept_silence)
        return verdict(runs[0], self._accept_silence)

    def _count(self, runs: Sequence[AnalysisRun], message: str) -> tuple[str, str]:
        assert self._census is not None, "only what was demanded is counted"
        self._counted, short = self._census.take(runs, self._patience, self._timeline, self._options.follows)
        return ("insufficient", f"{message}, but {short}") if short else ("successful", message)

    def _result(self, reason: str, message: str) -> dict[str, Any]:
        # In check mode the release that would have started the run was not written either.
        foreseen = self._options.check_mode and reason in ("no_analysis", "not_observed")
        outcome = Outcome(
            changed=False,
            failed=reason not in ("successful", "running") and not foreseen,
            reason=reason,
            message=message,
            snapshot=self._snapshot,
            timeline=self._timeline.entries,
            experiment=self._experiment,
        )
        return {**outcome.as_result(), "analysis": self._analysis()}

    def _analysis(self) -> dict[str, Any] | None:
        """The run; of several the first that is not simply good."""
        if not self._runs:
            return None
        runs = self._runs.values()
        good = (SUCCESSFUL, MEASURED)
        shown = next((run for run in runs if (run.phase, run.evidence) != good), next(iter(runs)))
        counted = self._counted
        requests = None if counted is None else {arm: answer.value for arm, answer in counted.items()}
        return {**shown.as_result(), "requests": requests}


def _running(label: str, phase: str) -> tuple[str, str]:
    return "running", f"{label} is {phase or 'not started'}"


def _line(metric: Metric) -> str:
    value = metric.values[-1] if metric.values else "nothing yet"
    text = f"{metric.name} {metric.phase or 'Pending'}: {value}"
    return text + (f" against {metric.condition}" if metric.condition else "")
