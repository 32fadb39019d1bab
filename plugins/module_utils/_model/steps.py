# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a canary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .durations import parse_pause_duration

SET_WEIGHT = "setWeight"
PAUSE = "pause"
ANALYSIS = "analysis"
EXPERIMENT = "experiment"
SET_CANARY_SCALE = "setCanaryScale"
SET_HEADER_ROUTE = "setHeaderRoute"
SET_MIRROR_ROUTE = "setMirrorRoute"
PLUGIN = "plugin"

# The controller looks at the kinds in this order (``rolloututil.CanaryStepString``).
_KINDS = (
    SET_WEIGHT,
    PAUSE,
    EXPERIMENT,
    ANALYSIS,
    SET_CANARY_SCALE,
    PLUGIN,
    SET_HEADER_ROUTE,
    SET_MIRROR_ROUTE,
)


@dataclass(frozen=True)
class Step:
    """One canary step.

    ``kind`` is the step's key in the Rollout, or ``invalid``; ``weight`` is set for setWeight;
    ``pause_seconds`` is None for a pause without end and for every other kind.
    """

    kind: str
    weight: int | None = None
    pause_seconds: int | None = None
    name: str = ""

    @property
    def is_manual_gate(self) -> bool:
        """A pause that only a person (or a promote) ends."""
        return self.kind == PAUSE and self.pause_seconds is None

    def __str__(self) -> str:
        if self.kind == SET_WEIGHT:
            return f"setWeight: {self.weight}"
        if self.kind == PAUSE and self.pause_seconds is not None:
            return f"pause: {self.pause_seconds}s"
        return f"{self.kind}: {self.name}" if self.name else self.kind


def parse_steps(raw: Sequence[Mapping[str, Any]] | None) -> tuple[Step, ...]:
    """The steps of ``spec.strategy.canary.steps``."""
    return tuple(_parse_step(step) for step in raw or ())


def _parse_step(raw: Mapping[str, Any]) -> Step:
    kind = next((key for key in _KINDS if raw.get(key) is not None), "invalid")
    body = raw.get(kind)
    if kind == SET_WEIGHT:
        return Step(kind, weight=int(body or 0))
    if kind == PAUSE:
        return Step(kind, pause_seconds=parse_pause_duration((body or {}).get("duration")))
    return Step(kind, name=str(body.get("name", "")) if isinstance(body, Mapping) else "")


def weight_at(steps: Sequence[Step], index: int) -> int:
    """The weight in force at step ``index``: the last setWeight at or before it, else 0."""
    return next((step.weight or 0 for step in reversed(steps[: index + 1]) if step.kind == SET_WEIGHT), 0)
