# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the values that the controller stores say nothing."""

from __future__ import annotations

import json

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.silence import is_json, says_nothing
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "value",
    [
        # Prometheus, Graphite, Wavefront
        "[]", "[NaN]", "[NaN,NaN]", "NaN", "",
        # a web metric: JSON
        "null", '""', '"  "', '"NaN"', '"null"', "{}", "[null]", "[[]]", '[{"value": null}]', '{"average": null}',
        # CloudWatch, InfluxDB, Datadog
        "[[] []]", "[[NaN]]", "[<nil>]", "[<nil> <nil>]", "<nil>", " [ ] ",
    ],
)  # fmt: skip
def test_values_that_say_nothing(value: str) -> None:
    assert says_nothing(value)


@pytest.mark.parametrize(
    "value",
    [
        "[0]", "[0.97]", "0", "-1", "1e-3", "[0.97,NaN]", "[NaN,0]", "[+Inf]", "+Inf", "-Inf", "[-Inf,NaN]",
        "true", "false",
        '"ok"', '"none"', "ok", "<html>", '{"status": "ok"}', '{"a": null, "b": 0}', "[false]", "[[],[1]]",
        "[[0.1 0.2] []]", "[<nil> 3]", "map[a:1]",
    ],
)  # fmt: skip
def test_values_that_say_something(value: str) -> None:
    assert not says_nothing(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(min_value=0, max_value=4))
def test_one_number_is_enough(number: float, others: int) -> None:
    assert not says_nothing(f"[{','.join(['NaN'] * others + [repr(number)])}]")
    assert not says_nothing(f"[{' '.join(['<nil>'] * others + [repr(number)])}]")


SOMETHING = st.booleans() | st.integers()
TREES = st.recursive(st.none() | SOMETHING, lambda tree: st.lists(tree) | st.dictionaries(st.text(), tree))


@given(TREES)
def test_a_tree_says_as_much_as_its_leaves(tree: object) -> None:
    def leaves(node: object) -> list[object]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
        return [node] if children is None else [leaf for child in children for leaf in leaves(child)]

    assert says_nothing(json.dumps(tree)) == all(leaf is None for leaf in leaves(tree))


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("{}", True), ("", False), ("<html>", False)])
def test_what_a_condition_was_asked_about(value: str, expected: bool) -> None:
    assert is_json(value) is expected
