# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of expr-lang, the language of success and failure conditions (expr v1.17, ``parser/lexer``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME, NUMBER, STRING, OPERATOR, BRACKET, END = "name", "number", "string", "operator", "bracket", "end"

_WORDS = ("not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if", "else")
_SPACE = re.compile(r"(\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(
    r"0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|([0-9][0-9_]*(\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9_]*)?"
)
_NAME = re.compile(r"[\w$]+")
_OPERATOR = re.compile(r"\?\.|\?\?|\?|\.\.|\.|\|\|?|::?|[,;%+\-^]|[&!=*<>][&=*]?|/|##?")
_QUOTED = re.compile(r"""(["'])((?:(?!\1)[^\\\n]|\\[abfnrtv\\'"`?0-7xXuU])*)\1""")
_RAW = re.compile(r"`((?:[^`]|``)*)`")


class BadExpression(ValueError):
    """An expression that expr-lang refuses; the text says why."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str

    def is_operator(self, *texts: str) -> bool:
        return self.kind == OPERATOR and self.text in texts

    def is_bracket(self, text: str) -> bool:
        return self.kind == BRACKET and self.text == text

    def __str__(self) -> str:
        return "the end" if self.kind == END else repr(self.text)


def scan(source: str) -> list[Token]:
    """The tokens of an expression, the end among them. Raises BadExpression."""
    tokens: list[Token] = []
    position = 0
    while True:
        space = _SPACE.match(source, position)
        position = space.end() if space else position
        if position == len(source):
            return [*tokens, Token(END, "")]
        token, position = _next(source, position)
        tokens.append(token)


def _next(source: str, position: int) -> tuple[Token, int]:
    first = source[position]
    if source.startswith("/*", position):
        raise BadExpression("a comment is not closed")
    if first in "([{}])":
        return Token(BRACKET, first), position + 1
    if first in "\"'`":
        return _string(source, position)
    number = _NUMBER.match(source, position)
    if number:
        following = source[number.end() : number.end() + 1]
        if following and _NAME.match(following):
            raise BadExpression(f"{number[0] + following!r} is no number")
        return Token(NUMBER, number[0]), number.end()
    word = _NAME.match(source, position)
    if word:
        return Token(OPERATOR if word[0] in _WORDS else NAME, word[0]), word.end()
    operator = _OPERATOR.match(source, position)
    if operator is None:
        raise BadExpression(f"the character {first!r} has no meaning")
    return Token(OPERATOR, operator[0]), operator.end()


def _string(source: str, position: int) -> tuple[Token, int]:
    found = _RAW.match(source, position) if source[position] == "`" else _QUOTED.match(source, position)
    if found is None:
        raise BadExpression(
            f"the text that begins with {source[position : position + 12]!r} is not closed or escaped well"
        )
    return Token(STRING, found[found.re.groups]), found.end()
