# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VirtualServices: which one speaks about a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .objects import Notes, Object, Problems, by_age, exported, full_host, namespace_of
from .routes import MESH, on_listener

_KNOWN = ("hosts", "gateways", "http", "exportTo")


@dataclass(frozen=True)
class VirtualService:
    """`hosts` are full; `http` is as in the object."""

    namespace: str
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    spec: Object
    notes: Notes

    @classmethod
    def parse(cls, found: Object, problems: Problems) -> VirtualService:
        notes, spec, home = problems.about("VirtualService", found), found.get("spec") or {}, namespace_of(found)
        notes.unsupported(spec, _KNOWN)
        hosts = tuple(full_host(str(host), home) for host in spec.get("hosts") or ())
        return cls(home, hosts, tuple(spec.get("gateways") or (MESH,)), spec, notes)

    @property
    def http(self) -> Sequence[Object]:
        return self.spec.get("http") or ()

    def on(self, listener: str) -> bool:
        return on_listener(self.gateways, listener)

    def speaks_to(self, namespace: str) -> bool:
        """Whether it holds for those who call Services of that namespace."""
        return exported(self.spec, self.namespace, namespace)


def virtual_services(objects: Iterable[Object], problems: Problems) -> list[VirtualService]:
    """The oldest first."""
    return [VirtualService.parse(found, problems) for found in by_age(objects)]


def speaking(found: Iterable[VirtualService], listener: str, host: str, namespace: str) -> VirtualService | None:
    """The one that decides about a host: an exact name before a wildcard, a longer before a shorter one, then age."""
    best, rank = None, -1
    for candidate in found:
        if not candidate.on(listener) or not candidate.speaks_to(namespace):
            continue
        fit = max((_fit(pattern, host) for pattern in candidate.hosts), default=-1)
        if fit >= 0 and best is not None and fit <= rank:
            candidate.notes.add(f"{best.notes.subject} decides about {host}")
        elif fit > rank:
            best, rank = candidate, fit
    return best


def _fit(pattern: str, host: str) -> int:
    """How well a host of a rule fits: -1 for not at all."""
    if pattern == host:
        return 10_000
    return len(pattern) if pattern.startswith("*") and host.endswith(pattern[1:]) else -1


def own_hosts(found: Iterable[VirtualService], listener: str) -> Iterator[tuple[str, VirtualService]]:
    """Each host of those on a listener."""
    for item in found:
        if item.on(listener):
            for host in item.hosts:
                yield host, item
