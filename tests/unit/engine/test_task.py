# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's arguments to its result, for every module."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.errors import BadAddress
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    BadConfiguration,
    Forbidden,
    Invalid,
    NotInstalled,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import make_verb, run_task
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.pause import Pause
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import Promote
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.restart import Restart
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.retry import Retry
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import SetImage
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.undo import Undo
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait

from tests.unit.fakes import FakeCluster, FakePrometheus
from tests.unit.support import (
    FIRST_GATE,
    NAMESPACE,
    NOW,
    SPEC_PAUSED,
    STABLE,
    Tree,
    aborted,
    analysis_run,
    canary,
    paused,
    replica_set,
    updating,
)

RESTARTED = Goal(Until.RESTARTED, fail_on=frozenset({"invalid_spec"}))
# The options of each module, with their defaults filled in.
COMMON: Tree = {"name": "shop", "namespace": NAMESPACE, "wait": True, "wait_timeout": "5m"}
FORWARD: Tree = {**COMMON, "wait_until": "observed"}
PROMOTE: Tree = {
    **FORWARD,
    "mode": "gate",
    "expected_step": None,
    "expected_revision": None,
    "expected_images": None,
    "pass_timed_pause": False,
    "pass_inconclusive": False,
}
WAIT: Tree = {
    **COMMON,
    "until": "healthy",
    "step": None,
    "weight": None,
    "fail_on": ["aborted", "invalid_spec", "inconclusive"],
}
NO_PROMETHEUS: Tree = {
    "address": None,
    "timeout": "10s",
    "headers": {},
    "bearer_token": None,
    "username": None,
    "password": None,
}
QUERIES: Tree = {"canary": "sum(increase(requests_of_canary[$window]))"}
COUNTED: Tree = {"min_requests": 10, "requests": QUERIES}
PARAMS: dict[str, Tree] = {
    "rollout_set_image": {**FORWARD, "images": {"app": "shop:3"}},
    "rollout_pause": {**FORWARD, "state": "paused"},
    "rollout_promote": PROMOTE,
    "rollout_restart": {**FORWARD, "not_before": "2026-01-01T12:00:00Z", "token": None},
    "rollout_abort": FORWARD,
    "rollout_retry": FORWARD,
    "rollout_undo": {**FORWARD, "to_revision": None},
    "rollout_wait": WAIT,
    "rollout_info": {
        "name": "shop",
        "namespace": NAMESPACE,
        "label_selectors": None,
        "field_selectors": None,
        "tree": False,
    },
    "analysis_wait": {
        "namespace": NAMESPACE,
        "wait": True,
        "wait_timeout": "5m",
        "analysis_run": None,
        "rollout": "shop",
        "kind": "step",
        "accept_silence": [],
        "min_requests": None,
        "requests": {},
        "prometheus": NO_PROMETHEUS,
    },
}
VERBS = sorted(set(PARAMS) - {"rollout_info", "analysis_wait"})


def task(module: str, cluster: FakeCluster, check_mode: bool = False, **options: Any) -> Tree:
    return run_task(module, {**PARAMS[module], **options}, lambda: cluster, check_mode=check_mode, clock=cluster.clock)


def refused(module: str, **options: Any) -> str:
    """The message of a task that fails before it asks for a connection."""

    def connect() -> FakeCluster:
        raise AssertionError("the arguments come first")

    result = run_task(module, {**PARAMS[module], **options}, connect, prometheus=FakePrometheus().at)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "invalid_request")
    assert isinstance(result["msg"], str)
    return result["msg"]


# -- every module


@pytest.mark.parametrize(
    ("module", "before", "after"),
    [
        ("rollout_set_image", canary(), updating(0)),
        ("rollout_pause", canary(), canary(SPEC_PAUSED)),
        ("rollout_promote", paused(FIRST_GATE), updating(2)),
        ("rollout_restart", canary(), canary({"status": {"restartedAt": "2026-01-01T12:00:00Z"}})),
        ("rollout_abort", updating(0), aborted()),
        ("rollout_retry", aborted(), updating(0)),
        ("rollout_undo", updating(0), canary()),
    ],
)
def test_each_verb_changes_once(module: str, before: Tree, after: Tree) -> None:
    cluster = FakeCluster(before, replica_set(2, STABLE, "shop:1"))
    cluster.react((0.5, after))
    planned = task(module, cluster, check_mode=True)
    first, second = task(module, cluster), task(module, cluster)
    assert [result["changed"] for result in (planned, first, second)] == [True, True, False]
    assert [result["failed"] for result in (planned, first, second)] == [False, False, False]
    assert planned["diff"] == first["diff"]


def test_the_wait() -> None:
    result = task("rollout_wait", FakeCluster(canary()))
    assert (result["changed"], result["failed"], result["reason"]) == (False, False, "healthy")


def test_the_info() -> None:
    result = task("rollout_info", FakeCluster(canary()))
    assert {key: value for key, value in result.items() if key != "rollouts"} == {"changed": False, "failed": False}
    assert [rollout["name"] for rollout in result["rollouts"]] == ["shop"]


def test_the_info_of_nothing() -> None:
    assert task("rollout_info", FakeCluster())["rollouts"] == []


def test_the_info_of_a_whole_cluster_by_labels() -> None:
    cluster = FakeCluster(canary())
    result = task("rollout_info", cluster, name=None, namespace="", label_selectors=["app=shop"])
    assert len(result["rollouts"]) == 1
    assert cluster.requests[0].query == {"labelSelector": "app=shop"}


def test_the_analysis_of_a_rollout_and_by_its_name() -> None:
    run = analysis_run("run", "Successful", values=("[1]",))
    for options in ({}, {"rollout": None, "analysis_run": "run"}, {"kind": "any"}):
        result = task("analysis_wait", FakeCluster(canary(), run), **options)
        assert (result["failed"], result["reason"], result["analysis"]["name"]) == (False, "successful", "run")


def test_the_requests_behind_an_analysis() -> None:
    run = analysis_run("run", "Successful", values=("[1]",))
    prometheus = FakePrometheus(canary=12.0)
    given = {**PARAMS["analysis_wait"], **COUNTED, "prometheus": {**NO_PROMETHEUS, "address": "http://own.test"}}
    cluster = FakeCluster(canary(), run)
    result = run_task("analysis_wait", given, lambda: cluster, clock=cluster.clock, prometheus=prometheus.at)
    assert (result["failed"], result["analysis"]["requests"]) == (False, {"canary": 12.0})
    assert prometheus.addresses == ["http://own.test"] * 2, "once before the wait, to tell what cannot work"
    run["spec"]["metrics"][0]["provider"]["prometheus"]["address"] = "http://of-the-run.test"
    cluster = FakeCluster(canary(), run)
    given["prometheus"] = NO_PROMETHEUS
    assert not run_task("analysis_wait", given, lambda: cluster, prometheus=prometheus.at)["failed"]
    assert prometheus.addresses[2:] == ["http://of-the-run.test"]


def test_an_address_that_cannot_work_is_told_before_the_wait() -> None:
    def at(address: str, timeout: float) -> FakePrometheus:
        raise BadAddress(f"address: {address} is not usable")

    given = {**PARAMS["analysis_wait"], **COUNTED, "prometheus": {**NO_PROMETHEUS, "address": "own"}}
    result = run_task("analysis_wait", given, FakeCluster, prometheus=at)
    assert (result["failed"], result["reason"]) == (True, "bad_configuration")


def test_without_a_clock_it_takes_the_real_one() -> None:
    cluster = FakeCluster(canary())
    result = run_task("rollout_wait", WAIT, lambda: cluster)
    assert result["reason"] == "healthy"


def test_the_listener_is_handed_on() -> None:
    heard: list[Tree] = []
    cluster = FakeCluster(canary())
    run_task("rollout_wait", WAIT, lambda: cluster, clock=cluster.clock, listener=heard.append)
    assert [entry["phase"] for entry in heard] == ["Healthy"]


# -- from options to requests


OBSERVED, PAUSED, HEALTHY = Goal(Until.OBSERVED), Goal(Until.PAUSED), Goal(Until.HEALTHY)


@pytest.mark.parametrize(
    ("module", "options", "verb"),
    [
        ("rollout_set_image", {}, SetImage({"app": "shop:3"}, OBSERVED)),
        ("rollout_set_image", {"images": {1: "a:1"}, "wait_until": "paused"}, SetImage({"1": "a:1"}, PAUSED)),
        ("rollout_pause", {}, Pause(OBSERVED)),
        ("rollout_pause", {"state": "resumed", "wait_until": "healthy"}, Pause(HEALTHY, "resumed")),
        ("rollout_restart", {"wait_until": "restarted"}, Restart(RESTARTED, NOW)),
        (
            "rollout_restart",
            {"not_before": None, "token": "a", "wait_until": "observed"},
            Restart(Goal(Until.OBSERVED, fail_on=frozenset({"invalid_spec"})), token="a"),
        ),
        ("rollout_promote", {}, Promote(OBSERVED)),
        (
            "rollout_promote",
            {
                "mode": "skip_step",
                "expected_step": 0,
                "expected_revision": 3,
                "expected_images": {"app": "shop:2"},
                "pass_timed_pause": True,
                "pass_inconclusive": True,
                "wait_until": "healthy",
            },
            Promote(HEALTHY, "skip_step", 0, 3, {"app": "shop:2"}, True, True),
        ),
        ("rollout_abort", {"wait_until": "restored"}, Abort(Goal(Until.RESTORED))),
        ("rollout_retry", {"wait_until": "healthy"}, Retry(HEALTHY)),
        ("rollout_undo", {}, Undo(OBSERVED)),
        ("rollout_undo", {"to_revision": 4}, Undo(OBSERVED, 4)),
        ("rollout_wait", {}, Wait(Goal(Until.HEALTHY, healthy_is_enough=False))),
        (
            "rollout_wait",
            {"until": "weight", "weight": 50, "step": 1, "fail_on": ["paused"]},
            Wait(Goal(Until.WEIGHT, 1, 50, frozenset({"paused"}), healthy_is_enough=False)),
        ),
    ],
)
def test_the_request_that_the_options_make(module: str, options: dict[str, Any], verb: object) -> None:
    assert make_verb(module, {**PARAMS[module], **options}) == verb


@pytest.mark.parametrize(("timeout", "seconds"), [("90", 90), ("5m", 300), ("1h30m", 5400)])
def test_the_timeout_is_the_tasks(timeout: str, seconds: float) -> None:
    cluster = FakeCluster(paused(FIRST_GATE))
    result = task("rollout_wait", cluster, wait_timeout=timeout)
    assert result["failed"]
    assert cluster.clock.elapsed == pytest.approx(seconds)


@pytest.mark.parametrize("module", VERBS)
def test_no_wait_is_one_look_and_at_most_one_write(module: str) -> None:
    cluster = FakeCluster(updating(0), replica_set(2, STABLE, "shop:1"))
    task(module, cluster, wait=False)
    assert [request.verb for request in cluster.requests if request.verb != "list"] in (["get"], ["get", "patch"])
    assert cluster.clock.elapsed == 0


# -- unusable options


@pytest.mark.parametrize("module", VERBS)
@pytest.mark.parametrize("timeout", ["soon", "-1", ""])
def test_an_unusable_timeout(module: str, timeout: str) -> None:
    assert refused(module, wait_timeout=timeout).startswith(f"wait_timeout: {timeout!r} is not usable; ")


@pytest.mark.parametrize(
    ("module", "options", "option"),
    [
        ("rollout_set_image", {"images": {}}, "images"),
        ("rollout_set_image", {"images": {"app": "Not An Image"}}, "images[app]"),
        ("rollout_set_image", {"images": {"app": None}}, "images[app]"),
        ("rollout_set_image", {"wait_until": "restored"}, "wait_until"),
        ("rollout_pause", {"state": "gone"}, "state"),
        ("rollout_pause", {"wait_until": "healthy"}, "wait_until"),
        ("rollout_restart", {"not_before": "soon"}, "not_before"),
        ("rollout_restart", {"not_before": None}, "not_before"),
        ("rollout_restart", {"token": "a"}, "not_before"),
        ("rollout_restart", {"wait_until": "healthy"}, "wait_until"),
        ("rollout_promote", {"mode": "half"}, "mode"),
        ("rollout_promote", {"mode": "skip_step"}, "mode"),
        ("rollout_promote", {"expected_step": -1}, "expected_step"),
        ("rollout_abort", {"wait_until": "healthy"}, "wait_until"),
        ("rollout_undo", {"to_revision": 0}, "to_revision"),
        ("rollout_wait", {"until": "restored"}, "until"),
        ("rollout_wait", {"until": "step"}, "step"),
        ("rollout_wait", {"until": "weight"}, "weight"),
        ("rollout_wait", {"fail_on": ["tired"]}, "fail_on"),
        ("analysis_wait", {"kind": "all"}, "kind"),
        ("analysis_wait", {"analysis_run": "run"}, "analysis_run"),
        ("analysis_wait", {"rollout": None}, "analysis_run"),
        ("analysis_wait", {"rollout": "a/b"}, "rollout"),
        ("analysis_wait", {"rollout": None, "analysis_run": "../x"}, "analysis_run"),
        ("analysis_wait", {"min_requests": 0, "requests": QUERIES}, "min_requests"),
        ("analysis_wait", {"min_requests": 10}, "requests"),
        ("analysis_wait", {"requests": QUERIES}, "min_requests"),
        ("analysis_wait", {**COUNTED, "prometheus": {**NO_PROMETHEUS, "timeout": "0"}}, "prometheus.timeout"),
        ("analysis_wait", {**COUNTED, "prometheus": {**NO_PROMETHEUS, "bearer_token": "t"}}, "prometheus.address"),
        ("analysis_wait", {**COUNTED, "prometheus": {**NO_PROMETHEUS, "headers": {"a": "b"}}}, "prometheus.address"),
        ("rollout_info", {"label_selectors": ["a=b"]}, "name"),
        ("rollout_info", {"field_selectors": ["a=b"]}, "name"),
        ("rollout_info", {"namespace": ""}, "namespace"),
        ("rollout_info", {"name": None, "namespace": "A"}, "namespace"),
        ("rollout_info", {"name": "Shop"}, "name"),
        *((module, {"name": "a/b"}, "name") for module in VERBS),
        *((module, {"namespace": ""}, "namespace") for module in VERBS),
        *((module, {"namespace": "a b"}, "namespace") for module in VERBS),
    ],
)
def test_unusable_options_are_told_before_anything_is_asked(module: str, options: dict[str, Any], option: str) -> None:
    message = refused(module, **options)
    assert message.startswith((f"{option}: ", f"{option} is missing; "))
    assert " is not usable; " in message or "is missing" in message


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a/b", "a b", "ä", "a" * 254, "a\n"])
def test_what_no_object_can_be_called(name: str) -> None:
    assert refused("rollout_wait", name=name).startswith("name: ")


@pytest.mark.parametrize("name", ["a", "0", "a.b-c", "a" * 253])
def test_what_an_object_can_be_called(name: str) -> None:
    assert task("rollout_wait", FakeCluster(), name=name)["reason"] == "not_found"


def test_selectors_that_the_apiserver_refuses_are_named() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", Invalid("unable to parse requirement", 400))
    result = task("rollout_info", cluster, name=None, label_selectors=["a=="])
    assert (result["failed"], result["reason"]) == (True, "invalid_request")
    assert result["msg"].startswith("label_selectors or field_selectors: ['a=='] is not usable; unable to parse")


def test_a_request_for_nothing_is_a_programmers_error() -> None:
    with pytest.raises(KeyError):
        make_verb("rollout_teleport", {})
    with pytest.raises(InvalidRequest):
        make_verb("rollout_undo", {**PARAMS["rollout_undo"], "to_revision": -1})


# -- the connection


@pytest.mark.parametrize("module", sorted(PARAMS))
def test_an_unusable_connection_is_a_result(module: str) -> None:
    def connect() -> FakeCluster:
        raise BadConfiguration("kubeconfig: there is no file x in /tmp; correct the path")

    result = run_task(module, PARAMS[module], connect)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "bad_configuration")
    assert result["msg"].startswith("kubeconfig: ")


@pytest.mark.parametrize("module", sorted(PARAMS))
@pytest.mark.parametrize(
    ("error", "reason"),
    [(Forbidden("user a may not get rollouts", 403), "forbidden"), (NotInstalled("no CRD", 404), "not_installed")],
)
def test_a_refused_request_is_a_result(module: str, error: Forbidden | NotInstalled, reason: str) -> None:
    cluster = FakeCluster(canary())
    cluster.fail("get", error)
    result = task(module, cluster)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, reason)
    assert str(error) in result["msg"]
