# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From values to places in a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

DAY = 86400.0


class Tick(NamedTuple):
    """A place in percent, and a time of day; there is no room for an ``inner`` one on a phone."""

    place: float
    text: str
    inner: bool


@dataclass(frozen=True)
class TimeScale:
    """Moments as percent of the width, so that a plot fits every screen without its letters shrinking."""

    begin: datetime
    end: datetime

    @classmethod
    def around(cls, moments: Iterable[datetime | None]) -> TimeScale | None:
        """From the first to the last; None without any."""
        known = [moment for moment in moments if moment]
        return cls(min(known), max(known)) if known else None

    @property
    def seconds(self) -> float:
        """What it spans."""
        return (self.end - self.begin).total_seconds()

    def place(self, moment: datetime) -> float:
        """In percent; what lies outside is moved to the edge. A scale of one moment has it in the middle."""
        if self.seconds <= 0:
            return 50.0
        return round(min(1.0, max(0.0, (moment - self.begin).total_seconds() / self.seconds)) * 100, 2)

    def ticks(self) -> list[Tick]:
        """The ends and what divides it into four; with the date where it spans more than a day."""
        if self.seconds <= 0:
            return [Tick(50.0, f"{self.begin:%H:%M:%S}", inner=False)]
        long = self.seconds > DAY
        return [self._tick(index / 4, "%m-%d %H:%M" if long else "%H:%M:%S", long) for index in range(5)]

    def _tick(self, share: float, form: str, long: bool) -> Tick:
        moment = self.begin + (self.end - self.begin) * share
        return Tick(share * 100, f"{moment:{form}}", inner=0 < share < 1 and (long or share != 0.5))


@dataclass(frozen=True)
class ValueScale:
    """Numbers as pixels from ``top`` (the greatest) to ``bottom``."""

    low: float
    high: float
    top: float
    bottom: float

    @classmethod
    def around(cls, values: Sequence[float], top: float, bottom: float) -> ValueScale:
        """Holds all values with some room; zero is its edge where it is near."""
        low, high = min(values), max(values)
        # Halves, because the distance of two huge numbers is infinite.
        half = high / 2 - low / 2
        room = half * 0.3 or abs(high) / 4 or 0.5
        below = 0.0 if 0 <= low <= 3 * half or high == low == 0 else low - room
        above = 0.0 if -3 * half <= high <= 0 and low < high else high + room
        return cls(_finite(below), _finite(above), top, bottom)

    def place(self, value: float) -> float:
        """Pixels from above."""
        span = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / span if span else 0.5
        return round(self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top), 2)

    def ticks(self) -> list[float]:
        """About four round numbers."""
        span = self.high / 2 - self.low / 2
        if not math.isfinite(span * 2) or span * 2 < 1e-300:
            return [self.low, self.high]
        step = _round_step(span / 2)
        first = math.ceil(self.low / step)
        found = [(first + index) * step for index in range(9)]
        return [value for value in found if value <= self.high]


def _finite(value: float) -> float:
    return min(max(value, -1.7e308), 1.7e308)


def _round_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, not below ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= rough), 10 * power)
