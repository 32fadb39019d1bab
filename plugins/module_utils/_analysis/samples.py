# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the HTTP API of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from .._model.timestamps import format_milliseconds
from .errors import QueryError

ResultType = Literal["vector", "matrix", "scalar", "string"]
Labels = Mapping[str, str]


class Point(NamedTuple):
    """A value and its time in seconds of the epoch."""

    time: float
    value: float

    def as_result(self) -> dict[str, Any]:
        """``{time, value}``; JSON has no NaN and no Inf, so ``value`` is null there and ``problem`` names it."""
        shown: dict[str, Any] = {"time": show_time(self.time), "value": self.value}
        return shown if math.isfinite(self.value) else {**shown, "value": None, "problem": show_value(self.value)}


@dataclass(frozen=True)
class Sample:
    """One value of an instant query. ``time`` is that of the evaluation, not of the scrape."""

    labels: Labels
    time: float
    value: float

    def as_result(self) -> dict[str, Any]:
        """``{metric, time, value}``."""
        return {"metric": dict(self.labels), **Point(self.time, self.value).as_result()}


@dataclass(frozen=True)
class Series:
    """The values of one set of labels, oldest first."""

    labels: Labels
    points: tuple[Point, ...]

    def as_result(self) -> dict[str, Any]:
        """``{metric, values}``."""
        return {"metric": dict(self.labels), "values": [point.as_result() for point in self.points]}


@dataclass(frozen=True)
class Answer:
    """What a query gave: ``samples`` of a vector or a scalar, ``series`` of a matrix, ``text`` of a string."""

    result_type: ResultType
    samples: tuple[Sample, ...] = ()
    series: tuple[Series, ...] = ()
    text: str | None = None
    warnings: tuple[str, ...] = ()

    def flat(self) -> Iterator[Sample]:
        """Every value, those of series included."""
        yield from self.samples
        for each in self.series:
            yield from (Sample(each.labels, point.time, point.value) for point in each.points)

    @property
    def value(self) -> float | None:
        """The value if there is exactly one and it is a finite number."""
        found = [sample.value for sample in self.flat()]
        return found[0] if len(found) == 1 and math.isfinite(found[0]) else None

    def as_result(self) -> dict[str, Any]:
        """``{result_type, result, value, text}``, all of it plain JSON; ``text`` only where there is one."""
        items: tuple[Sample | Series, ...] = (*self.samples, *self.series)
        shown: dict[str, Any] = {
            "result_type": self.result_type,
            "result": [item.as_result() for item in items],
            "value": self.value,
        }
        return shown if self.text is None else {**shown, "text": self.text}


def parse_answer(body: object) -> Answer:
    """The answer in a decoded body.

    Raises QueryError when the body is an error of the API, ValueError when it is nothing that the API sends.
    """
    try:
        return _parse(body)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise ValueError("not an answer of the HTTP API of Prometheus") from error


def _parse(body: Any) -> Answer:
    if body["status"] == "error":
        raise QueryError(str(body["errorType"]), str(body["error"]))
    kind, result = body["data"]["resultType"], body["data"]["result"]
    warnings = tuple(map(str, body.get("warnings") or ()))
    if kind == "vector":
        return Answer("vector", samples=tuple(_sample(item) for item in result), warnings=warnings)
    if kind == "matrix":
        return Answer("matrix", series=tuple(_series(item) for item in result), warnings=warnings)
    if kind == "scalar":
        return Answer("scalar", samples=(Sample({}, *_point(result)),), warnings=warnings)
    if kind == "string":
        return Answer("string", text=str(result[1]), warnings=warnings)
    raise ValueError(f"an answer of the unknown type {kind!r}")


def _sample(item: Any) -> Sample:
    _refuse_histogram(item)
    return Sample(dict(item["metric"]), *_point(item["value"]))


def _series(item: Any) -> Series:
    _refuse_histogram(item)
    return Series(dict(item["metric"]), tuple(_point(pair) for pair in item["values"]))


def _point(pair: Any) -> Point:
    # The API writes values as strings, because JSON knows neither NaN nor Inf.
    return Point(float(pair[0]), float(pair[1]))


def _refuse_histogram(item: Any) -> None:
    if "histogram" in item or "histograms" in item:
        remedy = "take a number out of it with histogram_quantile(), histogram_fraction() or histogram_count()"
        raise QueryError("unsupported", f"the result is a native histogram: {remedy}")


def show_time(seconds: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return format_milliseconds(datetime.fromtimestamp(seconds, UTC))


def show_value(value: float) -> str:
    """A value as Prometheus writes it: ``0.95``, ``NaN``, ``+Inf``."""
    if math.isnan(value):
        return "NaN"
    return f"{value:+.0f}".replace("inf", "Inf") if math.isinf(value) else f"{value:.10g}"


def show_labels(labels: Labels) -> str:
    """Labels as Prometheus writes them: ``http_requests_total{code="500"}``; empty without labels."""
    name = labels.get("__name__", "")
    rest = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{name}{{{rest}}}" if rest else name
