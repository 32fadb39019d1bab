# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a completed analysis proves, and how many requests must stand behind it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.evidence import (
    SHORTEST_WINDOW,
    Demand,
    Span,
    Verdict,
    experiment_verdict,
    shortage,
    verdict,
)
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import (
    Answer,
    Point,
    Sample,
    Series,
)
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.experiment import Experiment
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import NAME, NAMESPACE, NEW, NOW, Tree, ago, analysis_run, experiment, experiment_run

RUN_LABEL = f"AnalysisRun {NAMESPACE}/run"
CONDITION = "against successCondition 'result[0] >= 0.95'"
TERMINATED: Tree = {"spec": {"terminate": True}, "status": {"message": "Run Terminated"}}
REMEDY = (
    "Check that traffic reaches every version and that the query finds its series, then run it again; "
    "where no data is a good sign, name the metric in accept_silence"
)


# -- a run


def judged(phase: str, *changes: Tree, accept: tuple[str, ...] = (), **more: Any) -> Verdict:
    return verdict(AnalysisRun.parse(analysis_run("run", phase, *changes, **more)), accept)


def test_success_is_told_with_its_values() -> None:
    values = tuple(f"[0.9{digit}]" for digit in range(7))
    assert judged("Successful", values=values) == (
        "successful",
        f"{RUN_LABEL} is Successful: success-rate measured [0.92], [0.93], [0.94], [0.95], [0.96]",
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param((), "measured nothing", id="no measurement"),
        pytest.param(("[]",), f"measured [] {CONDITION}", id="no series"),
        pytest.param(("[]", "[NaN]"), f"measured [], [NaN] {CONDITION}", id="NaN"),
        pytest.param(("",), f"measured no value {CONDITION}", id="no value"),
        pytest.param(("[]",) * 7, f"measured [], [], [], [], [] {CONDITION}", id="the last five"),
    ],
)
def test_a_success_without_data_is_no_success(values: tuple[str, ...], told: str) -> None:
    assert judged("Successful", values=values) == (
        "insufficient",
        f'{RUN_LABEL} is called Successful and rests on nothing: metric "success-rate" {told}. {REMEDY}',
    )


def test_silence_that_is_accepted_by_name() -> None:
    assert judged("Successful", values=("[]",), accept=("success-rate",)) == (
        "successful",
        f"{RUN_LABEL} is Successful: success-rate measured []",
    )
    assert judged("Successful", values=("[]",), accept=("other",))[0] == "insufficient"


def with_second(result: Tree, **asked: Any) -> AnalysisRun:
    """A successful run with a good metric and a second one, ``trial``."""
    raw = analysis_run("run", "Successful", values=("[1]",))
    raw["spec"]["metrics"].append({"name": "trial", "provider": {"web": {}}, **asked})
    raw["status"]["metricResults"].append({"name": "trial", "phase": "Successful", **result})
    return AnalysisRun.parse(raw)


def test_each_metric_needs_data() -> None:
    reason, sentence = verdict(
        with_second({"measurements": [{"phase": "Successful", "value": "null"}]}, failureCondition="x")
    )
    assert reason == "insufficient"
    assert "rests on nothing: metric \"trial\" measured null against failureCondition 'x'." in sentence


def test_a_dry_run_metric_needs_no_data() -> None:
    run = with_second({"dryRun": True, "phase": "Error"})
    assert verdict(run) == ("successful", f"{RUN_LABEL} is Successful: success-rate measured [1]")


def test_a_run_of_nothing_but_dry_runs_has_judged_nothing() -> None:
    raw = analysis_run("run", "Successful", values=("[1]",))
    raw["status"]["metricResults"][0]["dryRun"] = True
    run = AnalysisRun.parse(raw)
    reason, sentence = verdict(run)
    assert reason == "insufficient"
    assert 'metric "success-rate" is a dry run, and there is no other.' in sentence
    assert verdict(run, ["success-rate"])[0] == "successful"


@pytest.mark.parametrize(
    ("values", "accept", "reason", "words"),
    [
        pytest.param(("[1]",), (), "terminated", "was terminated after 1 measurements; that it is", id="had measured"),
        pytest.param((), (), "insufficient", "was terminated, is called Successful and rests on", id="had not"),
        pytest.param(("[]",), (), "insufficient", "was terminated, is called Successful and rests on", id="silence"),
        pytest.param((), ("success-rate",), "terminated", "was terminated after 0 measurements", id="accepted silence"),
    ],
)
def test_a_terminated_run_is_no_success(
    values: tuple[str, ...], accept: tuple[str, ...], reason: str, words: str
) -> None:
    found, sentence = judged("Successful", TERMINATED, values=values, accept=accept)
    assert found == reason
    assert words in sentence


def test_a_terminated_run_that_had_failed_is_a_failure() -> None:
    reason, _sentence = judged("Failed", TERMINATED, values=("[0.1]",))
    assert reason == "analysis_failed"


@pytest.mark.parametrize(
    ("phase", "reason"),
    [("Failed", "analysis_failed"), ("Error", "analysis_error"), ("Inconclusive", "inconclusive")],
)
def test_an_unhappy_run_is_explained(phase: str, reason: str) -> None:
    assert judged(phase, values=("[0.4]",)) == (
        reason,
        f'{RUN_LABEL} is {phase}: metric "success-rate" {phase}, measured [0.4] {CONDITION}',
    )


# -- an experiment

LABEL = f"Experiment {NAMESPACE}/{NAME}-{NEW}-3-1"


def tried(phase: str, *runs: Tree, accept: tuple[str, ...] = (), **changes: Any) -> Verdict:
    found = Experiment.parse(experiment(phase, changes))
    return experiment_verdict(found.having(map(AnalysisRun.parse, runs)), accept)


def made(name: str, phase: str, *changes: Tree, values: tuple[str, ...]) -> Tree:
    return experiment_run(name, phase, *changes, values=values)


def test_an_experiment_that_succeeds_with_data() -> None:
    runs = (made("a", "Successful", values=("[1]",)), made("b", "Successful", values=("[2]",)))
    assert tried("Successful", *runs) == (
        "successful",
        f"{LABEL} is Successful: success-rate measured [1]; success-rate measured [2]",
    )


def test_the_end_of_an_experiment_ends_its_endless_runs() -> None:
    assert tried("Successful", made("a", "Successful", TERMINATED, values=("[1]",)))[0] == "successful"


def test_a_silent_run_makes_the_experiment_insufficient() -> None:
    silent = made("b", "Successful", TERMINATED, values=("[]",))
    runs = (made("a", "Successful", values=("[1]",)), silent)
    reason, sentence = tried("Successful", *runs)
    assert reason == "insufficient"
    assert sentence.startswith(f"{LABEL} is called Successful, but AnalysisRun {NAMESPACE}/b was terminated, is called")
    assert tried("Successful", *runs, accept=("success-rate",))[0] == "successful"


def test_a_run_that_failed_after_all() -> None:
    """One that was not required for completion."""
    reason, sentence = tried("Successful", made("a", "Failed", values=("[0.4]",)))
    assert reason == "analysis_failed"
    assert f"measured [0.4] {CONDITION}" in sentence


def test_an_experiment_without_analysis_proves_nothing() -> None:
    reason, sentence = tried("Successful")
    assert reason == "insufficient"
    assert "it made no AnalysisRun" in sentence


@pytest.mark.parametrize("phase", ["Running", "Successful"])
def test_a_terminated_experiment_proves_nothing(phase: str) -> None:
    reason, sentence = tried(phase, made("a", "Successful", TERMINATED, values=("[1]",)), spec={"terminate": True})
    assert (reason, sentence.startswith(f"{LABEL} was terminated")) == ("terminated", True)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [("Failed", "analysis_failed"), ("Error", "analysis_error"), ("Inconclusive", "inconclusive")],
)
def test_an_experiment_whose_analysis_is_unhappy(phase: str, reason: str) -> None:
    runs = (made("a", "Successful", TERMINATED, values=("[1]",)), made("b", phase, values=("[0.4]",)))
    told = f'{LABEL} is {phase}: AnalysisRun b: metric "success-rate" {phase}, measured [0.4] {CONDITION}'
    assert tried(phase, *runs) == (reason, told)


@pytest.mark.parametrize(
    ("phase", "changes", "reason", "why"),
    [
        ("Failed", {"message": "timed out"}, "experiment_failed", "timed out"),
        ("Error", {"templateStatuses": [{"message": ""}, {"message": "no quota"}]}, "experiment_failed", "no quota"),
        ("Failed", {}, "experiment_failed", "look at its pods and its conditions"),
        ("Inconclusive", {}, "inconclusive", "look at its pods and its conditions"),
    ],
)
def test_an_experiment_that_no_analysis_has_ended(phase: str, changes: Tree, reason: str, why: str) -> None:
    assert tried(phase, status=changes) == (reason, f"{LABEL} is {phase}: {why}")


# -- requests


@pytest.mark.parametrize(
    ("minimum", "queries", "words"),
    [
        (None, {"canary": "q"}, "min_requests is missing; say how many"),
        (0, {"canary": "q"}, "min_requests: 0 is not usable; give 1 or more"),
        (-1, {"canary": "q"}, "min_requests: -1 is not usable; give 1 or more"),
        (100, {}, "requests is missing; give a PromQL query for each arm, such as {canary: sum(increase("),
        (100, None, "requests is missing"),
    ],
)
def test_a_demand_that_cannot_be_acted_on(minimum: int | None, queries: dict[str, str] | None, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Demand.parse(minimum, queries)
    assert words in str(caught.value)


def test_a_demand() -> None:
    assert Demand.parse(None, None) is None
    assert Demand.parse(None, {}) is None
    assert Demand.parse(5, {"canary": "q"}) == Demand(5, {"canary": "q"})


def lasting(start: float | None, *finished: float, completed: float | None = None) -> AnalysisRun:
    """Started and measured so many seconds before NOW."""
    status = {"startedAt": None if start is None else ago(start), "completedAt": completed and ago(completed)}
    raw = analysis_run("run", "Successful", {"status": status}, values=("[1]",) * len(finished))
    for measurement, seconds in zip(
        raw["status"]["metricResults"][0]["measurements"] if finished else (), finished, strict=True
    ):
        measurement["finishedAt"] = ago(seconds)
    return AnalysisRun.parse(raw)


NOW_SECONDS = NOW.timestamp()


@pytest.mark.parametrize(
    ("runs", "seconds", "end"),
    [
        pytest.param([lasting(300, completed=100)], 200, NOW_SECONDS - 100, id="start to end"),
        pytest.param([lasting(300, 200, 150)], 150, NOW_SECONDS - 150, id="start to the last measurement"),
        pytest.param([lasting(110, completed=100)], SHORTEST_WINDOW, NOW_SECONDS - 100, id="at least some scrapes"),
        pytest.param([lasting(300, completed=200), lasting(290, completed=90)], 210, NOW_SECONDS - 90, id="of several"),
        pytest.param([lasting(None, 100)], SHORTEST_WINDOW, NOW_SECONDS - 100, id="no start"),
        pytest.param([lasting(100)], SHORTEST_WINDOW, None, id="no end: now"),
    ],
)
def test_the_time_that_is_looked_at(runs: list[AnalysisRun], seconds: int, end: float | None) -> None:
    assert Span.of(runs) == Span(seconds, end)


def test_the_window_is_written_into_the_query() -> None:
    assert Span(65, None).fill("a[$window] / b[$window]") == "a[65s] / b[65s]"
    assert Span(65, None).fill("a[5m]") == "a[5m]"


def vector(*values: float) -> Answer:
    return Answer("vector", tuple(Sample({"n": str(number)}, 0.0, value) for number, value in enumerate(values)))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(vector(99.9), "99.9 requests", id="too few"),
        pytest.param(vector(0), "0 requests", id="none"),
        pytest.param(vector(-5), "-5 requests", id="a query that is none"),
        pytest.param(vector(), "no result at all", id="no series"),
        pytest.param(vector(math.nan), "NaN requests", id="NaN"),
        pytest.param(vector(math.inf), "+Inf requests", id="infinity"),
        pytest.param(vector(900, 900), "2 results instead of one number (put sum() around the query)", id="two series"),
        pytest.param(Answer("scalar", (Sample({}, 0.0, 5),)), "5 requests", id="a scalar"),
        pytest.param(Answer("string", text="many"), "no result at all", id="a string"),
        pytest.param(
            Answer("matrix", series=(Series({}, (Point(0, 1), Point(1, 2))),)),
            "2 results instead of one number (put sum() around the query)",
            id="a matrix",
        ),
    ],
)
def test_what_is_too_little(answer: Answer, told: str) -> None:
    assert shortage(Demand(100, {}), {"stable": vector(100), "canary": answer}, Span(65, None)) == (
        f"in 65s canary had {told}, and 100 requests are needed. "
        "Send more traffic or analyse for longer; if there was enough, check the queries in requests"
    )


def test_both_arms_are_told() -> None:
    told = shortage(Demand(100, {}), {"canary": vector(1), "stable": vector(2)}, Span(65, None))
    assert told.startswith("in 65s canary had 1 requests, stable had 2 requests, and 100 requests are needed")


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(min_value=1, max_value=10**9))
def test_only_a_number_that_reaches_the_minimum_is_enough(value: float, minimum: int) -> None:
    enough = math.isfinite(value) and value >= minimum
    assert (shortage(Demand(minimum, {}), {"canary": vector(value)}, Span(60, None)) == "") is enough
