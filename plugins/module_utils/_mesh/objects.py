# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of cluster objects, and what their translation finds wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]
Tree = dict[str, Any]

DOMAIN = "svc.cluster.local"


def namespace_of(found: Object) -> str:
    return str(found["metadata"].get("namespace", ""))


def name_of(found: Object) -> str:
    return str(found["metadata"]["name"])


def full_host(host: str, namespace: str) -> str:
    """Istio's rule for a host in a rule of `namespace`: only one without a dot is a Service there."""
    return host if "." in host or host == "*" else service_host(host, namespace)


def service_host(name: str, namespace: str) -> str:
    return f"{name}.{namespace}.{DOMAIN}"


def by_age(objects: Iterable[Object]) -> list[Object]:
    """The oldest first: of two that disagree, that one wins in Istio."""
    return sorted(objects, key=_birth)


def _birth(found: Object) -> tuple[str, str, str]:
    return str(found["metadata"].get("creationTimestamp", "")), namespace_of(found), name_of(found)


def exported(spec: Object, home: str, namespace: str) -> bool:
    """Whether a rule of the namespace `home` holds for those who call Services of `namespace`.

    A client of the lab lives nowhere, so it counts as one of the namespace that it calls.
    """
    scopes = spec.get("exportTo") or ["*"]
    return "*" in scopes or namespace in scopes or ("." in scopes and home == namespace)


@dataclass
class Problems:
    """What could not be done as the objects say, in the words of whoever wrote them."""

    found: dict[tuple[str, str], None] = field(default_factory=dict)

    def about(self, kind: str, found: Object) -> Notes:
        return Notes(self, f"{kind} {namespace_of(found)}/{name_of(found)}")

    def listed(self) -> list[dict[str, str]]:
        return [{"object": subject, "problem": text} for subject, text in self.found]


@dataclass(frozen=True)
class Notes:
    """The problems of one object; `place` says where in it."""

    problems: Problems
    subject: str
    place: str = ""

    def at(self, place: str) -> Notes:
        return Notes(self.problems, self.subject, f"{self.place}.{place}" if self.place else place)

    def add(self, text: str) -> None:
        text = f"{self.place}: {text}" if self.place else text
        self.problems.found[self.subject, text] = None

    def unsupported(self, raw: Object, known: Iterable[str]) -> None:
        """Name each field of `raw` that is set and that nothing here reads."""
        for key in sorted(set(raw) - set(known)):
            if raw[key] not in (None, {}, [], ""):
                self.add(f"{key} is not supported by the lab's mesh and has no effect")
