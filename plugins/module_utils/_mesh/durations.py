# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Durations: Istio's rules write Go's (`100ms`), Envoy's JSON reads seconds (`0.1s`)."""

from __future__ import annotations

from .._model.durations import parse_go_duration
from .objects import Notes


def envoy_duration(value: object, notes: Notes) -> str | None:
    """None, and a note, for what is no duration."""
    try:
        seconds = parse_go_duration(str(value))
    except ValueError:
        seconds = -1.0
    if seconds < 0:
        notes.add(f"{value!r} is no duration such as 2s or 100ms, and has no effect")
        return None
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
