# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AnalysisRun or Experiment a wait is about, decided from the rollout and those that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .._model.rollout import INCONCLUSIVE_EXPERIMENT, Rollout
from .._model.steps import ANALYSIS, EXPERIMENT
from .._model.waiting import is_aborted
from .plan import NotYet, Refused

STEP = "step"
BACKGROUND = "background"
PRE_PROMOTION = "pre_promotion"
POST_PROMOTION = "post_promotion"
ANY = "any"
# The AnalysisRuns that a Rollout owns itself.
OWN = (STEP, BACKGROUND, PRE_PROMOTION, POST_PROMOTION)
KINDS = (*OWN, EXPERIMENT, ANY)

_STEPS = {STEP: ANALYSIS, EXPERIMENT: EXPERIMENT}
_FIELDS = {
    PRE_PROMOTION: "prePromotionAnalysis",
    POST_PROMOTION: "postPromotionAnalysis",
    BACKGROUND: "analysis",
}


class Candidate(Protocol):
    """An AnalysisRun, or an Experiment."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""

    @property
    def step_index(self) -> int | None:
        """The step that made it."""

    @property
    def completed(self) -> bool:
        """Whether it is through."""


T = TypeVar("T", bound=Candidate)


@dataclass(frozen=True)
class Found(Generic[T]):
    """The run to wait for."""

    run: T


def choose_run(rollout: Rollout, runs: Sequence[T], kind: str) -> Found[T] | NotYet | Refused:
    """The run of that kind for the version that is on its way, or for the last one that was.

    ``runs`` are those of the current version, newest first; Experiments when that is the kind. A run of an earlier
    try of the same version (before a retry) is not taken for the one that is still to come.
    """
    if not _declared(rollout, kind):
        text = f"{rollout.label} declares no {_words(kind)} analysis"
        return Refused("no_analysis", f"{text}; correct rollout or kind, or add the analysis to its strategy")
    candidates = [run for run in runs if kind in (ANY, run.kind)]
    if not rollout.abort and rollout.aborted_at is not None:
        # A blue-green still names the run that failed until the controller replaces it.
        return NotYet("not_observed", "the controller has not acted on the retry yet")
    if _held_by_experiment(rollout, kind):
        return _last(rollout, [run for run in candidates if run.completed], kind)
    current = _named(rollout, kind)
    running = next((run for run in candidates if run.name in current), None)
    if running is not None:
        return Found(running)
    if current:
        what = "Experiment" if kind == EXPERIMENT else "AnalysisRun"
        return NotYet("not_observed", f"{what} {min(current)} is about to appear")
    if is_aborted(rollout) or not rollout.updating:
        return _last(rollout, candidates, kind)
    passed = _of_this_try(rollout, candidates)
    if passed is not None and not _more_to_come(rollout, kind):
        return Found(passed)
    return NotYet("no_analysis", f"its {_words(kind)} analysis has not started yet")


def _declared(rollout: Rollout, kind: str) -> bool:
    if kind == ANY:
        return any(_declared(rollout, each) for each in OWN)
    if kind in _STEPS:
        return any(step.kind == _STEPS[kind] for step in rollout.steps)
    return rollout.strategy_spec.get(_FIELDS[kind]) is not None


def _named(rollout: Rollout, kind: str) -> set[str]:
    """What the status calls the present ones."""
    if kind == EXPERIMENT:
        return {rollout.current_experiment} - {""}
    return {item.name for item in rollout.analysis if kind in (ANY, item.kind)}


def _held_by_experiment(rollout: Rollout, kind: str) -> bool:
    """An inconclusive Experiment is through, and the controller makes another one although the rollout is paused."""
    return kind == EXPERIMENT and any(pause.reason == INCONCLUSIVE_EXPERIMENT for pause in rollout.pause_conditions)


def _last(rollout: Rollout, candidates: Sequence[T], kind: str) -> Found[T] | Refused:
    if candidates:
        return Found(candidates[0])
    text = f"{rollout.label} is at revision {rollout.revision}, nothing is on its way, and there is no run of its"
    return Refused("no_analysis", f"{text} {_words(kind)} analysis; it was skipped, or its history was cleaned up")


def _of_this_try(rollout: Rollout, candidates: Sequence[T]) -> T | None:
    """The newest run of a step that was passed; a rollout that was retried is before the step again."""
    return next(
        (run for run in candidates if run.step_index is not None and run.step_index < rollout.index),
        None,
    )


def _more_to_come(rollout: Rollout, kind: str) -> bool:
    """Whether the current step is one whose run has not appeared yet."""
    step = rollout.current_step
    return step is not None and step.kind == _STEPS.get(kind, ANALYSIS)


def _words(kind: str) -> str:
    return kind.replace("_", "-") if kind != ANY else "step, background, pre- or post-promotion"
