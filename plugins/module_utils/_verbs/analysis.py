# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AnalysisRun a wait is about, decided from the rollout and the runs that exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._model.analysis import AnalysisRun
from .._model.rollout import Rollout
from .._model.steps import ANALYSIS
from .._model.waiting import is_aborted
from .plan import NotYet, Refused

STEP = "step"
BACKGROUND = "background"
PRE_PROMOTION = "pre_promotion"
POST_PROMOTION = "post_promotion"
ANY = "any"
KINDS = (STEP, BACKGROUND, PRE_PROMOTION, POST_PROMOTION, ANY)

_FIELDS = {
    PRE_PROMOTION: "prePromotionAnalysis",
    POST_PROMOTION: "postPromotionAnalysis",
    BACKGROUND: "analysis",
}


@dataclass(frozen=True)
class Found:
    """The run to wait for."""

    run: AnalysisRun


def choose_run(rollout: Rollout, runs: Sequence[AnalysisRun], kind: str) -> Found | NotYet | Refused:
    """The run of that kind for the version that is on its way, or for the last one that was.

    ``runs`` are those of the current version, newest first. A run of an earlier try of the same
    version (before a retry) is not taken for the one that is still to come.
    """
    if not _declared(rollout, kind):
        text = f"{rollout.label} declares no {_words(kind)} analysis"
        return Refused("no_analysis", f"{text}; correct rollout or kind, or add the analysis to its strategy")
    candidates = [run for run in runs if kind in (ANY, run.kind)]
    current = {item.name for item in rollout.analysis if kind in (ANY, item.kind)}
    running = next((run for run in candidates if run.name in current), None)
    if running is not None:
        return Found(running)
    if current:
        return NotYet("not_observed", f"AnalysisRun {min(current)} is about to appear")
    if is_aborted(rollout) or not rollout.updating:
        return _last(rollout, candidates, kind)
    passed = _of_this_try(rollout, candidates)
    if passed is not None and not _more_to_come(rollout):
        return Found(passed)
    return NotYet("no_analysis", f"its {_words(kind)} analysis has not started yet")


def _declared(rollout: Rollout, kind: str) -> bool:
    if kind == ANY:
        return any(_declared(rollout, each) for each in KINDS if each != ANY)
    if kind == STEP:
        return any(step.kind == ANALYSIS for step in rollout.steps)
    return rollout.strategy_spec.get(_FIELDS[kind]) is not None


def _last(rollout: Rollout, candidates: Sequence[AnalysisRun], kind: str) -> Found | Refused:
    if candidates:
        return Found(candidates[0])
    text = f"{rollout.label} is at revision {rollout.revision}, nothing is on its way, and there is no run of its"
    return Refused("no_analysis", f"{text} {_words(kind)} analysis; it was skipped, or its history was cleaned up")


def _of_this_try(rollout: Rollout, candidates: Sequence[AnalysisRun]) -> AnalysisRun | None:
    """The newest run of a step that was passed; a rollout that was retried is before the step again."""
    return next(
        (run for run in candidates if run.step_index is not None and run.step_index < rollout.index),
        None,
    )


def _more_to_come(rollout: Rollout) -> bool:
    """Whether the current step is an analysis whose run has not appeared yet."""
    step = rollout.current_step
    return step is not None and step.kind == ANALYSIS


def _words(kind: str) -> str:
    return kind.replace("_", "-") if kind != ANY else "step, background, pre- or post-promotion"


def verdict(run: AnalysisRun) -> tuple[str, str]:
    """``(reason, sentence)`` for a completed run; only ``successful`` is a success.

    The controller calls a terminated run Successful when nothing had failed by then; that proves nothing.
    """
    label = f"AnalysisRun {run.namespace}/{run.name}"
    if run.terminated and run.phase == "Successful":
        measured = sum(metric.counts["count"] for metric in run.metrics)
        text = f"{label} was terminated after {measured} measurements; that it is called Successful proves nothing"
        return (
            "terminated",
            f"{text}. Find out who ended it (an abort, a full promotion, a person) and run it again",
        )
    if run.phase == "Successful":
        unmeasured = [metric.name for metric in run.metrics if not metric.counts["count"] and not metric.dry_run]
        if unmeasured:
            text = f"{label} is Successful without any measurement of {', '.join(unmeasured)}"
            return "insufficient", f"{text}; do not take it for evidence"
        told = [metric for metric in run.metrics if metric.values]
        values = "; ".join(f"{metric.name} measured {', '.join(metric.values[-5:])}" for metric in told)
        return "successful", f"{label} is Successful: {values}"
    word = {"Failed": "analysis_failed", "Error": "analysis_error", "Inconclusive": "inconclusive"}[run.phase]
    return word, f"{label} is {run.phase}: {run.explain()}"
