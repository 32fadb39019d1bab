# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AnalysisRun is meant, and what a completed one proves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.analysis import (
    KINDS,
    Found,
    choose_run,
    verdict,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import NotYet, Refused

from tests.unit.support import (
    ANALYSIS_STEP,
    LABEL,
    NAMESPACE,
    SECOND_GATE,
    STATES,
    Tree,
    aborted,
    analysis_run,
    blue_green,
    canary,
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


def chosen(raw: Tree, *runs: AnalysisRun, kind: str = "step") -> str:
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
        pytest.param(STATES["retrying"], [OLD], "not yet: no_analysis", id="retried: not acted on yet"),
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


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("step", "step"),
        ("background", "background"),
        ("pre_promotion", "pre-promotion"),
        ("post_promotion", "post-promotion"),
        ("any", "step, background, pre- or post-promotion"),
    ],
)
def test_an_analysis_that_is_not_declared_is_not_waited_for(kind: str, words: str) -> None:
    raw = canary({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}}})
    text = f"{LABEL} declares no {words} analysis; correct rollout or kind, or add the analysis to its strategy"
    assert choose_run(view(raw), [RUN], kind) == Refused("no_analysis", text)


def test_all_kinds_are_known() -> None:
    assert KINDS == ("step", "background", "pre_promotion", "post_promotion", "any")


def test_why_there_is_no_run() -> None:
    found = choose_run(view(canary()), [], "step")
    assert isinstance(found, Refused)
    assert found.message == (
        f"{LABEL} is at revision 2, nothing is on its way, and there is no run of its step analysis; "
        "it was skipped, or its history was cleaned up"
    )
    waiting = choose_run(view(AT_STEP), [], "step")
    assert waiting == NotYet("not_observed", "AnalysisRun run is about to appear")


# -- verdict


def judged(phase: str, *changes: Tree, **more: Any) -> tuple[str, str]:
    return verdict(AnalysisRun.parse(analysis_run("run", phase, *changes, **more)))


RUN_LABEL = f"AnalysisRun {NAMESPACE}/run"
TERMINATED: Tree = {"spec": {"terminate": True}, "status": {"message": "Run Terminated"}}


def test_success_is_told_with_its_values() -> None:
    values = tuple(f"[0.9{digit}]" for digit in range(7))
    assert judged("Successful", values=values) == (
        "successful",
        f"{RUN_LABEL} is Successful: success-rate measured [0.92], [0.93], [0.94], [0.95], [0.96]",
    )


@pytest.mark.parametrize("values", [(), ("[0.99]",)], ids=["before the first measurement", "after one"])
def test_a_terminated_run_is_no_success(values: tuple[str, ...]) -> None:
    reason, sentence = judged("Successful", TERMINATED, values=values)
    assert reason == "terminated"
    assert f"was terminated after {len(values)} measurements" in sentence
    assert "proves nothing" in sentence


def test_a_terminated_run_that_had_failed_is_a_failure() -> None:
    reason, _sentence = judged("Failed", TERMINATED, values=("[0.1]",))
    assert reason == "analysis_failed"


def test_a_success_without_a_measurement_is_no_evidence() -> None:
    reason, sentence = judged("Successful")
    assert reason == "insufficient"
    assert sentence == f"{RUN_LABEL} is Successful without any measurement of success-rate; do not take it for evidence"


def test_a_dry_run_metric_needs_no_measurement() -> None:
    raw = analysis_run("run", "Successful", values=("[1]",))
    raw["spec"]["metrics"].append({"name": "trial", "provider": {"web": {}}})
    raw["status"]["metricResults"].append({"name": "trial", "dryRun": True, "phase": "Error"})
    reason, sentence = verdict(AnalysisRun.parse(raw))
    assert reason == "successful"
    assert sentence == f"{RUN_LABEL} is Successful: success-rate measured [1]"


@pytest.mark.parametrize(
    ("phase", "reason"),
    [("Failed", "analysis_failed"), ("Error", "analysis_error"), ("Inconclusive", "inconclusive")],
)
def test_an_unhappy_run_is_explained(phase: str, reason: str) -> None:
    assert judged(phase, values=("[0.4]",)) == (
        reason,
        f'{RUN_LABEL} is {phase}: metric "success-rate" {phase}, measured [0.4] '
        "against successCondition 'result[0] >= 0.95'",
    )
