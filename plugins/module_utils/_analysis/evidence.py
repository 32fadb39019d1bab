# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a completed analysis proves, and whether enough requests stand behind it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .._model.analysis import SUCCESSFUL, UNHAPPY, AnalysisRun, Metric
from .._model.errors import InvalidRequest
from .._model.experiment import Experiment
from .._model.timestamps import parse_time
from .samples import Answer, show_value

Verdict = tuple[str, str]

# Some scrapes at the interval that most Prometheus servers use; over less, increase() has nothing to compare.
SHORTEST_WINDOW = 60
WINDOW = "$window"

_FAILURES = {"Failed": "analysis_failed", "Error": "analysis_error", "Inconclusive": "inconclusive"}
_EXPERIMENT_FAILURES = {**dict.fromkeys(_FAILURES, "experiment_failed"), "Inconclusive": "inconclusive"}
_MOST_VALUES = 5


# -- what the runs themselves prove


def verdict(run: AnalysisRun, accept_silence: Collection[str] = (), *, ended_by_owner: bool = False) -> Verdict:
    """``(reason, sentence)`` for a completed run; only ``successful`` is a success.

    The controller also calls a run Successful whose metrics found no data, if their conditions let that pass, and one
    that was terminated before anything failed. ``accept_silence`` names metrics for which no data is a good sign.
    ``ended_by_owner``: it was terminated because the Experiment that owns it was through.
    """
    label = f"AnalysisRun {run.namespace}/{run.name}"
    if run.phase != SUCCESSFUL:
        return _FAILURES[run.phase], f"{label} is {run.phase}: {run.explain()}"
    silent = [metric for metric in run.silent_metrics if metric.name not in accept_silence]
    if silent:
        called = "was terminated, is called Successful" if run.terminated else "is called Successful"
        text = f"{label} {called} and rests on nothing: {'; '.join(map(_silence, silent))}"
        return "insufficient", f"{text}. {_SILENCE_REMEDY}"
    if run.terminated and not ended_by_owner:
        measured = sum(metric.counts["count"] for metric in run.metrics)
        text = f"{label} was terminated after {measured} measurements; that it is called Successful proves nothing"
        return "terminated", f"{text}. {_TERMINATED_REMEDY}"
    return "successful", f"{label} is Successful: {_values(run)}"


def experiment_verdict(experiment: Experiment, accept_silence: Collection[str] = ()) -> Verdict:
    """``(reason, sentence)`` for a completed Experiment whose ``runs`` are completed and at hand."""
    if experiment.phase in UNHAPPY:
        return _experiment_failure(experiment)
    if experiment.terminate:
        text = f"{experiment.label} was terminated, which proves nothing, whatever its phase is"
        return "terminated", f"{text}. {_TERMINATED_REMEDY}"
    if experiment.never_ran:
        text = f"{experiment.label} is called Successful and never had its pods"
        return "insufficient", f"{text}: it has the state of a former one of that name. Make it anew with recreate"
    if not experiment.runs:
        text = f"{experiment.label} is called Successful and measured nothing: it made no AnalysisRun"
        return "insufficient", f"{text}. Add analyses to the step, and give them the time to measure"
    verdicts = [verdict(run, accept_silence, ended_by_owner=True) for run in experiment.runs]
    bad = next((found for found in verdicts if found[0] != "successful"), None)
    if bad is not None:
        return bad[0], f"{experiment.label} is called Successful, but {bad[1]}"
    return "successful", f"{experiment.label} is Successful: {'; '.join(map(_values, experiment.runs))}"


def _experiment_failure(experiment: Experiment) -> Verdict:
    culprit = next((run for run in experiment.runs if run.phase == experiment.phase), None)
    text = f"{experiment.label} is {experiment.phase}"
    if culprit is not None:
        return _FAILURES[experiment.phase], f"{text}: AnalysisRun {culprit.name}: {culprit.explain()}"
    told = next((item["message"] for item in experiment.templates if item.get("message")), "")
    why = experiment.message or told or "look at its pods and its conditions"
    return _EXPERIMENT_FAILURES[experiment.phase], f"{text}: {why}"


_TERMINATED_REMEDY = "Find out who ended it (an abort, a full promotion, a person) and run it again"
_SILENCE_REMEDY = (
    "Check that traffic reaches every version and that the query finds its series, then run it again; "
    "where no data is a good sign, name the metric in accept_silence"
)


def _silence(metric: Metric) -> str:
    named = f'metric "{metric.name}"'
    if metric.dry_run:
        return f"{named} is a dry run, and there is no other"
    if not metric.deciding:
        return f"{named} measured nothing"
    values = ", ".join(item.value or "no value" for item in metric.deciding[-_MOST_VALUES:])
    return f"{named} measured {values}" + (f" against {metric.condition}" if metric.condition else "")


def _values(run: AnalysisRun) -> str:
    told = [metric for metric in run.metrics if metric.values]
    return "; ".join(f"{metric.name} measured {', '.join(metric.values[-_MOST_VALUES:])}" for metric in told)


# -- the requests behind them


@dataclass(frozen=True)
class Demand:
    """How many requests each arm must have had at least: ``queries`` count them, arm to PromQL."""

    minimum: int
    queries: Mapping[str, str]

    @classmethod
    def parse(cls, minimum: int | None, queries: Mapping[str, str] | None) -> Demand | None:
        """None when nothing is demanded. Raises InvalidRequest."""
        if minimum is None:
            if queries:
                raise InvalidRequest("min_requests", None, "say how many requests each arm must have had")
            return None
        if minimum < 1:
            raise InvalidRequest("min_requests", minimum, "give 1 or more, or leave it out")
        if not queries:
            example = f'canary: sum(increase(http_requests_total{{version="2"}}[{WINDOW}]))'
            raise InvalidRequest("requests", None, f"give a PromQL query for each arm, such as {{{example}}}")
        return cls(minimum, {str(arm): str(query) for arm, query in queries.items()})


@dataclass(frozen=True)
class Span:
    """The time that runs took: ``seconds`` up to ``end`` (seconds of the epoch, by the clock of the cluster)."""

    seconds: int
    end: float | None

    @classmethod
    def of(cls, runs: Sequence[AnalysisRun]) -> Span:
        """From the first start to the last end, but long enough to count over."""
        starts = [found for run in runs if (found := parse_time(run.started))]
        ends = [found for run in runs if (found := parse_time(run.ended_at))]
        if not starts or not ends:
            return cls(SHORTEST_WINDOW, max(ends).timestamp() if ends else None)
        lasted = math.ceil((max(ends) - min(starts)) / timedelta(seconds=1))
        return cls(max(SHORTEST_WINDOW, lasted), max(ends).timestamp())

    def fill(self, query: str) -> str:
        """The query with the window written in."""
        return query.replace(WINDOW, f"{self.seconds}s")


def shortage(demand: Demand, found: Mapping[str, Answer], span: Span) -> str:
    """Which arms had too few requests, in a sentence; empty when all had enough. No number is too few."""
    missing = [
        f"{arm} had {_amount(answer)}"
        for arm, answer in found.items()
        if answer.value is None or answer.value < demand.minimum
    ]
    if not missing:
        return ""
    text = f"in {span.seconds}s {', '.join(missing)}, and {demand.minimum} requests are needed"
    return f"{text}. Send more traffic or analyse for longer; if there was enough, check the queries in requests"


def _amount(answer: Answer) -> str:
    values = [sample.value for sample in answer.flat()]
    if len(values) > 1:
        return f"{len(values)} results instead of one number (put sum() around the query)"
    if not values:
        return "no result at all"
    return f"{show_value(values[0])} requests"
