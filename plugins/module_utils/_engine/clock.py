# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real clock, and how it is put right."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .ports import Clock, ClusterPort

# The apiserver tells its time to the second, and a slow answer makes it older.
TOLERANCE = timedelta(seconds=3)


class SystemClock:
    """Time as the machine has it."""

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def now(self) -> datetime:
        """The time of day in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Block."""
        time.sleep(seconds)


class ClusterClock:
    """A clock of this host that goes by the apiserver's when it is off: the times in objects are that one's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cluster: ClusterPort | None = None

    def connected(self, connect: Callable[[], ClusterPort]) -> Callable[[], ClusterPort]:
        """The same connection, which tells the time from its first answer on."""

        def connection() -> ClusterPort:
            self._cluster = connect()
            return self._cluster

        return connection

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self._clock.monotonic()

    def now(self) -> datetime:
        """The time of day in UTC."""
        ours, theirs = self._clock.now(), self._cluster.time() if self._cluster else None
        return ours if theirs is None or abs(theirs - ours) <= TOLERANCE else theirs

    def sleep(self, seconds: float) -> None:
        """Block."""
        self._clock.sleep(seconds)
