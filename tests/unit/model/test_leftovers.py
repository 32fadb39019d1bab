# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our patches have set in a pod template: a declaration that does not know it takes it away, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.leftovers import adopted, without_leftovers
from ansible_collections.progressive.delivery.plugins.module_utils._model.ownership import OURS

from tests.unit.support import Tree

TEMPLATE: Tree = {
    "metadata": {"labels": {"app": "shop"}, "annotations": {"old": "1"}},
    "spec": {
        "terminationGracePeriodSeconds": 5,
        "containers": [
            {
                "name": "app",
                "image": "shop:1",
                "args": ["--old"],
                "env": [{"name": "OLD", "value": "1"}, {"name": "MODE", "value": "a"}],
                "ports": [{"containerPort": 80}, {"containerPort": 81, "protocol": "TCP"}],
            },
            {"name": "side", "image": "side:1"},
        ],
    },
}


def managed(template: Tree | None, operation: str = "Update", **more: Any) -> Tree:
    spec = {"f:paused": {}, **({"f:template": template} if template else {})}
    return {"manager": OURS, "operation": operation, "fieldsV1": {"f:spec": spec}, **more}


def left(fields: Tree, declared: Tree) -> Tree:
    """The template after a declaration, where our patches have set these fields."""
    live = {"metadata": {"managedFields": [managed(None, "Apply"), managed(fields)]}, "spec": {"template": TEMPLATE}}
    before = copy.deepcopy(live)
    found = without_leftovers({"spec": {"template": TEMPLATE}}, live, {"spec": {"template": declared}})
    assert live == before
    template: Tree = found["spec"]["template"]
    return template


def item(**keys: Any) -> str:
    return "k:" + str(keys).replace("'", '"').replace(" ", "")


APP = {"f:spec": {"f:containers": {item(name="app"): {}}}}


def in_app(fields: Tree) -> Tree:
    return {"f:spec": {"f:containers": {item(name="app"): fields}}}


def app(**more: Any) -> Tree:
    return {"spec": {"containers": [{"name": "app", **more}]}}


def changed(template: Tree) -> list[str]:
    """What is gone, in words."""
    container = template["spec"]["containers"][0]
    before = TEMPLATE["spec"]["containers"][0]
    gone = [f"metadata.{key}" for key in TEMPLATE["metadata"] if key not in template["metadata"]]
    gone += [key for key in TEMPLATE["spec"] if key not in template["spec"]]
    if container["name"] != "app":
        return [*gone, "app"]
    gone += [key for key in before if key not in container]
    gone += [entry["name"] for entry in before["env"] if "env" in container and entry not in container["env"]]
    return gone + [str(port["containerPort"]) for port in before["ports"] if port not in container.get("ports", [])]


@pytest.mark.parametrize(
    ("fields", "declared", "gone"),
    [
        pytest.param(
            {"f:metadata": {"f:annotations": {".": {}, "f:old": {}}}}, {}, ["metadata.annotations"], id="a map"
        ),
        pytest.param(
            {"f:metadata": {"f:annotations": {"f:old": {}}}},
            {"metadata": {"annotations": {"old": "2"}}},
            [],
            id="declared",
        ),
        pytest.param(
            {"f:spec": {"f:terminationGracePeriodSeconds": {}}}, {}, ["terminationGracePeriodSeconds"], id="one"
        ),
        pytest.param(in_app({"f:args": {}, "f:image": {}}), app(image="shop:2"), ["args"], id="in a container"),
        pytest.param(
            in_app({"f:env": {item(name="OLD"): {".": {}, "f:name": {}, "f:value": {}}}}),
            app(env=[{"name": "MODE"}]),
            ["OLD"],
            id="an item",
        ),
        pytest.param(
            in_app({"f:env": {item(name="OLD"): {"f:value": {}}}}),
            app(env=[{"name": "OLD", "value": "2"}]),
            [],
            id="kept",
        ),
        pytest.param(
            in_app(
                {"f:ports": {item(containerPort=80, protocol="TCP"): {}, item(containerPort=81, protocol="UDP"): {}}}
            ),
            app(),
            ["80"],
            id="a port by its usual protocol",
        ),
        pytest.param(in_app({"f:env": {"v:1": {}}}), app(env="none"), [], id="what is no item"),
        pytest.param(APP, {}, ["app"], id="a container"),
        pytest.param(APP, {"spec": {"containers": ["app"]}}, ["app"], id="another shape"),
        pytest.param({"f:spec": {"f:terminationGracePeriodSeconds": {"f:x": {}}}}, {}, [], id="no part of a number"),
    ],
)
def test_what_is_taken_away(fields: Tree, declared: Tree, gone: list[str]) -> None:
    assert changed(left(fields, declared)) == gone


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [managed(None, "Apply"), managed(None)],
        [managed({"f:metadata": {}})],
        [managed(None, "Apply"), managed({"f:metadata": {}}, subresource="status")],
        [managed(None, "Apply"), {**managed({"f:metadata": {}}), "manager": "kubectl"}],
    ],
)
def test_without_our_patches_or_without_an_apply_nothing_is(entries: list[Tree] | None) -> None:
    foreseen = {"spec": {"template": TEMPLATE}}
    assert without_leftovers(foreseen, {"metadata": {"managedFields": entries}}, {"spec": {}}) is foreseen


def test_without_a_template_nothing_is() -> None:
    live = {"metadata": {"managedFields": [managed(None, "Apply"), managed(APP)]}}
    foreseen: Tree = {"spec": {"workloadRef": {}}}
    assert without_leftovers(foreseen, live, {"spec": {}}) is foreseen


def test_only_the_template_is_adopted() -> None:
    others = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {}}}}}
    status = {"manager": OURS, "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}
    applied = {**managed(in_app({"f:name": {}}), "Apply"), "time": "now"}
    patched = managed(in_app({"f:image": {}}))
    both = {**managed(in_app({"f:name": {}, "f:image": {}}), "Apply"), "time": "now"}
    assert adopted({"metadata": {"managedFields": [others, status, applied, patched]}}) == [
        others,
        status,
        both,
        managed(None),
    ]


@pytest.mark.parametrize("rest", [{}, {"f:metadata": {"f:annotations": {"f:a": {}}}}])
def test_no_field_is_held_as_a_whole_that_was_held_in_part(rest: Tree) -> None:
    patched = {**managed(None), "fieldsV1": {"f:spec": {"f:template": APP}, **rest}}
    entries = adopted({"metadata": {"managedFields": [managed(None, "Apply"), patched]}})
    assert entries == [managed(APP, "Apply"), *([{**patched, "fieldsV1": rest}] if rest else [])]


def test_who_has_patched_no_spec() -> None:
    patched = {**managed(None), "fieldsV1": {"f:metadata": {}}}
    assert adopted({"metadata": {"managedFields": [patched]}}) == [patched]
