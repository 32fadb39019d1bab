# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rollout's pod template lives, and the ReplicaSets of its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .rollout import HASH_LABEL, REVISION_ANNOTATION, Rollout, revision_of
from .template import CONTAINER_GROUPS

# The kinds that the controller resolves (rollout/templateref.go), with the path of their pod template.
TEMPLATE_PATHS: Mapping[str, tuple[str, ...]] = {
    "Rollout": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "PodTemplate": ("template",),
}

_FORMER_REVISIONS = f"{REVISION_ANNOTATION}-history"


@dataclass(frozen=True)
class Workload:
    """The object that holds the pod template: the Rollout itself, or what its workloadRef names."""

    kind: str
    api_version: str
    name: str
    generation: int
    resource_version: str
    template: Mapping[str, Any]
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any], kind: str, api_version: str) -> Workload:
        """The view of an object of one of the kinds in TEMPLATE_PATHS."""
        meta = raw.get("metadata") or {}
        template: Any = raw
        for key in TEMPLATE_PATHS[kind]:
            template = (template or {}).get(key)
        return cls(
            kind=kind,
            api_version=api_version,
            name=meta.get("name", ""),
            generation=int(meta.get("generation") or 0),
            resource_version=meta.get("resourceVersion", ""),
            template=template or {},
            raw=raw,
        )

    @classmethod
    def of(cls, rollout: Rollout) -> Workload:
        """A rollout that holds its own template."""
        return cls.parse(rollout.raw, "Rollout", "argoproj.io/v1alpha1")

    @property
    def template_path(self) -> str:
        """JSON pointer of the pod template."""
        return "".join(f"/{key}" for key in TEMPLATE_PATHS[self.kind])

    @property
    def managed_path(self) -> tuple[str, ...]:
        """The way to the pod template in ``metadata.managedFields``."""
        return tuple(f"f:{key}" for key in TEMPLATE_PATHS[self.kind])

    @property
    def images(self) -> dict[str, str]:
        """Container name to image, init containers included."""
        pod = self.template.get("spec") or {}
        return {
            container.get("name", ""): container.get("image", "")
            for group in CONTAINER_GROUPS
            for container in pod.get(group) or ()
        }


@dataclass(frozen=True)
class ReplicaSet:
    """A ReplicaSet of a rollout's history."""

    name: str
    revision: int
    pod_hash: str
    owner_uid: str
    replicas: int
    available: int
    template: Mapping[str, Any]
    # Revisions that it was before it was rolled back to (annotations.SetNewReplicaSetAnnotations).
    former_revisions: tuple[int, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> ReplicaSet:
        """The view of an ``apps/v1`` ReplicaSet; revision 0 when it carries none."""
        meta, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
        annotations = meta.get("annotations") or {}
        former = annotations.get(_FORMER_REVISIONS, "")
        owners = meta.get("ownerReferences") or ()
        return cls(
            name=meta.get("name", ""),
            revision=revision_of(annotations),
            pod_hash=(meta.get("labels") or {}).get(HASH_LABEL, ""),
            owner_uid=next((owner.get("uid", "") for owner in owners if owner.get("controller")), ""),
            replicas=int(status.get("replicas") or 0),
            available=int(status.get("availableReplicas") or 0),
            template=spec.get("template") or {},
            former_revisions=tuple(int(number) for number in former.split(",") if number.isdecimal()),
        )
