# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart: the pods that are older than a moment are replaced by the controller, a few at a time.

Mirrors ``rollout/restart.go`` of Argo Rollouts v1.10: pods of every ReplicaSet that were created before
``spec.restartAt`` are evicted, as many at once as ``maxUnavailable`` lets (one at least); an eviction that a
PodDisruptionBudget refuses is tried again every 30 seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .._model.errors import InvalidRequest
from .._model.rollout import Rollout
from .._model.timestamps import format_time
from .goals import Goal
from .plan import Act, Change, MergePatch, Plan, Sight, Snapshot, SpecField, Unchanged, not_observed, not_valid

TOKEN_ANNOTATION = "progressive.delivery/restart-token"
_SECOND = timedelta(seconds=1)
# A restart that is set for later than this was scheduled, and not asked for a moment ago.
_SOON = timedelta(seconds=10)


@dataclass(frozen=True)
class Restart:
    """Exactly one of them: ``not_before`` is the age that pods may have, ``token`` stands for one restart."""

    goal: Goal
    not_before: datetime | None = None
    token: str = ""
    name: str = "rollout_restart"
    needs_history: bool = False

    def __post_init__(self) -> None:
        if (self.not_before is None) == (not self.token):
            remedy = "give either not_before, or a token that is another one for each restart"
            raise InvalidRequest("not_before", self.not_before and format_time(self.not_before), remedy)

    def plan(self, snapshot: Snapshot) -> Plan:
        """Write ``spec.restartAt``, and the token with it; nothing when either is on record."""
        rollout = snapshot.rollout
        done = self._on_record(rollout)
        if done:
            return Unchanged(done)
        return not_observed(snapshot) or not_valid(rollout) or self._act(rollout, self._moment(rollout, snapshot.now))

    def _on_record(self, rollout: Rollout) -> str:
        """What was asked for already; empty if it was not."""
        if self.not_before is None:
            same = rollout.annotations.get(TOKEN_ANNOTATION) == self.token
            return f"the restart {self.token} was asked for already" if same else ""
        if rollout.restart_at is None or rollout.restart_at < self.not_before:
            return ""
        return f"the restart of all pods from before {format_time(rollout.restart_at)} was asked for already"

    def _moment(self, rollout: Rollout, now: datetime) -> datetime:
        """A full second, because the controller takes no other for done; all present pods are from before it.

        A second restart within one second gets the next one. A restart that is set for later is brought forward.
        """
        if self.not_before is not None:
            return self.not_before
        moment, last = full_second(now), rollout.restart_at
        return last + _SECOND if last is not None and moment <= last <= now + _SOON else moment

    def _act(self, rollout: Rollout, moment: datetime) -> Act:
        old, new = format_time(rollout.restart_at), format_time(moment)
        body: dict[str, Any] = {"spec": {"restartAt": new}}
        before, after = {"restartAt": old}, {"restartAt": new}
        if self.token:
            body["metadata"] = {"annotations": {TOKEN_ANNOTATION: self.token}}
            before["token"], after["token"] = rollout.annotations.get(TOKEN_ANNOTATION), self.token
        field = SpecField(
            "spec.restartAt",
            ("f:spec", "f:restartAt"),
            old or "nothing",
            lambda now: now.rollout.restart_at == rollout.restart_at,
        )
        return Act(
            patches=(MergePatch(body),),
            change=Change(before, after),
            message=f"asked for a restart of all pods from before {new}",
            seen=lambda now: Sight.SEEN if now.observed else Sight.PENDING,
            fields=(field,),
        )


def parse_moment(option: str, text: str) -> datetime:
    """The full second at or after an RFC 3339 time. Raises InvalidRequest, also for a time without its zone."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return full_second(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(option, text, "give a time with its zone (RFC 3339), such as 2026-01-31T12:00:00Z")


def full_second(moment: datetime) -> datetime:
    """That moment or the next full second after it."""
    return moment.replace(microsecond=0) + (_SECOND if moment.microsecond else timedelta())
