# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened while a task waited, one entry for each transition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._cluster.errors import ClusterError
from .._model.result import rollout_result
from .._model.rollout import CANARY, Rollout
from .._model.timestamps import format_milliseconds
from .ports import Clock

Entry = dict[str, Any]
Listener = Callable[[Entry], None]

# A wait of days must not return megabytes; the newest entries are the interesting ones.
MOST_ENTRIES = 500
# Seconds without a word after which a listener is told that the task still lives.
HEARTBEAT = 60.0


class Timeline:
    """Collects entries and hands each to a listener, which may print it.

    Only the listener gets what is no transition: measurements, and a heartbeat each minute.
    """

    def __init__(self, clock: Clock, listener: Listener | None = None) -> None:
        self._clock = clock
        self._listener = listener
        self._last: Entry = {}
        self._heard_at = self._began = clock.monotonic()
        self.entries: list[Entry] = []

    def record(self, rollout: Rollout) -> None:
        """Note the state of the rollout, if it differs from the last one."""
        state = _state(rollout)
        if state != self._last:
            self._last = state
            self._add(state)

    def note(self, reason: str, message: str, **more: Any) -> None:
        """Note something that is not a state of the rollout, such as a lost connection."""
        self._add({"reason": reason, "message": message, **more})

    @property
    def heard(self) -> bool:
        """Whether anybody listens while it happens."""
        return self._listener is not None

    def show(self, entry: Entry) -> None:
        """Tell the listener what is no transition, and so is not kept."""
        self._tell(self._stamped(entry))

    def beat(self, message: str) -> None:
        """Tell the listener once a minute that nothing has changed, and what is waited for."""
        now = self._clock.monotonic()
        if now - self._heard_at >= HEARTBEAT:
            self.show({"heartbeat": True, "message": message, "elapsed": round(now - self._began)})

    def _add(self, entry: Entry) -> None:
        stamped = self._stamped(entry)
        self.entries.append(stamped)
        del self.entries[:-MOST_ENTRIES]
        self._tell(stamped)

    def _stamped(self, entry: Entry) -> Entry:
        return {"time": format_milliseconds(self._clock.now()), **entry}

    def _tell(self, entry: Entry) -> None:
        self._heard_at = self._clock.monotonic()
        if self._listener is not None:
            self._listener(entry)


class Contact:
    """Whether the apiserver answers. Each change is noted once, so that an outage does not push the rest out."""

    def __init__(self, host: str, timeline: Timeline) -> None:
        self._host, self._timeline = host, timeline
        self.lost: ClusterError | None = None

    def is_lost(self, error: ClusterError) -> None:
        """It does not, and this is why."""
        if self.lost is None:
            self._timeline.note("unreachable", f"{error}; trying again")
        self.lost = error

    def is_back(self) -> None:
        """It does."""
        if self.lost is not None:
            self._timeline.note("reconnected", f"{self._host} answers again")
        self.lost = None


def _state(rollout: Rollout) -> Entry:
    """What of the result can change while a task waits, in the same words."""
    shown = rollout_result(rollout)
    keys = ("phase", "message", "revision", *(("step", "weight") if rollout.strategy == CANARY else ()), "paused")
    pods = shown["replicas"]
    return {
        **{key: shown[key] for key in keys},
        "replicas": {name: pods[name] for name in ("desired", "updated", "available")},
        "analysis": [{"kind": run.kind, "name": run.name, "phase": run.phase} for run in rollout.analysis],
    }
