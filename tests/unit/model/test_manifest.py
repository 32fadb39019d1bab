# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rollout that is wished for, and how it differs from a real one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.manifest import (
    Conversion,
    Definition,
    changed_fields,
    check_strategy,
    difference,
    makes_version,
    spelled_like,
    with_images_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import NAME, NAMESPACE, STEPS, Tree, canary, deployment, merged, template

STRATEGY: Tree = {"canary": {"steps": STEPS}}
SPEC: Tree = {"replicas": 3, "selector": {"matchLabels": {"app": NAME}}, "strategy": STRATEGY, "template": template()}


def whole(**more: Any) -> Tree:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": SPEC,
        **more,
    }


@pytest.mark.parametrize("given", [SPEC, {"spec": SPEC}, whole(), whole(status={"phase": "Healthy"}, metadata=None)])
def test_a_definition_is_a_spec_or_a_whole_rollout(given: Tree) -> None:
    before = copy.deepcopy(given)
    made = Definition.parse(given, NAME, NAMESPACE)
    assert made == Definition({}, SPEC)
    assert made.manifest(NAME, NAMESPACE) == whole()
    assert given == before


def test_a_manifest_that_was_read_from_a_cluster_can_be_given_back() -> None:
    metadata = {
        **canary()["metadata"],
        "managedFields": [{"manager": "kubectl"}],
        "creationTimestamp": "2026-01-01T12:00:00Z",
        "labels": {"team": "shop"},
        "annotations": {
            "rollout.argoproj.io/revision": "2",
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "note": "1",
        },
    }
    made = Definition.parse(whole(metadata=metadata), NAME, NAMESPACE)
    assert made.metadata == {"labels": {"team": "shop"}, "annotations": {"note": "1"}}


def test_labels_and_annotations_are_added_as_texts() -> None:
    made = Definition({"labels": {"team": "shop"}}, SPEC).with_metadata("labels", {"tier": 1, "team": "web"})
    assert made.metadata == {"labels": {"team": "web", "tier": "1"}}
    assert made.with_metadata("annotations", {}) == made


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (whole(kind="Deployment"), "definition.kind"),
        (whole(apiVersion="apps/v1"), "definition.apiVersion"),
        (whole(metadata={"name": "other"}), "definition.metadata.name"),
        (whole(metadata={"namespace": "other"}), "definition.metadata.namespace"),
        (whole(metadata=["name"]), "definition.metadata"),
        (whole(spec="none"), "definition.spec"),
        (whole(spec=None), "definition.spec"),
        (whole(data={}), "definition.data"),
        ({}, "definition.spec.strategy"),
        ({"strategy": {}}, "definition.spec.strategy"),
        ({"strategy": {"canary": {}, "blueGreen": {}}}, "definition.spec.strategy"),
        ({"strategy": {"rolling": {}}}, "definition.spec.strategy.rolling"),
    ],
)
def test_what_cannot_be_this_rollout_is_named(given: Tree, option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Definition.parse(given, NAME, NAMESPACE)
    assert caught.value.option == option


@pytest.mark.parametrize("strategy", [{"canary": {}}, {"blueGreen": {"activeService": "a"}, "canary": None}])
def test_one_strategy(strategy: Tree) -> None:
    check_strategy("strategy", strategy)


@pytest.mark.parametrize("strategy", [None, "canary", {"canary": None}, {"canary": "steps"}])
def test_no_strategy(strategy: object) -> None:
    with pytest.raises(InvalidRequest, match="strategy"):
        check_strategy("strategy", strategy)


# -- from a Deployment


def pods(**spec: Any) -> Tree:
    """As the apiserver shows a Deployment, with its defaults."""
    defaults = {
        "replicas": 4,
        "selector": SPEC["selector"],
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
    }
    raw = merged(deployment(), {"spec": {**defaults, **spec}})
    container = raw["spec"]["template"]["spec"]["containers"][0]
    container |= {"terminationMessagePath": "/dev/termination-log", "resources": {}}
    return raw


def test_a_copy_has_what_the_deployment_says_and_no_defaults() -> None:
    made = Conversion("shop-pods", STRATEGY).definition(pods(minReadySeconds=5))
    assert made == Definition(
        {},
        {
            "replicas": 4,
            "selector": SPEC["selector"],
            "minReadySeconds": 5,
            "template": template(),
            "strategy": STRATEGY,
        },
    )


def test_a_reference_leaves_the_template_where_it_is() -> None:
    made = Conversion("shop-pods", STRATEGY, "workload_ref", "onsuccess").definition(pods())
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-pods", "scaleDown": "onsuccess"}
    assert made.spec["workloadRef"] == ref
    assert "template" not in made.spec


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"canary": {"maxSurge": 1}}, {"canary": {"maxSurge": 1, "maxUnavailable": 0}}),
        ({"canary": {}}, {"canary": {"maxSurge": 3, "maxUnavailable": 0}}),
        ({"blueGreen": {"activeService": "a"}}, {"blueGreen": {"activeService": "a"}}),
    ],
)
def test_an_unusual_surge_becomes_the_canarys(strategy: Tree, expected: Tree) -> None:
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}}
    assert Conversion("shop-pods", strategy).definition(pods(strategy=surge)).spec["strategy"] == expected


def test_a_deployment_without_anything() -> None:
    assert Conversion("shop-pods", STRATEGY).definition({}).spec["strategy"] == STRATEGY
    assert Conversion("shop-pods", STRATEGY).caveats({}) == []


def test_a_deployment_that_never_runs_two_versions_at_once() -> None:
    recreate = pods(strategy={"type": "Recreate", "rollingUpdate": None})
    assert "Recreate" in Conversion("shop-pods", STRATEGY).caveats(recreate)[0]
    assert Conversion("shop-pods", STRATEGY).caveats(pods()) == []


def test_once_the_deployment_is_gone_the_rollout_itself_counts() -> None:
    live = canary({"spec": {"selector": SPEC["selector"], "paused": True}})
    made = Conversion("shop-pods", {"canary": {}}).without_deployment(live)
    assert made.spec == {
        "replicas": 5,
        "selector": SPEC["selector"],
        "template": template(),
        "strategy": {"canary": {}},
    }
    assert Conversion("shop-pods", STRATEGY).without_deployment({}).spec == {"strategy": STRATEGY}


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"strategy": {}}, "strategy"),
        ({"mode": "move"}, "mode"),
        ({"mode": "workload_ref", "scale_down": "later"}, "scale_down"),
        ({"scale_down": "onsuccess"}, "scale_down"),
    ],
)
def test_a_conversion_that_makes_no_sense(options: Tree, option: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Conversion(**{"deployment": "shop-pods", "strategy": STRATEGY, **options})
    assert caught.value.option == option


# -- images


def test_images_are_kept_by_the_names_of_their_containers() -> None:
    def containers(**images: str) -> Tree:
        made = [{"name": name, "image": image} for name, image in images.items()]
        first = {"initContainers": [{"name": "migrate", "image": next(iter(images.values()))}]}
        return {"template": {"spec": {"containers": made, **first}}}

    wanted, live = containers(app="shop:1", new="log:1"), containers(old="x:1", app="shop:2")
    kept = with_images_of(wanted, live)
    assert kept["template"]["spec"]["containers"] == [
        {"name": "app", "image": "shop:2"},
        {"name": "new", "image": "log:1"},
    ]
    assert kept["template"]["spec"]["initContainers"] == [{"name": "migrate", "image": "x:1"}]
    assert wanted == containers(app="shop:1", new="log:1")


@pytest.mark.parametrize("live", [{}, {"template": {"spec": {"containers": [{"name": "app"}]}}}])
def test_without_images_to_keep_the_wanted_ones_stay(live: Tree) -> None:
    assert with_images_of(SPEC, live) == SPEC
    assert with_images_of({"workloadRef": {}}, SPEC) == {"workloadRef": {}}


# -- the same in other words


def limits(**values: Any) -> Tree:
    return {"containers": [{"name": "app", "resources": {"limits": values}}]}


@pytest.mark.parametrize(
    ("wanted", "live", "written"),
    [
        pytest.param(limits(cpu=0.5), limits(cpu="500m"), limits(cpu="500m"), id="the controller's spelling"),
        pytest.param(limits(cpu=0.6), limits(cpu="500m"), limits(cpu="600m"), id="another quantity"),
        pytest.param(limits(cpu="1"), {}, limits(cpu="1"), id="new"),
        pytest.param({"sizeLimit": "1Gi"}, {"sizeLimit": "1024Mi"}, {"sizeLimit": "1024Mi"}, id="size"),
        pytest.param({"version": "1"}, {"version": "1.0"}, {"version": "1"}, id="no quantity"),
        pytest.param({"hostNetwork": False}, {}, {}, id="false is nothing"),
        pytest.param({"hostNetwork": True}, {}, {"hostNetwork": True}, id="true is not"),
        pytest.param({"hostNetwork": False}, {"hostNetwork": True}, {"hostNetwork": False}, id="no more"),
        pytest.param({"hostNetwork": False}, None, {"hostNetwork": False}, id="nothing to compare with"),
        pytest.param(
            {"autoPromotionEnabled": False}, {}, {"autoPromotionEnabled": False}, id="false that means something"
        ),
        pytest.param({"minReadySeconds": False}, {}, {"minReadySeconds": False}, id="another type"),
        pytest.param({"pause": {}, "emptyDir": {}}, {}, {"pause": {}, "emptyDir": {}}, id="empty that means something"),
        pytest.param({"labels": {}}, {"labels": {"a": "b"}}, {}, id="emptied"),
        pytest.param({"resources": {"limits": {}}}, {"resources": {"limits": {"cpu": "1"}}}, {}, id="emptied within"),
        pytest.param({"securityContext": {}}, {}, {}, id="emptied before"),
        pytest.param({"canaryMetadata": {"labels": {}}}, {}, {}, id="emptied within before"),
        pytest.param(
            {"canaryMetadata": {"labels": {"a": "b"}}}, {}, {"canaryMetadata": {"labels": {"a": "b"}}}, id="new"
        ),
        pytest.param({"resources": {}}, {"resources": {}}, {"resources": {}}, id="empty on both sides"),
        pytest.param({"resources": {"limits": {}}}, {"resources": {}}, {"resources": {}}, id="empty is dropped"),
        pytest.param({"emptyDir": {}}, {"emptyDir": {"medium": "Memory"}}, {"emptyDir": {}}, id="emptied, but there"),
        pytest.param({"canary": {}}, {"canary": {"maxSurge": 1}}, {"canary": {"steps": []}}, id="emptied canary"),
        pytest.param(
            {"canary": {"canaryMetadata": {"labels": {}}, "steps": []}},
            {"canary": {"canaryMetadata": {"labels": {"a": "b"}}}},
            {"canary": {"steps": []}},
            id="canary emptied within",
        ),
        pytest.param({"canary": {}}, {"canary": {}}, {"canary": {}}, id="empty canary"),
        pytest.param({"a": None, "b": [{"c": None}]}, {"a": 1}, {"b": [{}]}, id="nulls"),
        pytest.param([{"tty": False}, {"tty": False}], [{}], [{}, {"tty": False}], id="by place"),
        pytest.param(
            [{"name": "a", "tty": False}, {"name": "b", "tty": False}],
            [{"name": "b"}],
            [{"name": "a", "tty": False}, {"name": "b"}],
            id="by name",
        ),
        pytest.param({"steps": []}, {"maxSurge": 1}, {}, id="no steps"),
        pytest.param({"steps": [1]}, {"steps": "none"}, {"steps": [1]}, id="another shape"),
    ],
)
def test_what_is_written_for_what_is_wanted(wanted: Any, live: Any, written: Any) -> None:
    assert spelled_like(wanted, live) == written


TREES = st.recursive(
    st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "1", "500m", "x"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "tty", "limits", "cpu", "value", "env"]), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(tree=TREES)
def test_what_is_there_is_wanted_as_it_is(tree: Any) -> None:
    assert spelled_like(tree, tree) == tree


@given(wanted=TREES, live=TREES)
def test_what_was_written_once_stays(wanted: Any, live: Any) -> None:
    once = spelled_like(wanted, live)
    assert spelled_like(once, once) == once


# -- differences


def test_a_difference_shows_what_people_write_and_only_where_it_differs() -> None:
    before = canary({"metadata": {"labels": {"a": "1", "b": "1"}}})
    after = canary(
        {
            "metadata": {"labels": {"a": "2", "b": "1"}, "resourceVersion": "200", "generation": 3},
            "spec": {"paused": True, "replicas": None},
            "status": {"phase": "Paused"},
        }
    )
    assert difference(before, after) == (
        {"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 5}},
        {"metadata": {"labels": {"a": "2"}}, "spec": {"paused": True}},
    )
    assert changed_fields(before, after) == ["metadata.labels", "spec.paused", "spec.replicas"]


def test_no_difference() -> None:
    settled = canary({"metadata": {"resourceVersion": "200"}, "status": {"phase": "Progressing"}})
    assert difference(canary(), settled) == ({}, {})
    assert changed_fields(canary(), settled) == []


def test_all_is_new_where_nothing_was() -> None:
    assert difference({}, whole()) == ({}, {"spec": SPEC})


@given(before=TREES, after=TREES)
def test_a_difference_is_empty_only_between_equals(before: Any, after: Any) -> None:
    old, new = difference({"spec": {"x": before}}, {"spec": {"x": after}})
    assert (old == {} and new == {}) == (before == after)


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({}, False),
        ({"replicas": 9}, False),
        ({"template": template("shop:3")}, True),
        ({"template": merged(template(), {"spec": {"terminationGracePeriodSeconds": 30}})}, False),
        ({"template": merged(template(), {"spec": {"volumes": [], "hostNetwork": False}})}, False),
        ({"template": None, "workloadRef": {"name": "shop-pods"}}, False),
    ],
)
def test_which_changes_are_sure_to_make_a_version(change: Tree, new: bool) -> None:
    after = merged(canary(), {"spec": change})
    assert makes_version(canary(), after) is new
