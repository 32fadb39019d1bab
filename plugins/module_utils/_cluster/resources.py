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
REPLICA_SET = Resource("apps/v1", "ReplicaSet", "replicasets")

# What a workloadRef may name; the controller resolves no other kinds.
WORKLOADS: Mapping[str, Resource] = {
    "Deployment": Resource("apps/v1", "Deployment", "deployments"),
    "ReplicaSet": REPLICA_SET,
    "PodTemplate": Resource("v1", "PodTemplate", "podtemplates"),
}
