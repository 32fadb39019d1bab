# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release's manifest becomes what the role applies."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.filter.rollouts_manifest import FilterModule, rollouts_manifest

CRD = """# generated
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    note: kept
  name: rollouts.argoproj.io
spec:
  names:
    kind: Rollout
  versions:
  - schema:
      metadata:
        labels: {}
"""
BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: argo-rollouts
subjects:
- kind: ServiceAccount
  name: argo-rollouts
  namespace: argo-rollouts
- kind: ServiceAccount
  name: other
  namespace: elsewhere
"""


def deployment(image: str) -> str:
    return f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: argo-rollouts
  namespace: argo-rollouts
spec:
  template:
    spec:
      containers:
      - name: argo-rollouts
        image: {image}
"""


def adapt(*documents: str, **options: Any) -> dict[str, Any]:
    return rollouts_manifest("\n---\n".join(documents), **{"version": "v1", "label": "x/y", **options})


SHAPED = """apiVersion: apps/v1
kind: Deployment
metadata: {name: argo-rollouts}
spec:
  replicas: 1
  selector: {matchLabels: {app: c}}
  template:
    spec:
      containers:
      - name: argo-rollouts
        image: quay.io/argoproj/argo-rollouts:latest
        imagePullPolicy: Always
        resources: {limits: {cpu: 1}}
"""


def shaped(**options: Any) -> dict[str, Any]:
    return adapt(SHAPED, **options)["objects"][0]["spec"]


def test_the_controller_is_as_upstream_has_it_but_for_the_image() -> None:
    spec = shaped()
    container = spec["template"]["spec"].pop("containers")[0]
    assert container["image"] == "quay.io/argoproj/argo-rollouts:v1"
    assert (container["imagePullPolicy"], container["resources"]) == ("IfNotPresent", {"limits": {"cpu": 1}})
    assert spec == {"replicas": 1, "selector": {"matchLabels": {"app": "c"}}, "template": {"spec": {}}}


def test_several_controllers_are_spread_over_nodes() -> None:
    spec = shaped(replicas=2, resources={"requests": {"cpu": "1"}})
    spread = spec["template"]["spec"]["topologySpreadConstraints"][0]
    assert (spec["replicas"], spread["labelSelector"]) == (2, spec["selector"])
    assert spec["template"]["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("quay.io/argoproj/c:latest", "r.example.com:5000/m/argoproj/c:v1"),
        ("localhost/c", "r.example.com:5000/m/c:v1"),
        ("host:5000/c@sha256:00", "r.example.com:5000/m/c:v1"),
        ("argoproj/c:latest", "r.example.com:5000/m/argoproj/c:v1"),
        ("c", "r.example.com:5000/m/c:v1"),
    ],
)
def test_another_registry_keeps_the_path(image: str, wanted: str) -> None:
    found = adapt(deployment(image), registry="r.example.com:5000/m")
    assert found["objects"][0]["spec"]["template"]["spec"]["containers"][0]["image"] == wanted


def test_crds_stay_text_and_gain_a_label_with_their_hash() -> None:
    found = adapt(CRD, deployment("c:latest"))
    crd = yaml.safe_load(found["crds"])
    assert crd["metadata"]["labels"] == {"x/y": found["schemas"]}
    assert crd["metadata"]["annotations"] == {"note": "kept"}
    assert crd["spec"] == yaml.safe_load(CRD)["spec"], "only the object's own metadata is labelled"
    assert found["crds_count"] == 1
    assert len(found["schemas"]) <= 63


def test_labels_that_a_crd_has_are_kept() -> None:
    labelled = CRD.replace("  name: rollouts", "  labels:\n    a: b\n  name: rollouts")
    found = adapt(labelled)
    assert yaml.safe_load(found["crds"])["metadata"]["labels"] == {"a": "b", "x/y": found["schemas"]}


def test_the_hash_follows_the_schemas_and_nothing_else() -> None:
    assert adapt(CRD)["schemas"] == adapt(CRD, BINDING, namespace="other")["schemas"]
    assert adapt(CRD)["schemas"] != adapt(CRD.replace("kept", "changed"))["schemas"]


def test_crds_can_come_from_other_files() -> None:
    found = adapt(CRD, BINDING, crds=[CRD.replace("rollouts.", "experiments."), CRD])
    assert found["crds_count"] == 2
    assert [item["kind"] for item in found["objects"]] == ["ClusterRoleBinding"]


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("example.com/argo/rollouts:latest", "example.com/argo/rollouts:v1"),
        ("example.com:5000/argo/rollouts", "example.com:5000/argo/rollouts:v1"),
        ("example.com:5000/argo/rollouts:v0@sha256:ab", "example.com:5000/argo/rollouts:v1"),
        ("rollouts", "rollouts:v1"),
    ],
)
def test_the_tag_is_pinned(image: str, pinned: str) -> None:
    container = adapt(deployment(image))["objects"][0]["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == pinned


def test_a_whole_image_takes_the_place_of_the_manifests_one() -> None:
    found = adapt(deployment("a:b"), image="mirror.example.com/x@sha256:ab")
    assert found["objects"][0]["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.example.com/x@sha256:ab"


def test_objects_move_to_the_namespace_and_others_stay() -> None:
    binding, moved = adapt(BINDING, deployment("a"), namespace="delivery")["objects"]
    assert [subject["namespace"] for subject in binding["subjects"]] == ["delivery", "elsewhere"]
    assert "namespace" not in binding["metadata"]
    assert moved["metadata"]["namespace"] == "delivery"


def test_kinds_can_be_left_out_and_empty_documents_do_not_count() -> None:
    found = adapt("# nothing\n", BINDING, "\n", deployment("a"), leave_out=["Deployment"])
    reference = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "argo-rollouts"},
    }
    assert found["references"] == [reference]


def test_ansible_finds_it_by_name() -> None:
    assert FilterModule().filters()["rollouts_manifest"] is rollouts_manifest
