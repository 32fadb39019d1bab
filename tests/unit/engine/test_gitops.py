# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GitOps tools do to the writes of a task: foreseen as a warning or a refusal, and noticed when it happens."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import Transient
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.abort import Abort
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.pause import Pause
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Verb
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.promote import Promote
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.restart import Restart
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.set_image import SetImage
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.undo import Undo

from tests.unit.fakes import DEPLOYMENT, FakeCluster, run
from tests.unit.support import (
    FIRST_GATE,
    LABEL,
    NEW,
    OTHER,
    SPEC_PAUSED,
    STABLE,
    WORKLOAD_REF,
    Tree,
    aborted,
    canary,
    deployment,
    merged,
    paused,
    replica_set,
    template,
    updating,
)

OBSERVED, HEALTHY = Goal(Until.OBSERVED), Goal(Until.HEALTHY)
ARGO: Tree = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "web:argoproj.io/Rollout:prod/shop"}}}
ARGO_DEPLOYMENT: Tree = {
    "metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "web:apps/Deployment:prod/shop-pods"}}
}
THREE = SetImage({"app": "shop:3"}, OBSERVED)
PAUSE = Pause(OBSERVED)


def by(manager: str, *path: str) -> Tree:
    """Somebody holds this field."""
    fields: Tree = {}
    for key in reversed(path):
        fields = {key: fields}
    held = {"manager": manager, "time": "2026-01-01T12:00:03Z", "fieldsV1": fields}
    return {"metadata": {"managedFields": [held]}}


TEMPLATE = ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"app"}', "f:image")


# -- before the write


def test_a_write_that_argo_cd_may_put_back_comes_with_a_warning() -> None:
    result = run(FakeCluster(canary(ARGO)), THREE, wait=False)
    assert (result["changed"], result["failed"]) == (True, False)
    assert result["warnings"] == [
        f"{LABEL} is managed by Argo CD (Application web), which may put the image of container app back; "
        "change it in Git, or let the Application ignore the field (ignoreDifferences)"
    ]


def test_it_is_the_object_that_is_written_whose_manager_counts() -> None:
    objects = canary(WORKLOAD_REF, ARGO), deployment()
    assert "warnings" not in run(FakeCluster(*objects), THREE, wait=False)
    result = run(FakeCluster(canary(WORKLOAD_REF), merged(deployment(), ARGO_DEPLOYMENT)), THREE, wait=False)
    assert result["warnings"][0].startswith("Deployment prod/shop-pods is managed by Argo CD (Application web)")


SPEC_WRITERS: dict[str, tuple[Verb, Tree]] = {
    "set_image": (THREE, canary()),
    "undo": (Undo(OBSERVED), updating(0)),
    "pause": (PAUSE, canary()),
    "resume": (Pause(OBSERVED, "resumed"), canary(SPEC_PAUSED)),
    "restart": (Restart(OBSERVED, token="a"), canary()),
    "promote what is held": (Promote(OBSERVED), canary(SPEC_PAUSED)),
    "promote what is held at a gate": (Promote(OBSERVED), paused(FIRST_GATE, SPEC_PAUSED)),
    "promote fully what is held": (Promote(OBSERVED, mode="full"), updating(0, SPEC_PAUSED)),
}
HISTORY = replica_set(2, STABLE, "shop:1"), replica_set(3, NEW, "shop:2")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("case", SPEC_WRITERS)
def test_refused_before_anything_is_written(case: str, check_mode: bool) -> None:
    verb, raw = SPEC_WRITERS[case]
    cluster = FakeCluster(merged(raw, ARGO), *HISTORY)
    result = run(cluster, verb, gitops="refuse", check_mode=check_mode)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "managed")
    assert "managed by Argo CD (Application web), so" in result["msg"]
    assert "was not written; change it in Git" in result["msg"]
    assert cluster.patches == []


@pytest.mark.parametrize("case", SPEC_WRITERS)
def test_ignored_without_a_word(case: str) -> None:
    verb, raw = SPEC_WRITERS[case]
    result = run(FakeCluster(merged(raw, ARGO), *HISTORY), verb, gitops="ignore", wait=False)
    assert (result["changed"], result["failed"]) == (True, False)
    assert "warnings" not in result


@pytest.mark.parametrize(
    ("verb", "raw"), [(Abort(OBSERVED), updating(0)), (Promote(OBSERVED), paused(FIRST_GATE))], ids=["abort", "promote"]
)
def test_the_status_is_the_controllers_and_no_tools(verb: Verb, raw: Tree) -> None:
    result = run(FakeCluster(merged(raw, ARGO)), verb, gitops="refuse", wait=False)
    assert (result["changed"], result["failed"]) == (True, False)


def test_a_field_that_is_not_in_git_is_written_without_a_warning() -> None:
    raw = canary(ARGO, by("argocd-controller", *TEMPLATE))
    assert "warnings" not in run(FakeCluster(raw), PAUSE, wait=False, gitops="refuse")
    assert run(FakeCluster(raw), THREE, wait=False, gitops="refuse")["reason"] == "managed"


def test_a_task_with_nothing_to_do_warns_of_nothing() -> None:
    assert "warnings" not in run(FakeCluster(canary(ARGO)), SetImage({"app": "shop:2"}, OBSERVED), gitops="refuse")


def test_who_was_overtaken_and_did_not_write_warns_of_nothing() -> None:
    cluster = FakeCluster(canary(ARGO))
    cluster.race({"spec": {"paused": True}})
    result = run(cluster, PAUSE, wait=False)
    assert (result["changed"], result["failed"]) == (False, False)
    assert "warnings" not in result


# -- after the write


BACK_TO_TWO: Tree = {"spec": {"template": template("shop:2")}, **by("argocd-controller", *TEMPLATE)}


def test_an_image_that_is_put_back_before_the_controller_has_seen_it() -> None:
    cluster = FakeCluster(canary())
    cluster.later(3.0, BACK_TO_TWO)
    result = run(cluster, THREE)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "reverted")
    assert result["msg"] == (
        f"{LABEL}: set app to shop:3, but the image of container app was put back to shop:2 by argocd-controller "
        "within 3s; change it in Git, or let the Application ignore the field (ignoreDifferences)"
    )
    assert len(cluster.patches) == 1, "it must not fight"


def test_an_image_that_is_put_back_while_the_task_waits() -> None:
    cluster = FakeCluster(canary())
    cluster.react((0.1, updating(0, {"status": {"currentPodHash": OTHER}})), (4.0, updating(0)))
    cluster.later(3.0, BACK_TO_TWO)
    result = run(cluster, SetImage({"app": "shop:3"}, HEALTHY))
    assert (result["changed"], result["reason"]) == (True, "reverted")
    assert len(cluster.patches) == 1


def test_another_image_than_before_is_another_version() -> None:
    cluster = FakeCluster(canary())
    cluster.react((0.1, updating(0)), (4.0, updating(0, {"status": {"currentPodHash": OTHER}})))
    cluster.later(3.0, {"spec": {"template": template("shop:4")}})
    assert run(cluster, SetImage({"app": "shop:3"}, HEALTHY))["reason"] == "superseded"


def test_a_deployment_that_is_put_back_is_read_again() -> None:
    cluster = FakeCluster(canary(WORKLOAD_REF), deployment())
    cluster.react((0.1, updating(0, WORKLOAD_REF)))
    cluster.later(3.0, BACK_TO_TWO, DEPLOYMENT)
    cluster.later(3.1, updating(0, WORKLOAD_REF))
    result = run(cluster, SetImage({"app": "shop:3"}, HEALTHY))
    assert (result["reason"], result["rollout"]["images"]) == ("reverted", {"app": "shop:2"})
    assert "put back to shop:2 by argocd-controller within 3.1s" in result["msg"]


@pytest.mark.parametrize(
    ("verb", "raw", "change", "text"),
    [
        (
            PAUSE,
            canary(),
            {"spec": {"paused": False}, **by("kubectl-patch", "f:spec", "f:paused")},
            "spec.paused was put back to false by kubectl-patch within 1s; find out who did, before it is set again",
        ),
        (
            Pause(OBSERVED, "resumed"),
            canary(SPEC_PAUSED),
            {"spec": {"paused": True}},
            "spec.paused was put back to true by somebody within 1s; find out who did",
        ),
        (
            Restart(Goal(Until.RESTARTED), token="a"),
            canary(),
            {"spec": {"restartAt": None}, **by("argocd-controller", *TEMPLATE)},
            "spec.restartAt was put back to nothing by argocd-controller within 1s; change it in Git",
        ),
        (
            Undo(HEALTHY),
            updating(0, ARGO),
            {"spec": {"template": template("shop:2")}},
            "the pod template was put back to that of revision 3 by somebody within 1s; change it in Git",
        ),
        (
            Promote(HEALTHY, mode="full"),
            updating(0, SPEC_PAUSED),
            {"spec": {"paused": True}},
            "spec.paused was put back to true by somebody within 1s",
        ),
    ],
    ids=["pause", "resume", "restart", "undo", "promote"],
)
def test_whatever_is_put_back(verb: Verb, raw: Tree, change: Tree, text: str) -> None:
    cluster = FakeCluster(raw, *HISTORY)
    cluster.later(1.0, change)
    result = run(cluster, verb)
    assert (result["changed"], result["failed"], result["reason"]) == (True, True, "reverted")
    assert text in result["msg"]


def test_a_write_whose_answer_was_lost_is_watched_over_as_well() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("patch", Transient("connection reset by peer"), done=True)
    cluster.later(3.0, BACK_TO_TWO)
    result = run(cluster, THREE)
    assert (result["changed"], result["reason"]) == (True, "reverted")
    assert len(cluster.patches) == 1


def test_what_was_so_before_is_no_reversal() -> None:
    """A status write has no field of a spec, and nothing to lose."""
    cluster = FakeCluster(updating(0))
    cluster.react((0.1, aborted()))
    assert not run(cluster, Abort(OBSERVED))["failed"]
