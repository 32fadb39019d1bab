# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an expression of expr-lang gives for one result, as far as that can be told without its types."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from .expressions import Node


class _Word(Enum):
    """Values that are none: ERROR ends an evaluation as the controller's would, UNKNOWN as nobody can tell."""

    ERROR = "error"
    UNKNOWN = "unknown"


ERROR, UNKNOWN = _Word.ERROR, _Word.UNKNOWN

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "nil": None}
# What these give for a list without elements.
_OF_NOTHING: Mapping[str, Any] = {"all": True, "none": True, "any": False, "one": False, "count": 0, "sum": 0}


def evaluate(node: Node, result: Any) -> Any:
    """The value of an expression for a ``result``: None, a number or a list of numbers; or ERROR or UNKNOWN."""
    match node.kind:
        case "name":
            return result if node.text == "result" else _CONSTANTS.get(node.text, UNKNOWN)
        case "number":
            return _number(node.text)
        case "&&" | "and" | "||" | "or":
            return _logic(node, result)
        case "?":
            return _choice(node, result)
        case "call":
            return _call(node, result)
    values = [evaluate(part, result) for part in node.parts]
    for word in (ERROR, UNKNOWN):
        if any(value is word for value in values):
            return word
    return _operate(node.kind, values)


def _number(text: str) -> Any:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return UNKNOWN


def _logic(node: Node, result: Any) -> Any:
    """The right side only counts where the left does not decide, as it is never looked at then."""
    left = evaluate(node.parts[0], result)
    decides = node.kind in ("||", "or")
    if left is decides or isinstance(left, _Word):
        return left
    return evaluate(node.parts[1], result) if isinstance(left, bool) else ERROR


def _choice(node: Node, result: Any) -> Any:
    condition = evaluate(node.parts[0], result)
    if not isinstance(condition, bool):
        return condition if condition is ERROR else UNKNOWN
    return evaluate(node.parts[1 if condition else 2], result)


def _call(node: Node, result: Any) -> Any:
    first = evaluate(node.parts[0], result) if node.parts else UNKNOWN
    match node.text:
        # Both look at the result itself, whatever they are given.
        case "isNil":
            return result is None
        case "default" if len(node.parts) == 2:
            return result if result is not None else evaluate(node.parts[1], result)
    if isinstance(first, _Word):
        return first
    if node.text == "len":
        return len(first) if isinstance(first, list) else ERROR
    if first == [] and node.text in _OF_NOTHING:
        return _OF_NOTHING[node.text]
    if first == [] and node.text in ("filter", "map"):
        return []
    return _of_number(node.text, first)


def _of_number(name: str, value: Any) -> Any:
    if name not in ("isNaN", "isInf", "asFloat", "float"):
        return UNKNOWN
    if not isinstance(value, float | int):
        return ERROR
    match name:
        case "isNaN":
            return math.isnan(value)
        case "isInf":
            return math.isinf(value)
    return float(value)


def _operate(kind: str, values: list[Any]) -> Any:
    match kind:
        case "!" | "not":
            return not values[0] if isinstance(values[0], bool) else ERROR
        case "index":
            return _element(values[0], values[1])
        case "==":
            return values[0] == values[1]
        case "!=":
            return values[0] != values[1]
    if kind in _COMPARE:
        if all(isinstance(value, float | int) for value in values):
            return _COMPARE[kind](values[0], values[1])
        return ERROR
    return UNKNOWN


def _element(value: Any, index: Any) -> Any:
    if not isinstance(value, list):
        return ERROR
    if not isinstance(index, float) or not index.is_integer():
        return UNKNOWN
    return value[int(index)] if -len(value) <= index < len(value) else ERROR
