# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pod template lives, and the ReplicaSets of the history."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.workload import ReplicaSet, Workload

from tests.unit.support import STABLE, UID, Tree, canary, deployment, merged, replica_set, template, view


def test_a_rollout_with_a_template_of_its_own() -> None:
    workload = Workload.of(view(canary()))
    assert (workload.kind, workload.api_version, workload.name) == ("Rollout", "argoproj.io/v1alpha1", "shop")
    assert (workload.generation, workload.resource_version) == (2, "100")
    assert workload.template == template()
    assert workload.template_path == "/spec/template"


@pytest.mark.parametrize(
    ("kind", "api_version", "raw", "path"),
    [
        ("Deployment", "apps/v1", {"spec": {"template": template()}}, "/spec/template"),
        ("ReplicaSet", "apps/v1", {"spec": {"template": template()}}, "/spec/template"),
        ("PodTemplate", "v1", {"template": template()}, "/template"),
    ],
)
def test_the_template_is_found_by_kind(kind: str, api_version: str, raw: Tree, path: str) -> None:
    workload = Workload.parse({"metadata": {"name": "pods"}, **raw}, kind, api_version)
    assert workload.template == template()
    assert workload.template_path == path
    assert (workload.name, workload.generation, workload.resource_version) == ("pods", 0, "")


@pytest.mark.parametrize("raw", [{}, {"spec": None}, {"spec": {"template": None}}])
def test_a_workload_without_a_template(raw: Tree) -> None:
    workload = Workload.parse(raw, "Deployment", "apps/v1")
    assert (workload.template, workload.images) == ({}, {})


def test_the_images_of_all_containers() -> None:
    containers = {
        "initContainers": [{"name": "migrate", "image": "shop-migrate:2"}],
        "containers": [{"name": "app", "image": "shop:2"}, {"name": "proxy"}],
    }
    workload = Workload.parse(
        merged(deployment(), {"spec": {"template": {"spec": containers}}}), "Deployment", "apps/v1"
    )
    assert workload.images == {"migrate": "shop-migrate:2", "app": "shop:2", "proxy": ""}


def test_a_replica_set_of_the_history() -> None:
    found = ReplicaSet.parse(replica_set(7, STABLE, "shop:1"))
    assert (found.name, found.revision, found.pod_hash, found.owner_uid) == (f"shop-{STABLE}", 7, STABLE, UID)
    assert (found.replicas, found.available) == (5, 5)
    assert found.template["spec"] == template("shop:1")["spec"]


@pytest.mark.parametrize(
    ("change", "revision", "owner"),
    [
        ({"metadata": {"annotations": None}}, 0, UID),
        ({"metadata": {"annotations": {"rollout.argoproj.io/revision": "one"}}}, 0, UID),
        ({"metadata": {"annotations": {"rollout.argoproj.io/revision": "²"}}}, 0, UID),
        ({"metadata": {"ownerReferences": None}}, 1, ""),
        ({"metadata": {"ownerReferences": [{"uid": "friend"}, {"uid": "boss", "controller": True}]}}, 1, "boss"),
    ],
    ids=["no revision", "a word", "no digit", "no owner", "the owner that controls it"],
)
def test_a_replica_set_that_is_not_as_usual(change: Tree, revision: int, owner: str) -> None:
    found = ReplicaSet.parse(replica_set(1, STABLE, "shop:1", change))
    assert (found.revision, found.owner_uid) == (revision, owner)


@pytest.mark.parametrize(("written", "former"), [("1", (1,)), ("1,4", (1, 4)), ("", ()), ("one,2", (2,))])
def test_the_revisions_that_it_was_before(written: str, former: tuple[int, ...]) -> None:
    history = {"metadata": {"annotations": {"rollout.argoproj.io/revision-history": written}}}
    assert ReplicaSet.parse(replica_set(7, STABLE, "shop:1", history)).former_revisions == former


def test_an_empty_replica_set() -> None:
    assert ReplicaSet.parse({}) == ReplicaSet("", 0, "", "", 0, 0, {})
