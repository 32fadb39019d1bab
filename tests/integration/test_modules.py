# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through Ansible gives what the engine gives: arguments, check mode, diff, failure, no traceback."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.kit import Stage, canary
from tests.integration.support import run_module, run_playbook

VOLATILE = ("timeline", "invocation", "warnings")


@pytest.mark.smoke
def test_a_module_returns_what_the_engine_returns(stage: Stage) -> None:
    stage.deploy(canary())
    wish = {"images": {"app": "shop:2.0.0"}, "wait_until": "paused"}

    assert run_module("rollout_set_image", {**stage.shop, **wish}, "--check")["changed"]
    assert stage.ok("rollout_wait", until="healthy")["rollout"]["images"] == {"app": "shop:1.0.0"}

    done = run_module("rollout_set_image", {**stage.shop, **wish})
    assert (done["changed"], done["reason"], done["revision"]) == (True, "paused", 2)
    assert "diff" not in done
    assert done["timeline"][-1]["phase"] == "Paused"

    again = run_module("rollout_set_image", {**stage.shop, **wish})
    same = stage.run("rollout_set_image", **wish)
    assert {key: again[key] for key in same if key not in VOLATILE} == {
        key: same[key] for key in same if key not in VOLATILE
    }


def test_check_and_diff_show_the_plan_and_write_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.deploy(canary())
    task = {
        "name": "Release",
        "progressive.delivery.rollout_set_image": {"name": "shop", "images": {"app": "shop:2.0.0"}},
        "module_defaults": {
            "group/progressive.delivery.delivery": {
                "kubeconfig": str(stage.lab.kubeconfig),
                "namespace": stage.namespace,
            }
        },
    }
    play = {"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": [task]}
    playbook = tmp_path / "release.yml"
    playbook.write_text(json.dumps([play]))
    shown = run_playbook(playbook, {}, "--check", "--diff").succeeded()
    assert shown.changed == 1
    assert re.search(r"^- +app: shop:1\.0\.0$", shown.output, re.MULTILINE)
    assert re.search(r"^\+ +app: shop:2\.0\.0$", shown.output, re.MULTILINE)
    assert stage.ok("rollout_wait", until="healthy")["rollout"]["images"] == {"app": "shop:1.0.0"}


@pytest.mark.smoke
def test_a_failed_module_has_the_same_keys_and_no_traceback(stage: Stage) -> None:
    stage.deploy(canary())
    result = run_module("rollout_set_image", {**stage.shop, "images": {"web": "shop:2.0.0"}})
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "invalid_request")
    assert "web" in result["msg"]
    assert "app" in result["msg"]
    assert result["rollout"]["images"] == {"app": "shop:1.0.0"}
    assert "exception" not in result


def test_the_environment_names_the_cluster(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.deploy(canary())
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(stage.lab.kubeconfig))
    found = run_module("rollout_info", {"namespace": stage.namespace})
    assert [rollout["name"] for rollout in found["rollouts"]] == ["shop"]


def test_info_selects_by_label_and_finds_nothing_without_failing(stage: Stage) -> None:
    rollout = canary()
    rollout["metadata"]["labels"] = {"team": "checkout"}
    stage.deploy(rollout)
    assert len(stage.run("rollout_info", label_selectors=["team=checkout"])["rollouts"]) == 1
    assert stage.run("rollout_info", label_selectors=["team=other"])["rollouts"] == []
    assert stage.run("rollout_info", name="absent")["rollouts"] == []
    everywhere = stage.run("rollout_info", namespace="", label_selectors=["team=checkout"])
    assert stage.namespace in {item["namespace"] for item in everywhere["rollouts"]}


def test_an_act_without_wait_makes_one_get_and_one_patch(stage: Stage) -> None:
    stage.deploy(canary())
    requests: list[str] = []
    send = stage.cluster._send

    def counting(method: str, *rest: object, **more: object) -> object:
        requests.append(method)
        return send(method, *rest, **more)

    stage.cluster._send = counting
    assert stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait=False)["changed"]
    assert requests == ["GET", "PATCH"]
