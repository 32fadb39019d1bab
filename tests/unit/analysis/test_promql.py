# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which series an expression reads. That Prometheus sees the same is proved on the lab."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.promql import (
    Selector,
    parse_duration,
    selectors,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("up", [Selector("up")]),
        ('up{job="lab"}', [Selector('up{job="lab"}')]),
        ('{__name__="up"}', [Selector('{__name__="up"}')]),
        ('up { job = "}" }', [Selector('up { job = "}" }')]),
        ("up{job=`a\\`} + up{job='it\\'s'}", [Selector("up{job=`a\\`}"), Selector("up{job='it\\'s'}")]),
        ("job:up:rate5m", [Selector("job:up:rate5m")]),
        # Windows.
        ("rate(x[5m])", [Selector("x", 300)]),
        ("rate(x{a='b'} [1h30m])", [Selector("x{a='b'}", 5400)]),
        ("max_over_time(x[1h:1m])", [Selector("x", 3600)]),
        ("max_over_time(rate(x[1m])[10m:])", [Selector("x", 660)]),
        ("max_over_time((x + y)[10m:]) + z", [Selector("x", 600), Selector("y", 600), Selector("z")]),
        ("(x) + (y[2m])", [Selector("x"), Selector("y", 120)]),
        # Modifiers belong to the selector.
        ("x offset 1h", [Selector("x", None, " offset 1h")]),
        ("x[5m] offset -1h @ 17", [Selector("x", 300, " offset -1h @ 17")]),
        ("x @ end() + y", [Selector("x", None, " @ end()"), Selector("y")]),
        # Labels, functions, operators, numbers and comments are no metrics.
        ("sum by (a, b) (x)", [Selector("x")]),
        ('sum(x) WITHOUT ("a b")', [Selector("x")]),
        ("sum(x) by (le) / on (a) group_left (b) y", [Selector("x"), Selector("y")]),
        ("x / ignoring(a) group_right y", [Selector("x"), Selector("y")]),
        ("x and y OR z unless w atan2 v", [Selector(each) for each in "xyzwv"]),
        ("x > bool 0.5e3", [Selector("x")]),
        ("time() - 1h * Inf + NaN", []),
        ("vector(0) # up", []),
        ('"up"', []),
        ("x + x", [Selector("x")]),
        ("", []),
    ],
)
def test_the_selectors_of_an_expression(expression: str, found: list[Selector]) -> None:
    assert selectors(expression) == tuple(found)


@pytest.mark.parametrize("expression", ["x{", "x[5m", "rate(x[5m*2])"])
def test_what_cannot_be_read_is_said(expression: str) -> None:
    with pytest.raises(ValueError, match=r"no [}\]] in|could not convert"):
        selectors(expression)


@given(st.text(alphabet="ab(){}[]:,@ '\"0m", max_size=30))
def test_whatever_is_written_it_ends(expression: str) -> None:
    try:
        found = selectors(expression)
    except ValueError:
        return
    assert all(each.text in expression for each in found)


@pytest.mark.parametrize(
    ("selector", "query"),
    [
        (Selector("x"), "count(x) unless count(last_over_time(x[30000ms]))"),
        (Selector("x", 300), "count(last_over_time(x[300000ms])) unless count(last_over_time(x[30000ms]))"),
        (
            Selector("x", None, " offset 1h"),
            "count(x offset 1h) unless count(last_over_time(x[30000ms] offset 1h))",
        ),
    ],
)
def test_the_question_for_the_age(selector: Selector, query: str) -> None:
    assert selector.stopped(30) == query


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("1h30m", 5400), ("250ms", 0.25), ("1d", 86400), ("1w", 604800), ("15", 15)]
)
def test_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5 m", "m5", "1.5h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        parse_duration(text)
