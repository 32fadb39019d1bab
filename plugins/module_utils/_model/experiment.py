# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of an Experiment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .analysis import SUCCESSFUL, AnalysisRun, controller_of
from .phase import COMPLETED_ANALYSIS

KIND = "experiment"

_LOST_REPLICA_SET = re.compile(r'replicasets\.apps "[^"]*" not found')


@dataclass(frozen=True)
class RunRef:
    """What the Experiment's status says of one of its AnalysisRuns; ``run`` is empty before there is one."""

    analysis: str
    run: str
    phase: str
    message: str


@dataclass(frozen=True)
class Experiment:
    """An Experiment as one version of the object shows it.

    ``step_index`` is that of the Rollout's step, None for one that no Rollout made. ``runs`` are its AnalysisRuns
    where they were read as well: the status alone stops telling of them once the experiment ends. ``asked`` are its
    ``spec.analyses`` as they are written. ``available_at`` is when all its pods were there; empty before.
    """

    name: str
    namespace: str
    owner_uid: str
    step_index: int | None
    created: str
    phase: str
    message: str
    terminate: bool
    templates: tuple[Mapping[str, Any], ...]
    analyses: tuple[RunRef, ...]
    asked: tuple[Mapping[str, Any], ...] = ()
    available_at: str = ""
    runs: tuple[AnalysisRun, ...] = ()
    kind: str = KIND

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Experiment:
        """The view of an ``argoproj.io/v1alpha1`` Experiment."""
        meta, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
        owner = controller_of(meta)
        return cls(
            name=meta.get("name", ""),
            namespace=meta.get("namespace", ""),
            owner_uid=owner.get("uid", ""),
            step_index=_step_index(meta, owner),
            created=meta.get("creationTimestamp") or "",
            phase=status.get("phase") or "",
            message=status.get("message") or "",
            terminate=bool(spec.get("terminate")),
            templates=tuple(status.get("templateStatuses") or ()),
            analyses=tuple(
                RunRef(
                    analysis=item.get("name", ""),
                    run=item.get("analysisRun") or "",
                    phase=item.get("phase") or "",
                    message=item.get("message") or "",
                )
                for item in status.get("analysisRuns") or ()
            ),
            asked=tuple(spec.get("analyses") or ()),
            available_at=status.get("availableAt") or "",
        )

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"Experiment {self.namespace}/{self.name}"

    @property
    def completed(self) -> bool:
        """Whether nothing more will come of it; its runs may still be about to end.

        A terminated one may keep the phase Running for ever: the controller ends its runs and looks no more at them.
        """
        return self.terminate or self.phase in COMPLETED_ANALYSIS

    @property
    def never_ran(self) -> bool:
        """Whether it is called Successful without ever having had its pods.

        The controller writes a status by the name of the object: what it still had to say of a former Experiment of
        that name lands in the new one, whose templates then count as through.
        """
        return self.phase == SUCCESSFUL and not self.terminate and not self.available_at

    @property
    def inherited(self) -> bool:
        """Whether its end is that of a former one: it never ran, or lacked a ReplicaSet that went with that one."""
        if self.phase != "Error" or self.terminate or self.available_at:
            return self.never_ran
        told = (self.message, *(template.get("message") or "" for template in self.templates))
        return any(map(_LOST_REPLICA_SET.search, told))

    @property
    def run_names(self) -> tuple[str, ...]:
        """The AnalysisRuns that it has made so far."""
        return tuple(item.run for item in self.analyses if item.run)

    def having(self, runs: Iterable[AnalysisRun]) -> Experiment:
        """The same with its AnalysisRuns, which count as those of its step."""
        return replace(self, runs=tuple(replace(run, step_index=self.step_index) for run in runs))

    def as_result(self) -> dict[str, Any]:
        """The shape that modules return in ``rollout.experiment``."""
        return {
            "name": self.name,
            "phase": self.phase,
            "message": self.message,
            "templates": [
                {
                    "name": item.get("name", ""),
                    "status": item.get("status") or "",
                    "message": item.get("message") or "",
                    "replicas": int(item.get("replicas") or 0),
                    "available": int(item.get("availableReplicas") or 0),
                }
                for item in self.templates
            ],
            "analysis": [run.as_result() for run in self.runs]
            or [
                {"kind": KIND, "name": item.run, "phase": item.phase, "message": item.message, "evidence": None}
                for item in self.analyses
            ],
        }


def unread(name: str) -> dict[str, Any]:
    """The same shape for an Experiment of which only the name is known."""
    return {"name": name, "phase": None, "message": None, "templates": [], "analysis": []}


def _step_index(meta: Mapping[str, Any], owner: Mapping[str, Any]) -> int | None:
    """The controller tells the step in the name only: ``<rollout>-<hash>-<revision>-<step>``, perhaps with ``-<n>``."""
    if owner.get("kind") != "Rollout":
        return None
    parts = str(meta.get("name", "")).removeprefix(f"{owner.get('name')}-").split("-")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdecimal() else None
