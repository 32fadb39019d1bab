# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on a cluster that somebody else has made: here the bare control plane of an embedded lab.

Argo Rollouts is installed as a Deployment. Its pod gets a node and is simulated there, so no controller runs, and no
Rollout is driven. The tests use the cluster in the order in which they stand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.progressive.delivery.plugins.module_utils._lab import existing, identities
from ansible_collections.progressive.delivery.plugins.module_utils._lab import lab as labs
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache

from tests.integration.kit import canary
from tests.integration.support import BUILD_TIMEOUT, Lab, PlaybookRun, own_lab, play, run_playbook

ROLLOUTS = "argo-rollouts"
READY = "jsonpath={.status.readyReplicas}"


@dataclass(frozen=True)
class Site:
    """Their cluster, our lab on it, and a user who may do what `lab_existing` asks for, and nothing else."""

    cluster: Lab
    lab: Lab
    user: Path

    def brings_up(self, *options: str, **more: str) -> PlaybookRun:
        return run_playbook("lab", {"progressive_lab": self.lab.name, **more}, *options).succeeded()

    def takes_down(self) -> PlaybookRun:
        return run_playbook("lab_destroy", {"progressive_lab": self.lab.name})

    def names(self, kind: str, *options: str) -> set[str]:
        return set(self.cluster.kubectl("get", kind, *options, "--output=name").split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("existing")
    # Not the whole lab: nothing of Argo Rollouts, and no mesh.
    name = own_lab("cluster")
    bare = folder / "bare.yml"
    role = {"role": "progressive.delivery.embedded_cluster", "embedded_cluster_name": name}
    bare.write_text(yaml.safe_dump([play(roles=[role])]))
    run_playbook(bare, timeout=BUILD_TIMEOUT).succeeded()
    # Not own_lab: after a run that was killed, nothing could be removed from a cluster that is gone.
    made = Site(Lab(name), Lab(f"existing-{os.getpid()}"), kubeconfig(name, "installer", folder))
    existing.leave(made.lab.name, Cache.default())
    rules = [{"apiGroups": [each.group], "resources": [each.resource], "verbs": each.verbs} for each in existing.RIGHTS]
    grant(made.cluster, "installer", rules)
    yield made
    existing.leave(made.lab.name, Cache.default())
    labs.destroy(name)


def kubeconfig(lab: str, user: str, folder: Path) -> Path:
    path = folder / user
    identities.user(labs.Lab.load(lab), user, (), path)
    return path


def grant(cluster: Lab, user: str, rules: list[dict[str, Any]]) -> None:
    """These rights in all namespaces."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": user}}
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps({**role, "rules": rules}))
    cluster.kubectl("create", "clusterrolebinding", user, f"--clusterrole={user}", f"--user={user}")


def said(run: PlaybookRun) -> str:
    """Without the line breaks and doubled quotes of YAML."""
    return " ".join(run.output.split()).replace("''", "'")


# ---- Refused


def test_who_may_only_look_is_told_all_that_is_missing(site: Site, tmp_path: Path) -> None:
    grant(site.cluster, "viewer", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}])
    viewer = kubeconfig(site.cluster.name, "viewer", tmp_path)

    with pytest.raises(LabError, match="you may not create, patch, delete customresourcedefinitions") as refusal:
        adopt(site, tmp_path, kubeconfig=str(viewer))
    assert "; create, patch, delete deployments.apps; create, patch, delete rollouts.argoproj.io" in str(refusal.value)


def test_a_context_that_is_not_there_is_told_with_those_that_are(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="staging"):
        adopt(site, tmp_path, kubeconfig=str(site.user), context="staging")


def test_a_server_that_does_not_answer_is_named(site: Site, tmp_path: Path) -> None:
    document = yaml.safe_load(site.user.read_text())
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    dead = tmp_path / "dead"
    dead.write_text(yaml.safe_dump(document))
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:9"):
        adopt(site, tmp_path, kubeconfig=str(dead))


def adopt(site: Site, folder: Path, **options: str) -> None:
    """As the module `lab_existing` does, with a record elsewhere; there must be none afterwards."""
    cache = Cache(folder / "cache")
    try:
        existing.adopt(site.lab.name, connect(options), existing.Connection(), cache)
    finally:
        assert not cache.labs.exists()


# ---- Up


@pytest.mark.smoke
def test_the_lab_comes_up_with_the_rights_that_it_asks_for(site: Site) -> None:
    run = site.brings_up(progressive_kubeconfig=str(site.user))

    assert "existing, because progressive_kubeconfig or progressive_context names a cluster" in said(run)
    assert site.lab.record["kubeconfig"] == str(site.user)
    assert site.lab.record["addresses"] == {"apiserver": site.cluster.record["addresses"]["apiserver"]}
    in_namespace = f"--namespace={ROLLOUTS}"
    assert site.cluster.kubectl("get", "deployment", ROLLOUTS, in_namespace, f"--output={READY}") == "1"
    [node] = site.cluster.kubectl("get", "pod", in_namespace, "--output=jsonpath={.items[*].spec.nodeName}").split()
    assert node in site.cluster.kubectl("get", "nodes", "--output=name")


def test_a_second_run_finds_its_cluster_and_changes_nothing(site: Site) -> None:
    run = site.brings_up()

    assert f"there is a lab '{site.lab.name}' and it is existing" in said(run)
    assert run.changed == 0


# ---- Down


def test_it_does_not_go_while_there_are_rollouts(site: Site) -> None:
    site.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(canary()))

    run = site.takes_down()

    assert (run.failed, run.changed) == (1, 0), run.output
    assert "default/shop" in run.output
    assert site.lab.folder.exists()
    site.cluster.kubectl("delete", "rollout", "shop")


def test_what_it_has_put_there_goes_and_nothing_else(site: Site) -> None:
    before = site.names("namespace")

    site.takes_down().succeeded()

    assert site.names("namespace") == before - {f"namespace/{ROLLOUTS}"}
    assert site.names("clusterrole,clusterrolebinding", "--selector=app.kubernetes.io/part-of=argo-rollouts") == set()
    assert any("rollouts.argoproj.io" in name for name in site.names("crd"))
    assert not site.lab.folder.exists()


def test_an_argo_rollouts_that_is_there_stays_as_it_is(site: Site) -> None:
    site.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(THEIRS))
    before = site.cluster.kubectl("get", "deployment", "theirs", "--output=json")

    run = site.brings_up(progressive_kubeconfig=str(site.user))

    assert "is in the namespace default and this lab has not put it there: it stays" in said(run)
    assert run.changed == 1, "the lab's record"
    assert site.takes_down().succeeded().changed == 1
    assert site.cluster.kubectl("get", "deployment", "theirs", "--output=json") == before


THEIRS = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "theirs", "labels": {"app.kubernetes.io/name": "argo-rollouts"}},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "theirs"}},
        "template": {
            "metadata": {"labels": {"app": "theirs"}},
            "spec": {"containers": [{"name": "argo-rollouts", "image": "theirs:1"}]},
        },
    },
}
