# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error of bad input."""

from __future__ import annotations

from collections.abc import Sequence


class InvalidRequest(ValueError):
    """An option holds a value that cannot be acted on.

    The text names the option, the value and the remedy, so that it can be shown as it is.
    """

    def __init__(self, option: str, value: object, remedy: str) -> None:
        missing = value is None or value == {} or value == []
        problem = f"{option} is missing" if missing else f"{option}: {value!r} is not usable"
        super().__init__(f"{problem}; {remedy}")
        self.option = option
        self.value = value
        self.remedy = remedy


def check_one_of(option: str, value: object, known: Sequence[str]) -> None:
    """Raise InvalidRequest unless the value is one of these words."""
    if value not in known:
        raise InvalidRequest(option, value, f"use one of {', '.join(known)}")
