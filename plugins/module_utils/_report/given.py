# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a tree that somebody else has made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .._model.timestamps import format_milliseconds, parse_time

Tree = dict[str, Any]

# Beyond it floats have gaps between whole numbers.
_EXACT = 2**53
# Templates make texts of numbers.
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?(e\+[0-9]+)?")


class Given:
    """A dictionary, read without trust: what is missing, null or of another kind reads as nothing.

    A release that was cut off leaves half of its facts behind, and it is then that its report is needed.
    """

    def __init__(self, raw: object) -> None:
        self._raw: Mapping[Any, Any] = raw if isinstance(raw, Mapping) else {}

    def __bool__(self) -> bool:
        return bool(self._raw)

    def has(self, key: str) -> bool:
        """Whether there is anything but null."""
        return self._raw.get(key) is not None

    def text(self, key: str) -> str:
        """A text or a number as a text."""
        return as_text(self._raw.get(key))

    def number(self, key: str) -> float | None:
        """A finite number."""
        return as_number(self._raw.get(key))

    def whole(self, key: str) -> int | None:
        """A number without its fraction."""
        number = self.number(key)
        return None if number is None else int(number)

    def flag(self, key: str) -> bool:
        """Whether it is true; nothing else counts as true."""
        return self._raw.get(key) is True

    def child(self, key: str) -> Given:
        """A dictionary."""
        return Given(self._raw.get(key))

    def children(self, key: str) -> list[Given]:
        """The dictionaries of a list."""
        return [Given(item) for item in as_list(self._raw.get(key)) if isinstance(item, Mapping)]

    def texts(self, key: str) -> list[str]:
        """The texts of a list."""
        return [text for text in map(as_text, as_list(self._raw.get(key))) if text]

    def numbers(self, key: str) -> list[float | None]:
        """The numbers of a list; None for what is none."""
        return [as_number(item) for item in as_list(self._raw.get(key))]

    def pairs(self, key: str) -> list[tuple[str, str]]:
        """The entries of a dictionary of texts, in its order."""
        return [(as_text(name), as_text(value)) for name, value in self.child(key)._raw.items()]

    def named(self, key: str) -> list[tuple[str, Given]]:
        """The entries of a dictionary of dictionaries, in its order."""
        return [(as_text(name), Given(value)) for name, value in self.child(key)._raw.items()]

    def moment(self, key: str) -> datetime | None:
        """An RFC 3339 time, or seconds since 1970; in UTC."""
        text = self.text(key)
        try:
            if _SECONDS.fullmatch(text):
                return datetime.fromtimestamp(float(text), UTC)
            found = parse_time(text)
            return found.astimezone(UTC) if found else None
        except (OverflowError, OSError, ValueError):
            return None


def as_list(raw: object) -> Sequence[Any]:
    """A list as it is; nothing else is one."""
    return raw if isinstance(raw, (list, tuple)) else ()


def as_text(raw: object) -> str:
    """A text or a number as a text; empty for anything else."""
    if isinstance(raw, str):
        return str(raw)
    return str(raw) if isinstance(raw, (int, float)) and as_number(raw) is not None else ""


def as_number(raw: object) -> float | None:
    """A finite number, without a fraction of zero; None for anything else, a boolean included."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    try:
        number = float(raw)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def stamp(moment: datetime | None) -> str | None:
    """A time as the report tells it: RFC 3339 in UTC, to the millisecond."""
    return format_milliseconds(moment) if moment else None
