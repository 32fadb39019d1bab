# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No data is no success: silent analyses, too few requests, and the analyses of experiments."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus.client import Prometheus

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, blue_green, canary
from tests.integration.page import Scraped, held_address
from tests.integration.support import eventually, run_module

GATED: list[Object] = [{"setWeight": 20}, ANALYSIS_STEP, {"pause": {}}]


def asking(stage: Stage, query: str, condition: str, **metric: Any) -> Object:
    """An AnalysisTemplate that asks the lab's Prometheus."""
    address = stage.lab.record["addresses"]["prometheus"]
    asked = {
        "name": "success-rate",
        "successCondition": condition,
        "provider": {"prometheus": {"address": address, "query": query}},
        **metric,
    }
    return analysis_template(asked)


def analysis_template(*metrics: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "value"},
        "spec": {"metrics": list(metrics), **spec},
    }


def release(stage: Stage, **given: object) -> Object:
    return stage.run("rollout_set_image", images={"app": "shop:2.0.0"}, **given)


# -- silence

NOTHING = "sum(rate(nothing_asks_for_this_total[1m]))"
SILENCES = [
    pytest.param(NOTHING, "len(result) == 0 || result[0] >= 0.95", "[]", id="no series"),
    pytest.param("vector(0) / 0", "isNaN(result[0]) || result[0] >= 0.95", "[NaN]", id="NaN"),
    pytest.param("scalar(vector(0) / 0)", "isNaN(result) || result >= 0.95", "NaN", id="a scalar NaN"),
]


@pytest.mark.parametrize(("query", "condition", "value"), SILENCES)
def test_a_success_without_data_is_no_success(stage: Stage, query: str, condition: str, value: str) -> None:
    stage.deploy(canary(steps=GATED), asking(stage, query, condition))
    passed = release(stage, wait_until="paused")
    assert not passed["failed"], "the controller has let it pass, and a verb does not undo that"
    assert [(run["phase"], run["evidence"]) for run in passed["rollout"]["analysis"]] == [("Successful", "silent")]
    result = stage.run("analysis_wait", rollout="shop")
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    for part in ('"success-rate"', f"measured {value} against", condition, "accept_silence"):
        assert part in result["msg"]
    assert result["analysis"]["evidence"] == "silent"
    accepted = stage.ok("analysis_wait", rollout="shop", accept_silence=["success-rate"])
    assert (accepted["reason"], accepted["analysis"]["evidence"]) == ("successful", "silent")


def test_a_zero_in_place_of_no_data_looks_measured_until_requests_are_demanded(stage: Stage) -> None:
    stage.deploy(canary(steps=GATED), asking(stage, f"{NOTHING} or vector(0)", "result[0] < 0.05"))
    release(stage)
    result = stage.ok("analysis_wait", rollout="shop")
    assert (result["analysis"]["evidence"], result["analysis"]["requests"]) == ("measured", None)
    counted = stage.run("analysis_wait", rollout="shop", min_requests=1, requests={"canary": NOTHING})
    assert (counted["failed"], counted["reason"]) == (True, "insufficient")
    assert "canary had no result at all" in counted["msg"]
    assert counted["analysis"]["requests"] == {"canary": None}


def test_text_that_the_condition_never_saw(stage: Stage) -> None:
    """The controller passes a web metric whose answer is no JSON without a look at the condition."""
    url = f"{stage.lab.record['addresses']['prometheus']}/-/healthy"
    metric = {"name": "health", "successCondition": "result == 'never'", "provider": {"web": {"url": url}}}
    stage.deploy(canary(steps=GATED), analysis_template(metric))
    release(stage)
    result = stage.run("analysis_wait", rollout="shop")
    assert (result["failed"], result["reason"], result["analysis"]["phase"]) == (True, "insufficient", "Successful")
    assert "Prometheus Server is Healthy" in result["msg"]


def test_a_run_that_is_terminated_before_its_first_measurement(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(canary(steps=GATED), gauge.template(initialDelay="5m"))
    release(stage)
    waiting = stage.await_timeline(lambda entry: bool(entry.get("analysis")), "rollout_wait", until="paused")
    name = stage.get()["status"]["canary"]["currentStepAnalysisRunStatus"]["name"]
    stage.kubectl("patch", "analysisrun", name, "--type=merge", "-p", '{"spec":{"terminate":true}}')
    result = stage.run("analysis_wait", rollout="shop")
    assert not waiting.result(timeout=60)["failed"], "the step has passed"
    assert (result["failed"], result["reason"], result["analysis"]["phase"]) == (True, "insufficient", "Successful")
    assert "was terminated" in result["msg"]
    assert 'metric "value" measured nothing' in result["msg"]


def test_a_run_of_dry_runs_decides_nothing(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.1
    trial = gauge.template()
    trial["spec"]["dryRun"] = [{"metricName": ".*"}]
    stage.deploy(canary(steps=GATED), trial)
    release(stage)
    result = stage.run("analysis_wait", rollout="shop")
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    assert 'metric "value" is a dry run' in result["msg"]


# -- requests


class Counters(Scraped):
    """Counters of requests by version, scraped by the lab's Prometheus."""

    def __init__(self, stage: Stage) -> None:
        self.requests = {"canary": 0, "stable": 0}
        self._job = stage.namespace
        super().__init__(stage.lab, self._job, {"job": self._job}, self._content)
        self._prometheus = Prometheus(stage.lab.record["addresses"]["prometheus"])
        self._await_scrape()

    def _content(self) -> str:
        return "".join(f'handled_total{{version="{arm}"}} {count}\n' for arm, count in self.requests.items())

    def query(self, version: str, window: str = "[$window]") -> str:
        return f'sum(increase(handled_total{{job="{self._job}",version="{version}"}}{window}))'

    def serve(self, **requests: int) -> None:
        """Count these requests, and wait until Prometheus knows them."""
        self.requests |= requests
        self._await_scrape()

    def _await_scrape(self) -> None:
        eventually(self._known, what="Prometheus has not scraped the counters")

    def _known(self) -> bool:
        # Kubernetes tells the end of a run to the second, so what came later than that does not count.
        now = float(int(time.time()))
        known = self._prometheus.instant(f'handled_total{{job="{self._job}"}}', now).samples
        return {sample.labels["version"]: int(sample.value) for sample in known} == self.requests


@pytest.fixture
def counters(stage: Stage) -> Iterator[Counters]:
    made = Counters(stage)
    yield made
    made.close()


def test_enough_requests_are_demanded_of_each_arm(stage: Stage, counters: Counters) -> None:
    stage.deploy(canary(steps=GATED), asking(stage, "vector(1)", "result[0] >= 0.95"))
    counters.serve(canary=500, stable=20)
    release(stage)
    queries = {arm: counters.query(arm) for arm in ("canary", "stable")}
    enough = stage.ok("analysis_wait", rollout="shop", min_requests=15, requests=queries)
    counted = enough["analysis"]["requests"]
    # increase() estimates what lies between the scrapes and the edges of the window.
    assert counted["canary"] == pytest.approx(500, rel=0.5)
    assert counted["stable"] == pytest.approx(20, rel=0.5)
    few = stage.run("analysis_wait", rollout="shop", min_requests=100, requests=queries)
    assert (few["failed"], few["reason"]) == (True, "insufficient")
    assert "stable had " in few["msg"]
    assert "100 requests are needed" in few["msg"]
    assert "canary had" not in few["msg"], "it had enough"
    later = stage.ok("analysis_wait", rollout="shop", min_requests=15, requests=queries)
    assert later["analysis"]["requests"] == counted, "it is the end of the run that is asked about"


def test_the_requests_are_counted_the_same_through_ansible(stage: Stage, counters: Counters, gauge: Gauge) -> None:
    """The module's frame makes the connection of the option `prometheus`."""
    stage.deploy(canary(steps=GATED), gauge.template())
    counters.serve(canary=500)
    release(stage, wait_until="paused")
    given = {
        "kubeconfig": str(stage.lab.kubeconfig),
        "namespace": stage.namespace,
        "rollout": "shop",
        "requests": {"canary": counters.query("canary")},
        "prometheus": {"address": stage.lab.record["addresses"]["prometheus"], "headers": {"X-Token": "of-the-tests"}},
    }
    enough = run_module("analysis_wait", {**given, "min_requests": 100})
    assert (enough["failed"], enough["reason"]) == (False, "successful"), enough["msg"]
    few = run_module("analysis_wait", {**given, "min_requests": 5000})
    assert (few["failed"], few["reason"]) == (True, "insufficient")
    assert few["analysis"]["requests"] == enough["analysis"]["requests"]
    assert "of-the-tests" not in json.dumps([enough, few])


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that nobody listens at."""
    with held_address() as address:
        yield f"http://{address}"


def test_a_prometheus_that_is_down_is_missing_evidence(stage: Stage, gauge: Gauge, nobody: str) -> None:
    stage.deploy(canary(steps=GATED), gauge.template())
    release(stage, wait_until="paused")
    demand = {"min_requests": 1, "requests": {"canary": "vector(5)"}}
    nowhere = stage.run("analysis_wait", rollout="shop", **demand)
    assert (nowhere["failed"], nowhere["reason"]) == (True, "invalid_request")
    assert "give prometheus with its address" in nowhere["msg"]
    down = {"address": nobody}
    result = stage.run("analysis_wait", rollout="shop", wait_timeout="3s", prometheus=down, **demand)
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    assert down["address"] in result["msg"]
    assert "unreachable" in [entry.get("reason") for entry in result["timeline"]], "it was tried again"
    once = stage.run("analysis_wait", rollout="shop", wait=False, prometheus=down, **demand)
    assert (once["failed"], once["reason"]) == (True, "insufficient")
    assert "unreachable" not in [entry.get("reason") for entry in once["timeline"]], "it was asked once"


def test_a_query_that_prometheus_refuses(stage: Stage) -> None:
    stage.deploy(canary(steps=GATED), asking(stage, "vector(1)", "result[0] >= 0.95"))
    release(stage)
    result = stage.run("analysis_wait", rollout="shop", min_requests=1, requests={"canary": "sum("})
    assert (result["failed"], result["reason"]) == (True, "bad_query")
    assert "arm canary (sum()" in result["msg"]


# -- experiments


def experiment_step(**body: Any) -> Object:
    analyses = [{"name": "value", "templateName": "value", "requiredForCompletion": "duration" not in body}]
    return {"experiment": {"templates": [{"name": "canary", "specRef": "canary"}], "analyses": analyses, **body}}


def experimenting(**body: Any) -> Object:
    return canary(steps=[{"setWeight": 20}, experiment_step(**body), {"pause": {}}])


def test_a_failing_experiment_is_told_by_metric_value_and_condition(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    stage.deploy(experimenting(), gauge.template())
    result = release(stage, wait_until="healthy")
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "analysis_failed")
    for part in ('"value"', "measured 0.5", "result >= 0.95", "rollout_undo"):
        assert part in result["msg"]
    (run,) = result["rollout"]["analysis"]
    assert (run["kind"], run["step"], run["evidence"]) == ("experiment", 1, "measured")
    shown = result["rollout"]["experiment"]
    assert (shown["phase"], shown["analysis"]) == ("Failed", [run])
    waited = stage.run("analysis_wait", rollout="shop", kind="experiment")
    assert (waited["failed"], waited["reason"], waited["analysis"]["name"]) == (True, "analysis_failed", run["name"])
    assert "measured 0.5" in waited["msg"]
    assert stage.run("analysis_wait", analysis_run=run["name"])["reason"] == "analysis_failed"


def test_an_experiment_is_waited_for_from_before_it_starts(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(experimenting(), gauge.template(count=2, interval="1s"))
    release(stage, wait=False)
    result = stage.ok("analysis_wait", rollout="shop", kind="experiment")
    assert result["reason"] == "successful"
    assert "value measured 1, 1" in result["msg"]
    shown = result["rollout"]["experiment"]
    assert (shown["phase"], shown["templates"][0]["name"]) == ("Successful", "canary")
    assert [(run["kind"], run["phase"], run["evidence"]) for run in shown["analysis"]] == [
        ("experiment", "Successful", "measured")
    ]
    assert any(entry.get("reason") == "experiment" for entry in result["timeline"])
    passed = stage.ok("rollout_wait", until="paused")
    assert passed["rollout"]["step"]["index"] == 2


def test_an_experiment_that_is_on_its_way_is_shown(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(experimenting(), gauge.template(count=100, interval="1s"))
    release(stage)
    waiting = stage.await_timeline(
        lambda entry: entry.get("reason") == "experiment" and "analysis value" in entry["message"],
        "analysis_wait",
        rollout="shop",
        kind="experiment",
    )
    (shown,) = stage.ok("rollout_info", name="shop")["rollouts"]
    assert shown["experiment"]["phase"] == "Running"
    assert [run["kind"] for run in shown["experiment"]["analysis"]] == ["experiment"]
    now = stage.ok("analysis_wait", rollout="shop", kind="experiment", wait=False)
    assert now["reason"] == "running"
    stage.ok("rollout_abort")
    ended = waiting.result(timeout=60)
    assert (ended["failed"], ended["reason"]) == (True, "terminated")


def test_an_experiment_with_a_duration_ends_its_endless_analysis(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(experimenting(duration="3s"), gauge.template(interval="1s"))
    release(stage, wait=False)
    result = stage.ok("analysis_wait", rollout="shop", kind="experiment")
    assert result["reason"] == "successful"
    assert result["analysis"]["terminated"], "by its Experiment, after it had measured"


def test_a_silent_experiment_proves_nothing(stage: Stage) -> None:
    stage.deploy(experimenting(), asking(stage, NOTHING, "len(result) == 0 || result[0] >= 0.95"))
    passed = release(stage, wait_until="paused")
    assert passed["rollout"]["experiment"]["analysis"][0]["evidence"] == "silent"
    result = stage.run("analysis_wait", rollout="shop", kind="experiment")
    assert (result["failed"], result["reason"]) == (True, "insufficient")
    assert stage.ok("analysis_wait", rollout="shop", kind="experiment", accept_silence=["success-rate"])


def test_an_inconclusive_experiment_waits_for_a_person(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.9
    conditions = {"successCondition": "result >= 0.95", "failureCondition": "result < 0.5"}
    stage.deploy(experimenting(), gauge.template(**conditions))
    result = release(stage, wait_until="healthy")
    assert (result["failed"], result["reason"]) == (True, "inconclusive")
    assert "measured 0.9" in result["msg"]
    assert stage.run("analysis_wait", rollout="shop", kind="experiment")["reason"] == "inconclusive"


# -- a retry


def test_right_after_a_retry_the_failed_run_is_not_taken_for_the_new_one(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    analysis = {"prePromotionAnalysis": {"templates": [{"templateName": "value"}]}}
    rollout, *services = blue_green(**analysis)
    stage.deploy(rollout, *services, gauge.template())
    failed = release(stage, wait_until="healthy")["rollout"]["analysis"][0]["name"]
    gauge.value = 1.0
    stage.ok("rollout_retry", wait=False)
    result = stage.ok("analysis_wait", rollout="shop", kind="pre_promotion")
    assert result["analysis"]["name"] != failed
