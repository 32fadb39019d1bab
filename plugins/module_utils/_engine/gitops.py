# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of a spec that a GitOps tool keeps as they are in Git: warn, refuse, and notice when it has won."""

from __future__ import annotations

from .._cluster.resources import Object
from .._model.durations import format_seconds
from .._model.ownership import gitops_manager, last_writer, manager_called, restoring_manager
from .._verbs.plan import Act, Snapshot, SpecField
from .outcome import Stop

WARN = "warn"
REFUSE = "refuse"
IGNORE = "ignore"
CHOICES = (WARN, REFUSE, IGNORE)


def heed(choice: str, plan: Act, snapshot: Snapshot) -> str:
    """The warning that goes with a plan, empty without a reason for one. Raises Stop where it must not be carried out.

    Status fields (promotion, abort, retry) are nobody's but the controller's.
    """
    if choice == IGNORE:
        return ""
    for field in plan.fields:
        manager = restoring_manager(field.holder(snapshot), field.path, in_git=field.in_workload)
        if manager is None:
            continue
        holder = _label(field, snapshot)
        if choice == REFUSE:
            text = f"{holder} is managed by {manager.label}, so {field.name} was not written"
            raise Stop("managed", f"{text}; {manager.remedy}. gitops: warn writes it all the same")
        return f"{holder} is managed by {manager.label}, which may put {field.name} back; {manager.remedy}"
    return ""


def heed_removal(choice: str, raw: Object, label: str) -> str:
    """The same for an object that is to be deleted: a tool that finds it in Git makes it again."""
    manager = None if choice == IGNORE else gitops_manager(raw)
    if manager is None:
        return ""
    text, remedy = f"{label} is managed by {manager.label}", "take it out of Git"
    if choice == REFUSE:
        raise Stop("managed", f"{text}, so it was not deleted; {remedy}. gitops: warn deletes it all the same")
    return f"{text}, which may make it again; {remedy}"


def check_reverted(plan: Act, snapshot: Snapshot, seconds: float) -> None:
    """Raise Stop when a field that was written so many seconds ago is what it was before. It is never written again."""
    for field in plan.fields:
        if field.back(snapshot):
            raise Stop("reverted", f"{plan.message}, but {_reverted(field, snapshot, seconds)}")


def _reverted(field: SpecField, snapshot: Snapshot, seconds: float) -> str:
    writer = last_writer(field.holder(snapshot), field.path)
    manager = manager_called(writer) or restoring_manager(field.holder(snapshot), field.path)
    remedy = manager.remedy if manager else "find out who did, before it is set again"
    after = format_seconds(round(seconds, 1))
    return f"{field.name} was put back to {field.old} by {writer or 'somebody'} within {after}; {remedy}"


def _label(field: SpecField, snapshot: Snapshot) -> str:
    if not field.in_workload or snapshot.rollout.workload_ref is None:
        return snapshot.rollout.label
    return f"{snapshot.workload.kind} {snapshot.rollout.namespace}/{snapshot.workload.name}"
