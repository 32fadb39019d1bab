# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which GitOps tool manages an object, and who wrote a field of it.

The tools leave labels and annotations; ``metadata.managedFields`` says which of the fields they hold. The label
``app.kubernetes.io/instance`` alone proves nothing: Argo CD may use it, and so does every Helm chart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .timestamps import parse_time

Object = Mapping[str, Any]
# The way to a field as ``fieldsV1`` spells it, such as ``("f:spec", "f:paused")``.
Path = tuple[str, ...]

OURS = "progressive.delivery"
# Writes annotations and defaults to a Rollout, but never what somebody wished for.
CONTROLLER = "rollouts-controller"

_ARGO_WRITERS = frozenset({"argocd-controller", "argocd-application-controller"})
_TRACKING_ID = "argocd.argoproj.io/tracking-id"
_ARGO_LABEL = "argocd.argoproj.io/instance"
_COMMON_LABEL = "app.kubernetes.io/instance"
_FLUX_PAUSE = "kustomize.toolkit.fluxcd.io/reconcile"


@dataclass(frozen=True)
class Manager:
    """A tool that keeps an object as it is in Git. ``writers`` are its names in ``managedFields``."""

    label: str
    remedy: str
    writers: frozenset[str]


def gitops_manager(raw: Object) -> Manager | None:
    """The GitOps tool that manages this object, if one does."""
    return _argo_cd(raw) or _flux(raw)


def restoring_manager(raw: Object, path: Path, *, in_git: bool = False) -> Manager | None:
    """The tool that may put the field at ``path`` back: it holds the field, or its writes are not recorded.

    A field that it has left out (not in Git, or told to ignore it) is nothing that it would restore. ``in_git`` is for
    fields that every manifest has: there a hold of ours is one that was taken from the tool, until it comes by again.
    """
    manager = gitops_manager(raw)
    if manager is None or not _has_written(raw, manager.writers):
        return manager
    holders = manager.writers | ({OURS} if in_git else set())
    held = any(item["manager"] in holders and _holds(item["fieldsV1"], path) for item in _entries(raw))
    return manager if held else None


def last_writer(raw: Object, path: Path) -> str:
    """The manager who wrote the field last; of a field that is gone, who else wrote the object last. Empty if unknown.

    Times are to the second, and our own write was the earlier one.
    """
    entries = list(_entries(raw))
    holders = [item for item in entries if _holds(item["fieldsV1"], path)]
    others = [item for item in entries if item["manager"] not in (OURS, CONTROLLER)]
    newest = max(holders or others, key=lambda item: (_written_at(item), item["manager"] != OURS), default=None)
    return str(newest["manager"]) if newest else ""


def manager_called(writer: str) -> Manager | None:
    """The GitOps tool that writes under that name."""
    return gitops_manager({"metadata": {"managedFields": [{"manager": writer, "fieldsV1": {}}]}})


def _argo_cd(raw: Object) -> Manager | None:
    labels = _metadata(raw, "labels")
    application = _tracked_by(raw) or labels.get(_ARGO_LABEL, "")
    if not application:
        if not _has_written(raw, _ARGO_WRITERS):
            return None
        application = labels.get(_COMMON_LABEL, "")
    remedy = "change it in Git, or let the Application ignore the field (ignoreDifferences)"
    return Manager(_named("Argo CD", "Application", application), remedy, _ARGO_WRITERS)


def _tracked_by(raw: Object) -> str:
    """The Application of ``application:group/kind:namespace/name``; empty if that speaks of another object.

    People copy objects with their annotations, and Argo CD leaves such copies alone.
    """
    application, _sep, target = _metadata(raw, "annotations").get(_TRACKING_ID, "").partition(":")
    kind, _sep, place = target.partition(":")
    same = (kind.rpartition("/")[2], place.rpartition("/")[2]) == (raw.get("kind"), _metadata(raw).get("name"))
    return application if same else ""


def _flux(raw: Object) -> Manager | None:
    if _metadata(raw, "annotations").get(_FLUX_PAUSE) == "disabled":
        return None
    for kind, group, writer in (
        ("Kustomization", "kustomize.toolkit.fluxcd.io", "kustomize-controller"),
        ("HelmRelease", "helm.toolkit.fluxcd.io", "helm-controller"),
    ):
        labels, writers = _metadata(raw, "labels"), frozenset({writer})
        name = labels.get(f"{group}/name", "")
        if name or _has_written(raw, writers):
            remedy = f"change it in Git, or suspend the {kind}"
            where = "/".join(filter(None, (labels.get(f"{group}/namespace", ""), name)))
            return Manager(_named("Flux", kind, where), remedy, writers)
    return None


def _named(tool: str, kind: str, name: str) -> str:
    return f"{tool} ({kind} {name})" if name else tool


def _has_written(raw: Object, writers: frozenset[str]) -> bool:
    return any(item["manager"] in writers for item in _entries(raw))


def _entries(raw: Object) -> Iterator[dict[str, Any]]:
    """Who wrote which fields of the object itself; its status is the controller's."""
    for item in _metadata(raw).get("managedFields") or ():
        if not item.get("subresource"):
            yield {"manager": "", "fieldsV1": {}, **item}


def _holds(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether the set of fields has the one at ``path``, something in it, or a whole that it is a part of."""
    for key in path:
        if not fields:
            return True
        if key not in fields:
            return False
        fields = fields[key]
    return True


def _written_at(entry: Mapping[str, Any]) -> float:
    moment = parse_time(entry.get("time"))
    return moment.timestamp() if moment else 0.0


def _metadata(raw: Object, part: str = "") -> Mapping[str, Any]:
    metadata = raw.get("metadata") or {}
    return metadata.get(part) or {} if part else metadata
