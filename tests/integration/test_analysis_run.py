# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnalysisRun of its own: made once, flattened as the controller does, ended, replaced, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import NotFound, Transient
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ANALYSIS_RUN, EXPERIMENT

from tests.integration.kit import ANALYSIS_STEP, ENDLESS, Gauge, Object, Stage, analysis_template, arm, canary, measured

VALUE = {"templates": [{"name": "value"}]}


def run_of(stage: Stage, name: str = "smoke") -> Object:
    return stage.cluster.get(ANALYSIS_RUN, stage.namespace, name)


def make(stage: Stage, name: str = "smoke", **given: Any) -> Object:
    return stage.run("analysis_run", name=name, **(given or VALUE))


def without_empty(value: Any) -> Any:
    """As it is without the empty objects that Go writes for what is not there."""
    if isinstance(value, list):
        return [without_empty(item) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned = {key: without_empty(item) for key, item in value.items()}
    return {key: item for key, item in cleaned.items() if item != {}}


@pytest.fixture
def for_all(stage: Stage, gauge: Gauge) -> Iterator[str]:
    """The name of a ClusterAnalysisTemplate, which outlives no test."""
    name = f"for-all-{stage.namespace}"
    stage.apply(analysis_template(name, cluster_scope=True, metrics=[gauge.metric("of-the-cluster")]))
    yield name
    stage.kubectl("delete", "clusteranalysistemplate", name, "--wait=false")


# -- twelve steps


def test_a_run_is_made_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(count=2, interval="1s"))
    for _turn in ("first", "repeat"):
        planned = make(stage, check=True, **VALUE)
        assert (planned["failed"], planned["changed"], planned["reason"]) == (False, True, "written")
        assert planned["diff"]["after"]["spec"]["metrics"][0]["name"] == "value"
        with pytest.raises(NotFound):
            run_of(stage)
    made = make(stage)
    assert (made["failed"], made["changed"], made["reason"]) == (False, True, "successful")
    assert made["analysis"]["kind"] == "standalone"
    assert made["analysis"]["evidence"] == "measured"
    assert any(map(measured, made["timeline"]))
    uid = run_of(stage)["metadata"]["uid"]
    for check in (True, False, False):
        again = make(stage, check=check, **VALUE)
        assert (again["failed"], again["changed"], again["reason"]) == (False, False, "successful")
        assert again["analysis"] == made["analysis"]
        assert "diff" not in again
    assert run_of(stage)["metadata"]["uid"] == uid


def test_a_run_is_ended_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(**ENDLESS))
    started = make(stage, wait=False, **VALUE)
    assert (started["failed"], started["changed"], started["reason"]) == (False, True, "running")
    for _turn in ("first", "repeat"):
        planned = stage.ok("analysis_run", name="smoke", state="terminated", check=True)
        assert (planned["changed"], planned["reason"]) == (True, "written")
        assert planned["diff"]["after"] == {"spec": {"terminate": True}}
        assert "terminate" not in run_of(stage)["spec"]
    ended = stage.ok("analysis_run", name="smoke", state="terminated")
    assert (ended["changed"], ended["reason"], ended["analysis"]["phase"]) == (True, "terminated", "Successful")
    for check in (True, False):
        again = stage.ok("analysis_run", name="smoke", state="terminated", check=check)
        assert (again["changed"], again["reason"]) == (False, "terminated")
    judged = make(stage)
    assert (judged["failed"], judged["changed"]) == (True, False)
    assert judged["reason"] in ("terminated", "insufficient"), "what was ended proves nothing"


def test_a_run_is_removed_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(**ENDLESS))
    make(stage, wait=False, **VALUE)
    for _turn in ("first", "repeat"):
        planned = stage.ok("analysis_run", name="smoke", state="absent", check=True)
        assert (planned["changed"], planned["reason"]) == (True, "absent")
        assert run_of(stage)
    assert stage.ok("analysis_run", name="smoke", state="absent")["changed"]
    for check in (True, False):
        again = stage.ok("analysis_run", name="smoke", state="absent", check=check)
        assert (again["changed"], again["reason"]) == (False, "absent")
    with pytest.raises(NotFound):
        run_of(stage)
    missing = stage.run("analysis_run", name="smoke", state="terminated")
    assert (missing["failed"], missing["reason"]) == (True, "not_found")


# -- the same name again


def test_another_spec_needs_another_name_or_a_word(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    stage.apply(gauge.template())
    failed = make(stage)
    assert (failed["failed"], failed["changed"], failed["reason"]) == (True, True, "analysis_failed")
    for part in ('"value"', "0.5", "result >= 0.95"):
        assert part in failed["msg"]
    before = run_of(stage)["metadata"]["uid"]
    gauge.value = 1.0
    other = {**VALUE, "measurement_retention": {"value": 3}}
    for check in (True, False):
        refused = make(stage, check=check, **other)
        assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "different")
        assert "measurementRetention" in refused["msg"]
        assert "recreate" in refused["msg"]
    planned = make(stage, check=True, recreate="finished", **other)
    assert (planned["failed"], planned["changed"]) == (False, True)
    assert run_of(stage)["metadata"]["uid"] == before
    replaced = make(stage, recreate="finished", **other)
    assert (replaced["failed"], replaced["changed"], replaced["reason"]) == (False, True, "successful")
    assert run_of(stage)["metadata"]["uid"] != before


def test_a_run_that_goes_on_is_only_replaced_when_always_is_said(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(**ENDLESS))
    make(stage, wait=False, **VALUE)
    before = run_of(stage)["metadata"]["uid"]
    kept = make(stage, wait=False, recreate="finished", **VALUE)
    assert (kept["changed"], run_of(stage)["metadata"]["uid"]) == (False, before)
    assert make(stage, wait=False, recreate="always", **VALUE)["changed"]
    assert run_of(stage)["metadata"]["uid"] != before


def test_what_the_apiserver_adds_is_no_other_spec(stage: Stage) -> None:
    """Such as the protocol of a port, of which the task says nothing."""
    container = {"name": "probe", "image": "probe:1", "ports": [{"containerPort": 80}]}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    job = {"name": "probe", "provider": {"job": {"spec": {"template": pod, "backoffLimit": 0}}}}
    assert make(stage, metrics=[job], wait=False)["changed"]
    stored = run_of(stage)["spec"]["metrics"][0]["provider"]["job"]["spec"]["template"]["spec"]["containers"][0]
    assert stored["ports"][0].get("protocol") == "TCP"
    again = make(stage, metrics=[job], wait=False)
    assert (again["failed"], again["changed"]) == (False, False)


def test_a_run_whose_making_is_not_answered_is_made_once(stage: Stage, gauge: Gauge, monkeypatch: Any) -> None:
    stage.apply(gauge.template())
    create, lost = stage.cluster.create, []

    def and_lose_the_answer(*args: Any, **options: Any) -> Object:
        made = create(*args, **options)
        if not lost and not options.get("dry_run"):
            lost.append(made)
            raise Transient("the connection broke")
        return made

    monkeypatch.setattr(stage.cluster, "create", and_lose_the_answer)
    result = make(stage)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")
    assert run_of(stage)["metadata"]["uid"] == lost[0]["metadata"]["uid"]


# -- templates


def test_templates_are_flattened_as_the_controller_does(stage: Stage, gauge: Gauge, for_all: str) -> None:
    """The controller's own way is an Experiment that names the outermost template."""
    shared = {"args": [{"name": "least"}], "metrics": [gauge.metric("shared", "result >= {{args.least}}")]}
    outer = {
        "templates": [{"templateName": for_all, "clusterScope": True}, {"templateName": "inner"}],
        "args": [{"name": "least", "value": "0.5"}, {"name": "unused", "value": "x"}],
        "metrics": [gauge.metric("own")],
        "dryRun": [{"metricName": "own"}],
        "measurementRetention": [{"metricName": ".*", "limit": 5}],
    }
    inner = {"templates": [{"templateName": "shared"}], "metrics": [gauge.metric("nested")]}
    stage.apply(
        analysis_template("shared", **shared), analysis_template("inner", **inner), analysis_template("outer", **outer)
    )
    spec = {
        "templates": [arm("one", "a:1")],
        "analyses": [{"name": "all", "templateName": "outer", "requiredForCompletion": True}],
    }
    reference = stage.ok("experiment", name="reference", definition=spec)
    made = stage.ok("analysis_run", name="ours", templates=[{"name": "outer"}, {"name": "shared"}])
    assert [item["name"] for item in made["analysis"]["metrics"]] == ["own", "nested", "shared", "of-the-cluster"]
    theirs = run_of(stage, reference["experiment"]["analysis"][0]["name"])
    assert run_of(stage, "ours")["spec"] == without_empty(theirs["spec"])


def test_a_given_value_goes_before_that_of_a_template(stage: Stage, gauge: Gauge) -> None:
    asked = gauge.metric("value", "result >= {{args.least}}")
    stage.apply(analysis_template("value", args=[{"name": "least", "value": "5"}], metrics=[asked]))
    assert make(stage, args={"least": 0.5}, **VALUE)["reason"] == "successful"


def test_a_secret_stays_a_reference(stage: Stage, gauge: Gauge) -> None:
    asked = gauge.metric("value", provider={"web": {"url": gauge.url + "?{{args.token}}", "jsonPath": "{$.value}"}})
    stage.apply(analysis_template("value", args=[{"name": "token"}], metrics=[asked]))
    stage.kubectl("create", "secret", "generic", "login", "--from-literal=token=open-sesame")
    reference = {"valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}}
    result = make(stage, args={"token": reference}, **VALUE)
    assert result["reason"] == "successful"
    assert run_of(stage)["spec"]["args"] == [{"name": "token", **reference}]
    assert "open-sesame" not in str(result)


def nothing(stage: Stage, gauge: Gauge) -> None:
    pass


def without_a_value(stage: Stage, gauge: Gauge) -> None:
    asked = gauge.metric("value", "result >= {{args.least}}")
    stage.apply(analysis_template("value", args=[{"name": "least"}], metrics=[asked]))


def twice(stage: Stage, gauge: Gauge) -> None:
    stage.apply(
        analysis_template("value", templates=[{"templateName": "other"}], metrics=[gauge.metric("m")]),
        analysis_template("other", metrics=[gauge.metric("m")]),
    )


def strange(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template())


@pytest.mark.parametrize(
    ("prepare", "given", "reason", "parts"),
    [
        (nothing, VALUE, "not_found", ["AnalysisTemplate value", "the option templates"]),
        (without_a_value, VALUE, "invalid_request", ["args.least", "AnalysisTemplate value"]),
        (twice, VALUE, "invalid_spec", ["AnalysisTemplate value and AnalysisTemplate other", "'m'"]),
        (nothing, {"metrics": [{"name": "m", "providre": {}}]}, "invalid_request", ["providre"]),
        (nothing, {}, "invalid_request", ["templates is missing"]),
    ],
    ids=["no such template", "an arg without a value", "a metric twice", "a field that is none", "no metric"],
)
def test_what_cannot_be_made_is_not(
    stage: Stage,
    gauge: Gauge,
    prepare: Callable[[Stage, Gauge], None],
    given: Object,
    reason: str,
    parts: list[str],
) -> None:
    prepare(stage, gauge)
    for check in (True, False):
        result = stage.run("analysis_run", name="smoke", check=check, **given)
        assert (result["failed"], result["changed"], result["reason"]) == (True, False, reason), result["msg"]
        for part in parts:
            assert part in result["msg"]
    assert stage.cluster.list(ANALYSIS_RUN, stage.namespace)["items"] == []


# -- ends


def test_a_provider_that_does_not_answer_is_an_error(stage: Stage) -> None:
    web = {"url": "http://127.0.0.1:9/", "jsonPath": "{$.value}"}
    asked = {"name": "value", "successCondition": "true", "consecutiveErrorLimit": 0, "provider": {"web": web}}
    result = make(stage, metrics=[asked])
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "analysis_error")
    assert '"value"' in result["msg"]


def test_neither_good_nor_bad_is_inconclusive(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.9
    stage.apply(gauge.template(failureCondition="result < 0.5"))
    result = make(stage)
    assert (result["failed"], result["reason"]) == (True, "inconclusive")
    assert "0.9" in result["msg"]


def test_silence_is_no_success_unless_it_is_accepted(stage: Stage, gauge: Gauge) -> None:
    gauge.value = None  # type: ignore[assignment]
    asked = gauge.metric("alerts", "true")
    result = make(stage, metrics=[asked])
    assert (result["failed"], result["reason"], result["analysis"]["evidence"]) == (True, "insufficient", "silent")
    accepted = make(stage, metrics=[asked], accept_silence=["alerts"])
    assert (accepted["failed"], accepted["changed"], accepted["reason"]) == (False, False, "successful")


def test_somebody_ends_it_while_we_wait(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(**ENDLESS))
    waiting = stage.await_timeline(measured, "analysis_run", name="smoke", **VALUE)
    stage.ok("analysis_run", name="smoke", state="terminated")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "terminated")


def test_somebody_removes_it_while_we_wait(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template(**ENDLESS))
    waiting = stage.await_timeline(measured, "analysis_run", name="smoke", **VALUE)
    stage.ok("analysis_run", name="smoke", state="absent")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "deleted")


def test_a_run_that_no_controller_looks_at(stage: Stage, gauge: Gauge) -> None:
    stage.apply(gauge.template())
    labels = {"argo-rollouts.argoproj.io/controller-instance-id": "another"}
    result = make(stage, labels=labels, wait_timeout="12s", **VALUE)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "controller_absent")
    assert "instance-id" in result["msg"]


def test_the_analysis_of_a_release_is_not_touched(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, ANALYSIS_STEP, {"pause": {}}]), gauge.template(**ENDLESS))
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"})
    waiting = stage.await_timeline(measured, "analysis_wait", rollout="shop", wait_timeout="60s")
    name = stage.get()["status"]["canary"]["currentStepAnalysisRunStatus"]["name"]
    for state in ("terminated", "absent"):
        refused = stage.run("analysis_run", name=name, state=state)
        assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "owned")
        assert "Rollout shop" in refused["msg"]
    stage.ok("rollout_abort")
    waiting.result(timeout=60)
    assert stage.cluster.list(EXPERIMENT, stage.namespace)["items"] == []
