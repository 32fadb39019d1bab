# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a Pod."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.pods import Container, pod_of

from tests.unit.simulator.objects import pod


def with_ports(*ports: dict[str, Any], annotation: str | None = None) -> tuple[int, ...]:
    found = pod()
    found["spec"]["containers"][0]["ports"] = list(ports)
    if annotation is not None:
        found["metadata"]["annotations"] = {"prometheus.io/port": annotation}
    return pod_of(found).ports


def test_a_ready_pod() -> None:
    found = pod_of(pod())
    assert (found.title, found.node, found.ip, found.version) == ("apps/shop-1", "worker", "10.244.1.7", "1.0.0")
    assert found.containers == (Container("app", "team/shop:1.0.0"),)
    assert found.started == datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC).timestamp()
    assert found.running
    assert found.ready
    assert found.metrics_path == "/metrics"


@pytest.mark.parametrize(
    ("status", "running", "ready"),
    [
        ({"conditions": []}, True, False),
        ({"conditions": None}, True, False),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, True, False),
        ({"conditions": [{"type": "ContainersReady", "status": "True"}]}, True, False),
        ({"podIP": ""}, True, False),
        ({"phase": "Pending"}, False, False),
        ({"phase": "Succeeded"}, False, False),
    ],
)
def test_only_what_runs_with_an_address_is_ready(status: dict[str, Any], running: bool, ready: bool) -> None:
    found = pod_of(pod(**status))
    assert (found.running, found.ready) == (running, ready)


def test_a_pod_that_is_being_deleted_is_no_longer_ready() -> None:
    going = pod()
    going["metadata"]["deletionTimestamp"] = "2026-01-01T13:00:00Z"
    assert not pod_of(going).ready


def test_the_address_of_a_node_is_nobodys() -> None:
    on_the_node = pod()
    on_the_node["spec"]["hostNetwork"] = True
    assert pod_of(on_the_node).ip == ""


def test_a_pod_that_nobody_has_scheduled() -> None:
    new = pod()
    del new["status"], new["spec"]["nodeName"], new["metadata"]["ownerReferences"]
    found = pod_of(new)
    assert (found.ip, found.node, found.owner, found.ready) == ("", "", "shop-1", False)
    assert found.started == datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()


def test_ports() -> None:
    assert with_ports() == (8080,)
    assert with_ports({"containerPort": 80}, {"containerPort": 9000}) == (9000, 20080)
    assert with_ports({"containerPort": 53, "protocol": "UDP"}) == (8080,)
    assert with_ports({"containerPort": 80}, {"containerPort": 20080}) == (20080,)


@pytest.mark.parametrize(
    ("annotation", "ports"),
    [
        ("9102", (8080, 9102)),
        ("8080", (8080,)),
        ("100", (8080, 20100)),
        ("0", (8080,)),
        ("99999", (8080,)),
        ("http", (8080,)),
        ("", (8080,)),
    ],
)
def test_the_port_that_prometheus_is_told_is_a_further_one(annotation: str, ports: tuple[int, ...]) -> None:
    assert with_ports(annotation=annotation) == ports


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("shop:1.0.0", "1.0.0"),
        ("localhost:5000/team/shop:v2", "v2"),
        ("localhost:5000/team/shop", "latest"),
        (f"shop:1.0.0@sha256:{'0' * 64}", "1.0.0"),
        (f"shop@sha256:{'0' * 64}", "latest"),
        ("shop:", "latest"),
    ],
)
def test_the_version_is_the_tag_of_the_first_image(image: str, version: str) -> None:
    found = pod()
    found["spec"]["containers"] = [{"name": "app", "image": image}, {"name": "side", "image": "side:9"}]
    assert pod_of(found).version == version


@pytest.mark.parametrize(
    ("labels", "track"),
    [
        (None, ""),
        ({"app": "canary"}, ""),
        ({"role": "backend"}, ""),
        ({"role": "canary"}, "canary"),
        ({"deployment": "stable", "role": "canary"}, "stable"),
        ({"deployment": "shop", "role": "canary"}, "canary"),
    ],
)
def test_a_label_may_tell_stable_from_canary(labels: dict[str, str] | None, track: str) -> None:
    found = pod()
    found["metadata"]["labels"] = labels
    assert pod_of(found).track == track


def test_the_seed_is_that_of_the_replica_set_wherever_it_is() -> None:
    one, other = pod("shop-1"), pod("shop-2")
    other["metadata"]["namespace"] = "elsewhere"
    assert pod_of(one).seed == pod_of(other).seed == "shop-5d4c8b/1.0.0"
