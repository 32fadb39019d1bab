# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations as Argo Rollouts and Ansible users write them."""

from __future__ import annotations

import re

from .errors import InvalidRequest

# Units of Go's time.ParseDuration, in seconds. Both spellings of micro are in use.
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_INT32 = 2**31
# Go counts nanoseconds in an int64.
_TOO_LONG = 2**63 / 1e9


def parse_go_duration(text: str) -> float:
    """Seconds of a Go duration such as ``1h30m`` or ``-1.5s``; mirrors ``time.ParseDuration``.

    Raises ValueError for anything that Go refuses, such as a number without a unit (except ``0``).
    """
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    position, seconds = 0, 0.0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            raise ValueError(f"invalid duration {text!r}")
        seconds += float(part.group(1)) * _UNITS[part.group(2)]
        position = part.end()
    if position == 0 or seconds >= _TOO_LONG:
        raise ValueError(f"invalid duration {text!r}")
    return sign * seconds


def parse_pause_duration(value: object) -> int | None:
    """Whole seconds of a canary step's ``pause.duration``; None when it is absent (a pause without end).

    Mirrors ``RolloutPause.DurationSeconds``: an integer, a string of digits, or a Go duration; -1 for
    a string that is none of these (the controller's validation refuses such a Rollout).
    """
    if value is None:
        return None
    if isinstance(value, int):
        return value
    text = str(value)
    if _INTEGER.fullmatch(text) and -_INT32 <= int(text) < _INT32:
        return int(text)
    try:
        return int(parse_go_duration(text))
    except ValueError:
        return -1


def parse_timeout(option: str, value: object) -> float:
    """Seconds of a timeout option: a number of seconds (``300``, ``"300"``) or a duration (``5m``).

    Raises InvalidRequest when it is neither, or negative.
    """
    remedy = "give a number of seconds such as 300, or a duration such as 5m or 1h30m"
    text = str(value).strip()
    try:
        seconds = float(text) if _NUMBER.fullmatch(text) else parse_go_duration(text)
    except ValueError as error:
        raise InvalidRequest(option, value, remedy) from error
    if seconds < 0:
        raise InvalidRequest(option, value, remedy)
    return seconds


def parse_span(option: str, value: object) -> float:
    """As ``parse_timeout``, but more than 0."""
    seconds = parse_timeout(option, value)
    if seconds == 0:
        raise InvalidRequest(option, value, "give more than 0 seconds")
    return seconds


def format_seconds(seconds: float) -> str:
    """A duration for people: ``45s``, ``5m``, ``1h30m``, ``0.5s``."""
    if seconds < 60:
        return f"{seconds:.3g}s" if seconds % 1 else f"{int(seconds)}s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount)
