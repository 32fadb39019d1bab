# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role traffic: what it sends arrives, and what it reports is what the pods have counted."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as Record

from tests.integration.kit import Object, Stage, service
from tests.integration.support import PlaybookRun, eventually, lab_up, play, role_call, run_playbook

HAND_ON = {
    "name": "Hand the report on",
    "ansible.builtin.copy": {"content": "{{ traffic_report | to_json }}", "dest": "{{ report }}"},
    "when": "traffic_report is defined",
    "changed_when": False,
}
PLAYBOOK = [play(tasks=[role_call("traffic"), HAND_ON])]
# HTTP errors are OSErrors, too.
settle = partial(eventually, timeout=60, ignoring=(OSError,))


class Traffic:
    """The role, with one load of a test's own."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self.playbook = folder / "traffic.yml"
        self.playbook.write_text(yaml.safe_dump(PLAYBOOK))
        self.written = folder / "report.json"
        self.stage = stage
        self.name = stage.namespace

    def run(self, *options: str, entry: str = "main", **variables: Any) -> PlaybookRun:
        self.written.unlink(missing_ok=True)
        given = {"name": self.name, **variables}
        traffic = {f"traffic_{key}": value for key, value in given.items()}
        lab = {"progressive_lab": self.stage.lab.name, "entry": entry, "report": str(self.written)}
        return run_playbook(self.playbook, {**lab, **traffic}, *options)

    def starts(self, *options: str, **variables: Any) -> PlaybookRun:
        return self.run(*options, **variables).succeeded()

    def report(self, **variables: Any) -> dict[str, Any]:
        """The report as of now, or with `state` at the end or after a stop."""
        self.run(entry="main" if "state" in variables else "report", **variables).succeeded()
        return json.loads(self.written.read_text())

    @property
    def url(self) -> str:
        return f"http://shop.{self.stage.namespace}"

    @property
    def samples(self) -> Path:
        return self.stage.lab.folder / "logs" / f"traffic-{self.name}.samples"


@pytest.fixture
def traffic(stage: Stage, tmp_path: Path) -> Iterator[Traffic]:
    yield Traffic(tmp_path, stage)
    record = Record.load(stage.lab.name)
    for name in record.processes:
        if name.startswith(f"traffic-{stage.namespace}"):
            record.stop(name)


# ---- Two versions behind one Service


def deployment(version: str, replicas: int, **behaviour: Any) -> Object:
    labels = {"app": "shop", "version": version}
    annotations = {"simulator.progressive.delivery/behaviour": json.dumps(behaviour)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"shop-{version.partition('.')[0]}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"containers": [{"name": "app", "image": f"shop:{version}"}]},
            },
        },
    }


def served(stage: Stage) -> Counter[str]:
    """The requests that the pods of each version have answered, as these have counted them."""
    counts: Counter[str] = Counter()
    for pod in json.loads(fetch(f"{stage.lab.record['addresses']['simulator']}/pods")):
        if pod["namespace"] == stage.namespace and pod["state"] == "ready":
            counts[pod["version"]] += pod["requests"]
    return counts


def fetch(url: str, host: str = "") -> bytes:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read()


@pytest.fixture
def shop(stage: Stage) -> Stage:
    """Two pods of a version that is well and one of a version that fails and is slow; all three are in the mesh."""
    slow = {"error_rate": 0.2, "latency_ms": {"p50": 20, "p95": 40}}
    stage.apply(deployment("1.0.0", 2), deployment("2.0.0", 1, **slow), service("shop"))
    mesh = stage.lab.record["addresses"]["mesh"]
    settle(lambda: len(served(stage)) == 2)

    def versions() -> set[str]:
        host = f"shop.{stage.namespace}"
        return {json.loads(fetch(f"{mesh}/status/200", host))["pod"] for _turn in range(12)}

    settle(lambda: len(versions()) == 3)
    return stage


@pytest.mark.smoke
def test_the_report_is_what_the_pods_have_counted(shop: Stage, traffic: Traffic) -> None:
    before = served(shop)
    load = {"url": traffic.url, "rate": 100, "duration": "10s", "clients": 20}
    assert traffic.starts("--check", **load).changed == 1
    assert not traffic.samples.exists()
    assert traffic.starts(**load).changed == 1
    whole = traffic.report(state="finished")
    counted = served(shop) - before
    versions = whole["versions"]
    assert {name: version["requests"] for name, version in versions.items()} == counted
    assert counted.total() == whole["requests"]
    # What falls due while the generator is held up at the very end is neither sent nor called dropped.
    assert 950 <= whole["requests"] + whole["dropped"] <= 1001
    assert (whole["state"], whole["unfinished"], whole["lost"]["requests"]) == ("finished", 0, 0)
    assert whole["rate"] == pytest.approx(whole["requests"] / 10, rel=0.01)

    # Of two out of three pods; Envoy prefers those with fewer requests under way, and the third is slow.
    assert 0.6 < versions["1.0.0"]["share"] < 0.9
    assert versions["1.0.0"]["success_rate"] == 1
    assert versions["2.0.0"]["success_rate"] == pytest.approx(0.8, abs=0.1)
    assert set(versions["2.0.0"]["status"]) == {"200", "500"}
    assert versions["2.0.0"]["latency_ms"]["p50"] > 19, "this version takes its time, a busy machine more"
    assert whole["clients"] == {"seen": 20, "several_versions": 20}

    middle = json.loads(traffic.samples.read_text().partition("\n")[0])["started"] / 1000 + 5
    first, second = traffic.report(until=middle), traffic.report(since=middle)
    assert first["requests"] + second["requests"] == whole["requests"]
    assert first["requests"] == pytest.approx(whole["requests"] / 2, rel=0.1)
    assert (first["seconds"], second["seconds"]) == (5, 5)


def test_other_parameters_make_another_load_and_a_stop_ends_it(shop: Stage, traffic: Traffic) -> None:
    before = served(shop)
    traffic.starts(url=f"http://nobody.{shop.namespace}", rate=5, duration="1h")
    load = {"url": traffic.url, "rate": 50, "duration": "1h"}
    assert traffic.starts(**load).changed == 1
    assert traffic.starts(**load).changed == 0
    settle(lambda: traffic.samples.read_text().count("\n[") > 50)
    assert traffic.run("--check", state="stopped").succeeded().changed == 1

    early = traffic.report()
    assert early["state"] == "running"
    assert early["requests"] > 50
    assert set(early["versions"]) == {"1.0.0", "2.0.0"}

    stopped = traffic.report(state="stopped")
    assert (stopped["state"], stopped["duration"]) == ("stopped", 3600)
    assert stopped["requests"] > early["requests"]
    # A stop may cut off an answer that is on its way to each of its clients, 100 where nothing else is said.
    cut = (served(shop) - before).total() - stopped["requests"]
    assert 0 <= cut <= 100
    assert traffic.run(state="stopped").succeeded().changed == 0
    assert traffic.report() == stopped


def test_a_load_that_has_ended_is_not_made_again_by_the_lab(shop: Stage, traffic: Traffic) -> None:
    load = {"url": traffic.url, "rate": 10, "duration": 1}
    traffic.starts(**load)
    traffic.run(state="finished").succeeded()
    before = served(shop)
    lab_up(shop.lab.name)
    assert served(shop) == before
    assert traffic.starts(**load).changed == 1
    assert traffic.report(state="finished")["requests"] == (served(shop) - before).total()


def test_a_client_keeps_the_cookie_that_binds_it_to_a_version(shop: Stage, traffic: Traffic) -> None:
    cookie = {"consistentHash": {"httpCookie": {"name": "shopper", "ttl": "0s"}}}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "shop"},
        "spec": {"host": "shop", "trafficPolicy": {"loadBalancer": cookie}},
    }
    shop.apply(rule)

    def bound() -> bool:
        request = urllib.request.Request(f"{shop.lab.record['addresses']['mesh']}/status/200")
        request.add_header("Host", f"shop.{shop.namespace}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return "shopper" in str(answer.headers["set-cookie"])

    settle(bound)
    # More clients than instances of the script, so that several of them share one.
    traffic.starts(url=traffic.url, paths=["/status/200"], rate=200, duration="6s", clients=300)
    report = traffic.report(state="finished")
    assert set(report["versions"]) == {"1.0.0", "2.0.0"}
    assert report["clients"] == {"seen": 300, "several_versions": 0}


# ---- Loads that get nowhere


@pytest.mark.parametrize(
    ("host", "reason"),
    [("nobody", "404"), ("shop", "503")],
    ids=["the mesh knows no such host", "the service has no pods"],
)
def test_what_no_version_answers_is_lost(stage: Stage, traffic: Traffic, host: str, reason: str) -> None:
    stage.apply(service("shop"))
    mesh = stage.lab.record["addresses"]["mesh"]
    settle(lambda: status(mesh, f"{host}.{stage.namespace}") == int(reason))
    traffic.starts(url=f"http://{host}.{stage.namespace}/", rate=10, duration=2)
    report = traffic.report(state="finished")
    assert list(report["versions"]) == ["none"]
    assert report["lost"] == {"requests": report["requests"], "reasons": {reason: report["requests"]}}
    assert 15 <= report["requests"] <= 21
    assert any(line.startswith("lost, without an answer of any version") for line in report["text"])


def status(url: str, host: str) -> int:
    try:
        fetch(url, host)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def test_a_load_beyond_its_bounds_is_refused(traffic: Traffic) -> None:
    refused = traffic.run(url=traffic.url, rate=1001)
    assert refused.failed == 1
    assert "traffic_rate: 1001 is not usable; give a whole number from 1 to 1000" in " ".join(refused.output.split())
    assert not traffic.samples.exists()


def test_there_is_no_report_on_a_load_that_never_was(traffic: Traffic) -> None:
    missing = traffic.run(entry="report")
    assert missing.failed == 1
    assert f"traffic_name is {traffic.name}, and there is no load of that name" in " ".join(missing.output.split())
    assert traffic.run(state="stopped").succeeded().changed == 0


# ---- What is sent


class Witness:
    """A server without a version that notes down what it gets."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
                witness.requests.append({"path": self.path, "body": body, "headers": dict(self.headers)})
                self.send_response(302 if self.path.endswith("/moved") else 200)
                self.send_header("Location", "/elsewhere")
                self.send_header("Set-Cookie", "given=yes")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    made = Witness()
    yield made
    made.close()


def test_the_requests_are_as_asked_for(traffic: Traffic, witness: Witness) -> None:
    traffic.starts(
        url="http://shop.example:8080/base",
        address=witness.address,
        method="POST",
        headers={"x-user": "lee", "Host": "front.example"},
        cookies={"beta": "1"},
        body='{"buy": 1}',
        paths=["/moved", {"path": "/cart?x=1", "weight": 3}],
        rate=100,
        duration=3,
        clients=1,
    )
    report = traffic.report(state="finished")
    requests = witness.requests
    assert len(requests) == report["requests"]
    assert {request["body"] for request in requests} == {'{"buy": 1}'}
    assert {request["headers"]["X-User"] for request in requests} == {"lee"}
    assert {request["headers"]["Host"] for request in requests} == {"front.example"}
    cookies = [set(request["headers"]["Cookie"].split("; ")) for request in requests]
    assert cookies[0] == {"beta=1"}
    assert all(sent == {"beta=1", "given=yes"} for sent in cookies[1:])
    paths = Counter(request["path"] for request in requests)
    assert {path: counts["requests"] for path, counts in report["paths"].items()} == paths
    spread = (0.25 * 0.75 / len(requests)) ** 0.5
    # And no redirect is followed.
    assert paths["/base/moved"] / len(requests) == pytest.approx(0.25, abs=5 * spread)
    assert set(report["versions"]) == {"unknown"}


def test_loads_run_side_by_side(traffic: Traffic, witness: Witness) -> None:
    load = {"address": witness.address, "method": "POST", "rate": 5, "duration": "1h"}
    one, two = f"{traffic.name}-one", f"{traffic.name}-two"
    traffic.starts(**load, url="http://one.example/one", name=one)
    traffic.starts(**load, url="http://two.example/two", name=two)
    paths = [traffic.report(name=name)["paths"] for name in (one, two)]
    assert [list(each) for each in paths] == [["/one"], ["/two"]]
    assert traffic.report(name=one, state="stopped")["state"] == "stopped"
    assert traffic.report(name=two)["state"] == "running"


# ---- On a real cluster, as far as the lab's can show it: its pods run no program, so there is no log to report on


def test_a_job_is_accepted_where_pods_are_restricted(stage: Stage, traffic: Traffic) -> None:
    stage.kubectl("label", "namespace", stage.namespace, "pod-security.kubernetes.io/enforce=restricted")
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        stage.kubectl("run", "any", "--image=any:1")
    cluster = {
        "provider": "existing",
        "kubeconfig": str(stage.lab.kubeconfig),
        "namespace": stage.namespace,
        # The lab's pods behave as their tag says: this one goes on until it is removed.
        "image": "grafana/k6:1.8.1-never-ready",
    }
    load = {**cluster, "url": "http://shop/", "rate": 10, "duration": "1m"}
    assert traffic.starts("--check", **load).changed == 1
    assert pods(stage) == []
    assert traffic.starts(**load).changed == 1
    settle(lambda: pods(stage) == ["grafana/k6:1.8.1-never-ready"])
    assert traffic.starts(**load).changed == 0
    assert traffic.starts("--check", **load, headers={"x": "1"}).changed == 1
    assert traffic.starts(**load, headers={"x": "1"}).changed == 2
    settle(lambda: len(pods(stage)) == 1)

    [container] = job(stage)["spec"]["template"]["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert json.loads(environment["TRAFFIC"])["headers"] == {"x": "1"}
    assert k6_reads(stage, environment) == {"preAllocatedVUs": 100, "rate": 10}

    stopped = traffic.run(**cluster, state="stopped").succeeded()
    assert stopped.changed == 1
    assert "There is no report" in stopped.output
    made = f"job/traffic-{traffic.name}", f"configmap/traffic-{traffic.name}"
    assert stage.kubectl("get", *made, "--ignore-not-found", "-o", "name") == ""
    assert traffic.run(**cluster, state="stopped").succeeded().changed == 0


def pods(stage: Stage) -> list[str]:
    items = json.loads(stage.kubectl("get", "pods", "-o", "json"))["items"]
    return [item["spec"]["containers"][0]["image"] for item in items if "deletionTimestamp" not in item["metadata"]]


def job(stage: Stage) -> Object:
    return json.loads(stage.kubectl("get", "job", f"traffic-{stage.namespace}", "-o", "json"))


def k6_reads(stage: Stage, environment: Mapping[str, str]) -> dict[str, Any]:
    """What k6 makes of the script and the variables that the Job would give it."""
    script = stage.kubectl("get", "configmap", f"traffic-{stage.namespace}", "-o", "jsonpath={.data.load\\.js}")
    told = subprocess.run(
        [stage.lab.record["bin"]["k6"], "inspect", "--include-system-env-vars", "-"],
        input=script,
        env={**environment, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    scenario = json.loads(told.stdout)["scenarios"]["load"]
    return {key: scenario[key] for key in ("preAllocatedVUs", "rate")}
