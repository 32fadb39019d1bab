# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ingresses as ingress-nginx serves them, with its canary annotations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .catalog import Catalog, Target
from .matches import Unusable, usable_regex
from .objects import Notes, Object, Problems, Tree, by_age, namespace_of, service_host
from .retries import usual_retries

_PREFIX = "nginx.ingress.kubernetes.io/"
_CANARY_KEYS = (
    "canary",
    "canary-weight",
    "canary-weight-total",
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
)
_CLASS = "kubernetes.io/ingress.class"
_SERVED_CLASSES = ("", "nginx")


@dataclass(frozen=True)
class Site:
    """A host and its routes. `notes`: of the Ingress that brought it up."""

    host: str
    routes: list[Tree]
    notes: Notes


@dataclass(frozen=True)
class _Path:
    """A path of a host. Longer ones come first, and exact ones before prefixes of the same length."""

    host: str
    path: str
    exact: bool

    @property
    def rank(self) -> tuple[int, bool]:
        return -len(self.path), not self.exact

    def match(self) -> Tree:
        if self.exact:
            return {"path": self.path}
        return {"prefix": "/"} if self.path == "/" else {"path_separated_prefix": self.path}


@dataclass
class _Backend:
    """What answers on a path. `canary`: the other version, and the annotations that share the requests out."""

    target: Target
    notes: Notes
    canary: tuple[Target, Mapping[str, str], Notes] | None = field(default=None)


def sites(objects: Iterable[Object], catalog: Catalog, problems: Problems) -> list[Site]:
    """All hosts of the Ingresses that this controller serves."""
    served = [found for found in by_age(objects) if _served(found, problems)]
    backends: dict[_Path, _Backend] = {}
    for found in served:
        if not _is_canary(found):
            _add_main(found, catalog, problems, backends)
    for found in served:
        if _is_canary(found):
            _add_canary(found, catalog, problems, backends)
    hosts = dict.fromkeys(path.host for path in backends)
    return [_site(host, {path: backends[path] for path in backends if path.host == host}) for host in hosts]


def _served(found: Object, problems: Problems) -> bool:
    wanted = (found.get("spec") or {}).get("ingressClassName") or _annotations(found).get(_CLASS, "")
    if wanted not in _SERVED_CLASSES:
        problems.about("Ingress", found).add(f"ingressClassName: the lab serves nginx, not {wanted}")
    return wanted in _SERVED_CLASSES


def _annotations(found: Object) -> Mapping[str, str]:
    return found["metadata"].get("annotations") or {}


def _is_canary(found: Object) -> bool:
    return _annotations(found).get(f"{_PREFIX}canary") == "true"


def _add_main(found: Object, catalog: Catalog, problems: Problems, backends: dict[_Path, _Backend]) -> None:
    notes = _notes(found, problems)
    for path, target in _paths(found, catalog, notes):
        if path in backends:
            notes.add(f"{backends[path].notes.subject} decides about {path.host}{path.path}")
        else:
            backends[path] = _Backend(target, notes)


def _add_canary(found: Object, catalog: Catalog, problems: Problems, backends: dict[_Path, _Backend]) -> None:
    notes = _notes(found, problems)
    for path, target in _paths(found, catalog, notes):
        main = backends.get(path)
        if main is None:
            notes.add(f"no Ingress that is no canary has {path.host}{path.path}: the canary gets nothing")
        elif main.canary is not None:
            notes.add(f"{main.canary[2].subject} is the canary of {path.host}{path.path}: this one gets nothing")
        else:
            main.canary = (target, _annotations(found), notes)


def _notes(found: Object, problems: Problems) -> Notes:
    notes = problems.about("Ingress", found)
    notes.unsupported(found.get("spec") or {}, ("ingressClassName", "rules", "defaultBackend", "tls"))
    given = {key.removeprefix(_PREFIX): value for key, value in _annotations(found).items() if key.startswith(_PREFIX)}
    notes.at("annotations").unsupported(given, _CANARY_KEYS)
    if (found.get("spec") or {}).get("tls"):
        notes.add("tls: the lab's ingress speaks plain HTTP")
    return notes


def _paths(found: Object, catalog: Catalog, notes: Notes) -> Iterator[tuple[_Path, Target]]:
    spec, namespace = found.get("spec") or {}, namespace_of(found)
    for rule in spec.get("rules") or ():
        for raw in (rule.get("http") or {}).get("paths") or ():
            place = notes.at(f"{rule.get('host') or '*'}{raw.get('path') or '/'}")
            target = _target(raw.get("backend") or {}, namespace, catalog, place)
            exact = raw.get("pathType") == "Exact"
            path = str(raw.get("path") or "/")
            yield _Path(rule.get("host") or "*", path if exact else path.rstrip("/") or "/", exact), target
    if spec.get("defaultBackend"):
        yield _Path("*", "/", False), _target(spec["defaultBackend"], namespace, catalog, notes.at("defaultBackend"))


def _target(backend: Object, namespace: str, catalog: Catalog, notes: Notes) -> Target:
    service = backend.get("service") or {}
    if not service:
        notes.add("only a Service can be a backend in the lab")
    host = service_host(str(service.get("name", "")), namespace)
    port = service.get("port") or {}
    number = port.get("number") or _named_port(catalog, host, str(port.get("name") or ""))
    return catalog.resolve({"host": host, "port": {"number": number}}, namespace, 0, notes)


def _named_port(catalog: Catalog, host: str, name: str) -> int:
    found = catalog.services.get(host)
    return next((port.number for port in found.ports if port.name == name), 0) if found else 0


def _site(host: str, backends: Mapping[_Path, _Backend]) -> Site:
    paths = sorted(backends, key=lambda path: path.rank)
    notes = backends[paths[0]].notes
    return Site(host, [route for path in paths for route in _routes(path, backends[path])], notes)


def _routes(path: _Path, backend: _Backend) -> Iterator[Tree]:
    """Envoy takes the first that matches: the canary's header, then its cookie, then its weight."""
    stable = _forward((backend.target, 100))
    if backend.canary is None:
        yield {"match": path.match(), "route": stable}
        return
    target, annotations, notes = backend.canary
    given = {key: annotations.get(f"{_PREFIX}{key}", "") for key in _CANARY_KEYS}
    for wants_canary, condition in _conditions(given, notes):
        chosen = _forward((target, 100)) if wants_canary else stable
        yield {"match": {**path.match(), "headers": [condition]}, "route": chosen}
    total = _number(given, "canary-weight-total", 100, notes) or 100
    weight = min(_number(given, "canary-weight", 0, notes), total)
    yield {"match": path.match(), "route": _forward((backend.target, total - weight), (target, weight))}


def _conditions(given: Mapping[str, str], notes: Notes) -> Iterator[tuple[bool, Tree]]:
    """Conditions on headers in the order in which they count; True for those that lead to the canary."""
    name = given["canary-by-header"]
    if name:
        yield from _header_conditions(name, given["canary-by-header-value"], given["canary-by-header-pattern"], notes)
    cookie = given["canary-by-cookie"]
    if cookie:
        yield True, _cookie_is(cookie, "always")
        yield False, _cookie_is(cookie, "never")


def _header_conditions(name: str, value: str, pattern: str, notes: Notes) -> Iterator[tuple[bool, Tree]]:
    if value:
        yield True, {"name": name, "string_match": {"exact": value}}
    elif pattern:
        try:
            regex = usable_regex(f".*(?:{pattern}).*")
            yield True, {"name": name, "string_match": {"safe_regex": {"regex": regex}}}
        except Unusable as error:
            notes.add(f"annotations: canary-by-header-pattern: {error}; no request meets it")
    else:
        yield True, {"name": name, "string_match": {"exact": "always"}}
        yield False, {"name": name, "string_match": {"exact": "never"}}


def _cookie_is(name: str, value: str) -> Tree:
    regex = rf"(?:.*;)?\s*{re.escape(name)}={value}\s*(?:;.*)?"
    return {"name": "cookie", "string_match": {"safe_regex": {"regex": regex}}}


def _number(given: Mapping[str, str], key: str, default: int, notes: Notes) -> int:
    text = given[key]
    if text and not text.isdecimal():
        notes.add(f"annotations: {key}: {text!r} is no whole number, {default} is taken")
    return int(text) if text.isdecimal() else default


def _forward(*shares: tuple[Target, int]) -> Tree:
    clusters = [{"name": target.cluster, "weight": weight} for target, weight in shares]
    return {"weighted_clusters": {"clusters": clusters}, "timeout": "0s", "retry_policy": usual_retries(False)}
