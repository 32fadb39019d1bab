# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declared Rollout: what is asked of the apiserver, what is written, and what goes wrong on the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    Conflict,
    FieldConflict,
    Forbidden,
    Invalid,
    NotInstalled,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.declare import spec_field
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.unit.fakes import DEPLOYMENT, ROLLOUT, FakeCluster
from tests.unit.support import (
    FIRST_GATE,
    LABEL,
    NAME,
    NAMESPACE,
    NOT_OBSERVED,
    WORKLOAD_REF,
    Tree,
    canary,
    deployment,
    merged,
    paused,
    snapshot,
    template,
    updating,
)

SPEC: Tree = canary()["spec"]
OPTIONS: Tree = {
    "name": NAME,
    "namespace": NAMESPACE,
    "state": "present",
    "definition": None,
    "from_deployment": None,
    "strategy": None,
    "mode": "copy",
    "scale_down": "never",
    "labels": {},
    "annotations": {},
    "keep_images": None,
    "force_conflicts": False,
    "wait": True,
    "wait_timeout": "5m",
    "wait_until": "observed",
}
NEW_IMAGE: Tree = {"template": {"spec": {"containers": [{"name": "app", "image": "shop:3"}]}}}
GET, PLAN, WRITE = "get rollouts/shop", "apply rollouts/shop dry run", "apply rollouts/shop"
HPAS, SCALED = "list horizontalpodautoscalers", "list scaledobjects"


def run(cluster: FakeCluster, *, check: bool = False, **options: Any) -> Tree:
    params = {**OPTIONS, **options}
    return run_task("rollout", params, lambda: cluster, check_mode=check, clock=cluster.clock)


def declare(cluster: FakeCluster, *changes: Tree, **options: Any) -> Tree:
    """With a definition like the canary of the tests, and what is different."""
    spec = SPEC
    for change in changes:
        spec = merged(spec, change)
    return run(cluster, definition=spec, **options)


def applied(cluster: FakeCluster) -> list[Tree]:
    return [request.body["spec"] for request in cluster.requests if str(request) == WRITE]


# -- create


def test_a_rollout_that_is_not_there_is_created_and_waited_for() -> None:
    cluster = FakeCluster()
    cluster.later(1.0, canary())
    result = declare(cluster, labels={"team": "shop"}, wait_until="healthy")
    assert cluster.asked == [GET, PLAN, WRITE, GET, "watch rollouts/shop"]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "healthy")
    assert result["msg"] == f"{LABEL}: created; revision 2 is healthy and stable"
    assert (result["diff"]["before"], result["diff"]["after"]["metadata"]) == ({}, {"labels": {"team": "shop"}})


def test_check_mode_foresees_a_new_rollout() -> None:
    cluster = FakeCluster()
    result = declare(cluster, check=True)
    assert cluster.asked == [GET, PLAN]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "written")
    assert (result["rollout"]["replicas"]["desired"], result["diff"]["before"]) == (5, {})


# -- change


def test_what_is_as_declared_is_not_written() -> None:
    for check in (True, False):
        cluster = FakeCluster(canary())
        result = declare(cluster, check=check)
        assert cluster.asked == [GET, PLAN, GET]
        assert (result["changed"], result["failed"], result["reason"]) == (False, False, "observed")
        assert "it is as declared" in result["msg"]
        assert "diff" not in result


def test_a_new_version_is_waited_for() -> None:
    cluster = FakeCluster(canary())
    # The controller may note the generation before it numbers the version.
    cluster.later(1.0, canary())
    cluster.later(2.0, updating(0))
    cluster.later(3.0, paused(FIRST_GATE))
    result = declare(cluster, NEW_IMAGE, wait_until="paused")
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "paused")
    assert "changed spec.template" in result["msg"]
    assert cluster.clock.elapsed == 3.0


def test_a_change_without_a_new_version_is_waited_for() -> None:
    cluster = FakeCluster(canary())
    cluster.later(1.0, canary())
    result = declare(cluster, {"minReadySeconds": 5})
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "observed")
    assert "changed spec.minReadySeconds" in result["msg"]
    assert cluster.clock.elapsed == 1.0
    assert result["diff"]["before"] == {"spec": {}}
    assert result["diff"]["after"] == {"spec": {"minReadySeconds": 5}}


def test_the_version_of_a_spec_that_was_never_observed_may_be_that_of_before() -> None:
    cluster = FakeCluster(canary(NOT_OBSERVED))
    cluster.later(1.0, canary())
    assert not declare(cluster, NEW_IMAGE)["failed"]


def test_without_a_wait_the_task_ends_with_the_write() -> None:
    cluster = FakeCluster(canary())
    result = declare(cluster, NEW_IMAGE, wait=False)
    assert cluster.asked == [GET, PLAN, WRITE, GET]
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "written")


def test_check_mode_foresees_a_change_also_of_a_reference_to_nothing() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF))
    spec = canary(WORKLOAD_REF)["spec"]
    definition = merged(spec, {"workloadRef": {"name": "other"}})
    result = run(cluster, check=True, definition=definition)
    assert cluster.asked == [GET, PLAN]
    assert (result["changed"], result["failed"]) == (True, False)
    assert result["diff"]["after"] == {"spec": {"workloadRef": {"name": "other"}}}


def test_every_write_carries_the_version_that_it_was_planned_on() -> None:
    cluster = FakeCluster(canary())
    declare(cluster, NEW_IMAGE, wait=False)
    versions = [request.body["metadata"]["resourceVersion"] for request in cluster.requests if request.body]
    assert versions == ["100", "100"]


def test_images_are_kept_when_asked() -> None:
    cluster = FakeCluster(canary())
    assert not declare(cluster, NEW_IMAGE, keep_images=True)["changed"]


def test_what_our_patches_have_set_is_adopted_before_it_is_taken_away() -> None:
    grace = {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:terminationGracePeriodSeconds": {}}}}}
    entries = [
        {"manager": "progressive.delivery", "operation": "Apply", "fieldsV1": {"f:spec": {"f:selector": {}}}},
        {"manager": "progressive.delivery", "operation": "Update", "fieldsV1": fields},
    ]
    cluster = FakeCluster(canary({"spec": grace, "metadata": {"managedFields": entries}}))
    foreseen = declare(cluster, check=True)
    assert (foreseen["changed"], foreseen["diff"]["after"]) == (True, {"spec": {"template": {"spec": {}}}})
    assert cluster.asked == [GET, PLAN]

    result = declare(cluster, wait=False)
    assert cluster.asked[2:] == [GET, PLAN, "patch rollouts/shop", WRITE, GET]
    assert (result["changed"], result["diff"]) == (True, foreseen["diff"])
    adoption, write = cluster.requests[-3:-1]
    assert [*adoption.body] == ["metadata"]
    assert adoption.body["metadata"]["resourceVersion"] == "100"
    assert adoption.body["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"] == {**fields["f:spec"], "f:selector": {}}
    assert int(write.body["metadata"]["resourceVersion"]) > 100


# -- what goes wrong


@pytest.mark.parametrize("after", [0, 1])
def test_a_stale_plan_is_made_again(after: int) -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", Conflict("the object has been modified", 409), after=after)
    result = declare(cluster, NEW_IMAGE, wait=False)
    assert (result["changed"], result["failed"], len(applied(cluster))) == (True, False, 1 + after)


HELD = (("kubectl/scale", ".spec.replicas"), ("argocd-controller", ".spec.template"))
OURS = (("progressive.delivery", ".spec.template"), ("rollouts-controller", ".spec.replicas"))


def test_fields_of_others_are_left_to_them() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", FieldConflict(f"{LABEL} has other values", HELD))
    result = declare(cluster, NEW_IMAGE)
    assert cluster.asked == [GET, PLAN]
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "field_conflict")
    assert "force_conflicts: true" in result["msg"]
    assert result["rollout"]["revision"] == 2


def test_fields_that_nobody_wishes_for_are_taken_over() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", FieldConflict(f"{LABEL} has other values", OURS))
    result = declare(cluster, NEW_IMAGE, wait=False)
    assert cluster.asked == [GET, PLAN, PLAN, WRITE, GET]
    assert (result["changed"], result["failed"]) == (True, False)


def test_a_field_that_somebody_takes_after_the_plan_is_planned_again() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", FieldConflict(f"{LABEL} has other values", HELD), times=2, after=1)
    result = declare(cluster, NEW_IMAGE)
    assert cluster.asked == [GET, PLAN, WRITE, GET, PLAN]
    assert (result["changed"], result["reason"]) == (False, "field_conflict")


LOST = Transient("cannot reach it: Connection reset by peer")


@pytest.mark.parametrize(("done", "writes"), [(True, 1), (False, 2)])
def test_a_lost_answer_is_looked_after(done: bool, writes: int) -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", LOST, after=1, done=done)
    result = declare(cluster, NEW_IMAGE, wait=False)
    assert (result["changed"], result["failed"], len(applied(cluster))) == (True, False, writes)
    assert "changed spec.template" in result["msg"]
    assert result["diff"]["after"]["spec"]["template"]


def test_a_lost_plan_is_made_again() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", LOST)
    assert not declare(cluster)["changed"]


def test_a_lost_write_is_no_success() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", LOST, times=1000, after=1)
    result = declare(cluster, NEW_IMAGE, wait_timeout=20)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "unreachable")
    assert "whether it was done is unknown" in result["msg"]


def test_a_write_that_the_apiserver_has_no_time_for_is_not_done() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", Transient("busy", 429), times=1000, after=1)
    result = declare(cluster, NEW_IMAGE, wait_timeout=20)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "unreachable")
    assert "unknown" not in result["msg"]


def test_only_writes_that_fail_are_not_tried_in_a_hurry() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("apply", Transient("the webhook does not answer", 500), times=1000, after=1)
    declare(cluster, NEW_IMAGE, wait_timeout=300)
    assert len(cluster.requests) < 400


def test_what_to_do_about_a_wrong_address_is_said_once() -> None:
    cluster = FakeCluster()
    cluster.fail("get", LOST, times=1000)
    assert declare(cluster)["msg"].count("check host") == 1


def test_what_the_apiserver_refuses_is_said_in_its_words() -> None:
    cluster = FakeCluster()
    cluster.fail("apply", Invalid("refused: .spec.foo: field not declared in schema", 400))
    result = declare(cluster)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "invalid_request")
    assert ".spec.foo" in result["msg"]
    assert result["rollout"] is None


# -- the number of pods


def managed(manager: str, operation: str = "Update", subresource: str | None = None) -> Tree:
    entry = {"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    return {"metadata": {"managedFields": [entry | ({"subresource": subresource} if subresource else {})]}}


APPLIED = managed("progressive.delivery", "Apply")
SCALE = managed("kube-controller-manager", "Update", "scale")


def scaler(scales_by: str = "HorizontalPodAutoscaler", **target: str) -> Tree:
    whom = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": NAME, **target}
    return {"kind": scales_by, "metadata": {"name": "scaler"}, "spec": {"scaleTargetRef": whom}}


@pytest.mark.parametrize(
    ("live", "others", "force", "written", "warning"),
    [
        pytest.param(canary(), [], False, 9, "", id="nobody else's"),
        pytest.param(canary(APPLIED), [], False, 9, "", id="ours"),
        pytest.param(canary(), [scaler(name="other")], False, 9, "", id="the autoscaler of another one"),
        pytest.param(canary(), [scaler()], False, None, "HorizontalPodAutoscaler scaler scales", id="an autoscaler's"),
        pytest.param(canary(), [scaler("ScaledObject")], False, None, "ScaledObject scaler scales", id="KEDA's"),
        pytest.param(canary(APPLIED), [scaler()], False, 5, "scaler scales", id="an autoscaler's that has not scaled"),
        pytest.param(canary(APPLIED), [scaler()], True, 5, "scaler scales", id="not even by force"),
        pytest.param(canary(SCALE), [], False, None, "kube-controller-manager has scaled", id="somebody has scaled it"),
        pytest.param(canary(SCALE), [], True, 9, "", id="taken over"),
    ],
)
def test_whose_the_number_of_pods_is(
    live: Tree, others: list[Tree], force: bool, written: int | None, warning: str
) -> None:
    cluster = FakeCluster(live, *others)
    result = declare(cluster, NEW_IMAGE, {"replicas": 9}, force_conflicts=force, wait=False)
    assert applied(cluster)[0].get("replicas") == written
    assert bool(result.get("warnings")) == bool(warning)
    assert warning in "".join(result.get("warnings", ()))
    assert cluster.asked[:3] == [GET, HPAS, SCALED]


@pytest.mark.parametrize("error", [NotInstalled("no KEDA", 404), Forbidden("not yours", 403)])
def test_keda_need_not_be_there(error: NotInstalled | Forbidden) -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", error, after=1)
    result = declare(cluster, {"replicas": 9}, wait=False)
    assert (result["failed"], applied(cluster)[0]["replicas"]) == (False, 9)


def test_a_number_is_not_written_by_who_may_not_see_its_autoscaler() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("list", Forbidden("user shop may not list horizontalpodautoscalers", 403))
    result = declare(cluster, {"replicas": 9})
    assert (result["failed"], result["reason"], applied(cluster)) == (True, "forbidden", [])


@pytest.mark.parametrize(("live", "written"), [(canary(), None), (canary(APPLIED), 5)])
def test_a_number_that_is_not_declared_stays_and_nobody_is_asked(live: Tree, written: int | None) -> None:
    cluster = FakeCluster(live)
    declare(cluster, NEW_IMAGE, {"replicas": None}, wait=False)
    assert cluster.asked == [GET, PLAN, WRITE, GET]
    assert applied(cluster)[0].get("replicas") == written


# -- from a Deployment

PODS = merged(deployment(), {"spec": {"replicas": 3, "selector": {"matchLabels": {"app": NAME}}}})
CONVERT: Tree = {"from_deployment": "shop-pods", "strategy": {"canary": {}}}
OF_PODS = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-pods"}


def test_a_deployment_is_converted_with_its_pods() -> None:
    recreate = merged(PODS, {"spec": {"strategy": {"type": "Recreate"}}})
    cluster = FakeCluster(recreate, scaler(**OF_PODS))
    result = run(cluster, **CONVERT, wait=False)
    assert cluster.asked == [GET, "get deployments/shop-pods", HPAS, SCALED, PLAN, WRITE, GET]
    assert applied(cluster)[0]["replicas"] == 3
    assert ["Recreate" in result["warnings"][0], "scaleTargetRef" in result["warnings"][1]] == [True, True]
    assert cluster.stored(DEPLOYMENT) == recreate


def test_an_ordinary_deployment_is_nothing_to_warn_of() -> None:
    assert "warnings" not in run(FakeCluster(PODS, scaler(name="other")), **CONVERT, wait=False)


def test_a_conversion_that_was_made_takes_nothing_back() -> None:
    cluster = FakeCluster(merged(PODS, {"spec": {"replicas": 0}}))
    cluster.appear(0.0, canary())
    cluster.fail("list", Forbidden("not yours", 403))
    kept = {"canary": SPEC["strategy"]["canary"]}
    result = run(cluster, **{**CONVERT, "strategy": kept}, wait=False)
    assert (result["changed"], result["failed"], "warnings" in result) == (True, False, False)
    assert [*applied(cluster)[0]] == ["selector", "template", "strategy"]
    assert cluster.stored(ROLLOUT)["spec"]["replicas"] == 5
    assert cluster.stored(ROLLOUT)["spec"]["template"] == SPEC["template"]


def test_a_copy_stays_when_its_deployment_is_gone() -> None:
    cluster = FakeCluster(canary())
    result = run(cluster, **{**CONVERT, "strategy": SPEC["strategy"]}, wait=False)
    assert (result["changed"], result["failed"]) == (False, False)


@pytest.mark.parametrize(
    ("objects", "options", "reason", "text"),
    [
        ([], {}, "not_found", "there is no Deployment prod/shop-pods"),
        ([canary(WORKLOAD_REF)], {"mode": "workload_ref"}, "not_found", "there is no Deployment"),
        ([merged(PODS, {"spec": {"replicas": 0}})], {}, "invalid_request", "its Deployment has no pods"),
    ],
)
def test_a_deployment_that_cannot_be_converted(objects: list[Tree], options: Tree, reason: str, text: str) -> None:
    cluster = FakeCluster(*objects)
    result = run(cluster, **CONVERT, **options)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, reason)
    assert text in result["msg"]
    assert applied(cluster) == []


# -- none


@pytest.mark.parametrize("check", [True, False])
def test_a_rollout_is_removed(check: bool) -> None:
    cluster = FakeCluster(canary())
    result = run(cluster, check=check, state="absent")
    assert (result["changed"], result["failed"], result["reason"]) == (True, False, "absent")
    assert (result["rollout"], result["waiting"]) == (None, None)
    assert result["diff"]["before"]["spec"] == SPEC
    again = run(cluster, check=check, state="absent")
    assert again["changed"] is check


@pytest.mark.parametrize("check", [True, False])
def test_a_rollout_that_a_gitops_tool_would_make_again_is_removed_with_a_warning(check: bool) -> None:
    cluster = FakeCluster(canary(ARGO))
    refused = run(cluster, check=check, state="absent", gitops="refuse")
    assert (refused["changed"], refused["failed"], refused["reason"]) == (False, True, "managed")
    assert "is managed by Argo CD (Application web), so it was not deleted; take it out of Git" in refused["msg"]
    assert "warnings" not in refused
    warned = run(cluster, check=check, state="absent", gitops="warn")
    assert (warned["changed"], warned["failed"]) == (True, False)
    assert [text.partition(", ")[2] for text in warned["warnings"]] == ["which may make it again; take it out of Git"]
    assert "warnings" not in run(FakeCluster(canary(ARGO)), check=check, state="absent", gitops="ignore")


# -- arguments


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({}, "definition is missing"),
        ({"definition": SPEC, "from_deployment": "shop"}, "definition:"),
        ({"definition": SPEC, "strategy": {"canary": {}}}, "strategy:"),
        ({"definition": {**SPEC, "strategy": None}}, "definition.spec.strategy is missing"),
        ({"from_deployment": "shop"}, "strategy is missing"),
        ({"from_deployment": "Shop", "strategy": {"canary": {}}}, "from_deployment:"),
        ({"definition": SPEC, "name": "Shop"}, "name:"),
        ({"definition": SPEC, "wait_until": "restored"}, "wait_until:"),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_any_request(options: Tree, option: str) -> None:
    cluster = FakeCluster(canary())
    result = run(cluster, **options)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "invalid_request")
    assert result["msg"].startswith(option)
    assert cluster.requests == []


# -- whose it is

ARGO: Tree = {"metadata": {"labels": {"argocd.argoproj.io/instance": "web"}}}


@pytest.mark.parametrize("check", [True, False])
def test_a_change_that_argo_cd_may_put_back_comes_with_a_warning(check: bool) -> None:
    result = declare(FakeCluster(canary(ARGO)), NEW_IMAGE, check=check, wait=False)
    assert (result["changed"], result["failed"]) == (True, False)
    assert len(result["warnings"]) == 1
    assert f"{LABEL} is managed by Argo CD (Application web), which may put spec.template back" in result["warnings"][0]


def test_the_warning_outlives_a_lost_answer() -> None:
    cluster = FakeCluster(canary(ARGO))
    cluster.fail("apply", LOST, after=1, done=True)
    assert "Argo CD" in declare(cluster, NEW_IMAGE, wait=False)["warnings"][0]


def test_it_is_refused_before_anything_is_written() -> None:
    cluster = FakeCluster(canary(ARGO))
    for check in (True, False):
        result = declare(cluster, NEW_IMAGE, check=check, gitops="refuse")
        assert (result["changed"], result["failed"], result["reason"]) == (False, True, "managed")
    assert not applied(cluster)


def test_without_a_change_or_a_rollout_there_is_nothing_to_heed() -> None:
    result = declare(FakeCluster(canary(ARGO)), gitops="refuse")
    assert (result["changed"], result["failed"], "warnings" in result) == (False, False, False)
    assert not declare(FakeCluster(), gitops="refuse", wait=False)["failed"]


def test_a_template_that_is_put_back_while_the_task_waits() -> None:
    cluster = FakeCluster(canary())
    cluster.later(0.1, updating(0))
    cluster.later(3.0, {"spec": {"template": template("shop:2")}})
    result = declare(cluster, NEW_IMAGE, wait_until="healthy")
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "reverted")
    assert "spec.template was put back" in result["msg"]


def test_a_field_is_back_when_it_is_what_it_was() -> None:
    before, after = canary(), canary({"spec": NEW_IMAGE})
    field = spec_field("spec.template", before)
    assert (field.back(snapshot(before)), field.back(snapshot(after))) == (True, False)
