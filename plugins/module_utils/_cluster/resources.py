# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources that we talk to: path and right, without a discovery request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

# An API object as JSON gives it.
Object = dict[str, Any]

# Content types of patches.
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

# Seconds that one request may take: long enough for a slow apiserver, short enough that a dead connection is noticed.
READ_TIMEOUT = 30.0

ARGO = "argoproj.io/v1alpha1"


@dataclass(frozen=True)
class Resource:
    """A namespaced resource."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """URL path; an empty namespace means all of them."""
        parts = ["apis" if self.group else "api", self.api_version]
        parts += ["namespaces", quote(namespace, safe="")] if namespace else []
        parts += [part for part in (self.plural, quote(name, safe=""), subresource) if part]
        return "/" + "/".join(parts)


ROLLOUT = Resource(ARGO, "Rollout", "rollouts")
ANALYSIS_RUN = Resource(ARGO, "AnalysisRun", "analysisruns")
EXPERIMENT = Resource(ARGO, "Experiment", "experiments")
ANALYSIS_TEMPLATE = Resource(ARGO, "AnalysisTemplate", "analysistemplates")
# Of the whole cluster: its path has no namespace.
CLUSTER_ANALYSIS_TEMPLATE = Resource(ARGO, "ClusterAnalysisTemplate", "clusteranalysistemplates")
REPLICA_SET = Resource("apps/v1", "ReplicaSet", "replicasets")
DISRUPTION_BUDGET = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
POD = Resource("v1", "Pod", "pods")
AUTOSCALER = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
SCALED_OBJECT = Resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")

# What a workloadRef may name; the controller resolves no other kinds.
WORKLOADS: Mapping[str, Resource] = {
    "Deployment": Resource("apps/v1", "Deployment", "deployments"),
    "ReplicaSet": REPLICA_SET,
    "PodTemplate": Resource("v1", "PodTemplate", "podtemplates"),
}

# Where a Rollout's traffic is decided, by kind. Of several versions of the same objects one is served.
_ISTIO = "networking.istio.io"
TRAFFIC: Mapping[str, tuple[Resource, ...]] = {
    "Service": (Resource("v1", "Service", "services"),),
    "Ingress": (Resource("networking.k8s.io/v1", "Ingress", "ingresses"),),
    "VirtualService": tuple(
        Resource(f"{_ISTIO}/{version}", "VirtualService", "virtualservices") for version in ("v1", "v1alpha3")
    ),
    "DestinationRule": tuple(
        Resource(f"{_ISTIO}/{version}", "DestinationRule", "destinationrules") for version in ("v1", "v1alpha3")
    ),
    "TraefikService": (Resource("traefik.io/v1alpha1", "TraefikService", "traefikservices"),),
}
