# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of AnalysisRuns as they come, each told once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any

from .._cluster.errors import ClusterError
from .._cluster.events import Broken, Changed, Gone
from .._cluster.resources import ANALYSIS_RUN
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


class Onlooker(AbstractContextManager["Onlooker"]):
    """Watches the AnalysisRuns of a rollout that somebody waits for, and tells the listener what they measure.

    They are only shown: what becomes of the rollout is read from the rollout. So nothing that goes wrong here matters.
    """

    def __init__(self, cluster: ClusterPort, timeline: Timeline) -> None:
        self._cluster, self._timeline = cluster, timeline
        self._stack = ExitStack()
        self._news = News()
        self._feeds: dict[str, FeedPort] = {}
        self._seen: set[str] = set()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def busy(self) -> bool:
        """Whether there is anything that may bring news."""
        return bool(self._feeds)

    def look(self, rollout: Rollout) -> None:
        """Watch the runs that the rollout's status names now, too."""
        if not self._timeline.heard:
            return
        for run in rollout.analysis:
            if run.name and run.name not in self._seen:
                self._seen.add(run.name)
                self._open(rollout.namespace, run.name)

    def tell(self) -> None:
        """Tell what has come since the last call; does not wait."""
        for name, feed in list(self._feeds.items()):
            while (event := feed.next(0)) is not None:
                match event:
                    case Changed(object=found):
                        self._show(AnalysisRun.parse(found))
                    case Gone() | Broken():
                        self._feeds.pop(name, None)

    def _open(self, namespace: str, name: str) -> None:
        try:
            raw = self._cluster.get(ANALYSIS_RUN, namespace, name, SHORT)
        except ClusterError:
            return
        run = AnalysisRun.parse(raw)
        if not run.completed:
            self._feeds[name] = self._stack.enter_context(self._cluster.feed(ANALYSIS_RUN, raw))
        self._show(run)

    def _show(self, run: AnalysisRun) -> None:
        for entry in self._news.of(run):
            self._timeline.show(entry)
        if run.completed:
            self._feeds.pop(run.name, None)


def _line(metric: Metric) -> str:
    value = metric.values[-1] if metric.values else "nothing yet"
    text = f"{metric.name} {metric.phase or 'Pending'}: {value}"
    return text + (f" against {metric.condition}" if metric.condition else "")
