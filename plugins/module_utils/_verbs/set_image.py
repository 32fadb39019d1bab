# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set container images: one revision for any number of containers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._model.errors import InvalidRequest
from .._model.images import Image
from .._model.template import CONTAINER_GROUPS
from .._model.waiting import is_aborted
from .._model.workload import Workload
from .goals import Goal
from .plan import Act, Change, JsonPatch, Plan, Refused, Snapshot, SpecField, Unchanged, not_observed
from .revision import new_version_seen

EVERY_CONTAINER = "*"


@dataclass(frozen=True)
class SetImage:
    """``images``: container name (or ``*`` for all) to image reference."""

    images: Mapping[str, str]
    goal: Goal
    name: str = "rollout_set_image"
    needs_history: bool = False

    def __post_init__(self) -> None:
        if not self.images:
            raise InvalidRequest("images", dict(self.images), "give at least one container: image pair")
        for container, image in self.images.items():
            Image.parse(image, option=f"images[{container}]")

    def plan(self, snapshot: Snapshot) -> Plan:
        """Replace the images that differ; test name and old image, so that a concurrent edit is not lost."""
        unknown = [name for name in self.images if name != EVERY_CONTAINER and name not in snapshot.workload.images]
        if unknown:
            return Refused("invalid_request", self._no_such_container(snapshot, unknown))
        edits = self._edits(snapshot.workload)
        if not edits:
            return Unchanged(_already(snapshot))
        blocked = not_observed(snapshot)
        if blocked:
            return blocked
        before = {edit["container"]: edit["from"] for edit in edits}
        after = {edit["container"]: edit["to"] for edit in edits}
        return Act(
            patches=(JsonPatch([operation for edit in edits for operation in edit["operations"]]),),
            change=Change({"images": before}, {"images": after}),
            message="set " + ", ".join(f"{name} to {image}" for name, image in after.items()),
            seen=new_version_seen(snapshot),
            fields=tuple(edit["field"] for edit in edits),
        )

    def _edits(self, workload: Workload) -> list[dict[str, Any]]:
        edits = []
        for group in CONTAINER_GROUPS:
            for index, container in enumerate((workload.template.get("spec") or {}).get(group) or ()):
                wanted = self.images.get(container["name"], self.images.get(EVERY_CONTAINER))
                if wanted is not None and wanted != container.get("image"):
                    path = f"{workload.template_path}/spec/{group}/{index}"
                    edits.append(_edit(path, container, wanted) | {"field": _field(workload, group, container)})
        return edits

    def _no_such_container(self, snapshot: Snapshot, unknown: list[str]) -> str:
        known = ", ".join(sorted(snapshot.workload.images)) or "none"
        return (
            f"images: {snapshot.rollout.label} has no container named {', '.join(sorted(unknown))}; "
            f"it has {known}. Correct the name in the task"
        )


def _edit(path: str, container: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    current = container.get("image")
    verb = "replace" if current is not None else "add"
    guard = [{"op": "test", "path": f"{path}/image", "value": current}] if current is not None else []
    return {
        "container": container["name"],
        "from": current,
        "to": wanted,
        "operations": [
            {"op": "test", "path": f"{path}/name", "value": container["name"]},
            *guard,
            {"op": verb, "path": f"{path}/image", "value": wanted},
        ],
    }


def _field(workload: Workload, group: str, container: Mapping[str, Any]) -> SpecField:
    name, old = container["name"], container.get("image") or ""
    item = json.dumps({"name": name}, separators=(",", ":"))
    return SpecField(
        name=f"the image of container {name}",
        path=(*workload.managed_path, "f:spec", f"f:{group}", f"k:{item}", "f:image"),
        old=old or "nothing",
        back=lambda now: now.workload.images.get(name) == old,
        in_workload=True,
    )


def _already(snapshot: Snapshot) -> str:
    message = "the images are set already"
    if is_aborted(snapshot.rollout):
        message += ", but their rollout was aborted: rollout_retry starts it again, rollout_undo gives it up"
    return message
