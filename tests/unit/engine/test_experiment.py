# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Experiment of its own: made, followed with its runs, ended, compared."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import Transient
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Broken
from ansible_collections.progressive.delivery.plugins.module_utils._engine.experiment import (
    Definition,
    ExperimentRequest,
    run_experiment,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest

from tests.unit.fakes import FakeCluster, Key, notes
from tests.unit.support import (
    NAME,
    NAMESPACE,
    NEW,
    STABLE,
    Tree,
    experiment,
    experiment_run,
    merged,
    replica_set,
    updating,
)

TRIAL: Key = ("experiments", "trial")
LABEL = f"Experiment {NAMESPACE}/trial"
ARGS = [{"name": "pods", "value": "{{templates.canary.podTemplateHash}}"}]
SPEC: Tree = {
    "templates": [{"name": "stable"}, {"name": "canary"}],
    "analyses": [{"name": "of-a", "templateName": "t", "args": ARGS}, {"name": "of-b", "templateName": "t"}],
}
UNOWNED: Tree = {"metadata": {"ownerReferences": []}}


def trial(phase: str = "Running", *changes: Tree, runs: tuple[str, ...] = ("a", "b")) -> Tree:
    made = experiment(phase, UNOWNED, {"spec": SPEC}, name="trial", runs=runs)
    for change in changes:
        made = merged(made, change)
    return made


def status(phase: str, *changes: Tree, runs: tuple[str, ...] = ("a", "b")) -> Tree:
    return {"status": trial(phase, *changes, runs=runs)["status"]}


def measures(name: str, phase: str, *values: str) -> Tree:
    return {"status": experiment_run(name, phase, values=values)["status"]}


def run(cluster: FakeCluster, **given: Any) -> Tree:
    engine = {key: given.pop(key) for key in ("check_mode", "wait", "timeout") if key in given}
    state = given.pop("state", "present")
    spec = given.pop("spec", SPEC)
    options: Tree = {"recreate": "never", "accept_silence": (), **given}
    request = ExperimentRequest(NAMESPACE, "trial", state, Definition({}, spec), **options)
    return run_experiment(cluster, cluster.clock, request, Options(**engine), None)


# -- what is wanted


def test_a_spec_alone() -> None:
    assert Definition.parse(SPEC, "trial", NAMESPACE) == Definition({}, SPEC)


def test_a_whole_experiment() -> None:
    meta = {"name": "trial", "namespace": NAMESPACE, "labels": {"a": "b"}, "uid": "x", "annotations": {}}
    whole = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Experiment", "metadata": meta, "spec": SPEC, "status": {}}
    assert Definition.parse(whole, "trial", NAMESPACE) == Definition({"labels": {"a": "b"}}, SPEC)
    assert Definition.parse({"spec": SPEC}, "trial", NAMESPACE) == Definition({}, SPEC)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "definition is missing"),
        ({"templates": [{"name": "a", "specRef": "stable"}]}, "rollout is missing"),
        ({"templates": [{"name": "a", "specRef": "old"}]}, "specRef: 'old'"),
        ({"spec": None}, "definition.templates is missing"),
        ({"kind": "Rollout", "spec": SPEC}, "definition.kind: 'Rollout'"),
        ({"metadata": {"name": "other"}, "spec": SPEC}, "definition.metadata.name: 'other'"),
        ({"metadata": {"namespace": "other"}, "spec": SPEC}, "definition.metadata.namespace: 'other'"),
    ],
)
def test_what_is_no_experiment(given: Tree | None, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        Definition.parse(given, "trial", NAMESPACE)


# -- present


def test_an_experiment_is_made_and_followed_with_its_runs() -> None:
    cluster = FakeCluster()
    cluster.later(1, status("Pending", runs=()), TRIAL)
    cluster.appear(4, experiment_run("a"))
    cluster.appear(4, experiment_run("b", "Successful", values=("[3]",)))
    cluster.later(5, status("Running"), TRIAL)
    cluster.later(7, measures("a", "Running", "[1]"), ("analysisruns", "a"))
    cluster.later(9, measures("a", "Successful", "[1]", "[2]"), ("analysisruns", "a"))
    cluster.later(10, status("Running", {"status": {"message": "going on"}}), TRIAL)
    cluster.later(12, status("Successful"), TRIAL)
    result = run(cluster)
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")
    assert result["msg"].startswith(f"{LABEL} is Successful: success-rate measured")
    when = [
        (round(cluster_time(entry), 0), entry["message"].split(" against")[0])
        for entry in result["timeline"]
        if entry["reason"] == "measured"
    ]
    assert [text for _other, text in when] == [
        "success-rate Successful: [3]",
        "success-rate Running: [1]",
        "success-rate Successful: [2]",
    ]
    assert [seconds for seconds, _other in when] == [5, 7, 9], "as it happens, not at the end"
    assert notes(result, "experiment")[:2] == ["trial is Pending", "template canary of trial is Pending"]
    (row,) = result["experiment"]["comparison"]
    assert {entry["analysis"]: (entry["template"], entry["mean"]) for entry in row["analyses"]} == {
        "of-a": ("canary", 1.5),
        "of-b": (None, 3),
    }
    assert [item["name"] for item in result["experiment"]["analysis"]] == ["a", "b"]
    assert result["analysis"]["phase"] == "Successful"
    assert cluster.feeds_open == 0


def cluster_time(entry: Tree) -> float:
    """Seconds within the minute, at whose start the fake clock stands."""
    return float(entry["time"].rstrip("Z").rpartition(":")[2])


def test_an_experiment_that_is_over_is_the_answer() -> None:
    runs = [experiment_run(name, "Failed", values=("[0.5]",)) for name in "ab"]
    cluster = FakeCluster(trial("Failed"), *runs)
    result = run(cluster)
    assert cluster.asked == ["get experiments/trial", "get analysisruns/a", "get analysisruns/b"]
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "analysis_failed")
    assert "AnalysisRun a" in result["msg"]


def test_check_mode_makes_nothing() -> None:
    cluster = FakeCluster()
    result = run(cluster, check_mode=True)
    assert cluster.asked == ["get experiments/trial", "create experiments/trial dry run"]
    assert (result["changed"], result["reason"], result["experiment"]) == (True, "written", None)


def test_without_a_wait_nothing_is_watched() -> None:
    cluster = FakeCluster(trial("Running"), experiment_run("a"), experiment_run("b"))
    result = run(cluster, wait=False)
    assert (result["failed"], result["reason"]) == (False, "running")
    assert not any("watch" in text for text in cluster.asked)


def test_a_run_that_cannot_be_read_yet_is_read_in_the_end() -> None:
    cluster = FakeCluster(trial("Running", runs=("a",)), experiment_run("a", "Successful", values=("[1]",)))
    cluster.fail("get", Transient("not now"), after=1)
    cluster.later(5, status("Successful", runs=("a",)), TRIAL)
    assert run(cluster)["reason"] == "successful"


def test_a_run_that_is_deleted_meanwhile_is_the_error_of_the_experiment() -> None:
    cluster = FakeCluster(trial("Running", runs=("a",)), experiment_run("a"))
    cluster.vanish(3, ("analysisruns", "a"))
    cluster.later(6, status("Error", {"status": {"message": "a not found"}}, runs=("a",)), TRIAL)
    result = run(cluster)
    assert (result["failed"], result["reason"]) == (True, "experiment_failed")
    assert result["msg"] == f"{LABEL} is Error: a not found"


def test_a_success_of_which_a_run_is_gone_is_none() -> None:
    result = run(FakeCluster(trial("Successful", runs=("a",))))
    assert (result["failed"], result["reason"]) == (True, "not_found")


def test_a_broken_look_at_a_run_does_not_matter() -> None:
    cluster = FakeCluster(trial("Running", runs=("a",)), experiment_run("a"))
    cluster.emit(3, Broken(Transient("broken")), ("analysisruns", "a"))
    cluster.later(6, measures("a", "Successful", "[1]"), ("analysisruns", "a"))
    cluster.later(8, status("Successful", runs=("a",)), TRIAL)
    assert run(cluster)["reason"] == "successful"


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (lambda cluster: cluster.vanish(5, TRIAL), "deleted"),
        (lambda cluster: cluster.later(5, status("Running", runs=()), TRIAL), "timeout"),
        (lambda cluster: None, "controller_absent"),
        (lambda cluster: cluster.later(5, status("Failed", runs=()), TRIAL), "experiment_failed"),
        (lambda cluster: cluster.later(5, status("Successful", runs=()), TRIAL), "insufficient"),
    ],
)
def test_ends_that_are_no_success(happen: Any, reason: str) -> None:
    cluster = FakeCluster()
    happen(cluster)
    result = run(cluster, timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, reason)


# -- of a Rollout's versions


def of(*versions: str) -> Tree:
    templates = [{"name": version, "specRef": version} for version in versions]
    return {"definition": {"templates": templates}, "rollout": NAME, "wait": False}


def rollout_world(*versions: tuple[int, str, str]) -> FakeCluster:
    selector = {"spec": {"selector": {"matchLabels": {"app": NAME}}}}
    return FakeCluster(updating(0), *(replica_set(*version, selector) for version in versions))


def test_the_pods_of_a_rollout() -> None:
    cluster = rollout_world((2, STABLE, "shop:1"), (3, NEW, "shop:2"))
    assert task(cluster, **of("stable", "canary"))["changed"]
    made = cluster.stored(TRIAL)["spec"]["templates"]
    assert [item["name"] for item in made] == ["stable", "canary"]
    assert [item["template"]["spec"]["containers"][0]["image"] for item in made] == ["shop:1", "shop:2"]
    assert made[0]["selector"] == {"matchLabels": {"app": NAME}}
    assert not task(cluster, **of("stable", "canary"))["changed"]


@pytest.mark.parametrize(
    ("cluster", "text"),
    [
        (FakeCluster(), "rollouts shop"),
        (rollout_world((2, STABLE, "shop:1")), "has no ReplicaSet of its canary version"),
        (FakeCluster(updating(0), replica_set(3, NEW, "shop:2", owner="another")), "no ReplicaSet of its canary"),
        (
            FakeCluster(updating(0, {"status": {"currentPodHash": None}}), replica_set(3, NEW, "shop:2")),
            "no ReplicaSet",
        ),
    ],
)
def test_versions_that_are_not_there(cluster: FakeCluster, text: str) -> None:
    result = task(cluster, **of("canary"))
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "not_found")
    assert text in result["msg"]


# -- the state of a former one
# The controller writes a status by name, so the last words about a former Experiment can land in the new one.


INHERITED: Tree = {"status": {"phase": "Successful", "templateStatuses": [{"name": "canary", "status": "Successful"}]}}


LOST = """Unable to scale ReplicaSet for template 'canary' to desired replica count '0': \
replicasets.apps "trial-canary" not found"""


@pytest.mark.parametrize(
    "inherited",
    [
        INHERITED,
        {"status": {"phase": "Error", "message": LOST}},
        {"status": {"phase": "Error", "templateStatuses": [{"name": "canary", "status": "Error", "message": LOST}]}},
    ],
)
def test_one_that_got_the_state_of_a_former_one_is_made_anew(inherited: Tree) -> None:
    cluster = FakeCluster(trial("Successful", runs=()))
    cluster.later(5, inherited, TRIAL)
    cluster.later(9, status("Successful", runs=("a",)), TRIAL)
    cluster.appear(9, experiment_run("a", "Successful", values=("[1]",)))
    result = run(cluster, recreate="finished")
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "successful")
    assert [item.verb for item in cluster.requests if item.verb in ("create", "delete")] == ["delete", "create"] * 2
    assert notes(result, "recreated") == [
        f"{LABEL} is {inherited['status']['phase']} and never ran: "
        "the controller gave it the state of a former one; anew"
    ]


def test_one_that_fails_by_itself_is_not_made_anew() -> None:
    cluster = FakeCluster()
    cluster.later(5, {"status": {"phase": "Error", "message": "the template is wrong"}}, TRIAL)
    result = run(cluster)
    assert (result["failed"], result["reason"]) == (True, "experiment_failed")
    assert [item.verb for item in cluster.requests if item.verb in ("create", "delete")] == ["create"]


def test_one_that_somebody_else_made_is_only_told_of() -> None:
    cluster = FakeCluster(trial("Successful", {"status": {"availableAt": None}}, runs=()))
    result = run(cluster)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "insufficient")
    assert f"{LABEL} is called Successful and never had its pods" in result["msg"]


def test_a_state_that_comes_again_and_again_is_given_up() -> None:
    cluster = FakeCluster()
    for seconds in range(1, 40):
        cluster.later(seconds, INHERITED, TRIAL)
    result = run(cluster, timeout=20)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "timeout")


# -- terminated and absent


def test_a_terminated_one_keeps_its_phase_and_its_runs_tell() -> None:
    cluster = FakeCluster(trial("Running", runs=("a",)), experiment_run("a", values=("[1]",)))
    ended = {"spec": {"terminate": True}, **measures("a", "Successful", "[1]")}
    cluster.later(5, merged(ended, {"status": {"message": "Run Terminated"}}), ("analysisruns", "a"))
    result = run(cluster, state="terminated", spec={})
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "terminated")
    assert result["experiment"]["phase"] == "Running"
    assert result["experiment"]["analysis"][0]["terminated"]
    again = run(FakeCluster(cluster.stored(TRIAL), cluster.stored(("analysisruns", "a"))))
    assert (again["failed"], again["changed"], again["reason"]) == (True, False, "terminated")


def test_an_experiment_is_removed() -> None:
    result = run(FakeCluster(trial()), state="absent", spec={})
    assert (result["failed"], result["changed"], result["reason"]) == (False, True, "absent")
    assert (result["experiment"], result["analysis"]) == (None, None)


# -- through the task


def task(cluster: FakeCluster, **options: Any) -> Tree:
    params = {
        "name": "trial",
        "namespace": NAMESPACE,
        "wait": True,
        "wait_timeout": "5m",
        "state": "present",
        "definition": None,
        "rollout": None,
        "recreate": "never",
        "accept_silence": [],
        **options,
    }
    return run_task("experiment", params, lambda: cluster, clock=cluster.clock)


def test_the_options_of_the_module() -> None:
    cluster = FakeCluster()
    cluster.later(5, status("Successful", runs=()), TRIAL)
    result = task(cluster, definition={"metadata": {"labels": {"a": "b"}}, "spec": SPEC})
    assert (result["changed"], result["reason"]) == (True, "insufficient")
    assert cluster.stored(TRIAL)["metadata"]["labels"] == {"a": "b"}
    assert task(cluster, state="terminated")["reason"] == "completed"
    assert task(cluster, state="absent")["changed"]


@pytest.mark.parametrize("options", [{}, {"name": "../x", "definition": SPEC}, {**of("stable"), "rollout": "../x"}])
def test_options_that_cannot_be(options: Tree) -> None:
    cluster = FakeCluster()
    result = task(cluster, **options)
    assert (cluster.asked, result["failed"], result["reason"]) == ([], True, "invalid_request")
