# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio: the routes of VirtualServices and the subsets of DestinationRules that a canary needs.

Mirrors ``ValidateVirtualService`` (``validation_references.go``) and ``rollout/trafficrouting/istio/istio.go``.
"""

from __future__ import annotations

from collections.abc import Iterator

from .bundle import DESTINATION_RULE, VIRTUAL_SERVICE, Bundle
from .places import Finding, Place
from .references import missing

_PROTOCOLS = ("http", "tls", "tcp")
_DOMAIN = ".cluster.local"


def check_istio(bundle: Bundle) -> Iterator[Finding]:
    for rollout in bundle.ours("Rollout"):
        canary = rollout.at("spec", "strategy", "canary")
        istio = canary.at("trafficRouting", "istio")
        if istio.given:
            yield from _check_names(istio)
            yield from _check_virtual_services(bundle, canary, istio)
            yield from _check_destination_rule(bundle, istio)


def _check_names(istio: Place) -> Iterator[Finding]:
    if istio.at("virtualService").given == istio.at("virtualServices").given:
        yield istio.finding("virtual-service-names", "istio needs exactly one of virtualService and virtualServices")


def _check_virtual_services(bundle: Bundle, canary: Place, istio: Place) -> Iterator[Finding]:
    for reference in [istio.at("virtualService"), *istio.at("virtualServices").items()]:
        name = reference.at("name")
        if not name.text:
            continue
        # The last part is the namespace, as a namespace has no dot.
        called, _sep, namespace = name.text.removesuffix(_DOMAIN).rpartition(".")
        called, namespace = (called, namespace) if called else (namespace, istio.document.namespace)
        yield from missing(bundle, VIRTUAL_SERVICE, name, namespace, "missing-virtual-service", called)
        service = bundle.find(VIRTUAL_SERVICE, namespace, called)
        if service is not None:
            yield from _check_routes(canary, istio, reference, service)


def _check_routes(canary: Place, istio: Place, reference: Place, service: Place) -> Iterator[Finding]:
    spec = service.at("spec")
    if not any(isinstance(spec.at(protocol).value, list) for protocol in _PROTOCOLS):
        text = f"{service.document.label} has no routes of http, tls or tcp"
        yield spec.finding("virtual-service-routes", text)
    for protocol in _PROTOCOLS:
        routes = spec.at(protocol).items()
        if not routes:
            continue
        chosen, problem = _choose(canary, reference, protocol, routes)
        if problem:
            yield reference.at("name").finding("virtual-service-routes", f"{service.document.label} {problem}")
        for route in chosen:
            yield from _check_destinations(canary, istio, route)
            yield from _check_weights(route)


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


def _check_destination_rule(bundle: Bundle, istio: Place) -> Iterator[Finding]:
    reference = istio.at("destinationRule")
    canary, stable = reference.at("canarySubsetName"), reference.at("stableSubsetName")
    if canary.text and canary.text == stable.text:
        yield stable.finding("destination-rule-subset", f"both subsets are called {stable.text}, and two are needed")
    name, namespace = reference.at("name"), istio.document.namespace
    if not name.text:
        return
    yield from missing(bundle, DESTINATION_RULE, name, namespace, "missing-destination-rule")
    rule = bundle.find(DESTINATION_RULE, namespace, name.text)
    if rule is None:
        return
    subsets = {subset.at("name").text for subset in rule.at("spec", "subsets").items()}
    for subset in (canary, stable):
        if subset.text and subset.text not in subsets:
            text = f"the DestinationRule {name.text} has no subset {subset.text}"
            yield subset.finding("destination-rule-subset", text)
