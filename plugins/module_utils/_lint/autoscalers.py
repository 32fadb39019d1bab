# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Autoscalers that scale something else than the Rollout that they are meant for, or against its manifest."""

from __future__ import annotations

from collections.abc import Iterator

from .bundle import Bundle, Target, near
from .documents import OUR_GROUP
from .places import Finding, Place
from .references import missing

_ROLLOUT = Target("Rollout")
_DEPLOYMENT = "Deployment"
_OLD_WORKLOADS = ("Deployment", "ReplicaSet")
_SCALERS = (Target("HorizontalPodAutoscaler", ("autoscaling",)), Target("ScaledObject", ("keda.sh",)))


def check_autoscalers(bundle: Bundle) -> Iterator[Finding]:
    for kind in _SCALERS:
        for scaler in bundle.of(kind):
            yield from _check_target(bundle, scaler)


def _check_target(bundle: Bundle, scaler: Place) -> Iterator[Finding]:
    target = scaler.at("spec", "scaleTargetRef")
    name, namespace = target.at("name"), scaler.document.namespace
    kind = target.at("kind").text or (_DEPLOYMENT if scaler.document.kind == "ScaledObject" else "")
    rollout = bundle.find(_ROLLOUT, namespace, name.text)
    if kind == "Rollout":
        yield from _check_rollout(bundle, target, rollout)
    elif kind in _OLD_WORKLOADS and name.text:
        yield from _check_workload(bundle, target, kind, rollout)


def _check_rollout(bundle: Bundle, target: Place, rollout: Place | None) -> Iterator[Finding]:
    version = target.at("apiVersion")
    if version.text.rpartition("/")[0] != OUR_GROUP:
        text = f"a Rollout is of {OUR_GROUP}/v1alpha1, and the target says {version.text or 'nothing'}"
        yield (version if version.given else target).finding("autoscaler-target", text)
    elif rollout is None:
        yield from missing(bundle, _ROLLOUT, target.at("name"), target.document.namespace, "autoscaler-missing")
    elif rollout.at("spec", "replicas").given:
        text = f"{target.document.label} owns the number of pods, and applying this manifest takes it back"
        yield rollout.at("spec", "replicas").finding("replicas-with-autoscaler", text)


def _check_workload(bundle: Bundle, target: Place, kind: str, rollout: Place | None) -> Iterator[Finding]:
    """The target is a Deployment: wrong when it only lends its pods to a Rollout, or when a Rollout has its name."""
    namespace, name = target.document.namespace, target.at("name").text
    lender = next((found for found in bundle.ours("Rollout") if _refers(found, namespace, kind, name)), None)
    if lender is not None:
        text = f"the {kind} {name} only lends its pods to {lender.document.label}, and that is what has to be scaled"
        yield target.finding("autoscaler-target", text)
    elif rollout is not None and bundle.find(Target(kind, ("apps",)), namespace, name) is None:
        text = f"the target is a {kind}, and {name} is a Rollout"
        yield target.finding("autoscaler-target", text)


def _refers(rollout: Place, namespace: str, kind: str, name: str) -> bool:
    reference = rollout.at("spec", "workloadRef")
    same = reference.at("kind").text == kind and reference.at("name").text == name
    return same and near(rollout.document.namespace, namespace)
