# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module rollout against a real apiserver, its server-side apply and its autoscaler, and the real controller."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.kit import GATED_STEPS, Object, Result, Stage, canary, deployment, referring
from tests.integration.support import eventually

OURS = "progressive.delivery"
STRATEGY: Object = {"canary": {"steps": GATED_STEPS}}


def spec(image: str = "shop:1.0.0", **more: Any) -> Object:
    """What a person would write: quantities and empty values that the controller spells in its own way."""
    app = {
        "name": "app",
        "image": image,
        "env": [{"name": "MODE", "value": ""}],
        "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}, "requests": {"cpu": "0.10"}},
        "tty": False,
    }
    pods = {"metadata": {"labels": {"app": "shop"}}, "spec": {"hostNetwork": False, "containers": [app]}}
    return {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "shop"}},
        "strategy": STRATEGY,
        "template": pods,
        **more,
    }


def version(stage: Stage) -> tuple[int, list[Object]]:
    """Differs after every write of ours, also after one that only says who owns a field."""
    stage.ok("rollout_wait", until="observed")
    metadata = stage.get()["metadata"]
    return metadata["generation"], [item for item in metadata["managedFields"] if item["manager"] == OURS]


def unchanged(stage: Stage, **given: Any) -> Result:
    before = version(stage)
    for check in (True, False, True, False):
        result = stage.run("rollout", check=check, **given)
        assert (result["changed"], result["failed"]) == (False, False), result
        assert "diff" not in result
    assert version(stage) == before
    return result


def acts_once(stage: Stage, **given: Any) -> Result:
    """Check mode twice, for real, and three times more; the result of the first real run."""
    for _turn in ("first", "repeat"):
        foreseen = stage.run("rollout", check=True, **given)
        assert (foreseen["changed"], foreseen["failed"]) == (True, False), foreseen["msg"]
    first = stage.ok("rollout", **given)
    assert first["changed"]
    assert first["diff"]["before"] == foreseen["diff"]["before"]
    assert first["diff"]["after"] == foreseen["diff"]["after"]
    unchanged(stage, **given)
    return first


def test_a_definition_is_created_changed_and_removed_once(stage: Stage) -> None:
    made = acts_once(stage, definition=spec(), labels={"team": "shop"}, wait_until="healthy")
    assert (made["reason"], made["revision"], made["rollout"]["replicas"]["available"]) == ("healthy", 1, 2)
    assert made["diff"]["before"] == {}
    assert made["diff"]["after"]["metadata"] == {"labels": {"team": "shop"}}

    changed = acts_once(stage, definition=spec("shop:2.0.0"), wait_until="paused")
    assert (changed["reason"], changed["revision"], changed["rollout"]["step"]["index"]) == ("paused", 2, 1)
    assert changed["diff"]["before"]["metadata"] == {"labels": {"team": "shop"}}
    assert "labels" not in stage.get()["metadata"], "what is declared no more is taken away"

    # In the middle of the update: nothing of it is reset.
    steps = acts_once(stage, definition=spec("shop:2.0.0", minReadySeconds=1), annotations={"note": "1"})
    assert (steps["rollout"]["step"]["index"], steps["rollout"]["phase"]) == (1, "Paused")
    assert "changed metadata.annotations, spec.minReadySeconds" in steps["msg"]

    for _turn in range(2):
        foreseen = stage.run("rollout", check=True, state="absent")
        assert (foreseen["changed"], foreseen["failed"], foreseen["reason"]) == (True, False, "absent")
    assert stage.ok("rollout", state="absent")["changed"]
    for check in (True, False, True):
        gone = stage.run("rollout", check=check, state="absent")
        assert (gone["changed"], gone["failed"], gone["rollout"]) == (False, False, None)


def test_a_quantity_that_is_declared_no_more_is_taken_away(stage: Stage) -> None:
    """The controller respells quantities where it writes the spec back, and would own them from then on."""
    limited, free = spec(), spec()
    del free["template"]["spec"]["containers"][0]["resources"]
    stage.ok("rollout", definition=limited, wait_until="healthy")
    acts_once(stage, definition=free, wait_until="paused")
    assert not stage.get()["spec"]["template"]["spec"]["containers"][0].get("resources")


@pytest.mark.parametrize("canary", [{}, {"canaryMetadata": {"labels": {}}}])
def test_what_is_declared_empty_is_taken_away(stage: Stage, canary: Object) -> None:
    full, empty = spec(), spec(strategy={"canary": canary})
    full["strategy"] = {"canary": {**STRATEGY["canary"], "canaryMetadata": {"labels": {"a": "1"}}}}
    for definition, metadata, security, limits in (
        (full, {"a": "1"}, {"runAsUser": 1}, {"cpu": "1"}),
        (empty, {}, {}, {}),
    ):
        definition["template"]["metadata"]["annotations"] = metadata
        definition["template"]["spec"]["securityContext"] = security
        definition["template"]["spec"]["containers"][0]["resources"] = {"limits": limits}
    stage.ok("rollout", definition=full, wait_until="healthy")
    acts_once(stage, definition=empty, wait_until="healthy")
    pods = stage.get()["spec"]["template"]
    assert not pods["metadata"].get("annotations")
    assert not pods["spec"].get("securityContext")
    assert not pods["spec"]["containers"][0].get("resources")


def test_what_is_declared_wins_over_verbs_unless_images_are_kept(stage: Stage) -> None:
    declared = spec(strategy={"canary": {}})
    stage.ok("rollout", definition=declared, wait_until="healthy")
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="healthy")
    kept = unchanged(stage, definition=declared, keep_images=True)
    assert kept["rollout"]["images"] == {"app": "shop:2.0.0"}

    back = acts_once(stage, definition=declared, wait_until="healthy")
    assert (back["rollout"]["images"], back["revision"]) == ({"app": "shop:1.0.0"}, 3)
    assert back["diff"]["before"]["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:2.0.0"


def test_what_an_undo_brought_back_is_taken_away_again(stage: Stage) -> None:
    old, new = spec(strategy={"canary": {}}), spec("shop:2.0.0", strategy={"canary": {}})
    old["template"]["metadata"]["annotations"] = {"old": "1"}
    old["template"]["spec"]["terminationGracePeriodSeconds"] = 5
    old["template"]["spec"]["containers"][0]["env"].append({"name": "OLD", "value": "1"})
    stage.ok("rollout", definition=old, wait_until="healthy")
    stage.ok("rollout", definition=new, wait_until="healthy")
    stage.ok("rollout_undo", to_revision=1, wait_until="healthy")
    stage.ok("rollout_restart", token="once")
    restarted = stage.get()

    acts_once(stage, definition=new, wait_until="healthy")
    found = stage.get()
    pods = found["spec"]["template"]
    assert [entry["name"] for entry in pods["spec"]["containers"][0]["env"]] == ["MODE"]
    assert pods["metadata"] == {"labels": {"app": "shop"}}
    assert "terminationGracePeriodSeconds" not in pods["spec"]
    assert found["spec"]["restartAt"] == restarted["spec"]["restartAt"], "what other verbs have set is theirs"


def test_an_autoscaler_keeps_the_number_of_pods(stage: Stage) -> None:
    declared = spec()
    stage.ok("rollout", definition=declared, wait_until="healthy")
    stage.apply(autoscaler("Rollout", "argoproj.io/v1alpha1", most=4))

    # Not scaled yet: the field is ours alone, and would fall to 1 if it were only left out.
    more = stage.ok("rollout", definition=spec(replicas=3))
    assert (more["changed"], stage.get()["spec"]["replicas"]) == (False, 2)
    assert "HorizontalPodAutoscaler shop scales the Rollout" in more["warnings"][0]
    without = {key: value for key, value in declared.items() if key != "replicas"}
    unchanged(stage, definition=without)

    stage.kubectl("scale", "rollout", "shop", "--replicas=4")
    changed = acts_once(stage, definition=spec(minReadySeconds=1))
    assert "replicas stays 4 and does not become 2" in changed["warnings"][0]
    stage.ok("rollout", definition=without)
    assert stage.get()["spec"]["replicas"] == 4

    # Without the autoscaler its number still is somebody's, until it is taken over.
    stage.kubectl("delete", "hpa", "shop")
    assert "kubectl has scaled the Rollout" in unchanged(stage, definition=declared)["warnings"][0]
    taken = acts_once(stage, definition=declared, force_conflicts=True)
    assert (taken["changed"], stage.get()["spec"]["replicas"]) == (True, 2)
    assert "warnings" not in taken
    grown = acts_once(stage, definition=spec(replicas=3))
    assert grown["rollout"]["replicas"]["desired"] == 3


def autoscaler(kind: str, api_version: str, most: int = 4) -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "shop"},
            "minReplicas": 1,
            "maxReplicas": most,
        },
    }


def test_fields_of_others_are_only_taken_over_when_asked(stage: Stage) -> None:
    stage.deploy(canary(minReadySeconds=1))
    mine = canary(minReadySeconds=2)
    for check in (True, False):
        result = stage.run("rollout", check=check, definition=mine)
        assert (result["changed"], result["failed"], result["reason"]) == (False, True, "field_conflict")
        assert ".spec.minReadySeconds is set by kubectl" in result["msg"]
        assert "force_conflicts: true" in result["msg"]
    assert acts_once(stage, definition=mine, force_conflicts=True)["changed"]
    assert stage.get()["spec"]["minReadySeconds"] == 2
    unchanged(stage, definition=mine)


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"strategy": {"canary": {"stepz": []}}}, ": spec.strategy.canary.stepz"),
        ({"replicas": "many"}, ": spec.replicas"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_the_schema_refuses_is_named(stage: Stage, definition: Object, field: str, check: bool) -> None:
    result = stage.run("rollout", check=check, definition=spec(**definition))
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "invalid_request")
    assert field in result["msg"]


def test_a_deployment_is_copied_once(stage: Stage) -> None:
    stage.apply(deployment(replicas=3), autoscaler("Deployment", "apps/v1"))
    converted = acts_once(stage, from_deployment="shop", strategy=STRATEGY, wait_until="healthy")
    assert (converted["rollout"]["replicas"]["available"], converted["revision"]) == (3, 1)
    assert "have its scaleTargetRef name Rollout" in converted["warnings"][0]
    assert stage.kubectl("get", "deployment", "shop", "-o", "jsonpath={.spec.replicas}") == "3"

    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    for words in (("delete", "hpa", "shop"), ("scale", "deployment", "shop", "--replicas=0")):
        stage.kubectl(*words)
    again = unchanged(stage, from_deployment="shop", strategy=STRATEGY)
    assert (again["rollout"]["replicas"]["desired"], again["rollout"]["images"]) == (3, {"app": "shop:2.0.0"})
    stage.kubectl("delete", "deployment", "shop")
    unchanged(stage, from_deployment="shop", strategy=STRATEGY)


def test_a_deployment_is_taken_over_pod_by_pod(stage: Stage) -> None:
    stage.apply(deployment(replicas=2))
    wish = {"from_deployment": "shop", "mode": "workload_ref", "scale_down": "progressively", "strategy": STRATEGY}
    converted = acts_once(stage, **wish, wait_until="healthy")
    assert (converted["rollout"]["replicas"]["available"], converted["revision"]) == (2, 1)

    def scaled() -> bool:
        return stage.kubectl("get", "deployment", "shop", "-o", "jsonpath={.spec.replicas}") == "0"

    eventually(scaled, what="the Deployment still has pods")
    again = unchanged(stage, **wish)
    assert again["rollout"]["replicas"]["desired"] == 2


def test_a_reference_to_nothing_can_be_corrected(stage: Stage) -> None:
    stage.apply(deployment())
    wrong = referring()
    wrong["spec"]["workloadRef"]["name"] = "shpo"
    first = stage.run("rollout", definition=wrong)
    assert (first["changed"], first["failed"], first["reason"]) == (True, True, "not_found")
    assert acts_once(stage, definition=referring(), wait_until="healthy")["reason"] == "healthy"


def test_a_deployment_that_cannot_be_taken_is_named(stage: Stage) -> None:
    missing = stage.run("rollout", from_deployment="shop", strategy=STRATEGY)
    assert (missing["reason"], missing["changed"]) == ("not_found", False)
    stage.apply(deployment(replicas=0))
    empty = stage.run("rollout", from_deployment="shop", strategy=STRATEGY)
    assert (empty["reason"], empty["changed"]) == ("invalid_request", False)
