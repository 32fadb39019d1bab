# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait: write nothing, only reach a goal."""

from __future__ import annotations

from dataclasses import dataclass

from .._model.errors import InvalidRequest
from .goals import FAIL_ON, Goal, Until
from .plan import Plan, Snapshot, Unchanged


@dataclass(frozen=True)
class Wait:
    """Follow the rollout until the goal holds."""

    goal: Goal
    name: str = "rollout_wait"
    needs_history: bool = False

    def __post_init__(self) -> None:
        for until, option, value in (
            (Until.STEP, "step", self.goal.step),
            (Until.WEIGHT, "weight", self.goal.weight),
        ):
            if self.goal.until is until and value is None:
                raise InvalidRequest(option, value, f"until: {until.value} needs it")
            if value is not None and value < 0:
                raise InvalidRequest(option, value, "give a number of 0 or more")
        unknown = sorted(self.goal.fail_on - set(FAIL_ON))
        if unknown:
            raise InvalidRequest("fail_on", unknown, f"use any of {', '.join(FAIL_ON)}")

    def plan(self, snapshot: Snapshot) -> Plan:
        """Nothing to write."""
        return Unchanged("")
