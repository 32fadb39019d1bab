# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the answer of a query may be relied on, and whether its values lie within their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._model.durations import format_seconds
from .samples import Answer, Sample, show_labels, show_value

# Characters of a query that a sentence can bear.
_READABLE = 300


@dataclass(frozen=True)
class Limits:
    """What has to hold of every value; None is no limit. ``max_age`` in seconds."""

    allow_empty: bool = False
    allow_nan: bool = False
    minimum: float | None = None
    maximum: float | None = None
    max_age: float | None = None


@dataclass(frozen=True)
class Verdict:
    """``reason``: ``ok``, or the first guard that does not hold; ``message``: one sentence for people."""

    reason: str
    message: str


def judge(query: str, answer: Answer, limits: Limits, stopped: Sequence[str] = ()) -> Verdict:
    """The verdict on an answer; ``stopped``: selectors of the query that have no sample of the last ``max_age``."""
    fine = ("ok", f"gives {_summary(tuple(answer.flat()), answer.text)}")
    reason, words = next(_problems(answer, limits, stopped), fine)
    return Verdict(reason, f"{shorten(query)} {words}.")


def shorten(query: str) -> str:
    """A query in one line that is not too long."""
    line = " ".join(query.split())
    return line if len(line) <= _READABLE else f"{line[: _READABLE - 1]}…"


def _problems(answer: Answer, limits: Limits, stopped: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Reason and words, what explains the others first."""
    samples = tuple(answer.flat())
    if not samples and answer.text is None and not limits.allow_empty:
        remedy = "check the names and labels in the query and that the metric is scraped, or allow_empty"
        yield "empty", f"gives nothing, which is no evidence: {remedy}"
    if stopped and limits.max_age is not None:
        age = format_seconds(limits.max_age)
        yield "stale", f"is about the past: {stopped[0]} has no sample of the last {age}; check that its targets are up"
    unusable = [sample for sample in samples if not math.isfinite(sample.value)]
    if unusable and not limits.allow_nan:
        remedy = "mostly a division by 0, so check that there are requests"
        yield "nan", f"gives {_these(unusable, samples)}, which is no evidence: {remedy}"
    yield from _beyond(answer, samples, limits)


def _beyond(answer: Answer, samples: Sequence[Sample], limits: Limits) -> Iterator[tuple[str, str]]:
    """NaN compares false with everything: where it is allowed, it is neither below nor above."""
    low, high = limits.minimum, limits.maximum
    if answer.text is not None and (low is not None or high is not None):
        yield "nan", f'gives the text "{answer.text}", which min and max cannot be compared with'
    if low is not None and (below := [sample for sample in samples if sample.value < low]):
        below.sort(key=lambda sample: sample.value)
        yield "below_min", f"gives {_these(below, samples)}, below min {show_value(low)}"
    if high is not None and (above := [sample for sample in samples if sample.value > high]):
        above.sort(key=lambda sample: -sample.value)
        yield "above_max", f"gives {_these(above, samples)}, above max {show_value(high)}"


def _these(wrong: Sequence[Sample], samples: Sequence[Sample]) -> str:
    """The first of the values that are meant, and how many there are of how many."""
    others = f" ({len(wrong)} of {len(samples)} values)" if len(samples) > 1 else ""
    return f"{_one(wrong[0])}{others}"


def _one(sample: Sample) -> str:
    labels = show_labels(sample.labels)
    return f"{show_value(sample.value)} for {labels}" if labels else show_value(sample.value)


def _summary(samples: Sequence[Sample], text: str | None) -> str:
    if text is not None:
        return f'the text "{text}"'
    if not samples:
        return "nothing"
    if len(samples) == 1:
        return _one(samples[0])
    finite = [sample.value for sample in samples if math.isfinite(sample.value)]
    between = f" from {show_value(min(finite))} to {show_value(max(finite))}" if finite else ""
    return f"{len(samples)} values{between}"
