# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The analyses behind the end of a task: what ended an update early, or what it was let through on."""

from __future__ import annotations

from dataclasses import dataclass

from .._cluster.errors import ClusterError
from .._model.analysis import UNHAPPY, AnalysisRun
from .._model.experiment import Experiment
from .._model.rollout import Rollout
from .._model.steps import EXPERIMENT
from .._model.waiting import INCONCLUSIVE, is_aborted, waiting_for
from .outcome import Stop
from .reader import Reader


@dataclass(frozen=True)
class Findings:
    """``runs`` newest first, those of ``experiment`` included."""

    runs: tuple[AnalysisRun, ...] = ()
    experiment: Experiment | None = None


def behind_failure(reader: Reader, rollout: Rollout) -> Findings:
    """The unhappy analyses that explain it; nothing when they cannot be read, the failure stands anyway."""
    condition = rollout.abort_condition
    # The controller adds the cause after the revision; an abort by a person has none.
    by_analysis = condition is not None and ": " in condition.message and is_aborted(rollout)
    if not by_analysis and waiting_for(rollout, observed=True).state != INCONCLUSIVE:
        return Findings()
    found = of_last_try(reader, rollout, settled=True)
    return Findings(tuple(run for run in found.runs if run.phase in UNHAPPY), found.experiment)


def of_last_try(reader: Reader, rollout: Rollout, *, settled: bool = False) -> Findings:
    """The newest run of each kind and step of this version, and its newest Experiment; nothing if unreadable.

    ``settled``: the newest Experiment that is through. After an inconclusive one the controller makes another.
    """
    try:
        newest: dict[tuple[str, int | None], AnalysisRun] = {}
        for run in reader.analysis_runs(rollout):
            newest.setdefault((run.kind, run.step_index), run)
        experiment = _experiment(reader, rollout, settled)
    except (ClusterError, Stop):
        return Findings()
    runs = (*newest.values(), *(experiment.runs if experiment else ()))
    return Findings(tuple(sorted(runs, key=lambda run: (run.created, run.name), reverse=True)), experiment)


def _experiment(reader: Reader, rollout: Rollout, settled: bool) -> Experiment | None:
    if not any(step.kind == EXPERIMENT for step in rollout.steps):
        return None
    newest = next((item for item in reader.experiments(rollout) if item.completed or not settled), None)
    return reader.with_runs(newest) if newest else None
