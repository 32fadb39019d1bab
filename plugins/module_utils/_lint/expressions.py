# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of expr-lang v1.17, so that a condition that can never be evaluated is found before a release.

Mirrors ``parser/parser.go``. It knows no types: what is refused here is refused by expr-lang whatever the result is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .tokens import BRACKET, END, NAME, NUMBER, OPERATOR, STRING, BadExpression, Token, scan

_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15, "==": 20, "!=": 20, "<": 20, ">": 20, ">=": 20, "<=": 20,
    "in": 20, "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20, "..": 25, "+": 30, "-": 30, "*": 60,
    "/": 60, "%": 60, "**": 100, "^": 100, "??": 500,
}  # fmt: skip
_TO_THE_RIGHT = ("**", "^")
_NEGATED = ("in", "matches", "contains", "startsWith", "endsWith")
_COMPARISONS = ("<", ">", ">=", "<=")

# Builtins that take a predicate: how many arguments they take, at least and at most.
_PREDICATES = {
    **dict.fromkeys(("all", "none", "any", "one", "filter", "map", "groupBy"), (2, 2)),
    **dict.fromkeys(("find", "findIndex", "findLast", "findLastIndex"), (2, 2)),
    **dict.fromkeys(("count", "sum"), (1, 2)),
    **dict.fromkeys(("sortBy", "reduce"), (2, 3)),
}


@dataclass(frozen=True)
class Node:
    """``kind`` is name, number, string, call, member, or the operator; ``text`` is the name, number or text."""

    kind: str
    text: str = ""
    parts: tuple[Node, ...] = ()

    def all(self) -> Iterator[Node]:
        """Itself and every part, at any depth: a long sum is deeper than Python's stack."""
        rest = [self]
        while rest:
            node = rest.pop()
            yield node
            rest += reversed(node.parts)


@dataclass
class Expression:
    root: Node
    # What ``let`` declares.
    variables: set[str] = field(default_factory=set)


def parse(source: str) -> Expression:
    """Raises BadExpression; RecursionError for what is nested deeper than anybody writes it."""
    parser = _Parser(scan(source))
    return Expression(parser.whole(), parser.variables)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self.variables: set[str] = set()

    @property
    def _current(self) -> Token:
        return self._tokens[self._index]

    def _next(self) -> Token:
        token = self._current
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def _expect(self, kind: str, text: str = "") -> Token:
        if self._current.kind != kind or (text and self._current.text != text):
            raise self._unexpected()
        return self._next()

    def _skip(self, operator: str) -> bool:
        found = self._current.is_operator(operator)
        if found:
            self._next()
        return found

    def _unexpected(self) -> BadExpression:
        before = self._tokens[self._index - 1] if self._index else None
        return BadExpression(f"{self._current} does not belong {f'after {before}' if before else 'at the beginning'}")

    def whole(self) -> Node:
        node = self._sequence()
        if self._current.kind != END:
            raise self._unexpected()
        return node

    def _sequence(self) -> Node:
        nodes = [self._expression(0)]
        while self._skip(";") and self._current.kind != END:
            nodes.append(self._expression(0))
        return nodes[0] if len(nodes) == 1 else Node(";", parts=tuple(nodes))

    def _expression(self, precedence: int) -> Node:
        if precedence == 0 and self._skip("let"):
            return self._declaration()
        if precedence == 0 and self._skip("if"):
            return self._conditional()
        left = self._primary()
        before = ""
        while self._current.kind == OPERATOR:
            operator, negated = self._binary(precedence)
            if not operator:
                break
            if before == "??" and operator not in ("??", "|"):
                raise BadExpression(f"?? and {operator} cannot be mixed without parentheses")
            left = self._right(left, operator)
            left = Node("not", parts=(left,)) if negated else left
            before = operator
        return self._ternary(left) if precedence == 0 else left

    def _binary(self, precedence: int) -> tuple[str, bool]:
        """Take the operator that comes next, if it binds at least as much; and whether ``not`` is before it."""
        index, negated = self._index, self._skip("not")
        operator = self._current.text if self._current.kind == OPERATOR else ""
        if negated and operator not in _NEGATED:
            raise self._unexpected()
        if _BINARY.get(operator, -1) < precedence:
            self._index = index
            return "", False
        self._next()
        return operator, negated

    def _right(self, left: Node, operator: str) -> Node:
        if operator == "|":
            return self._call(self._expect(NAME).text, (left,))
        precedence = _BINARY[operator]
        right = self._expression(precedence if operator in _TO_THE_RIGHT else precedence + 1)
        node = Node(operator, parts=(left, right))
        while operator in _COMPARISONS and self._current.is_operator(*_COMPARISONS):
            left, following = right, self._next().text
            right = self._expression(precedence + 1)
            node = Node("&&", parts=(node, Node(following, parts=(left, right))))
        return node

    def _declaration(self) -> Node:
        name = self._expect(NAME).text
        self.variables.add(name)
        self._expect(OPERATOR, "=")
        value = self._expression(0)
        self._expect(OPERATOR, ";")
        return Node("let", name, (value, self._sequence()))

    def _conditional(self) -> Node:
        condition = self._expression(0)
        first = self._block()
        self._expect(OPERATOR, "else")
        second = self._conditional() if self._skip("if") else self._block()
        return Node("?", parts=(condition, first, second))

    def _block(self) -> Node:
        self._expect(BRACKET, "{")
        node = self._sequence()
        self._expect(BRACKET, "}")
        return node

    def _ternary(self, node: Node) -> Node:
        while self._skip("?"):
            first = node
            if not self._current.is_operator(":"):
                first = self._expression(0)
            self._expect(OPERATOR, ":")
            node = Node("?", parts=(node, first, self._expression(0)))
        return node

    def _primary(self) -> Node:
        token = self._current
        if token.is_operator(*_UNARY):
            self._next()
            return self._postfix(Node(token.text, parts=(self._expression(_UNARY[token.text]),)))
        if token.is_bracket("("):
            self._next()
            node = self._sequence()
            self._expect(BRACKET, ")")
            return self._postfix(node)
        if self._depth and token.is_operator("#", "##", "."):
            return self._postfix(self._pointer())
        if token.is_operator("::"):
            self._next()
            return self._postfix(self._call(self._expect(NAME).text, ()))
        return self._postfix(self._secondary())

    def _pointer(self) -> Node:
        """``#``, ``#name``, or the point of ``.name``, which is left for what follows."""
        if not self._current.is_operator("."):
            self._next()
            if self._current.kind == NAME:
                self._next()
        return Node("pointer")

    def _secondary(self) -> Node:
        token = self._current
        if token.kind in (NUMBER, STRING):
            self._next()
            return Node(token.kind, token.text)
        if token.kind == NAME:
            self._next()
            called = self._current.is_bracket("(") and token.text not in ("true", "false", "nil")
            return self._call(token.text, ()) if called else Node(NAME, token.text)
        if token.is_bracket("["):
            self._next()
            return Node("[", parts=self._arguments("]"))
        if token.is_bracket("{"):
            self._next()
            return Node("{", parts=self._pairs())
        raise self._unexpected()

    def _call(self, name: str, before: tuple[Node, ...]) -> Node:
        self._expect(BRACKET, "(")
        if name not in _PREDICATES:
            return Node("call", name, before + self._arguments(")"))
        parts = list(before)
        while not self._current.is_bracket(")"):
            parts.append(self._predicate() if len(parts) == 1 else self._expression(0))
            if not self._skip(","):
                break
        self._expect(BRACKET, ")")
        least, most = _PREDICATES[name]
        if not least <= len(parts) <= most:
            raise BadExpression(f"{name} takes {least} arguments, and here are {len(parts)}")
        return Node("call", name, tuple(parts))

    def _predicate(self) -> Node:
        self._depth += 1
        node = self._block() if self._current.is_bracket("{") else self._expression(0)
        self._depth -= 1
        return node

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        parts = []
        while not self._current.is_bracket(closing):
            parts.append(self._expression(0))
            if not self._skip(","):
                break
        self._expect(BRACKET, closing)
        return tuple(parts)

    def _pairs(self) -> tuple[Node, ...]:
        parts = []
        while not self._current.is_bracket("}"):
            if self._current.kind in (NUMBER, STRING, NAME):
                self._next()
            elif self._current.is_bracket("("):
                parts.append(self._expression(0))
            else:
                raise self._unexpected()
            self._expect(OPERATOR, ":")
            parts.append(self._expression(0))
            if not self._skip(","):
                break
        self._expect(BRACKET, "}")
        return tuple(parts)

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._current.is_operator(".", "?."):
                node = self._member(node)
            elif self._current.is_bracket("["):
                self._next()
                node = self._index_of(node)
            else:
                return node

    def _member(self, node: Node) -> Node:
        optional = self._next().text == "?."
        if optional and self._current.is_bracket("["):
            return node
        token = self._next()
        if token.kind != NAME and not (token.kind == OPERATOR and token.text.isidentifier()):
            self._index -= 1
            raise self._unexpected()
        if self._current.is_bracket("("):
            self._next()
            return Node("method", token.text, (node, *self._arguments(")")))
        return Node("member", token.text, (node,))

    def _index_of(self, node: Node) -> Node:
        parts = [node]
        if not self._current.is_operator(":"):
            parts.append(self._expression(0))
        sliced = self._skip(":")
        if sliced and not self._current.is_bracket("]"):
            parts.append(self._expression(0))
        self._expect(BRACKET, "]")
        return Node("slice" if sliced else "index", parts=tuple(parts))
