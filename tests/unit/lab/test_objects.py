# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new cluster is furnished with, and the kubeconfigs that lead to it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import cluster_objects, identities, kubeconfig


def test_nodes_are_named_and_marked_as_kind_does() -> None:
    control_plane, first, second = cluster_objects.nodes("blue", 2, "v1.36.3")
    names = [node["metadata"]["name"] for node in (control_plane, first, second)]
    assert names == ["blue-control-plane", "blue-worker", "blue-worker2"]
    role = "node-role.kubernetes.io/control-plane"
    assert control_plane["metadata"]["labels"][role] == ""
    assert control_plane["spec"]["taints"] == [{"key": role, "effect": "NoSchedule"}]
    assert "taints" not in first["spec"]
    assert first["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.3"


def ready_node(*taints: str, ready: str = "True") -> dict[str, object]:
    return {
        "spec": {"taints": [{"key": key} for key in taints]},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (ready_node(), True),
        (ready_node("node-role.kubernetes.io/control-plane"), True),
        (ready_node("node.kubernetes.io/not-ready"), False),
        (ready_node(ready="Unknown"), False),
        ({"spec": {}, "status": {}}, False),
    ],
)
def test_a_node_is_schedulable_when_it_is_ready_and_rid_of_its_first_taint(
    node: dict[str, object], expected: bool
) -> None:
    assert cluster_objects._schedulable(node) is expected


def test_kwok_may_not_touch_secrets_or_specs() -> None:
    rules = cluster_objects.kwok_role()["rules"]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {"nodes", "nodes/status", "pods", "pods/status", "leases", "events"}
    assert not any("*" in rule["verbs"] for rule in rules)


@pytest.mark.parametrize("name", sorted(cluster_objects.READERS))
def test_the_labs_own_programs_may_only_look(name: str) -> None:
    rules = cluster_objects.reader_role(name)["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert "secrets" not in {resource for rule in rules for resource in rule["resources"]}
    [subject] = cluster_objects.reader_binding(name)["subjects"]
    assert subject == {"kind": "ServiceAccount", "namespace": "kube-system", "name": name}


def test_the_pod_simulator_sees_pods_and_nothing_else() -> None:
    assert cluster_objects.READERS["pod-simulator"] == {"": ["pods"]}


def test_a_kubeconfig_is_self_contained(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("PEM")
    text = kubeconfig.with_token("blue", "https://127.0.0.1:1", authority, "me", "secret", "apps")
    config = json.loads(text)
    assert config["current-context"] == "blue"
    assert config["contexts"][0]["context"] == {"cluster": "blue", "user": "me", "namespace": "apps"}
    assert config["users"][0] == {"name": "me", "user": {"token": "secret"}}
    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == b"PEM"


@pytest.mark.parametrize(
    "claims", [{"exp": 1700000000}, {"exp": 1700000000, "pad": "x"}, {"exp": 1700000000, "p": "xy"}]
)
def test_claims_of_a_token(claims: dict[str, object]) -> None:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert identities.claims_of(f"head.{payload}.signature") == claims
