# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._model.analysis import AnalysisRun
from .._model.experiment import Experiment
from .._model.result import rollout_result
from .._model.waiting import waiting_for
from .._verbs.plan import Change, Snapshot

# Of a write that no later look can tell.
IN_DOUBT = "The write was answered by an error, or not at all: whether it was done is unknown"


def about(label: str, message: str) -> str:
    """The message with the name of the object before it, unless it names it already."""
    return message if label in message else f"{label}: {message}"


class Stop(Exception):
    """The task cannot go on; ``reason`` is the machine's word and the text is for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def unreachable(text: object, error: Exception) -> Stop:
    """At the deadline: what the task was at, and what kept it from hearing of it."""
    return Stop("unreachable", f"{text}. {error}; check the network and the apiserver")


@dataclass(frozen=True)
class Outcome:
    """Everything that a result is made of."""

    changed: bool
    failed: bool
    reason: str
    message: str
    snapshot: Snapshot | None = None
    change: Change | None = None
    timeline: list[dict[str, Any]] = field(default_factory=list)
    runs: tuple[AnalysisRun, ...] = ()
    experiment: Experiment | None = None
    warnings: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """The keys that every verb returns, also on failure."""
        result: dict[str, Any] = {
            "changed": self.changed,
            "failed": self.failed,
            "reason": self.reason,
            "msg": self.message,
            "rollout": None,
            "timeline": self.timeline,
            "waiting": None,
        }
        if self.snapshot is not None:
            result["rollout"] = self._rollout(self.snapshot)
            result["revision"] = self.snapshot.rollout.revision
            result["waiting"] = waiting_for(self.snapshot.rollout, self.snapshot.observed).as_result()
        if self.warnings:
            result["warnings"] = list(self.warnings)
        if self.change is not None:
            result["diff"] = show_change(self.change, self.snapshot.rollout.label if self.snapshot else "")
        return result

    def _rollout(self, snapshot: Snapshot) -> dict[str, Any]:
        shown = rollout_result(snapshot.rollout, snapshot.workload, self.experiment)
        if self.runs:
            shown["analysis"] = [run.as_result() for run in self.runs]
        return shown


def show_change(change: Change, label: str) -> Mapping[str, Any]:
    """As Ansible shows a difference; ``label`` says of what."""
    return {
        "before_header": label,
        "after_header": label,
        "before": dict(change.before),
        "after": dict(change.after),
    }
