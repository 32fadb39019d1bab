# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role argo_rollouts: what it installs, what it refuses, and what it leaves behind.

It has a lab of its own, because it takes the controller away. The tests use it in the order in which they stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.kit import canary
from tests.integration.support import (
    Lab,
    PlaybookRun,
    eventually,
    lab_down,
    lab_up,
    life_of,
    own_lab,
    play,
    role_call,
    run_module,
    run_playbook,
)

VERSION = "v1.10.2"
NEWER = "v1.11.0"
NAMESPACE = "argo-rollouts"
PLAYBOOK = [play(tasks=[role_call("argo_rollouts")])]


class Role:
    """The role on one lab."""

    def __init__(self, playbook: Path, lab: Lab) -> None:
        self.playbook = playbook
        self.lab = lab

    def run(self, *options: str, entry: str = "main", **variables: Any) -> PlaybookRun:
        given = {"progressive_lab": self.lab.name, **{f"argo_rollouts_{key}": each for key, each in variables.items()}}
        return run_playbook(self.playbook, {"entry": entry, **given}, *options)

    def installs(self, *options: str, **variables: Any) -> PlaybookRun:
        return self.run(*options, **variables).succeeded()

    def uninstalls(self, *options: str, **variables: Any) -> PlaybookRun:
        return self.run(*options, entry="uninstall", **variables).succeeded()

    def refuses(self, *words: str, **variables: Any) -> None:
        """It fails in one sentence that has these words, and changes nothing."""
        run = self.run(**variables)
        message = " ".join(run.output.rpartition("fatal:")[2].partition("PLAY RECAP")[0].split())
        assert (run.failed, run.changed) == (1, 0), run.output
        assert "Traceback" not in run.output
        for word in words:
            assert word in message, message

    def exists(self, *reference: str) -> bool:
        return bool(self.lab.kubectl("get", *reference, "--ignore-not-found", "--output=name").strip())

    def process_runs(self) -> bool:
        process = json.loads((self.lab.folder / "lab.json").read_text())["processes"]["rollouts-controller"]
        return Path(f"/proc/{process['pid']}").exists()


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Role]:
    playbook = tmp_path_factory.mktemp("play") / "role.yml"
    playbook.write_text(yaml.safe_dump(PLAYBOOK))
    name = own_lab("rollouts")
    yield Role(playbook, lab_up(name))
    lab_down(name)


@pytest.fixture(scope="module")
def manifest(role: Role) -> str:
    """The manifest that the collection brings, as if a user had fetched it for another release."""
    return str(Path(role.lab.record["bin"]["rollouts-controller"]).parent / "manifests" / "install.yaml")


@pytest.fixture
def rollout(role: Role) -> Iterator[str]:
    """A Rollout in the namespace default, which nothing has to drive."""
    role.lab.kubectl("apply", "--filename=-", stdin=json.dumps(canary()))
    yield "default/shop"
    if role.exists("crd", "rollouts.argoproj.io"):
        role.lab.kubectl("delete", "rollout", "shop", "--ignore-not-found")


def observed(lab: Lab) -> bool:
    """Whether the controller has looked at the Rollout."""
    return bool(lab.kubectl("get", "rollout", "shop", "--output=jsonpath={.status.observedGeneration}"))


@pytest.mark.smoke
def test_the_controller_drives_rollouts_with_the_rights_it_ships_with(role: Role, rollout: str) -> None:
    eventually(lambda: observed(role.lab), timeout=60, what=f"{rollout} was not looked at")

    used = yaml.safe_load((role.lab.folder / "rollouts-controller.kubeconfig").read_text())
    assert list(used["users"][0]["user"]) == ["token"], "not the administrator's certificate"


@pytest.mark.smoke
def test_a_second_run_changes_nothing(role: Role) -> None:
    assert role.installs().changed == 0
    assert role.installs("--check").changed == 0


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"version": "latest"}, ("latest", "such as v1.10.2")),
        ({"version": "v1.9.1"}, (VERSION, "v1.9.1", "argo_rollouts_manifest")),
        ({"provider": "existing", "controller": "process"}, ("needs an embedded lab", "progressive_lab")),
    ],
)
def test_a_setting_that_cannot_work_is_refused(role: Role, variables: dict[str, str], words: tuple[str, ...]) -> None:
    role.refuses(*words, **variables)


def kubeconfig(folder: Path, server: str) -> str:
    """Of somebody whom no server knows."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": "expired"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_a_server_that_does_not_answer_is_named_as_such(role: Role, tmp_path: Path) -> None:
    role.refuses("cannot be reached", "K8S_AUTH_*", kubeconfig=kubeconfig(tmp_path, "https://127.0.0.1:9"))


def test_an_expired_token_is_named_as_such(role: Role, tmp_path: Path) -> None:
    server = role.lab.record["addresses"]["apiserver"]
    role.refuses("refuses the credentials", "still valid", kubeconfig=kubeconfig(tmp_path, server))


def test_who_may_not_create_crds_is_told_so(role: Role, manifest: str, tmp_path: Path) -> None:
    path = str(tmp_path / "viewer")
    role.lab.kubectl("create", "clusterrolebinding", "viewer", "--clusterrole=view", "--user=viewer")
    run_module("lab_kubeconfig", {"lab": role.lab.name, "user": "viewer", "path": path})

    settings = {"provider": "existing", "kubeconfig": path, "manifest": manifest, "version": NEWER}
    role.refuses("may not create CustomResourceDefinitions", "cluster-admin", **settings)


def test_a_controller_in_another_namespace_is_not_given_a_rival(role: Role, manifest: str) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "argo-rollouts", "labels": {"app.kubernetes.io/name": "argo-rollouts"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "other"}},
            "template": {
                "metadata": {"labels": {"app": "other"}},
                "spec": {"containers": [{"name": "argo-rollouts", "image": "other:1"}]},
            },
        },
    }
    role.lab.kubectl("apply", "--filename=-", stdin=json.dumps(deployment))

    settings = {"provider": "existing", "kubeconfig": str(role.lab.kubeconfig), "manifest": manifest, "version": NEWER}
    role.refuses("namespace default", "argo_rollouts_namespace", **settings)
    role.lab.kubectl("delete", "deployment", "argo-rollouts")


def test_the_controller_moves_into_the_cluster_and_is_upgraded(role: Role, manifest: str) -> None:
    wish = {"controller": "deployment", "manifest": manifest, "replicas": 2, "image_registry": "registry.example.com/m"}
    upgrade = role.installs(version=NEWER, **wish)

    assert f"{VERSION} is replaced by {NEWER}" in upgrade.output
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    deployed = ("get", "deploy", "argo-rollouts", f"--namespace={NAMESPACE}")
    assert role.lab.kubectl(*deployed, f"--output={image}") == f"registry.example.com/m/argoproj/argo-rollouts:{NEWER}"
    assert role.lab.kubectl(*deployed, "--output=jsonpath={.spec.replicas}") == "2"
    assert not role.process_runs(), "two controllers would fight over every Rollout"
    assert role.installs(version=NEWER, **wish).changed == 0


def test_a_downgrade_is_refused_unless_it_is_meant(role: Role) -> None:
    role.refuses(f"{NEWER} is installed", VERSION, "argo_rollouts_allow_downgrade")

    role.installs(allow_downgrade=True)

    assert role.process_runs()
    assert not role.exists("deployment", "argo-rollouts", f"--namespace={NAMESPACE}")


def test_a_crd_that_somebody_deleted_comes_back(role: Role) -> None:
    role.lab.kubectl("delete", "crd", "experiments.argoproj.io")

    assert role.installs().changed > 0
    assert role.exists("crd", "experiments.argoproj.io")


def test_uninstall_is_refused_while_there_are_rollouts(role: Role, rollout: str) -> None:
    role.refuses(rollout, "argo_rollouts_uninstall_force", entry="uninstall")
    assert role.process_runs()


def test_uninstall_removes_what_was_installed_and_keeps_the_crds(role: Role) -> None:
    assert role.uninstalls("--check").changed > 0
    assert role.exists("namespace", NAMESPACE)
    assert role.process_runs()

    role.uninstalls()

    assert not role.exists("namespace", NAMESPACE)
    assert not role.exists("clusterrole,clusterrolebinding", "--selector=app.kubernetes.io/part-of=argo-rollouts")
    assert not role.process_runs()
    assert role.exists("crd", "rollouts.argoproj.io")
    assert role.uninstalls().changed == 0


def test_a_controller_in_the_cluster_lives(role: Role, manifest: str) -> None:
    wish = {"provider": "existing", "kubeconfig": str(role.lab.kubeconfig), "manifest": manifest}

    def run(*options: str, **settings: Any) -> PlaybookRun:
        return role.run(*options, **wish | settings)

    with life_of(run, lambda: role.exists("namespace", NAMESPACE)):
        deployed = ("get", "deploy", "argo-rollouts", f"--namespace={NAMESPACE}", "--output")
        assert role.lab.kubectl(*deployed, "jsonpath={.status.readyReplicas}") == "1"


def test_uninstall_removes_the_crds_when_asked(role: Role) -> None:
    role.lab.kubectl("create", "namespace", NAMESPACE)
    role.installs()

    role.uninstalls(uninstall_crds=True)

    assert not role.exists("crd", "rollouts.argoproj.io")
    assert role.exists("namespace", NAMESPACE), "it was there before"
    assert role.uninstalls(uninstall_crds=True).changed == 0


def test_check_mode_on_an_empty_cluster_writes_nothing(role: Role) -> None:
    assert role.installs("--check").changed > 0
    assert not role.exists("crd", "rollouts.argoproj.io")
    assert not role.process_runs()
