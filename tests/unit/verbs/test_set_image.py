# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set image: one JSON patch for all containers that differ, and none where nothing does."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Act, Change, Refused, Unchanged
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import SetImage
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import (
    LABEL,
    STATES,
    WORKLOAD_REF,
    Tree,
    canary,
    deployment,
    in_words,
    snapshot,
    written,
)

PODS: Tree = {
    "initContainers": [{"name": "migrate", "image": "migrate:1"}],
    "containers": [{"name": "app", "image": "shop:1"}, {"name": "proxy", "image": "envoy:1"}, {"name": "bare"}],
}


def set_image(images: dict[Any, Any]) -> SetImage:
    return SetImage(images, Goal(Until.OBSERVED))


def pods(*changes: Tree) -> Tree:
    return canary({"spec": {"template": {"spec": PODS}}}, *changes)


def images_after(images: dict[str, str], raw: Tree) -> dict[str, str]:
    plan = set_image(images).plan(snapshot(raw))
    (operations,) = written(plan)
    template = jsonpatch.apply_patch(raw, copy.deepcopy(operations))["spec"]["template"]
    return {item["name"]: item.get("image", "") for group in PODS for item in template["spec"][group]}


@pytest.mark.parametrize("state", sorted(set(STATES) - {"workloadRef at manual pause"}))
def test_in_every_state_another_image_is_written_and_the_same_is_not(state: str) -> None:
    now = snapshot(STATES[state])
    expected = "not yet: not_observed" if state == "not observed" else "act: template"
    assert in_words(set_image({"app": "shop:9"}).plan(now)) == expected
    assert in_words(set_image({"app": "shop:2"}).plan(now)) == "unchanged"


def test_name_and_old_image_are_tested_before_the_new_one_is_written() -> None:
    plan = set_image({"app": "shop:2"}).plan(snapshot(pods()))
    path = "/spec/template/spec/containers/0"
    assert written(plan) == [
        [
            {"op": "test", "path": f"{path}/name", "value": "app"},
            {"op": "test", "path": f"{path}/image", "value": "shop:1"},
            {"op": "replace", "path": f"{path}/image", "value": "shop:2"},
        ]
    ]
    assert isinstance(plan, Act)
    assert plan.change == Change({"images": {"app": "shop:1"}}, {"images": {"app": "shop:2"}})
    assert plan.message == "set app to shop:2"


def test_a_container_without_an_image_gets_one() -> None:
    path = "/spec/template/spec/containers/2"
    assert written(set_image({"bare": "new:1"}).plan(snapshot(pods()))) == [
        [
            {"op": "test", "path": f"{path}/name", "value": "bare"},
            {"op": "add", "path": f"{path}/image", "value": "new:1"},
        ]
    ]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param(
            {"migrate": "migrate:2", "app": "shop:2"}, {"migrate": "migrate:2", "app": "shop:2"}, id="several"
        ),
        pytest.param({"app": "shop:2", "proxy": "envoy:1"}, {"app": "shop:2"}, id="one of them is there already"),
        pytest.param({"*": "all:1"}, dict.fromkeys(["migrate", "app", "proxy", "bare"], "all:1"), id="every container"),
        pytest.param(
            {"*": "all:1", "app": "shop:2"},
            {"migrate": "all:1", "app": "shop:2", "proxy": "all:1", "bare": "all:1"},
            id="every container but one",
        ),
    ],
)
def test_all_images_are_one_revision(images: dict[str, str], expected: dict[str, str]) -> None:
    before = {"migrate": "migrate:1", "app": "shop:1", "proxy": "envoy:1", "bare": ""}
    assert images_after(images, pods()) == before | expected
    plan = set_image(images).plan(snapshot(pods()))
    assert isinstance(plan, Act)
    assert plan.change.after == {"images": expected}


NAMES = st.sampled_from(["migrate", "app", "proxy", "*"])
IMAGES = st.sampled_from(["shop:1", "shop:2", "envoy:1", "migrate:1", "gcr.io/a/b=c:1", "localhost:5000/x:y"])


@given(st.dictionaries(NAMES, IMAGES, min_size=1))
def test_a_second_run_changes_nothing(images: dict[str, str]) -> None:
    plan = set_image(images).plan(snapshot(pods()))
    raw = pods()
    if isinstance(plan, Act):
        (operations,) = written(plan)
        raw = jsonpatch.apply_patch(raw, copy.deepcopy(operations))
    assert isinstance(set_image(images).plan(snapshot(raw)), Unchanged)


def test_a_concurrent_edit_fails_the_test_of_the_patch() -> None:
    (operations,) = written(set_image({"app": "shop:2"}).plan(snapshot(pods())))
    for container in ({"name": "app", "image": "shop:8"}, {"name": "other", "image": "shop:1"}):
        moved = pods({"spec": {"template": {"spec": {"containers": [container]}}}})
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(moved, copy.deepcopy(operations))


def test_the_template_of_a_referenced_workload() -> None:
    now = snapshot(canary(WORKLOAD_REF), workload=deployment("shop:1"))
    (operations,) = written(set_image({"app": "shop:2"}).plan(now))
    assert [operation["path"] for operation in operations] == [
        "/spec/template/spec/containers/0/name",
        "/spec/template/spec/containers/0/image",
        "/spec/template/spec/containers/0/image",
    ]


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        (pods(), "app, bare, migrate, proxy"),
        (canary({"spec": {"template": None}}), "none"),
    ],
    ids=["other names", "no template"],
)
def test_an_unknown_container_is_refused_with_the_known_ones(raw: Tree, known: str) -> None:
    plan = set_image({"web": "shop:2", "db": "pg:1", "*": "all:1"}).plan(snapshot(raw))
    assert plan == Refused(
        "invalid_request",
        f"images: {LABEL} has no container named db, web; it has {known}. Correct the name in the task",
    )


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("healthy", "the images are set already"),
        ("at manual pause", "the images are set already"),
        (
            "aborted",
            "the images are set already, but their rollout was aborted: rollout_retry starts it again, "
            "rollout_undo gives it up",
        ),
    ],
)
def test_set_already_and_then(state: str, message: str) -> None:
    assert set_image({"app": "shop:2"}).plan(snapshot(STATES[state])) == Unchanged(message)


@pytest.mark.parametrize(
    ("images", "option"),
    [
        ({}, "images"),
        ({"app": "Not An Image"}, "images[app]"),
        ({"app": "shop:2", "proxy": ""}, "images[proxy]"),
        ({"app": None}, "images[app]"),
        ({"app": 1.20}, "images[app]"),
        ({"*": "shop:"}, "images[*]"),
    ],
)
def test_unusable_images_are_refused_before_anything_is_read(images: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        set_image(images)
    assert caught.value.option == option
