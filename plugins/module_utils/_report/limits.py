# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a condition of an analysis says as a limit that can be drawn.

Careful rather than clever: a limit is told only where a value beyond it makes the condition come out badly, whatever
the rest of the condition says. Anything else stays a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .._lint.expressions import Node, parse
from .._lint.tokens import BadExpression
from .given import Tree, as_number

Path: TypeAlias = "tuple[int | str, ...]"
Side = Literal["above", "below"]

_AND, _OR = ("and", "&&"), ("or", "||")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}
# Functions that do not change a number; ``default`` only where there is none.
_TRANSPARENT = ("asFloat", "asInt", "float", "int", "default")
# True only of what is no finite number.
_ABOUT_SILENCE = ("isNaN", "isInf", "isNil")
# What a length is compared with to learn whether there is anything.
_FILLED = ((">", "0"), (">=", "1"), ("!=", "0"))
_EMPTY = (("==", "0"), ("<", "1"), ("<=", "0"))
_PASSES = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than", "==": "exactly"}
_FAILS = {">=": "fails from", ">": "fails above", "<=": "fails up to", "<": "fails below", "==": "fails at"}

# Longer ones are no index, and Python refuses to read very long ones.
_INDEX = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Limit:
    """``path`` leads to the number in the result; ``fails`` tells that the limit is of a failureCondition."""

    path: Path
    operator: str
    value: float
    fails: bool

    @property
    def bad(self) -> Side | None:
        """On which side of the limit a value is bad; None for equality, which has no side."""
        if self.operator == "==":
            return None
        return "above" if (self.operator in (">", ">=")) == self.fails else "below"

    def as_result(self) -> Tree:
        """``{operator, value, fails, bad, text}``."""
        words = (_FAILS if self.fails else _PASSES)[self.operator]
        return {
            "operator": self.operator,
            "value": self.value,
            "fails": self.fails,
            "bad": self.bad,
            "text": f"{words} {self.value:.6g}",
        }


@dataclass(frozen=True)
class Reading:
    """``whole`` tells that the limits are all that the conditions say about numbers."""

    limits: tuple[Limit, ...]
    whole: bool

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.limits + other.limits, self.whole and other.whole)


_NOTHING = Reading((), whole=False)


def read_conditions(success: str, failure: str) -> Reading:
    """The limits of a metric's two conditions; an empty one demands nothing."""
    return _read(success, fails=False) + _read(failure, fails=True)


def _read(condition: str, *, fails: bool) -> Reading:
    if not condition:
        return Reading((), whole=True)
    try:
        found = _read_node(parse(condition).root, fails)
    except (BadExpression, RecursionError):
        return _NOTHING
    return found if found.limits else _NOTHING


def _read_node(node: Node, fails: bool) -> Reading:
    """Parts that decide each for itself (all must hold, or any of them fails) are read one by one."""
    each, either = (_OR, _AND) if fails else (_AND, _OR)
    if node.kind in each:
        readings = [_read_node(part, fails) for part in node.parts if _guard(part) is None]
        return sum(readings, start=Reading((), whole=True))
    if node.kind in either:
        return _read_guarded(list(_flat(node, either)), fails)
    limit = _limit(node, fails)
    return Reading((limit,), whole=True) if limit else _NOTHING


def _read_guarded(parts: list[Node], fails: bool) -> Reading:
    """Of parts that decide only together, one can be a limit if the others ask no more than whether it has a value."""
    guards = [guard for part in parts if (guard := _guard(part)) and guard.present == fails]
    rest = [part for part in parts if (guard := _guard(part)) is None or guard.present != fails]
    reading = _read_node(rest[0], fails) if len(rest) == 1 else _NOTHING
    paths = {limit.path[: len(guard.path)] == guard.path for limit in reading.limits for guard in guards}
    return reading if paths == {True} else _NOTHING


def _flat(node: Node, kinds: tuple[str, ...]) -> Iterator[Node]:
    """The parts of ``a && b && c``, which is parsed as a pair in a pair."""
    for part in node.parts:
        if part.kind in kinds:
            yield from _flat(part, kinds)
        else:
            yield part


@dataclass(frozen=True)
class _Guard:
    """A part that is true just if there is something at ``path``, or just if there is nothing."""

    present: bool
    path: Path


def _guard(node: Node) -> _Guard | None:
    """``isNaN(result[0])``, ``len(result) == 0``, ``result != nil``, and what ``not`` makes of them."""
    if node.kind in ("not", "!"):
        inner = _guard(node.parts[0])
        return inner and _Guard(not inner.present, inner.path)
    if node.kind == "call" and node.text in _ABOUT_SILENCE and node.parts:
        path, present = _path(node.parts[0]), False
    elif node.kind in (*_FLIPPED, "!="):
        path, present = _compared(node)
    else:
        return None
    return None if path is None else _Guard(present, path)


def _compared(node: Node) -> tuple[Path | None, bool]:
    """The path of a comparison with nil or of a length, and whether it asks that something is there."""
    left, right = node.parts
    if (right.kind, right.text) == ("name", "nil") and node.kind in ("==", "!="):
        return _path(left), node.kind == "!="
    if (left.kind, left.text) == ("call", "len") and left.parts:
        size = (node.kind, right.text)
        return (_path(left.parts[0]), size in _FILLED) if size in (*_FILLED, *_EMPTY) else (None, False)
    return None, False


def _limit(node: Node, fails: bool) -> Limit | None:
    if node.kind not in _FLIPPED:
        return None
    left, right = node.parts
    for value, bound, operator in ((left, right, node.kind), (right, left, _FLIPPED[node.kind])):
        path, number = _path(value), _number(bound)
        if path is not None and number is not None:
            return Limit(path, operator, number, fails)
    return None


def _path(node: Node) -> Path | None:
    """The way from the result to a value; None for what is computed."""
    if (node.kind, node.text) == ("name", "result"):
        return ()
    if node.kind == "call" and node.text in _TRANSPARENT and node.parts:
        return _path(node.parts[0])
    key = _key(node)
    before = _path(node.parts[0]) if key is not None else None
    return None if key is None or before is None else (*before, key)


def _key(node: Node) -> int | str | None:
    if node.kind == "member":
        return node.text
    if node.kind != "index" or len(node.parts) != 2:
        return None
    key = node.parts[1]
    if key.kind == "string":
        return key.text
    return int(key.text) if key.kind == "number" and _INDEX.fullmatch(key.text) else None


def _number(node: Node) -> float | None:
    if node.kind == "-" and len(node.parts) == 1:
        number = _number(node.parts[0])
        return None if number is None else -number
    try:
        return as_number(float(node.text)) if node.kind == "number" else None
    except ValueError:
        return None


# -- Numbers in measured values


def show_path(path: Path) -> str:
    """As a condition writes it."""
    return "result" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def plain_path(values: list[str]) -> Path | None:
    """Where the number is when no condition says it: the value itself, or the first of a list."""
    for value in values:
        for path in ((), (0,)):
            if number_at(value, path) is not None:
                return path
    return None


def number_at(value: str, path: Path) -> float | None:
    """The finite number at a place of a measured value; None where there is none.

    The controller stores JSON mostly. What is none, such as Go's ``map[a:1]``, has no places.
    """
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    for key in path:
        if isinstance(found, dict) and isinstance(key, str):
            found = found.get(key)
        elif isinstance(found, list) and isinstance(key, int) and key < len(found):
            found = found[key]
        else:
            return None
    return as_number(found)
