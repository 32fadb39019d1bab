# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scales a Rollout, as autoscalers and the managed fields tell it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.autoscaler import (
    Autoscaler,
    Target,
    replicas_are_applied,
    scaled_by,
)

from tests.unit.support import Tree

SHOP = Target.of("argoproj.io/v1alpha1", "Rollout", "shop")
PODS = Target.of("apps/v1", "Deployment", "shop")


def scaler(**ref: str) -> Tree:
    return {"metadata": {"name": "scaler"}, "spec": {"scaleTargetRef": {"name": "shop", **ref}}}


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        (scaler(apiVersion="argoproj.io/v1alpha1", kind="Rollout"), SHOP),
        (scaler(apiVersion="argoproj.io/v1", kind="Rollout"), SHOP),
        (scaler(apiVersion="apps/v1", kind="Deployment"), PODS),
        (scaler(), PODS),
        ({}, Target("apps", "Deployment", "")),
    ],
)
def test_what_an_autoscaler_points_at(raw: Tree, target: Target) -> None:
    assert Autoscaler.parse(raw, "ScaledObject").target == target


def test_an_autoscaler_of_something_else() -> None:
    found = Autoscaler.parse(scaler(apiVersion="example.com/v1", kind="Rollout"), "HorizontalPodAutoscaler")
    assert found.target != SHOP
    assert found.label == "HorizontalPodAutoscaler scaler"


def entry(manager: str, operation: str, subresource: str = "", **fields: Any) -> Tree:
    more = {"subresource": subresource} if subresource else {}
    return {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": fields}, **more}


REPLICAS: Tree = {"f:replicas": {}}


@pytest.mark.parametrize(
    ("entries", "writer", "applied"),
    [
        (None, "", False),
        ([entry("progressive.delivery", "Apply", **REPLICAS)], "", True),
        ([entry("progressive.delivery", "Update", **REPLICAS)], "", False),
        ([entry("kubectl", "Apply", **REPLICAS)], "", False),
        ([entry("progressive.delivery", "Apply", **{"f:strategy": {}})], "", False),
        ([entry("kube-controller-manager", "Update", "scale", **REPLICAS)], "kube-controller-manager", False),
        ([entry("", "Update", "scale", **REPLICAS)], "somebody", False),
        (
            [entry("progressive.delivery", "Apply", **REPLICAS), entry("keda", "Update", "scale", **REPLICAS)],
            "keda",
            True,
        ),
        ([{"manager": "bare"}], "", False),
    ],
)
def test_who_holds_the_number_of_pods(entries: list[Tree] | None, writer: str, applied: bool) -> None:
    raw = {"metadata": {"managedFields": entries}}
    assert scaled_by(raw) == writer
    assert replicas_are_applied(raw) == applied
