# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Rollout does not tell of its restart: which pods are still to come, and who refuses to let one go."""

from __future__ import annotations

from .._cluster.errors import ClusterError, Forbidden
from .._model.disruption import Budget
from .._model.restart import pods_to_come
from .._model.rollout import HASH_LABEL
from .._model.waiting import PODS, Waiting
from .._verbs.goals import LOOKS_AT_PODS_AGAIN
from .._verbs.plan import Snapshot
from .outcome import Stop
from .ports import Clock
from .reader import Reader
from .timeline import Timeline

# Seconds between two looks, however often the Rollout changes.
LOOK_EVERY = 2.5

BLOCKED = "pdb_blocked"
_REMEDY = "Change the budget or have more replicas; the controller tries again every 30 s, so the restart goes on then"
_LOOK = "Look at the pods; the controller goes on as soon as they are available, or give it more time with wait_timeout"


class Restarting:
    """Looks at pods and budgets; who may not read them learns nothing of them."""

    def __init__(self, reader: Reader, clock: Clock, timeline: Timeline) -> None:
        self._reader, self._clock, self._timeline = reader, clock, timeline
        self._looked_at: float | None = None
        self._found: Budget | None = None
        self._told = ""

    def unfinished(self, snapshot: Snapshot) -> Waiting | None:
        """What is left of a restart that the status calls done; None if that is so.

        The controller may call it done as it evicts the last pod, while it still counts that one as available.
        """
        try:
            missing = pods_to_come(self._reader.pods(snapshot.rollout), snapshot.rollout)
        except Forbidden:
            return None
        text = f"all old pods are gone or going, {missing} of the new ones are not ready yet"
        return Waiting(PODS, text, snapshot.now + LOOKS_AT_PODS_AGAIN) if missing else None

    def hindrance(self, snapshot: Snapshot) -> str:
        """The budget in the way, in words; empty if there is none. Looks for it once in a while, and remembers it."""
        now = self._clock.monotonic()
        if self._looked_at is None or now - self._looked_at >= LOOK_EVERY:
            self._looked_at = now
            self._found = self._refusing(snapshot)
        if self._found is not None and self._found.for_good and self._told != self._found.label:
            self._told = self._found.label
            self._timeline.note(BLOCKED, f"{self._found}. {_REMEDY}")
        return str(self._found) if self._found else ""

    def out_of_time(self, snapshot: Snapshot, state: str) -> Stop:
        """The end of a restart that was not through at the deadline."""
        text = f"{snapshot.rollout.label} is not restarted in time: {state}"
        if self._found is not None and self._found.for_good:
            return Stop(BLOCKED, f"{text}. {_REMEDY}")
        return Stop("timeout", f"{text}. {_LOOK}")

    def _refusing(self, snapshot: Snapshot) -> Budget | None:
        """The budget of its pods that lets none go; one that cannot change its mind before others."""
        template = snapshot.workload.template.get("metadata") or {}
        labels = {**(template.get("labels") or {}), HASH_LABEL: snapshot.rollout.current_hash}
        try:
            budgets = [budget for budget in self._reader.budgets() if budget.refuses(labels)]
        except ClusterError:
            return None
        return max(budgets, key=lambda budget: budget.for_good, default=None)
