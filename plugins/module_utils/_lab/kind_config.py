# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kind cluster shall be, and the files that say so to kind and to the nodes' containerd. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .errors import LabError

_IMAGE = re.compile(r"(?P<name>[^@\s]+)@sha256:[0-9a-f]{64}")
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?")
LOOPBACK = "127.0.0.1"
# Where the nodes' containerd looks for how to reach a registry; read anew at each pull.
REGISTRIES = "/etc/containerd/certs.d"


@dataclass(frozen=True)
class Port:
    """A port of the first node that this machine answers on. `host` 0: a free one, which the lab keeps."""

    name: str
    container: int
    host: int = 0
    protocol: str = "TCP"


@dataclass(frozen=True)
class Mirror:
    """What answers for a registry, tried in order before the registry itself. `ca`: PEM text to trust it by."""

    registry: str
    endpoints: Sequence[str]
    ca: str = ""
    verify: bool = True


@dataclass(frozen=True)
class Shape:
    """What of a cluster is decided when it is made, for its life."""

    engine: str
    image: str
    control_planes: int = 1
    workers: int = 2
    ports: Sequence[Port] = field(default=())

    def __post_init__(self) -> None:
        if not _IMAGE.fullmatch(self.image):
            raise LabError(
                f"kind_cluster_image is {self.image!r}: name it with its digest (name:tag@sha256:...), as the release "
                "notes of kind do; what is behind a tag changes"
            )
        if self.control_planes < 1 or self.workers < 0:
            raise LabError("kind_cluster_control_planes is at least 1, and kind_cluster_workers at least 0")
        _check_ports(self.ports)

    @property
    def version(self) -> str:
        """Of Kubernetes, by the image's tag; empty if it has none."""
        name = self.image.partition("@")[0].rpartition("/")[2]
        return name.partition(":")[2]

    def record(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "image": self.image,
            "control_planes": self.control_planes,
            "workers": self.workers,
            "ports": {port.name: [port.container, port.protocol, port.host] for port in self.ports},
        }


def _check_ports(ports: Sequence[Port]) -> None:
    for port in ports:
        if not (0 < port.container < 65536 and 0 <= port.host < 65536):
            raise LabError(f"kind_cluster_ports: {port.name} has a port that is none; they go from 1 to 65535")
    listed: tuple[tuple[str, list[Any]], ...] = (
        ("name", [port.name for port in ports]),
        ("container_port", [(port.container, port.protocol) for port in ports]),
        ("host_port", [(port.host, port.protocol) for port in ports if port.host]),
    )
    for what, keys in listed:
        twice = [key for key in keys if keys.count(key) > 1]
        if twice:
            raise LabError(f"kind_cluster_ports has two entries of the same {what} ({twice[0]})")


def differences(recorded: Mapping[str, Any], wanted: Shape) -> list[str]:
    """What the cluster is and what it shall be, where that differs. A host port of 0 is content with any."""
    now = wanted.record()
    found = [
        f"its {key} is {recorded.get(key)}, wanted is {now[key]}"
        for key in ("engine", "image", "control_planes", "workers")
        if _essence(recorded.get(key)) != _essence(now[key])
    ]
    return found + _port_differences(recorded.get("ports") or {}, now["ports"])


def _essence(value: object) -> object:
    """Of an image its last name with tag and digest: it is the same one, whichever registry it comes from."""
    return value.rpartition("/")[2] if isinstance(value, str) else value


def _port_differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    found = [f"it maps no port {name}" for name in wanted if name not in recorded]
    # More ports than wanted harm nobody.
    for name in wanted.keys() & recorded.keys():
        before, now = list(recorded[name]), list(wanted[name])
        if before[:2] != now[:2] or now[2] not in (0, before[2]):
            found.append(f"its port {name} is {before}, wanted is {now}")
    return sorted(found)


def cluster(name: str, shape: Shape, host_ports: Mapping[str, int], registries: str) -> str:
    """The text of kind's `Cluster` (v1alpha4), as JSON. `registries`: the folder of `registry_files` here."""
    mounts = [{"hostPath": registries, "containerPath": REGISTRIES, "readOnly": True}]
    nodes: list[dict[str, Any]] = [
        {"role": role, "image": shape.image, "extraMounts": mounts}
        for role in ["control-plane"] * shape.control_planes + ["worker"] * shape.workers
    ]
    # What ingress controllers for kind choose their node by.
    nodes[0]["labels"] = {"ingress-ready": "true"}
    nodes[0]["extraPortMappings"] = [
        {
            "containerPort": port.container,
            "hostPort": host_ports[port.name],
            "listenAddress": LOOPBACK,
            "protocol": port.protocol,
        }
        for port in shape.ports
    ]
    config = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "name": name,
        "networking": {"apiServerAddress": LOOPBACK},
        "nodes": nodes,
    }
    return json.dumps(config, indent=2) + "\n"


def registry_files(mirrors: Sequence[Mirror]) -> dict[str, str]:
    """Path -> text below the folder of registries: one hosts.toml for each, beside the authority to trust."""
    files = {}
    for mirror in mirrors:
        _check_mirror(mirror)
        files[f"{mirror.registry}/hosts.toml"] = "\n".join(_host(mirror, endpoint) for endpoint in mirror.endpoints)
        if mirror.ca:
            files[f"{mirror.registry}/ca.crt"] = mirror.ca
    return files


def _check_mirror(mirror: Mirror) -> None:
    if not _REGISTRY.fullmatch(mirror.registry):
        raise LabError(f"kind_cluster_mirrors: registry is {mirror.registry!r}; give a host, or host:port, and no path")
    if not mirror.endpoints:
        raise LabError(f"kind_cluster_mirrors: {mirror.registry} has no endpoints")
    for endpoint in mirror.endpoints:
        if urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).hostname:
            raise LabError(f"kind_cluster_mirrors: {mirror.registry} has the endpoint {endpoint!r}; give a whole URL")


def _host(mirror: Mirror, endpoint: str) -> str:
    # JSON strings are TOML strings.
    lines = [f"[host.{json.dumps(endpoint)}]", 'capabilities = ["pull", "resolve"]']
    if mirror.ca:
        lines.append(f"ca = {json.dumps(f'{REGISTRIES}/{mirror.registry}/ca.crt')}")
    if not mirror.verify:
        lines.append("skip_verify = true")
    return "\n".join(lines) + "\n"
