# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod in one word: the rules of the plugin, one row each."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.pods import pod_result

from tests.unit.support import Tree

RUNNING: Tree = {"running": {"startedAt": "2026-01-01T12:00:00Z"}}


def pod(phase: str = "Running", *containers: Tree, init: tuple[Tree, ...] = (), **status: object) -> Tree:
    """With two containers and as many init containers as have a state."""
    names = [{"name": item["name"], **item.pop("spec", {})} for item in (dict(each) for each in init)]
    return {
        "metadata": {"name": "shop-1", "creationTimestamp": "2026-01-01T11:00:00Z"},
        "spec": {"containers": [{"name": "app"}, {"name": "proxy"}], "initContainers": names},
        "status": {
            "phase": phase,
            "containerStatuses": list(containers),
            "initContainerStatuses": list(init),
            **status,
        },
    }


def container(restarts: int = 0, ready: bool = False, **state: object) -> Tree:
    return {"name": "app", "restartCount": restarts, "ready": ready, "state": state}


def init(name: str = "init", restarts: int = 0, **state: object) -> Tree:
    return {"name": name, "restartCount": restarts, "state": state}


GOOD = container(1, True, **RUNNING)
SIDECAR: Tree = {"spec": {"restartPolicy": "Always"}, "restartCount": 2, "state": RUNNING}


@pytest.mark.parametrize(
    ("raw", "status", "ready", "restarts"),
    [
        (pod("Pending"), "Pending", "0/2", 0),
        (pod("Running", GOOD, GOOD), "Running", "2/2", 2),
        (pod("Running", GOOD, container(0, False, **RUNNING)), "Running", "1/2", 1),
        (pod("Running", GOOD, container(7, waiting={"reason": "CrashLoopBackOff"})), "CrashLoopBackOff", "1/2", 8),
        (pod("Pending", container(waiting={"reason": "ContainerCreating"})), "ContainerCreating", "0/2", 0),
        (pod("Pending", container(waiting={})), "Pending", "0/2", 0),
        (
            pod("Running", container(waiting={"reason": "First"}), container(waiting={"reason": "Second"})),
            "First",
            "0/2",
            0,
        ),
        (pod("Failed", reason="Evicted"), "Evicted", "0/2", 0),
        (pod("Failed", container(terminated={"reason": "OOMKilled", "exitCode": 137})), "OOMKilled", "0/2", 0),
        (pod("Failed", container(terminated={"exitCode": 3})), "ExitCode:3", "0/2", 0),
        (pod("Succeeded", container(terminated={})), "ExitCode:0", "0/2", 0),
        (pod("Failed", container(terminated={"signal": 9})), "Signal:9", "0/2", 0),
        (pod("Running", container(terminated={"reason": "Completed"}), GOOD), "Running", "1/2", 1),
        (pod("Succeeded", container(terminated={"reason": "Completed"})), "Completed", "0/2", 0),
        # init containers
        (pod("Pending", init=(init(**RUNNING), init())), "Init:0/2", "0/2", 0),
        (pod("Pending", init=(init(restarts=2, terminated={"exitCode": 0}), init())), "Init:1/2", "0/2", 2),
        (pod("Pending", init=(init(waiting={"reason": "PodInitializing"}),)), "Init:0/1", "0/2", 0),
        (pod("Pending", init=(init(waiting={"reason": "ImagePullBackOff"}),)), "Init:ImagePullBackOff", "0/2", 0),
        (pod("Pending", init=(init(terminated={"exitCode": 1}),)), "Init:ExitCode:1", "0/2", 0),
        (pod("Pending", init=(init(terminated={"exitCode": 1, "reason": "Error"}),)), "Init:Error", "0/2", 0),
        (pod("Running", GOOD, GOOD, init=(init(terminated={"exitCode": 0}),)), "Running", "2/2", 2),
        # a sidecar never ends
        (pod("Running", GOOD, init=({"name": "sidecar", "started": True, **SIDECAR},)), "Running", "1/2", 1),
        (pod("Pending", init=({"name": "sidecar", "started": False, **SIDECAR},)), "Init:0/1", "0/2", 2),
    ],
)
def test_a_pod(raw: Tree, status: str, ready: str, restarts: int) -> None:
    assert pod_result(raw) == {
        "name": "shop-1",
        "status": status,
        "ready": ready,
        "restarts": restarts,
        "created": "2026-01-01T11:00:00Z",
    }


@pytest.mark.parametrize(("reason", "status"), [("", "Terminating"), ("NodeLost", "Unknown")])
def test_a_pod_that_is_deleted(reason: str, status: str) -> None:
    raw = pod("Running", GOOD, reason=reason)
    raw["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert pod_result(raw)["status"] == status


def test_a_pod_of_which_nothing_is_known_yet() -> None:
    assert pod_result({"metadata": {"name": "new"}}) == {
        "name": "new",
        "status": "",
        "ready": "0/0",
        "restarts": 0,
        "created": "",
    }
