# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for an AnalysisRun and says what it measured."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from .._cluster.errors import ClusterError
from .._cluster.events import Broken, Changed, Gone, Interrupted
from .._cluster.resources import ANALYSIS_RUN
from .._model.analysis import AnalysisRun, Metric
from .._model.durations import format_seconds
from .._verbs.analysis import Found, choose_run, verdict
from .._verbs.plan import NotYet, Refused, Snapshot, not_observed
from .follower import TICK, Follower
from .outcome import Outcome, Stop
from .ports import Clock, ClusterPort, FeedPort
from .reader import Reader
from .retry import Patience
from .runner import Options
from .timeline import Listener, Timeline


class AnalysisWait:
    """One wait. ``run_name`` or ``rollout`` with ``kind`` says for which run."""

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
        listener: Listener | None = None,
    ) -> None:
        self._cluster, self._clock, self._namespace, self._options = cluster, clock, namespace, options
        self._run_name, self._rollout, self._kind = run_name, rollout, kind
        self._patience = Patience(clock, clock.monotonic() + options.timeout)
        self._started = clock.monotonic()
        self._reader = Reader(cluster, clock, self._patience, namespace, rollout)
        self._timeline = Timeline(clock, listener)
        self._snapshot: Snapshot | None = None
        self._run: AnalysisRun | None = None
        self._told: dict[str, tuple[int, str]] = {}

    def run(self) -> dict[str, Any]:
        """The result; never raises a ClusterError or Stop."""
        with ExitStack() as stack:
            try:
                raw = self._find(stack)
                self._follow(raw, stack)
                return self._result(*self._judge())
            except Stop as stop:
                return self._result(stop.reason, str(stop))
            except ClusterError as error:
                return self._result(error.reason, str(error))

    def _find(self, stack: ExitStack) -> dict[str, Any]:
        """The raw run, as soon as there is one."""
        name = self._run_name or self._find_by_rollout(stack)
        return self._patience.call(lambda limit: self._cluster.get(ANALYSIS_RUN, self._namespace, name, limit))

    def _find_by_rollout(self, stack: ExitStack) -> str:
        follower = stack.enter_context(
            Follower(self._cluster, self._clock, self._patience, self._reader, self._timeline)
        )
        self._snapshot = self._reader.snapshot(history=False)
        while True:
            chosen = self._choose(self._snapshot)
            if isinstance(chosen, Found):
                return chosen.run.name
            if isinstance(chosen, Refused):
                raise Stop(chosen.reason, chosen.message)
            if not self._options.follows:
                raise Stop(chosen.reason, f"{self._snapshot.rollout.label}: {chosen.message}")
            self._timeline.record(self._snapshot.rollout)
            self._snapshot = follower.next(self._snapshot, chosen.message)

    def _choose(self, snapshot: Snapshot) -> Found | NotYet | Refused:
        return not_observed(snapshot) or choose_run(
            snapshot.rollout, self._reader.analysis_runs(snapshot.rollout), self._kind
        )

    def _follow(self, raw: dict[str, Any], stack: ExitStack) -> None:
        self._see(raw)
        if not self._options.follows or self._current.completed:
            return
        feed = stack.enter_context(self._cluster.feed(ANALYSIS_RUN, raw))
        while not self._current.completed:
            self._next(feed)

    def _next(self, feed: FeedPort) -> None:
        label = f"AnalysisRun {self._namespace}/{self._current.name}"
        remaining = self._patience.remaining
        if remaining <= 0:
            elapsed = format_seconds(round(self._clock.monotonic() - self._started, 1))
            text = f"{label} is still {self._current.phase or 'not started'} after {elapsed}"
            raise Stop("timeout", f"{text}; give it more time with wait_timeout")
        match feed.next(min(remaining, TICK)):
            case Changed(object=found):
                self._see(found)
            case Gone():
                text = f"{label} was deleted before it completed"
                raise Stop("deleted", f"{text}; the update was replaced, or somebody removed it: no verdict")
            case Interrupted(error=error):
                self._timeline.note("unreachable", f"{error}; trying again")
            case Broken(error=error):
                raise error

    @property
    def _current(self) -> AnalysisRun:
        assert self._run is not None, "a run is followed only after it was read"
        return self._run

    def _see(self, raw: dict[str, Any]) -> None:
        self._run = AnalysisRun.parse(raw)
        for metric in self._run.metrics:
            state = (metric.counts["count"] + metric.counts["error"], metric.phase)
            if state != self._told.get(metric.name, (0, "")):
                self._told[metric.name] = state
                self._timeline.note("measured", _line(metric), analysis_run=self._run.name, metric=metric.name)

    def _judge(self) -> tuple[str, str]:
        if self._current.completed:
            return verdict(self._current)
        return (
            "running",
            f"AnalysisRun {self._namespace}/{self._current.name} is {self._current.phase or 'not started'}",
        )

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
        )
        return {**outcome.as_result(), "analysis": self._run.as_result() if self._run else None}


def _line(metric: Metric) -> str:
    value = metric.values[-1] if metric.values else "nothing yet"
    text = f"{metric.name} {metric.phase or 'Pending'}: {value}"
    return text + (f" against {metric.condition}" if metric.condition else "")
