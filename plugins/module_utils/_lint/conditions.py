# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Success and failure conditions: their syntax, their names, and what they make of a result that says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import nan
from typing import Any

from .evaluation import ERROR, UNKNOWN, evaluate
from .expressions import Expression, parse
from .places import Finding, Place
from .tokens import BadExpression

# What a condition may name (``evaluate.go``), and the functions of expr-lang itself.
_NAMES = frozenset({"true", "false", "nil", "$env", "result"})
_FUNCTION_NAMES = """
    asInt asFloat isNaN isInf isNil default all none any one filter map find findIndex findLast findLastIndex count
    sum groupBy sortBy reduce len type abs ceil floor round int float string trim trimPrefix trimSuffix upper lower
    split splitAfter replace repeat join indexOf lastIndexOf hasPrefix hasSuffix max min mean median toJSON fromJSON
    toBase64 fromBase64 now duration date timezone first last get take keys values toPairs fromPairs reverse uniq
    concat flatten sort bitand bitor bitxor bitnand bitshl bitshr bitushr bitnot
"""
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_ARGUMENT = re.compile(r"\{\{[^{}]*\}\}")
_QUOTED = re.compile(r"""(["'`]).*?\1""", re.DOTALL)
_FALLBACK = re.compile(r"\bor\s+(?:on\s*\(\s*\)\s*)?vector\s*\(\s*([0-9.]+)\s*\)\s*\)*\s*$")
_MAY_BE_NAN = re.compile(r"/|histogram_quantile")


def check_conditions(metric: Place) -> Iterator[Finding]:
    conditions = [metric.at(name) for name in ("successCondition", "failureCondition")]
    parsed: list[Expression | None] = []
    for condition in conditions:
        if not condition.text:
            parsed.append(None)
            continue
        try:
            expression = _parse(condition.text)
        except BadExpression as error:
            yield condition.finding("condition-syntax", f"{condition.text!r} is no condition: {error}")
            return
        if expression is None:
            return
        yield from _check_names(condition, expression)
        parsed.append(expression)
    if any(parsed):
        yield from _check_silence(metric, parsed[0], parsed[1])


def _parse(text: str) -> Expression | None:
    """None where nobody can tell, because an argument stands for a part of it."""
    filled = _ARGUMENT.sub("0", text)
    try:
        return parse(filled)
    except BadExpression:
        if filled == text:
            raise
    except RecursionError:
        pass
    return None


def _check_names(condition: Place, expression: Expression) -> Iterator[Finding]:
    known = {"name": _NAMES | _FUNCTIONS | expression.variables, "call": _FUNCTIONS | expression.variables}
    for node in expression.root.all():
        if node.text not in known.get(node.kind, {node.text}):
            what = "function" if node.kind == "call" else "name"
            text = f"{condition.text!r} uses the {what} {node.text}, which nobody knows"
            yield condition.finding("condition-name", text)


def _check_silence(metric: Place, success: Expression | None, failure: Expression | None) -> Iterator[Finding]:
    """One finding for the first kind of silence that passes."""
    where = metric.at("successCondition" if success else "failureCondition")
    for words, result in _silences(metric.at("provider")):
        if _passes(success, failure, result):
            yield where.finding("passes-on-no-data", f"{where.text!r} lets {words} pass")
            return


def _silences(provider: Place) -> list[tuple[str, Any]]:
    """What the provider gives when there is nothing to measure: in words, and as a condition sees it."""
    if not provider.at("prometheus").given:
        return [("a result of nil", None)]
    query = _QUOTED.sub("", provider.at("prometheus", "query").text)
    fallback = _FALLBACK.search(query)
    found: list[tuple[str, Any]] = []
    if fallback is None:
        found.append(("an empty result", []))
    elif fallback[1].replace(".", "", 1).isdigit():
        found.append((f"vector({fallback[1]}), which the query falls back on,", [float(fallback[1])]))
    if _MAY_BE_NAN.search(query):
        found.append(("NaN (mostly 0/0, because there were no requests)", [nan]))
    return found


def _passes(success: Expression | None, failure: Expression | None, result: Any) -> bool:
    """Whether a measurement is Successful; mirrors ``EvaluateResult``."""
    try:
        good = evaluate(success.root, result) if success else None
        bad = evaluate(failure.root, result) if failure else None
    except RecursionError:
        return False
    if any(value is ERROR or value is UNKNOWN for value in (good, bad)):
        return False
    if success is None:
        return bad is False
    return good is True and bad is not True
