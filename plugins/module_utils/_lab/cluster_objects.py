# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a new cluster is furnished with: nodes, the rights of KWOK and of the lab's other programs; and when it is fit
for use."""

from __future__ import annotations

import platform
import time
from typing import Any

from .api import Api
from .errors import LabError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

_RBAC_GROUP = "rbac.authorization.k8s.io"

# Programs of ours that look at the cluster and change nothing: ServiceAccount in kube-system -> what it reads, by
# API group.
READERS = {
    "pod-simulator": {"": ["pods"]},
    "prometheus": {"": ["pods", "services"], "discovery.k8s.io": ["endpointslices"]},
}


def node(name: str, kubernetes: str, control_plane: bool = False) -> dict[str, Any]:
    """A v1.Node with the labels and the taint that kind and kubeadm give.

    Its status (address, conditions) is KWOK's work, except what no Stage knows better: the size.
    """
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
    }
    spec: dict[str, Any] = {"providerID": f"lab://{name}"}
    if control_plane:
        role = "node-role.kubernetes.io/control-plane"
        labels |= {role: "", "node.kubernetes.io/exclude-from-external-load-balancers": ""}
        spec["taints"] = [{"key": role, "effect": "NoSchedule"}]
    size = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "1000"}
    information = {
        "architecture": architecture,
        "operatingSystem": "linux",
        "kubeletVersion": kubernetes,
        "osImage": "progressive.delivery lab",
        "containerRuntimeVersion": "kwok://lab",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"capacity": size, "allocatable": size, "nodeInfo": information},
    }


def nodes(lab: str, workers: int, kubernetes: str) -> list[dict[str, Any]]:
    """One control-plane node and `workers` workers, named as kind names them."""
    names = [f"{lab}-worker{number if number > 1 else ''}" for number in range(1, workers + 1)]
    return [
        node(f"{lab}-control-plane", kubernetes, control_plane=True),
        *(node(name, kubernetes) for name in names),
    ]


def kwok_role() -> dict[str, Any]:
    """What KWOK does as the kubelet of every node, and nothing more."""
    rules = [
        _rule("", ["nodes"], ["get", "list", "watch"]),
        _rule("", ["nodes/status", "pods/status"], ["patch", "update"]),
        _rule("", ["pods"], ["get", "list", "watch", "delete", "patch", "update"]),
        _rule("coordination.k8s.io", ["leases"], ["get", "list", "watch", "create", "patch", "update"]),
        _rule("", ["events"], ["create", "patch", "update"]),
        _rule("events.k8s.io", ["events"], ["create", "patch", "update"]),
    ]
    return _rbac("ClusterRole", "lab:kwok") | {"rules": rules}


def kwok_binding() -> dict[str, Any]:
    return _binding("lab:kwok", {"apiGroup": _RBAC_GROUP, "kind": "User", "name": "lab:kwok"})


def reader_role(name: str) -> dict[str, Any]:
    """What the program of that name in READERS may do."""
    rules = [_rule(group, resources, ["get", "list", "watch"]) for group, resources in READERS[name].items()]
    return _rbac("ClusterRole", f"lab:{name}") | {"rules": rules}


def reader_binding(name: str) -> dict[str, Any]:
    return _binding(f"lab:{name}", {"kind": "ServiceAccount", "namespace": "kube-system", "name": name})


def _binding(role: str, subject: dict[str, str]) -> dict[str, Any]:
    """A ClusterRoleBinding with the name of its role."""
    return _rbac("ClusterRoleBinding", role) | {
        "roleRef": {"apiGroup": _RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }


def _rbac(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": f"{_RBAC_GROUP}/v1", "kind": kind, "metadata": {"name": name}}


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def allow_kwok(api: Api) -> None:
    """Give KWOK its rights; without effect where it has them."""
    _grant(api, kwok_role(), kwok_binding())


def allow_readers(api: Api) -> None:
    """Give the programs in READERS an account with its rights; without effect where they have them."""
    for name in READERS:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        api.create("/api/v1/namespaces/kube-system/serviceaccounts", account)
        _grant(api, reader_role(name), reader_binding(name))


def _grant(api: Api, role: dict[str, Any], binding: dict[str, Any]) -> None:
    base = f"/apis/{_RBAC_GROUP}/v1"
    api.create(f"{base}/clusterroles", role)
    api.create(f"{base}/clusterrolebindings", binding)


def ensure_nodes(api: Api, wanted: list[dict[str, Any]]) -> list[str]:
    """Create the nodes that are missing; return their names. Never removes one: pods may be on it."""
    present = {item["metadata"]["name"] for item in (api.get("/api/v1/nodes") or {})["items"]}
    missing = [item for item in wanted if item["metadata"]["name"] not in present]
    for item in missing:
        api.create("/api/v1/nodes", item)
    return [item["metadata"]["name"] for item in missing]


def wait_schedulable(api: Api, timeout: float) -> None:
    """Return when a pod in namespace `default` would be admitted and scheduled.

    That takes the default ServiceAccount (admission refuses pods without it), and nodes that are
    Ready and rid of the taint that every new node carries until the controller-manager lifts it.
    """
    deadline = time.monotonic() + timeout
    while True:
        waiting_for = _unready_nodes(api)
        if api.get("/api/v1/namespaces/default/serviceaccounts/default") is None:
            waiting_for.append("serviceaccount default/default")
        if not waiting_for:
            return
        if time.monotonic() > deadline:
            raise LabError(f"after {timeout:.0f} s the cluster still lacks: {', '.join(waiting_for)}")
        time.sleep(0.05)


def _unready_nodes(api: Api) -> list[str]:
    items = (api.get("/api/v1/nodes") or {})["items"]
    return [f"ready node {item['metadata']['name']}" for item in items if not _schedulable(item)]


def _schedulable(item: dict[str, Any]) -> bool:
    conditions = item["status"].get("conditions", [])
    taints = item["spec"].get("taints", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions) and not any(
        taint["key"].startswith("node.kubernetes.io/") for taint in taints
    )
