# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DestinationRules: the subsets of a host, and how requests are spread over its pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .durations import envoy_duration
from .objects import Notes, Object, Problems, Tree, by_age, exported, full_host, namespace_of

_HASH_KEYS = (
    "httpCookie",
    "httpHeaderName",
    "httpQueryParameterName",
    "useSourceIp",
    "ringHash",
    "maglev",
    "minimumRingSize",
)
_BALANCERS = {
    "": "LEAST_REQUEST",
    "UNSPECIFIED": "LEAST_REQUEST",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
    "ROUND_ROBIN": "ROUND_ROBIN",
    "RANDOM": "RANDOM",
}


@dataclass(frozen=True)
class Balancing:
    """`fields`: of the Envoy cluster; `affinity`: the route's hash policy, empty without affinity."""

    fields: Tree = field(default_factory=lambda: {"lb_policy": "LEAST_REQUEST"})
    affinity: tuple[Tree, ...] = ()


@dataclass(frozen=True)
class Subset:
    labels: Mapping[str, str]
    balancing: Balancing


@dataclass(frozen=True)
class Rule:
    """What holds for a host; merged from all DestinationRules for it."""

    balancing: Balancing = Balancing()
    subsets: Mapping[str, Subset] = field(default_factory=dict)


def rules(objects: Iterable[Object], problems: Problems) -> dict[str, Rule]:
    """The rule for each host, by its full name. Of two DestinationRules that say the same, the older wins."""
    found: dict[str, Rule] = {}
    for item in by_age(objects):
        notes = problems.about("DestinationRule", item)
        home, spec = namespace_of(item), item.get("spec") or {}
        host = full_host(str(spec.get("host", "")), home)
        if "*" in host:
            notes.add(f"host: {host} is not supported by the lab's mesh, which wants one host; the rule has no effect")
        elif exported(spec, home, _namespace_in(host, home)):
            found[host] = _merged(found.get(host), _rule(spec, notes), notes)
    return found


def _namespace_in(host: str, home: str) -> str:
    """The namespace of a Service's host; that of the rule for any other."""
    parts = host.split(".")
    return parts[1] if len(parts) > 2 and parts[2] == "svc" else home


def _rule(spec: Object, notes: Notes) -> Rule:
    notes.unsupported(spec, ("host", "subsets", "trafficPolicy", "exportTo"))
    default = _balancing(spec.get("trafficPolicy") or {}, Balancing(), notes.at("trafficPolicy"))
    subsets = {}
    for raw in spec.get("subsets") or ():
        place = notes.at(f"subsets[{raw['name']}]")
        policy = _balancing(raw.get("trafficPolicy") or {}, default, place.at("trafficPolicy"))
        subsets[str(raw["name"])] = Subset(raw.get("labels") or {}, policy)
    return Rule(default, subsets)


def _merged(older: Rule | None, younger: Rule, notes: Notes) -> Rule:
    if older is None:
        return younger
    notes.add("an older DestinationRule is for the same host: of this one, only subsets with other names count")
    return Rule(older.balancing, {**younger.subsets, **older.subsets})


def _balancing(policy: Object, default: Balancing, notes: Notes) -> Balancing:
    notes.unsupported({key: value for key, value in policy.items() if key != "tls"}, ("loadBalancer",))
    if (policy.get("tls") or {}).get("mode") not in (None, "DISABLE", "ISTIO_MUTUAL"):
        notes.add("tls: the lab's pods speak plain HTTP, which is what is sent to them")
    raw = policy.get("loadBalancer")
    if not raw:
        return default
    notes = notes.at("loadBalancer")
    notes.unsupported(raw, ("simple", "consistentHash"))
    if raw.get("consistentHash"):
        return _consistent(raw["consistentHash"], notes.at("consistentHash"))
    simple = str(raw.get("simple") or "")
    if simple not in _BALANCERS:
        notes.add(f"simple: {simple} is not supported by the lab's mesh; LEAST_REQUEST is used")
    return Balancing({"lb_policy": _BALANCERS.get(simple, "LEAST_REQUEST")})


def _consistent(raw: Object, notes: Notes) -> Balancing:
    notes.unsupported(raw, _HASH_KEYS)
    if raw.get("maglev") is not None:
        fields: Tree = {"lb_policy": "MAGLEV"}
    else:
        size = (raw.get("ringHash") or {}).get("minimumRingSize") or raw.get("minimumRingSize") or 1024
        fields = {"lb_policy": "RING_HASH", "ring_hash_lb_config": {"minimum_ring_size": int(size)}}
    affinity = _hash_policy(raw, notes)
    if not affinity:
        notes.add("names nothing to hash (httpCookie, httpHeaderName, httpQueryParameterName, useSourceIp)")
    return Balancing(fields, affinity)


def _hash_policy(raw: Object, notes: Notes) -> tuple[Tree, ...]:
    if raw.get("httpCookie"):
        return (_cookie(raw["httpCookie"], notes.at("httpCookie")),)
    if raw.get("httpHeaderName"):
        return ({"header": {"header_name": str(raw["httpHeaderName"])}},)
    if raw.get("httpQueryParameterName"):
        return ({"query_parameter": {"name": str(raw["httpQueryParameterName"])}},)
    if raw.get("useSourceIp"):
        return ({"connection_properties": {"source_ip": True}},)
    return ()


def _cookie(raw: Object, notes: Notes) -> Tree:
    """With a ttl, Envoy makes the cookie for a client that has none; 0s is one for the client's session."""
    notes.unsupported(raw, ("name", "path", "ttl"))
    cookie: Tree = {"name": str(raw["name"])}
    if raw.get("path"):
        cookie["path"] = str(raw["path"])
    if raw.get("ttl") is not None:
        cookie["ttl"] = envoy_duration(raw["ttl"], notes.at("ttl")) or "0s"
    return {"cookie": cookie}
