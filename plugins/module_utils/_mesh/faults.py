# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Delays and aborts that a VirtualService injects."""

from __future__ import annotations

from .durations import envoy_duration
from .objects import Notes, Object, Tree

FILTER = "envoy.filters.http.fault"
FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"


def share(percent: float) -> Tree:
    """A percentage with four places behind the point, which is what Envoy can do."""
    return {"numerator": min(max(round(percent * 10_000), 0), 1_000_000), "denominator": "MILLION"}


def fault(raw: Object, notes: Notes) -> Tree | None:
    """The configuration of Envoy's fault filter for a route; None where nothing is injected."""
    notes.unsupported(raw, ("delay", "abort"))
    config: Tree = {}
    if raw.get("delay"):
        config |= _delay(raw["delay"], notes.at("delay"))
    if raw.get("abort"):
        config |= _abort(raw["abort"], notes.at("abort"))
    return {"@type": FAULT, **config} if config else None


def _delay(raw: Object, notes: Notes) -> Tree:
    notes.unsupported(raw, ("fixedDelay", "percentage", "percent"))
    duration = envoy_duration(raw.get("fixedDelay"), notes.at("fixedDelay"))
    return {"delay": {"fixed_delay": duration, "percentage": _percentage(raw)}} if duration not in (None, "0s") else {}


def _abort(raw: Object, notes: Notes) -> Tree:
    notes.unsupported(raw, ("httpStatus", "percentage", "percent"))
    status = int(raw.get("httpStatus") or 0)
    if not 200 <= status < 600:
        notes.add(f"httpStatus {status or 'is missing and'} cannot be answered; nothing is aborted")
        return {}
    return {"abort": {"http_status": status, "percentage": _percentage(raw)}}


def _percentage(raw: Object) -> Tree:
    """None given means no request, as in Istio."""
    value = (raw.get("percentage") or {}).get("value")
    return share(float(value if value is not None else raw.get("percent") or 0))
