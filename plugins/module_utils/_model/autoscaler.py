# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scales a Rollout: autoscalers that point at it, and whoever has set its number of pods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .ownership import OURS

# The number of pods as ``metadata.managedFields`` spells it, and the subresource by which autoscalers set it.
_REPLICAS = "f:replicas"
_SCALE = "scale"


@dataclass(frozen=True)
class Target:
    """What an autoscaler points at, by the group of its API: autoscalers take any version of it."""

    group: str
    kind: str
    name: str

    @classmethod
    def of(cls, api_version: str, kind: str, name: str) -> Target:
        """The target of that ``apiVersion``."""
        return cls(api_version.rpartition("/")[0], kind, name)


@dataclass(frozen=True)
class Autoscaler:
    """A HorizontalPodAutoscaler, or a ScaledObject of KEDA, which makes one when there is something to do."""

    kind: str
    name: str
    target: Target

    @classmethod
    def parse(cls, raw: Mapping[str, Any], kind: str) -> Autoscaler:
        """Of that kind, which items of a list do not tell. KEDA takes a target without kind for a Deployment."""
        ref = (raw.get("spec") or {}).get("scaleTargetRef") or {}
        target = Target.of(ref.get("apiVersion") or "apps/v1", ref.get("kind") or "Deployment", ref.get("name") or "")
        return cls(kind, (raw.get("metadata") or {}).get("name", ""), target)

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.kind} {self.name}"


def scaled_by(raw: Mapping[str, Any]) -> str:
    """The field manager who has set the number of pods by the subresource scale; empty when nobody has."""
    found = (item for item in _holders(raw) if item.get("subresource") == _SCALE)
    return next((str(item.get("manager") or "somebody") for item in found), "")


def replicas_are_applied(raw: Mapping[str, Any]) -> bool:
    """Whether the number of pods is a field of our server-side apply: then one without it would take it away."""
    return any(item.get("manager") == OURS and item.get("operation") == "Apply" for item in _holders(raw))


def _holders(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of ``managedFields`` that hold ``spec.replicas``."""
    entries = (raw.get("metadata") or {}).get("managedFields") or ()
    return [item for item in entries if _REPLICAS in ((item.get("fieldsV1") or {}).get("f:spec") or {})]
