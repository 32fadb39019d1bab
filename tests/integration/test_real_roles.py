# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles put into a cluster with nodes, on the real apiserver, scheduler and controllers of the lab.

No image is pulled there and no program runs in a pod. Istio is in test_role_istio.py, whose lab has no CRDs of it.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab.processes import free_ports

from tests.integration import charts
from tests.integration.kit import Stage
from tests.integration.support import Lab, PlaybookRun, eventually, life_of, play, role_call, run_playbook

Wish = dict[str, Any]

TIMEOUT = 600  # seconds; a chart waits for its pods
REGISTRY = "registry.example.com/mirror"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
MONITORS = ("podmonitors", "servicemonitors")
CHART = {
    "Chart.yaml": "apiVersion: v2\nname: tiny\nversion: 1.2.3\nappVersion: 1.2.3\n",
    "values.yaml": "word: none\n",
    "templates/map.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tiny}\ndata: {word: {{ .Values.word | quote }}}\n"
    ),
}


@dataclass
class Roles:
    """Roles of the collection, told that the lab is an existing cluster."""

    folder: Path
    stage: Stage
    namespace: str
    helm: str = ""

    def run(self, role: str, *options: str, entry: str = "main", **variables: Any) -> PlaybookRun:
        playbook = self.folder / f"{role}.yml"
        playbook.write_text(yaml.safe_dump([play(tasks=[role_call(role)])]))
        own = {f"{role}_{key}": value for key, value in variables.items()}
        where = {f"{role}_kubeconfig": str(self.stage.lab.kubeconfig), f"{role}_namespace": self.namespace}
        shared = {"entry": entry, "progressive_image_registry": REGISTRY, "progressive_helm": self.helm}
        return run_playbook(playbook, {**shared, **where, **own}, *options, timeout=TIMEOUT)

    def changes(self, role: str, *options: str, **settings: Any) -> int:
        return self.run(role, *options, **settings).succeeded().changed

    def life_of(self, role: str, *kinds: str, wish: Wish, **other: Any) -> AbstractContextManager[None]:
        """See support.life_of. Objects of these kinds are what is there of the role; `wish` holds throughout."""

        def run(*options: str, **settings: Any) -> PlaybookRun:
            return self.run(role, *options, **wish | settings)

        return life_of(run, lambda: self.has(*kinds), **other)

    def has(self, *kinds: str) -> bool:
        return bool(self.get(",".join(kinds))["items"])

    def get(self, *reference: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *reference, "--output=json"))
        return found

    def images(self) -> set[str]:
        pods = self.get("pods")["items"]
        return {container["image"] for pod in pods for container in pod["spec"]["containers"]}

    def kubectl(self, *arguments: str) -> str:
        return self.stage.lab.kubectl(f"--namespace={self.namespace}", *arguments)


@pytest.fixture
def roles(tmp_path: Path, stage: Stage) -> Roles:
    """In a namespace that takes only pods of the restricted standard."""
    stage.lab.kubectl("label", "namespace", stage.namespace, RESTRICTED)
    return Roles(tmp_path, stage, stage.namespace)


@pytest.fixture
def operator(lab: Lab) -> Iterator[None]:
    """The two CRDs of the Prometheus operator that matter."""
    source = charts.module(charts.PROMETHEUS_OPERATOR) / "example" / "prometheus-operator-crd"
    for kind in MONITORS:
        lab.kubectl("apply", "--server-side", f"--filename={source}/monitoring.coreos.com_{kind}.yaml")
    yield
    lab.kubectl("delete", "crd", *(f"{kind}.monitoring.coreos.com" for kind in MONITORS))


def test_prometheus_lives(roles: Roles, operator: None) -> None:
    wish = {"provider": "existing", "method": "manifests", "discovery": "service_monitor"}

    with roles.life_of("prometheus", "deployments", *MONITORS, wish=wish, version="v3.15.0"):
        assert roles.images() == {f"{REGISTRY}/prometheus/prometheus:v3.15.0"}
        assert len(roles.get("servicemonitors,podmonitors")["items"]) == 3
        dashboard = roles.get("configmap", "progressive-delivery-dashboard")["data"]["progressive-delivery.json"]
        assert [panel["id"] for panel in json.loads(dashboard)["panels"]] == list(range(1, 8))
        jobs = {"prometheus", "cadvisor", "kubernetes-pods", "kubernetes-service-endpoints", "argo-rollouts"}
        assert loaded(roles, yaml.safe_load(roles.get("configmap", "prometheus")["data"]["prometheus.yml"])) == jobs
    assert not roles.has("services")


def test_monitors_that_nothing_would_read_are_refused(roles: Roles) -> None:
    refused = roles.run("prometheus", entry="configure", discovery="service_monitor")
    assert (refused.failed, refused.changed, "no PodMonitors" in refused.output) == (1, 0, True), refused.output
    assert roles.changes("prometheus", entry="configure") == 1


def test_a_service_to_release_lives(roles: Roles) -> None:
    """Under the restricted standard, in a namespace that comes and goes with it."""
    roles = replace(roles, namespace=f"{roles.namespace}-demo")
    labels = dict([RESTRICTED.split("=")])
    wish = {"routing": "none", "strategy": {"canary": {"steps": [{"pause": {}}]}}, "namespace_labels": labels}

    with roles.life_of("demo", "rollouts", wish={**wish, "replicas": 1}):
        assert roles.images() == {f"{REGISTRY}/stefanprodan/podinfo:6.7.1"}


def loaded(roles: Roles, config: dict[str, Any]) -> set[str]:
    """The jobs that the real Prometheus reads from a configuration."""
    # Outside of a pod there is no account to discover by.
    for each in (each for job in config["scrape_configs"] for each in job.get("kubernetes_sd_configs", ())):
        each["kubeconfig_file"] = str(roles.stage.lab.kubeconfig)
    file = roles.folder / "config.yml"
    file.write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_ports(1)[0]}"
    program, data = roles.stage.lab.record["bin"]["prometheus"], f"--storage.tsdb.path={roles.folder / 'data'}"
    command = [program, f"--config.file={file}", f"--web.listen-address={address}", data]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            return eventually(lambda: pools(address), timeout=60, ignoring=(OSError,))
        finally:
            process.terminate()


def pools(address: str) -> set[str]:
    with urllib.request.urlopen(f"http://{address}/api/v1/scrape_pools", timeout=10) as answer:
        return set(json.load(answer)["data"]["scrapePools"])


# ---- By Helm, where it is


@pytest.fixture
def charted(roles: Roles) -> Roles:
    """The same, with Helm."""
    return replace(roles, helm=charts.helm())


@pytest.fixture
def archives(charted: Roles) -> Path:
    """A folder with the archive of a chart, as somebody without a way to the internet has it."""
    for name, text in CHART.items():
        file = charted.folder / "tiny" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    charts.package(charted.helm, charted.folder / "tiny", charted.folder)
    return charted.folder


def test_a_chart_from_a_folder_is_installed_and_upgraded(charted: Roles, archives: Path) -> None:
    wish = {"name": "tiny", "chart": "tiny", "version": "1.2.3", "charts": str(archives), "values": {"word": "one"}}

    assert charted.changes("helm_release", **wish) == 1
    assert charted.changes("helm_release", **wish) == 0
    assert charted.changes("helm_release", **{**wish, "values": {"word": "two"}}) == 1
    assert charted.get("configmap", "tiny")["data"] == {"word": "two"}

    missing = charted.run("helm_release", **{**wish, "version": "9.9.9"})
    assert missing.failed == 1
    assert "tiny-9.9.9.tgz" in " ".join(missing.output.split())


def test_ingress_nginx_lives(charted: Roles) -> None:
    chart = charts.module(charts.INGRESS_NGINX) / "charts" / "ingress-nginx"
    # Nothing answers for a webhook in the lab, and other tests make Ingresses.
    wish = {"provider": "existing", "chart": str(chart), "service_type": "NodePort", "admission": False}

    refused = charted.run("ingress_nginx", method="check", **wish)
    assert (refused.failed, "ingress_nginx_method" in refused.output) == (1, True)
    wish["method"] = "helm"
    with charted.life_of("ingress_nginx", "deployments", wish=wish, replicas=1):
        assert all(image.startswith(f"{REGISTRY}/ingress-nginx/controller:v") for image in charted.images())
