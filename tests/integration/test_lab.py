# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The embedded lab itself: it comes up, heals, behaves as a cluster does, and goes without a trace.

It has a lab of its own, because it breaks it. The tests use it in the order in which they stand.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab import identities
from ansible_collections.progressive.delivery.plugins.module_utils._lab import lab as labs
from ansible_collections.progressive.delivery.plugins.module_utils._lab.control_plane import DATA_PLANE_PORTS
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab, Outcome, Wish
from ansible_collections.progressive.delivery.plugins.module_utils._lab.pod_network import guard_address
from ansible_collections.progressive.delivery.plugins.module_utils._lab.processes import Process

from tests.integration.support import BUILD_TIMEOUT, eventually, play, run_module, run_playbook

NAME = f"test-lab-{os.getpid()}"
TOOLS = Path(__file__).parents[2] / "roles" / "embedded_cluster" / "files" / "tools"
PARTS = {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "prometheus", "pod-simulator"}

PLAYBOOK = [play(roles=[{"role": "progressive.delivery.embedded_cluster", "embedded_cluster_name": NAME}])]
# A pod that is not there yet has no status, and one that is on its way not all of it.
settle = partial(eventually, ignoring=(AssertionError, LookupError))


@pytest.fixture(scope="module")
def playbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("play") / "embedded.yml"
    path.write_text(yaml.safe_dump(PLAYBOOK))
    return path


@pytest.fixture(scope="module")
def own(playbook: Path) -> Iterator[Lab]:
    run_playbook(playbook, timeout=BUILD_TIMEOUT).succeeded()
    yield Lab.load(NAME)
    labs.destroy(NAME)


@pytest.fixture(scope="module")
def pods(own: Lab) -> None:
    """All the pods whose behaviour is looked at, so that their times run at the same time."""
    kubectl(own, "apply", "-f", "-", given="\n---\n".join(json.dumps(item) for item in WORKLOADS))


def kubectl(lab: Lab, *words: str, given: str = "", kubeconfig: Path | None = None) -> str:
    tool = Path(lab.record["bin"]["etcd"]).parent / "kubectl"
    command = [str(tool), "--kubeconfig", str(kubeconfig or lab.paths.kubeconfig), *words]
    result = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def status(lab: Lab, pod: str) -> dict[str, Any]:
    return json.loads(kubectl(lab, "get", "pod", pod, "-o", "json"))["status"]


def conditions(state: dict[str, Any]) -> dict[str, str]:
    return {item["type"]: item["status"] for item in state.get("conditions", [])}


def pod(name: str, image: str = "registry/app:1", **other: Any) -> dict[str, Any]:
    annotations = {f"lab.progressive.delivery/{key}": value for key, value in other.pop("lab", {}).items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": image}], **other},
    }


def job(name: str, image: str = "registry/job:1", **lab: str) -> dict[str, Any]:
    template = pod(name, image, lab=lab, restartPolicy="Never")
    template["metadata"].pop("name")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "template": {"metadata": template["metadata"], "spec": template["spec"]},
        },
    }


WORKLOADS = [
    pod("normal", initContainers=[{"name": "init", "image": "registry/init:1"}]),
    pod("by-digest", f"registry/app:1-never-ready@sha256:{'0' * 64}"),
    pod("never-ready", lab={"pod": "never-ready"}),
    pod("slow-ready", "registry/app:1-slow-ready", lab={"ready-after": "4s"}),
    pod("crash-loop", "registry/app:1-crash-loop"),
    pod("image-pull-failure", "registry/app:1-image-pull-failure"),
    pod("slow-termination", lab={"pod": "slow-termination", "terminate-after": "25s"}),
    pod(
        "short-grace", "registry/app:1-slow-termination", lab={"terminate-after": "5m"}, terminationGracePeriodSeconds=2
    ),
    pod("gated", readinessGates=[{"conditionType": "example.com/checked"}]),
    job("good"),
    job("bad", "registry/job:1-fail"),
    job("bad-by-annotation", job="fail"),
]


# ---- Coming up


@pytest.mark.smoke
def test_a_second_run_changes_nothing(own: Lab, playbook: Path) -> None:
    before = own.processes
    assert run_playbook(playbook).succeeded().changed == 0
    assert Lab.load(NAME).processes == before


def test_looking_at_a_lab_that_is_up_starts_nothing(own: Lab) -> None:
    before = own.processes
    assert not converge(own).changed
    assert Lab.load(NAME).processes == before


def test_check_mode_finds_nothing_to_do(own: Lab) -> None:
    result = run_module("lab_cluster", {"name": NAME, "tools": own.record["bin"]}, "--check")
    assert result["changed"] is False
    assert result["lab"] == own.record


def test_the_record_names_all_processes_and_versions(own: Lab) -> None:
    assert set(own.processes) == PARTS
    assert own.record["provider"] == "embedded"
    assert own.record["versions"]["kubernetes"].startswith("v1.")


@pytest.mark.smoke
def test_the_nodes_are_ready_for_pods(own: Lab) -> None:
    nodes = json.loads(kubectl(own, "get", "nodes", "-o", "json"))["items"]
    assert [node["metadata"]["name"] for node in nodes] == [
        f"{NAME}-control-plane",
        f"{NAME}-worker",
        f"{NAME}-worker2",
    ]
    assert all(conditions(node["status"])["Ready"] == "True" for node in nodes)
    taints = [[taint["key"] for taint in node["spec"].get("taints", [])] for node in nodes]
    assert taints == [["node-role.kubernetes.io/control-plane"], [], []]


def test_the_server_tells_its_true_version(own: Lab) -> None:
    version = json.loads(kubectl(own, "version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == own.record["versions"]["kubernetes"]


def test_everything_listens_on_loopback_only(own: Lab) -> None:
    ports = set()
    for process in own.processes.values():
        for address, port in listening(process.pid):
            assert is_loopback(address), f"{process.name} listens on {address}:{port}"
            ports.add(port)
    for_other_roles = {own.ports[name] for name in DATA_PLANE_PORTS if name != "simulator"}
    _other, guard = guard_address(own.record["network"])
    assert ports == (set(own.ports.values()) - for_other_roles) | {guard}


def is_loopback(address: str) -> bool:
    """::1, or of 127.0.0.0/8, by itself or inside an IPv6 address; the kernel writes each 4 bytes backwards."""
    return address == "0" * 24 + "01000000" or re.fullmatch("(0{16}FFFF0000)?[0-9A-F]{6}7F", address) is not None


def listening(pid: int) -> list[tuple[str, int]]:
    """Addresses (hexadecimal, as the kernel shows them) and ports of a process's listening sockets."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                address, port = fields[1].split(":")
                found.append((address, int(port, 16)))
    return found


@pytest.mark.parametrize("path", ["metrics", "configz"])
@pytest.mark.parametrize("part", ["kube-controller-manager", "kube-scheduler"])
def test_the_inside_of_the_controllers_is_not_for_everyone(own: Lab, part: str, path: str) -> None:
    request = urllib.request.Request(f"https://127.0.0.1:{own.ports[part]}/{path}")
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(request, context=own.tls):
        pass
    caught.value.close()
    assert caught.value.code in (401, 403)


def test_only_the_owner_reads_the_lab(own: Lab) -> None:
    assert own.paths.folder.stat().st_mode & 0o077 == 0
    assert own.paths.kubeconfig.stat().st_mode & 0o077 == 0


# ---- Pods


@pytest.mark.usefixtures("pods")
class TestPods:
    def test_a_normal_pod_runs_with_an_address_of_its_own(self, own: Lab) -> None:
        state = settle(lambda: conditions(status(own, "normal"))["Ready"] == "True" and status(own, "normal"))
        [container] = state["containerStatuses"]
        [init] = state["initContainerStatuses"]
        assert state["phase"] == "Running"
        assert state["podIP"].startswith("10.244.")
        assert container["ready"]
        assert container["started"]
        assert container["image"] == "registry/app:1"
        assert container["containerID"].startswith("kwok://")
        assert "sha256:" in container["imageID"]
        assert init["state"]["terminated"]["reason"] == "Completed"

    def test_addresses_differ(self, own: Lab) -> None:
        items = settle(lambda: all_with_addresses(own))
        addresses = [item["status"]["podIP"] for item in items]
        assert len(set(addresses)) == len(addresses)

    def test_pods_are_scheduled_on_workers_only(self, own: Lab) -> None:
        nodes = {item["spec"]["nodeName"] for item in all_with_addresses(own)}
        assert nodes <= {f"{NAME}-worker", f"{NAME}-worker2"}

    def test_image_pull_failure(self, own: Lab) -> None:
        state = settle(lambda: waiting(own, "image-pull-failure", "ImagePullBackOff"))
        assert state["phase"] == "Pending"
        assert state["containerStatuses"][0]["imageID"] == ""
        assert conditions(state)["Ready"] == "False"
        events = kubectl(own, "get", "events", "--field-selector", "involvedObject.name=image-pull-failure")
        assert "ErrImagePull" in events

    def test_crash_loop(self, own: Lab) -> None:
        state = settle(lambda: waiting(own, "crash-loop", "CrashLoopBackOff"))
        container = state["containerStatuses"][0]
        assert container["lastState"]["terminated"]["exitCode"] == 1
        assert not container["ready"]
        first = container["restartCount"]
        again = settle(lambda: restarts(own) > first and status(own, "crash-loop"))
        assert again["containerStatuses"][0]["containerID"] != container["containerID"]
        assert conditions(again)["Ready"] == "False"

    def test_slow_ready_takes_its_time(self, own: Lab) -> None:
        state = settle(lambda: conditions(status(own, "slow-ready"))["Ready"] == "True" and status(own, "slow-ready"))
        since = {item["type"]: item["lastTransitionTime"] for item in state["conditions"]}
        assert seconds_between(since["Initialized"], since["Ready"]) >= 3

    @pytest.mark.parametrize("name", ["never-ready", "by-digest"])
    def test_never_ready(self, own: Lab, name: str) -> None:
        state = settle(lambda: status(own, name)["phase"] == "Running" and status(own, name))
        assert conditions(state)["Ready"] == conditions(state)["ContainersReady"] == "False"
        assert state["containerStatuses"][0]["state"]["running"]

    def test_a_readiness_gate_keeps_a_pod_unready_until_it_is_met(self, own: Lab) -> None:
        settle(lambda: conditions(status(own, "gated"))["ContainersReady"] == "True")
        assert conditions(status(own, "gated"))["Ready"] == "False"
        for met in ("True", "False"):
            set_gate(own, "gated", met)
            settle(lambda met=met: conditions(status(own, "gated"))["Ready"] == met)

    def test_a_job_completes(self, own: Lab) -> None:
        settle(lambda: job_condition(own, "good", "Complete"))

    @pytest.mark.parametrize("name", ["bad", "bad-by-annotation"])
    def test_a_job_fails(self, own: Lab, name: str) -> None:
        settle(lambda: job_condition(own, name, "Failed"))
        [item] = json.loads(kubectl(own, "get", "pods", "-l", f"job-name={name}", "-o", "json"))["items"]
        assert item["status"]["phase"] == "Failed"
        assert item["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 1

    def test_slow_termination_takes_its_time_and_a_normal_pod_does_not(self, own: Lab) -> None:
        delete(own, "slow-termination", "--wait=false")
        delete(own, "normal")
        assert status(own, "slow-termination")["phase"] == "Running"
        kubectl(own, "wait", "--for=delete", "pod/slow-termination", "--timeout=50s")

    def test_slow_termination_ends_with_the_grace_period(self, own: Lab) -> None:
        delete(own, "short-grace")

    def test_a_restarted_kwok_hands_out_no_address_twice(self, own: Lab) -> None:
        own.stop("kwok")
        own.start("kwok")
        kubectl(own, "apply", "-f", "-", given=json.dumps(pod("late")))
        settle(lambda: conditions(status(own, "late"))["Ready"] == "True")
        addresses = [item["status"]["podIP"] for item in all_with_addresses(own)]
        assert len(set(addresses)) == len(addresses)


def all_with_addresses(lab: Lab) -> list[dict[str, Any]]:
    items = json.loads(kubectl(lab, "get", "pods", "-o", "json"))["items"]
    assert all(item["status"].get("podIP") for item in items)
    return items


def waiting(lab: Lab, name: str, reason: str) -> dict[str, Any] | None:
    state = status(lab, name)
    return state if state["containerStatuses"][0]["state"]["waiting"]["reason"] == reason else None


def restarts(lab: Lab) -> int:
    return status(lab, "crash-loop")["containerStatuses"][0]["restartCount"]


def job_condition(lab: Lab, name: str, kind: str) -> bool:
    item = json.loads(kubectl(lab, "get", "job", name, "-o", "json"))
    return conditions(item["status"]).get(kind) == "True"


def set_gate(lab: Lab, name: str, met: str) -> None:
    gate = {"status": {"conditions": [{"type": "example.com/checked", "status": met}]}}
    kubectl(lab, "patch", "pod", name, "--subresource=status", "--type=strategic", "-p", json.dumps(gate))


def seconds_between(first: str, second: str) -> float:
    format = "%Y-%m-%dT%H:%M:%SZ"
    return time.mktime(time.strptime(second, format)) - time.mktime(time.strptime(first, format))


def delete(lab: Lab, name: str, *how: str) -> None:
    """Fails where it takes longer than this."""
    kubectl(lab, "delete", "pod", name, "--timeout=25s", *how)


# ---- Prometheus and the audit log


def test_prometheus_scrapes_what_is_put_into_its_folder(own: Lab) -> None:
    address = own.addresses["prometheus"]
    target = own.paths.prometheus / "targets" / "itself.json"
    target.write_text(json.dumps([{"targets": [address.removeprefix("http://")], "labels": {"of": "test"}}]))

    def up() -> list[Any]:
        with urllib.request.urlopen(f"{address}/api/v1/query?query=up%7Bof=%22test%22%7D") as answer:
            result: list[Any] = json.load(answer)["data"]["result"]
        return result

    assert settle(up)[0]["metric"]["job"] == "lab"


def test_the_audit_log_has_writes_without_the_noise(own: Lab) -> None:
    kubectl(own, "create", "configmap", "audited")
    entries = [json.loads(line) for line in own.paths.log("audit").read_text().splitlines()]
    named = [entry for entry in entries if entry.get("objectRef", {}).get("name") == "audited"]
    assert [(entry["verb"], entry["user"]["username"]) for entry in named] == [("create", "lab-admin")]
    assert not any(entry["verb"] == "watch" for entry in entries)
    assert not any(entry["objectRef"]["resource"] in ("leases", "events") for entry in entries)


# ---- Identities


def test_a_kubeconfig_of_a_service_account(own: Lab, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    arguments = {"lab": NAME, "service_account": "default", "namespace": "kube-system", "path": str(path)}
    assert run_module("lab_kubeconfig", arguments, "--check")["changed"]
    assert not path.exists()
    assert run_module("lab_kubeconfig", arguments)["changed"]
    assert not run_module("lab_kubeconfig", arguments)["changed"]
    who = json.loads(kubectl(own, "auth", "whoami", "-o", "json", kubeconfig=path))
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:kube-system:default"


def test_a_token_of_an_account_that_was_made_anew_is_replaced(own: Lab, tmp_path: Path) -> None:
    def write() -> bool:
        return identities.service_account(own, "default", "again", tmp_path / "kubeconfig", 86400)

    kubectl(own, "create", "serviceaccount", "again")
    assert write()
    assert not write()
    kubectl(own, "delete", "serviceaccount", "again")
    kubectl(own, "create", "serviceaccount", "again")
    assert write()
    assert not write()


def test_a_token_is_renewed_in_the_last_tenth_of_its_life(own: Lab, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    assert identities.service_account(own, "default", "default", path, 3600)
    assert not identities.service_account(own, "default", "default", path, 3600)
    assert identities.service_account(own, "default", "default", path, 10 * 3600)


def test_a_missing_account_is_told(own: Lab, tmp_path: Path) -> None:
    with pytest.raises(LabError, match='serviceaccounts "none" not found'):
        identities.service_account(own, "default", "none", tmp_path / "kubeconfig", 3600)


def test_a_kubeconfig_of_a_user_in_groups(own: Lab, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    arguments = {"lab": NAME, "user": "eve", "groups": ["auditors", "night"], "path": str(path)}
    assert run_module("lab_kubeconfig", arguments)["changed"]
    assert not identities.user(own, "eve", ("auditors", "night"), path)
    info = json.loads(kubectl(own, "auth", "whoami", "-o", "json", kubeconfig=path))["status"]["userInfo"]
    assert info["username"] == "eve"
    assert info["groups"] == ["auditors", "night", "system:authenticated"]


# ---- Further processes, and healing

SERVER = ["-m", "http.server", "--bind", "127.0.0.1", "--directory", "/proc/self/task", "{port:files}"]


def files(state: str = "started", **other: Any) -> dict[str, Any]:
    return {
        "lab": NAME,
        "name": "files",
        "state": state,
        "command": [sys.executable, *SERVER],
        "ports": ["files"],
        "ready_url": "http://127.0.0.1:{port:files}/",
        **other,
    }


def test_a_further_process(own: Lab) -> None:
    assert run_module("lab_process", files(), "--check")["changed"]
    first = run_module("lab_process", files())
    assert first["changed"]
    assert listening(first["process"]["pid"]) == [("0100007F", first["ports"]["files"])]
    assert not run_module("lab_process", files())["changed"]
    changed = run_module("lab_process", files(environment={"A": "1"}))
    assert changed["changed"]
    assert changed["process"]["pid"] != first["process"]["pid"]


BROKEN = Process("broken", (sys.executable, "-c", "raise SystemExit('no licence')"))


def test_what_does_not_become_ready_is_told_with_its_log(own: Lab) -> None:
    port = own.reserve_ports(["unused"])["unused"]
    with pytest.raises(LabError, match=r"broken ended while starting(.|\n)*no licence"):
        own.ensure(replace(BROKEN, ready_url=f"tcp://127.0.0.1:{port}"))
    # It does not keep the lab from coming up.
    assert not converge(own).changed


def test_what_answers_for_another_is_not_taken_for_its_readiness(own: Lab) -> None:
    with pytest.raises(LabError, match="answers although broken does not run"):
        own.ensure(replace(BROKEN, ready_url=f"{own.addresses['prometheus']}/-/ready"))


def kill(lab: Lab, name: str) -> None:
    os.kill(lab.process(name).pid, signal.SIGKILL)
    settle(lambda: not lab.running(name))


def converge(lab: Lab) -> Outcome:
    record = lab.record
    return labs.converge(NAME, Wish(tools=record["bin"], versions=record["versions"]))[1]


@pytest.mark.parametrize("name", ["kube-scheduler", "etcd", "files"])
def test_what_has_died_is_restarted(own: Lab, name: str) -> None:
    lab = Lab.load(NAME)
    kill(lab, name)
    assert name in converge(own).restarted
    assert Lab.load(NAME).ports == lab.ports
    assert not converge(own).changed
    # Nothing is forgotten: this was created before etcd was killed.
    kubectl(own, "get", "configmap", "audited")


def test_what_was_stopped_on_purpose_stays_stopped(own: Lab) -> None:
    lab = Lab.load(NAME)
    assert lab.stop("files")
    assert not converge(own).changed
    assert not Lab.load(NAME).running("files")
    assert lab.start("files")


def test_an_apiserver_that_hangs_is_replaced(own: Lab) -> None:
    lab = Lab.load(NAME)
    os.kill(lab.process("kube-apiserver").pid, signal.SIGSTOP)
    assert "kube-apiserver" in converge(own).restarted
    assert not converge(own).changed


def test_the_module_tells_what_it_has_restarted(own: Lab) -> None:
    kill(Lab.load(NAME), "prometheus")
    result = run_module("lab_cluster", {"name": NAME, "tools": own.record["bin"], "versions": own.record["versions"]})
    assert result["changed"]
    assert result["restarted"] == ["prometheus"]
    assert result["lab"] == Lab.load(NAME).record


# ---- Wishes that cannot be met


def test_the_role_refuses_a_bad_name(playbook: Path) -> None:
    run = run_playbook(playbook, {"embedded_cluster_name": "No Good"})
    assert run.returncode != 0
    assert "cannot name a lab" in run.output


def test_the_role_says_which_packages_are_missing(playbook: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    run = run_playbook(playbook, {"ansible_python_interpreter": str(tmp_path / "bin" / "python")})
    assert run.returncode != 0
    message = " ".join(run.output.split())
    assert "needs the Python packages aiohttp prometheus_client," in message
    assert "pip install -r requirements-lab.txt" in message


def test_check_mode_makes_no_lab(playbook: Path) -> None:
    name = f"{NAME}-unmade"
    assert run_playbook(playbook, {"embedded_cluster_name": name}, "--check").succeeded().changed == 1
    assert not labs.exists(name)


def test_a_module_refuses_a_bad_name() -> None:
    result = run_module("lab_cluster", {"name": "No Good", "state": "absent"})
    assert result["failed"]
    assert "cannot name a lab" in result["msg"]


# ---- Tools


def test_the_tools_are_there_with_the_manifests(own: Lab) -> None:
    result = run_module("lab_tools", {"source": str(TOOLS)})
    assert result["changed"] is False
    assert result["bin"].keys() >= own.record["bin"].keys()
    folder = Path(result["manifests"]["argo_rollouts"])
    assert (folder / "install.yaml").is_file()
    kinds = [yaml.safe_load(path.read_text())["kind"] for path in folder.glob("crds/*.yaml")]
    assert kinds == ["CustomResourceDefinition"] * 5
    only = run_module("lab_tools", {"source": str(TOOLS), "groups": ["argo_rollouts"], "manifests_only": True})
    assert only["bin"] == {}
    assert only["manifests"] == {"argo_rollouts": str(folder)}


# ---- Going


@pytest.mark.smoke
def test_destroying_leaves_no_trace(own: Lab) -> None:
    lab = Lab.load(NAME)
    known = list(lab.processes.values())
    assert run_playbook("lab_destroy", {"progressive_lab": NAME}).succeeded().changed == 1
    assert not any(process.running for process in known)
    assert not lab.paths.folder.exists()
    assert labs.exists(NAME) is False
    assert run_playbook("lab_destroy", {"progressive_lab": NAME}).succeeded().changed == 0
