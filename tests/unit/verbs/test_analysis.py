# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AnalysisRun or Experiment is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._model.experiment import Experiment
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.analysis import (
    KINDS,
    Found,
    choose_run,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import NotYet, Refused

from tests.unit.support import (
    ANALYSIS_STEP,
    LABEL,
    SECOND_GATE,
    STATES,
    Tree,
    aborted,
    analysis_run,
    blue_green,
    canary,
    experiment,
    paused,
    preview,
    updating,
    view,
)

LATE_STEP = 6
TEMPLATES: Tree = {"templates": [{"templateName": "success-rate"}]}
BACKGROUND: Tree = {"spec": {"strategy": {"canary": {"analysis": TEMPLATES}}}}
PRE: Tree = {"spec": {"strategy": {"blueGreen": {"prePromotionAnalysis": TEMPLATES}}}}
POST: Tree = {"spec": {"strategy": {"blueGreen": {"postPromotionAnalysis": TEMPLATES}}}}
# A second analysis step, so that the last run can be of another step than the next.
TWO_STEPS: Tree = {"spec": {"strategy": {"canary": {"steps": [
    {"setWeight": 20}, {"pause": {}}, {"analysis": TEMPLATES}, {"setWeight": 50}, {"pause": {}}, {"pause": {}},
    {"analysis": TEMPLATES},
]}}}}  # fmt: skip


def names(field: str, name: str, strategy: str = "canary") -> Tree:
    return {"status": {strategy: {field: {"name": name, "status": "Running"}}}}


def run(name: str, phase: str = "Successful", kind: str = "Step", step: int = ANALYSIS_STEP) -> AnalysisRun:
    return AnalysisRun.parse(analysis_run(name, phase, kind=kind, step=step, values=("[1]",)))


def chosen(raw: Tree, *runs: AnalysisRun | Experiment, kind: str = "step") -> str:
    """``runs`` newest first, as the reader sorts them."""
    match choose_run(view(raw), runs, kind):
        case Found(found):
            return found.name
        case NotYet(reason):
            return f"not yet: {reason}"
        case Refused(reason):
            return f"refused: {reason}"


OLD, RUN = run("old", "Failed"), run("run", "Running")
AT_STEP = updating(ANALYSIS_STEP, names("currentStepAnalysisRunStatus", "run"))


@pytest.mark.parametrize(
    ("raw", "runs", "expected"),
    [
        pytest.param(updating(0), [], "not yet: no_analysis", id="before the step"),
        pytest.param(updating(ANALYSIS_STEP), [], "not yet: no_analysis", id="at the step, no run yet"),
        pytest.param(AT_STEP, [], "not yet: not_observed", id="named by the status, not there yet"),
        pytest.param(AT_STEP, [RUN], "run", id="running"),
        pytest.param(AT_STEP, [RUN, OLD], "run", id="running, an older one is there"),
        pytest.param(AT_STEP, [OLD], "not yet: not_observed", id="retried: only the old one is there"),
        pytest.param(updating(0), [OLD], "not yet: no_analysis", id="retried: before the step again"),
        pytest.param(updating(ANALYSIS_STEP), [OLD], "not yet: no_analysis", id="retried: at the step again"),
        pytest.param(STATES["retrying"], [OLD], "not yet: not_observed", id="retried: not acted on yet"),
        pytest.param(paused(SECOND_GATE), [run("new"), OLD], "new", id="passed: the newest"),
        pytest.param(
            updating(LATE_STEP, TWO_STEPS), [run("first")], "not yet: no_analysis", id="passed one, at the next one"
        ),
        pytest.param(
            paused(SECOND_GATE, TWO_STEPS), [run("late", step=LATE_STEP), run("first")], "first",
            id="passed one, the other is of an earlier try",
        ),
        pytest.param(aborted(), [OLD], "old", id="aborted: why it failed"),
        pytest.param(aborted(), [], "refused: no_analysis", id="aborted: by hand, before any"),
        pytest.param(canary(), [run("last"), OLD], "last", id="through: the last one"),
        pytest.param(canary(), [], "refused: no_analysis", id="through: none was made"),
    ],
)  # fmt: skip
def test_the_run_of_a_step(raw: Tree, runs: list[AnalysisRun], expected: str) -> None:
    assert chosen(raw, *runs) == expected


WATCH = run("watch", "Running", kind="Background")


@pytest.mark.parametrize(
    ("raw", "runs", "expected"),
    [
        pytest.param(updating(0, BACKGROUND), [], "not yet: no_analysis", id="before its first step"),
        pytest.param(
            updating(0, BACKGROUND, names("currentBackgroundAnalysisRunStatus", "watch")),
            [WATCH],
            "watch",
            id="running",
        ),
        pytest.param(updating(0, BACKGROUND), [WATCH], "not yet: no_analysis", id="retried: the old one is not meant"),
        pytest.param(canary(BACKGROUND), [WATCH], "watch", id="through: the last one"),
        pytest.param(aborted(BACKGROUND), [RUN, WATCH], "watch", id="aborted: of its kind"),
    ],
)
def test_the_run_in_the_background(raw: Tree, runs: list[AnalysisRun], expected: str) -> None:
    assert chosen(raw, *runs, kind="background") == expected


@pytest.mark.parametrize(
    ("kind", "label", "declared", "field"),
    [
        ("pre_promotion", "PrePromotion", PRE, "prePromotionAnalysisRunStatus"),
        ("post_promotion", "PostPromotion", POST, "postPromotionAnalysisRunStatus"),
    ],
)
def test_the_runs_of_blue_green(kind: str, label: str, declared: Tree, field: str) -> None:
    made = run("made", "Successful", kind=label)
    assert chosen(preview(declared), kind=kind) == "not yet: no_analysis"
    assert chosen(preview(declared), made, kind=kind) == "not yet: no_analysis"
    assert chosen(preview(declared, names(field, "made", "blueGreen")), made, kind=kind) == "made"
    assert chosen(blue_green(declared), made, kind=kind) == "made"
    assert chosen(blue_green(declared), RUN, kind=kind) == "refused: no_analysis"


def test_a_blue_green_names_its_failed_run_until_the_retry_is_acted_on() -> None:
    failed = names("prePromotionAnalysisRunStatus", "failed", "blueGreen")
    retried = preview(PRE, failed, {"status": {"abort": False, "abortedAt": "2026-01-01T11:59:30Z"}})
    assert (
        chosen(retried, run("failed", "Failed", kind="PrePromotion"), kind="pre_promotion") == "not yet: not_observed"
    )


@pytest.mark.parametrize(
    ("raw", "runs", "expected"),
    [
        pytest.param(AT_STEP, [WATCH, RUN], "run", id="the one that the status names"),
        pytest.param(canary(), [WATCH, RUN], "watch", id="through: the newest"),
        pytest.param(paused(SECOND_GATE), [run("new"), WATCH], "new", id="a step that was passed"),
        pytest.param(updating(0), [OLD, WATCH], "not yet: no_analysis", id="retried"),
        pytest.param(preview(PRE), [run("made", kind="PrePromotion")], "not yet: no_analysis", id="blue-green"),
    ],
)
def test_any_run(raw: Tree, runs: list[AnalysisRun], expected: str) -> None:
    assert chosen(raw, *runs, kind="any") == expected


AN_EXPERIMENT: Tree = {"spec": {"strategy": {"canary": {"steps": [
    {"setWeight": 20}, {"experiment": {}}, {"setWeight": 40}, {"pause": {}}, {"experiment": {}},
]}}}}  # fmt: skip
EXPERIMENT_STEP = 1


def tried(name: str, phase: str = "Successful", step: int = EXPERIMENT_STEP) -> Experiment:
    return replace(Experiment.parse(experiment(phase, name=name)), step_index=step)


def on_experiment(index: int = EXPERIMENT_STEP, name: str = "") -> Tree:
    return updating(index, AN_EXPERIMENT, {"status": {"canary": {"currentExperiment": name or None}}})


HELD = paused(EXPERIMENT_STEP, AN_EXPERIMENT, reason="InconclusiveExperiment")
HELD_WITH_ANOTHER = paused(
    EXPERIMENT_STEP,
    AN_EXPERIMENT,
    {"status": {"canary": {"currentExperiment": "next"}}},
    reason="InconclusiveExperiment",
)


@pytest.mark.parametrize(
    ("raw", "made", "expected"),
    [
        pytest.param(on_experiment(0), [], "not yet: no_analysis", id="before the step"),
        pytest.param(on_experiment(), [], "not yet: no_analysis", id="at the step, none yet"),
        pytest.param(on_experiment(name="now"), [], "not yet: not_observed", id="named by the status, not there yet"),
        pytest.param(on_experiment(name="now"), [tried("now", "Running"), tried("old")], "now", id="running"),
        pytest.param(on_experiment(), [tried("old", "Failed")], "not yet: no_analysis", id="retried: at it again"),
        pytest.param(on_experiment(2), [tried("new"), tried("old")], "new", id="passed: the newest"),
        pytest.param(on_experiment(4), [tried("first")], "not yet: no_analysis", id="passed one, at the next one"),
        pytest.param(
            aborted(AN_EXPERIMENT, {"status": {"abort": False}}), [tried("old")], "not yet: not_observed",
            id="retried: not acted on yet",
        ),
        pytest.param(aborted(AN_EXPERIMENT), [tried("bad", "Failed")], "bad", id="aborted: why it failed"),
        pytest.param(HELD, [tried("unsure", "Inconclusive")], "unsure", id="inconclusive"),
        pytest.param(
            HELD_WITH_ANOTHER, [tried("next", "Running"), tried("unsure", "Inconclusive")], "unsure",
            id="inconclusive: not the one that the controller makes next",
        ),
        pytest.param(canary(AN_EXPERIMENT), [tried("last")], "last", id="through: the last one"),
        pytest.param(canary(AN_EXPERIMENT), [], "refused: no_analysis", id="through: none was made"),
    ],
)  # fmt: skip
def test_the_experiment_of_a_step(raw: Tree, made: list[Experiment], expected: str) -> None:
    assert chosen(raw, *made, kind="experiment") == expected


def test_an_experiment_is_no_analysis_of_the_rollout_itself() -> None:
    assert chosen(on_experiment(), kind="any") == "refused: no_analysis"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("step", "step"),
        ("background", "background"),
        ("pre_promotion", "pre-promotion"),
        ("post_promotion", "post-promotion"),
        ("experiment", "experiment"),
        ("any", "step, background, pre- or post-promotion"),
    ],
)
def test_an_analysis_that_is_not_declared_is_not_waited_for(kind: str, words: str) -> None:
    raw = canary({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}}})
    text = f"{LABEL} declares no {words} analysis; correct rollout or kind, or add the analysis to its strategy"
    assert choose_run(view(raw), [RUN], kind) == Refused("no_analysis", text)


def test_all_kinds_are_known() -> None:
    assert KINDS == ("step", "background", "pre_promotion", "post_promotion", "experiment", "any")


def test_why_there_is_no_run() -> None:
    found = choose_run(view(canary()), [], "step")
    assert isinstance(found, Refused)
    assert found.message == (
        f"{LABEL} is at revision 2, nothing is on its way, and there is no run of its step analysis; "
        "it was skipped, or its history was cleaned up"
    )
    waiting = choose_run(view(AT_STEP), [], "step")
    assert waiting == NotYet("not_observed", "AnalysisRun run is about to appear")
    waiting = choose_run(view(on_experiment(name="now")), [], "experiment")
    assert waiting == NotYet("not_observed", "Experiment now is about to appear")
