# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong around an act: two actors, a controller between two writes, a controller or an apiserver that is
gone, an object that is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as Supervised

from tests.integration.kit import GATED_STEPS, Stage, canary

CONTROLLER = "rollouts-controller"
# Two gates, and between them a pause that no machine is slow enough for to be over by itself.
LONG_PAUSE = [*GATED_STEPS[:3], {"pause": {"duration": "10m"}}, *GATED_STEPS[4:]]


def release(stage: Stage, image: str = "shop:2.0.0", **given: Any) -> dict[str, Any]:
    return stage.ok("rollout_set_image", images={"app": image}, **given)


@pytest.fixture
def supervised(stage: Stage) -> Iterator[Supervised]:
    """The lab's processes; whatever a test stops runs again afterwards."""
    lab = Supervised.load(stage.lab.name)
    yield lab
    for process in ("etcd", "kube-apiserver", CONTROLLER):
        lab.start(process)


# -- promote


def test_a_task_right_after_another_that_nobody_waited_for_is_no_failure(stage: Stage) -> None:
    """It waits until the controller has observed the change before, because it may not act on what it cannot judge."""
    stage.deploy(canary(steps=LONG_PAUSE))
    for number in range(2, 6):
        assert release(stage, f"shop:{number}.0.0", wait=False)["changed"]
        aborted = stage.ok("rollout_abort", wait=False)
        assert aborted["changed"], aborted["msg"]
        assert not stage.ok("rollout_abort", wait=False)["changed"]
    last = stage.ok("rollout_wait", until="degraded")
    assert (last["rollout"]["images"], last["rollout"]["aborted"]) == ({"app": "shop:5.0.0"}, True)
    assert last["rollout"]["revision"] == 5


def test_without_a_controller_a_task_that_is_not_to_wait_soon_says_so(stage: Stage, supervised: Supervised) -> None:
    stage.deploy(canary(steps=LONG_PAUSE))
    supervised.stop(CONTROLLER)
    release(stage, wait=False)
    result = stage.run("rollout_abort", wait=False)
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "not_observed")
    assert "after 10s; check that the argo-rollouts controller runs" in result["msg"]


def test_a_promote_right_after_set_image_waits_for_the_gate_and_passes_only_that(stage: Stage) -> None:
    stage.deploy(canary())
    release(stage, wait=False)
    promoted = stage.ok("rollout_promote", wait_until="paused")
    assert promoted["changed"]
    assert promoted["rollout"]["step"]["index"] == 3, "the timed pause after 40 % is next"
    assert 20 in {entry["weight"]["set"] for entry in promoted["timeline"] if "weight" in entry}


def test_a_full_promote_right_after_set_image_promotes_the_new_version(stage: Stage) -> None:
    stage.deploy(canary())
    release(stage, wait=False)
    promoted = stage.ok("rollout_promote", mode="full", wait_until="healthy")
    assert promoted["changed"]
    assert promoted["rollout"]["images"] == {"app": "shop:2.0.0"}
    assert promoted["rollout"]["revision"] == 2


def test_four_promotes_at_once_pass_one_gate(stage: Stage) -> None:
    stage.deploy(canary(steps=LONG_PAUSE))
    release(stage, wait_until="paused")
    with ThreadPoolExecutor(max_workers=4) as pool:
        results = [each.result() for each in [pool.submit(stage.run, "rollout_promote") for _turn in range(4)]]
    assert [result["failed"] for result in results] == [False] * 4
    assert sum(result["changed"] for result in results) == 1, [result["msg"] for result in results]
    assert stage.ok("rollout_wait", until="paused")["rollout"]["step"]["index"] == 3, "no further than the next pause"


def test_a_promote_that_runs_twice_does_not_pass_the_second_gate(stage: Stage) -> None:
    stage.deploy(canary(steps=LONG_PAUSE))
    release(stage, wait_until="paused")
    assert stage.ok("rollout_promote")["changed"]
    assert not stage.ok("rollout_promote")["changed"]
    stage.ok("rollout_promote", expected_step=3)
    stage.ok("rollout_wait", until="step", step=5)
    again = stage.ok("rollout_promote", expected_step=1)
    assert (again["changed"], again["rollout"]["step"]["index"]) == (False, 5)


def test_a_promote_between_steps_skips_no_weight(stage: Stage) -> None:
    """The pods of the new version take three seconds, so the rollout stands at setWeight when the promote comes."""
    slow = canary(steps=[{"setWeight": 20}, {"setWeight": 40}, {"pause": {}}, {"setWeight": 60}])
    slow["spec"]["template"]["metadata"]["annotations"] = {"lab.progressive.delivery/ready-after": "3s"}
    stage.deploy(slow)
    release(stage, "shop:2.0.0-slow-ready", wait=False)
    promoted = stage.ok("rollout_promote", wait_until="healthy")
    assert {entry["weight"]["set"] for entry in promoted["timeline"] if "weight" in entry} >= {20, 40, 60}


def test_a_timed_pause_is_left_alone_unless_it_is_named(stage: Stage) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": "10m"}}, {"setWeight": 60}]))
    release(stage, wait_until="paused")
    kept = stage.ok("rollout_promote")
    assert (kept["changed"], kept["waiting"]["state"]) == (False, "time")
    assert "expected_step" in kept["msg"]
    passed = stage.ok("rollout_promote", expected_step=1, wait_until="healthy")
    assert passed["changed"]


def test_guards_refuse_what_was_not_expected(stage: Stage) -> None:
    stage.deploy(canary())
    release(stage, wait_until="paused")
    for guard, reason in (
        ({"expected_revision": 7}, "unexpected_revision"),
        ({"expected_images": {"app": "shop:9.9.9"}}, "unexpected_images"),
        ({"expected_step": 5}, "unexpected_step"),
        ({"expected_step": 0}, None),
    ):
        result = stage.run("rollout_promote", **guard)
        assert (result["failed"], result["changed"]) == (reason is not None, False), result["msg"]
        assert reason is None or result["reason"] == reason
    assert stage.get()["status"]["currentStepIndex"] == 1


# -- abort, retry, undo


def test_an_abort_withdraws_a_full_promotion(stage: Stage) -> None:
    stage.deploy(canary())
    release(stage, "shop:2.0.0-never-ready", wait=False)
    assert stage.ok("rollout_promote", mode="full")["rollout"]["phase"] == "Progressing"
    result = stage.ok("rollout_abort", wait_until="restored")
    assert result["changed"]
    assert result["rollout"]["aborted"]
    assert not stage.get()["status"].get("promoteFull")


def test_an_undo_in_the_middle_ends_the_update_with_the_template_as_it_was_written(stage: Stage) -> None:
    before = stage.deploy(canary())["spec"]["template"]
    release(stage, wait_until="paused")
    undone = stage.ok("rollout_undo", wait_until="healthy")
    assert (undone["changed"], undone["revision"]) == (True, 3)
    assert stage.get()["spec"]["template"] == before, "nothing was added to it"


def test_an_undo_to_a_given_revision_is_a_rollout_of_its_own(stage: Stage) -> None:
    stage.deploy(canary(steps=[{"setWeight": 50}]))
    release(stage, wait_until="healthy")
    undone = stage.ok("rollout_undo", to_revision=1, wait_until="healthy")
    assert undone["rollout"]["images"] == {"app": "shop:1.0.0"}
    assert undone["revision"] == 3


def test_an_undo_strips_what_the_controller_injects(stage: Stage) -> None:
    injected = {
        "canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"note": "new"}},
        "stableMetadata": {"labels": {"role": "stable"}},
        "antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 1}},
    }
    before = stage.deploy(canary(strategy=injected))["spec"]["template"]
    release(stage, wait_until="paused")
    stage.ok("rollout_promote", mode="full", wait_until="healthy")
    stage.ok("rollout_undo", to_revision=1, wait_until="paused")
    assert stage.get()["spec"]["template"] == before


# -- two actors


def test_a_second_image_in_the_middle_ends_the_first_wait(stage: Stage) -> None:
    stage.deploy(canary())
    first = stage.await_timeline(
        lambda entry: entry.get("phase") == "Paused",
        "rollout_set_image",
        images={"app": "shop:2.0.0"},
        wait_until="healthy",
    )
    release(stage, "shop:3.0.0")
    result = first.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "superseded")


def test_a_promote_right_after_a_change_that_nobody_waited_for_is_about_the_new_version(stage: Stage) -> None:
    """Between the new ReplicaSet and the status about it the controller calls the old version observed."""
    stage.deploy(canary())
    for revision in (2, 3, 4):
        release(stage, f"shop:{revision}", wait=False)
        promoted = stage.ok("rollout_promote")
        assert (promoted["changed"], promoted["revision"]) == (True, revision)
        assert promoted["rollout"]["step"]["index"] > 1, "the first gate is passed"


def test_a_promote_does_not_pass_the_gate_of_a_version_that_came_in_between(stage: Stage) -> None:
    stage.deploy(canary())
    release(stage, "shop:2.0.0-never-ready")
    waiting = stage.await_timeline(
        lambda entry: (entry.get("step") or {}).get("index") == 0, "rollout_promote", wait_timeout="60s"
    )
    release(stage, "shop:3.0.0", wait_until="paused")
    assert waiting.result(timeout=60)["reason"] == "superseded"
    assert stage.get()["status"]["currentStepIndex"] == 1


def test_a_rollout_that_is_deleted_ends_the_wait(stage: Stage) -> None:
    stage.deploy(canary())
    waiting = stage.await_timeline(
        lambda entry: entry.get("phase") == "Paused",
        "rollout_set_image",
        images={"app": "shop:2.0.0"},
        wait_until="healthy",
    )
    stage.kubectl("delete", "rollout", "shop")
    result = waiting.result(timeout=60)
    assert (result["failed"], result["reason"]) == (True, "deleted")
    assert f"{stage.namespace}/shop" in result["msg"]


# -- what cannot heal, and what can


def test_a_rollout_past_its_deadline_fails_only_when_that_is_asked_for(stage: Stage) -> None:
    stage.deploy(canary(progressDeadlineSeconds=2))
    release(stage, "shop:2.0.0-never-ready")
    assert stage.ok("rollout_wait", until="degraded")["reason"] == "progress_deadline"
    strict = stage.run("rollout_wait", until="healthy", fail_on=["progress_deadline"])
    assert (strict["failed"], strict["reason"]) == (True, "progress_deadline")
    patient = stage.run("rollout_wait", until="healthy", wait_timeout="2s")
    assert (patient["failed"], patient["reason"]) == (True, "progress_deadline")
    assert "no success within 2" in patient["msg"]
    stage.ok("rollout_undo", wait_until="healthy")


def test_an_invalid_spec_fails_at_once(stage: Stage) -> None:
    stage.deploy(canary())
    stage.kubectl("patch", "rollout", "shop", "--type=merge", "-p", '{"spec":{"progressDeadlineSeconds":0}}')
    result = stage.run("rollout_wait", until="healthy")
    assert (result["failed"], result["reason"]) == (True, "invalid_spec"), result["msg"]


@pytest.mark.parametrize(
    ("until", "reason"),
    [("paused", "healthy"), ("degraded", "healthy")],
)
def test_a_wait_says_which_final_state_came_instead(stage: Stage, until: str, reason: str) -> None:
    stage.deploy(canary())
    result = stage.run("rollout_wait", until=until)
    assert (result["failed"], result["reason"]) == (True, reason)


def test_a_wait_sees_steps_and_weights(stage: Stage) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": 1}}, {"setWeight": 60}, {"pause": {}}]))
    release(stage, wait=False)
    weight = stage.ok("rollout_wait", until="weight", weight=60)
    assert (weight["reason"], weight["rollout"]["weight"]["actual"]) == ("weight", 60)
    step = stage.ok("rollout_wait", until="step", step=3)
    assert (step["reason"], step["rollout"]["step"]["index"]) == ("step", 3)


# -- nobody there


def test_an_absent_controller_is_named_and_the_wait_goes_on_when_it_is_back(
    stage: Stage, supervised: Supervised
) -> None:
    stage.deploy(canary())
    supervised.stop(CONTROLLER)
    late = stage.run("rollout_set_image", images={"app": "shop:2.0.0"}, wait_timeout="12s")
    assert (late["failed"], late["changed"], late["reason"]) == (True, True, "controller_absent")
    assert "instance-id" in late["msg"], "it says what to check"

    waiting = stage.await_timeline(
        lambda entry: entry.get("reason") == "controller_absent", "rollout_wait", until="paused", wait_timeout="2m"
    )
    assert not waiting.done()
    supervised.start(CONTROLLER)
    assert waiting.result(timeout=60)["reason"] == "paused"


def test_a_promote_that_no_controller_sees_is_not_called_done(stage: Stage, supervised: Supervised) -> None:
    stage.deploy(canary())
    release(stage, wait_until="paused")
    supervised.stop(CONTROLLER)
    late = stage.run("rollout_promote", wait_timeout="12s")
    assert (late["failed"], late["changed"], late["reason"]) == (True, True, "controller_absent")
    supervised.start(CONTROLLER)
    again = stage.ok("rollout_promote", expected_step=1)
    assert (again["changed"], again["rollout"]["step"]["index"] > 1) == (False, True)


def test_a_wait_survives_a_restart_of_the_apiserver(stage: Stage, supervised: Supervised) -> None:
    stage.deploy(canary())
    waiting = stage.await_timeline(
        lambda entry: entry.get("phase") == "Paused",
        "rollout_set_image",
        images={"app": "shop:2.0.0"},
        wait_until="healthy",
        wait_timeout="5m",
    )
    supervised.stop("kube-apiserver")
    supervised.start("kube-apiserver")
    stage.ok("rollout_promote", mode="full", wait_timeout="5m")
    result = waiting.result(timeout=330)
    assert (result["failed"], result["reason"]) == (False, "healthy"), result["msg"]
    assert {"unreachable", "reconnected"} <= {entry.get("reason") for entry in result["timeline"]}


# -- images


def test_all_containers_change_in_one_revision(stage: Stage) -> None:
    digest = "registry.example.com:5000/team/app@sha256:" + "0a1b2c3d" * 8
    rollout = canary()
    pod = rollout["spec"]["template"]["spec"]
    pod["containers"].append({"name": "side", "image": "side:1"})
    pod["initContainers"] = [{"name": "migrate", "image": "migrate:1"}]
    stage.deploy(rollout)
    wanted = {"app": digest, "side": "localhost:5000/a=b/side:2", "migrate": "migrate:2"}
    result = stage.ok("rollout_set_image", images=wanted, wait_until="paused")
    assert result["rollout"]["images"] == wanted
    assert result["revision"] == 2


def test_the_pods_run_the_image_that_was_asked_for(stage: Stage) -> None:
    """Healthy must mean this version: the ReplicaSet of the reported hash carries the image."""
    stage.deploy(canary(steps=[]))
    for tag in ("2.0.0", "3.0.0", "2.0.0"):
        result = stage.ok("rollout_set_image", images={"app": f"shop:{tag}"}, wait_until="healthy")
        name = f"shop-{result['rollout']['current_hash']}"
        image = stage.kubectl("get", "replicaset", name, "-o", "jsonpath={.spec.template.spec.containers[0].image}")
        assert image == f"shop:{tag}"
        assert result["rollout"]["current_hash"] == result["rollout"]["stable_hash"]
