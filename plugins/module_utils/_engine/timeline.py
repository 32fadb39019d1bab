# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened while a task waited, one entry for each transition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._model.phase import rollout_phase
from .._model.rollout import CANARY, Rollout
from .ports import Clock

Entry = dict[str, Any]
Listener = Callable[[Entry], None]

# A wait of days must not return megabytes; the newest entries are the interesting ones.
MOST_ENTRIES = 500


class Timeline:
    """Collects entries and hands each to a listener, which may print it."""

    def __init__(self, clock: Clock, listener: Listener | None = None) -> None:
        self._clock = clock
        self._listener = listener
        self._last: Entry = {}
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

    def _add(self, entry: Entry) -> None:
        stamped = {
            "time": self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **entry,
        }
        self.entries.append(stamped)
        del self.entries[:-MOST_ENTRIES]
        if self._listener is not None:
            self._listener(stamped)


def _state(rollout: Rollout) -> Entry:
    phase, message = rollout_phase(rollout)
    entry: Entry = {"phase": phase, "message": message, "revision": rollout.revision}
    if rollout.strategy == CANARY:
        entry["step"] = rollout.step_index
        entry["weight"] = {"set": rollout.set_weight, "actual": rollout.actual_weight}
    entry["replicas"] = {name: rollout.counts[name] for name in ("updated", "available")}
    entry["analysis"] = [{"kind": run.kind, "name": run.name, "phase": run.phase} for run in rollout.analysis]
    return entry
