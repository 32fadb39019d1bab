# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the AnalysisRun or Experiment that is meant, waits for it, and counts the requests behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from .._analysis.samples import Answer
from .._cluster.errors import ClusterError
from .._cluster.resources import ANALYSIS_RUN, EXPERIMENT
from .._model.analysis import AnalysisRun
from .._model.experiment import KIND
from .._model.rollout import Rollout
from .._verbs.analysis import Candidate, Found, choose_run
from .._verbs.plan import NotYet, Refused, Snapshot, not_observed
from .census import Census
from .follower import Follower
from .outcome import Outcome, Stop
from .ports import Clock, ClusterPort
from .reader import Reader
from .retry import Patience
from .runner import Options
from .timeline import Listener, Timeline
from .watching import Watching

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
        self._patience = Patience(clock, options.timeout)
        self._reader = Reader(cluster, clock, self._patience, namespace, rollout)
        self._timeline = Timeline(clock, listener)
        self._watching = Watching(cluster, clock, self._patience, namespace, self._timeline, follows=options.follows)
        self._snapshot: Snapshot | None = None
        self._counted: Mapping[str, Answer] | None = None

    def run(self) -> dict[str, Any]:
        """The result; never raises a ClusterError or Stop."""
        with ExitStack() as stack:
            stack.enter_context(self._watching)
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
        watching = self._watching
        if self._run_name:
            watching.follow_run(watching.read(ANALYSIS_RUN, self._run_name))
        elif self._kind != KIND:
            watching.follow_run(watching.read(ANALYSIS_RUN, self._find(stack, self._reader.analysis_runs)))
        else:
            watching.follow_experiment(watching.read(EXPERIMENT, self._find(stack, self._reader.experiments)))

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

    # -- judge

    def _judge(self) -> tuple[str, str]:
        """The verdict once all is over; ``running`` until then."""
        reason, message = self._watching.verdict(self._accept_silence)
        if reason != "successful" or self._census is None:
            return reason, message
        return self._count(tuple(self._watching.runs.values()), message)

    def _count(self, runs: Sequence[AnalysisRun], message: str) -> tuple[str, str]:
        if self._census is None:
            raise AssertionError("only what was demanded is counted")
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
            experiment=self._watching.experiment,
        )
        return {**outcome.as_result(), "analysis": self._analysis()}

    def _analysis(self) -> dict[str, Any] | None:
        """The run, with the requests behind it where they were counted."""
        shown, counted = self._watching.analysis(), self._counted
        if shown is None or counted is None:
            return shown
        return {**shown, "requests": {arm: answer.value for arm, answer in counted.items()}}
