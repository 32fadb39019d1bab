# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on a cluster that is there: what is checked, and what is noted down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import Resource
from ansible_collections.progressive.delivery.plugins.module_utils._lab import existing
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.existing import Connection
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache
from ansible_collections.progressive.delivery.plugins.module_utils._lab.provider import COMPONENTS

HERE = Connection("/home/me/kubeconfig", "staging")


@dataclass
class Cluster:
    """An apiserver that allows all but `denied`, written as `verb resource`."""

    host: str = "https://staging.example.com:6443"
    kubernetes: str = "v1.36.3"
    denied: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def version(self) -> str:
        return self.kubernetes

    def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        assert resource.path("") == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        attributes = body["spec"]["resourceAttributes"]
        question = f"{attributes['verb']} {attributes['resource']}"
        self.asked.append(question)
        return {**body, "status": {"allowed": question not in self.denied}}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_a_cluster_that_will_do_gets_a_record_like_every_lab_s(cache: Cache) -> None:
    record, changed = existing.adopt("staging", Cluster(), HERE, cache)
    assert changed
    assert record == json.loads(cache.lab("staging").record.read_text())
    assert record["provider"] == "existing"
    assert (record["kubeconfig"], record["context"]) == ("/home/me/kubeconfig", "staging")
    assert record["addresses"] == {"apiserver": "https://staging.example.com:6443"}
    assert record["versions"] == {"kubernetes": "v1.36.3"}
    assert record["components"] == ["argo_rollouts"]
    assert {"name", "created", "ports", "bin", "processes"} <= record.keys()


def test_a_second_run_changes_nothing(cache: Cache) -> None:
    first, _changed = existing.adopt("staging", Cluster(), HERE, cache)
    assert existing.adopt("staging", Cluster(), HERE, cache) == (first, False)


def test_an_upgraded_cluster_is_noted(cache: Cache) -> None:
    existing.adopt("staging", Cluster(), HERE, cache)
    record, changed = existing.adopt("staging", Cluster(kubernetes="v1.37.0"), HERE, cache)
    assert changed
    assert record["versions"] == {"kubernetes": "v1.37.0"}


def test_check_mode_checks_and_writes_nothing(cache: Cache) -> None:
    cluster = Cluster()
    assert existing.adopt("staging", cluster, HERE, cache, check_mode=True)[1]
    assert len(cluster.asked) == sum(len(right.verbs) for right in existing.rights(["argo_rollouts"]))
    assert not cache.labs.exists()


def test_each_right_is_asked_for_once() -> None:
    for components in [(), *((name,) for name in COMPONENTS), COMPONENTS]:
        asked = [(right.shown, verb) for right in existing.rights(components) for verb in right.verbs]
        assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("component", "question"),
    [
        ("istio", "create mutatingwebhookconfigurations"),
        ("prometheus", "list statefulsets"),
        ("ingress_nginx", "create ingressclasses"),
        ("argo_rollouts", "create customresourcedefinitions"),
    ],
)
def test_a_right_is_asked_for_with_the_component_that_needs_it(cache: Cache, component: str, question: str) -> None:
    without, with_it = Cluster(), Cluster()
    existing.adopt("staging", without, HERE, cache, wished=[])
    existing.adopt("staging", with_it, HERE, cache, wished=[component])
    assert question not in without.asked
    assert question in with_it.asked


def test_the_components_are_kept_until_others_are_asked_for(cache: Cache) -> None:
    existing.adopt("staging", Cluster(), HERE, cache, wished=["argo_rollouts", "istio"])
    record, changed = existing.adopt("staging", Cluster(), HERE, cache)
    assert (record["components"], changed) == (["istio", "argo_rollouts"], False)
    record, changed = existing.adopt("staging", Cluster(), HERE, cache, wished=["prometheus"])
    assert (record["components"], changed) == (["prometheus"], True)


@pytest.mark.parametrize("version", ["v1.27.0", "v1.36.3", "1.34", "v1.34.1-gke.100", "v1.30.5+k3s1", "v2.0.0"])
def test_versions_that_will_do(version: str) -> None:
    existing.check_version(version)


@pytest.mark.parametrize("version", ["v1.26.9", "v0.9.0", "", "latest"])
def test_versions_that_will_not(version: str) -> None:
    with pytest.raises(LabError, match=r"the roles need 1\.27 or newer"):
        existing.check_version(version)


def test_all_rights_that_are_missing_are_told_at_once(cache: Cache) -> None:
    denied = ("create customresourcedefinitions", "patch customresourcedefinitions", "delete secrets")
    said = (
        r"may not delete secrets; create, patch customresourcedefinitions\.apiextensions\.k8s\.io: use a user with the "
        "ClusterRole cluster-admin"
    )
    with pytest.raises(LabError, match=said):
        existing.adopt("staging", Cluster(denied=denied), HERE, cache)
    assert not cache.labs.exists()


def test_a_context_that_leads_elsewhere_is_refused(cache: Cache) -> None:
    existing.adopt("staging", Cluster(), HERE, cache)
    other = Cluster(host="https://production.example.com")
    with pytest.raises(LabError, match=r"is on the cluster at https://staging.* now lead to https://production"):
        existing.adopt("staging", other, HERE, cache)
    assert other.asked == []


def test_a_lab_of_another_provider_is_refused(cache: Cache) -> None:
    paths = cache.lab("staging")
    paths.folder.mkdir(parents=True)
    paths.record.write_text('{"provider": "kind"}')
    with pytest.raises(LabError, match="of the provider kind, not existing"):
        existing.adopt("staging", Cluster(), HERE, cache)
    with pytest.raises(LabError, match="of the provider kind, not existing"):
        existing.leave("staging", cache)
    assert paths.record.is_file()


def test_forgetting_removes_the_record_only(cache: Cache) -> None:
    existing.adopt("staging", Cluster(), HERE, cache)
    assert existing.leave("staging", cache, check_mode=True)
    assert cache.lab("staging").folder.exists()
    assert existing.leave("staging", cache)
    assert not cache.lab("staging").folder.exists()
    assert not existing.leave("staging", cache)
