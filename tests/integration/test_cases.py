# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples as users run them, and what the controller makes of a weight; docs/cases.md lists all of them.

The playbooks assert by themselves what they show, so most tests only look at how they ended.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.integration.kit import Object, Stage, canary, service
from tests.integration.support import Lab, PlaybookRun, run_playbook

# Seconds of a timed pause and of the interval of an analysis. A window of two of them still holds some scrapes.
PACE = 3
# Of examples that look at something that lasts for a few of these, by programs that take seconds to start.
PACES = {
    "canary_ingress": 8,
    "canary_virtual_service_experiment": 6,
    "canary_destination_rule_experiment": 6,
    "experiment": 6,
}

_NUMBERS = itertools.count(1)


def run_example(lab: Lab, name: str, **variables: Any) -> PlaybookRun:
    """Run an example in a namespace of its own, which is deleted behind it."""
    namespace = f"case-{next(_NUMBERS)}-{os.getpid()}"
    given = {
        "progressive_lab": lab.name,
        "example_pace": PACES.get(name, PACE),
        "example_namespace": namespace,
        **variables,
    }
    try:
        return run_playbook(f"examples.{name}", given)
    finally:
        lab.kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")


NINE_CASES = [
    "blue_green",
    "canary",
    "canary_undo_abort",
    "canary_virtual_service",
    "canary_virtual_service_analysis",
    "canary_virtual_service_experiment",
    "canary_destination_rule",
    "canary_destination_rule_analysis",
    "canary_destination_rule_experiment",
]


@pytest.mark.parametrize("name", NINE_CASES)
def test_document_001(lab: Lab, name: str) -> None:
    run_example(lab, name).succeeded()


@pytest.mark.parametrize(
    "name", ["canary_memory", "deployment_to_rollout", "canary_ingress", "silent_canary", "experiment", "autoscaler"]
)
def test_example(lab: Lab, name: str) -> None:
    run_example(lab, name).succeeded()


def test_red_gates_let_a_good_version_pass(lab: Lab) -> None:
    passed = run_example(lab, "red_gates", example_version="2.0.0").succeeded()
    assert "revision 2 is healthy and stable" in passed.output


@pytest.mark.parametrize(("version", "metric"), [("3.0.0", "success-rate"), ("4.0.0", "latency-p95")])
def test_red_gates_stop_a_bad_version(lab: Lab, version: str, metric: str) -> None:
    refused = run_example(lab, "red_gates", example_version=version)
    assert refused.returncode == 2, refused.output
    # Ansible breaks long lines.
    said = " ".join(refused.output.split())
    assert f'Rollout aborted update to revision 2: Step-based analysis phase error/failed: Metric "{metric}"' in said


# -- notifications


class Hook:
    """A web hook on a loopback address."""

    def __init__(self) -> None:
        received: queue.Queue[Object] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def next(self) -> Object:
        """What has been posted, oldest first; fails if nothing comes."""
        return self._received.get(timeout=30)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.close()


def test_notifications(lab: Lab, hook: Hook) -> None:
    try:
        run_example(lab, "notifications", example_webhook=hook.url).succeeded()
        told = [hook.next() for _turn in range(3)]
    finally:
        lab.kubectl("delete", "configmap", "argo-rollouts-notification-configmap", "--namespace=argo-rollouts")
    assert [(message["event"], message["revision"], message["image"]) for message in told] == [
        ("completed", "1", "mock-server:1.0.0"),
        ("completed", "2", "mock-server:2.0.0"),
        ("aborted", "3", "mock-server:3.0.0"),
    ]


# -- how many pods a weight makes

GATES: list[Object] = [step for weight in (10, 20, 50, 80, 100) for step in ({"setWeight": weight}, {"pause": {}})]


def pods_at_each_gate(stage: Stage) -> list[tuple[int, int, int]]:
    """(weight, pods of the stable version, pods of the canary) at each gate."""
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    seen = [_pods(stage)]
    for _turn in range(len(GATES) // 2 - 1):
        stage.ok("rollout_promote", wait_until="paused")
        seen.append(_pods(stage))
    return seen


def _pods(stage: Stage) -> tuple[int, int, int]:
    rollout = stage.ok("rollout_wait", until="paused")["rollout"]
    replicas = rollout["replicas"]
    return rollout["weight"]["set"], replicas["current"] - replicas["updated"], replicas["updated"]


def test_pods_without_a_router(stage: Stage) -> None:
    stage.deploy(canary(steps=GATES))
    assert pods_at_each_gate(stage) == [(10, 5, 1), (20, 4, 1), (50, 3, 3), (80, 1, 4), (100, 0, 5)]


def test_pods_without_a_router_and_without_a_pod_more(stage: Stage) -> None:
    stage.deploy(canary(steps=GATES, strategy={"maxSurge": 0, "maxUnavailable": 1}))
    assert pods_at_each_gate(stage) == [(10, 4, 1), (20, 4, 1), (50, 2, 3), (80, 1, 4), (100, 0, 5)]


def test_pods_with_a_router(stage: Stage) -> None:
    destinations = [{"destination": {"host": host}, "weight": weight} for host, weight in (("old", 100), ("new", 0))]
    routes: Object = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "shop"},
        "spec": {"hosts": ["old"], "http": [{"name": "primary", "route": destinations}]},
    }
    istio = {"virtualService": {"name": "shop", "routes": ["primary"]}}
    router = {"stableService": "old", "canaryService": "new", "trafficRouting": {"istio": istio}}
    stage.deploy(canary(steps=GATES, strategy=router), service("old"), service("new"), routes)
    assert pods_at_each_gate(stage) == [(10, 5, 1), (20, 5, 1), (50, 5, 3), (80, 5, 4), (100, 5, 5)]
