# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each verb in twelve steps: check and real, first and repeated, where it acts, where it has nothing to do, and where
there is no object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.kit import Object, Stage, at_gate, at_preview, canary, deployment, referring

Prepare = Callable[[Stage], object]


def healthy(stage: Stage) -> None:
    stage.deploy(canary())


def aborted(stage: Stage) -> None:
    at_gate(stage)
    stage.ok("rollout_abort", wait_until="restored")


def held(stage: Stage) -> None:
    """At the gate, and spec.paused on top."""
    at_gate(stage)
    stage.kubectl("patch", "rollout", "shop", "--type=merge", "-p", '{"spec":{"paused":true}}')
    stage.ok("rollout_wait", until="paused")


def restarted(stage: Stage) -> None:
    healthy(stage)
    stage.ok("rollout_restart", not_before="2026-01-01T12:00:01Z")


def with_deployment(stage: Stage) -> None:
    stage.deploy(referring(), deployment())


@dataclass(frozen=True)
class Case:
    """A state, a verb that acts on it, and one that finds nothing to do there."""

    prepare: Prepare
    module: str
    act: dict[str, Any]
    proves: Callable[[Object, dict[str, Any]], bool]
    nothing: dict[str, Any] = field(default_factory=dict)
    nothing_at: Prepare = healthy


def _image(result: Object) -> str:
    return result["images"]["app"]


CASES = {
    "set_image": Case(
        healthy,
        "rollout_set_image",
        {"images": {"app": "shop:2.0.0"}, "wait_until": "paused"},
        lambda rollout, result: _image(rollout) == "shop:2.0.0" and result["reason"] == "paused",
        {"images": {"app": "shop:1.0.0"}},
    ),
    "set_image of a Deployment": Case(
        with_deployment,
        "rollout_set_image",
        {"images": {"app": "shop:2.0.0"}, "wait_until": "paused"},
        lambda rollout, result: _image(rollout) == "shop:2.0.0" and rollout["revision"] == 2,
        {"images": {"app": "shop:1.0.0"}},
        with_deployment,
    ),
    "promote past the gate": Case(
        at_gate,
        "rollout_promote",
        {"expected_step": 1, "wait_until": "paused"},
        lambda rollout, result: rollout["step"]["index"] == 3,
    ),
    "promote the preview": Case(
        at_preview,
        "rollout_promote",
        {"wait_until": "healthy"},
        lambda rollout, result: rollout["phase"] == "Healthy" and _image(rollout) == "shop:2.0.0",
    ),
    "promote what spec.paused holds": Case(
        held,
        "rollout_promote",
        {"expected_step": 1},
        lambda rollout, result: rollout["step"]["index"] > 1,
    ),
    "promote fully": Case(
        at_gate,
        "rollout_promote",
        {"mode": "full", "wait_until": "healthy"},
        lambda rollout, result: rollout["phase"] == "Healthy" and rollout["weight"]["actual"] == 100,
        {"mode": "full"},
    ),
    "skip a step": Case(
        at_gate,
        "rollout_promote",
        {"mode": "skip_step", "expected_step": 1},
        lambda rollout, result: rollout["step"]["index"] >= 2,
        {"mode": "skip_step", "expected_step": 1},
    ),
    "abort": Case(
        at_gate,
        "rollout_abort",
        {"wait_until": "restored"},
        lambda rollout, result: rollout["aborted"] and rollout["replicas"]["updated"] == 0,
    ),
    "retry": Case(
        aborted,
        "rollout_retry",
        {"wait_until": "paused"},
        lambda rollout, result: not rollout["aborted"] and rollout["step"]["index"] == 1,
    ),
    "pause": Case(
        at_gate,
        "rollout_pause",
        {},
        lambda rollout, result: rollout["message"] == "manually paused" and result["waiting"]["state"] == "person",
        {"state": "resumed"},
        at_gate,
    ),
    "resume": Case(
        held,
        "rollout_pause",
        {"state": "resumed", "wait_until": "paused"},
        lambda rollout, result: rollout["step"]["index"] == 1 and rollout["message"] == "CanaryPauseStep",
        {"state": "paused"},
        held,
    ),
    "restart": Case(
        at_gate,
        "rollout_restart",
        {"not_before": "2026-01-01T12:00:00Z"},
        lambda rollout, result: result["reason"] == "restarted",
        {"not_before": "2026-01-01T12:00:00Z"},
        restarted,
    ),
    "undo": Case(
        at_gate,
        "rollout_undo",
        {"wait_until": "healthy"},
        lambda rollout, result: _image(rollout) == "shop:1.0.0" and rollout["phase"] == "Healthy",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_verb_acts_once(stage: Stage, case: Case) -> None:
    case.prepare(stage)
    before = _written(stage)
    for _turn in ("first", "repeat"):
        foreseen = stage.run(case.module, check=True, **case.act)
        assert (foreseen["changed"], foreseen["failed"]) == (True, False), foreseen["msg"]
        assert foreseen["diff"]["before"] != foreseen["diff"]["after"]
        assert _written(stage) == before, "check mode wrote something"

    first = stage.ok(case.module, **case.act)
    assert first["changed"]
    assert first["diff"] == foreseen["diff"], "check mode foresaw something else"
    assert case.proves(first["rollout"], first), first["rollout"]

    for check in (False, True, True):
        again = stage.run(case.module, check=check, **case.act)
        assert (again["changed"], again["failed"]) == (False, False), again["msg"]
        assert "diff" not in again


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_verb_with_nothing_to_do_changes_nothing(stage: Stage, case: Case) -> None:
    case.nothing_at(stage)
    before = _written(stage)
    for check in (True, True, False, False):
        result = stage.run(case.module, check=check, **case.nothing)
        assert (result["changed"], result["failed"]) == (False, False), result["msg"]
    assert _written(stage) == before


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_verb_without_its_rollout_says_so(stage: Stage, case: Case) -> None:
    for check in (True, True, False, False):
        result = stage.run(case.module, check=check, **case.act)
        assert (result["changed"], result["failed"], result["reason"]) == (False, True, "not_found")
        assert f"{stage.namespace}/shop" in result["msg"]


VERBS_WRITE = ("abort", "pauseConditions", "controllerPause", "currentStepIndex", "promoteFull")


def _written(stage: Stage) -> Object:
    """What verbs may write to; the rest of the status still settles while the controller counts pods."""
    rollout = stage.get()
    found = {"spec": rollout["spec"], **{key: rollout["status"].get(key) for key in VERBS_WRITE}}
    if rollout["spec"].get("workloadRef"):
        found["deployment"] = stage.kubectl("get", "deployment", "shop", "-o", "jsonpath={.spec}")
    return found
