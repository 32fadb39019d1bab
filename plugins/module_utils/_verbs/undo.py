# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo: bring an earlier revision's pod template back into the spec."""

from __future__ import annotations

from dataclasses import dataclass

from .._model.errors import InvalidRequest
from .._model.rollout import Rollout
from .._model.template import authored_template, same_template
from .._model.workload import ReplicaSet
from .goals import Goal
from .plan import Act, Change, JsonPatch, Plan, Refused, Snapshot, SpecField, Unchanged, not_observed
from .revision import new_version_seen


@dataclass(frozen=True)
class Undo:
    """``to_revision`` None means the stable revision."""

    goal: Goal
    to_revision: int | None = None
    name: str = "rollout_undo"
    needs_history: bool = True

    def __post_init__(self) -> None:
        if self.to_revision is not None and self.to_revision < 1:
            remedy = "give a revision number of 1 or more, or leave it out for the stable one"
            raise InvalidRequest("to_revision", self.to_revision, remedy)

    def plan(self, snapshot: Snapshot) -> Plan:
        """Replace the pod template as a whole, as its author wrote it, if it means other pods than now."""
        rollout, workload = snapshot.rollout, snapshot.workload
        blocked = not_observed(snapshot)
        if blocked:
            return blocked
        history = [item for item in snapshot.replica_sets if item.owner_uid == rollout.uid and item.revision]
        target = self._find(rollout, history)
        if target is None:
            return self._no_such_revision(rollout, history)
        template = authored_template(target.template, rollout)
        current = authored_template(workload.template, rollout)
        if same_template(template, current):
            return Unchanged(f"the spec already is that of revision {target.revision}")
        path = workload.template_path
        return Act(
            patches=(
                JsonPatch(
                    [
                        {"op": "test", "path": path, "value": workload.template},
                        {"op": "replace", "path": path, "value": template},
                    ]
                ),
            ),
            change=Change(
                {"revision": rollout.revision, "template": current},
                {"revision": f"{target.revision} under a new number", "template": template},
            ),
            message=f"went back to the template of revision {target.revision}",
            seen=new_version_seen(snapshot),
            fields=(_template_field(snapshot),),
        )

    def _find(self, rollout: Rollout, history: list[ReplicaSet]) -> ReplicaSet | None:
        if self.to_revision is None:
            return next((item for item in history if item.pod_hash == rollout.stable_hash != ""), None)
        # A revision that was rolled back to has a new number by now, and keeps the old ones on record.
        wanted = self.to_revision
        return next(
            (item for item in history if item.revision == wanted),
            next((item for item in history if wanted in item.former_revisions), None),
        )

    def _no_such_revision(self, rollout: Rollout, history: list[ReplicaSet]) -> Refused:
        kept = ", ".join(str(item.revision) for item in sorted(history, key=lambda item: item.revision)) or "none"
        if self.to_revision is None:
            text = f"{rollout.label} has no stable version to go back to; it has these revisions: {kept}"
            return Refused("no_stable", f"{text}. Name one in to_revision")
        text = f"to_revision: {rollout.label} has no revision {self.to_revision} in its history, which has {kept}"
        return Refused("no_revision", f"{text}. Older ones were removed, see spec.revisionHistoryLimit")


def _template_field(before: Snapshot) -> SpecField:
    old = authored_template(before.workload.template, before.rollout)
    return SpecField(
        name="the pod template",
        path=before.workload.managed_path,
        old=f"that of revision {before.rollout.revision}",
        back=lambda now: same_template(authored_template(now.workload.template, now.rollout), old),
        in_workload=True,
    )
