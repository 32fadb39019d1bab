# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulator has to know of a pod, read from the object of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._lab.pod_network import port_of
from .._model.errors import InvalidRequest
from .._model.images import Image
from .._model.timestamps import parse_time

# Where a pod that declares no port listens.
_USUAL_PORT = 8080
_PORTS = range(1, 65536)
# Of Argo Rollouts' canaryMetadata and stableMetadata, by usual name.
_TRACK_LABELS = ("deployment", "role")
_TRACKS = ("stable", "canary")


@dataclass(frozen=True)
class Container:
    name: str
    image: str


@dataclass(frozen=True)
class Pod:
    """`ports`: where it listens on its loopback address. `started`: seconds since the epoch. `track`: stable,
    canary or empty. `annotations`: all of them."""

    uid: str
    namespace: str
    name: str
    node: str
    ip: str
    ports: tuple[int, ...]
    containers: tuple[Container, ...]
    version: str
    owner: str
    track: str
    annotations: Mapping[str, str]
    started: float
    running: bool
    ready: bool

    @property
    def title(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def seed(self) -> str:
        """The same for the pods of a ReplicaSet, and the same again when everything is made anew elsewhere."""
        return f"{self.owner}/{self.version}"

    @property
    def metrics_path(self) -> str:
        return self.annotations.get("prometheus.io/path", "/metrics")


def pod_of(found: Mapping[str, Any]) -> Pod:
    """From a v1.Pod."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    annotations = metadata.get("annotations") or {}
    containers = tuple(Container(item["name"], item.get("image", "")) for item in spec["containers"])
    running = status.get("phase") == "Running" and "deletionTimestamp" not in metadata
    # Of a pod in the node's own network: that address is not the pod's alone.
    ip = "" if spec.get("hostNetwork") else status.get("podIP", "")
    started = parse_time(status.get("startTime") or metadata["creationTimestamp"])
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        node=spec.get("nodeName", ""),
        ip=ip,
        ports=_ports(spec, annotations),
        containers=containers,
        version=_version(containers[0].image),
        owner=next((owner["name"] for owner in metadata.get("ownerReferences") or []), metadata["name"]),
        track=_track(metadata.get("labels") or {}),
        annotations=annotations,
        started=started.timestamp() if started else 0.0,
        running=running,
        ready=running and bool(ip) and _is_ready(status),
    )


def _is_ready(status: Mapping[str, Any]) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or [])


def _ports(spec: Mapping[str, Any], annotations: Mapping[str, str]) -> tuple[int, ...]:
    declared = [port for container in spec["containers"] for port in container.get("ports") or []]
    numbers = [port["containerPort"] for port in declared if port.get("protocol", "TCP") == "TCP"]
    for_metrics = annotations.get("prometheus.io/port", "")
    further = [int(for_metrics)] if for_metrics.isdecimal() and int(for_metrics) in _PORTS else []
    return tuple(sorted({port_of(number) for number in (numbers or [_USUAL_PORT]) + further}))


def _version(image: str) -> str:
    try:
        return Image.parse(image).tag or "latest"
    except InvalidRequest:  # no runtime would pull it, but nothing is pulled here
        return "latest"


def _track(labels: Mapping[str, str]) -> str:
    return next((labels[name] for name in _TRACK_LABELS if labels.get(name) in _TRACKS), "")
