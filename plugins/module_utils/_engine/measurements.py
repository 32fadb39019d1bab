# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of AnalysisRuns as they come, each told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

from .._cluster.errors import ClusterError
from .._cluster.events import Broken, Changed, Gone
from .._cluster.resources import ANALYSIS_RUN, Object
from .._model.analysis import AnalysisRun, Metric
from .._model.rollout import Rollout
from .ports import ClusterPort, FeedPort
from .timeline import Timeline

Entry = dict[str, Any]

# Seconds. Whoever waits for the rollout must not wait for this.
SHORT = 2.0


class News:
    """Knows what was told."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], object] = {}

    def of(self, run: AnalysisRun) -> Iterator[Entry]:
        """An entry for each metric that has measured something, or has got another phase, since it was told last."""
        for metric in run.metrics:
            state = (metric.counts["count"] + metric.counts["error"], metric.phase)
            if state != self._told.get((run.name, metric.name), (0, "")):
                self._told[run.name, metric.name] = state
                told = {"analysis_run": run.name, "metric": metric.name}
                yield {"reason": "measured", "message": _line(metric), **told}


class Beside(AbstractContextManager["Beside"]):
    """Watches AnalysisRuns beside what is waited for: they are only shown, so nothing that goes wrong here matters.

    ``see`` gets each version of each of them, in ``look``; the feed that ``wakes`` names is woken when there is one.
    """

    def __init__(self, cluster: ClusterPort, see: Callable[[Object], AnalysisRun]) -> None:
        self._cluster, self._see = cluster, see
        self._stack = ExitStack()
        self._feeds: dict[str, FeedPort] = {}
        self._waiter: FeedPort | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def wakes(self, feed: FeedPort) -> None:
        """Whoever looks here waits for the events of that feed."""
        self._waiter = feed

    def watch(self, namespace: str, name: str, timeout: float) -> None:
        """See a run, and from now on what becomes of it. ``timeout`` in seconds is for the one request."""
        try:
            raw = self._cluster.get(ANALYSIS_RUN, namespace, name, timeout)
        except ClusterError:
            return
        if not self._see(raw).completed:
            self._feeds[name] = self._stack.enter_context(self._cluster.feed(ANALYSIS_RUN, raw, self._wake))

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.wake()

    def look(self) -> None:
        """See what has come since the last call; does not wait."""
        for name, feed in list(self._feeds.items()):
            while (event := feed.next(0)) is not None:
                through = isinstance(event, Changed) and self._see(event.object).completed
                if through or isinstance(event, Gone | Broken):
                    self._feeds.pop(name, None)


class Onlooker(AbstractContextManager["Onlooker"]):
    """Tells the listener what the AnalysisRuns of a rollout measure that somebody waits for.

    What becomes of the rollout is read from the rollout.
    """

    def __init__(self, cluster: ClusterPort, timeline: Timeline) -> None:
        self._timeline = timeline
        self._beside = Beside(cluster, self._show)
        self._news = News()
        self._seen: set[str] = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.__exit__(kind, error, trace)

    def look(self, rollout: Rollout, feed: FeedPort, remaining: float) -> None:
        """Watch the runs that the rollout's status names now, too, and wake ``feed`` for their news.

        ``remaining`` are the seconds until the deadline, which a slow answer must not put off.
        """
        if not self._timeline.heard or remaining <= 0:
            return
        self._beside.wakes(feed)
        for run in rollout.analysis:
            if run.name and run.name not in self._seen:
                self._seen.add(run.name)
                self._beside.watch(rollout.namespace, run.name, min(SHORT, remaining))

    def tell(self) -> None:
        """Tell what has come since the last call; does not wait."""
        self._beside.look()

    def _show(self, raw: Object) -> AnalysisRun:
        run = AnalysisRun.parse(raw)
        for entry in self._news.of(run):
            self._timeline.show(entry)
        return run


def _line(metric: Metric) -> str:
    value = metric.values[-1] if metric.values else "nothing yet"
    text = f"{metric.name} {metric.phase or 'Pending'}: {value}"
    return text + (f" against {metric.condition}" if metric.condition else "")
