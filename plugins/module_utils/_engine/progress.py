# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a timeline as lines for people: one plain line each, with what is new in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Entry = Mapping[str, Any]

# Characters. A controller's message may hold a page of somebody's HTML.
LONGEST = 300


class Progress:
    """The lines of one task. ``label`` is the object that it is about, as in production/shop."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._began: datetime | None = None
        self._known: dict[str, str] = {}

    def line(self, entry: Entry) -> str:
        """The line, without a line break; empty when there is nothing new to tell."""
        now = _time(entry["time"])
        self._began = self._began or now
        news = self._state(entry, now) if "phase" in entry else _event(entry)
        return _plain(f"{self._label} {_elapsed((now - self._began).total_seconds())} {news}") if news else ""

    def _state(self, entry: Entry, now: datetime) -> str:
        """What differs from the last state."""
        parts = {name: tell(entry, now) for name, tell in _PARTS.items()} | _analyses(entry)
        news = [text for name, text in parts.items() if text and text != self._known.get(name)]
        before, self._known = self._known, parts
        if not news and before.get("paused"):
            news = ["goes on"]
        return "; ".join(news or filter(None, [_message(entry)]))


def _phase(entry: Entry, _now: datetime) -> str:
    """With the controller's words where something is wrong."""
    troubled = entry["phase"] not in ("Progressing", "Paused", "Healthy")
    message = _message(entry)
    return f"{entry['phase']}: {message}" if troubled and message else str(entry["phase"])


def _message(entry: Entry) -> str:
    return str(entry.get("message") or "")


def _revision(entry: Entry, _now: datetime) -> str:
    return f"revision {entry['revision']}" if entry.get("revision") else ""


def _step(entry: Entry, _now: datetime) -> str:
    step = entry.get("step")
    if not step or not step["total"]:
        return ""
    return f"step {step['index']}/{step['total']}" + (f" {step['current']}" if step["current"] else "")


def _weight(entry: Entry, _now: datetime) -> str:
    weight = entry.get("weight")
    return f"weight {weight['set']} (actual {weight['actual']})" if weight else ""


def _pods(entry: Entry, _now: datetime) -> str:
    pods = entry.get("replicas")
    if not pods:
        return ""
    return f"pods {pods['updated']}/{pods['desired']} updated, {pods['available']} available"


def _paused(entry: Entry, now: datetime) -> str:
    pause = entry.get("paused")
    if not pause:
        return ""
    if not pause["until"]:
        return f"paused: {pause['reason']}, waits for {_WAY_ON.get(pause['reason'], 'rollout_promote')}"
    until = _time(pause["until"])
    left = max(0, round((until - now).total_seconds()))
    return f"paused: {pause['reason']} until {until:%H:%M:%S}Z ({left} s left)"


_WAY_ON = {
    "manually paused": "rollout_pause with state: resumed",
    "InconclusiveAnalysisRun": "a decision: rollout_promote or rollout_abort",
}

_PARTS: Mapping[str, Callable[[Entry, datetime], str]] = {
    "phase": _phase,
    "revision": _revision,
    "step": _step,
    "weight": _weight,
    "pods": _pods,
    "paused": _paused,
}


def _analyses(entry: Entry) -> dict[str, str]:
    return {f"analysis {run['name']}": f"analysis {run['name']} {run['phase']}" for run in entry.get("analysis") or ()}


def _event(entry: Entry) -> str:
    """What is no state: a measurement, a heartbeat, a lost connection."""
    if entry.get("heartbeat"):
        return f"still waiting: {_message(entry)}"
    if run := entry.get("analysis_run"):
        return f"analysis {run} {_message(entry)}"
    return f"{entry['reason']}: {_message(entry)}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _plain(text: str) -> str:
    """One line that every terminal and log can show; nothing in it can steer a terminal."""
    words = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    shown = words.encode("ascii", "backslashreplace").decode()
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
