# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the requests behind a success."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .._analysis.errors import PrometheusError, Unreachable
from .._analysis.evidence import Demand, Span, shortage
from .._analysis.samples import Answer
from .._cluster.errors import Transient
from .._model.analysis import AnalysisRun
from .outcome import Stop
from .ports import PrometheusPort
from .retry import Patience
from .timeline import Timeline

# The Prometheus at an address, given the seconds that one question may take.
Connect = Callable[[str, float], PrometheusPort]


@dataclass(frozen=True)
class Census:
    """``demand`` is asked of the Prometheus at ``address``, or else of the one that the run itself has asked.

    ``timeout`` in seconds is for one question.
    """

    demand: Demand
    connect: Connect
    address: str
    timeout: float

    def take(
        self, runs: Sequence[AnalysisRun], patience: Patience, timeline: Timeline, tries_again: bool
    ) -> tuple[Mapping[str, Answer], str]:
        """What each arm had, and a sentence if that is too little.

        Raises Stop when it cannot be counted: evidence that is missing is none.
        """
        address = self.address or next((run.prometheus_address for run in runs if run.prometheus_address), "")
        if not address:
            text = "min_requests needs a Prometheus, and the analysis names none"
            raise Stop("invalid_request", f"{text}; give prometheus with its address")
        span = Span.of(runs)
        answers = {}
        for arm, query in self.demand.queries.items():
            question = _Question(self, address, arm, span.fill(query), span.end)
            answers[arm] = question.ask(patience, timeline, tries_again)
        return answers, shortage(self.demand, answers, span)


@dataclass(frozen=True)
class _Question:
    census: Census
    address: str
    arm: str
    query: str
    time: float | None

    def ask(self, patience: Patience, timeline: Timeline, tries_again: bool) -> Answer:
        def once(limit: float) -> Answer:
            try:
                prometheus = self.census.connect(self.address, min(limit, self.census.timeout))
                return prometheus.instant(self.query, self.time)
            except Unreachable as error:
                if tries_again:
                    timeline.note("unreachable", f"{error}; trying again")
                raise Transient(str(error)) from error

        try:
            return patience.call(once) if tries_again else once(patience.request_timeout)
        except Transient as error:
            text = f"the requests of arm {self.arm} could not be counted: {error}"
            remedy = "give prometheus the address that this host reaches, or look at that Prometheus; then run it again"
            raise Stop("insufficient", f"{text}. What is not counted is no evidence: {remedy}") from error
        except PrometheusError as error:
            text = f"the requests of arm {self.arm} ({self.query}) cannot be counted: {error}"
            raise Stop(error.reason, text) from error
