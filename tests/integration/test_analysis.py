# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Analysis tells the truth: which metric, which values, which condition; and what is no success."""

from __future__ import annotations

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, blue_green, canary


def judged(before: list[Object] | None = None, after: list[Object] | None = None) -> Object:
    """A canary with an analysis step."""
    return canary(steps=[{"setWeight": 20}, *(before or []), ANALYSIS_STEP, *(after or [{"pause": {}}])])


def release(stage: Stage, image: str = "shop:2.0.0", **given: object) -> Object:
    return stage.run("rollout_set_image", images={"app": image}, **given)


def test_a_good_value_lets_the_step_pass(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(judged(), gauge.template(count=2, interval="1s"))
    release(stage, wait=False)
    result = stage.ok("analysis_wait", rollout="shop")
    assert result["reason"] == "successful"
    metric = result["analysis"]["metrics"][0]
    assert (metric["name"], metric["count"], metric["success_condition"]) == ("value", 2, "result >= 0.95")
    assert [measurement["value"] for measurement in metric["measurements"]] == ["1", "1"]
    assert any(entry.get("metric") == "value" for entry in result["timeline"])
    assert stage.ok("rollout_wait", until="paused")["rollout"]["step"]["index"] == 2


def test_a_bad_value_aborts_and_the_message_says_why(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    stage.deploy(judged(), gauge.template())
    result = release(stage, wait_until="healthy")
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "analysis_failed")
    for part in ('"value"', "0.5", "result >= 0.95", "rollout_undo"):
        assert part in result["msg"]
    assert result["rollout"]["analysis"][0]["metrics"][0]["failed"] == 1
    run = stage.run("analysis_wait", rollout="shop")
    assert (run["failed"], run["reason"], run["analysis"]["phase"]) == (True, "analysis_failed", "Failed")
    by_name = stage.run("analysis_wait", analysis_run=run["analysis"]["name"])
    assert by_name["reason"] == "analysis_failed"


def test_after_a_retry_the_old_failure_is_not_taken_for_the_new_run(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    stage.deploy(judged(before=[{"pause": {"duration": 1}}]), gauge.template())
    failed = release(stage, wait_until="healthy")["rollout"]["analysis"][0]["name"]
    gauge.value = 1.0
    stage.ok("rollout_retry")
    result = stage.ok("analysis_wait", rollout="shop")
    assert result["reason"] == "successful"
    assert result["analysis"]["name"] != failed


def test_a_promote_never_skips_an_analysis(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(judged(), gauge.template(count=3, interval="1s"))
    release(stage)
    promoted = stage.ok("rollout_promote", wait_until="healthy")
    assert promoted["changed"]
    run = stage.ok("analysis_wait", rollout="shop")
    assert run["analysis"]["metrics"][0]["count"] == 3, "it measured to the end"


def test_a_terminated_run_is_no_success(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(judged(), gauge.template(count=100, interval="1s"))
    release(stage)
    waiting = stage.await_timeline(
        lambda entry: entry.get("reason") == "measured", "analysis_wait", rollout="shop", wait_timeout="60s"
    )
    name = stage.get()["status"]["canary"]["currentStepAnalysisRunStatus"]["name"]
    stage.kubectl("patch", "analysisrun", name, "--type=merge", "-p", '{"spec":{"terminate":true}}')
    result = waiting.result(timeout=60)
    assert result["analysis"]["phase"] == "Successful", "that is what the controller calls it"
    assert (result["failed"], result["reason"]) == (True, "terminated")


def test_an_inconclusive_analysis_waits_for_a_person(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.9
    conditions = {"successCondition": "result >= 0.95", "failureCondition": "result < 0.5"}
    stage.deploy(judged(after=[{"setWeight": 60}, {"pause": {}}]), gauge.template(**conditions))
    result = release(stage, wait_until="healthy")
    assert (result["failed"], result["reason"]) == (True, "inconclusive")
    assert "0.9" in result["msg"]
    refused = stage.run("rollout_promote")
    assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "inconclusive")
    passed = stage.ok("rollout_promote", pass_inconclusive=True, wait_until="paused")
    assert (passed["changed"], passed["rollout"]["step"]["index"]) == (True, 3)


def test_a_background_analysis_aborts_at_a_manual_gate(stage: Stage, gauge: Gauge) -> None:
    background = {"templates": [{"templateName": "value"}], "startingStep": 1}
    stage.deploy(canary(strategy={"analysis": background}), gauge.template(interval="1s"))
    release(stage, wait_until="paused")
    assert stage.run("analysis_wait", rollout="shop", kind="background", wait=False)["reason"] in (
        "running",
        "no_analysis",
    )
    gauge.value = 0.1
    result = stage.run("rollout_wait", until="healthy")
    assert (result["failed"], result["reason"]) == (True, "analysis_failed")
    assert stage.run("analysis_wait", rollout="shop", kind="background")["reason"] == "analysis_failed"


def test_a_pre_promotion_analysis_guards_the_preview(stage: Stage, gauge: Gauge) -> None:
    analysis = {"prePromotionAnalysis": {"templates": [{"templateName": "value"}]}}
    rollout, *services = blue_green(**analysis)
    stage.deploy(rollout, *services, gauge.template())
    release(stage)
    run = stage.ok("analysis_wait", rollout="shop", kind="pre_promotion")
    assert run["reason"] == "successful"
    assert stage.ok("rollout_promote", wait_until="healthy")["changed"]


def test_a_rollout_without_such_an_analysis_says_so(stage: Stage) -> None:
    stage.deploy(canary())
    result = stage.run("analysis_wait", rollout="shop", kind="step")
    assert (result["failed"], result["reason"]) == (True, "no_analysis")


def test_a_run_that_is_deleted_is_no_verdict(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(judged(), gauge.template(count=100, interval="1s"))
    release(stage)
    waiting = stage.await_timeline(lambda entry: entry.get("reason") == "measured", "analysis_wait", rollout="shop")
    stage.kubectl("delete", "analysisruns", "--all", "--wait=false")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["reason"]) == (True, "deleted")
