# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio: the routes of VirtualServices that a canary needs, and where they send to.

Mirrors ``ValidateVirtualService`` (``validation_references.go``) and ``rollout/trafficrouting/istio/istio.go``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .bundle import VIRTUAL_SERVICE, Bundle
from .destination_rules import Destination, check_destination_rule
from .places import Finding, Place
from .references import missing

_PROTOCOLS = ("http", "tls", "tcp")
_DOMAIN = ".cluster.local"


@dataclass(frozen=True)
class _Used:
    """A VirtualService that a Rollout names at ``reference``; ``service`` is None where it is not here."""

    reference: Place
    namespace: str
    called: str
    service: Place | None


def check_istio(bundle: Bundle) -> Iterator[Finding]:
    for rollout in bundle.ours("Rollout"):
        canary = rollout.at("spec", "strategy", "canary")
        istio = canary.at("trafficRouting", "istio")
        if istio.given:
            used = list(_used(bundle, istio))
            yield from _check_names(istio)
            yield from _check_virtual_services(bundle, canary, istio, used)
            destinations = _destinations(canary, used)
            yield from check_destination_rule(bundle, rollout, istio.at("destinationRule"), destinations)


def _check_names(istio: Place) -> Iterator[Finding]:
    if istio.at("virtualService").given == istio.at("virtualServices").given:
        yield istio.finding("virtual-service-names", "istio needs exactly one of virtualService and virtualServices")


def _used(bundle: Bundle, istio: Place) -> Iterator[_Used]:
    for reference in [istio.at("virtualService"), *istio.at("virtualServices").items()]:
        name = reference.at("name").text
        if name:
            # The last part is the namespace, as a namespace has no dot.
            called, _sep, namespace = name.removesuffix(_DOMAIN).rpartition(".")
            called, namespace = (called, namespace) if called else (namespace, istio.document.namespace)
            yield _Used(reference, namespace, called, bundle.find(VIRTUAL_SERVICE, namespace, called))


def _check_virtual_services(bundle: Bundle, canary: Place, istio: Place, used: Sequence[_Used]) -> Iterator[Finding]:
    for one in used:
        name = one.reference.at("name")
        yield from missing(bundle, VIRTUAL_SERVICE, name, one.namespace, "missing-virtual-service", one.called)
        if one.service is not None:
            yield from _check_routes(canary, istio, one.reference, one.service)


def _check_routes(canary: Place, istio: Place, reference: Place, service: Place) -> Iterator[Finding]:
    spec = service.at("spec")
    if not any(isinstance(spec.at(protocol).value, list) for protocol in _PROTOCOLS):
        text = f"{service.document.label} has no routes of http, tls or tcp"
        yield spec.finding("virtual-service-routes", text)
    for chosen, problem in _choices(canary, reference, service):
        if problem:
            yield reference.at("name").finding("virtual-service-routes", f"{service.document.label} {problem}")
        for route in chosen:
            yield from _check_destinations(canary, istio, route)
            yield from _check_weights(route)


def _destinations(canary: Place, used: Sequence[_Used]) -> list[Destination]:
    """Where the chosen routes send to; none where one of them is not known, as it may send anywhere."""
    found = []
    for one in used:
        if one.service is None:
            return []
        # Whoever applies a document without a namespace has to apply it where the Rollout looks.
        namespace = one.service.document.namespace or one.namespace
        for chosen, problem in _choices(canary, one.reference, one.service):
            if problem:
                return []
            ways = [way.at("destination") for route in chosen for way in route.at("route").items()]
            found += [Destination(way, namespace) for way in ways]
    return found


def _choices(canary: Place, reference: Place, service: Place) -> Iterator[tuple[list[Place], str]]:
    """For each protocol that it has: the routes whose weights the controller writes, and what is wrong with them."""
    for protocol in _PROTOCOLS:
        routes = service.at("spec", protocol).items()
        if routes:
            yield _choose(canary, reference, protocol, routes)


def _choose(canary: Place, reference: Place, protocol: str, routes: list[Place]) -> tuple[list[Place], str]:
    """The routes whose weights the controller writes, and what is wrong with the choice."""
    if protocol != "http":
        return _choose_by_port(reference, protocol, routes)
    names = [item.text for item in reference.at("routes").items()]
    if not names:
        managed = {item.at("name").text for item in canary.at("trafficRouting", "managedRoutes").items()}
        own = [route for route in routes if route.at("name").text not in managed]
        if len(own) > 1:
            return [], f"has {len(own)} routes of http, and none is chosen by {reference.label}.routes"
        return [route for route in routes if len(routes) == 1 or not route.at("name").text][:1], ""
    known = {route.at("name").text: route for route in reversed(routes)}
    lost = [name for name in names if name not in known]
    problem = f"has no route of http that is called {lost[0]!r}" if lost else ""
    return [known[name] for name in names if name in known], problem


def _choose_by_port(reference: Place, protocol: str, routes: list[Place]) -> tuple[list[Place], str]:
    wanted = reference.at(f"{protocol}Routes").items()
    if not wanted:
        if len(routes) > 1:
            return (
                [],
                f"has {len(routes)} routes of {protocol}, and none is chosen by {reference.label}.{protocol}Routes",
            )
        return routes, ""
    chosen: list[Place] = []
    for item in wanted:
        fitting = [route for route in routes if _fits(item, route)]
        if not fitting:
            return chosen, f"has no route of {protocol} that fits {item.label}"
        chosen += fitting
    return chosen, ""


def _fits(wanted: Place, route: Place) -> bool:
    """A route fits by its one port, and by its SNI hosts where there are any; 0 is no port (``searchTlsRoute``)."""
    ports = {match.at("port").number or 0 for match in route.at("match").items()}
    hosts = {host.text for match in route.at("match").items() for host in match.at("sniHosts").items()}
    sought = {host.text for host in wanted.at("sniHosts").items()}
    return len(ports) <= 1 and (ports or {0}) == {wanted.at("port").number or 0} and sought == hosts


def _check_destinations(canary: Place, istio: Place, route: Place) -> Iterator[Finding]:
    """Both versions need a destination: by subset where there is a DestinationRule, by host otherwise."""
    destinations = [item.at("destination") for item in route.at("route").items()]
    rule = istio.at("destinationRule")
    if rule.given:
        present = {destination.at("subset").text for destination in destinations}
        needed = [rule.at("canarySubsetName"), rule.at("stableSubsetName")]
        what = "subset"
    else:
        present = {destination.at("host").text.partition(".")[0] for destination in destinations}
        needed = _services(canary)
        what = "host"
    for name in needed:
        if not name.text or name.text not in present:
            text = f"the route has no destination with the {what} {name.text!r} ({name.key} of {canary.document.label})"
            yield route.finding("virtual-service-routes", text)


def _services(canary: Place) -> list[Place]:
    """The canary's and the stable one's (``GetStableAndCanaryServices``)."""
    both = [canary.at("canaryService"), canary.at("stableService")]
    if canary.at("pingPong").given and not any(place.text for place in both):
        return [canary.at("pingPong", "pingService"), canary.at("pingPong", "pongService")]
    return both


def _check_weights(route: Place) -> Iterator[Finding]:
    weights = [item.at("weight") for item in route.at("route").items()]
    total = sum(weight.number or 0 for weight in weights)
    if any(weight.given for weight in weights) and total != 100:
        yield route.finding("virtual-service-weights", f"the weights of the route add up to {total}, not to 100")
