# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations mean what they mean to Argo Rollouts (Go's time.ParseDuration) and to people."""

from __future__ import annotations

import math

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.durations import (
    format_seconds,
    parse_go_duration,
    parse_pause_duration,
    parse_span,
    parse_timeout,
)
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from hypothesis import assume, example, given
from hypothesis import strategies as st

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# Of Go's grammar: digits with at most one point, and a unit.
NUMBERS = st.from_regex(r"\A([0-9]{1,4}(\.[0-9]{0,3})?|\.[0-9]{1,3})\Z")
PARTS = st.tuples(NUMBERS, st.sampled_from(sorted(UNITS)))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("5s", 5),
        ("1m", 60),
        ("1h30m", 5400),
        ("-1.5s", -1.5),
        ("+2s", 2),
        ("1.5h", 5400),
        (".5m", 30),
        ("1.s", 1),
        ("100ms", 0.1),
        ("1s1s", 2),
        ("1h15m30.918273645s", 4530.918273645),
        ("3us", 3e-6),
        ("3µs", 3e-6),
        ("3μs", 3e-6),
        ("9ns", 9e-9),
        ("2562047h", 2562047 * 3600),
    ],
)
def test_a_go_duration_in_seconds(text: str, seconds: float) -> None:
    assert parse_go_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "-", "3", "-3", "s", ".", ".s", "-.s", "+.s", "5", "1d", "1w", "1h 30m", " 1s", "1s ", "1.5.5s",
        "++1s", "--1s", "1s-", "1,5s", "1e3s", "0x1s", "1S", "3000y", "٣s", "²s", "inf", "nan",
        "2562048h", "9223372037s", "9" * 400 + "s",
    ],
)  # fmt: skip
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        parse_go_duration(text)


@given(sign=st.sampled_from(["", "+", "-"]), parts=st.lists(PARTS, min_size=1, max_size=4))
def test_a_go_duration_is_the_sum_of_its_parts(sign: str, parts: list[tuple[str, str]]) -> None:
    total = sum(float(number) * UNITS[unit] for number, unit in parts)
    text = sign + "".join(number + unit for number, unit in parts)
    assert parse_go_duration(text) == pytest.approx(-total if sign == "-" else total)


@given(st.text(max_size=12))
@example("1h2")
def test_whatever_is_no_duration_is_a_value_error_and_nothing_else(text: str) -> None:
    try:
        seconds = parse_go_duration(text)
    except ValueError:
        return
    assert math.isfinite(seconds)
    assert text == "0" or text.lstrip("+-") == "0" or text[-1] in "smh"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, None, id="absent is a pause without end"),
        pytest.param(10, 10, id="integer"),
        pytest.param(0, 0, id="zero is a pause that ends at once"),
        pytest.param("10", 10, id="digits"),
        pytest.param("+10", 10, id="digits with a sign"),
        pytest.param("-10", -10, id="negative digits"),
        pytest.param("10s", 10, id="seconds"),
        pytest.param("1h", 3600, id="hours"),
        pytest.param("1h30m", 5400, id="several units"),
        pytest.param("1.9s", 1, id="cut to whole seconds"),
        pytest.param("-1.9s", -1, id="cut towards zero, as Go does"),
        pytest.param("1ms", 0, id="less than a second"),
        pytest.param("1z", -1, id="unknown unit"),
        pytest.param("", -1, id="empty"),
        pytest.param("20000000000", -1, id="too large for an int32"),
        pytest.param("2147483647", 2147483647, id="largest int32"),
        pytest.param("2147483648", -1, id="one more than that"),
        pytest.param("-2147483648", -2147483648, id="smallest int32"),
        pytest.param("9" * 400 + "s", -1, id="too large for a Go duration"),
        pytest.param("١٠", -1, id="digits of another script"),
    ],
)
def test_a_pause_lasts_as_long_as_the_controller_takes_it_to(value: object, seconds: int | None) -> None:
    assert parse_pause_duration(value) == seconds


@given(st.integers(-(2**31), 2**31 - 1))
def test_a_pause_of_digits_is_that_many_seconds(seconds: int) -> None:
    assert parse_pause_duration(seconds) == parse_pause_duration(str(seconds)) == seconds


@given(st.text(max_size=20))
def test_no_text_of_a_pause_breaks_the_view_of_the_rollout(text: str) -> None:
    assert isinstance(parse_pause_duration(text), int)


@given(st.integers(0, 10**8))
def test_a_formatted_duration_reads_back_as_the_same(seconds: int) -> None:
    assert parse_go_duration(format_seconds(seconds)) == seconds


@given(st.floats(0, 10**8))
def test_a_formatted_duration_is_right_to_half_a_percent_or_half_a_second(seconds: float) -> None:
    assume(seconds == 0 or seconds >= 1e-9)
    text = format_seconds(seconds)
    assume("e" not in text)  # nobody waits for microseconds
    assert parse_go_duration(text) == pytest.approx(seconds, rel=0.005, abs=0.5 if seconds >= 60 else 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.5, "0.5s"),
        (2.3, "2.3s"),
        (45, "45s"),
        (59, "59s"),
        (60, "1m"),
        (60.4, "1m"),
        (90, "1m30s"),
        (300, "5m"),
        (3600, "1h"),
        (3605, "1h5s"),
        (5400, "1h30m"),
        (90061, "25h1m1s"),
    ],
)
def test_a_duration_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (300, 300),
        ("300", 300),
        (" 300 ", 300),
        (0, 0),
        (2.5, 2.5),
        ("2.5", 2.5),
        (".5", 0.5),
        ("5m", 300),
        ("1h30m", 5400),
        ("90s", 90),
        ("+5", 5),
        ("-0", 0),
    ],
)
def test_a_timeout_is_seconds_or_a_duration(value: object, seconds: float) -> None:
    assert parse_timeout("wait_timeout", value) == seconds


@pytest.mark.parametrize("value", ["", "soon", "5 m", "-1", "-5m", "1d", "nan", "inf", True, "5m5", "٣"])
def test_another_timeout_is_refused_with_option_value_and_remedy(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_timeout("wait_timeout", value)
    assert caught.value.option == "wait_timeout"
    assert caught.value.value == value
    remedy = "give a number of seconds such as 300, or a duration such as 5m or 1h30m"
    problem = "wait_timeout is missing" if value is None else f"wait_timeout: {value!r} is not usable"
    assert str(caught.value) == f"{problem}; {remedy}"


def test_a_span_is_a_timeout_that_is_not_0() -> None:
    assert parse_span("max_age", "1m30s") == 90

    for nothing in ("0", 0, "0s", "-1s"):
        with pytest.raises(InvalidRequest, match="max_age"):
            parse_span("max_age", nothing)
