# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Experiment of its own: made once, followed to its end, compared, ended, replaced, removed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import NotFound
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import EXPERIMENT

from tests.integration.kit import ENDLESS, Gauge, Object, Stage, arm, canary, measured


def analysis(name: str, of: str = "", **more: Any) -> Object:
    args = [{"name": "pods", "value": f"{{{{templates.{of}.podTemplateHash}}}}"}] if of else []
    return {"name": name, "templateName": "value", "args": args, "requiredForCompletion": True, **more}


def trial(*analyses: Object, **more: Any) -> Object:
    """The spec of an Experiment of two versions, that ends with its analyses."""
    return {"templates": [arm("stable"), arm("canary")], "analyses": list(analyses), **more}


ONE = trial(analysis("check", "canary"))


def value(gauge: Gauge, **metric: Any) -> Object:
    """The AnalysisTemplate, with an arg that names the pods."""
    made = gauge.template(**metric)
    made["spec"]["args"] = [{"name": "pods", "value": "all"}]
    return made


def run(stage: Stage, definition: Object | None = None, **given: Any) -> Object:
    return stage.run("experiment", name="trial", definition=definition or ONE, **given)


def found(stage: Stage) -> Object:
    return stage.cluster.get(EXPERIMENT, stage.namespace, "trial")


# -- twelve steps


def test_an_experiment_is_made_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(value(gauge))
    for _turn in ("first", "repeat"):
        planned = run(stage, check=True)
        assert (planned["failed"], planned["changed"], planned["reason"]) == (False, True, "written")
        assert [item["name"] for item in planned["diff"]["after"]["spec"]["templates"]] == ["stable", "canary"]
        with pytest.raises(NotFound):
            found(stage)
    made = run(stage)
    assert (made["failed"], made["changed"], made["reason"]) == (False, True, "successful"), made["msg"]
    assert made["experiment"]["phase"] == "Successful"
    assert {item["name"] for item in made["experiment"]["templates"]} == {"stable", "canary"}
    assert made["analysis"]["name"] == "trial-check"
    told = [entry["message"] for entry in made["timeline"] if entry["reason"] == "experiment"]
    assert "template canary of trial is Running" in told
    assert told.index("template canary of trial is Running") < told.index("trial is Successful")
    for check in (True, False, False):
        again = run(stage, check=check)
        assert (again["failed"], again["changed"], again["reason"]) == (False, False, "successful")
        assert again["experiment"]["analysis"] == made["experiment"]["analysis"]


def test_an_experiment_is_ended_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(value(gauge, **ENDLESS))
    started = run(stage, wait=False)
    assert (started["failed"], started["changed"], started["reason"]) == (False, True, "running")
    waiting = stage.await_timeline(measured, "experiment", name="trial", definition=ONE)
    for _turn in ("first", "repeat"):
        planned = stage.ok("experiment", name="trial", state="terminated", check=True)
        assert (planned["changed"], planned["reason"]) == (True, "written")
        assert "terminate" not in found(stage)["spec"]
    ended = stage.ok("experiment", name="trial", state="terminated")
    assert (ended["changed"], ended["reason"]) == (True, "terminated")
    assert [item["terminated"] for item in ended["experiment"]["analysis"]] == [True]
    for check in (True, False):
        again = stage.ok("experiment", name="trial", state="terminated", check=check)
        assert (again["changed"], again["reason"]) == (False, "terminated")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "terminated")


def test_an_experiment_is_removed_once(stage: Stage, gauge: Gauge) -> None:
    stage.apply(value(gauge, **ENDLESS))
    waiting = stage.await_timeline(measured, "experiment", name="trial", definition=ONE)
    for _turn in ("first", "repeat"):
        planned = stage.ok("experiment", name="trial", state="absent", check=True)
        assert (planned["changed"], planned["reason"]) == (True, "absent")
        assert found(stage)
    assert stage.ok("experiment", name="trial", state="absent")["changed"]
    for check in (True, False):
        again = stage.ok("experiment", name="trial", state="absent", check=check)
        assert (again["changed"], again["reason"]) == (False, "absent")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "deleted")
    missing = stage.run("experiment", name="trial", state="terminated")
    assert (missing["failed"], missing["reason"]) == (True, "not_found")


# -- what it shows


def test_the_arms_are_compared(stage: Stage) -> None:
    good, bad = Gauge(), Gauge()
    bad.value = 0.25
    two = {"count": 2, "interval": "1s"}
    of_bad = value(bad, successCondition="result < 1", **two)
    of_bad["metadata"]["name"] = "other"
    stage.apply(value(good, **two), of_bad)
    definition = trial(
        analysis("check-stable", "stable"),
        analysis("check-canary", "canary", templateName="other"),
    )
    result = run(stage, definition)
    good.close()
    bad.close()
    assert (result["failed"], result["reason"]) == (False, "successful"), result["msg"]
    (row,) = result["experiment"]["comparison"]
    assert row["metric"] == "value"
    keys = ("analysis", "template", "phase", "count", "last", "mean", "min", "max")
    shown = sorted(tuple(entry[key] for key in keys) for entry in row["analyses"])
    assert shown == [
        ("check-canary", "canary", "Successful", 2, 0.25, 0.25, 0.25, 0.25),
        ("check-stable", "stable", "Successful", 2, 1, 1.0, 1, 1),
    ]
    assert any(measured(entry) and entry["analysis_run"] == "trial-check-canary" for entry in result["timeline"])


def test_an_experiment_of_a_time_ends_by_itself(stage: Stage, gauge: Gauge) -> None:
    """Its endless analysis is ended then, which is no fault of it."""
    stage.apply(value(gauge, interval="1s"))
    result = run(stage, trial(analysis("check", "canary", requiredForCompletion=False), duration="3s"))
    assert (result["failed"], result["reason"]) == (False, "successful"), result["msg"]
    again = stage.ok("experiment", name="trial", state="terminated")
    assert (again["changed"], again["reason"]) == (False, "completed")


# -- the same name again


def test_another_spec_needs_another_name_or_a_word(stage: Stage, gauge: Gauge) -> None:
    stage.apply(value(gauge))
    whole = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "trial", "labels": {"team": "shop"}},
        "spec": ONE,
    }
    assert run(stage, whole)["reason"] == "successful"
    before = found(stage)["metadata"]
    assert before["labels"] == {"team": "shop"}
    other = {**ONE, "progressDeadlineSeconds": 100}
    refused = run(stage, other)
    assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "different")
    assert "progressDeadlineSeconds" in refused["msg"]
    replaced = run(stage, other, recreate="finished")
    assert (replaced["failed"], replaced["changed"], replaced["reason"]) == (False, True, "successful"), replaced["msg"]
    assert found(stage)["metadata"]["uid"] != before["uid"]


# -- bad ends


def test_a_bad_value_fails_it_and_the_message_says_why(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.5
    stage.apply(value(gauge))
    result = run(stage)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "analysis_failed")
    for part in ('"value"', "0.5", "result >= 0.95"):
        assert part in result["msg"]
    assert run(stage)["reason"] == "analysis_failed", "the answer stays the same"


def test_neither_good_nor_bad_is_inconclusive(stage: Stage, gauge: Gauge) -> None:
    gauge.value = 0.9
    stage.apply(value(gauge, failureCondition="result < 0.5"))
    result = run(stage)
    assert (result["failed"], result["reason"]) == (True, "inconclusive")


def test_a_template_that_is_not_there(stage: Stage) -> None:
    result = run(stage)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "experiment_failed")
    assert '"value" not found' in result["msg"]


def test_an_arg_without_a_value(stage: Stage, gauge: Gauge) -> None:
    made = value(gauge)
    made["spec"]["args"].append({"name": "least"})
    stage.apply(made)
    result = run(stage)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "experiment_failed")
    assert "args.least" in result["msg"]


def test_what_is_no_experiment_is_not_made(stage: Stage) -> None:
    for definition, part in (
        ({"duration": "5m"}, "definition.templates is missing"),
        ({"kind": "Rollout", "spec": ONE}, "definition.kind"),
        ({**ONE, "durration": "5m"}, "durration"),
    ):
        result = run(stage, definition)
        assert (result["failed"], result["changed"], result["reason"]) == (True, False, "invalid_request")
        assert part in result["msg"]
    assert stage.cluster.list(EXPERIMENT, stage.namespace)["items"] == []


def test_the_versions_of_a_rollout_side_by_side(stage: Stage, gauge: Gauge) -> None:
    stage.deploy(canary(), value(gauge))
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    templates = [{"name": "baseline", "specRef": "stable"}, {"name": "canary", "specRef": "canary"}]
    definition = {"templates": templates, "analyses": [analysis("check", "canary")]}
    made = run(stage, definition, rollout="shop")
    assert (made["failed"], made["changed"], made["reason"]) == (False, True, "successful"), made["msg"]
    images = [item["template"]["spec"]["containers"][0]["image"] for item in found(stage)["spec"]["templates"]]
    assert images == ["shop:1.0.0", "shop:2.0.0"]
    again = run(stage, definition, rollout="shop")
    assert (again["failed"], again["changed"], again["reason"]) == (False, False, "successful")
    assert stage.get()["status"]["replicas"] == 5, "the Rollout has kept its pods"
