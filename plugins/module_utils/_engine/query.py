# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of `prometheus_query`: ask, judge, and ask again while that may help."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._analysis.errors import PrometheusError
from .._analysis.evidence import WINDOW
from .._analysis.guards import Limits, Verdict, judge, shorten
from .._analysis.moments import parse_moment
from .._analysis.promql import Selector, selectors
from .._analysis.samples import Answer
from .._model.durations import parse_span
from .._model.errors import InvalidRequest
from .ports import Clock, PrometheusPort

Params = Mapping[str, Any]
Result = dict[str, Any]

MOST_RETRIES = 1000
# Seconds. What was before the moment must not count as evidence for what came after it, so a window of less than two
# scrapes has no data rather than too old ones; asking again makes it longer.
SHORTEST_WINDOW = 1
NOTHING: Result = {"result_type": None, "result": [], "value": None}


def run_query(params: Params, prometheus: Callable[[], PrometheusPort], clock: Clock) -> Result:
    """The module's result, ``failed`` included. Raises nothing that a task can cause.

    ``prometheus`` is asked for the connection once the other arguments are known to be good.
    """
    try:
        return _Task(params, prometheus, clock).run()
    except InvalidRequest as error:
        return _ended(Verdict("invalid_request", str(error)), None, 0)
    except PrometheusError as error:
        return _ended(Verdict(error.reason, str(error)), None, 0)


@dataclass(frozen=True)
class _Question:
    """What to ask. Moments stay as given: ``-5m`` means another one at each try."""

    query: str
    time: str | None
    start: str | None
    end: str
    step: float
    since: str | None

    def filled(self, now: float) -> _Question:
        """With the window written in; it grows from one try to the next."""
        if self.since is None:
            return self
        since, until = parse_moment("since", self.since, now), self.at(now) or now
        seconds = max(SHORTEST_WINDOW, math.floor(until - since))
        return replace(self, query=self.query.replace(WINDOW, f"{seconds}s"))

    def ask(self, prometheus: PrometheusPort, now: float) -> Answer:
        if self.start is None:
            return prometheus.instant(self.query, self.at(now))
        start, end = parse_moment("start", self.start, now), parse_moment("end", self.end, now)
        if start > end:
            raise InvalidRequest("start", self.start, f"give a time before end ({self.end})")
        return prometheus.range(self.query, start, end, self.step)

    def at(self, now: float) -> float | None:
        """The moment that the answer is about; None for the server's present."""
        if self.start is not None:
            return parse_moment("end", self.end, now)
        return None if self.time is None else parse_moment("time", self.time, now)


class _Task:
    def __init__(self, params: Params, prometheus: Callable[[], PrometheusPort], clock: Clock) -> None:
        self._clock = clock
        self._question = _Question(
            params["query"],
            params["time"],
            params["start"],
            params["end"],
            parse_span("step", params["step"]),
            params["since"],
        )
        self._limits = _limits(params)
        self._retries = _retries(params)
        self._delay = parse_span("retry_delay", params["retry_delay"])
        self._retry_on = frozenset(params["retry_on"])
        self._prometheus = prometheus()

    def run(self) -> Result:
        for attempt in range(1, self._retries + 1):
            verdict, answer = self._try()
            if verdict.reason not in self._retry_on:
                return _ended(verdict, answer, attempt)
            self._clock.sleep(self._delay)
        verdict, answer = self._try()
        return _ended(verdict, answer, self._retries + 1)

    def _try(self) -> tuple[Verdict, Answer | None]:
        now = self._clock.now().timestamp()
        question = self._question.filled(now)
        try:
            answer = question.ask(self._prometheus, now)
            stopped = self._stopped(question, now)
        except PrometheusError as error:
            return Verdict(error.reason, f"{shorten(question.query)} has no answer: {error}."), None
        return judge(question.query, answer, self._limits, stopped), answer

    def _stopped(self, question: _Question, now: float) -> list[str]:
        """The selectors of the query whose series get no samples any more; only after the server accepted it."""
        max_age = self._limits.max_age
        if max_age is None:
            return []
        moment = question.at(now)
        return [
            each.text
            for each in _read_by(question.query)
            if self._prometheus.instant(each.stopped(max_age), moment).samples
        ]


def _ended(verdict: Verdict, answer: Answer | None, attempts: int) -> Result:
    found = NOTHING if answer is None else answer.as_result()
    warnings = answer.warnings if answer else ()
    return {
        "changed": False,
        "failed": verdict.reason != "ok",
        "reason": verdict.reason,
        "msg": verdict.message,
        "attempts": attempts,
        **found,
        **({"warnings": list(warnings)} if warnings else {}),
    }


def _limits(params: Params) -> Limits:
    low, high = params["min"], params["max"]
    if low is not None and high is not None and low > high:
        raise InvalidRequest("min", low, f"give a number that is not above max ({high})")
    return Limits(
        allow_empty=params["allow_empty"],
        allow_nan=params["allow_nan"],
        minimum=low,
        maximum=high,
        max_age=None if params["max_age"] is None else parse_span("max_age", params["max_age"]),
    )


def _read_by(query: str) -> tuple[Selector, ...]:
    remedy = "leave max_age out, or ask for the age in a query of its own, such as time() - timestamp(my_metric)"
    try:
        found = selectors(query)
    except ValueError as error:
        raise InvalidRequest("query", query, f"{remedy}: {error}") from error
    if not found:
        raise InvalidRequest("query", query, f"{remedy}: this query reads no series")
    return found


def _retries(params: Params) -> int:
    retries: int = params["retries"]
    if not 0 <= retries <= MOST_RETRIES:
        raise InvalidRequest("retries", retries, f"give a number from 0 to {MOST_RETRIES}")
    return retries
