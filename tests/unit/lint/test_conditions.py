# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions: the grammar of expr-lang, and what becomes of a result that says nothing.

What expr-lang itself (v1.17, compiled with the controller's own environment) accepts and refuses was compared with
this grammar over some 100,000 random expressions; nothing that it accepts is refused here.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lint.evaluation import ERROR, UNKNOWN, evaluate
from ansible_collections.progressive.delivery.plugins.module_utils._lint.expressions import parse
from ansible_collections.progressive.delivery.plugins.module_utils._lint.tokens import BadExpression
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lint.bundles import SEEDS, changed, findings, rules

METRIC = "0.spec.metrics.0"
QUERIES = {
    "plain": "sum(a)",
    "ratio": 'sum(a{path="/x"}) / sum(b)',
    "quoted": 'sum(a{path="/x"})',
    "quantile": "histogram_quantile(0.9, x)",
    "one": "sum(a) or vector(1)",
    "zero": "(sum(a) or on() vector(0))",
    "strange": "sum(a) or vector(1.2.3)",
}

GOOD = """
result[0] >= 0.95
len(result) == 0 || isNaN(result[0]) || result[0] >= 0.95
all(result, # >= 0.95) && len(result) > 0
any(result, {# > 1})
filter(result, {.value > 1}) | len() > 2
result | filter(# > 1) | count() > 0
let x = result[0]; x > 1 and x < 5
let f = result; let g = f; g == 1;
result.ok == true ? result.a > 1 : false
result?.foo?.[0] == 0
(result[0] ?? 0) > 1
result ?? 1 ?? 2
1 < result < 5
not (result in 1..3)
result not in [1, 2, 3,]
result not contains "x"
result matches "^a\\\\d" && "x" contains 'y'
"a\\tb\\u0041\\x41" == result
default(result, 0) < 0.05
asFloat(result) <= 1e-3 or asInt(result) == 1_000
-result > -5 ** 2 ^ 1
!!true
result["a-b"].not.in > 1
result.count(1) > 0
{"a": 1, b: 2, 3: 4, (1+1): 3,}["a"] == 1
{} == result
if result > 1 { true } else if result > 0 { false } else { true }
reduce(result, #acc + #, 0) > 5
sortBy(result, #.x, "desc")[0] == 1
result[1:3] == [1, 2]
result[:] != result[1:]
/* a comment */ result > 1 // done
::len(result) > 1
sum(result) > 0xFF - 0b1 - 0o7
result[0] > .5
isNil(result) ? true : result.x
result.a ?: true
none(result, {#.a.b == nil})
map(result, {let y = #; y * 2})[0] == $env.result
`raw ``text` == result
trim("x") == string(result) && now() > date("2026-01-01")
1..3 == result
1;2;
count(result) > 0 && sum(result,) > 1
""".strip().splitlines()

BAD = """
result[0] >=
result = 1
(result > 1
result[0 > 1
result > 1)
result >> 1
result === 1
"abc
"a\\dc" == result
`abc
result > 1 result
result && && 1
all(result)
map(result, #, 1)
all(result, # > 1
# > 1
result..
5abc > 1
1.5.5x
result => 1
a @ b
result[0] ?? 0 > 1
result <> 1
/* x
{a 1}
{=: 1}
let x 1; x
let = 1; x
result not 5
x ? 1
if result { 1 }
if result 1
result. > 1
result.5x
result | 5
|
;
result && let x = 1; x
""".strip().splitlines()


PIECES = [
    *"[](){},.;:?#|!-<=\"'`$",
    "result",
    "0",
    "&&",
    "||",
    "**",
    "..",
    "??",
    "not",
    "in",
    "let x =",
    "if",
    "/*",
    "//",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_expr_lang_accepts_is_accepted(text: str) -> None:
    parse(text)

    assert rules(changed(SEEDS["run"](), [(f"{METRIC}.failureCondition", text)])) == []


@pytest.mark.parametrize("text", [*BAD, "", "result[0] > 1 /* x"])
def test_what_it_refuses_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        parse(text)


@given(st.lists(st.sampled_from(PIECES)))
def test_nothing_else_is_raised(words: list[str]) -> None:
    with suppress(BadExpression):
        parse(" ".join(words))


@pytest.mark.parametrize(
    "text", [f"{'(' * 5000}1", f"{'-' * 5000}1", f"{'[' * 5000}", " + ".join(["result[0]"] * 5000)]
)
def test_what_is_nested_too_deep_is_left_alone(text: str) -> None:
    assert rules(changed(SEEDS["run"](), [(f"{METRIC}.failureCondition", text)])) == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("result[0] > {{args.limit}}", []),
        ("result[0] {{args.limit}} 5", []),
        ("result[0] > ({{args.limit}}", []),
        ("result[0] > {{args.limit}} && x > 1", ["condition-name"]),
        ("result.x > 1 && {x: 1}.x == 1", []),
        ("any(result, {.x > 1})", []),
        ("let x = 1; x > 1", []),
        ("len(result) > 1", []),
        ("length(result) > 1", ["condition-name"]),
    ],
)
def test_names(condition: str, found: list[str]) -> None:
    assert rules(changed(SEEDS["run"](), [(f"{METRIC}.failureCondition", condition)])) == found


# -- silence


@pytest.mark.parametrize(
    ("query", "success", "failure", "words"),
    [
        # a condition that only looks at a value errs on an empty result
        ("plain", "result[0] >= 0.95", "", ""),
        ("plain", "", "result[0] > 0.05", ""),
        ("plain", "result >= 0.95", "", ""),
        ("plain", "len(result) > 0 && result[0] >= 0.95", "", ""),
        ("plain", "len(result) == 0 || result[0] >= 0.95", "", "an empty result"),
        ("plain", "", "len(result) > 0 && result[0] > 0.05", "an empty result"),
        ("plain", "result[0] >= 0.95", "len(result) > 0 && result[0] > 0.05", ""),
        ("plain", "len(result) == 0 || result[0] >= 0.95", "len(result) == 0", ""),
        ("plain", "all(result, # >= 0.95)", "", "an empty result"),
        ("plain", "none(result, # < 0.95)", "", "an empty result"),
        ("plain", "any(result, # >= 0.95)", "", ""),
        ("plain", "sum(result) < 5", "", "an empty result"),
        ("plain", "len(filter(result, # > 5)) == 0", "", "an empty result"),
        ("plain", "count(map(result, # * 2), # > 5) < 1", "", "an empty result"),
        ("plain", "len(result) == 0 ? true : result[0] >= 0.95", "", "an empty result"),
        ("plain", "len(result) == 0 ? false : result[0] >= 0.95", "", ""),
        ("plain", "result[0] > 1 ? true : false", "", ""),
        ("plain", "mean(result) < 5 ? true : true", "", ""),
        ("plain", "not (len(result) > 0 and result[0] > 5)", "", "an empty result"),
        ("plain", "default(result, 0) < 5", "", ""),
        ("plain", "isNil(result) || result[0] < 5", "", ""),
        ("plain", "len(result[0]) == 0", "", ""),
        # NaN can only come of a division
        ("plain", "isNaN(result[0]) || result[0] >= 0.95", "", ""),
        ("quoted", "isNaN(result[0]) || result[0] >= 0.95", "", ""),
        ("ratio", "isNaN(result[0]) || result[0] >= 0.95", "", "NaN"),
        ("ratio", "result[0] >= 0.95", "", ""),
        ("ratio", "", "result[0] > 0.05", "NaN"),
        ("ratio", "", "result[0] >= 0.05 || isNaN(result[0])", ""),
        ("ratio", "!isNaN(result[0]) && result[0] < 5", "", ""),
        ("ratio", "!(result[0] > 5)", "", "NaN"),
        ("ratio", "result[0] != 1", "", "NaN"),
        ("ratio", "result[-1] != 1", "", ""),
        ("ratio", "isInf(result[0]) or float(result[0]) < 5", "", ""),
        ("quantile", "", "asFloat(result[0]) > 0.5", "NaN"),
        ("quantile", "", "asInt(result[0]) > 5", ""),
        ("quantile", "", "result[0.5] > 0.5", ""),
        ("quantile", "", "isNaN(result) || result[0] > 5", ""),
        # a query that falls back on a value
        ("one", "result[0] >= 0.95", "", "vector(1)"),
        ("zero", "result[0] >= 0.95", "", ""),
        ("zero", "result[0] < 5", "", "vector(0)"),
        ("strange", "result[0] < 5", "", ""),
    ],
)
def test_silence_never_passes_unseen(query: str, success: str, failure: str, words: str) -> None:
    changes = [
        (f"{METRIC}.successCondition", success),
        (f"{METRIC}.failureCondition", failure),
        (f"{METRIC}.provider.prometheus.query", QUERIES[query]),
        ("0.spec.args", []),
    ]

    found = findings(changed(SEEDS["run"](), changes))

    assert {finding.rule for finding in found} == ({"passes-on-no-data"} if words else set()), found
    assert all(words in finding.message for finding in found)


@pytest.mark.parametrize(
    ("success", "passes"),
    [
        ("default(result, 0) < 0.05", True),
        ("isNil(result) || result < 5", True),
        ("result == nil ? true : result < 5", True),
        ("result == nil or len(result) == 0", True),
        ("result < 0.05", False),
        ("default(result, 1) < 0.05", False),
        ("default(result) < 5", False),
        ("!result", False),
        ("len() == 0", False),
        ("result[0] < 5", False),
        ("asFloat(result) < 5", False),
    ],
)
def test_other_providers_give_nil(success: str, passes: bool) -> None:
    provider = {"datadog": {"query": "x"}}
    changes = [(f"{METRIC}.successCondition", success), (f"{METRIC}.provider", provider), ("0.spec.args", [])]

    assert rules(changed(SEEDS["run"](), changes)) == (["passes-on-no-data"] if passes else [])


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("1 + 1", UNKNOWN),
        ("0x1F", UNKNOWN),
        ('"text"', UNKNOWN),
        ("result[1:]", UNKNOWN),
        ("result[0][0]", ERROR),
        ("1 && true", ERROR),
        ("now()", UNKNOWN),
    ],
)
def test_what_cannot_be_told_is_not_told(text: str, outcome: object) -> None:
    assert evaluate(parse(text).root, [1.0]) is outcome
