# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Abort: traffic goes back to the stable version, the spec stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._model.rollout import Rollout
from .goals import Goal, is_restored
from .plan import (
    Act,
    Change,
    MergePatch,
    Plan,
    Refused,
    Sight,
    Snapshot,
    Unchanged,
    not_observed,
    not_valid,
    resume,
    resumed_fields,
    step_text,
)


@dataclass(frozen=True)
class Abort:
    """Abort the update that is on its way."""

    goal: Goal
    name: str = "rollout_abort"
    needs_history: bool = False

    def plan(self, snapshot: Snapshot) -> Plan:
        """Set ``status.abort``; a full promotion must be withdrawn with it, or the controller drops the abort."""
        rollout = snapshot.rollout
        blocked = not_observed(snapshot)
        if blocked:
            return blocked
        if not rollout.stable_hash:
            text = f"{rollout.label} has no stable version yet to go back to"
            return Refused("no_stable", f"{text}; correct the image with rollout_set_image, or delete the Rollout")
        if rollout.fully_promoted:
            return Unchanged(f"nothing is on its way to abort; revision {rollout.revision} is the stable version")
        if rollout.abort and (not rollout.spec_paused or is_restored(rollout)):
            return Unchanged("it is aborted already")
        return not_valid(rollout) or _act(rollout)


def _act(rollout: Rollout) -> Act:
    """The mark, and the resume of a rollout that ``spec.paused`` holds.

    Held, it would keep the pods of the new version, and without a router also their users (``haltProgress`` in
    ``rollout/context.go``). It is let go after the mark, so that it takes no step in between.
    """
    marks: dict[str, Any] = {"abort": True} | ({"promoteFull": None} if rollout.promote_full else {})
    mark = () if rollout.abort else (MergePatch({"status": marks}, "status"),)
    go = resume(rollout)
    return Act(
        patches=(*mark, *go),
        change=Change(
            ({"aborted": False, "at": step_text(rollout)} if mark else {}) | ({"paused": True} if go else {}),
            ({"aborted": True} if mark else {}) | ({"paused": False} if go else {}),
        ),
        message=(f"aborted revision {rollout.revision} at {step_text(rollout)}" if mark else "it is aborted already")
        + (", and resumed it so that its way back is free" if go else ""),
        seen=_seen,
        fields=resumed_fields(rollout),
    )


def _seen(now: Snapshot) -> Sight:
    # A rollout that was promoted meanwhile, or is rolled back within its window, refuses an abort.
    if now.rollout.fully_promoted:
        return Sight.LOST
    if now.rollout.abort and now.rollout.aborted_at is not None and now.observed:
        return Sight.SEEN
    return Sight.PENDING if now.rollout.abort else Sight.LOST
