# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a task makes itself and that run once: AnalysisRuns and Experiments. What to do, decided purely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .._model.analysis import controller_of
from .._model.phase import COMPLETED_ANALYSIS
from .._model.template import without_nulls
from .plan import Change, NotYet, Refused, Unchanged

NEVER, FINISHED, ALWAYS = RECREATE = ("never", "finished", "always")


@dataclass(frozen=True)
class Own:
    """What decides of an object that is there."""

    label: str
    uid: str
    owner: str
    phase: str
    terminate: bool
    deleting: bool
    spec: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Own:
        """The view of an AnalysisRun or an Experiment."""
        meta, spec = raw["metadata"], raw.get("spec") or {}
        owner = controller_of(meta)
        return cls(
            label=f"{raw['kind']} {meta['namespace']}/{meta['name']}",
            uid=meta["uid"],
            owner=f"{owner.get('kind')} {owner.get('name')}" if owner else "",
            phase=(raw.get("status") or {}).get("phase") or "",
            terminate=bool(spec.get("terminate")),
            deleting=bool(meta.get("deletionTimestamp")),
            spec=spec,
        )

    @property
    def over(self) -> bool:
        """Whether it is at its end or told to be; the phase of a terminated Experiment may never tell."""
        return self.terminate or self.phase in COMPLETED_ANALYSIS


@dataclass(frozen=True)
class Create:
    """Make it."""

    change: Change


@dataclass(frozen=True)
class Terminate:
    """Write ``spec.terminate``."""

    change: Change


@dataclass(frozen=True)
class Delete:
    """Take away the object of this uid, and no other of its name."""

    uid: str
    change: Change


@dataclass(frozen=True)
class Compare:
    """Ask the apiserver how it would store the wish, with its defaults; then decide again."""


Step: TypeAlias = "Create | Terminate | Delete | Compare | NotYet | Refused | Unchanged"


@dataclass(frozen=True)
class Present:
    """Have it there with this spec. ``doomed`` is the uid of the one that may be replaced.

    Only the object that the task met first may be: whatever has the name later is its own, or somebody else's.
    """

    spec: Mapping[str, Any]
    recreate: str = NEVER
    doomed: str = ""
    as_stored: bool = False

    def meeting(self, found: Own | None) -> Present:
        """The wish once the first look was taken."""
        if found is None or self.recreate == NEVER or (self.recreate == FINISHED and not found.over):
            return self
        return replace(self, doomed=found.uid)

    def plan(self, found: Own | None) -> Step:
        """Decide on what is there."""
        change = Change({}, {"spec": dict(self.spec)})
        if found is None:
            return Create(change)
        stop = _not_ours(found) or _leaving(found)
        if stop is not None:
            return stop
        if found.uid == self.doomed:
            return Delete(found.uid, Change({"spec": dict(found.spec)}, change.after))
        if same_spec(self.spec, found.spec):
            return Unchanged("it is there")
        return _differs(found, self.spec) if self.as_stored else Compare()


@dataclass(frozen=True)
class Terminated:
    """Have it end."""

    label: str

    def meeting(self, found: Own | None) -> Terminated:
        """The wish once the first look was taken."""
        return self

    def plan(self, found: Own | None) -> Step:
        """Decide on what is there."""
        if found is None:
            return Refused("not_found", f"there is no {self.label} to terminate; check the name and the namespace")
        if found.over:
            return Unchanged("it is over")
        return _not_ours(found) or Terminate(Change({"spec": {"terminate": False}}, {"spec": {"terminate": True}}))


@dataclass(frozen=True)
class Absent:
    """Have none of that name."""

    waits: bool

    def meeting(self, found: Own | None) -> Absent:
        """The wish once the first look was taken."""
        return self

    def plan(self, found: Own | None) -> Step:
        """Decide on what is there."""
        if found is None:
            return Unchanged("there is none")
        if found.deleting:
            return (_leaving(found) if self.waits else None) or Unchanged("it is being deleted")
        return _not_ours(found) or Delete(found.uid, Change({"spec": dict(found.spec)}, {}))


Wish: TypeAlias = "Present | Terminated | Absent"


def same_spec(wished: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether both measure the same, terminated or not; what is null is not there."""
    return not _differing(wished, found)


def _differing(wished: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    one, other = _essence(wished), _essence(found)
    return sorted(key for key in {**one, **other} if one.get(key) != other.get(key))


def _essence(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    written = {key: value for key, value in spec.items() if key != "terminate" and value not in ([], {})}
    essence: Mapping[str, Any] = without_nulls(written)
    return essence


def _not_ours(found: Own) -> Refused | None:
    if not found.owner:
        return None
    text = f"{found.label} belongs to {found.owner}, whose release depends on it"
    return Refused("owned", f"{text}; give another name, or end the release with rollout_abort or rollout_promote")


def _leaving(found: Own) -> NotYet | None:
    return NotYet("deleting", f"{found.label} is still being deleted") if found.deleting else None


def _differs(found: Own, wished: Mapping[str, Any]) -> Refused:
    parts = ", ".join(_differing(wished, found.spec))
    text = f"{found.label} is there with another spec ({parts} differ), and what has run stays as it was"
    return Refused("different", f"{text}; give another name, or replace it with recreate")
