# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields that nobody knows, that hold the wrong kind of value, or that have to be there.

The plugin decodes Rollouts, Services and Ingresses strictly (``lint.go``, UnmarshalStrict); the apiserver does so with
everything that it stores. A pod template is the exception: there the apiserver keeps what the controller drops.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from .fields import FIELDS
from .places import Finding, Place

_WORDS = {
    "string": "a text",
    "int": "a whole number",
    "bool": "true or false",
    "intstr": "a number or a text",
    "quantity": "a quantity such as 500m",
}


def check_shape(place: Place, kind: str) -> Iterator[Finding]:
    """What is wrong with the fields of a value that should be of the type ``kind`` of FIELDS."""
    if not place.given or kind == "any":
        return
    if kind.startswith(("[]", "{}")):
        yield from _each(place, kind)
    elif kind in _WORDS:
        if not _fits(place, kind):
            yield _wrong(place, _WORDS[kind])
    elif not isinstance(place.value, Mapping):
        yield _wrong(place, "a mapping")
    else:
        yield from _members(place, kind)


def _each(place: Place, kind: str) -> Iterator[Finding]:
    listed = kind.startswith("[]")
    if not isinstance(place.value, list | tuple if listed else Mapping):
        yield _wrong(place, "a list" if listed else "a mapping")
    for item in place.items() if listed else place.entries():
        yield from check_shape(item, kind[2:])


def _members(place: Place, kind: str) -> Iterator[Finding]:
    fields = _fields(kind)
    for member in place.entries():
        if member.key in fields:
            yield from check_shape(member, fields[member.key][0])
        else:
            yield _unknown(member, kind)
    for name, (_other, required) in fields.items():
        if required and not place.at(name).given:
            yield place.at(name).finding("missing-field", f"{place.label or kind} has no {name}")


@cache
def _fields(kind: str) -> Mapping[str, tuple[str, bool]]:
    """Type of each field, and whether it is required."""
    pairs = (word.split(":", 1) for word in FIELDS[kind].split())
    return {name.rstrip("!"): (of, name.endswith("!")) for name, of in pairs}


def _fits(place: Place, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(place.value, str)
        case "bool":
            return isinstance(place.value, bool)
        case "int":
            return place.number is not None
        case "intstr":
            return isinstance(place.value, str) or place.number is not None
        case _:
            return isinstance(place.value, str) or _is_number(place.value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(place: Place, wanted: str) -> Finding:
    remedy = "Put the value in quotes." if wanted == "a text" and not isinstance(place.value, list | Mapping) else ""
    return place.finding("wrong-type", f"{place.label} holds {_kind(place.value)} instead of {wanted}", remedy)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case Mapping():
            return "a mapping"
    return "a list" if isinstance(value, list | tuple) else "something else"


def _unknown(place: Place, kind: str) -> Finding:
    close = difflib.get_close_matches(place.key, _fields(kind), n=1, cutoff=0.7)
    remedy = f"Did you mean {close[0]}?" if close else ""
    return place.finding("unknown-field", f"{kind} has no field {place.key}, so it would be dropped", remedy)
