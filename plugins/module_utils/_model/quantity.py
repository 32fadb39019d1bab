# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities of Kubernetes, such as ``500m`` and ``1Gi``."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3}|)")
_PLAIN = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def parse_quantity(value: object) -> Decimal | None:
    """The number that a text or a number stands for; None when it is no quantity."""
    found = _QUANTITY.fullmatch(str(value))
    if found is None or isinstance(value, bool):
        return None
    number, suffix = Decimal(found[1]), found[2]
    if suffix in _BINARY:
        return number * Decimal(1024 ** (_BINARY.index(suffix) + 1))
    return number.scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))


def same_quantity(one: object, other: object) -> bool:
    """Whether both are quantities, and the same one."""
    number = parse_quantity(one)
    return number is not None and number == parse_quantity(other)


def canonical(value: object) -> object:
    """The quantity as the controller spells it when it writes the spec back: ``500m`` for 0.5, ``1Gi`` for ``1024Mi``.

    Forms that it leaves alone stay, such as one with an exponent, and so does what is no quantity. As
    ``Quantity.CanonicalizeBytes`` in k8s.io/apimachinery.
    """
    found, number = _PLAIN.fullmatch(str(value)), parse_quantity(value)
    if found is None or number is None:
        return value
    if found[1] in _BINARY and abs(number) >= 1024 and number == int(number):
        return _shortest(int(number), 1024, ("", *_BINARY))
    nanos = number.scaleb(9)
    return _shortest(int(nanos), 1000, tuple(_DECIMAL)) if nanos == int(nanos) else value


def _shortest(number: int, step: int, suffixes: tuple[str, ...]) -> str:
    """A whole number of the largest unit; the first suffix is that of ``number``."""
    place = 0
    while number and number % step == 0 and place < len(suffixes) - 1:
        number, place = number // step, place + 1
    return f"{number}{suffixes[place]}" if number else "0"
