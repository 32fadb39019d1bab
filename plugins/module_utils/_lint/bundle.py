# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An index of the objects that are checked together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from .documents import OUR_GROUP, Document
from .places import Place


@dataclass(frozen=True)
class Target:
    """A kind of object that others refer to, and the API groups that it may be in."""

    kind: str
    groups: tuple[str, ...] = (OUR_GROUP,)


SERVICE = Target("Service", ("",))
INGRESS = Target("Ingress", ("networking.k8s.io", "extensions"))
VIRTUAL_SERVICE = Target("VirtualService", ("networking.istio.io",))
DESTINATION_RULE = Target("DestinationRule", ("networking.istio.io",))


class Bundle:
    """All objects of a run."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.places = [Place(document, (), document.object) for document in documents]

    @cached_property
    def _by_kind(self) -> dict[str, list[Place]]:
        found: dict[str, list[Place]] = {}
        for place in self.places:
            found.setdefault(place.document.kind, []).append(place)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Place]]:
        found: dict[tuple[str, str], list[Place]] = {}
        for place in self.places:
            found.setdefault((place.document.kind, place.document.name), []).append(place)
        return found

    def of(self, target: Target) -> Iterator[Place]:
        """The objects of a kind."""
        return (place for place in self._by_kind.get(target.kind, ()) if place.document.group in target.groups)

    def ours(self, kind: str) -> Iterator[Place]:
        return self.of(Target(kind))

    def find(self, target: Target, namespace: str, name: str) -> Place | None:
        """The object of that name; one that says no namespace may be in any."""
        same = self._by_name.get((target.kind, name), ())
        fitting = (place for place in same if place.document.group in target.groups)
        return next((place for place in fitting if near(place.document.namespace, namespace)), None)

    def has(self, target: Target, namespace: str) -> bool:
        """Whether there is any of a kind in that namespace."""
        return any(near(place.document.namespace, namespace) for place in self.of(target))


def near(one: str, other: str) -> bool:
    """Whether two namespaces can be the same; empty is one that is not said."""
    return one == other or not one or not other
