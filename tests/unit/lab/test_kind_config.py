# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kind cluster shall be, and the files that say so."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import kind_config
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.kind_config import Mirror, Port, Shape

DIGEST = "sha256:" + "0" * 64
IMAGE = f"registry.example.com:5000/kindest/node:v1.36.4@{DIGEST}"
SHAPE = Shape("docker", IMAGE, ports=(Port("ingress", 80), Port("mesh", 30080, 8080)))


def config(shape: Shape = SHAPE) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(
        kind_config.cluster("progressive-blue", shape, {"ingress": 20001, "mesh": 8080}, "/labs/blue/registries")
    )
    return parsed


def test_one_control_plane_and_two_workers_of_the_same_image() -> None:
    nodes = config()["nodes"]
    assert isinstance(nodes, list)
    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert {node["image"] for node in nodes} == {IMAGE}


def test_everything_listens_on_loopback() -> None:
    built = config()
    assert built["networking"] == {"apiServerAddress": "127.0.0.1"}
    (first, *others) = built["nodes"]  # type: ignore[misc]
    assert first["extraPortMappings"] == [
        {"containerPort": 80, "hostPort": 20001, "listenAddress": "127.0.0.1", "protocol": "TCP"},
        {"containerPort": 30080, "hostPort": 8080, "listenAddress": "127.0.0.1", "protocol": "TCP"},
    ]
    assert all("extraPortMappings" not in node for node in others)


def test_every_node_reads_the_registries_from_the_lab() -> None:
    mounts = {json.dumps(node["extraMounts"]) for node in config()["nodes"]}  # type: ignore[attr-defined]
    assert len(mounts) == 1
    (mount,) = json.loads(mounts.pop())
    assert (mount["hostPath"], mount["containerPath"], mount["readOnly"]) == (
        "/labs/blue/registries",
        "/etc/containerd/certs.d",
        True,
    )


def test_several_control_planes_and_no_worker() -> None:
    nodes = config(replace(SHAPE, control_planes=3, workers=0))["nodes"]
    assert [node["role"] for node in nodes] == ["control-plane"] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("image", "version"),
    [(IMAGE, "v1.36.4"), (f"kindest/node:v1.37.0@{DIGEST}", "v1.37.0"), (f"host:5000/node@{DIGEST}", "")],
)
def test_the_version_is_that_of_the_tag(image: str, version: str) -> None:
    assert replace(SHAPE, image=image).version == version


@pytest.mark.parametrize("image", ["", "kindest/node", "kindest/node:v1.36.4", "node@sha256:123", f"node@{DIGEST}0"])
def test_an_image_without_its_digest_is_refused(image: str) -> None:
    with pytest.raises(LabError, match=r"kind_cluster_image is .* with its digest"):
        replace(SHAPE, image=image)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"control_planes": 0}, "kind_cluster_control_planes"),
        ({"workers": -1}, "kind_cluster_workers"),
        ({"ports": (Port("a", 0),)}, "a has a port that is none"),
        ({"ports": (Port("a", 80, 70000),)}, "a has a port that is none"),
        ({"ports": (Port("a", 80), Port("a", 81))}, r"same name \(a\)"),
        ({"ports": (Port("a", 80), Port("b", 80))}, "same container_port"),
        ({"ports": (Port("a", 80, 90), Port("b", 81, 90))}, "same host_port"),
    ],
)
def test_shapes_that_cannot_be(changes: dict[str, object], said: str) -> None:
    with pytest.raises(LabError, match=said):
        replace(SHAPE, **changes)  # type: ignore[arg-type]


def test_a_port_may_be_used_by_both_protocols() -> None:
    replace(SHAPE, ports=(Port("a", 53, 53), Port("b", 53, 53, "UDP")))


# ---- Another wish for a cluster that is there


def recorded() -> dict[str, object]:
    """As it is in lab.json once the free port is chosen."""
    shape: dict[str, object] = json.loads(json.dumps(SHAPE.record()))
    shape["ports"]["ingress"][2] = 20001  # type: ignore[index]
    return shape


def test_the_same_wish_is_no_difference_whichever_port_was_free() -> None:
    assert kind_config.differences(recorded(), SHAPE) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"engine": "podman"}, "its engine is docker, wanted is podman"),
        ({"image": IMAGE.replace("1.36.4", "1.37.0")}, "its image is"),
        ({"control_planes": 3}, "its control_planes is 1, wanted is 3"),
        ({"workers": 1}, "its workers is 2, wanted is 1"),
        ({"ports": (*SHAPE.ports, Port("more", 81))}, "it maps no port more"),
        ({"ports": (Port("ingress", 81),)}, "its port ingress is [80, 'TCP', 20001], wanted is [81, 'TCP', 0]"),
        ({"ports": (Port("ingress", 80, 8080),)}, "its port ingress is"),
        ({"ports": (Port("ingress", 80, protocol="UDP"),)}, "its port ingress is"),
    ],
)
def test_what_cannot_be_changed_is_named(changes: dict[str, object], said: str) -> None:
    (found,) = kind_config.differences(recorded(), replace(SHAPE, **changes))  # type: ignore[arg-type]
    assert found.startswith(said)


def test_fewer_ports_are_no_reason_for_a_new_cluster() -> None:
    assert kind_config.differences(recorded(), replace(SHAPE, ports=())) == []


def test_the_same_image_from_another_registry_is_no_difference() -> None:
    elsewhere = replace(SHAPE, image=f"mirror.example.com/copies/kindest/node:v1.36.4@{DIGEST}")
    assert kind_config.differences(recorded(), elsewhere) == []


def test_a_record_that_says_nothing_differs_in_everything() -> None:
    assert len(kind_config.differences({}, SHAPE)) == 6


# ---- Registries


def test_mirrors_are_asked_in_order() -> None:
    files = kind_config.registry_files(
        [Mirror("registry.example.com:5000", ["https://a.example.com", "http://b:5000"])]
    )
    hosts = tomllib.loads(files["registry.example.com:5000/hosts.toml"])
    assert list(hosts["host"]) == ["https://a.example.com", "http://b:5000"]
    assert all(host == {"capabilities": ["pull", "resolve"]} for host in hosts["host"].values())
    # Without `server`, the registry itself is asked last.
    assert list(hosts) == ["host"]


def test_a_mirror_with_an_authority_of_its_own() -> None:
    files = kind_config.registry_files([Mirror("registry.example.com", ["https://a.example.com"], ca="PEM")])
    (host,) = tomllib.loads(files["registry.example.com/hosts.toml"])["host"].values()
    assert host["ca"] == "/etc/containerd/certs.d/registry.example.com/ca.crt"
    assert files["registry.example.com/ca.crt"] == "PEM"


def test_a_mirror_that_is_trusted_unseen() -> None:
    files = kind_config.registry_files([Mirror("registry.example.com", ["https://a.example.com"], verify=False)])
    (host,) = tomllib.loads(files["registry.example.com/hosts.toml"])["host"].values()
    assert host["skip_verify"] is True


@pytest.mark.parametrize(
    ("mirror", "said"),
    [
        (Mirror("../../etc", ["https://a"]), "give a host"),
        (Mirror("registry.example.com/library", ["https://a"]), "give a host"),
        (Mirror("registry.example.com", []), "has no endpoints"),
        (Mirror("registry.example.com", ["a.example.com"]), "give a whole URL"),
        (Mirror("registry.example.com", ["https://"]), "give a whole URL"),
    ],
)
def test_mirrors_that_cannot_be(mirror: Mirror, said: str) -> None:
    with pytest.raises(LabError, match=said):
        kind_config.registry_files([mirror])
