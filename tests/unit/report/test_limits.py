# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which limits are read from which conditions, and where the numbers are that they are about."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lint.evaluation import evaluate
from ansible_collections.progressive.delivery.plugins.module_utils._lint.expressions import parse
from ansible_collections.progressive.delivery.plugins.module_utils._report.limits import (
    number_at,
    plain_path,
    read_conditions,
    show_path,
)
from hypothesis import given
from hypothesis import strategies as st

# Success condition, limits as (path, text, bad side), whether that is all that the condition says.
READ = [
    ("result[0] >= 0.95", [("result[0]", "at least 0.95", "below")], True),
    ("result <= 300", [("result", "at most 300", "above")], True),
    ("0.95 <= result[0]", [("result[0]", "at least 0.95", "below")], True),
    ("result[0] > -1.5", [("result[0]", "more than -1.5", "below")], True),
    ("result[0] == 0", [("result[0]", "exactly 0", None)], True),
    ("0 < result && result < 10", [("result", "more than 0", "below"), ("result", "less than 10", "above")], True),
    ("0 < result < 10", [("result", "more than 0", "below"), ("result", "less than 10", "above")], True),
    ("asFloat(result.p95) <= 0.3", [("result.p95", "at most 0.3", "above")], True),
    ('result["error-rate"] < 1', [("result.error-rate", "less than 1", "above")], True),
    ("default(result, 0) < 0.05", [("result", "less than 0.05", "above")], True),
    ("len(result) > 0 && result[0] >= 0.95", [("result[0]", "at least 0.95", "below")], True),
    ("isNaN(result[0]) || result[0] >= 0.95", [("result[0]", "at least 0.95", "below")], True),
    (
        "result == nil or isNaN(result) or result < 5",
        [("result", "less than 5", "above")],
        True,
    ),
    ("result[0] >= 0.95 && all(result, # < 2)", [("result[0]", "at least 0.95", "below")], False),
    (
        "result == nil || (result < 5 && isNaN(result.b))",
        [("result", "less than 5", "above")],
        True,
    ),
    (
        "len(result) < 1 || result[0] < 5 && result[0] > 1",
        [("result[0]", "less than 5", "above"), ("result[0]", "more than 1", "below")],
        True,
    ),
    # One of two is enough, or none is said, so there is no limit.
    ("isNaN(result[1]) || result[0] < 5", [], False),
    ("len(result) > 1 || result[0] < 5", [], False),
    ("!isNaN(result[0]) || result[0] < 5", [], False),
    ("result > nil || result < 5", [], False),
    ("len(result.a) == 0 || result.b < 5", [], False),
    ("isNaN() || result < 5", [], False),
    ("len() == 0 || result < 5", [], False),
    ("isNaN(x) || result < 5", [], False),
    ("result[0] >= 0.95 || result[1] < 10", [], False),
    ("!(result[0] < 0.95)", [], False),
    ("result[0] != 3", [], False),
    ("result[0] + result[1] > 3", [], False),
    ("result[0] > result[1]", [], False),
    ("result[i] > 3", [], False),
    ("result[1:2] > 3", [], False),
    ("other[0] > 3", [], False),
    ("max(result) > 3", [], False),
    ("asFloat() > 3", [], False),
    ("result[99999999999] > 3", [], False),
    ("result > -x", [], False),
    ("result > 0x10", [], False),
    ("result > 1e999", [], False),
    ("result >= {{args.least}}", [], False),
    ("len(result) == 0", [], False),
    ("true", [], False),
    ("result >=", [], False),
    ("(" * 5000 + "result" + ")" * 5000, [], False),
    ("", [], True),
]


@pytest.mark.parametrize(("condition", "limits", "whole"), READ)
def test_a_success_condition(condition: str, limits: list[tuple[str, str, str | None]], whole: bool) -> None:
    reading = read_conditions(condition, "")
    assert [(show_path(limit.path), limit.as_result()["text"], limit.bad) for limit in reading.limits] == limits
    assert reading.whole is whole


@pytest.mark.parametrize(
    ("condition", "limits", "whole"),
    [
        ("result[0] < 0.9", [("fails below 0.9", "below")], True),
        ("result[0] >= 5", [("fails from 5", "above")], True),
        ("result[0] <= 5", [("fails up to 5", "below")], True),
        ("result[0] == 5", [("fails at 5", None)], True),
        ("result[0] > 0.1 || result[0] < 0", [("fails above 0.1", "above"), ("fails below 0", "below")], True),
        ("!isNaN(result[0]) && result[0] > 0.1", [("fails above 0.1", "above")], True),
        # Both are needed for a failure, so neither is a limit.
        # Both are needed for a failure.
        ("result[0] > 0.1 && result[1] > 10", [], False),
    ],
)
def test_a_failure_condition(condition: str, limits: list[tuple[str, str | None]], whole: bool) -> None:
    reading = read_conditions("", condition)
    assert [(limit.as_result()["text"], limit.bad) for limit in reading.limits] == limits
    assert reading.whole is whole


def test_both_conditions_together() -> None:
    reading = read_conditions("result < 1", "result > 2 && result > 3")
    assert [limit.value for limit in reading.limits] == [1]
    assert not reading.whole


_COMPARISONS = st.builds(
    lambda path, operator, bound: f"{path} {operator} {bound}",
    st.sampled_from(["result[0]", "result[1]"]),
    st.sampled_from(["<", "<=", ">", ">=", "=="]),
    st.integers(0, 4),
)
_GUARDS = ["isNaN(result[0])", "len(result) > 1", "len(result) > 0", "len(result) == 0", "result != nil"]
_CONDITIONS = st.recursive(
    st.one_of(
        _COMPARISONS,
        st.sampled_from(
            ["isNaN(result[0])", "len(result) > 1", "len(result) > 0", "len(result) == 0", "result != nil"]
        ),
    ),
    lambda inner: st.builds(
        lambda left, word, right: f"({left}) {word} ({right})", inner, st.sampled_from(["&&", "||"]), inner
    ),
    max_leaves=6,
)


@given(_CONDITIONS, st.tuples(st.integers(-1, 5), st.integers(-1, 5)))
def test_a_value_beyond_a_limit_is_bad_for_the_condition_too(condition: str, values: tuple[int, int]) -> None:
    """What is drawn as bad is never good. Evaluated by the linter's own evaluation."""
    outcome = evaluate(parse(condition).root, list(values))
    for fails in (False, True):
        reading = read_conditions("" if fails else condition, condition if fails else "")
        for limit in reading.limits:
            value = values[limit.path[0]]
            beyond = {"above": value > limit.value, "below": value < limit.value, None: False}[limit.bad]
            assert not beyond or outcome is fails


@pytest.mark.parametrize(
    ("value", "path", "number"),
    [
        ("[0.93]", (0,), 0.93),
        ("0.93", (), 0.93),
        ("[3]", (0,), 3),
        ('{"a": {"b": [1, 2]}}', ("a", "b", 1), 2),
        ("[0.93]", (1,), None),
        ("[0.93]", ("a",), None),
        ('{"a": 1}', (0,), None),
        ('{"a": 1}', ("b",), None),
        ("[NaN]", (0,), None),
        ("[1e999]", (0,), None),
        ("[" + "9" * 400 + "]", (0,), None),
        ("[" + "9" * 9000 + "]", (0,), None),
        ("[" * 100000, (0,), None),
        ("[true]", (0,), None),
        ("map[a:1]", (), None),
        ("", (), None),
    ],
)
def test_numbers_in_values(value: str, path: tuple[int | str, ...], number: float | None) -> None:
    assert number_at(value, path) == number


@pytest.mark.parametrize(
    ("values", "path"), [(["", "[NaN]", "[1]"], (0,)), (["2"], ()), (["[]", '{"a": 1}'], None), ([], None)]
)
def test_where_the_number_is_without_a_limit(values: list[str], path: tuple[int, ...] | None) -> None:
    assert plain_path(values) == path
