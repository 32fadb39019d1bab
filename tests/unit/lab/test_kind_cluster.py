# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, repairing and deleting a kind cluster, by stand-ins for kind and for the engine's client (`programs`)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import kind_cluster, lab
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.kind_cluster import Outcome, Wish
from ansible_collections.progressive.delivery.plugins.module_utils._lab.kind_config import Mirror, Port, Shape
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache, LabPaths

from tests.unit.lab.programs import Answer, Programs, docker

IMAGE = "kindest/node:v1.36.4@sha256:" + "0" * 64
SHAPE = Shape("docker", IMAGE, ports=(Port("ingress", 80),))
NODES = ("progressive-blue-control-plane", "progressive-blue-worker", "progressive-blue-worker2")
KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: UEVN
    server: https://127.0.0.1:6443
  name: kind-progressive-blue
"""


class World:
    """A machine with an engine and kind; `up` says what runs in the engine."""

    def __init__(self, folder: Path) -> None:
        self.programs = Programs(folder)
        self.cache = Cache(folder / "cache")
        self.kind = ""
        self.up({})
        self.kind_answers()

    @property
    def paths(self) -> LabPaths:
        return self.cache.lab("blue")

    def up(self, nodes: dict[str, str]) -> None:
        listed = "".join(f"{name} {state}\n" for name, state in nodes.items())
        answers = {"ps --all --filter label=io.x-k8s.kind.cluster=progressive-blue": Answer(listed), "start": Answer()}
        self.programs.put("docker", docker() | answers)

    def kind_answers(self, **more: Answer) -> None:
        answers = {
            "version": Answer("kind v0.33.0 go1.26.8 linux/amd64\n"),
            "create cluster": Answer("Creating cluster\n"),
            "delete cluster": Answer(),
            "export kubeconfig": Answer(),
        }
        self.kind = self.programs.put("kind", answers | {name.replace("_", " "): given for name, given in more.items()})

    def converge(self, wish: Wish | None = None, *, check_mode: bool = False) -> Outcome:
        wanted = wish or self.wish()
        return kind_cluster.converge("blue", wanted, self.cache, check_mode, self.programs.environ)

    def wish(self, **changes: Any) -> Wish:
        return replace(Wish(SHAPE, self.kind), **changes)

    def make(self) -> Outcome:
        """A cluster that is up: the stand-in for kind writes no kubeconfig, so that is there already."""
        self.paths.folder.mkdir(parents=True)
        self.paths.kubeconfig.write_text(KUBECONFIG)
        outcome = self.converge()
        self.up(dict.fromkeys(NODES, "running"))
        return outcome

    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self.paths.record.read_text())
        return record

    def asked(self, beginning: str) -> list[str]:
        return [call for call in self.programs.calls() if call.startswith(beginning)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # There is no apiserver behind the stand-ins.
    monkeypatch.setattr(kind_cluster, "_await_ready", lambda kubeconfig, timeout: None)
    return World(tmp_path)


def test_a_cluster_is_made_with_a_record_like_every_lab_s(world: World) -> None:
    outcome = world.make()
    assert outcome.done == ["made the cluster"]
    record = world.record()
    assert outcome.record == record
    assert record["provider"] == "kind"
    assert record["addresses"] == {"apiserver": "https://127.0.0.1:6443"}
    assert record["versions"] == {"kubernetes": "v1.36.4", "kind": "v0.33.0"}
    assert record["context"] == "kind-progressive-blue"
    assert record["complete"]
    # The same keys as those of an embedded lab, for the roles that follow.
    assert {"name", "created", "kubeconfig", "ports", "bin", "processes"} <= record.keys()
    assert lab.Lab.load("blue", world.cache).processes == {}


def test_kind_is_told_the_engine_the_name_and_a_kubeconfig_of_the_lab(world: World) -> None:
    world.make()
    (call,) = world.asked("kind docker create")
    assert f"--name progressive-blue --config {world.paths.config}/kind.json" in call
    assert f"--kubeconfig {world.paths.kubeconfig} --wait 300s" in call
    config = json.loads((world.paths.config / "kind.json").read_text())
    (mapping,) = config["nodes"][0]["extraPortMappings"]
    assert mapping["hostPort"] == world.record()["ports"]["ingress"]


def test_a_second_run_changes_nothing(world: World) -> None:
    world.make()
    before = world.record()
    assert world.converge().done == []
    assert world.record() == before
    assert len(world.asked("kind docker create")) == 1


def test_check_mode_tells_and_does_nothing(world: World) -> None:
    assert world.converge(check_mode=True) == Outcome({}, ["made the cluster"])
    assert not world.paths.folder.exists()
    assert world.asked("kind docker create") == []


def test_nodes_that_are_stopped_are_started(world: World) -> None:
    world.make()
    world.up({NODES[0]: "running", NODES[1]: "exited", NODES[2]: "exited"})
    assert world.converge(check_mode=True).done == ["started progressive-blue-worker, progressive-blue-worker2"]
    assert world.asked("docker docker start") == []
    world.converge()
    assert world.asked("docker docker start") == [
        "docker docker start progressive-blue-worker progressive-blue-worker2"
    ]


def test_a_cluster_that_somebody_has_deleted_is_made_anew_on_its_ports(world: World) -> None:
    world.make()
    port = world.record()["ports"]
    world.up({})
    assert world.converge().done == ["made the cluster anew, which was cut short or removed"]
    assert world.record()["ports"] == port


def test_a_run_that_was_cut_short_is_begun_again(world: World) -> None:
    world.make()
    world.paths.record.write_text(json.dumps(world.record() | {"complete": False}))
    world.converge()
    assert len(world.asked("kind docker delete cluster --name progressive-blue")) == 1
    assert world.record()["complete"]


def test_a_cluster_of_that_name_without_a_record_is_not_touched(world: World) -> None:
    world.up(dict.fromkeys(NODES, "running"))
    with pytest.raises(LabError, match=r"no record of it .*progressive_lab=blue, progressive_provider=kind"):
        world.converge()


@pytest.mark.parametrize("check_mode", [True, False])
def test_another_shape_is_refused_with_the_way_out(world: World, check_mode: bool) -> None:
    world.make()
    other = world.wish(shape=replace(SHAPE, image=IMAGE.replace("1.36.4", "1.37.0"), workers=1))
    with pytest.raises(
        LabError, match=r"its image is .*its workers is 2, wanted is 1\. kind cannot .*lab_destroy and lab"
    ):
        world.converge(other, check_mode=check_mode)


def test_a_node_that_is_gone_is_not_papered_over(world: World) -> None:
    world.make()
    world.up(dict.fromkeys(NODES[:2], "running"))
    with pytest.raises(LabError, match="it has 2 of its 3 nodes left"):
        world.converge()


def test_the_load_balancer_of_several_control_planes_is_no_node(world: World) -> None:
    world.make()
    world.up(dict.fromkeys((*NODES, "progressive-blue-external-load-balancer"), "running"))
    assert world.converge().done == []


def test_mirrors_can_change_while_the_cluster_runs(world: World) -> None:
    world.make()
    wish = world.wish(mirrors=[Mirror("registry.example.com", ["https://mirror.example.com"], ca="PEM")])
    assert world.converge(wish, check_mode=True).done == ["wrote the registry mirrors"]
    assert world.converge(wish).done == ["wrote the registry mirrors"]
    assert world.converge(wish).done == []
    folder = world.paths.config / "registries"
    assert (folder / "registry.example.com" / "hosts.toml").is_file()
    assert world.converge().done == ["wrote the registry mirrors"]
    assert not list(folder.rglob("hosts.toml"))
    assert len(world.asked("kind docker create")) == 1


def test_a_lost_kubeconfig_is_written_again(world: World) -> None:
    world.make()
    world.paths.kubeconfig.unlink()
    assert world.converge(check_mode=True).done == ["wrote the kubeconfig"]


def test_another_program_for_the_same_cluster_is_noted(world: World) -> None:
    world.make()
    world.kind_answers(version=Answer("kind v0.34.0 go1.27.3 linux/amd64\n"))
    assert world.converge().done == ["noted the program"]
    assert world.record()["versions"]["kind"] == "v0.34.0"
    assert world.converge().done == []


def test_check_mode_does_without_a_program_that_is_yet_to_be_installed(world: World) -> None:
    world.make()
    Path(world.kind).unlink()
    assert world.converge(check_mode=True).done == [], "the same program, from a cache that was cleared"
    pinned = world.wish(program="/cache/kind-of-another-pin")
    assert world.converge(pinned, check_mode=True).done == ["noted the program"]
    with pytest.raises(LabError, match="/cache/kind-of-another-pin"):
        world.converge(pinned)


def test_a_host_port_that_is_taken_is_told_before_anything_is_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind_cluster, "port_is_free", lambda port: port != 8080)
    with pytest.raises(
        LabError, match=r"port 8080 on 127\.0\.0\.1, which kind_cluster_ports wants for ingress, is taken"
    ):
        world.converge(world.wish(shape=replace(SHAPE, ports=(Port("ingress", 80, 8080),))))
    assert world.asked("kind docker create") == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ('failed to pull image "kindest/node:v1.36.4"', "the engine cannot pull kind_cluster_image"),
        ("Bind for 127.0.0.1:80 failed: port is already allocated", "a host port of kind_cluster_ports is taken"),
        ("failed to create fsnotify watcher: too many open files", "raise fs.inotify"),
        ("write: no space left on device", "the disk of the engine is full"),
        ("could not find a log line that matches", "cgroup v2, and Delegate=yes"),
        ("unable to decode config: yaml: unmarshal errors", "does not take the configuration"),
        ("timed out waiting for the condition", "were not ready in time"),
        # As kind quotes the command that failed.
        ('command "docker run --cgroupns=private node" failed with error: exit status 125', "kind has failed"),
    ],
)
def test_a_cluster_that_cannot_be_made(world: World, output: str, said: str) -> None:
    world.kind_answers(create_cluster=Answer("", f"ERROR: {output}\n", 1))
    with pytest.raises(LabError, match=said) as caught:
        world.converge()
    assert output in str(caught.value)
    assert not world.record()["complete"]


def test_a_program_that_is_not_kind(world: World) -> None:
    world.kind_answers(version=Answer("something else 1.0\n"))
    with pytest.raises(LabError, match=r"is not kind: it says 'something else 1\.0'"):
        world.converge()
    with pytest.raises(LabError, match="/nowhere/kind"):
        world.converge(world.wish(program="/nowhere/kind"))


def test_an_engine_that_fails_is_quoted(world: World) -> None:
    world.programs.put("docker", {"ps": Answer("", "Cannot connect", 1)})
    with pytest.raises(LabError, match=r"docker ps .* failed: Cannot connect"):
        world.converge()


# ---- Taking it down


def destroy(world: World, *, check_mode: bool = False) -> bool:
    return kind_cluster.destroy("blue", world.cache, check_mode=check_mode, environ=world.programs.environ)


def test_a_cluster_is_deleted_with_its_folder(world: World) -> None:
    world.make()
    assert destroy(world, check_mode=True)
    assert world.paths.folder.exists()
    assert destroy(world)
    assert not world.paths.folder.exists()
    assert len(world.asked("kind docker delete cluster --name progressive-blue")) == 1
    world.up({})
    assert not destroy(world)


def test_a_cluster_without_a_record_is_deleted_by_its_name(world: World) -> None:
    world.up(dict.fromkeys(NODES, "running"))
    assert destroy(world)
    assert len(world.asked("kind docker delete")) == 1


def test_without_an_engine_and_a_record_there_is_nothing_to_delete(world: World) -> None:
    world.programs.put("docker", {"--version": Answer("", "broken", 1)})
    assert not destroy(world)


def test_a_cluster_is_not_forgotten_while_its_engine_is_down(world: World) -> None:
    world.make()
    world.programs.put("docker", {"ps": Answer("", "Cannot connect", 1)})
    world.kind_answers(delete_cluster=Answer("", "Cannot connect", 1))
    with pytest.raises(LabError, match="Cannot connect"):
        destroy(world)
    assert world.paths.record.is_file()


def test_without_kind_the_way_out_is_told(world: World) -> None:
    world.make()
    Path(world.kind).unlink()
    with pytest.raises(LabError, match="kind_cluster_binary"):
        destroy(world)


# ---- Providers keep off each other's labs


def test_an_embedded_lab_of_that_name_is_not_touched(world: World) -> None:
    world.paths.folder.mkdir(parents=True)
    world.paths.record.write_text(json.dumps({"provider": "embedded", "processes": {}}))
    for act in (world.converge, lambda: destroy(world)):
        with pytest.raises(LabError, match="of the provider embedded, not kind"):
            act()
    assert world.paths.record.is_file()


def test_a_kind_lab_is_not_taken_for_an_embedded_one(world: World) -> None:
    world.make()
    for act in (
        lambda: lab.converge("blue", lab.Wish(dict.fromkeys(lab.control_plane.TOOLS, "/nowhere")), world.cache),
        lambda: lab.destroy("blue", world.cache),
    ):
        with pytest.raises(LabError, match="of the provider kind, not embedded"):
            act()
    assert world.paths.record.is_file()
