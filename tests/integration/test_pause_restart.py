# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller makes of a pause and of a restart. The twelve steps of both verbs are in test_verbs.py."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, at_gate, at_preview, canary
from tests.integration.support import eventually

TWO = {"app": "shop:2.0.0"}


def pods(stage: Stage) -> set[str]:
    found = json.loads(stage.kubectl("get", "pods", "-o", "json"))
    return {pod["metadata"]["name"] for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]}


# -- pause


def test_a_new_version_is_held_at_its_start_and_then_takes_every_step(stage: Stage) -> None:
    stage.deploy(canary())
    stage.ok("rollout_pause")
    held = stage.ok("rollout_set_image", images=TWO)
    assert (held["rollout"]["step"]["index"], held["rollout"]["replicas"]["updated"]) == (0, 0)

    resumed = stage.ok("rollout_pause", state="resumed", wait_until="paused")
    assert resumed["rollout"]["step"]["index"] == 1
    assert {entry["step"]["index"] for entry in resumed["timeline"]} == {0, 1}


def test_a_gate_is_still_there_after_a_pause(stage: Stage) -> None:
    at_gate(stage)
    gate = stage.get()["status"]["pauseConditions"]
    stage.ok("rollout_pause")
    resumed = stage.ok("rollout_pause", state="resumed")
    assert stage.get()["status"]["pauseConditions"] == gate
    assert "it waits for CanaryPauseStep at step 1" in resumed["msg"]
    assert resumed["waiting"]["state"] == "person"


def test_an_abort_of_what_is_held_brings_everyone_back(stage: Stage) -> None:
    """The controller alone would leave the canary its pods until somebody resumes."""
    at_gate(stage)
    stage.ok("rollout_pause")
    aborted = stage.ok("rollout_abort", wait_until="restored")
    assert (aborted["changed"], aborted["rollout"]["replicas"]["updated"]) == (True, 0)
    assert stage.get()["spec"].get("paused") is not True
    assert not stage.ok("rollout_abort", wait_until="restored")["changed"]


def test_a_preview_is_not_promoted_by_a_pause(stage: Stage) -> None:
    at_preview(stage)
    active = stage.get()["status"]["blueGreen"]["activeSelector"]
    assert stage.ok("rollout_pause")["rollout"]["message"] == "manually paused"
    resumed = stage.ok("rollout_pause", state="resumed")
    assert resumed["rollout"]["message"] == "BlueGreenPause"
    assert stage.get()["status"]["blueGreen"]["activeSelector"] == active


def test_an_analysis_goes_on_but_its_step_is_not_left(stage: Stage, gauge: Gauge) -> None:
    steps = [{"setWeight": 20}, ANALYSIS_STEP, {"pause": {}}]
    stage.deploy(canary(steps=steps), gauge.template(interval="1s", count=3))
    stage.await_timeline(
        lambda entry: bool(entry.get("analysis")), "rollout_set_image", images=TWO, wait_until="paused"
    )
    stage.ok("rollout_pause")
    done = stage.ok("analysis_wait", rollout="shop", kind="step")
    assert done["analysis"]["phase"] == "Successful"
    assert stage.get()["status"]["currentStepIndex"] == 1
    assert stage.ok("rollout_pause", state="resumed", wait_until="paused")["rollout"]["step"]["index"] == 2


def test_an_abort_is_let_back_to_the_stable_version_before_the_hold(stage: Stage) -> None:
    at_gate(stage)
    stage.ok("rollout_abort", wait=False)
    held = stage.ok("rollout_pause")
    assert stage.get()["spec"]["paused"] is True
    assert held["rollout"]["replicas"]["updated"] == 0


def test_what_is_held_is_not_scaled_before_it_is_resumed(stage: Stage) -> None:
    stage.deploy(canary())
    stage.ok("rollout_pause")
    stage.kubectl("scale", "rollout", "shop", "--replicas=7")
    stage.ok("rollout_wait", until="observed")
    assert len(pods(stage)) == 5
    stage.ok("rollout_pause", state="resumed", wait_until="healthy")
    eventually(lambda: len(pods(stage)) == 7)


# -- restart


def restart(stage: Stage, **given: Any) -> Object:
    """A pod that is not gone when the controller looks costs its next look, 30 s later."""
    return stage.ok("rollout_restart", wait_timeout="3m", **given)


def test_all_pods_are_replaced_once_for_each_token_and_the_gate_stays(stage: Stage) -> None:
    at_gate(stage)
    before = pods(stage)
    first = restart(stage, token="certificate-1")
    after = pods(stage)
    assert (first["changed"], len(after), after & before) == (True, 5, set())
    assert first["rollout"]["step"]["index"] == 1

    assert not restart(stage, token="certificate-1")["changed"]
    assert pods(stage) == after
    assert restart(stage, token="certificate-2")["changed"]
    assert pods(stage) & after == set()


def test_the_last_pod_is_waited_for(stage: Stage) -> None:
    """The controller calls the restart done as it evicts the last one."""
    slow = {"lab.progressive.delivery/pod": "slow-ready", "lab.progressive.delivery/ready-after": "2s"}
    rollout = canary(replicas=2)
    rollout["spec"]["template"]["metadata"]["annotations"] = slow
    stage.deploy(rollout)
    restart(stage, token="a")
    found = json.loads(stage.kubectl("get", "pods", "-o", "json"))["items"]
    conditions = [{item["type"]: item["status"] for item in pod["status"]["conditions"]} for pod in found]
    assert [condition["Ready"] for condition in conditions] == ["True", "True"]


def test_both_versions_of_a_blue_green_rollout_are_restarted(stage: Stage) -> None:
    at_preview(stage)
    before = pods(stage)
    restart(stage, token="a")
    assert pods(stage) & before == set()


def test_pods_that_are_young_enough_stay(stage: Stage) -> None:
    stage.deploy(canary())
    before = pods(stage)
    result = restart(stage, not_before="2020-01-01T00:00:00.5+01:00")
    assert result["diff"]["after"] == {"restartAt": "2019-12-31T23:00:01Z"}
    assert (result["changed"], pods(stage)) == (True, before)


def test_a_restart_can_be_set_for_later(stage: Stage) -> None:
    stage.deploy(canary())
    before = pods(stage)
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert restart(stage, not_before=later, wait_until="observed")["changed"]
    assert pods(stage) == before
    sooner = restart(stage, token="now")
    assert sooner["changed"]
    assert pods(stage) & before == set()


def test_the_budget_in_the_way_is_named(stage: Stage) -> None:
    stage.deploy(canary())
    budget: Object = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "keep-all"},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "shop"}}},
    }
    stage.apply(budget)
    counted = ("get", "poddisruptionbudget", "keep-all", "-o", "jsonpath={.status.currentHealthy}")
    eventually(lambda: stage.kubectl(*counted) == "5")
    before = pods(stage)
    blocked = stage.run("rollout_restart", token="a", wait_timeout="10s")
    assert (blocked["failed"], blocked["changed"], blocked["reason"]) == (True, True, "pdb_blocked"), blocked["msg"]
    assert f"PodDisruptionBudget {stage.namespace}/keep-all lets no pod go: 5 of 5 are healthy" in blocked["msg"]
    assert pods(stage) == before
