# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab on a cluster that somebody else has made: here the bare control plane of an embedded lab.

All is installed as in any cluster. The pods get nodes and are simulated there, so no program runs, and no Rollout is
driven. The tests use the cluster in the order in which they stand.
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

from tests.integration import charts
from tests.integration.kit import canary
from tests.integration.support import BUILD_TIMEOUT, Lab, PlaybookRun, own_lab, play, run_playbook

ROLLOUTS = "argo-rollouts"
WATCHED = "prometheus,argo_rollouts"
READY = "jsonpath={.status.readyReplicas}"
CLUSTER_WIDE = "clusterrole,clusterrolebinding,ingressclass,mutatingwebhookconfiguration,validatingwebhookconfiguration"


@dataclass(frozen=True)
class Site:
    """Their cluster, our lab on it, and a user who may do what `allows` says, and nothing else."""

    cluster: Lab
    lab: Lab
    user: Path

    def brings_up(self, *options: str, **more: object) -> PlaybookRun:
        return run_playbook("lab", {"progressive_lab": self.lab.name, **more}, *options).succeeded()

    def allows(self, *components: str) -> None:
        """What `lab_existing` asks for with these components."""
        asked = existing.rights(components)
        rules = [{"apiGroups": [each.group], "resources": [each.resource], "verbs": each.verbs} for each in asked]
        allow(self.cluster, "installer", rules)

    def takes_down(self, **more: object) -> PlaybookRun:
        return run_playbook("lab_destroy", {"progressive_lab": self.lab.name, **more})

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
    bind(made.cluster, "installer")
    yield made
    existing.leave(made.lab.name, Cache.default())
    labs.destroy(name)


def kubeconfig(lab: str, user: str, folder: Path) -> Path:
    path = folder / user
    identities.user(labs.Lab.load(lab), user, (), path)
    return path


def allow(cluster: Lab, user: str, rules: list[dict[str, Any]]) -> None:
    """These rights in all namespaces, and no others, once the user is bound to them."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": user}}
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps({**role, "rules": rules}))


def bind(cluster: Lab, user: str) -> None:
    cluster.kubectl("create", "clusterrolebinding", user, f"--clusterrole={user}", f"--user={user}")


def said(run: PlaybookRun) -> str:
    """Without the line breaks and doubled quotes of YAML."""
    return " ".join(run.output.split()).replace("''", "'")


# ---- Refused


def test_who_may_only_look_is_told_all_that_is_missing(site: Site, tmp_path: Path) -> None:
    allow(site.cluster, "viewer", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}])
    bind(site.cluster, "viewer")
    viewer = kubeconfig(site.cluster.name, "viewer", tmp_path)

    with pytest.raises(LabError, match="you may not create, patch, delete, escalate, bind clusterroles") as refusal:
        adopt(site, tmp_path, kubeconfig=str(viewer))
    crds = "customresourcedefinitions.apiextensions.k8s.io"
    told = f"; create, patch, delete {crds}; create, patch, delete rollouts.argoproj.io; patch analysisruns"
    assert told in str(refusal.value)


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


def test_a_dry_run_does_nothing(site: Site) -> None:
    site.allows("prometheus", "argo_rollouts")
    # In one namespace there is something of theirs.
    site.cluster.kubectl("create", "namespace", "monitoring")
    site.cluster.kubectl("create", "configmap", "theirs", "--namespace=monitoring")
    before = site.names("namespace,crd")

    run = site.brings_up("--check", progressive_kubeconfig=str(site.user), progressive_components=WATCHED)

    assert run.changed > 0
    assert site.names("namespace,crd") == before
    assert site.names("all", "--namespace=monitoring") == set()
    assert not site.lab.folder.exists()


@pytest.mark.smoke
def test_the_lab_comes_up_with_the_rights_that_it_asks_for(site: Site) -> None:
    site.allows("prometheus", "argo_rollouts")

    run = site.brings_up(progressive_kubeconfig=str(site.user), progressive_components=WATCHED)

    assert "existing, because progressive_kubeconfig or progressive_context names a cluster" in said(run)
    assert "with prometheus, argo_rollouts" in said(run)
    assert site.lab.record["kubeconfig"] == str(site.user)
    assert site.lab.record["addresses"] == {"apiserver": site.cluster.record["addresses"]["apiserver"]}
    for name, namespace in ((ROLLOUTS, ROLLOUTS), ("prometheus", "monitoring")):
        in_namespace = f"--namespace={namespace}"
        assert site.cluster.kubectl("get", "deployment", name, in_namespace, f"--output={READY}") == "1"
        [node] = site.cluster.kubectl("get", "pod", in_namespace, "--output=jsonpath={.items[*].spec.nodeName}").split()
        assert node in site.cluster.kubectl("get", "nodes", "--output=name")


def test_a_second_run_finds_its_cluster_and_changes_nothing(site: Site) -> None:
    run = site.brings_up()

    assert f"there is a lab '{site.lab.name}' and it is existing" in said(run)
    assert "with prometheus, argo_rollouts" in said(run)
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
    assert not any("monitoring-prometheus" in name for name in site.names("clusterrole,clusterrolebinding"))
    assert site.names("all", "--namespace=monitoring") == set()
    assert "configmap/theirs" in site.names("configmap", "--namespace=monitoring")
    assert "progressive.delivery" not in site.cluster.kubectl("get", "namespace", "monitoring", "--output=json")
    assert any("rollouts.argoproj.io" in name for name in site.names("crd"))
    assert not site.lab.folder.exists()


def written(site: Site) -> Any:
    """What anybody but the cluster's own controllers has written into the Deployment."""
    found = json.loads(site.cluster.kubectl("get", "deployment", "theirs", "--output=json", "--show-managed-fields"))
    metadata = found["metadata"]
    writers = [entry for entry in metadata["managedFields"] if entry["manager"] != "kube-controller-manager"]
    return metadata["uid"], metadata["generation"], metadata.get("labels"), found["spec"], writers


def test_an_argo_rollouts_that_is_there_stays_as_it_is(site: Site) -> None:
    site.cluster.kubectl("apply", "--filename=-", stdin=json.dumps(THEIRS))
    before = written(site)

    run = site.brings_up(progressive_kubeconfig=str(site.user))

    assert "(Deployment default/theirs) and this lab has not put it there: it stays" in said(run)
    assert run.changed == 1, "the lab's record"
    assert site.takes_down().succeeded().changed == 1
    assert written(site) == before


def test_what_comes_by_helm_comes_once_and_goes(site: Site) -> None:
    program = charts.helm()
    istio = charts.module(charts.ISTIO) / "manifests" / "charts"
    site.allows("istio", "ingress_nginx")
    before = site.names(f"namespace,{CLUSTER_WIDE}")
    wishes = {
        "progressive_helm": program,
        # Without a gateway: its pods ask istiod for their image, and no istiod runs in the lab's pods.
        "istio_gateway": "false",
        "istio_charts": {"base": str(istio / "base"), "istiod": str(istio / "istio-control" / "istio-discovery")},
        "ingress_nginx_chart": str(charts.module(charts.INGRESS_NGINX) / "charts" / "ingress-nginx"),
        "ingress_nginx_service_type": "NodePort",
    }  # fmt: skip

    site.brings_up(progressive_kubeconfig=str(site.user), progressive_components="ingress_nginx,istio", **wishes)
    made = site.names(f"namespace,{CLUSTER_WIDE}") - before
    assert {"namespace/istio-system", "namespace/ingress-nginx"} <= made
    assert "ingressclass.networking.k8s.io/nginx" in made
    # What was settled at first stands, without being said again.
    assert site.brings_up(**{name: value for name, value in wishes.items() if name != "istio_gateway"}).changed == 0

    assert site.takes_down(progressive_helm=program).succeeded().changed > 0
    assert site.names(f"namespace,{CLUSTER_WIDE}") == before


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
