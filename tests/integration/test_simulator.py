# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of the lab answer, each at its own address, as their annotations want it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.timestamps import parse_time
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.kit import Object, Stage
from tests.integration.support import Lab, eventually, run_playbook

PREFIX = "simulator.progressive.delivery"
GATE = "example.com/checked"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def ask(url: str) -> Answer:
    """OSError when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return Answer(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read().decode())


def refuses(url: str) -> bool:
    try:
        ask(url)
    except OSError as error:
        return isinstance(getattr(error, "reason", error), ConnectionRefusedError)
    return False


def listed(stage: Stage) -> list[dict[str, Any]]:
    """The test's own pods, as the simulator shows them."""
    pods = ask(f"{stage.lab.record['addresses']['simulator']}/pods").body
    return [pod for pod in pods if pod["namespace"] == stage.namespace]


def await_pods(stage: Stage, *names: str) -> list[str]:
    """Where the pods whose names begin so answer: `http://127.x.y.z:8080`."""

    def ready() -> list[str]:
        pods = [pod for name in names for pod in listed(stage) if pod["pod"].startswith(name)]
        places = [f"http://{pod['address']}:{pod['ports'][0]}" for pod in pods if pod["state"] == "ready"]
        return places if len(places) >= len(names) else []

    found: list[str] = eventually(ready)
    return found


def pod(name: str, image: str = "mock-server:1.0.0", *, gated: bool = False, **behaviour: Any) -> Object:
    gates = {"readinessGates": [{"conditionType": GATE}]} if gated else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": {f"{PREFIX}/behaviour": json.dumps(behaviour)}},
        "spec": {"containers": [{"name": "app", "image": image}], **gates},
    }


def deployment(name: str, image: str, replicas: int, behaviours: Object) -> Object:
    template = {
        "metadata": {
            "labels": {"app": name, "role": "canary"},
            "annotations": {f"{PREFIX}/behaviours": json.dumps(behaviours)},
        },
        "spec": {"containers": [{"name": "app", "image": image, "ports": [{"containerPort": 80}]}]},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of the labels, in the order of the labels' names -> value."""
    return {
        tuple(value for _other, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


@pytest.mark.smoke
def test_each_pod_of_a_deployment_answers_at_an_address_of_its_own(stage: Stage) -> None:
    stage.apply(deployment("shop", "team/mock-server:1.0.0", 3, {}))
    places = eventually(lambda: len(found := await_pods(stage, "shop")) == 3 and found)
    answers = [ask(f"{place}/items?page=1") for place in places]
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-version"] for answer in answers} == {"1.0.0"}
    names = stage.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
    assert {answer.body["pod"] for answer in answers} == set(names)
    ips = stage.kubectl("get", "pods", "-o", "jsonpath={.items[*].status.podIP}").split()
    network = stage.lab.record["network"]
    assert set(places) == {f"http://{network}.{ip.removeprefix('10.244.')}:20080" for ip in ips}
    first = answers[0].body
    assert first["node"].startswith(stage.lab.name)
    expected = {"namespace": stage.namespace, "image": "team/mock-server:1.0.0", "deployment": "canary"}
    assert {**first, **expected, "version": "1.0.0", "path": "/items"} == first


def test_one_annotation_says_how_each_version_behaves(stage: Stage) -> None:
    behaviours = {"1.1.0": {"error_rate": 0.05, "error_status": 503}}
    stage.apply(*(deployment(f"v{n}", f"mock-server:1.{n}.0", 1, behaviours) for n in (0, 1)))
    failed = [
        sum(ask(f"{place}/").status == 503 for _turn in range(200)) for place in await_pods(stage, "v0", "v1")
    ]  # fmt: skip
    assert failed[0] == 0
    assert 8 <= failed[1] <= 12


def test_two_pods_of_a_version_fail_at_the_same_requests(stage: Stage) -> None:
    stage.apply(deployment("shop", "mock-server:1.0.0", 2, {"1.0.0": {"error_rate": 0.3}}))
    places = eventually(lambda: len(found := await_pods(stage, "shop")) == 2 and found)
    first, second = ([ask(f"{place}/").status for _turn in range(40)] for place in places)
    assert first == second
    assert set(first) == {200, 500}


def test_a_pod_behaves_otherwise_from_an_age_on(stage: Stage) -> None:
    stage.apply(pod("aging", after=[{"seconds": 15, "error_rate": 1}]))
    [place] = await_pods(stage, "aging")
    assert ask(place).status == 200
    eventually(lambda: ask(place).status == 500)
    started = parse_time(stage.kubectl("get", "pod", "aging", "-o", "jsonpath={.status.startTime}"))
    assert started
    assert time.time() - started.timestamp() >= 15


def test_latency_follows_the_quantiles(stage: Stage) -> None:
    stage.apply(pod("slow", latency_ms={"p50": 20, "p95": 80}))
    [place] = await_pods(stage, "slow")
    for _turn in range(60):
        ask(place)
    buckets = samples(ask(f"{place}/metrics").text, "http_request_duration_seconds_bucket")
    faster = {bound: count / 60 for (handler, bound), count in buckets.items() if handler == "root"}
    assert faster["0.01"] < 0.35
    assert faster["0.005"] < 0.2
    assert faster["1.0"] > 0.75  # on a busy machine everything is slower


def set_gate(stage: Stage, name: str, met: str) -> None:
    status = {"status": {"conditions": [{"type": GATE, "status": met}]}}
    stage.kubectl("patch", "pod", name, "--subresource=status", "--type=strategic", "-p", json.dumps(status))


def leave_unready(stage: Stage) -> None:
    set_gate(stage, "leaving", "False")


def leave_for_good(stage: Stage) -> None:
    stage.kubectl("delete", "pod", "leaving")


@pytest.mark.parametrize("leave", [leave_unready, leave_for_good])
def test_a_pod_that_leaves_answers_for_a_while_and_then_refuses(stage: Stage, leave: Callable[[Stage], None]) -> None:
    stage.apply(pod("leaving", gated=True))
    set_gate(stage, "leaving", "True")
    [place] = await_pods(stage, "leaving")
    assert ask(place).status == 200
    with ThreadPoolExecutor() as beside:  # kubectl may need longer than the pod answers
        left = beside.submit(leave, stage)
        eventually(lambda: [found["state"] for found in listed(stage)] == ["leaving"])
        assert ask(place).status == 200
        left.result()
    eventually(lambda: refuses(place))


def test_a_pod_that_is_not_ready_refuses(stage: Stage) -> None:
    stage.apply(pod("unready", gated=True))
    [found] = eventually(lambda: listed(stage))
    assert found["state"] == "unready"
    assert refuses(f"http://{found['address']}:8080/")
    set_gate(stage, "unready", "True")
    assert ask(*await_pods(stage, "unready")).status == 200


def test_a_pod_counts_its_requests(stage: Stage) -> None:
    stage.apply(pod("counting", paths={"/error": {"error_rate": 1}}))
    [place] = await_pods(stage, "counting")
    for path, times in {"/items/1": 3, "/items/2": 2, "/error": 4, "/status/404": 1}.items():
        for _turn in range(times):
            ask(f"{place}{path}")
    ask(f"{place}/metrics")
    text = ask(f"{place}/stats/prometheus").text
    assert samples(text, "http_requests_total") == {
        ("200", "items", "GET"): 5,
        ("500", "error", "GET"): 4,
        ("404", "status", "GET"): 1,
        ("200", "metrics", "GET"): 1,
    }
    assert samples(text, "http_request_duration_seconds_count")["items",] == 5
    [shown] = listed(stage)
    assert shown["requests"] == 12


def test_memory_and_processor_time_are_as_a_kubelet_shows_them(stage: Stage) -> None:
    stage.apply(pod("leaking", memory_mb=100, memory_growth_mb_per_minute=6000, cpu=2))
    [place] = await_pods(stage, "leaking")
    page = f"{stage.lab.record['addresses']['simulator']}/metrics/cadvisor"
    labels = ("app", "mock-server:1.0.0", stage.namespace, "leaking")

    def use() -> tuple[float, float]:
        """Bytes, and seconds of processor time."""
        text = ask(page).text
        names = ("container_memory_working_set_bytes", "container_cpu_usage_seconds_total")
        memory, cpu = (samples(text, name)[labels] for name in names)
        return memory, cpu

    first, spent = use()
    assert first >= 100e6
    later, spent_later = eventually(lambda: (now := use())[0] > first + 200e6 and now)
    seconds = (later - first) / 100e6
    assert spent_later - spent == pytest.approx(2 * seconds, rel=0.05)
    assert samples(ask(f"{place}/metrics").text, "process_resident_memory_bytes")[()] >= later


def test_what_cannot_be_followed_is_shown(stage: Stage) -> None:
    stage.apply(pod("mistaken", error_rate=7))
    [place] = await_pods(stage, "mistaken")
    assert ask(place).status == 200
    [shown] = listed(stage)
    assert "error_rate is 7: give a number from 0 to 1" in shown["problem"]
    stage.kubectl("annotate", "pod", "mistaken", "--overwrite", f'{PREFIX}/behaviour={{"error_rate": 1}}')
    eventually(lambda: ask(place).status == 500)
    assert listed(stage)[0]["problem"] == ""


def simulator(lab: Lab) -> int:
    """Its process id now."""
    return Lab(lab.name).record["processes"]["pod-simulator"]["pid"]


def test_it_ends_when_it_is_told_to_and_another_run_heals_the_lab(stage: Stage) -> None:
    stage.apply(pod("steady"))
    [place] = await_pods(stage, "steady")
    old = simulator(stage.lab)
    host = place.removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    connection.request("GET", "/")
    connection.getresponse().read()  # leaves the connection open
    os.kill(old, signal.SIGTERM)
    eventually(lambda: refuses(place))
    eventually(lambda: ended(old))
    connection.close()
    healed = run_playbook("lab", {"progressive_lab": stage.lab.name}).succeeded()
    assert healed.changed == 1
    assert simulator(stage.lab) != old
    assert ask(place).body["pod"] == "steady"
    assert run_playbook("lab", {"progressive_lab": stage.lab.name}).succeeded().changed == 0


def ended(pid: int) -> bool:
    """Also when nobody has collected it yet."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
