# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A GitOps tool that watches over what the verbs write: a server-side apply under the name that Argo CD uses."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from tests.integration.kit import GATED_STEPS, PATIENCE, Object, Stage, canary, deployment, referring
from tests.integration.support import play, run_playbook

TWO = {"app": "shop:2.0.0"}


def sync(stage: Stage, *objects: Object) -> None:
    """What Argo CD does with what it finds in Git."""
    stage.apply(*objects, manager="argocd-controller")


def tracked(stage: Stage, raw: Object, group: str = "argoproj.io") -> Object:
    found = copy.deepcopy(raw)
    identity = f"web:{group}/{raw['kind']}:{stage.namespace}/{raw['metadata']['name']}"
    found["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": identity}
    return found


@pytest.fixture
def git(stage: Stage) -> Object:
    """The Rollout as it is in Git and in the cluster."""
    found = tracked(stage, canary(steps=GATED_STEPS[:2]))
    sync(stage, found)
    stage.ok("rollout_wait", until="healthy")
    return found


def test_a_managed_rollout_is_not_written_when_that_is_asked_for(stage: Stage, git: Object) -> None:
    before = stage.get()["spec"]
    for check in (True, False):
        refused = stage.run("rollout_set_image", check=check, images=TWO, gitops="refuse")
        assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "managed")
        assert "managed by Argo CD (Application web)" in refused["msg"]
    assert stage.get()["spec"] == before

    # Git says nothing of these fields, so nobody puts them back.
    stage.ok("rollout_pause", gitops="refuse")
    stage.ok("rollout_pause", gitops="refuse", state="resumed")
    assert "warnings" not in stage.ok("rollout_restart", gitops="refuse", token="a")


def test_an_image_that_is_put_back_is_reported_and_not_fought_for(stage: Stage, git: Object) -> None:
    waiting = stage.await_timeline(
        lambda entry: entry.get("phase") == "Paused", "rollout_set_image", images=TWO, wait_until="healthy"
    )
    sync(stage, git)
    result = waiting.result(timeout=60)
    assert (result["failed"], result["changed"], result["reason"]) == (True, True, "reverted"), result["msg"]
    assert "the image of container app was put back to shop:1.0.0 by argocd-controller within" in result["msg"]
    assert "change it in Git" in result["msg"]
    assert "may put the image of container app back" in result["warnings"][0]
    assert stage.ok("rollout_wait", until="healthy")["rollout"]["images"] == {"app": "shop:1.0.0"}


def test_a_hold_that_is_put_back_is_reported(stage: Stage, git: Object) -> None:
    """It was in Git; while it is waited for the rollout's end, somebody lets go of it."""
    stage.ok("rollout_set_image", images=TWO, wait_until="paused", gitops="ignore")
    held = copy.deepcopy(git)
    held["spec"] |= {"paused": True, "template": copy.deepcopy(stage.get()["spec"]["template"])}
    sync(stage, held)
    stage.ok("rollout_wait", until="observed")
    waiting = stage.await_timeline(
        lambda entry: entry.get("message") == "CanaryPauseStep", "rollout_pause", state="resumed", wait_until="healthy"
    )
    sync(stage, held)
    result = waiting.result(timeout=60)
    assert result["reason"] == "reverted", result["msg"]
    assert "spec.paused was put back to true by argocd-controller within" in result["msg"]


def test_a_deployment_that_holds_the_template_has_a_manager_of_its_own(stage: Stage) -> None:
    pods = tracked(stage, deployment(), "apps")
    sync(stage, pods)
    stage.deploy(referring())
    assert stage.run("rollout_set_image", images=TWO, gitops="refuse")["reason"] == "managed"
    waiting = stage.await_timeline(
        lambda entry: entry.get("phase") == "Paused", "rollout_set_image", images=TWO, wait_until="healthy"
    )
    sync(stage, pods)
    result = waiting.result(timeout=60)
    assert result["reason"] == "reverted", result["msg"]
    assert f"Deployment {stage.namespace}/shop is managed by Argo CD" in result["warnings"][0]
    assert "put back to shop:1.0.0 by argocd-controller" in result["msg"]


def test_a_declaration_heeds_a_mark_where_no_field_is_held(stage: Stage) -> None:
    """A client-side apply of Argo CD under another name: no conflict tells of it."""
    declared = tracked(stage, canary(steps=GATED_STEPS[:2]))
    stage.ok("rollout", definition=declared, wait_until="healthy")
    before, newer = stage.get()["spec"], copy.deepcopy(declared)
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = TWO["app"]
    for check in (True, False):
        refused = stage.run("rollout", check=check, definition=newer, gitops="refuse")
        assert (refused["failed"], refused["changed"], refused["reason"]) == (True, False, "managed")
        assert "managed by Argo CD (Application web), so spec.template was not written" in refused["msg"]
    assert stage.get()["spec"] == before
    assert "may put spec.template back" in stage.ok("rollout", definition=newer)["warnings"][0]
    again = stage.ok("rollout", definition=newer, gitops="refuse")
    assert (again["changed"], "warnings" in again) == (False, False)


def test_ansible_shows_the_warning_wherever_the_task_runs(stage: Stage, git: Object, tmp_path: Path) -> None:
    warned = {"that": "result.warnings is search('managed by Argo CD .Application web.')"}
    tasks: list[Object] = []
    for image, how in (("shop:2.0.0", {}), ("shop:3.0.0", {"async": 120, "poll": 1})):
        arguments = {**stage.shop, "images": {"app": image}, "wait_timeout": PATIENCE}
        tasks += [
            {"progressive.delivery.rollout_set_image": arguments, "register": "result", **how},
            {"ansible.builtin.assert": warned},
        ]
    playbook = tmp_path / "images.yml"
    playbook.write_text(json.dumps([play(tasks=tasks)]))
    run = run_playbook(playbook).succeeded()
    assert "managed by Argo CD (Application web)" in " ".join(run.output.split())
