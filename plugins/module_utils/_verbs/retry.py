# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry: start an aborted update again, from its first step."""

from __future__ import annotations

from dataclasses import dataclass

from .goals import Goal
from .plan import Act, Change, MergePatch, Plan, Sight, Snapshot, Unchanged, not_observed, not_valid


@dataclass(frozen=True)
class Retry:
    """Withdraw the abort."""

    goal: Goal
    name: str = "rollout_retry"
    needs_history: bool = False

    def plan(self, snapshot: Snapshot) -> Plan:
        """Clear ``status.abort``; nothing to do on a rollout that is not aborted."""
        rollout = snapshot.rollout
        blocked = not_observed(snapshot)
        if blocked:
            return blocked
        if not rollout.abort:
            return Unchanged("it is not aborted, so there is nothing to retry")
        invalid = not_valid(rollout)
        if invalid:
            return invalid
        return Act(
            patches=(MergePatch({"status": {"abort": False}}, "status"),),
            change=Change({"aborted": True}, {"aborted": False}),
            message=f"revision {rollout.revision} starts again from its first step",
            seen=_seen,
        )


def _seen(now: Snapshot) -> Sight:
    settled = now.rollout.aborted_at is None and now.rollout.abort_condition is None
    # A new abort after the retry (an analysis that fails at once) is a reaction too.
    return Sight.SEEN if settled or now.rollout.abort else Sight.PENDING
