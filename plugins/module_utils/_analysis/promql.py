# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which series a PromQL expression reads, and how to ask whether these still get samples.

An instant vector carries the time of its evaluation, and ``rate(x[5m])`` has a value for minutes after the last
sample of ``x``. So the age of the data cannot be told from the answer: it has to be asked of each selector.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

# Seconds of PromQL's units.
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `[^`]*`)
      | (?P<number>[0-9.][0-9a-zA-Z_.]*)
      | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
# Before a list of labels in parentheses.
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_NO_METRIC = {*_GROUPING, "and", "or", "unless", "atan2", "bool", "offset", "inf", "nan", "smoothed", "anchored"}
_CLOSING = {"(": ")", "{": "}", "[": "]"}


@dataclass(frozen=True)
class Selector:
    """What picks series, such as ``http_requests_total{code="500"}``.

    ``window``: seconds that the expression looks back for it, None where it takes the present value only.
    ``modifiers``: its ``offset`` and ``@``.
    """

    text: str
    window: float | None = None
    modifiers: str = ""

    def stopped(self, max_age: float) -> str:
        """A query with a result only if the expression finds samples of this, and all are older than ``max_age``."""
        return f"{self._count(self.window)} unless {self._count(max_age)}"

    def _count(self, window: float | None) -> str:
        if window is None:
            return f"count({self.text}{self.modifiers})"
        return f"count(last_over_time({self.text}[{round(window * 1000)}ms]{self.modifiers}))"

    def widened(self, seconds: float) -> Selector:
        """The same inside a subquery that looks back so far."""
        return replace(self, window=(self.window or 0) + seconds)


def selectors(expression: str) -> tuple[Selector, ...]:
    """The selectors of an expression that Prometheus accepts, each once, in their order.

    The modifiers of a subquery are not looked at. Raises ValueError where a window is no plain duration.
    """
    return tuple(dict.fromkeys(_Reader(expression).read()))


def parse_duration(text: str) -> float:
    """Seconds of ``1h30m`` or, as newer versions allow, of a plain number; ValueError for anything else."""
    found = _DURATION_PART.findall(text)
    if found and "".join(map("".join, found)) == text:
        return sum(int(amount) * _UNITS[unit] for amount, unit in found)
    return float(text)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _tokens(expression: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(expression):
        kind = match.lastgroup or ""
        if kind != "skip":
            yield _Token(kind, match.group(), match.start(), match.end())


class _Reader:
    """One pass over the tokens. It trusts the expression: the server has parsed it before."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(_tokens(expression))
        self._at = 0
        self._found: list[Selector] = []
        # How many selectors there were when each open parenthesis came.
        self._open: list[int] = []

    def read(self) -> list[Selector]:
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.text in ("(", ")"):
                self._parenthesis(token.text)
            elif token.kind == "word":
                self._word(token)
            elif token.text == "{":
                self._selector()
            else:
                self._at += 1
        return self._found

    def _parenthesis(self, sign: str) -> None:
        self._at += 1
        if sign == "(":
            self._open.append(len(self._found))
            return
        first = self._open.pop() if self._open else 0
        window = self._window()
        if window is not None:
            self._found[first:] = [each.widened(window) for each in self._found[first:]]

    def _word(self, token: _Token) -> None:
        following = self._text(self._at + 1)
        if token.text.lower() in _GROUPING and following == "(":
            self._at += 1
            self._past("(")
        elif following == "(" or following.lower() in ("by", "without") or token.text.lower() in _NO_METRIC:
            self._at += 1
        else:
            self._selector()

    def _selector(self) -> None:
        start = self._tokens[self._at].start
        if self._tokens[self._at].kind == "word":
            self._at += 1
        if self._text(self._at) == "{":
            self._past("{")
        text = self._expression[start : self._tokens[self._at - 1].end]
        window = self._window()
        self._found.append(Selector(text, window, self._modifiers()))

    def _window(self) -> float | None:
        """Seconds of a range or of a subquery, if there is one here."""
        if self._text(self._at) != "[":
            return None
        inside = self._past("[")
        return parse_duration(inside.partition(":")[0].strip())

    def _modifiers(self) -> str:
        first = self._at
        while self._text(self._at).lower() in ("offset", "@"):
            self._at += 2
            if self._text(self._at - 1) in ("+", "-"):
                self._at += 1
            if self._text(self._at) == "(":
                # `@ start()`, `@ end()`
                self._past("(")
        if first == self._at:
            return ""
        return " " + self._expression[self._tokens[first].start : self._tokens[: self._at][-1].end]

    def _past(self, opening: str) -> str:
        """Go past a bracket that is not nested, to behind its closing one; return what is inside."""
        start = self._tokens[self._at].end
        while self._text(self._at) != _CLOSING[opening]:
            self._at += 1
            if self._at >= len(self._tokens):
                raise ValueError(f"no {_CLOSING[opening]} in {self._expression!r}")
        self._at += 1
        return self._expression[start : self._tokens[self._at - 1].start]

    def _text(self, index: int) -> str:
        return self._tokens[index].text if index < len(self._tokens) else ""
