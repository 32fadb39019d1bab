# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who manages an object, by what GitOps tools leave on it, and who wrote a field last."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.ownership import (
    gitops_manager,
    last_writer,
    manager_called,
    restoring_manager,
)

Tree = dict[str, Any]

PAUSED = ("f:spec", "f:paused")
IMAGE = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"app"}', "f:image")
TRACKING_ID = "argocd.argoproj.io/tracking-id"


def rollout(labels: Tree | None = None, annotations: Tree | None = None, *entries: Tree) -> Tree:
    metadata = {"name": "shop", "labels": labels, "annotations": annotations, "managedFields": list(entries)}
    return {"kind": "Rollout", "metadata": metadata}


def entry(manager: str, *paths: tuple[str, ...], second: int = 0, **more: str) -> Tree:
    fields: Tree = {}
    for path in paths:
        node = fields
        for key in path:
            node = node.setdefault(key, {})
    return {"manager": manager, "time": f"2026-01-01T12:00:{second:02}Z", "fieldsV1": fields, **more}


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ({}, ""),
        (rollout(), ""),
        (rollout({"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"}), ""),
        (rollout(None, {TRACKING_ID: "web:argoproj.io/Rollout:prod/shop"}), "Argo CD (Application web)"),
        (rollout(None, {TRACKING_ID: "web:argoproj.io/Rollout:prod/copied-from"}), ""),
        (rollout(None, {TRACKING_ID: "web:apps/Deployment:prod/shop"}), ""),
        (rollout(None, {TRACKING_ID: "nonsense"}), ""),
        (rollout({"argocd.argoproj.io/instance": "web"}), "Argo CD (Application web)"),
        (rollout(None, None, entry("argocd-controller")), "Argo CD"),
        (
            rollout({"app.kubernetes.io/instance": "web"}, None, entry("argocd-application-controller")),
            "Argo CD (Application web)",
        ),
        (rollout(None, None, entry("argocd-controller", subresource="status")), ""),
        (
            rollout({"kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux"}),
            "Flux (Kustomization flux/web)",
        ),
        (rollout({"helm.toolkit.fluxcd.io/name": "web"}), "Flux (HelmRelease web)"),
        (rollout(None, None, entry("kustomize-controller")), "Flux"),
        (
            rollout({"kustomize.toolkit.fluxcd.io/name": "web"}, {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}),
            "",
        ),
    ],
)
def test_the_tool_that_manages_an_object(raw: Tree, label: str) -> None:
    manager = gitops_manager(raw)
    assert (manager.label if manager else "") == label


ARGO: Tree = {"argocd.argoproj.io/instance": "web"}


@pytest.mark.parametrize(
    ("entries", "restored"),
    [
        ([], True),
        ([entry("kubectl", PAUSED)], True),
        ([entry("argocd-controller", PAUSED)], True),
        ([entry("argocd-controller", ("f:spec",))], True),
        ([entry("argocd-controller", (*PAUSED, "f:inside"))], True),
        ([entry("argocd-controller", IMAGE)], False),
        ([entry("argocd-controller", IMAGE), entry("kubectl", PAUSED)], False),
    ],
    ids=["no writer known", "others only", "the field", "all of it", "a part of it", "another", "another's"],
)
def test_a_tool_restores_what_it_holds_or_may_hold(entries: list[Tree], restored: bool) -> None:
    assert (restoring_manager(rollout(ARGO, None, *entries), PAUSED) is not None) is restored


def test_what_we_took_over_is_the_tools_where_it_must_be_in_git() -> None:
    raw = rollout(
        ARGO, None, entry("argocd-controller", ("f:spec", "f:replicas")), entry("progressive.delivery", IMAGE)
    )
    assert restoring_manager(raw, IMAGE) is None
    assert restoring_manager(raw, IMAGE, in_git=True) is not None


def test_nobody_restores_what_nobody_manages() -> None:
    assert restoring_manager(rollout(None, None, entry("kubectl", PAUSED)), PAUSED) is None


@pytest.mark.parametrize(
    ("entries", "writer"),
    [
        ([], ""),
        ([entry("kubectl", PAUSED), entry("argocd-controller", IMAGE, second=9)], "kubectl"),
        ([entry("kubectl", PAUSED, second=9), entry("argocd-controller", PAUSED, second=3)], "kubectl"),
        ([entry("progressive.delivery", PAUSED, second=3), entry("kubectl", PAUSED, second=3)], "kubectl"),
        ([entry("kubectl", PAUSED, second=3), entry("progressive.delivery", PAUSED, second=3)], "kubectl"),
        ([entry("progressive.delivery", PAUSED)], "progressive.delivery"),
        ([entry("kubectl-replace", IMAGE), entry("progressive.delivery", IMAGE, second=9)], "kubectl-replace"),
        ([entry("kubectl", IMAGE), entry("rollouts-controller", IMAGE, second=9)], "kubectl"),
        ([{"manager": "timeless", "fieldsV1": {"f:spec": {"f:paused": {}}}}], "timeless"),
        ([{"time": "2026-01-01T12:00:00Z"}], ""),
    ],
    ids=[
        "unknown",
        "who holds it",
        "who wrote last",
        "not us, in one second",
        "whatever the order",
        "another task",
        "gone: who else wrote",
        "gone: not the controller",
        "without a time",
        "without anything",
    ],
)
def test_the_last_writer_of_a_field(entries: list[Tree], writer: str) -> None:
    assert last_writer(rollout(None, None, *entries), PAUSED) == writer


def test_a_tool_is_known_by_the_name_that_it_writes_under() -> None:
    manager = manager_called("argocd-controller")
    assert manager is not None
    assert "ignoreDifferences" in manager.remedy
    assert manager_called("kubectl") is None
