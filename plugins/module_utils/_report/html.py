# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing HTML in which nothing but this collection's own code can be markup.

Elements are made by ``element`` alone, which escapes every text that is not markup already. The result is well-formed
XML as well, so a test can parse it strictly.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from .given import as_number

# Characters. A message may hold a page of somebody's HTML.
LONGEST = 2000
_VOID = frozenset({"meta", "br", "line", "rect", "circle", "path"})

Child = object
Value: TypeAlias = "str | float | None"


class Markup(str):
    """Text that is HTML already. Only this module makes it."""

    __slots__ = ()


NOTHING = Markup("")


def element(tag: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element. ``class_`` and ``aria_label`` become ``class`` and ``aria-label``; None leaves an attribute out."""
    head = tag + "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID and not children:
        return Markup(f"<{head}/>")
    return Markup(f"<{head}>{together(*children)}</{tag}>")


def together(*children: Child) -> Markup:
    """Several one after another; None and lists are allowed."""
    return Markup("".join(_child(child) for child in children))


def joined(children: Iterable[Child], separator: str = ", ") -> Markup:
    """With a text between them."""
    return Markup(_text(separator).join(_child(child) for child in children))


def style_element(css: str) -> Markup:
    """A style sheet of our own; HTML does not unescape what is in it."""
    return Markup(f"<style>{css}</style>")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return str(child)
    if isinstance(child, (list, tuple)):
        return together(*child)
    return _text(child)


def _text(value: object) -> str:
    return escape(_readable(value if isinstance(value, str) else show_number(value)), quote=True)


def _readable(text: str) -> str:
    """Without characters that are not allowed, not to be seen, or turn the direction of what follows."""
    shown = text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"
    return "".join(char if char.isprintable() or char == "\n" else _instead(char) for char in shown)


def _instead(char: str) -> str:
    return " " if char.isspace() or char < " " else "\ufffd"


def show_number(value: object) -> str:
    """A number for people: whole ones as they are, others with six digits; empty for what is none."""
    number = as_number(value)
    if number is None:
        return ""
    return str(number) if isinstance(number, int) else f"{number:.6g}"
