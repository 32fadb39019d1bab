# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as Ansible users give them to a query."""

from __future__ import annotations

import re

from .._model.durations import parse_go_duration
from .._model.errors import InvalidRequest
from .._model.timestamps import parse_time

_EPOCH = re.compile(r"[0-9]+(\.[0-9]*)?")


def parse_moment(option: str, value: object, now: float) -> float:
    """Seconds of the epoch of ``now``, ``-5m`` (before ``now``), an RFC 3339 time or seconds of the epoch.

    Raises InvalidRequest when it is none of these.
    """
    text = str(value).strip()
    if text == "now":
        return now
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        return now + parse_go_duration(text)
    except ValueError as error:
        parsed = parse_time(text)
        # "2026-05-01" alone would be midnight in UTC, which hardly anybody means.
        if parsed is None or "T" not in text.upper():
            remedy = "give a time such as 2026-05-01T12:00:00Z, seconds of the epoch, now, or -5m for 5 minutes ago"
            raise InvalidRequest(option, value, remedy) from error
        return parsed.timestamp()
