# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of the resources, without a discovery request."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import (
    ANALYSIS_RUN,
    REPLICA_SET,
    ROLLOUT,
    WORKLOADS,
    Resource,
)


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "subresource", "path"),
    [
        (ROLLOUT, "prod", "shop", "", "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts/shop"),
        (ROLLOUT, "prod", "shop", "status", "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts/shop/status"),
        (ROLLOUT, "prod", "", "", "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts"),
        (ROLLOUT, "", "", "", "/apis/argoproj.io/v1alpha1/rollouts"),
        (ANALYSIS_RUN, "prod", "run.1", "", "/apis/argoproj.io/v1alpha1/namespaces/prod/analysisruns/run.1"),
        (REPLICA_SET, "prod", "", "", "/apis/apps/v1/namespaces/prod/replicasets"),
        (WORKLOADS["Deployment"], "prod", "pods", "", "/apis/apps/v1/namespaces/prod/deployments/pods"),
        (WORKLOADS["PodTemplate"], "prod", "pods", "", "/api/v1/namespaces/prod/podtemplates/pods"),
        (ROLLOUT, "a/b", "../x", "", "/apis/argoproj.io/v1alpha1/namespaces/a%2Fb/rollouts/..%2Fx"),
        (ROLLOUT, "prod", "a?b#c", "", "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts/a%3Fb%23c"),
    ],
)
def test_a_path(resource: Resource, namespace: str, name: str, subresource: str, path: str) -> None:
    assert resource.path(namespace, name, subresource) == path


@pytest.mark.parametrize(
    ("resource", "group"), [(ROLLOUT, "argoproj.io"), (REPLICA_SET, "apps"), (WORKLOADS["PodTemplate"], "")]
)
def test_the_group(resource: Resource, group: str) -> None:
    assert resource.group == group


def test_the_kinds_that_the_controller_resolves() -> None:
    assert {kind: resource.kind for kind, resource in WORKLOADS.items()} == {
        "Deployment": "Deployment",
        "ReplicaSet": "ReplicaSet",
        "PodTemplate": "PodTemplate",
    }
