# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of Prometheus: what is in them, and what becomes of it in a result."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.errors import QueryError
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import (
    Answer,
    Point,
    Sample,
    Series,
    parse_answer,
    show_labels,
    show_value,
)
from hypothesis import given
from hypothesis import strategies as st


def body(kind: str, result: object, **more: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def test_a_vector_has_a_sample_for_each_set_of_labels() -> None:
    given_ = body("vector", [{"metric": {"pod": "a"}, "value": [1.5, "0.25"]}, {"metric": {}, "value": [2, "NaN"]}])

    answer = parse_answer(given_)

    assert answer.result_type == "vector"
    assert answer.samples[0] == Sample({"pod": "a"}, 1.5, 0.25)
    assert math.isnan(answer.samples[1].value)


def test_a_matrix_has_series() -> None:
    given_ = body("matrix", [{"metric": {"pod": "a"}, "values": [[1, "1"], [2, "+Inf"]]}])

    answer = parse_answer(given_)

    assert answer == Answer("matrix", series=(Series({"pod": "a"}, (Point(1, 1), Point(2, math.inf))),))
    assert list(answer.flat()) == [Sample({"pod": "a"}, 1, 1), Sample({"pod": "a"}, 2, math.inf)]


def test_a_scalar_is_a_sample_without_labels_and_a_string_is_text() -> None:
    assert parse_answer(body("scalar", [1, "3"])) == Answer("scalar", samples=(Sample({}, 1, 3),))
    assert parse_answer(body("string", [1, "x"])) == Answer("string", text="x")


def test_warnings_are_kept() -> None:
    assert parse_answer(body("vector", [], warnings=["one store is away"])).warnings == ("one store is away",)


def test_an_error_of_the_api_is_a_query_error_in_its_own_words() -> None:
    with pytest.raises(QueryError, match=r"1:8: parse error: unclosed left parenthesis \(bad_data\)") as caught:
        parse_answer(
            {"status": "error", "errorType": "bad_data", "error": "1:8: parse error: unclosed left parenthesis"}
        )

    assert caught.value.error_type == "bad_data"


@pytest.mark.parametrize(
    "item", [{"metric": {}, "histogram": [1, {"count": "1"}]}, {"metric": {}, "histograms": [[1, {"count": "1"}]]}]
)
def test_a_native_histogram_is_no_number(item: dict[str, Any]) -> None:
    kind = "vector" if "histogram" in item else "matrix"
    with pytest.raises(QueryError, match="histogram_quantile"):
        parse_answer(body(kind, [item]))


@pytest.mark.parametrize(
    "strange",
    [
        None, [], "", 7, {}, {"status": "success"}, {"status": "error"}, {"status": "success", "data": {}},
        body("vector", [{}]), body("vector", [{"metric": {}, "value": [1, "many"]}]), body("vector", 3),
        body("scalar", []), body("streams", []),
    ],
)  # fmt: skip
def test_what_the_api_does_not_send_is_a_value_error(strange: object) -> None:
    with pytest.raises(ValueError, match=r"not an answer|unknown type|could not convert"):
        parse_answer(strange)


VALUES = st.floats(allow_nan=True, allow_infinity=True)
LABELS = st.dictionaries(st.text(min_size=1, max_size=4), st.text(max_size=4), max_size=3)


@given(st.lists(st.tuples(LABELS, VALUES), max_size=4))
def test_a_result_is_plain_json_and_loses_nothing(pairs: list[tuple[dict[str, str], float]]) -> None:
    answer = parse_answer(body("vector", [{"metric": labels, "value": [60, str(value)]} for labels, value in pairs]))

    result = json.loads(json.dumps(answer.as_result(), allow_nan=False))

    assert [entry["metric"] for entry in result["result"]] == [labels for labels, _other in pairs]
    for entry, (_other, value) in zip(result["result"], pairs, strict=True):
        assert entry["time"] == "1970-01-01T00:01:00.000Z"
        if math.isfinite(value):
            assert (entry["value"], "problem" in entry) == (value, False)
        else:
            assert (entry["value"], entry["problem"]) == (None, show_value(value))


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (Answer("vector"), None),
        (Answer("vector", samples=(Sample({}, 1, 0.5),)), 0.5),
        (Answer("vector", samples=(Sample({}, 1, math.nan),)), None),
        (Answer("vector", samples=(Sample({}, 1, 1), Sample({"a": "b"}, 1, 1))), None),
        (Answer("matrix", series=(Series({}, (Point(1, 2),)),)), 2),
        (Answer("string", text="1"), None),
    ],
)
def test_the_value_is_that_of_the_only_sample(answer: Answer, value: float | None) -> None:
    assert answer.value == value
    assert answer.as_result()["value"] == value


def test_the_result_of_a_matrix_has_values_and_that_of_a_string_text() -> None:
    matrix = Answer("matrix", series=(Series({"a": "b"}, (Point(0, 2),)),))

    assert matrix.as_result()["result"] == [
        {"metric": {"a": "b"}, "values": [{"time": "1970-01-01T00:00:00.000Z", "value": 2}]}
    ]
    assert Answer("string", text="x").as_result()["text"] == "x"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.95, "0.95"), (3.0, "3"), (14 / 15, "0.9333333333"), (math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")],
)
def test_a_value_for_people(value: float, shown: str) -> None:
    assert show_value(value) == shown


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        ({}, ""),
        ({"__name__": "up"}, "up"),
        ({"b": "2", "a": "1"}, '{a="1", b="2"}'),
        ({"__name__": "up", "job": "lab"}, 'up{job="lab"}'),
    ],
)
def test_labels_for_people(labels: dict[str, str], shown: str) -> None:
    assert show_labels(labels) == shown
