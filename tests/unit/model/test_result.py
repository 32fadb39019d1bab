# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dictionary `rollout` of every result: the keys hold in every state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.experiment import Experiment
from ansible_collections.progressive.delivery.plugins.module_utils._model.result import rollout_result
from ansible_collections.progressive.delivery.plugins.module_utils._model.workload import Workload

from tests.unit.support import (
    ANALYSIS_STEP,
    FIRST_GATE,
    NEW,
    STABLE,
    STATES,
    STEPS,
    TIMED,
    TIMED_PAUSE,
    UID,
    WORKLOAD_REF,
    Tree,
    canary,
    deployment,
    experiment,
    paused,
    preview,
    preview_paused,
    updating,
    view,
)

KEYS = [
    "name", "namespace", "uid", "strategy", "phase", "message", "revision", "step", "weight", "images", "replicas",
    "paused", "aborted", "stable_hash", "current_hash", "analysis", "experiment", "traffic",
]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_every_state_gives_the_same_keys_in_json(state: str) -> None:
    result = rollout_result(view(STATES[state]))
    assert list(result) == KEYS
    assert json.loads(json.dumps(result)) == result


def test_a_canary_at_its_gate() -> None:
    assert rollout_result(view(paused(FIRST_GATE))) == {
        "name": "shop",
        "namespace": "prod",
        "uid": UID,
        "strategy": "canary",
        "phase": "Paused",
        "message": "CanaryPauseStep",
        "revision": 3,
        "step": {"index": 1, "total": len(STEPS), "current": "pause"},
        "weight": {"set": 20, "actual": 20},
        "images": {"app": "shop:2"},
        "replicas": {"desired": 5, "current": 5, "updated": 1, "ready": 5, "available": 5},
        "paused": {"reason": "CanaryPauseStep", "since": "2026-01-01T11:59:00Z", "until": None, "manual": True},
        "aborted": False,
        "stable_hash": STABLE,
        "current_hash": NEW,
        "analysis": [],
        "experiment": None,
        "traffic": None,
    }


def test_blue_green_moves_all_traffic_at_once() -> None:
    result = rollout_result(view(preview_paused(TIMED)))
    assert result["strategy"] == "blueGreen"
    assert result["step"] == {"index": None, "total": 0, "current": None}
    assert result["weight"] == {"set": None, "actual": None}
    assert result["traffic"] == {"active_hash": STABLE, "preview_hash": NEW}
    assert result["paused"] == {
        "reason": "BlueGreenPause",
        "since": "2026-01-01T11:59:00Z",
        "until": "2026-01-01T12:04:00Z",
        "manual": False,
    }


def test_blue_green_before_the_controller_has_seen_it() -> None:
    result = rollout_result(view(preview({"status": None})))
    assert result["traffic"] == {"active_hash": None, "preview_hash": None}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("healthy", None),
        ("at setWeight", None),
        ("unpausing", None),
        ("aborted", None),
        (
            "healthy, spec.paused",
            {"reason": "manually paused", "since": None, "until": None, "manual": True},
        ),
        (
            "spec.paused at timed pause",
            {"reason": "CanaryPauseStep", "since": "2026-01-01T11:59:00Z", "until": None, "manual": True},
        ),
        (
            "at timed pause",
            {
                "reason": "CanaryPauseStep",
                "since": "2026-01-01T11:59:00Z",
                "until": "2026-01-01T12:04:00Z",
                "manual": False,
            },
        ),
    ],
)
def test_the_pause(state: str, expected: dict[str, Any] | None) -> None:
    assert rollout_result(view(STATES[state]))["paused"] == expected


@pytest.mark.parametrize(
    ("raw", "current"),
    [
        (updating(ANALYSIS_STEP), "analysis"),
        (updating(len(STEPS)), None),
        (canary({"status": {"currentStepIndex": 0}}), None),
        (updating(0, {"status": {"stableRS": None}}), None),
    ],
    ids=["on its way", "past the last step", "nothing on its way", "first deployment"],
)
def test_a_step_is_current_only_while_an_update_is_on_its_way(raw: Tree, current: str | None) -> None:
    assert rollout_result(view(raw))["step"]["current"] == current


def test_the_weights_as_the_router_has_them() -> None:
    weights = {
        "canary": {"weight": 20, "serviceName": "shop-canary", "podTemplateHash": NEW},
        "stable": {"weight": 75, "serviceName": "shop-stable", "podTemplateHash": STABLE},
        "additional": [{"weight": 5, "serviceName": "shop-test"}],
    }
    routed = {
        "spec": {"strategy": {"canary": {"trafficRouting": {"istio": {}}}}},
        "status": {"canary": {"weights": weights}},
    }
    assert rollout_result(view(paused(FIRST_GATE, routed)))["traffic"] == {
        "canary": {"weight": 20, "service": "shop-canary", "hash": NEW},
        "stable": {"weight": 75, "service": "shop-stable", "hash": STABLE},
        "additional": [{"weight": 5, "service": "shop-test", "hash": None}],
    }
    assert rollout_result(view(updating(0, {"status": {"canary": {"weights": {"canary": {"weight": 1}}}}})))[
        "traffic"
    ] == {
        "canary": {"weight": 1, "service": None, "hash": None},
        "stable": {"weight": 0, "service": None, "hash": None},
        "additional": [],
    }


def test_the_analysis_and_the_experiment_that_the_status_names() -> None:
    status = {
        "canary": {
            "currentStepAnalysisRunStatus": {"name": "shop-1", "status": "Running"},
            "currentExperiment": "shop-2",
        }
    }
    result = rollout_result(view(updating(ANALYSIS_STEP, {"status": status})))
    assert result["analysis"] == [
        {"kind": "step", "name": "shop-1", "phase": "Running", "message": "", "evidence": None}
    ]
    assert result["experiment"] == {
        "name": "shop-2",
        "phase": None,
        "message": None,
        "templates": [],
        "analysis": [],
    }


def test_an_experiment_that_was_read_takes_the_place_of_its_name() -> None:
    named = updating(1, {"status": {"canary": {"currentExperiment": "shop-2"}}})
    found = Experiment.parse(experiment())
    assert rollout_result(view(named), experiment=found)["experiment"] == found.as_result()
    assert rollout_result(view(canary()), experiment=found)["experiment"] == found.as_result()


def test_the_images_of_a_referenced_workload_come_from_it() -> None:
    rollout = view(paused(TIMED_PAUSE, WORKLOAD_REF))
    workload = Workload.parse(deployment("shop:9"), "Deployment", "apps/v1")
    assert rollout_result(rollout, workload)["images"] == {"app": "shop:9"}
    assert rollout_result(rollout)["images"] == {}
