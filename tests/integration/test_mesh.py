# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's mesh: what the rules say is what clients get, soon, and without a lost request."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.integration.client import Answer, Client
from tests.integration.kit import Object, Stage, canary, service
from tests.integration.shop import (
    deployment,
    destination_rule,
    eventually,
    obey,
    open_shop,
    split,
    virtual_service,
    weigh,
)
from tests.integration.support import Lab, run_playbook

PAUSES: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]


@pytest.fixture
def client(stage: Stage) -> Client:
    """Calls the Service `stable`."""
    return Client(stage.lab, f"stable.{stage.namespace}")


@pytest.fixture
def shop(stage: Stage) -> Stage:
    open_shop(stage)
    return stage


def status(lab: Lab) -> Object:
    with urllib.request.urlopen(f"{lab.record['addresses']['translator']}/status", timeout=5) as answer:
        return json.load(answer)


def versions(answers: list[Answer]) -> Counter[str]:
    assert {answer.status for answer in answers} == {200}, Counter((answer.status, answer.body) for answer in answers)
    return Counter(answer.version for answer in answers)


def metrics(lab: Lab) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Envoy's figures by name: labels and value of each."""
    with urllib.request.urlopen(f"{lab.record['addresses']['envoy-admin']}/stats/prometheus", timeout=5) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line and not line.startswith("#")]
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for line in lines:
        name, _sep, rest = line.partition("{")
        labels, _sep, value = rest.rpartition("} ")
        pairs = (pair.split("=", 1) for pair in labels.split(",") if pair)
        found.setdefault(name, []).append(({key: text.strip('"') for key, text in pairs}, float(value)))
    return found


def select(stage: Stage, name: str, app: str) -> None:
    patch = {"spec": {"selector": {"app": app}}}
    stage.kubectl("patch", "service", name, "--type=merge", "--patch", json.dumps(patch))


# ---- Weights


@pytest.mark.smoke
def test_a_share_of_20_per_cent_is_one(shop: Stage, client: Client) -> None:
    obey(shop, client, split(80))
    share = versions(client.many(10_000))["2"] / 10_000
    assert abs(share - 0.2) < 0.02, "five standard deviations"


def test_an_update_loses_no_request(shop: Stage, client: Client) -> None:
    obey(shop, client, split(100))
    with client.steadily(150) as load:
        for stable in (80, 60, 40, 20, 0, 100, 50, 75, 25, 100):
            weigh(shop, stable)
            seen = len(load.answers)
            eventually(lambda seen=seen: len(load.answers) > seen + 150)
            if only := {0: "2", 100: "1"}.get(stable):
                eventually(lambda only=only, seen=seen: _settled(load.answers[seen:], only))
        for app in ("two", "one", "two", "one"):
            seen = len(load.answers)
            select(shop, "stable", app)
            only = {"one": "1", "two": "2"}[app]
            eventually(lambda only=only, seen=seen: _settled(load.answers[seen:], only))
        for app in ("one", "two"):
            shop.kubectl("rollout", "restart", f"deployment/{app}")
            shop.kubectl("rollout", "status", f"deployment/{app}", "--timeout=50s")
    assert load.failures == []
    assert len(load.answers) > 1000


def _settled(answers: list[Answer], version: str) -> bool:
    """Whether the last of these all come from one version."""
    return len(answers) > 30 and {answer.version for answer in answers[-30:]} == {version}


# ---- As the Rollouts controller writes the rules


def release(stage: Stage, image: str) -> None:
    assert stage.ok("rollout_set_image", images={"app": image}, wait_until="paused")["reason"] == "paused"


def routed(traffic: Object, **strategy: Any) -> Object:
    return canary(steps=PAUSES, replicas=2, strategy={"trafficRouting": traffic, **strategy})


def test_a_canary_by_hosts(stage: Stage, client: Client) -> None:
    traffic = {"istio": {"virtualService": {"name": "shop", "routes": ["primary"]}}}
    rollout = routed(traffic, stableService="stable", canaryService="canary")
    stage.deploy(rollout, service("stable"), service("canary"), virtual_service(split(100)))
    eventually(lambda: client.get().status == 200)
    with client.steadily(100) as load:
        release(stage, "shop:2.0.0")
        eventually(lambda: _share(load.answers, "2.0.0") > 0.1)
        stage.ok("rollout_promote", mode="full", wait_until="healthy")
        seen = len(load.answers)
        eventually(lambda: _settled(load.answers[seen:], "2.0.0"))
    assert load.failures == []


def test_a_canary_by_subsets(stage: Stage, client: Client) -> None:
    """The controller writes the hash of each version into the subset's labels."""
    route = [{"destination": {"host": "stable", "subset": name}, "weight": weight} for name, weight in SUBSETS.items()]
    traffic = {
        "istio": {
            "virtualService": {"name": "shop", "routes": ["primary"]},
            "destinationRule": {"name": "shop", "stableSubsetName": "old", "canarySubsetName": "new"},
        }
    }
    pods = {"app": "shop"}
    stage.deploy(
        routed(traffic, canaryMetadata={"labels": {"version": "new"}}, stableMetadata={"labels": {"version": "old"}}),
        service("stable"),
        destination_rule(host="stable", subsets=[{"name": name, "labels": pods} for name in SUBSETS]),
        virtual_service({"name": "primary", "route": route}),
    )
    eventually(lambda: client.get().status == 200)
    with client.steadily(100) as load:
        release(stage, "shop:2.0.0")
        eventually(lambda: _share(load.answers, "2.0.0") > 0)
        seen = len(load.answers)
        eventually(lambda: len(load.answers) > seen + 500)
        share = [answer.version for answer in load.answers[seen:]]
        counted = counts(stage, "destination_version")
        stage.ok("rollout_promote", mode="full", wait_until="healthy")
        seen = len(load.answers)
        eventually(lambda: _settled(load.answers[seen:], "2.0.0"))
    assert load.failures == []
    spread = (0.2 * 0.8 / len(share)) ** 0.5
    assert abs(share.count("2.0.0") / len(share) - 0.2) < 5 * spread
    assert counted["new"] > 50
    assert counted["old"] > counted["new"]


SUBSETS = {"old": 100, "new": 0}


def _share(answers: list[Answer], version: str) -> float:
    recent = answers[-200:]
    return sum(answer.version == version for answer in recent) / max(len(recent), 1)


def counts(stage: Stage, label: str) -> Counter[str]:
    """Requests to the namespace's Services by a label of Istio's metric."""
    found: Counter[str] = Counter()
    for labels, value in metrics(stage.lab).get("envoy_istio_requests_total", []):
        if labels["destination_service_namespace"] == stage.namespace:
            found[labels[label]] += int(value)
    return found


def test_a_canary_by_an_ingress_of_nginx(stage: Stage) -> None:
    backend = {"service": {"name": "stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": f"{stage.namespace}.test", "http": {"paths": paths}}]
    main = {
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "shop"},
        "spec": {"ingressClassName": "nginx", "rules": rules},
    }  # fmt: skip
    header = {"canary-by-header": "x-canary"}
    traffic = {"nginx": {"stableIngress": "shop", "additionalIngressAnnotations": header}}
    rollout = routed(traffic, stableService="stable", canaryService="canary")
    stage.deploy(rollout, service("stable"), service("canary"), main)
    client = Client(stage.lab, f"{stage.namespace}.test", "ingress")
    eventually(lambda: client.get().status == 200)
    release(stage, "shop:2.0.0")
    eventually(lambda: client.get(headers={"x-canary": "always"}).version == "2.0.0")
    assert 140 < versions(client.many(1000))["2.0.0"] < 260
    assert versions(client.many(50, headers={"x-canary": "never"})) == {"1.0.0": 50}
    assert versions(client.many(50, headers={"x-canary": "always"})) == {"2.0.0": 50}


# ---- Other rules


def test_a_client_with_a_cookie_stays_with_one_version(shop: Stage, client: Client) -> None:
    for host in ("stable", "canary"):
        cookie = {"httpCookie": {"name": "user", "ttl": "60s"}}
        found = destination_rule(host=host, trafficPolicy={"loadBalancer": {"consistentHash": cookie}})
        found["metadata"]["name"] = host
        shop.apply(found)
    obey(shop, client, split(50))
    firsts = client.many(200)
    assert 60 < versions(firsts)["1"] < 140
    for first in firsts:
        assert first.cookies["user"]
        again = client.many(5, headers={"Cookie": f"user={first.cookies['user']}"})
        assert versions(again) == {first.version: 5}


def test_headers_and_paths_choose_a_version(shop: Stage, client: Client) -> None:
    to_canary = [{"destination": {"host": "canary"}}]
    beta = {"name": "beta", "match": [{"headers": {"x-beta": {"regex": "[yt].*"}}}], "route": to_canary}
    new = {"match": [{"uri": {"prefix": "/new"}, "method": {"exact": "GET"}}], "route": to_canary}
    obey(shop, client, beta, {**new, "rewrite": {"uri": "/status/201"}}, split(100))
    assert client.get(headers={"x-beta": "true"}).version == "2"
    assert client.get("/new").status == 201
    assert client.get(headers={"x-beta": "no"}).version == client.get("/neu").version == "1"


def test_faults_and_timeouts(shop: Stage, client: Client) -> None:
    slow = {"delay": {"fixedDelay": "300ms", "percentage": {"value": 100}}}
    torn = {"abort": {"httpStatus": 418, "percentage": {"value": 30}}}
    behaviour = {"simulator.progressive.delivery/behaviour": json.dumps({"latency_ms": 400})}
    shop.apply(deployment("two", "2", **behaviour))
    shop.kubectl("rollout", "status", "deployment/two", "--timeout=50s")
    injected = {"/slow": slow, "/torn": torn}.items()
    faults = [split(100, fault=fault, match=[{"uri": {"exact": path}}]) for path, fault in injected]
    hasty = split(0, timeout="150ms", match=[{"uri": {"exact": "/hasty"}}])
    obey(shop, client, *faults, hasty, split(100))
    assert client.get("/slow").status == 200
    assert counts(shop, "response_flags")["DI"] == 1, "the delay was injected"
    assert 200 < Counter(answer.status for answer in client.many(1000, "/torn"))[418] < 400
    assert client.get("/hasty").status == 504


def test_a_mirror_gets_a_copy_that_nobody_waits_for(shop: Stage, client: Client) -> None:
    obey(shop, client, split(100, mirror={"host": "canary"}, mirrorPercentage={"value": 50}))
    before = _requests_of(shop, "canary")
    assert versions(client.many(1000)) == {"1": 1000}
    eventually(lambda: 400 < _requests_of(shop, "canary") - before < 600)


def _requests_of(stage: Stage, name: str) -> int:
    figures = metrics(stage.lab).get("envoy_cluster_upstream_rq", [])
    cluster = f"outbound|80||{name}|{stage.namespace}"
    return int(sum(value for labels, value in figures if labels["envoy_cluster_name"] == cluster))


def test_without_a_ready_pod_there_is_503(shop: Stage, client: Client) -> None:
    shop.kubectl("scale", "deployment", "one", "--replicas=0")
    answer = eventually(lambda: (found := client.get()).status == 503 and found)
    assert answer.body == "no healthy upstream"
    assert counts(shop, "response_flags")["UH"] >= 1
    shop.kubectl("scale", "deployment", "one", "--replicas=1")
    eventually(lambda: client.get().status == 200)


def test_a_service_that_nobody_knows_is_404(lab: Lab) -> None:
    assert Client(lab, "nobody.nowhere").get().status == 404


# ---- What it tells about itself


@pytest.mark.smoke
def test_the_labels_of_the_metrics(shop: Stage, client: Client) -> None:
    client.many(20)
    found = [
        labels
        for labels, _other in metrics(shop.lab)["envoy_istio_requests_total"]
        if labels["destination_service_namespace"] == shop.namespace and labels["response_code"] == "200"
    ]
    common = {
        "reporter": "source",
        "source_workload": "unknown",
        "source_workload_namespace": "unknown",
        "source_app": "unknown",
        "destination_workload_namespace": shop.namespace,
        "destination_service_namespace": shop.namespace,
        "request_protocol": "http",
        "response_code": "200",
        "response_flags": "-",
        "connection_security_policy": "unknown",
    }
    [stable] = [labels for labels in found if labels["destination_service_name"] == "stable"]
    assert stable == common | {
        "destination_workload": "one",
        "destination_service": f"stable.{shop.namespace}.svc.cluster.local",
        "destination_service_name": "stable",
        "destination_app": "one",
        "destination_version": "1",
        "destination_canonical_service": "one",
        "destination_canonical_revision": "1",
    }
    durations = metrics(shop.lab)["envoy_istio_request_duration_milliseconds_bucket"]
    called = stable["destination_service"]
    edges = {labels["le"] for labels, _value in durations if labels["destination_service"] == called}
    assert {"1", "500", "10000", "+Inf"} <= edges


def test_what_is_wrong_with_a_rule_is_said(shop: Stage, client: Client) -> None:
    wrong = split(100)
    wrong["route"][1]["destination"]["host"] = "nobody"
    obey(shop, client, {"match": [{"uri": {"exact": "/x"}}], **wrong}, split(90))
    said = [item["problem"] for item in status(shop.lab)["problems"] if f" {shop.namespace}/" in item["object"]]
    assert said == [
        f"http[primary].route.[1]: there is no Service for the host nobody.{shop.namespace}.svc.cluster.local: "
        "its share of the requests gets 503"
    ]


# ---- Breaking it


@pytest.fixture
def healed(lab: Lab) -> Iterator[Callable[[], None]]:
    """Brings the lab up again; it is up afterwards in any case."""
    done = []

    def heal() -> None:
        run_playbook("lab", {"progressive_lab": lab.name}).succeeded()
        done.append(True)

    yield heal
    if not done:
        heal()


def kill(lab: Lab, process: str) -> None:
    record = json.loads((lab.folder / "lab.json").read_text())
    os.kill(record["processes"][process]["pid"], signal.SIGKILL)


def test_without_the_translator_everything_stays_as_it_is(
    shop: Stage, client: Client, healed: Callable[[], None]
) -> None:
    obey(shop, client, split(100))
    kill(shop.lab, "mesh-translator")
    weigh(shop, 0)
    with client.steadily(100) as load:
        eventually(lambda: len(load.answers) > 200)
        assert versions(load.answers) == {"1": len(load.answers)}
        healed()
        eventually(lambda: _settled(load.answers, "2"))
    assert load.failures == []


def test_a_new_envoy_knows_all_that_the_old_one_knew(shop: Stage, client: Client, healed: Callable[[], None]) -> None:
    obey(shop, client, split(0))
    kill(shop.lab, "envoy")
    weigh(shop, 100)
    eventually(lambda: client.get().status == 0)
    healed()
    assert versions(client.many(50)) == {"1": 50}
    assert run_playbook("lab", {"progressive_lab": shop.lab.name}).succeeded().changed == 0
