# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the objects of a traffic router say: which routes there are, and how much each sends where.

Chooses routes and destinations by the names that the controller of v1.10 goes by (``rollout/trafficrouting``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .rollout import BLUE_GREEN, CANARY, HASH_LABEL, Rollout

Raw = Mapping[str, Any]

VIRTUAL_SERVICE, DESTINATION_RULE = "VirtualService", "DestinationRule"
SERVICE, INGRESS, TRAEFIK_SERVICE = "Service", "Ingress", "TraefikService"

# The routers whose objects we understand; any other is named as not read.
READ = ("istio", "nginx", "alb", "traefik")

STABLE = "stable"
WEIGHTED, HEADER, MIRROR, PREVIEW, OTHER = "weighted", "header", "mirror", "preview", "other"
_CANARY_SUFFIX = "-canary"


@dataclass(frozen=True)
class Ref:
    """An object by kind and name; an empty name stands for all of the namespace."""

    kind: str
    namespace: str
    name: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.name else f"{self.kind}s of {self.namespace}"


@dataclass(frozen=True)
class Unread:
    """Why an object could not be read."""

    reason: str
    message: str


# None: it is not there.
Seen: TypeAlias = "Mapping[Ref, Raw | Unread | None]"


@dataclass(frozen=True)
class Target:
    """Where a route leads. ``weight`` in percent, ``hash`` of the pods behind it; empty where nothing says so.

    ``role`` is stable or canary, the Service of an experiment's arm, or empty for anything else.
    """

    role: str
    service: str
    subset: str
    weight: float
    hash: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"subset {self.subset}" if self.subset else f"Service {self.service}"


@dataclass(frozen=True)
class Route:
    """One route. Those that are WEIGHTED have the weights that the controller sets."""

    ref: Ref
    protocol: str
    name: str
    role: str
    targets: tuple[Target, ...]
    mirror: Target | None = None
    match: Sequence[Any] = ()

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.ref.label}, {self.protocol} route {self.name}" if self.name else self.ref.label


@dataclass(frozen=True)
class Sight:
    """A Rollout with the objects that ``wanted`` names."""

    rollout: Rollout
    seen: Seen

    def get(self, ref: Ref | None) -> Raw | None:
        """The object, if the Rollout names one, and it is there and could be read."""
        found = self.seen.get(ref) if ref else None
        return None if isinstance(found, Unread) else found

    def service_hash(self, name: str) -> str:
        """The hash that a Service of the Rollout's namespace selects."""
        found = self.get(service_ref(self.rollout, name))
        return str(((found or {}).get("spec") or {}).get("selector", {}).get(HASH_LABEL, ""))

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes that lead to the Rollout's versions, those of the controller first."""
        found = list(self._routes())
        return tuple(sorted(found, key=lambda route: route.role != WEIGHTED))

    def _routes(self) -> Iterator[Route]:
        if self.rollout.strategy == BLUE_GREEN:
            yield from _blue_green_routes(self)
        yield from _istio_routes(self)
        yield from _nginx_routes(self)
        yield from _alb_routes(self)
        yield from _traefik_routes(self)


# -- what is to be read


def routing_of(rollout: Rollout) -> Raw:
    """``trafficRouting`` of the strategy."""
    return rollout.strategy_spec.get("trafficRouting") or {} if rollout.strategy == CANARY else {}


def routers_of(rollout: Rollout) -> tuple[str, ...]:
    """The keys of the routers that the Rollout has: istio, nginx, ..., and for plugins their own names."""
    routing = routing_of(rollout)
    settings = ("managedRoutes", "maxTrafficWeight", "plugins")
    known = tuple(name for name, body in routing.items() if name not in settings and body is not None)
    return known + tuple(routing.get("plugins") or ())


def wanted(rollout: Rollout) -> tuple[Ref, ...]:
    """The objects that tell where the Rollout's traffic goes; each once."""
    services = (service_ref(rollout, name) for name in _service_names(rollout) if name)
    rule = destination_rule_ref(rollout)
    stable = (_ingress(rollout, name) for name in _nginx_ingresses(routing_of(rollout)))
    return tuple(dict.fromkeys((*services, *([rule] if rule else []), *stable, *weighing(rollout))))


def weighing(rollout: Rollout) -> tuple[Ref, ...]:
    """The objects that have the weights which the controller sets."""
    routing = routing_of(rollout)
    canaries = (_ingress(rollout, _canary_ingress(rollout, name)) for name in _nginx_ingresses(routing))
    balancers = (_ingress(rollout, name) for name in _alb_ingresses(routing))
    traefik = _traefik_ref(rollout)
    virtual_services = (_virtual_service_ref(rollout, item) for item in _virtual_services(rollout))
    return (*virtual_services, *canaries, *balancers, *([traefik] if traefik else []))


def _service_names(rollout: Rollout) -> Iterator[str]:
    strategy = rollout.strategy_spec
    for field in ("stableService", "canaryService", "activeService", "previewService"):
        yield strategy.get(field) or ""
    for field in ("pingService", "pongService"):
        yield (strategy.get("pingPong") or {}).get(field) or ""
    yield from (item.get("serviceName") or "" for item in additional(rollout))


def service_ref(rollout: Rollout, name: str) -> Ref:
    """A Service of the Rollout's namespace."""
    return Ref(SERVICE, rollout.namespace, name)


def additional(rollout: Rollout) -> Sequence[Raw]:
    """The arms of the current experiment that get a weight: ``serviceName``, ``podTemplateHash``, ``weight``."""
    return (rollout.weights or {}).get("additional") or ()


def services_of(rollout: Rollout, *, prefer_ping_pong: bool = False) -> tuple[str, str]:
    """Names of the stable and the canary Service (``GetStableAndCanaryServices``); empty where there is none."""
    strategy = rollout.strategy_spec
    stable, canary = strategy.get("stableService") or "", strategy.get("canaryService") or ""
    pair = strategy.get("pingPong")
    if pair is not None and (prefer_ping_pong or not (stable or canary)):
        ping, pong = pair.get("pingService") or "", pair.get("pongService") or ""
        return (ping, pong) if rollout.stable_is_ping else (pong, ping)
    return stable, canary


# -- Istio


def _virtual_services(rollout: Rollout) -> Sequence[Raw]:
    istio = routing_of(rollout).get("istio") or {}
    one = istio.get("virtualService")
    return istio.get("virtualServices") or ([one] if one else [])


def _virtual_service_ref(rollout: Rollout, configured: Raw) -> Ref:
    """``GetVirtualServiceNamespaceName``: what stands behind the last dot is a namespace."""
    name, _sep, namespace = str(configured.get("name") or "").removesuffix(".cluster.local").rpartition(".")
    return Ref(VIRTUAL_SERVICE, namespace, name) if name else Ref(VIRTUAL_SERVICE, rollout.namespace, namespace)


def _rule(rollout: Rollout) -> Raw:
    return (routing_of(rollout).get("istio") or {}).get("destinationRule") or {}


def destination_rule_ref(rollout: Rollout) -> Ref | None:
    """The DestinationRule whose subsets the controller keeps."""
    name = _rule(rollout).get("name")
    return Ref(DESTINATION_RULE, rollout.namespace, name) if name else None


def subsets(sight: Sight) -> Mapping[str, Raw]:
    """The DestinationRule's subsets by name."""
    found = sight.get(destination_rule_ref(sight.rollout))
    return {item.get("name", ""): item for item in ((found or {}).get("spec") or {}).get("subsets") or ()}


def subset_names(rollout: Rollout) -> tuple[str, str]:
    """Names of the stable and the canary subset."""
    rule = _rule(rollout)
    return rule.get("stableSubsetName") or "", rule.get("canarySubsetName") or ""


def _istio_routes(sight: Sight) -> Iterator[Route]:
    for configured in _virtual_services(sight.rollout):
        ref = _virtual_service_ref(sight.rollout, configured)
        spec = (sight.get(ref) or {}).get("spec") or {}
        for protocol, choose in (("http", _chosen_http), ("tls", _chosen_tls), ("tcp", _chosen_tcp)):
            routes = spec.get(protocol) or ()
            chosen = choose(configured, routes)
            for index, route in enumerate(routes):
                role = _role(sight.rollout, route) or (WEIGHTED if index in chosen else OTHER)
                made = _istio_route(sight, ref, protocol, index, route, role)
                if role != OTHER or any(target.role for target in made.targets):
                    yield made


def _role(rollout: Rollout, route: Raw) -> str:
    """What the steps setHeaderRoute and setMirrorRoute have made."""
    managed = {item.get("name") for item in routing_of(rollout).get("managedRoutes") or ()}
    if not route.get("name") or route["name"] not in managed:
        return ""
    return MIRROR if route.get("mirror") else HEADER


def _istio_route(sight: Sight, ref: Ref, protocol: str, index: int, route: Raw, role: str) -> Route:
    targets = route.get("route") or ()
    mirror = route.get("mirror")
    share = (route.get("mirrorPercentage") or {}).get("value", 100)
    return Route(
        ref=ref,
        protocol=protocol,
        name=route.get("name") or str(index),
        role=role,
        # To Istio the weight of an only destination does not matter.
        targets=tuple(
            _istio_target(sight, item.get("destination") or {}, 100 if len(targets) == 1 else item.get("weight") or 0)
            for item in targets
        ),
        mirror=_istio_target(sight, mirror, share) if mirror else None,
        match=route.get("match") or (),
    )


def _istio_target(sight: Sight, destination: Raw, weight: float) -> Target:
    """By the short name of the host, as the controller does."""
    host, subset = str(destination.get("host") or "").partition(".")[0], destination.get("subset") or ""
    labels = (subsets(sight).get(subset) or {}).get("labels") or {} if _is_rule_host(sight, host) else {}
    found = labels.get(HASH_LABEL) or sight.service_hash(host)
    return Target(_target_role(sight.rollout, host, subset), host, subset, weight, found)


def _is_rule_host(sight: Sight, host: str) -> bool:
    rule = sight.get(destination_rule_ref(sight.rollout)) or {}
    return str((rule.get("spec") or {}).get("host") or "").partition(".")[0] == host


def _target_role(rollout: Rollout, host: str, subset: str) -> str:
    """In the controller's order (``processRoutes``)."""
    stable, canary = services_of(rollout)
    stable_subset, canary_subset = subset_names(rollout)
    if not host:
        return ""
    if host == canary or (subset and subset == canary_subset):
        return CANARY
    if host == stable or (subset and subset == stable_subset):
        return STABLE
    return host if any(item.get("serviceName") == host for item in additional(rollout)) else ""


def _chosen_http(configured: Raw, routes: Sequence[Raw]) -> frozenset[int]:
    """``getHttpRouteIndexesToPatch``: those named, or the only one, or the first without a name."""
    named = configured.get("routes") or ()
    if named:
        found = (next((at for at, route in enumerate(routes) if route.get("name") == name), -1) for name in named)
        return frozenset(found)
    if len(routes) == 1:
        return frozenset({0})
    return frozenset([at for at, route in enumerate(routes) if not route.get("name")][:1])


def _chosen_tls(configured: Raw, routes: Sequence[Raw]) -> frozenset[int]:
    asked = [
        (item.get("port") or 0, frozenset(item.get("sniHosts") or ())) for item in configured.get("tlsRoutes") or ()
    ]
    return (
        frozenset(at for at, route in enumerate(routes) if (_port(route), _hosts(route)) in asked) if asked else _FIRST
    )


def _chosen_tcp(configured: Raw, routes: Sequence[Raw]) -> frozenset[int]:
    asked = [item.get("port") or 0 for item in configured.get("tcpRoutes") or ()]
    return frozenset(at for at, route in enumerate(routes) if _port(route) in asked) if asked else _FIRST


_FIRST = frozenset({0})


def _port(route: Raw) -> int:
    """The port of all matches; -1 for several, which the controller never chooses."""
    ports = {item.get("port") or 0 for item in route.get("match") or ()}
    return -1 if len(ports) > 1 else next(iter(ports), 0)


def _hosts(route: Raw) -> frozenset[str]:
    return frozenset(host for item in route.get("match") or () for host in item.get("sniHosts") or ())


# -- Ingresses


def _ingress(rollout: Rollout, name: str) -> Ref:
    return Ref(INGRESS, rollout.namespace, name)


def _annotations(raw: Raw | None) -> Mapping[str, str]:
    return ((raw or {}).get("metadata") or {}).get("annotations") or {}


def _several(router: Raw, one: str, many: str) -> Sequence[str]:
    return router.get(many) or [name for name in (router.get(one),) if name]


def _nginx_ingresses(routing: Raw) -> Sequence[str]:
    return _several(routing.get("nginx") or {}, "stableIngress", "stableIngresses")


def _alb_ingresses(routing: Raw) -> Sequence[str]:
    return _several(routing.get("alb") or {}, "ingress", "ingresses")


def _canary_ingress(rollout: Rollout, stable: str) -> str:
    """``GetCanaryIngressName``."""
    return f"{rollout.name}-{stable}"[: 253 - len(_CANARY_SUFFIX)] + _CANARY_SUFFIX


def _nginx_routes(sight: Sight) -> Iterator[Route]:
    routing = routing_of(sight.rollout)
    prefix = (routing.get("nginx") or {}).get("annotationPrefix") or "nginx.ingress.kubernetes.io"
    for name in _nginx_ingresses(routing):
        ref = _ingress(sight.rollout, _canary_ingress(sight.rollout, name))
        found = sight.get(ref)
        if found is not None:
            canary = _nginx_weight(_annotations(found), prefix)
            stable, other = services_of(sight.rollout)
            targets = (_to(sight, STABLE, stable, 100 - canary), _to(sight, CANARY, other, canary))
            yield Route(ref, "http", "", WEIGHTED, targets)


def _nginx_weight(annotations: Mapping[str, str], prefix: str) -> float:
    """Percent; an Ingress that is no canary, or whose weight is no number, gets nothing."""
    weight = annotations.get(f"{prefix}/canary-weight", "")
    total = annotations.get(f"{prefix}/canary-weight-total", "")
    if annotations.get(f"{prefix}/canary") != "true" or not weight.isdecimal():
        return 0
    return percent(int(weight), int(total) if total.isdecimal() and int(total) else 100)


def percent(weight: float, total: float) -> float:
    """A weight of a total, to a hundredth; whole numbers stay whole."""
    share = round(weight * 100 / total, 2)
    return int(share) if share == int(share) else share


def _to(sight: Sight, role: str, service: str, weight: float) -> Target:
    return Target(role, service, "", weight, sight.service_hash(service))


def _alb_routes(sight: Sight) -> Iterator[Route]:
    routing = routing_of(sight.rollout)
    router = routing.get("alb") or {}
    action = router.get("rootService") or sight.rollout.strategy_spec.get("stableService") or ""
    key = f"{router.get('annotationPrefix') or 'alb.ingress.kubernetes.io'}/actions.{action}"
    for name in _alb_ingresses(routing):
        ref = _ingress(sight.rollout, name)
        groups = _target_groups(_annotations(sight.get(ref)).get(key, ""))
        if groups:
            pairs = [(item.get("ServiceName") or "", item.get("Weight") or 0) for item in groups]
            yield Route(ref, "http", action, WEIGHTED, _by_service(sight, pairs, prefer_ping_pong=True))


def _target_groups(annotation: str) -> Sequence[Raw]:
    """Those of a forward action; none if the annotation is not there or is not ours to read."""
    try:
        found: Sequence[Raw] = json.loads(annotation)["ForwardConfig"]["TargetGroups"]
    except (ValueError, TypeError, LookupError):
        return ()
    return found


def _by_service(
    sight: Sight, pairs: Sequence[tuple[str, float]], *, prefer_ping_pong: bool = False
) -> tuple[Target, ...]:
    stable, canary = services_of(sight.rollout, prefer_ping_pong=prefer_ping_pong)
    arms = (item.get("serviceName") or "" for item in additional(sight.rollout))
    roles = {**{name: name for name in arms}, stable: STABLE, canary: CANARY}
    return tuple(_to(sight, roles.get(name, ""), name, weight) for name, weight in pairs)


def _traefik_ref(rollout: Rollout) -> Ref | None:
    name = (routing_of(rollout).get("traefik") or {}).get("weightedTraefikServiceName")
    return Ref(TRAEFIK_SERVICE, rollout.namespace, name) if name else None


def _traefik_routes(sight: Sight) -> Iterator[Route]:
    ref = _traefik_ref(sight.rollout)
    found = sight.get(ref)
    if ref and found:
        services = ((found.get("spec") or {}).get("weighted") or {}).get("services") or ()
        pairs = [(item.get("name") or "", item.get("weight") or 0) for item in services]
        yield Route(ref, "http", "", WEIGHTED, _by_service(sight, pairs))


# -- blue-green


def _blue_green_routes(sight: Sight) -> Iterator[Route]:
    strategy = sight.rollout.strategy_spec
    for field, role, kind in (("activeService", "active", WEIGHTED), ("previewService", "preview", PREVIEW)):
        name = strategy.get(field) or ""
        ref = service_ref(sight.rollout, name)
        if sight.get(ref) is not None:
            yield Route(ref, "service", "", kind, (_to(sight, role, name, 100),))
