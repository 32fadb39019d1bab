# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP routes of a VirtualService as Envoy's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import affinity, faults
from .catalog import Catalog, Target
from .durations import envoy_duration
from .headers import header_changes
from .matches import Unusable, conditions, usable_regex
from .objects import Notes, Object, Tree
from .retries import retry_policy, usual_retries

MESH = "mesh"

_KNOWN = (
    "name",
    "match",
    "route",
    "redirect",
    "directResponse",
    "rewrite",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrorPercentage",
    "mirrorPercent",
    "mirror_percent",
    "mirrors",
    "headers",
)
_REDIRECT_CODES = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}


@dataclass(frozen=True)
class Place:
    """Where routes are to be served: by which listener, for which port, with what to send requests to.

    `namespace`: of the rule, in which its short host names are meant.
    """

    catalog: Catalog
    listener: str
    port: int
    namespace: str


def plain_route(catalog: Catalog, target: Target) -> Tree:
    """All requests to one target, for a host that no VirtualService speaks about."""
    hashed = catalog.balancing(target).affinity
    action: Tree = {"cluster": target.cluster, "timeout": "0s", "retry_policy": usual_retries(bool(hashed))}
    if hashed:
        action["hash_policy"] = list(hashed)
    return {"match": {"prefix": "/"}, "route": action}


def routes(http: Sequence[Object], place: Place, notes: Notes) -> list[Tree]:
    """All routes of `spec.http` that hold in a place, in their order."""
    found: list[Tree] = []
    for number, raw in enumerate(http):
        name = raw.get("name") or str(number)
        found += _route(raw, place, notes.at(f"http[{name}]"))
    return found


def _route(raw: Object, place: Place, notes: Notes) -> list[Tree]:
    matches = list(_matches(raw, place, notes))
    if not matches:
        return []
    notes.unsupported(raw, _KNOWN)
    fields: Tree = {"name": raw["name"]} if raw.get("name") else {}
    try:
        fields |= _action(raw, place, notes)
    except Unusable as error:
        notes.add(f"{error}; its requests get 503")
        fields["direct_response"] = {"status": 503, "body": {"inline_string": str(error)}}
    fields |= header_changes(raw.get("headers") or {}, notes.at("headers"))
    filters = {
        faults.FILTER: faults.fault(raw.get("fault") or {}, notes.at("fault")),
        affinity.FILTER: affinity.made_cookie(fields.get("route", {}).get("hash_policy", ())),
    }
    if any(filters.values()):
        fields["typed_per_filter_config"] = {name: config for name, config in filters.items() if config}
    return [{"match": match, **fields} for match in matches]


def _matches(raw: Object, place: Place, notes: Notes) -> Iterator[Tree]:
    """One for each alternative that holds in this place."""
    alternatives = raw.get("match") or [{}]
    for number, alternative in enumerate(alternatives):
        if not _holds(alternative, place):
            continue
        match = conditions(alternative, notes.at(f"match[{number}]"))
        if match is not None:
            yield match


def _holds(alternative: Object, place: Place) -> bool:
    gateways = alternative.get("gateways") or [place.listener]
    port = alternative.get("port")
    return on_listener(gateways, place.listener) and (port is None or int(port) == place.port)


def on_listener(gateways: Sequence[str], listener: str) -> bool:
    """Whether what is bound to `gateways` is served there: all gateways but the mesh are the ingress listener."""
    return any((gateway == MESH) == (listener == MESH) for gateway in gateways)


def _action(raw: Object, place: Place, notes: Notes) -> Tree:
    if raw.get("redirect"):
        return {"redirect": _redirect(raw["redirect"], notes.at("redirect"))}
    if raw.get("directResponse"):
        return {"direct_response": _direct_response(raw["directResponse"])}
    if not raw.get("route"):
        raise Unusable("has no route, redirect or directResponse")
    return {"route": _forward(raw, place, notes)}


def _forward(raw: Object, place: Place, notes: Notes) -> Tree:
    hashed: list[Tree] = []
    action = _destinations(raw["route"], place, notes.at("route"), hashed)
    timeout = envoy_duration(raw["timeout"], notes.at("timeout")) if raw.get("timeout") else None
    action["timeout"] = timeout or "0s"
    retries = retry_policy(raw.get("retries"), bool(hashed), notes.at("retries"))
    if retries:
        action["retry_policy"] = retries
    if hashed:
        action["hash_policy"] = hashed
    mirrors = list(_mirrors(raw, place, notes))
    if mirrors:
        action["request_mirror_policies"] = mirrors
    return action | _rewrite(raw.get("rewrite") or {}, notes.at("rewrite"))


def _destinations(raw: Sequence[Object], place: Place, notes: Notes, hashed: list[Tree]) -> Tree:
    """The cluster, or the weighted clusters. `hashed` is filled with the first hash policy among them.

    With affinity the hash also chooses the version: a client that moved between versions would see both.
    """
    entries = []
    for number, item in enumerate(raw):
        entry = notes.at(f"[{number}]")
        entry.unsupported(item, ("destination", "weight", "headers"))
        target = place.catalog.resolve(item.get("destination") or {}, place.namespace, place.port, entry)
        hashed += () if hashed else place.catalog.balancing(target).affinity
        changes = header_changes(item.get("headers") or {}, entry.at("headers"))
        entries.append({"name": target.cluster, "weight": max(int(item.get("weight") or 0), 0), **changes})
    _check_weights([entry["weight"] for entry in entries], notes)
    if len(entries) == 1:
        entries[0]["weight"] = 100
    weighted: Tree = {"clusters": entries}
    if hashed:
        weighted["use_hash_policy"] = True
    return {"weighted_clusters": weighted}


def _check_weights(weights: Sequence[int], notes: Notes) -> None:
    total = sum(weights)
    if len(weights) == 1 or total == 100:
        return
    if total == 0:
        raise Unusable("route: all weights are 0")
    notes.add(f"the weights add up to {total} instead of 100; each counts as its part of {total}")


def _mirrors(raw: Object, place: Place, notes: Notes) -> Iterator[Tree]:
    wanted = list(raw.get("mirrors") or ())
    if raw.get("mirror"):
        old = raw.get("mirrorPercent", raw.get("mirror_percent"))
        percentage = raw.get("mirrorPercentage") or ({} if old is None else {"value": old})
        wanted.append({"destination": raw["mirror"], "percentage": percentage})
    for number, item in enumerate(wanted):
        entry = notes.at(f"mirrors[{number}]")
        target = place.catalog.resolve(item.get("destination") or {}, place.namespace, place.port, entry)
        percent = (item.get("percentage") or {}).get("value", 100)
        yield {"cluster": target.cluster, "runtime_fraction": {"default_value": faults.share(float(percent))}}


def _rewrite(raw: Object, notes: Notes) -> Tree:
    notes.unsupported(raw, ("uri", "authority", "uriRegexRewrite"))
    fields: Tree = {}
    if raw.get("uri"):
        fields["prefix_rewrite"] = str(raw["uri"])
    pattern = raw.get("uriRegexRewrite") or {}
    if pattern.get("match"):
        regex = {"regex": usable_regex(str(pattern["match"]))}
        fields["regex_rewrite"] = {"pattern": regex, "substitution": str(pattern.get("rewrite", ""))}
    if raw.get("authority"):
        fields["host_rewrite_literal"] = str(raw["authority"])
    return fields


def _redirect(raw: Object, notes: Notes) -> Tree:
    notes.unsupported(raw, ("uri", "authority", "port", "scheme", "redirectCode"))
    code = int(raw.get("redirectCode") or 301)
    if code not in _REDIRECT_CODES:
        raise Unusable(f"redirectCode {code} is none of {', '.join(map(str, _REDIRECT_CODES))}")
    fields: Tree = {"response_code": _REDIRECT_CODES[code]}
    for ours, theirs in (
        ("uri", "path_redirect"),
        ("authority", "host_redirect"),
        ("port", "port_redirect"),
        ("scheme", "scheme_redirect"),
    ):
        if raw.get(ours):
            fields[theirs] = raw[ours]
    return fields


def _direct_response(raw: Object) -> Tree:
    body = (raw.get("body") or {}).get("string") or ""
    return {"status": int(raw.get("status") or 200), **({"body": {"inline_string": body}} if body else {})}
