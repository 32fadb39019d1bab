# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a measured value says anything.

The controller stores each provider's answer as text: ``[0.97]`` or ``NaN`` for Prometheus, JSON for a web metric,
Go's own notation (``[[0.1 0.2] []]``, ``[<nil>]``) for some others.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_NO_VALUE = frozenset({"", "nan", "null", "nil", "<nil>"})
_BETWEEN = re.compile(r"[\[\]\s,]+")


def says_nothing(text: str) -> bool:
    """Whether a value is empty, or made of nothing but NaN, null and empty parts.

    One number in a list is enough to say something; so are a boolean, any other text, and an infinity.
    """
    try:
        return _is_nothing(json.loads(text))
    except ValueError:
        return all(part.lower() in _NO_VALUE for part in _BETWEEN.split(text))


def is_json(text: str) -> bool:
    """Whether a web metric's value was looked at: a body that is no JSON passes without a look at the conditions."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_nothing(value: Any) -> bool:
    match value:
        case dict():
            return all(map(_is_nothing, value.values()))
        case list():
            return all(map(_is_nothing, value))
        case str():
            return value.strip().lower() in _NO_VALUE
        case float():
            return math.isnan(value)
    return value is None
