# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role prometheus: what a lab's Prometheus finds as pods come and go, and what the role says elsewhere."""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import Sample
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus.client import Prometheus

from tests.integration.kit import Object, Stage, service, template
from tests.integration.support import Lab, PlaybookRun, eventually, play, role_call, run_playbook

SCRAPED = {"prometheus.io/scrape": "true"}
SHOW = "{{ prometheus_address | default('') }} and {{ prometheus_query_address | default('') }}"
PLAYBOOK = [
    play(tasks=[role_call("prometheus"), {"name": "Show what it hands on", "ansible.builtin.debug": {"msg": SHOW}}])
]
# Prometheus may collect changes of targets for 7 seconds; the rest is for a busy machine.
settle = partial(eventually, timeout=40)


def ask(lab: Lab, query: str) -> tuple[Sample, ...]:
    return Prometheus(lab.record["addresses"]["prometheus"]).instant(query).samples


# -- what a lab scrapes


def deployment(name: str, ports: tuple[int, ...] = (), annotations: dict[str, str] | None = None) -> Object:
    """Two pods."""
    pod = template("shop:1.0.0", app=name)
    pod["metadata"] |= {"annotations": annotations or {}}
    pod["metadata"]["labels"] |= {"team.example.com/name": "red"}
    pod["spec"]["containers"][0]["ports"] = [{"containerPort": port} for port in ports]
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def up(stage: Stage, app: str, job: str = "kubernetes-pods") -> tuple[Sample, ...]:
    """The targets of a job that answer."""
    return ask(stage.lab, f'up{{namespace="{stage.namespace}", app="{app}", job="{job}"}} == 1')


@pytest.mark.smoke
def test_pods_come_and_go_by_their_annotation(stage: Stage) -> None:
    stage.apply(deployment("shop", (8080,), SCRAPED), deployment("quiet", (8080,)))
    settle(lambda: len(up(stage, "shop")) == 2, what="the pods are not scraped")

    pods = json.loads(stage.kubectl("get", "pods", "--selector=app=shop", "--output=json"))["items"]
    found = {sample.labels["pod"]: sample.labels for sample in up(stage, "shop")}
    assert {pod["metadata"]["name"]: f"{pod['status']['podIP']}:8080" for pod in pods} == {
        name: labels["instance"] for name, labels in found.items()
    }
    labels = next(iter(found.values()))
    assert (labels["namespace"], labels["team_example_com_name"]) == (stage.namespace, "red")
    assert ask(stage.lab, f'process_resident_memory_bytes{{namespace="{stage.namespace}", app="shop"}}')

    stage.kubectl("delete", "deployment", "shop")
    settle(lambda: not ask(stage.lab, f'up{{namespace="{stage.namespace}", app="shop"}}'), what="the targets stay")
    assert not ask(stage.lab, f'up{{namespace="{stage.namespace}", app="quiet"}}')


def test_ports_that_only_root_may_open_and_others(stage: Stage) -> None:
    """The simulator listens at 20000 more for a port below 1024; a relabelling has no sums."""
    wanted = {"p5": (5,), "p80": (80,), "p443": (443,), "p1000": (1000,), "p1023": (1023,), "p1024": (1024,)}
    stage.apply(*(deployment(app, ports, SCRAPED) for app, ports in wanted.items()))
    stage.apply(
        deployment("none", (), SCRAPED),
        deployment("both", (8080, 8081), SCRAPED),
        deployment("named", (8080,), {**SCRAPED, "prometheus.io/port": "9102", "prometheus.io/path": "/status/200"}),
    )

    expected = {**wanted, "none": (8080,), "both": (8080, 8081), "named": (9102,)}

    def ports(app: str) -> list[int]:
        return sorted({int(sample.labels["instance"].rpartition(":")[2]) for sample in up(stage, app)})

    del expected["named"]
    settle(lambda: all(ports(app) == list(each) for app, each in expected.items()), what="not all ports are scraped")
    # What answers at that path is no metrics, but Prometheus has looked there.
    named = f'up{{namespace="{stage.namespace}", app="named"}}'
    settle(
        lambda: {sample.labels["instance"].rpartition(":")[2] for sample in ask(stage.lab, named)} == {"9102"},
        what="Prometheus has not looked at the port that the annotation names",
    )


def test_pods_behind_a_service_with_the_annotation(stage: Stage) -> None:
    front = service("shop")
    front["metadata"] |= {"annotations": SCRAPED, "labels": {"app": "front"}}
    stage.apply(deployment("shop", (8080,)), front)

    settle(lambda: len(up(stage, "front", "kubernetes-service-endpoints")) == 2, what="the pods are not scraped")

    labels = up(stage, "front", "kubernetes-service-endpoints")[0].labels
    assert (labels["service"], labels["instance"].rpartition(":")[2]) == ("shop", "8080")
    assert labels["pod"].startswith("shop-")


def test_containers_have_figures_without_any_annotation(stage: Stage) -> None:
    stage.apply(deployment("shop", (8080,)))
    query = f'container_memory_working_set_bytes{{namespace="{stage.namespace}", container="app"}}'

    settle(lambda: len(ask(stage.lab, query)) == 2, what="there are no figures of the containers")

    labels = ask(stage.lab, query)[0].labels
    assert (labels["job"], labels["image"], labels["pod"][:5]) == ("cadvisor", "shop:1.0.0", "shop-")


def test_istios_metrics_have_istios_names(stage: Stage) -> None:
    stage.apply(deployment("shop", (8080,)), service("shop"))
    host = f"shop.{stage.namespace}"
    request = urllib.request.Request(stage.lab.record["addresses"]["mesh"], headers={"Host": host})

    def answered() -> bool:
        with suppress(OSError), urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
        return False

    settle(answered, what="the mesh has no way to the pods")
    counted = (
        f'istio_requests_total{{destination_service_name="shop", destination_service_namespace="{stage.namespace}"}}'
    )
    settle(lambda: bool(ask(stage.lab, counted)), what="the requests are not counted")


def test_prometheus_may_look_and_no_more(lab: Lab) -> None:
    identity = f"--kubeconfig={lab.folder / 'prometheus.kubeconfig'}"

    may = {verb: lab.kubectl(identity, "auth", "can-i", verb, "pods", "--all-namespaces") for verb in ("list", "watch")}

    assert {answer.strip() for answer in may.values()} == {"yes"}
    listed = lab.kubectl(identity, "auth", "can-i", "--list", "--namespace=default")
    assert "secrets" not in listed
    assert "delete" not in listed


# -- the role


@pytest.fixture(scope="module")
def playbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("play") / "role.yml"
    path.write_text(yaml.safe_dump(PLAYBOOK))
    return path


def run(playbook: Path, *options: str, entry: str = "main", **variables: Any) -> PlaybookRun:
    return run_playbook(playbook, {"entry": entry, **variables}, *options)


def message(run: PlaybookRun) -> str:
    assert (run.failed, run.changed) == (1, 0), run.output
    assert "Traceback" not in run.output
    return " ".join(run.output.rpartition("fatal:")[2].partition("PLAY RECAP")[0].split())


def jobs(lab: Lab) -> set[str]:
    """Not by their series, which Prometheus goes on showing for minutes when a whole job is taken away."""
    with urllib.request.urlopen(f"{lab.record['addresses']['prometheus']}/api/v1/scrape_pools", timeout=10) as answer:
        return set(json.load(answer)["data"]["scrapePools"])


@pytest.mark.smoke
def test_a_second_run_changes_nothing_and_hands_on_the_address(lab: Lab, playbook: Path) -> None:
    for options in ((), ("--check",)):
        done = run(playbook, *options, progressive_lab=lab.name).succeeded()
        assert done.changed == 0
        there = lab.record["addresses"]["prometheus"]
        assert f"{there} and {there}" in done.output


def test_it_can_be_taken_out_and_put_back(lab: Lab, playbook: Path) -> None:
    try:
        planned = run(playbook, "--check", entry="uninstall", progressive_lab=lab.name).succeeded()
        assert (planned.changed > 0, {"envoy", "cadvisor"} <= jobs(lab)) == (True, True), "a plan changes nothing"

        run(playbook, entry="uninstall", progressive_lab=lab.name).succeeded()
        assert not {"envoy", "cadvisor"} & jobs(lab)
        assert run(playbook, entry="uninstall", progressive_lab=lab.name).succeeded().changed == 0
    finally:
        run(playbook, progressive_lab=lab.name).succeeded()
    settle(lambda: {"envoy", "cadvisor"} <= jobs(lab), what="the jobs do not come back")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, ("prometheus_address is empty", "http://prometheus.istio-system:9090")),
        ({"prometheus_address": "http://127.0.0.1:1"}, ("Connection refused", "prometheus_query_address")),
        ({"progressive_lab": "nobody-has-made-it"}, ("There is no lab nobody-has-made-it", "progressive.delivery.lab")),
    ],
)
def test_what_cannot_work_is_refused(playbook: Path, variables: dict[str, Any], words: tuple[str, ...]) -> None:
    said = message(run(playbook, prometheus_wait_timeout=0, **variables))

    for word in words:
        assert word in said


def test_a_lab_has_no_operator(lab: Lab, playbook: Path) -> None:
    said = message(run(playbook, progressive_lab=lab.name, prometheus_discovery="service_monitor"))
    assert "prometheus.io/scrape" in said

    outside = {"prometheus_provider": "existing", "prometheus_address": lab.record["addresses"]["prometheus"]}
    cluster = {"prometheus_kubeconfig": str(lab.kubeconfig), "prometheus_discovery": "service_monitor"}
    assert "install the Prometheus operator" in message(run(playbook, **outside, **cluster))


def test_one_that_runs_already_is_asked_where_ansible_can(lab: Lab, playbook: Path) -> None:
    inside, outside = "http://prometheus.istio-system:9090", lab.record["addresses"]["prometheus"]

    done = run(playbook, prometheus_address=inside, prometheus_query_address=outside).succeeded()

    assert done.changed == 0
    assert f"{inside} and {outside}" in done.output


def test_nothing_to_uninstall_is_said(playbook: Path) -> None:
    said = message(run(playbook, entry="uninstall", prometheus_address="http://prometheus"))

    assert "progressive_lab" in said
