# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is to send requests to: Services, their subsets, and the pods behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .destination_rules import Balancing, Rule
from .objects import Notes, Object, full_host
from .services import Pod, Service, behind, matches


@dataclass(frozen=True)
class Target:
    """A port of a host, or of a subset of it; the unit that Envoy calls a cluster."""

    host: str
    port: int
    subset: str = ""

    @property
    def cluster(self) -> str:
        """Istio's name for it."""
        return f"outbound|{self.port}|{self.subset}|{self.host}"


@dataclass
class Catalog:
    """`services` and `rules` by full host, `pods` by namespace.

    `strangers`: targets that a rule names and that do not exist. Envoy gets an empty cluster for each, so
    that their share of the requests fails as it does in Istio, and is counted.
    """

    services: Mapping[str, Service]
    rules: Mapping[str, Rule]
    pods: Mapping[str, Sequence[Pod]]
    strangers: dict[Target, None] = field(default_factory=dict)

    def targets(self) -> Iterator[Target]:
        """All that exist."""
        for host, service in self.services.items():
            for port in service.ports:
                yield Target(host, port.number)
                for subset in self._rule(host).subsets:
                    yield Target(host, port.number, subset)

    def resolve(self, destination: Object, namespace: str, port: int, notes: Notes) -> Target:
        """The target of a destination in a rule of `namespace`; `port` is the one that was called."""
        host = full_host(str(destination.get("host", "")), namespace)
        service = self.services.get(host)
        number = int((destination.get("port") or {}).get("number") or 0)
        target = Target(host, number or _usual_port(service, port), str(destination.get("subset") or ""))
        missing = self._missing(target, service)
        if missing:
            notes.add(f"{missing}: its share of the requests gets 503")
            self.strangers[target] = None
        return target

    def balancing(self, target: Target) -> Balancing:
        rule = self._rule(target.host)
        subset = rule.subsets.get(target.subset)
        return subset.balancing if subset else rule.balancing

    def members(self, target: Target) -> list[tuple[Pod, int]]:
        """The pods of a target that exists, each with the container's port that is called."""
        service = self.services[target.host]
        port = service.port(target.port)
        if port is None:
            raise AssertionError("a target that exists has its port")
        subset = self._rule(target.host).subsets.get(target.subset)
        labels = subset.labels if subset else {}
        pods = [pod for pod in behind(service, self.pods.get(service.namespace, ())) if matches(labels, pod.labels)]
        found = [(pod, pod.port(port.target)) for pod in pods]
        return [(pod, number) for pod, number in found if number is not None]

    def _missing(self, target: Target, service: Service | None) -> str:
        if service is None:
            return f"there is no Service for the host {target.host}"
        if service.port(target.port) is None:
            return f"Service {service.namespace}/{service.name} has no port {target.port}"
        if target.subset and target.subset not in self._rule(target.host).subsets:
            return f"no DestinationRule for {target.host} has the subset {target.subset}"
        return ""

    def _rule(self, host: str) -> Rule:
        return self.rules.get(host, Rule())


def _usual_port(service: Service | None, called: int) -> int:
    """Where a destination does not say: the only port, or the one that was called."""
    if service and (len(service.ports) == 1 or not service.port(called)):
        return service.ports[0].number if service.ports else called
    return called
