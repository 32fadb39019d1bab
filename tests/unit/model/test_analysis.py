# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of an AnalysisRun: what was asked, what was measured, and what it proves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun, Metric

from tests.unit.support import ANALYSIS_STEP, NAMESPACE, NEW, UID, Tree, ago, analysis_run, experiment_run


def run(**changes: Any) -> AnalysisRun:
    return AnalysisRun.parse(analysis_run(**changes))


def with_metrics(*metrics: tuple[Tree, Tree]) -> AnalysisRun:
    """A run from pairs of what is asked and what came of it; the name is filled in."""
    named = [({"name": f"m{index}", **asked}, result) for index, (asked, result) in enumerate(metrics)]
    raw = analysis_run("run", "Failed", {"spec": {"metrics": [asked for asked, _result in named]}})
    raw["status"]["metricResults"] = [{"name": asked["name"], **result} for asked, result in named if result]
    return AnalysisRun.parse(raw)


def test_the_fields_of_a_step_run() -> None:
    raw = analysis_run("shop-7f-3-2", "Successful", values=("[0.97]", "[0.99]"))
    raw["status"] |= {"startedAt": ago(50), "completedAt": ago(10)}
    found = AnalysisRun.parse(raw)
    assert (found.name, found.namespace, found.kind) == ("shop-7f-3-2", NAMESPACE, "step")
    assert (found.pod_hash, found.owner_uid, found.step_index) == (NEW, UID, ANALYSIS_STEP)
    assert (found.phase, found.completed, found.terminate, found.terminated) == ("Successful", True, False, False)
    assert (found.created, found.started, found.completed_at) == (ago(60), ago(50), ago(10))
    (metric,) = found.metrics
    assert (metric.name, metric.provider, metric.values) == ("success-rate", "prometheus", ("[0.97]", "[0.99]"))
    assert metric.limits == {"count": 3, "interval": "10s"}
    assert metric.counts == {"count": 2, "successful": 0, "failed": 0, "inconclusive": 0, "error": 0}


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Step", "step"),
        ("Background", "background"),
        ("PrePromotion", "pre_promotion"),
        ("PostPromotion", "post_promotion"),
        (None, "standalone"),
        ("Unheard", "standalone"),
    ],
)
def test_the_kind_is_told_by_the_label(label: str | None, kind: str) -> None:
    raw = analysis_run()
    raw["metadata"]["labels"]["rollout-type"] = label
    assert AnalysisRun.parse(raw).kind == kind


def test_an_empty_run() -> None:
    found = AnalysisRun.parse({})
    assert (found.name, found.kind, found.phase, found.step_index, found.metrics) == ("", "standalone", "", None, ())
    assert (found.completed, found.terminated, found.culprit) == (False, False, None)
    assert found.explain() == "AnalysisRun  is not started"


@pytest.mark.parametrize("index", ["", "two", "²"])
def test_a_step_that_is_no_number_is_none(index: str) -> None:
    raw = analysis_run()
    raw["metadata"]["labels"]["step-index"] = index
    assert AnalysisRun.parse(raw).step_index is None


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("", False),
        ("Pending", False),
        ("Running", False),
        ("Successful", True),
        ("Failed", True),
        ("Error", True),
        ("Inconclusive", True),
    ],
)
def test_when_a_run_is_completed(phase: str, expected: bool) -> None:
    assert run(phase=phase).completed is expected


@pytest.mark.parametrize(
    ("phase", "terminate", "message", "expected"),
    [
        pytest.param("Successful", True, "Run Terminated", True, id="terminated"),
        pytest.param("Failed", True, "Run Terminated", True, id="terminated after a failure"),
        pytest.param("Running", True, "", False, id="about to be terminated"),
        pytest.param("Successful", False, "", False, id="ran to its end"),
        pytest.param("Failed", True, "Metric failed", False, id="failed before it could be terminated"),
    ],
)
def test_a_terminated_run(phase: str, terminate: bool, message: str, expected: bool) -> None:
    raw = analysis_run("run", phase, {"spec": {"terminate": terminate}, "status": {"message": message}})
    assert AnalysisRun.parse(raw).terminated is expected


@pytest.mark.parametrize(
    ("phases", "culprit"),
    [
        pytest.param(["Successful", "Successful"], None, id="none"),
        pytest.param(["Successful", "Failed"], "m1", id="the failed one"),
        pytest.param(["Inconclusive", "Error", "Failed"], "m2", id="failed is worse than an error"),
        pytest.param(["Inconclusive", "Error"], "m1", id="an error is worse than inconclusive"),
        pytest.param(["Failed", "Failed"], "m0", id="the first of two"),
        pytest.param([], None, id="no metric"),
    ],
)
def test_the_culprit(phases: list[str], culprit: str | None) -> None:
    found = with_metrics(*(({}, {"phase": phase}) for phase in phases)).culprit
    assert (found.name if found else None) == culprit


def test_a_dry_run_metric_is_never_the_culprit() -> None:
    found = with_metrics(({}, {"phase": "Failed", "dryRun": True}), ({}, {"phase": "Inconclusive"}))
    assert found.metrics[0].dry_run
    assert found.culprit is found.metrics[1]


@pytest.mark.parametrize(
    ("asked", "result", "text"),
    [
        pytest.param(
            {"successCondition": "result >= 0.95"},
            {"phase": "Failed", "message": "failed (1) > failureLimit (0)", "measurements": [{"value": "[0.4]"}]},
            'metric "m0" Failed (failed (1) > failureLimit (0)), measured [0.4] against successCondition '
            "'result >= 0.95'",
            id="value and condition",
        ),
        pytest.param(
            {"successCondition": "a", "failureCondition": "b"},
            {"phase": "Inconclusive"},
            "metric \"m0\" Inconclusive against successCondition 'a', failureCondition 'b'",
            id="both conditions, no value",
        ),
        pytest.param(
            {},
            {"phase": "Error", "measurements": [{"message": "connection refused"}]},
            'metric "m0" Error, measured connection refused',
            id="an error instead of a value",
        ),
        pytest.param(
            {},
            {"phase": "Failed", "measurements": [{"value": str(number)} for number in range(7)]},
            'metric "m0" Failed, measured 2, 3, 4, 5, 6',
            id="the last five values",
        ),
    ],
)
def test_a_failure_is_explained_by_metric_value_and_condition(asked: Tree, result: Tree, text: str) -> None:
    assert with_metrics((asked, result)).explain() == text


def test_without_a_culprit_the_runs_message_explains() -> None:
    error = "Unable to resolve metric arguments"
    assert AnalysisRun.parse(analysis_run("r", "Error", {"status": {"message": error}})).explain() == error
    assert run(name="r", phase="Running").explain() == "AnalysisRun r is Running"


def test_a_metric_without_a_result_is_there_all_the_same() -> None:
    found = with_metrics(({"provider": {"web": {}}}, {}), ({}, {"phase": "Failed", "count": 1}))
    assert [(metric.name, metric.phase, metric.counts["count"]) for metric in found.metrics] == [
        ("m0", "", 0),
        ("m1", "Failed", 1),
    ]


# -- evidence


def decided(*measurements: tuple[str, str], **asked: Any) -> Metric:
    """A metric with measurements of that phase and value."""
    asked = {"successCondition": "result > 0", "provider": {"prometheus": {}}, **asked}
    result = {"measurements": [{"phase": phase, "value": value} for phase, value in measurements]}
    return with_metrics((asked, result)).metrics[0]


GOOD, BAD, UNSURE, BROKEN = "Successful", "Failed", "Inconclusive", "Error"
WEB: Tree = {"provider": {"web": {}}}
NO_CONDITION: Tree = {"successCondition": None}


@pytest.mark.parametrize(
    ("asked", "measurements", "silent"),
    [
        pytest.param({}, [], True, id="nothing measured"),
        pytest.param({}, [(BROKEN, ""), (BROKEN, "")], True, id="errors only"),
        pytest.param({}, [(GOOD, "[]")], True, id="no data"),
        pytest.param({}, [(GOOD, "[]"), (GOOD, "[NaN]")], True, id="no data, then NaN"),
        pytest.param({}, [(GOOD, "[0.97]")], False, id="a number"),
        pytest.param({}, [(GOOD, "[]"), (GOOD, "[0.97]"), (GOOD, "[]")], False, id="a number among no data"),
        pytest.param({}, [(BAD, "[0.4]"), (GOOD, "[]")], True, id="only the failure had a number"),
        pytest.param({}, [(BAD, "[0.4]"), (UNSURE, "[0.7]")], False, id="forgiven by the limits, with numbers"),
        pytest.param({}, [(BAD, "[]")], True, id="forgiven by the limits, without data"),
        pytest.param({}, [(BROKEN, ""), (GOOD, "[1]")], False, id="an error, then a number"),
        pytest.param(
            {"consecutiveSuccessLimit": 2}, [(GOOD, "[1]"), (GOOD, "[]"), (GOOD, "[]")], True, id="the last two"
        ),
        pytest.param(
            {"consecutiveSuccessLimit": 2}, [(GOOD, "[]"), (GOOD, "[]"), (GOOD, "[1]")], False, id="one of the last two"
        ),
        pytest.param({"consecutiveSuccessLimit": 0}, [(GOOD, "[1]"), (GOOD, "[]")], False, id="no such limit"),
        pytest.param({"consecutiveSuccessLimit": "1"}, [(GOOD, "[1]"), (GOOD, "[]")], True, id="the limit as text"),
        pytest.param(
            {"consecutiveSuccessLimit": "{{args.n}}"}, [(GOOD, "[1]"), (GOOD, "[]")], False, id="a limit that is open"
        ),
        pytest.param(NO_CONDITION, [(GOOD, "[]")], True, id="no condition: every answer passes"),
        pytest.param({"provider": {"job": {}}}, [(GOOD, "")], False, id="a Job has no value"),
        pytest.param({"provider": {"job": {}}}, [], True, id="a Job that never ran"),
        pytest.param({"provider": {"plugin": {"a/b": {}}}}, [(GOOD, "")], False, id="a plugin without a value"),
        pytest.param({"provider": {"plugin": {"a/b": {}}}}, [(GOOD, "NaN")], True, id="a plugin with NaN"),
        pytest.param(WEB, [(GOOD, "true")], False, id="web: a boolean"),
        pytest.param(WEB, [(GOOD, '"ok"')], False, id="web: a text in JSON"),
        pytest.param(WEB, [(GOOD, "null")], True, id="web: null"),
        pytest.param(WEB, [(GOOD, "[]")], True, id="web: an empty list"),
        pytest.param(WEB, [(GOOD, "Welcome, please log in")], True, id="web: no JSON, so the condition never saw it"),
        pytest.param(WEB, [(GOOD, "")], True, id="web: an empty body"),
        pytest.param(WEB | NO_CONDITION, [(GOOD, "")], False, id="web: that it answers was all that was asked"),
        pytest.param(WEB | NO_CONDITION, [(GOOD, "{}")], False, id="web: the same with JSON"),
    ],
)
def test_a_success_that_rests_on_nothing(asked: Tree, measurements: list[tuple[str, str]], silent: bool) -> None:
    assert decided(*measurements, **asked).silent is silent


PROMETHEUS: Tree = {"provider": {"prometheus": {}}}
NUMBER: Tree = {"measurements": [{"phase": GOOD, "value": "[1]"}]}
NO_DATA: Tree = {"measurements": [{"phase": GOOD, "value": "[]"}]}


@pytest.mark.parametrize(
    ("results", "silent"),
    [
        pytest.param([NUMBER], [], id="measured"),
        pytest.param([NUMBER, NO_DATA], ["m1"], id="one of two"),
        pytest.param([NO_DATA, {}], ["m0", "m1"], id="both"),
        pytest.param([NUMBER, {"dryRun": True, **NO_DATA}], [], id="a dry run does not matter"),
        pytest.param([{"dryRun": True, **NUMBER}], ["m0"], id="only dry runs: nothing was judged"),
    ],
)
def test_the_metrics_that_a_success_cannot_rest_on(results: list[Tree], silent: list[str]) -> None:
    found = with_metrics(*((PROMETHEUS, result) for result in results))
    assert [metric.name for metric in found.silent_metrics] == silent


@pytest.mark.parametrize(
    ("phase", "results", "evidence"),
    [
        pytest.param(GOOD, [NUMBER, NUMBER], "measured", id="success"),
        pytest.param(GOOD, [NUMBER, NO_DATA], "silent", id="success, one metric without data"),
        pytest.param(BAD, [NUMBER, {}], "measured", id="failure, the other metric never measured"),
        pytest.param(BAD, [NO_DATA, {}], "silent", id="failure without data"),
        pytest.param(BROKEN, [{"measurements": [{"phase": BROKEN, "message": "refused"}]}], "silent", id="errors"),
        pytest.param("Running", [NUMBER], "measured", id="on its way"),
        pytest.param("Running", [NO_DATA, {}], "silent", id="on its way, no data so far"),
        pytest.param("Running", [{}], None, id="nothing yet"),
        pytest.param("", [{}], None, id="not started"),
        pytest.param(GOOD, [{}], "silent", id="terminated before it had measured"),
    ],
)
def test_the_evidence_of_a_run(phase: str, results: list[Tree], evidence: str | None) -> None:
    found = replace(with_metrics(*((PROMETHEUS, result) for result in results)), phase=phase)
    assert (found.evidence, found.as_result()["evidence"]) == (evidence, evidence)


@pytest.mark.parametrize(
    ("completed", "finished", "ended"),
    [(None, [], ""), (None, [ago(9), ago(5)], ago(5)), (ago(1), [ago(9)], ago(1))],
)
def test_when_a_run_ended(completed: str | None, finished: list[str], ended: str) -> None:
    raw = analysis_run("run", "Successful", {"status": {"completedAt": completed}}, values=("[1]",) * len(finished))
    for measurement, moment in zip(
        (raw["status"]["metricResults"] or [{}])[0].get("measurements", ()), finished, strict=True
    ):
        measurement["finishedAt"] = moment
    assert AnalysisRun.parse(raw).ended_at == ended


@pytest.mark.parametrize(
    ("addresses", "found"),
    [
        pytest.param([], "", id="no metric"),
        pytest.param([None], "", id="left to the controller"),
        pytest.param(["http://one:9090", "http://two:9090"], "http://one:9090", id="the first"),
        pytest.param([None, "http://two:9090"], "http://two:9090", id="the first that has one"),
        pytest.param(["http://{{args.host}}:{{ args.port }}"], "http://prom:9090", id="by arguments"),
        pytest.param(["http://{{args.secret}}"], "", id="out of a Secret"),
        pytest.param(["http://{{args.unknown}}"], "", id="by no argument that is there"),
    ],
)
def test_where_a_run_asks_prometheus(addresses: list[str | None], found: str) -> None:
    args = [{"name": "host", "value": "prom"}, {"name": "port", "value": "9090"}, {"name": "secret", "valueFrom": {}}]
    metrics = [
        {"name": str(number), "provider": {"prometheus": {"address": address}}}
        for number, address in enumerate(addresses)
    ]
    run = AnalysisRun.parse({"spec": {"args": args, "metrics": [{"name": "w", "provider": {"web": {}}}, *metrics]}})
    assert run.prometheus_address == found


def test_the_run_of_an_experiment() -> None:
    assert AnalysisRun.parse(experiment_run()).kind == "experiment"


def test_the_result() -> None:
    asked = {
        "successCondition": "a",
        "failureCondition": "b",
        "failureLimit": 0,
        "consecutiveErrorLimit": 4,
        "provider": {"web": {}},
    }
    measurement = {"phase": "Failed", "value": "3", "startedAt": ago(9), "finishedAt": ago(8)}
    result = {"phase": "Failed", "count": 1, "failed": 1, "message": "why", "measurements": [measurement]}
    shown = with_metrics((asked, result)).as_result()
    assert shown == {
        "name": "run",
        "kind": "step",
        "phase": "Failed",
        "message": "",
        "terminated": False,
        "step": ANALYSIS_STEP,
        "started_at": "",
        "completed_at": "",
        "evidence": "measured",
        "metrics": [
            {
                "name": "m0",
                "phase": "Failed",
                "message": "why",
                "provider": "web",
                "success_condition": "a",
                "failure_condition": "b",
                "limits": {"failure_limit": 0, "consecutive_error_limit": 4},
                "count": 1,
                "successful": 0,
                "failed": 1,
                "inconclusive": 0,
                "error": 0,
                "dry_run": False,
                "measurements": [
                    {
                        "phase": "Failed",
                        "value": "3",
                        "message": "",
                        "started_at": ago(9),
                        "finished_at": ago(8),
                    }
                ],
            }
        ],
    }
    assert json.loads(json.dumps(shown)) == shown
