# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of an Experiment."""

from __future__ import annotations

import json

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._model.experiment import Experiment, unread

from tests.unit.support import NAME, NAMESPACE, NEW, UID, Tree, ago, experiment, experiment_run


def test_the_fields() -> None:
    found = Experiment.parse(experiment("Failed", {"status": {"message": "why"}}, runs=("a", "b")))
    assert (found.name, found.namespace, found.kind) == (f"{NAME}-{NEW}-3-1", NAMESPACE, "experiment")
    assert (found.owner_uid, found.step_index, found.created) == (UID, 1, ago(90))
    assert (found.phase, found.message, found.completed, found.terminate) == ("Failed", "why", True, False)
    assert [(item.analysis, item.run, item.phase) for item in found.analyses] == [
        ("of-a", "a", "Failed"),
        ("of-b", "b", "Failed"),
    ]
    assert found.run_names == ("a", "b")
    assert found.label == f"Experiment {NAMESPACE}/{NAME}-{NEW}-3-1"


def test_an_empty_one() -> None:
    found = Experiment.parse({})
    assert (found.name, found.owner_uid, found.step_index, found.phase, found.completed) == ("", "", None, "", False)
    assert (found.templates, found.analyses, found.run_names) == ((), (), ())


@pytest.mark.parametrize(
    ("phase", "terminate", "expected"),
    [
        ("", False, False),
        ("Pending", False, False),
        ("Running", False, False),
        ("Running", True, True),
        ("Successful", False, True),
        ("Failed", False, True),
        ("Error", False, True),
        ("Inconclusive", False, True),
    ],
)
def test_when_it_is_through(phase: str, terminate: bool, expected: bool) -> None:
    assert Experiment.parse(experiment(phase, {"spec": {"terminate": terminate}})).completed is expected


@pytest.mark.parametrize(
    ("name", "owner", "step"),
    [
        pytest.param("shop-7f9b6c-3-1", {}, 1, id="of a step"),
        pytest.param("shop-7f9b6c-3-12-2", {}, 12, id="the second of a step"),
        pytest.param("shop-7f9b6c-3", {}, None, id="no step in the name"),
        pytest.param("shop-7f9b6c-3-x", {}, None, id="no number in the name"),
        pytest.param("shop-7f9b6c-3-1", {"kind": "Job"}, None, id="not of a Rollout"),
        pytest.param("my-shop-7f9b6c-3-4", {"name": "my-shop"}, 4, id="a rollout with a dash"),
    ],
)
def test_the_step_is_in_the_name(name: str, owner: Tree, step: int | None) -> None:
    owners = [{"kind": "Rollout", "name": NAME, "uid": UID, "controller": True, **owner}]
    raw = experiment("Running", {"metadata": {"ownerReferences": owners}}, name=name)
    assert Experiment.parse(raw).step_index == step


def test_the_result() -> None:
    found = Experiment.parse(experiment("Running"))
    shown = found.as_result()
    assert shown == {
        "name": f"{NAME}-{NEW}-3-1",
        "phase": "Running",
        "message": "",
        "templates": [{"name": "canary", "status": "Running", "message": "", "replicas": 1, "available": 1}],
        "analysis": [
            {"kind": "experiment", "name": "exp-run", "phase": "Running", "message": "", "evidence": None},
        ],
    }
    assert json.loads(json.dumps(shown)) == shown
    assert unread("a").keys() == shown.keys()


def test_its_runs_take_the_place_of_what_it_says_of_them() -> None:
    run = AnalysisRun.parse(experiment_run("exp-run", "Successful", values=("[1]",)))
    found = Experiment.parse(experiment("Successful")).having([run])
    (shown,) = found.as_result()["analysis"]
    assert (shown["name"], shown["kind"], shown["step"], shown["evidence"]) == ("exp-run", "experiment", 1, "measured")
