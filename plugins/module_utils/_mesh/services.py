# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services, and the pods that stand behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .objects import Object, name_of, namespace_of, service_host


@dataclass(frozen=True)
class ServicePort:
    """`target`: a container's port, by number or by name."""

    number: int
    target: int | str
    name: str = ""


@dataclass(frozen=True)
class Service:
    """What of a Service decides where its requests go. Without a selector, nothing is behind it."""

    namespace: str
    name: str
    ports: tuple[ServicePort, ...]
    selector: Mapping[str, str]

    @classmethod
    def parse(cls, found: Object) -> Service:
        spec = found.get("spec") or {}
        ports = tuple(
            ServicePort(int(port["port"]), port.get("targetPort") or int(port["port"]), port.get("name") or "")
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        )
        return cls(namespace_of(found), name_of(found), ports, spec.get("selector") or {})

    @property
    def host(self) -> str:
        return service_host(self.name, self.namespace)

    def port(self, number: int) -> ServicePort | None:
        return next((port for port in self.ports if port.number == number), None)


@dataclass(frozen=True)
class Pod:
    """A pod that takes requests. `ports`: the containers' ports that have a name."""

    namespace: str
    name: str
    ip: str
    labels: Mapping[str, str]
    ports: Mapping[str, int]
    workload: str

    @classmethod
    def parse(cls, found: Object) -> Pod | None:
        """None for one that is not ready, or is on its way out."""
        status = found.get("status") or {}
        if not status.get("podIP") or not _ready(status) or found["metadata"].get("deletionTimestamp"):
            return None
        labels = found["metadata"].get("labels") or {}
        return cls(namespace_of(found), name_of(found), status["podIP"], labels, _named_ports(found), _workload(found))

    def port(self, target: int | str) -> int | None:
        """The container's port that a Service's targetPort means; None for a name that this pod has not."""
        return target if isinstance(target, int) else self.ports.get(target)

    def identity(self) -> dict[str, str]:
        """What Istio's metrics say about it."""
        labels = self.labels
        app = labels.get("app") or labels.get("app.kubernetes.io/name")
        version = labels.get("version") or labels.get("app.kubernetes.io/version")
        name = labels.get("service.istio.io/canonical-name") or labels.get("app.kubernetes.io/name") or app
        revision = labels.get("service.istio.io/canonical-revision") or labels.get("app.kubernetes.io/version")
        return {
            "workload": self.workload,
            "namespace": self.namespace,
            "app": app or "unknown",
            "version": version or "unknown",
            "canonical_service": name or self.workload,
            "canonical_revision": revision or version or "latest",
        }


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def behind(service: Service, pods: Iterable[Pod]) -> list[Pod]:
    """The pods of a Service, out of those of its namespace."""
    return [pod for pod in pods if matches(service.selector, pod.labels)] if service.selector else []


def _ready(status: Object) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or ())


def _named_ports(found: Object) -> dict[str, int]:
    containers = found["spec"].get("containers") or ()
    ports = [port for container in containers for port in container.get("ports") or ()]
    return {port["name"]: int(port["containerPort"]) for port in ports if port.get("name")}


def _workload(found: Object) -> str:
    """The name that Istio gives to what made the pod: a Deployment's or a Rollout's, not its ReplicaSet's.

    The ReplicaSet of an Experiment does not end with the hash that its pods carry: it keeps its name.
    """
    metadata = found["metadata"]
    owner = next((item for item in metadata.get("ownerReferences") or () if item.get("controller")), None)
    if owner is None:
        return name_of(found)
    name = str(owner["name"])
    if owner["kind"] != "ReplicaSet":
        return name
    labels = metadata.get("labels") or {}
    hashes = (labels.get("pod-template-hash"), labels.get("rollouts-pod-template-hash"))
    suffix = next((f"-{found}" for found in hashes if found and name.endswith(f"-{found}")), "")
    return name.removesuffix(suffix)
