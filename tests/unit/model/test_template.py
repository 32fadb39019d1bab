# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An undo sees neither the API's defaults nor the controller's injections, and nothing else is lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.template import (
    authored_template,
    same_template,
    strip_defaults,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import NAMESPACE, STABLE, Tree, blue_green, canary, merged, template, view

AUTHORED: Tree = {
    "metadata": {"labels": {"app": "shop"}, "annotations": {"team": "a"}},
    "spec": {
        "serviceAccountName": "shop",
        "initContainers": [{"name": "migrate", "image": "shop-migrate"}],
        "containers": [
            {
                "name": "app",
                "image": "shop:2",
                "ports": [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
                "env": [
                    {"name": "EMPTY"},
                    {"name": "LEVEL", "value": "info"},
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
                    {"name": "CPUS", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                ],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
                "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 3},
                "startupProbe": {"grpc": {"port": 9090}},
                "lifecycle": {"preStop": {"httpGet": {"port": 8080}}, "stopSignal": "SIGUSR1"},
            }
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": "shop"}},
            {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 256}},
            {
                "name": "token",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"path": "token"}},
                        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                    ]
                },
            },
            {
                "name": "labels",
                "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
            },
            {"name": "host", "hostPath": {"path": "/var/log"}},
            {"name": "scratch", "emptyDir": {}},
        ],
    },
}
# What kube-apiserver 1.34 makes of it in a ReplicaSet, and what the controller adds.
STORED: Tree = {
    "metadata": {
        "creationTimestamp": None,
        "labels": {"app": "shop", "rollouts-pod-template-hash": STABLE},
        "annotations": {"team": "a"},
    },
    "spec": {
        "serviceAccountName": "shop",
        "serviceAccount": "shop",
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "initContainers": [
            {
                "name": "migrate",
                "image": "shop-migrate",
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "containers": [
            {
                "name": "app",
                "image": "shop:2",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "ports": [
                    {"containerPort": 8080, "protocol": "TCP"},
                    {"containerPort": 53, "protocol": "UDP"},
                ],
                "env": [
                    {"name": "EMPTY"},
                    {"name": "LEVEL", "value": "info"},
                    {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}}},
                    {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
                    {
                        "name": "CPUS",
                        "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}},
                    },
                ],
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "livenessProbe": {
                    "tcpSocket": {"port": 8080},
                    "timeoutSeconds": 1,
                    "periodSeconds": 3,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "startupProbe": {
                    "grpc": {"port": 9090, "service": ""},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "lifecycle": {
                    "preStop": {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"}},
                    "stopSignal": "SIGUSR1",
                },
            }
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": "shop", "defaultMode": 420}},
            {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 256}},
            {
                "name": "token",
                "projected": {
                    "defaultMode": 420,
                    "sources": [
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                        {
                            "downwardAPI": {
                                "items": [
                                    {
                                        "path": "name",
                                        "fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"},
                                    }
                                ]
                            }
                        },
                    ],
                },
            },
            {
                "name": "labels",
                "downwardAPI": {
                    "defaultMode": 420,
                    "items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels", "apiVersion": "v1"}}],
                },
            },
            {"name": "host", "hostPath": {"path": "/var/log", "type": ""}},
            {"name": "scratch", "emptyDir": {}},
        ],
    },
}


def test_a_stored_template_means_the_authored_one() -> None:
    assert strip_defaults(STORED) == AUTHORED
    assert same_template(STORED, AUTHORED)


def test_a_stored_template_reads_back_as_its_author_wrote_it() -> None:
    assert authored_template(STORED, view(canary())) == AUTHORED


def test_what_has_no_defaults_stays_as_it_is() -> None:
    assert strip_defaults(AUTHORED) == AUTHORED


def test_a_template_without_anything() -> None:
    assert strip_defaults({}) == {"metadata": {}}
    assert authored_template({}, view(canary())) == {"metadata": {}}
    assert same_template({"metadata": None, "spec": None}, {})


def test_the_given_templates_are_not_changed() -> None:
    before = copy.deepcopy(STORED)
    authored_template(STORED, view(canary()))
    assert before == STORED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["nodeSelector", "tolerations", "affinity", "x"]), JSON, max_size=4))
def test_stripping_twice_is_stripping_once(pod: Tree) -> None:
    once = strip_defaults(merged(STORED, {"spec": pod}))
    assert strip_defaults(once) == once


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"tier": "web"}}},
        {"metadata": {"annotations": {"team": "b"}}},
        {"metadata": {"annotations": None}},
        {"spec": {"restartPolicy": "OnFailure"}},
        {"spec": {"terminationGracePeriodSeconds": 60}},
        {"spec": {"serviceAccountName": "other"}},
        {"spec": {"volumes": None}},
        {"spec": {"initContainers": None}},
        {"spec": {"containers": [*AUTHORED["spec"]["containers"], {"name": "sidecar", "image": "envoy:1"}]}},
        {"spec": {"containers": [{**AUTHORED["spec"]["containers"][0], "image": "shop:3"}]}},
        {"spec": {"containers": [{**AUTHORED["spec"]["containers"][0], "env": []}]}},
        {"spec": {"containers": [{**AUTHORED["spec"]["containers"][0], "imagePullPolicy": "Always"}]}},
        {"spec": {"containers": [{**AUTHORED["spec"]["containers"][0], "readinessProbe": {"timeoutSeconds": 2}}]}},
    ],
    ids=[
        "a label", "an annotation", "an annotation dropped", "a value beside the default", "a grace period",
        "a service account", "volumes dropped", "init containers dropped", "a sidecar", "an image", "env dropped",
        "a pull policy", "a probe",
    ],
)  # fmt: skip
def test_what_an_author_changes_is_a_difference(change: Tree) -> None:
    """In both directions: the plugin takes a template that only lost something for equal."""
    assert not same_template(STORED, merged(AUTHORED, change))
    assert not same_template(merged(AUTHORED, change), STORED)


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("shop", "Always"),
        ("shop:latest", "Always"),
        ("registry:5000/shop", "Always"),
        ("registry:5000/shop:latest", "Always"),
        ("shop:1", "IfNotPresent"),
        ("registry:5000/shop:1", "IfNotPresent"),
        (f"shop@sha256:{'0' * 64}", "IfNotPresent"),
        (f"shop:latest@sha256:{'0' * 64}", "Always"),
    ],
)
def test_the_default_pull_policy_follows_from_the_image(image: str, policy: str) -> None:
    other = {"Always": "IfNotPresent", "IfNotPresent": "Always"}[policy]

    def stripped(written: str) -> Any:
        container = {"name": "app", "image": image, "imagePullPolicy": written}
        return strip_defaults({"spec": {"containers": [container]}})["spec"]["containers"][0]

    assert stripped(policy) == {"name": "app", "image": image}
    assert stripped(other)["imagePullPolicy"] == other
    assert stripped("Never")["imagePullPolicy"] == "Never"


@pytest.mark.parametrize(
    ("pod", "kept"),
    [
        ({"serviceAccountName": "a", "serviceAccount": "a"}, {"serviceAccountName": "a"}),
        ({"serviceAccount": "a"}, {"serviceAccount": "a"}),
        (
            {"serviceAccountName": "a", "serviceAccount": "b"},
            {"serviceAccountName": "a", "serviceAccount": "b"},
        ),
    ],
    ids=["mirrored", "only the deprecated one", "two different ones"],
)
def test_the_deprecated_service_account_is_dropped_where_it_mirrors(pod: Tree, kept: Tree) -> None:
    assert strip_defaults({"spec": pod})["spec"] == kept


# -- what the controller injects


@pytest.mark.parametrize("role", ["canaryMetadata", "stableMetadata"])
@pytest.mark.parametrize("field", ["labels", "annotations"])
def test_ephemeral_metadata_of_a_canary_is_no_ones_writing(role: str, field: str) -> None:
    rollout = view(canary({"spec": {"strategy": {"canary": {role: {field: {"role": "x"}}}}}}))
    injected = merged(template(), {"metadata": {field: {"role": "what the controller wrote"}}})
    assert authored_template(injected, rollout) == template()


@pytest.mark.parametrize("role", ["activeMetadata", "previewMetadata"])
def test_ephemeral_metadata_of_blue_green_is_no_ones_writing(role: str) -> None:
    rollout = view(blue_green({"spec": {"strategy": {"blueGreen": {role: {"labels": {"role": "x"}}}}}}))
    injected = merged(template(), {"metadata": {"labels": {"role": "x"}, "annotations": {"team": "a"}}})
    assert authored_template(injected, rollout) == merged(template(), {"metadata": {"annotations": {"team": "a"}}})


def injected_term(**more: Any) -> Tree:
    """Mirrors CreateInjectedAntiAffinityRule."""
    expression = {"key": "rollouts-pod-template-hash", "operator": "In", "values": [STABLE]}
    return {
        "labelSelector": {"matchExpressions": [expression]},
        "namespaces": [NAMESPACE],
        "topologyKey": "kubernetes.io/hostname",
        **more,
    }


REQUIRED, PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
OWN_TERM: Tree = {"labelSelector": {"matchLabels": {"app": "shop"}}, "topologyKey": "zone"}
NODE: Tree = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}


def with_affinity(affinity: Tree | None) -> Tree:
    return merged(template(), {"spec": {"affinity": affinity}})


@pytest.mark.parametrize(
    ("stored", "authored"),
    [
        pytest.param({"podAntiAffinity": {REQUIRED: [injected_term()]}}, None, id="required, nothing else"),
        pytest.param(
            {"podAntiAffinity": {PREFERRED: [{"weight": 50, "podAffinityTerm": injected_term()}]}},
            None,
            id="preferred, nothing else",
        ),
        pytest.param(
            {"podAntiAffinity": {REQUIRED: [OWN_TERM, injected_term()]}},
            {"podAntiAffinity": {REQUIRED: [OWN_TERM]}},
            id="beside the author's own",
        ),
        pytest.param(
            {**NODE, "podAntiAffinity": {REQUIRED: [injected_term()]}}, NODE, id="beside a rule of another kind"
        ),
        pytest.param(
            {"podAntiAffinity": {REQUIRED: [OWN_TERM], PREFERRED: [{"podAffinityTerm": injected_term()}]}},
            {"podAntiAffinity": {REQUIRED: [OWN_TERM]}},
            id="in the other list",
        ),
        pytest.param(
            {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}},
            {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}},
            id="a term without a selector is the author's",
        ),
        pytest.param(NODE, NODE, id="nothing injected yet"),
        pytest.param(None, None, id="no affinity"),
    ],
)
def test_the_injected_anti_affinity_is_no_ones_writing(stored: Tree | None, authored: Tree | None) -> None:
    strategy = {"antiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}
    for rollout in (
        canary({"spec": {"strategy": {"canary": strategy}}}),
        blue_green({"spec": {"strategy": {"blueGreen": strategy}}}),
    ):
        assert authored_template(with_affinity(stored), view(rollout)) == with_affinity(authored)


def test_without_that_option_every_term_is_the_authors() -> None:
    stored = with_affinity({"podAntiAffinity": {REQUIRED: [injected_term()]}})
    assert authored_template(stored, view(canary())) == stored
