# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verb wants to do, decided before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Protocol, TypeAlias

from .._model.observed import is_observed
from .._model.ownership import Path
from .._model.rollout import INVALID_SPEC, Rollout
from .._model.workload import ReplicaSet, Workload
from .goals import Goal


@dataclass(frozen=True)
class Snapshot:
    """The objects that a verb decides on, read together."""

    rollout: Rollout
    workload: Workload
    now: datetime
    replica_sets: tuple[ReplicaSet, ...] = ()
    lagging: bool = False

    @property
    def observed(self) -> bool:
        """Whether the controller has seen the spec as it is, and its status is about that."""
        return is_observed(self.rollout, self.workload) and not self.lagging


@dataclass(frozen=True)
class MergePatch:
    """A JSON merge patch of the Rollout; the engine adds ``metadata.resourceVersion`` as its lock."""

    body: Mapping[str, Any]
    subresource: str = ""


@dataclass(frozen=True)
class JsonPatch:
    """A JSON patch of the object that holds the pod template; its ``test`` operations are its lock."""

    operations: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class SpecField:
    """A field of a spec that an act changes, in the Rollout or, with ``in_workload``, in what holds its pod template.

    Somebody else may hold another opinion of it. ``path`` is as in ``_model.ownership``; ``back`` tells whether the
    field is what it was before, which ``old`` says in words.
    """

    name: str
    path: Path
    old: str
    back: Callable[[Snapshot], bool]
    in_workload: bool = False

    def holder(self, snapshot: Snapshot) -> Mapping[str, Any]:
        """The object that it is a field of."""
        return snapshot.workload.raw if self.in_workload else snapshot.rollout.raw


class Sight(Enum):
    """What the object shows of a write."""

    PENDING = "pending"
    SEEN = "seen"
    # The controller overwrote or dropped it: decide again from what is there now.
    LOST = "lost"


@dataclass(frozen=True)
class Change:
    """The diff in words of the field: what is, and what will be."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Act:
    """Write these patches in order; ``seen`` says from the object when the controller has reacted.

    ``once`` names the one thing that a task may act on, such as a gate: when a first try was lost or
    overtaken, the task tries again for that thing only and never for the next one. ``fields`` are those of a
    spec, which GitOps tools watch over.
    """

    patches: tuple[MergePatch | JsonPatch, ...]
    change: Change
    message: str
    seen: Callable[[Snapshot], Sight]
    once: str = ""
    fields: tuple[SpecField, ...] = ()


@dataclass(frozen=True)
class Unchanged:
    """The wish is fulfilled already, or there is nothing that it could apply to."""

    message: str


@dataclass(frozen=True)
class NotYet:
    """The rollout must first get somewhere. ``change`` is what will then be written, if that is known."""

    reason: str
    message: str
    change: Change | None = None


@dataclass(frozen=True)
class Refused:
    """It would be wrong to act; ``message`` says why and what to do instead."""

    reason: str
    message: str


Plan: TypeAlias = "Act | Unchanged | NotYet | Refused"


class Verb(Protocol):
    """A typed request."""

    @property
    def name(self) -> str:
        """The module's name."""

    @property
    def goal(self) -> Goal:
        """How far to wait."""

    @property
    def needs_history(self) -> bool:
        """Whether ``plan`` looks at the ReplicaSets."""

    def plan(self, snapshot: Snapshot) -> Plan:
        """Decide; pure."""


def not_observed(snapshot: Snapshot) -> NotYet | None:
    """The rule for every act: never on an object that the controller has not observed yet."""
    if snapshot.observed:
        return None
    return NotYet("not_observed", "the controller has not observed the last change yet")


def not_valid(rollout: Rollout) -> Refused | None:
    """The controller looks no further than a spec that it calls invalid: no promotion, no abort, no retry."""
    invalid = rollout.condition(INVALID_SPEC)
    if invalid is None:
        return None
    return Refused("invalid_spec", f"the spec of {rollout.label} is invalid: {invalid.message}; correct it first")


def paused_field(paused: bool) -> SpecField:
    """``spec.paused``, before an act that turns it to ``paused``."""
    return SpecField(
        "spec.paused",
        ("f:spec", "f:paused"),
        str(not paused).lower(),
        lambda now: now.rollout.spec_paused is not paused,
    )


def resume(rollout: Rollout) -> tuple[MergePatch, ...]:
    """The write that lets a rollout go which ``spec.paused`` holds; none for any other.

    A promotion does it before it writes the status: when the second write is lost, the rollout still stands at its
    gate. An abort does it after that.
    """
    return (MergePatch({"spec": {"paused": False}}),) if rollout.spec_paused else ()


def resumed_fields(rollout: Rollout) -> tuple[SpecField, ...]:
    """The field that ``resume`` writes."""
    return (paused_field(paused=False),) if rollout.spec_paused else ()


def step_text(rollout: Rollout) -> str:
    """Where a canary stands, for messages: ``step 1 of 5 (pause)``."""
    step = rollout.current_step
    total = len(rollout.steps)
    return f"step {rollout.index} of {total} ({step})" if step else f"the end of its {total} steps"
