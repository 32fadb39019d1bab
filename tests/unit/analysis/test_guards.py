# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be relied on, and within which limits it lies."""

from __future__ import annotations

import math

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.guards import Limits, judge, shorten
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import (
    Answer,
    Point,
    Sample,
    Series,
)
from hypothesis import given
from hypothesis import strategies as st


def vector(*values: float) -> Answer:
    return Answer("vector", samples=tuple(Sample({"pod": f"p{at}"}, 1, value) for at, value in enumerate(values)))


NOTHING = Answer("vector")
TEXT = Answer("string", text="fine")
STOPPED = ('up{job="lab"}',)


@pytest.mark.parametrize(
    ("answer", "limits", "stopped", "reason", "words"),
    [
        (vector(0.99), Limits(), (), "ok", 'q gives 0.99 for {pod="p0"}.'),
        (vector(0.99, 2), Limits(), (), "ok", "q gives 2 values from 0.99 to 2."),
        (Answer("scalar", samples=(Sample({}, 1, 4),)), Limits(minimum=4, maximum=4), (), "ok", "q gives 4."),
        (TEXT, Limits(), (), "ok", 'q gives the text "fine".'),
        (TEXT, Limits(minimum=1), (), "nan", "min and max"),
        (TEXT, Limits(maximum=1), (), "nan", "min and max"),
        # Silence.
        (NOTHING, Limits(), (), "empty", "q gives nothing, which is no evidence"),
        (NOTHING, Limits(minimum=1), (), "empty", "allow_empty"),
        (NOTHING, Limits(allow_empty=True, minimum=1), (), "ok", "q gives nothing."),
        (Answer("matrix", series=(Series({}, ()),)), Limits(), (), "empty", "nothing"),
        # Age.
        (vector(1), Limits(max_age=30), STOPPED, "stale", 'up{job="lab"} has no sample of the last 30s'),
        (vector(math.nan), Limits(max_age=30), STOPPED, "stale", "30s"),
        (vector(1), Limits(max_age=30), (), "ok", "1"),
        # NaN and infinity.
        (vector(math.nan), Limits(), (), "nan", 'q gives NaN for {pod="p0"}, which is no evidence'),
        (vector(1, math.inf), Limits(minimum=0), (), "nan", '+Inf for {pod="p1"} (1 of 2 values)'),
        (vector(math.nan), Limits(allow_nan=True, minimum=1, maximum=1), (), "ok", "NaN"),
        (vector(math.nan, math.nan), Limits(allow_nan=True), (), "ok", "q gives 2 values."),
        (vector(math.inf), Limits(allow_nan=True, maximum=1), (), "above_max", "+Inf"),
        (vector(-math.inf), Limits(allow_nan=True, minimum=1), (), "below_min", "-Inf"),
        # Limits; the worst value is named.
        (vector(0.94), Limits(minimum=0.95), (), "below_min", 'q gives 0.94 for {pod="p0"}, below min 0.95.'),
        (vector(1, 0.9, 0.8), Limits(minimum=0.95), (), "below_min", '0.8 for {pod="p2"} (2 of 3 values), below'),
        (vector(0.95), Limits(minimum=0.95), (), "ok", "0.95"),
        (vector(3, 9, 7), Limits(maximum=5), (), "above_max", '9 for {pod="p1"} (2 of 3 values), above max 5.'),
        (Answer("matrix", series=(Series({}, (Point(1, 1), Point(2, 6))),)), Limits(maximum=5), (), "above_max", "6"),
    ],
)
def test_a_verdict(answer: Answer, limits: Limits, stopped: tuple[str, ...], reason: str, words: str) -> None:
    verdict = judge("q", answer, limits, stopped)

    assert verdict.reason == reason
    assert words in verdict.message


@given(st.lists(st.floats(allow_nan=True), max_size=5), st.floats(-5, 5), st.floats(-5, 5))
def test_only_finite_values_within_the_limits_pass(values: list[float], low: float, high: float) -> None:
    verdict = judge("q", vector(*values), Limits(minimum=low, maximum=high))

    assert (verdict.reason == "ok") == (bool(values) and all(low <= value <= high for value in values))


@given(st.text(max_size=1000))
def test_a_query_in_a_sentence_is_one_short_line(query: str) -> None:
    assert len(shorten(query).splitlines()) <= 1
    assert len(shorten(query)) <= 300
