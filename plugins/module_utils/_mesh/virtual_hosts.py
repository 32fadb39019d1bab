# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host gets which routes, for each of the two listeners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .catalog import Catalog, Target
from .ingresses import Site
from .objects import DOMAIN, Notes, Tree
from .routes import MESH, Place, plain_route, routes
from .services import Service
from .virtual_services import VirtualService, own_hosts, speaking

INGRESS = "ingress"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
# What a client of a gateway calls, where a rule asks for the port.
_WEB = 80


class Domains:
    """Hosts that have routes already: Envoy refuses all routes when a host occurs twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, wanted: Sequence[str], notes: Notes | None = None) -> list[str]:
        """Those of `wanted` that nobody has; they are taken from now on."""
        found = [domain for domain in dict.fromkeys(wanted) if domain not in self._taken]
        self._taken.update(found)
        if notes and len(found) < len(wanted):
            notes.add(f"another object decides about {', '.join(sorted(set(wanted) - set(found)))}")
        return found


def mesh_routes(catalog: Catalog, rules: Sequence[VirtualService]) -> Tree:
    """For calls between services: every Service, and every other host that a VirtualService names."""
    domains, hosts = Domains(), []
    for service in catalog.services.values():
        hosts += list(_service_hosts(service, catalog, rules, domains))
    for host, rule in own_hosts(rules, MESH):
        if host in catalog.services or "*" in host:
            continue
        if host.endswith(f".{DOMAIN}"):
            rule.notes.add(f"hosts: there is no Service for {host}")
        free = domains.free([host, f"{host}:*"], rule.notes)
        hosts += _virtual_host(free, routes(rule.http, Place(catalog, MESH, _WEB, rule.namespace), rule.notes))
    return _configuration(MESH, hosts)


def _service_hosts(
    service: Service, catalog: Catalog, rules: Sequence[VirtualService], domains: Domains
) -> Iterator[Tree]:
    rule = speaking(rules, MESH, service.host, service.namespace)
    for number, port in enumerate(service.ports):
        names = list(_names(service))
        wanted = [f"{name}:{port.number}" for name in names] + (names if number == 0 else [])
        if rule and rule.http:
            found = routes(rule.http, Place(catalog, MESH, port.number, rule.namespace), rule.notes)
        else:
            found = [plain_route(catalog, Target(service.host, port.number))]
        yield from _virtual_host(domains.free(wanted), found)


def _names(service: Service) -> Iterator[str]:
    """All that a client may call a Service."""
    short = f"{service.name}.{service.namespace}"
    yield from (short, f"{short}.svc", f"{short}.{DOMAIN}")
    if service.namespace == "default":
        yield service.name


def ingress_routes(catalog: Catalog, rules: Sequence[VirtualService], sites: Sequence[Site]) -> Tree:
    """For clients from outside: hosts of VirtualServices that name a gateway, and those of Ingresses."""
    domains, hosts = Domains(), []
    for host, rule in own_hosts(rules, INGRESS):
        found = routes(rule.http, Place(catalog, INGRESS, _WEB, rule.namespace), rule.notes)
        hosts += _virtual_host(domains.free([host], rule.notes), found)
    for site in sites:
        hosts += _virtual_host(domains.free([site.host], site.notes), site.routes)
    # Clients call the listener's port, which no rule knows.
    return _configuration(INGRESS, hosts) | {"ignore_port_in_host_matching": True}


def _virtual_host(domains: list[str], found: list[Tree]) -> list[Tree]:
    return [{"name": domains[0], "domains": domains, "routes": found}] if domains else []


def _configuration(name: str, hosts: list[Tree]) -> Tree:
    return {"@type": ROUTES, "name": name, "virtual_hosts": hosts}
