# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in documents: a value, where it is, and what can be asked of it whatever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .documents import Document, Path
from .rules import RULES

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where."""

    rule: str
    severity: str
    file: str
    line: int | None
    path: str
    object: str
    message: str
    remedy: str


@dataclass(frozen=True, eq=False)
class Place:
    """A value of a document. What has another shape than the one that is asked for counts as absent."""

    document: Document
    path: Path
    value: Any

    def at(self, *keys: str) -> Place:
        value, path = self.value, self.path
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
            path = (*path, key)
        return Place(self.document, path, value)

    @property
    def given(self) -> bool:
        """Whether it is there; null is as good as absent."""
        return self.value is not None

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> int | None:
        """A whole number."""
        if isinstance(self.value, float) and self.value.is_integer():
            return int(self.value)
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def number_or(self, default: int) -> int:
        return default if self.number is None else self.number

    @property
    def whole(self) -> int:
        """A number or the text of one; 0 for anything else, as the controller has it (``IntOrString.IntValue``)."""
        return self.number_or(int(self.text) if _WHOLE.fullmatch(self.text) else 0)

    @property
    def true(self) -> bool:
        return self.value is True

    @property
    def mapping(self) -> Mapping[str, Any]:
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def texts(self) -> dict[str, str]:
        """A mapping of texts, such as labels."""
        return {key: value for key, value in self.mapping.items() if isinstance(value, str)}

    def items(self) -> list[Place]:
        """The elements of a list."""
        if not isinstance(self.value, list | tuple):
            return []
        return [Place(self.document, (*self.path, index), item) for index, item in enumerate(self.value)]

    def repeated_names(self) -> Iterator[Place]:
        """The names of those elements of a list whose name an earlier element has, too."""
        seen: set[str] = set()
        for item in self.items():
            name = item.at("name")
            if name.text in seen:
                yield name
            seen.add(name.text)

    def entries(self) -> list[Place]:
        """The values of a mapping; ``key`` is the name of each."""
        return [Place(self.document, (*self.path, key), value) for key, value in self.mapping.items()]

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def label(self) -> str:
        """The path as people write it: ``spec.strategy.canary.steps[1].setWeight``."""
        words = ""
        for key in self.path:
            if isinstance(key, int):
                words += f"[{key}]"
            elif _PLAIN_KEY.fullmatch(str(key)):
                words += f".{key}" if words else key
            else:
                words += f"['{key}']"
        return words

    def strings(self) -> Iterator[Place]:
        """Every text in it, at any depth, in order; what an alias of YAML repeats counts once."""
        rest, seen = [self], set[int]()
        while rest:
            place = rest.pop()
            if isinstance(place.value, str):
                yield place
            elif id(place.value) not in seen:
                seen.add(id(place.value))
                rest += reversed(place.entries() or place.items())

    def finding(self, rule: str, message: str, remedy: str = "") -> Finding:
        """A finding about this place; the remedy is the rule's where none is given."""
        known = RULES[rule]
        return Finding(
            rule,
            known.severity,
            self.document.file,
            self.document.line(self.path),
            self.label,
            self.document.label,
            message,
            remedy or known.remedy,
        )
