# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of a Rollout as templates of an Experiment."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.versions import versions_in, with_versions

from tests.unit.support import Tree

WRITTEN: Tree = {"name": "own", "selector": {}, "template": {}}
LABELS = {"app": "shop", "rollouts-pod-template-hash": "abc"}
PODS: Tree = {
    "selector": {"matchLabels": LABELS},
    "template": {"metadata": {"labels": LABELS, "creationTimestamp": None}, "spec": {"containers": []}},
}


def spec(*templates: Tree) -> Tree:
    return {"duration": "5m", "templates": list(templates)}


def filled(asked: Tree, pods: Tree | None = None) -> Tree:
    template = {"name": "one", "specRef": "stable", **asked}
    (made,) = with_versions(spec(template), lambda _ref: PODS if pods is None else pods)["templates"]
    return made


def test_which_versions_are_asked_for() -> None:
    assert versions_in(spec(WRITTEN)) == ()
    asked = [{"name": str(number), "specRef": version} for number, version in enumerate(("canary", "stable", "canary"))]
    assert versions_in(spec(*asked)) == ("canary", "stable")
    with pytest.raises(InvalidRequest, match="specRef: 'old'"):
        versions_in(spec({"name": "a", "specRef": "old"}))


def test_the_rest_stays_as_it_is() -> None:
    made = with_versions(spec(WRITTEN, {"name": "b", "specRef": "canary"}), lambda _: PODS)
    assert made["duration"] == "5m"
    assert made["templates"][0] is WRITTEN


def test_the_pods_of_a_version() -> None:
    assert filled({"replicas": 2, "service": {}}) == {
        "name": "one",
        "replicas": 2,
        "service": {},
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": []}},
    }
    assert filled({}, {**PODS, "minReadySeconds": 5})["minReadySeconds"] == 5
    assert "minReadySeconds" not in filled({}, {**PODS, "minReadySeconds": 0})


def test_labels_of_the_template_are_in_the_selector_too() -> None:
    made = filled({"metadata": {"labels": {"arm": "one"}, "annotations": {"a": "b"}}})
    assert made["template"]["metadata"] == {"labels": {**LABELS, "arm": "one"}, "annotations": {"a": "b"}}
    assert made["selector"]["matchLabels"] == {**LABELS, "arm": "one"}
    assert PODS["selector"]["matchLabels"] == LABELS, "nothing of the ReplicaSet was changed"


def test_a_selector_of_its_own() -> None:
    assert filled({"selector": {"matchLabels": {"app": "own"}}})["selector"] == {"matchLabels": {"app": "own"}}


@pytest.mark.parametrize("field", ["weight", "template"])
def test_what_a_version_cannot_have(field: str) -> None:
    with pytest.raises(InvalidRequest, match=f"definition.templates.{field}"):
        filled({field: 5})
