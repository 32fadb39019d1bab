# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnalysisRun of its own: made, found again, followed, ended, replaced, removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Broken, Changed, Interrupted
from ansible_collections.progressive.delivery.plugins.module_utils._engine.analysis_run import RunRequest, run_analysis
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.templates import Given, TemplateRef

from tests.unit.fakes import FakeCluster, Key, notes
from tests.unit.support import NAMESPACE, Tree, analysis_run, merged

RUN: Key = ("analysisruns", "smoke")
LABEL = f"AnalysisRun {NAMESPACE}/smoke"
METRIC = analysis_run()["spec"]["metrics"][0]
LOST = Transient("the connection broke")


def template(name: str = "rate", kind: str = "AnalysisTemplate", **spec: Any) -> Tree:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


TEMPLATE = template(metrics=[METRIC], args=[{"name": "service", "value": "shop"}])


def made(phase: str = "Running", *values: str, **spec: Any) -> Tree:
    """The run as a task made it."""
    raw = analysis_run("smoke", phase, values=values)
    raw["metadata"] |= {"labels": {}, "ownerReferences": []}
    return merged(raw, {"spec": {"args": [{"name": "service", "value": "shop"}], **spec}})


def status(phase: str, *values: str) -> Tree:
    return {"status": made(phase, *values)["status"]}


def run(cluster: FakeCluster, **given: Any) -> Tree:
    engine = {key: given.pop(key) for key in ("check_mode", "wait", "timeout") if key in given}
    heard = given.pop("listener", None)
    options: Tree = {
        "state": "present",
        "templates": (TemplateRef("rate"),),
        "given": Given(),
        "labels": {},
        "recreate": "never",
        "accept_silence": (),
        **given,
    }
    request = RunRequest(namespace=NAMESPACE, name="smoke", **options)
    return run_analysis(cluster, cluster.clock, request, Options(**engine), heard)


def ends_well(cluster: FakeCluster, seconds: float = 10) -> FakeCluster:
    """What the controller does with the run once it is there."""
    cluster.later(seconds, status("Successful", "[0.99]"), RUN)
    return cluster


def writes(cluster: FakeCluster) -> list[str]:
    return [str(item) for item in cluster.requests if item.verb in ("create", "patch", "delete")]


# -- present


def test_a_run_is_made_and_followed() -> None:
    cluster = FakeCluster(TEMPLATE)
    heard: list[Tree] = []
    cluster.later(5, status("Running", "[0.98]"), RUN)
    result = run(ends_well(cluster), labels={"team": "shop"}, listener=heard.append)
    assert cluster.asked == [
        "get analysistemplates/rate",
        "get analysisruns/smoke",
        "create analysisruns/smoke",
        "watch analysisruns/smoke",
    ]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")
    assert result["msg"] == f"{LABEL} is Successful: success-rate measured [0.99]"
    assert result["analysis"]["evidence"] == "measured"
    assert result["diff"]["after_header"] == LABEL
    assert result["diff"]["after"]["spec"]["args"] == [{"name": "service", "value": "shop"}]
    assert len(notes(result, "measured")) == 2
    assert heard == result["timeline"]
    stored = cluster.stored(RUN)
    assert stored["metadata"]["labels"] == {"team": "shop"}
    assert stored["apiVersion"] == "argoproj.io/v1alpha1"
    assert cluster.feeds_open == 0


def test_a_making_that_the_apiserver_has_no_time_for_is_not_done() -> None:
    cluster = FakeCluster(TEMPLATE)
    cluster.fail("create", Transient("busy", 429), times=1000)
    result = run(cluster, timeout=30)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "unreachable")
    assert "unknown" not in result["msg"]


@pytest.mark.parametrize("phase", ["Successful", "Failed"])
def test_a_run_that_is_over_is_the_answer(phase: str) -> None:
    cluster = FakeCluster(TEMPLATE, made(phase, "[0.5]"))
    result = run(cluster)
    assert writes(cluster) == []
    assert (result["failed"], result["changed"]) == (phase == "Failed", False)
    assert result["reason"] == ("analysis_failed" if phase == "Failed" else "successful")
    assert "diff" not in result


def test_a_run_that_goes_on_is_joined() -> None:
    cluster = ends_well(FakeCluster(TEMPLATE, made()))
    result = run(cluster)
    assert (writes(cluster), result["changed"], result["reason"]) == ([], False, "successful")


def test_without_a_wait() -> None:
    result = run(FakeCluster(TEMPLATE), wait=False)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "running")
    assert result["msg"] == f"{LABEL} is not started"


def test_check_mode_asks_the_apiserver() -> None:
    cluster = FakeCluster(TEMPLATE)
    result = run(cluster, check_mode=True)
    assert writes(cluster) == ["create analysisruns/smoke dry run"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "written")
    assert (result["msg"], result["analysis"]) == (f"{LABEL} would be made", None)


def test_what_the_apiserver_adds_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(TEMPLATE, made("Successful", "[1]", ttlStrategy={"secondsAfterCompletion": 5}))
    plain = cluster.create

    def with_defaults(resource: Any, body: Tree, **options: Any) -> Tree:
        return merged(plain(resource, body, **options), {"spec": {"ttlStrategy": {"secondsAfterCompletion": 5}}})

    monkeypatch.setattr(cluster, "create", with_defaults)
    result = run(cluster)
    assert writes(cluster) == ["create analysisruns/smoke-check dry run"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "successful")


@pytest.mark.parametrize("check_mode", [True, False])
def test_another_spec_is_refused(check_mode: bool) -> None:
    cluster = FakeCluster(TEMPLATE, made("Successful", "[1]"))
    result = run(cluster, given=Given(args={"service": "cart"}), check_mode=check_mode)
    assert writes(cluster) == ["create analysisruns/smoke-check dry run"]
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "different")
    assert "(args differ)" in result["msg"]
    assert result["analysis"] is None


def test_a_run_is_replaced() -> None:
    cluster = FakeCluster(TEMPLATE, made("Failed", "[0.5]"))
    ends_well(cluster)
    result = run(cluster, recreate="finished", given=Given(args={"service": "cart"}))
    assert writes(cluster) == ["delete analysisruns/smoke", "create analysisruns/smoke"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")
    assert result["diff"]["before"]["spec"]["args"][0]["value"] == "shop"
    assert result["diff"]["after"]["spec"]["args"][0]["value"] == "cart"


def test_in_check_mode_a_run_to_be_replaced_stays() -> None:
    cluster = FakeCluster(TEMPLATE, made("Failed", "[0.5]"))
    result = run(cluster, recreate="finished", check_mode=True)
    assert writes(cluster) == ["delete analysisruns/smoke dry run", "create analysisruns/smoke-check dry run"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "written")
    assert cluster.stored(RUN)["status"]["phase"] == "Failed"


def test_a_run_that_is_being_deleted_is_waited_for() -> None:
    held = made("Failed", "[0.5]")
    held["metadata"]["finalizers"] = ["somebody/cares"]
    cluster = FakeCluster(TEMPLATE, held)
    cluster.vanish(20, RUN)
    ends_well(cluster, 30)
    result = run(cluster, recreate="finished")
    assert writes(cluster) == ["delete analysisruns/smoke", "create analysisruns/smoke"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")


@pytest.mark.parametrize(("wait", "policy"), [(True, "Foreground"), (False, "Background")])
def test_what_the_old_one_has_made_goes_before_a_new_one_comes(wait: bool, policy: str) -> None:
    """An Experiment finds the ReplicaSets of the old one under the names of its own, and ends in an error."""
    cluster = ends_well(FakeCluster(TEMPLATE, made("Failed", "[0.5]")))
    run(cluster, recreate="finished", wait=wait)
    assert [each.body for each in cluster.requests if each.verb == "delete"] == [{"propagationPolicy": policy}]


def test_a_run_that_is_being_deleted_for_too_long() -> None:
    held = made("Failed", "[0.5]")
    held["metadata"]["finalizers"] = ["somebody/cares"]
    result = run(FakeCluster(TEMPLATE, held), recreate="finished", timeout=20)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "timeout")
    assert f"{LABEL} is still being deleted after 20s" in result["msg"]


def test_without_a_wait_a_run_that_is_being_deleted_is_in_the_way() -> None:
    leaving = made("Failed", "[0.5]")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    result = run(FakeCluster(TEMPLATE, leaving), wait=False)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "deleting")
    assert "run it again later" in result["msg"]
    planned = run(FakeCluster(TEMPLATE, leaving), check_mode=True)
    assert (planned["failed"], planned["changed"], planned["reason"]) == (False, True, "written")


# -- what gets lost


@pytest.mark.parametrize("done", [True, False], ids=["it was done", "it was not"])
def test_a_making_whose_answer_is_lost(done: bool) -> None:
    cluster = ends_well(FakeCluster(TEMPLATE))
    cluster.fail("create", LOST, done=done)
    result = run(cluster)
    assert writes(cluster) == ["create analysisruns/smoke"] * (1 if done else 2)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")


@pytest.mark.parametrize("done", [True, False], ids=["it was done", "it was not"])
def test_a_replacement_whose_answers_are_lost(done: bool) -> None:
    cluster = ends_well(FakeCluster(TEMPLATE, merged(made("Failed", "[0.5]"), {"metadata": {"uid": "old"}})))
    cluster.fail("delete", LOST, done=done)
    cluster.fail("create", LOST, done=done)
    result = run(cluster, recreate="always")
    times = 1 if done else 2
    assert writes(cluster) == ["delete analysisruns/smoke"] * times + ["create analysisruns/smoke"] * times
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")


def test_somebody_else_is_faster() -> None:
    """The same run, so it is as good; and it is not this task that has changed anything."""
    cluster = ends_well(FakeCluster(TEMPLATE))
    cluster.fail("create", Conflict("smoke already exists", 409))
    cluster.appear(0.05, made())
    result = run(cluster)
    assert (writes(cluster), result["failed"]) == (["create analysisruns/smoke"], False)
    assert (result["changed"], result["reason"]) == (False, "successful")


def test_a_making_that_nothing_more_is_heard_of() -> None:
    cluster = FakeCluster(TEMPLATE)
    cluster.fail("create", LOST)
    cluster.fail("get", LOST, times=1000, after=2)
    result = run(cluster, timeout=30)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "unreachable")
    assert "whether it was done is unknown" in result["msg"]


@pytest.mark.parametrize(
    ("error", "reason"), [(Forbidden("no", 403), "forbidden"), (Invalid("bad", 422), "invalid_request")]
)
def test_a_making_that_is_refused(error: Exception, reason: str) -> None:
    cluster = FakeCluster(TEMPLATE)
    cluster.fail("create", error)  # type: ignore[arg-type]
    result = run(cluster)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, reason)
    assert result["msg"].startswith(LABEL)


def test_a_namespace_that_is_not_there() -> None:
    cluster = FakeCluster(TEMPLATE)
    cluster.fail("create", NotFound("there is no such namespace", 404))
    result = run(cluster)
    assert (writes(cluster), result["reason"]) == (["create analysisruns/smoke"], "not_found")


# -- templates


def test_templates_of_the_namespace_and_of_the_cluster() -> None:
    outer = template(templates=[{"templateName": "wide", "clusterScope": True}], metrics=[METRIC])
    wide = template("wide", "ClusterAnalysisTemplate", metrics=[{**METRIC, "name": "latency"}])
    cluster = FakeCluster(outer, wide)
    run(cluster, wait=False)
    assert [item["name"] for item in cluster.stored(RUN)["spec"]["metrics"]] == ["success-rate", "latency"]
    assert cluster.asked[:2] == ["get analysistemplates/rate", "get clusteranalysistemplates/wide"]


INNER = template(templates=[{"templateName": "none"}])
WIDE = template(templates=[{"templateName": "none", "clusterScope": True}])


@pytest.mark.parametrize(
    ("objects", "reason", "parts"),
    [
        ([], "not_found", [f"AnalysisTemplate rate in namespace {NAMESPACE}, which the option templates names"]),
        ([INNER], "not_found", ["which AnalysisTemplate rate names"]),
        ([WIDE], "not_found", ["there is no ClusterAnalysisTemplate none, which AnalysisTemplate rate"]),
        ([template(metrics=[METRIC, METRIC])], "invalid_spec", ["'success-rate'"]),
        ([template(metrics=[METRIC], args=[{"name": "x"}])], "invalid_request", ["args.x is missing", "rate needs it"]),
    ],
)
def test_templates_that_make_no_run(objects: list[Tree], reason: str, parts: list[str]) -> None:
    cluster = FakeCluster(*objects)
    result = run(cluster)
    assert (writes(cluster), result["failed"], result["changed"], result["reason"]) == ([], True, False, reason)
    for part in parts:
        assert part in result["msg"]


def test_a_run_of_nothing() -> None:
    with pytest.raises(InvalidRequest, match="templates is missing"):
        run(FakeCluster(), templates=())


def test_metrics_without_templates() -> None:
    cluster = FakeCluster()
    run(cluster, templates=(), given=Given(metrics=[METRIC]), wait=False)
    assert cluster.stored(RUN)["spec"] == {"metrics": [METRIC]}


# -- ends


@pytest.mark.parametrize(
    ("happen", "reason", "part"),
    [
        (lambda cluster: cluster.later(5, status("Failed", "[0.1]"), RUN), "analysis_failed", "measured [0.1]"),
        (lambda cluster: cluster.later(5, status("Error"), RUN), "analysis_error", "is Error"),
        (lambda cluster: cluster.later(5, status("Inconclusive", "[0.9]"), RUN), "inconclusive", "[0.9]"),
        (lambda cluster: cluster.later(5, status("Successful", "[]"), RUN), "insufficient", "rests on nothing"),
        (lambda cluster: cluster.vanish(5, RUN), "deleted", "was deleted before it completed"),
        (lambda cluster: cluster.later(5, status("Running", "[1]"), RUN), "timeout", "is still Running after 1m"),
        (lambda cluster: None, "controller_absent", "is still not started after 1m"),
        (lambda cluster: cluster.emit(5, Broken(Forbidden("no", 403)), RUN), "forbidden", "no"),
    ],
)
def test_ends_that_are_no_success(happen: Callable[[FakeCluster], None], reason: str, part: str) -> None:
    cluster = FakeCluster(TEMPLATE)
    happen(cluster)
    result = run(cluster, timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, reason)
    assert part in result["msg"]


def test_silence_that_is_a_good_sign() -> None:
    cluster = FakeCluster(TEMPLATE, made("Successful", "[]"))
    assert run(cluster, accept_silence=("success-rate",))["reason"] == "successful"


def test_an_interruption_is_noted() -> None:
    cluster = ends_well(FakeCluster(TEMPLATE))
    cluster.emit(5, Interrupted(LOST), RUN)
    assert notes(run(cluster), "unreachable") == ["the connection broke; trying again"]


def test_an_interruption_that_lasts_is_the_reason() -> None:
    cluster = FakeCluster(TEMPLATE, made())
    cluster.emit(5, Interrupted(LOST), RUN)
    result = run(cluster, timeout=30)
    assert result["reason"] == "unreachable"
    assert "is still Running after 30s. the connection broke; check the network and the apiserver" in result["msg"]


def test_an_interruption_that_is_over_is_not_the_reason() -> None:
    cluster = FakeCluster(TEMPLATE, made())
    cluster.emit(5, Interrupted(LOST), RUN)
    cluster.emit(6, Changed(made()), RUN)
    assert run(cluster, timeout=30)["reason"] == "timeout"


def test_a_long_silence_is_told_to_who_listens() -> None:
    cluster = ends_well(FakeCluster(TEMPLATE, made()), 100)
    heard: list[Tree] = []
    run(cluster, listener=heard.append)
    assert [entry["message"] for entry in heard if entry.get("heartbeat")] == [f"waiting for {LABEL}, which is Running"]


# -- terminated


def test_a_run_is_ended_with_a_lock() -> None:
    cluster = FakeCluster(made("Running", "[1]"))
    cluster.later(2, {"status": {"phase": "Successful", "message": "Run Terminated"}}, RUN)
    result = run(cluster, state="terminated", templates=())
    assert writes(cluster) == ["patch analysisruns/smoke"]
    assert cluster.patches[0].body == {"metadata": {"resourceVersion": "70"}, "spec": {"terminate": True}}
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "terminated")
    assert result["analysis"]["terminated"]


def test_a_run_that_moves_under_the_write_is_ended_all_the_same() -> None:
    cluster = FakeCluster(made("Running", "[1]"))
    cluster.race(status("Running", "[1]", "[2]"), RUN)
    cluster.later(5, status("Successful", "[1]"), RUN)
    result = run(cluster, state="terminated", templates=())
    assert writes(cluster) == ["patch analysisruns/smoke"] * 2
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "terminated")


def test_an_end_whose_answer_is_lost() -> None:
    cluster = FakeCluster(made("Running", "[1]"))
    cluster.fail("patch", LOST, done=True)
    cluster.later(5, status("Successful", "[1]"), RUN)
    result = run(cluster, state="terminated", templates=())
    assert writes(cluster) == ["patch analysisruns/smoke"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "terminated")


@pytest.mark.parametrize(
    ("found", "reason"),
    [(made("Failed", "[0]"), "completed"), (made("Successful", "[1]", terminate=True), "terminated")],
)
def test_a_run_that_is_over_stays_as_it_is(found: Tree, reason: str) -> None:
    cluster = FakeCluster(found)
    result = run(cluster, state="terminated", templates=())
    assert (writes(cluster), result["failed"], result["changed"], result["reason"]) == ([], False, False, reason)


@pytest.mark.parametrize(("options", "word"), [({"wait": False}, "was"), ({"check_mode": True}, "would be")])
def test_an_end_that_is_not_waited_for(options: Tree, word: str) -> None:
    result = run(FakeCluster(made("Running", "[1]")), state="terminated", templates=(), **options)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "written")
    assert result["msg"] == f"{LABEL} {word} told to end"


def test_a_run_that_vanishes_before_its_end_is_written() -> None:
    cluster = FakeCluster(made("Running", "[1]"))
    cluster.fail("patch", NotFound("gone", 404))
    result = run(cluster, state="terminated", templates=())
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "not_found")


# -- absent


def test_a_run_is_removed() -> None:
    cluster = FakeCluster(made())
    result = run(cluster, state="absent", templates=())
    assert cluster.asked == ["get analysisruns/smoke", "delete analysisruns/smoke", "get analysisruns/smoke"]
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "absent")
    assert (result["msg"], result["analysis"]) == (f"{LABEL} was deleted", None)


def test_a_removal_that_is_only_planned() -> None:
    result = run(FakeCluster(made()), state="absent", templates=(), check_mode=True)
    assert (result["changed"], result["reason"], result["msg"]) == (True, "absent", f"{LABEL} would be deleted")


def test_nothing_to_remove() -> None:
    result = run(FakeCluster(), state="absent", templates=())
    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "absent")
    assert result["msg"] == f"there is no {LABEL}"


def test_a_removal_takes_its_time() -> None:
    held = made()
    held["metadata"]["finalizers"] = ["somebody/cares"]
    cluster = FakeCluster(held)
    cluster.later(3, {"metadata": {"annotations": {"a": "b"}}}, RUN)
    cluster.vanish(10, RUN)
    result = run(cluster, state="absent", templates=())
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "absent")
    assert cluster.clock.elapsed == pytest.approx(10)
    unwatched = run(FakeCluster(held), state="absent", templates=(), wait=False)
    assert (unwatched["failed"], unwatched["changed"], unwatched["reason"]) == (False, True, "deleting")


def test_a_removal_never_takes_a_later_run() -> None:
    """One that somebody made of the same name, after this task had looked."""
    cluster = FakeCluster(made())
    cluster.fail("delete", Conflict("another uid", 409))
    result = run(cluster, state="absent", templates=())
    assert writes(cluster) == ["delete analysisruns/smoke"] * 2
    assert result["changed"]


def test_somebody_else_removes_it() -> None:
    cluster = FakeCluster(made())
    cluster.fail("delete", NotFound("gone", 404))
    result = run(cluster, state="absent", templates=())
    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "absent")


# -- through the task


def task(cluster: FakeCluster, **options: Any) -> Tree:
    params = {
        "name": "smoke",
        "namespace": NAMESPACE,
        "wait": True,
        "wait_timeout": "5m",
        "state": "present",
        "templates": [],
        "metrics": [],
        "args": {},
        "dry_run_metrics": [],
        "measurement_retention": {},
        "labels": {},
        "recreate": "never",
        "accept_silence": [],
        **options,
    }
    return run_task("analysis_run", params, lambda: cluster, clock=cluster.clock)


def test_the_options_of_the_module() -> None:
    cluster = FakeCluster(TEMPLATE)
    result = task(
        cluster,
        templates=[{"name": "rate", "cluster_scope": False}],
        metrics=[{**METRIC, "name": "own"}],
        args={"service": "cart"},
        dry_run_metrics=["own"],
        measurement_retention={"own": "20"},
        labels={"team": "shop"},
        wait=False,
    )
    assert (result["changed"], result["reason"]) == (True, "running")
    stored = cluster.stored(RUN)
    assert stored["metadata"]["labels"] == {"team": "shop"}
    assert [item["name"] for item in stored["spec"]["metrics"]] == ["success-rate", "own"]
    assert stored["spec"]["args"] == [{"name": "service", "value": "cart"}]
    assert stored["spec"]["dryRun"] == [{"metricName": "own"}]
    assert stored["spec"]["measurementRetention"] == [{"metricName": "own", "limit": 20}]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({}, "templates is missing"),
        ({"metrics": [METRIC], "measurement_retention": {"own": "many"}}, "measurement_retention.own: 'many'"),
        ({"metrics": [METRIC], "name": "../x"}, "name: '../x'"),
        ({"metrics": [METRIC], "wait_timeout": "soon"}, "wait_timeout: 'soon'"),
    ],
)
def test_options_that_cannot_be(options: Tree, part: str) -> None:
    cluster = FakeCluster()
    result = task(cluster, **options)
    assert (cluster.asked, result["failed"], result["reason"]) == ([], True, "invalid_request")
    assert part in result["msg"]
