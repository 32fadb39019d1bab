# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab's cluster comes from: the whole table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab import choosing
from ansible_collections.progressive.delivery.plugins.module_utils._lab.engines import Engine, Need
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache, LabPaths
from ansible_collections.progressive.delivery.plugins.module_utils._lab.provider import (
    COMPONENTS,
    Candidate,
    Choice,
    Wish,
    decide,
    decide_components,
    decide_removal,
    needs_engine,
)

from tests.unit.lab.programs import Answer, Programs, docker, podman

DOCKER = Candidate(Engine("docker", "29.1.0"))
PODMAN = Candidate(Engine("podman", "5.4.0", rootless=True))
DOWN = Candidate(Engine("docker"), ["no engine answers: start it"])
ABSENT = Candidate(Engine("podman"), ["there is no program podman on PATH"])


def wish(provider: str = "auto", connection: bool = False) -> Wish:
    return Wish("blue", provider, connection)


@pytest.mark.parametrize(
    ("wanted", "recorded", "candidates", "provider", "reason"),
    [
        # Nothing said, no lab: by what there is.
        (wish(), "", [DOCKER, PODMAN], "kind", "Docker 29.1.0 can carry it"),
        (wish(), "", [DOWN, PODMAN], "kind", "rootless Podman 5.4.0 can carry it"),
        (
            wish(),
            "",
            [DOWN, ABSENT],
            "embedded",
            "no container engine can carry kind "
            "(docker: no engine answers; podman: there is no program podman on PATH)",
        ),
        (wish(connection=True), "", [], "existing", "progressive_kubeconfig or progressive_context names a cluster"),
        # A lab stays what it is.
        (wish(), "embedded", [DOCKER], "embedded", "there is a lab 'blue' and it is embedded"),
        (wish(), "kind", [DOCKER], "kind", "there is a lab 'blue' and it is kind"),
        (wish(), "existing", [DOCKER], "existing", "there is a lab 'blue' and it is existing"),
        (wish(connection=True), "existing", [], "existing", "there is a lab 'blue' and it is existing"),
        # Told.
        (wish("embedded"), "", [DOCKER], "embedded", "progressive_provider is embedded"),
        (wish("kind"), "", [DOWN, PODMAN], "kind", "progressive_provider is kind"),
        (wish("kind"), "kind", [DOCKER], "kind", "progressive_provider is kind"),
        (wish("existing"), "", [], "existing", "progressive_provider is existing"),
        (wish("existing", connection=True), "", [], "existing", "progressive_provider is existing"),
    ],
)
def test_the_choice(wanted: Wish, recorded: str, candidates: list[Candidate], provider: str, reason: str) -> None:
    choice = decide(wanted, recorded, candidates)
    usable = [candidate.engine.name for candidate in candidates if not candidate.problems]
    assert choice == Choice(provider, reason, usable[0] if provider == "kind" else "")


@pytest.mark.parametrize(
    ("wanted", "recorded", "candidates", "said"),
    [
        # A wish that cannot be met, with the way out.
        (wish("kind"), "", [DOWN, ABSENT], "start it; podman: .*progressive_provider=embedded"),
        (wish(), "kind", [DOWN, ABSENT], "needs a container engine: docker: no engine answers: start it"),
        # A lab of another provider.
        (wish("kind"), "embedded", [DOCKER], "it is embedded: give the new lab another name .*lab_destroy"),
        (wish("embedded"), "existing", [], "it is existing"),
        # A cluster is named, and something else is meant.
        (wish("embedded", connection=True), "", [], "progressive_provider is embedded: leave the cluster out"),
        (wish("kind", connection=True), "", [DOCKER], "progressive_provider is kind: leave the cluster out"),
        (wish(connection=True), "kind", [DOCKER], "lab 'blue' is kind: leave the cluster out"),
    ],
)
def test_refusals(wanted: Wish, recorded: str, candidates: list[Candidate], said: str) -> None:
    with pytest.raises(LabError, match=said):
        decide(wanted, recorded, candidates)


@pytest.mark.parametrize(
    ("wanted", "recorded", "needed"),
    [
        (wish(), "", True),
        (wish(), "kind", True),
        (wish("kind"), "", True),
        (wish(), "embedded", False),
        (wish(), "existing", False),
        (wish(connection=True), "", False),
        (wish("embedded"), "", False),
    ],
)
def test_engines_are_asked_only_where_it_matters(wanted: Wish, recorded: str, needed: bool) -> None:
    assert needs_engine(wanted, recorded) is needed


@pytest.mark.parametrize(
    ("wanted", "recorded", "provider"),
    [
        (wish(), "kind", "kind"),
        (wish(), "existing", "existing"),
        (wish(), "embedded", "embedded"),
        (wish(), "", "embedded"),
        (wish("kind"), "", "kind"),
        (wish("kind"), "kind", "kind"),
    ],
)
def test_whose_lab_is_taken_down(wanted: Wish, recorded: str, provider: str) -> None:
    assert decide_removal(wanted, recorded).provider == provider


def test_a_lab_is_not_taken_down_as_another_provider_s() -> None:
    with pytest.raises(LabError, match="it is kind"):
        decide_removal(wish("embedded"), "kind")


# ---- What is installed


@pytest.mark.parametrize(
    ("provider", "wanted", "recorded", "components"),
    [
        # Nothing said: all in a cluster of its own, and only the controller in somebody else's.
        ("embedded", None, None, ["istio", "prometheus", "argo_rollouts"]),
        ("kind", None, None, ["istio", "prometheus", "argo_rollouts"]),
        ("existing", None, None, ["argo_rollouts"]),
        # Said before.
        ("existing", None, ["prometheus"], ["prometheus"]),
        ("existing", None, [], []),
        # Told, in whatever order.
        ("existing", ["argo_rollouts", "istio"], ["prometheus"], ["istio", "argo_rollouts"]),
        ("existing", [], ["prometheus"], []),
        ("kind", ["argo_rollouts", "ingress_nginx", "argo_rollouts"], None, ["ingress_nginx", "argo_rollouts"]),
        # The processes of an embedded lab belong together.
        ("embedded", ["argo_rollouts"], None, ["istio", "prometheus", "argo_rollouts"]),
    ],
)
def test_the_components(
    provider: str, wanted: list[str] | None, recorded: list[str] | None, components: list[str]
) -> None:
    assert list(decide_components(provider, wanted, recorded)) == components


@pytest.mark.parametrize("provider", ["embedded", "existing", "kind"])
def test_a_component_that_there_is_not(provider: str) -> None:
    said = "progressive_components has 'istoi', '': it can have istio, prometheus, ingress_nginx, argo_rollouts$"
    with pytest.raises(LabError, match=said):
        decide_components(provider, ["istoi", "argo_rollouts", ""])


def test_the_components_are_read_from_the_record(paths: LabPaths) -> None:
    assert choosing.components("existing", None, paths) == ("argo_rollouts",)
    record(paths, json.dumps({"components": ["istio"]}))
    assert choosing.components("existing", None, paths) == ("istio",)


def test_the_playbook_knows_the_same_components_in_the_same_order() -> None:
    data = yaml.safe_load((Path(__file__).parents[3] / "playbooks" / "vars" / "lab.yml").read_text())
    assert list(data["lab_wishes"]) == list(data["lab_signs"]) == list(COMPONENTS)


# ---- On a machine


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    return Cache(tmp_path / "cache").lab("blue")


def record(paths: LabPaths, text: str) -> None:
    paths.folder.mkdir(parents=True)
    paths.record.write_text(text)


def test_docker_comes_first(programs: Programs, paths: LabPaths) -> None:
    programs.put("docker", docker())
    programs.put("podman", podman())
    choice, asked = choosing.choose(wish(), Need(), paths, programs.environ)
    assert (choice.provider, choice.engine) == ("kind", "docker")
    assert [candidate.engine.name for candidate in asked] == ["docker", "podman"]
    assert choosing.warnings(choice, asked) == []


def test_the_engine_asked_for_is_the_only_one_asked(programs: Programs, paths: LabPaths) -> None:
    programs.put("podman", podman())
    choice, asked = choosing.choose(Wish("blue", engine="podman"), Need(), paths, programs.environ)
    assert choice.engine == "podman"
    assert len(asked) == 1


def test_a_lab_stays_on_its_engine_and_is_not_measured_again(programs: Programs, paths: LabPaths) -> None:
    programs.put("docker", docker())
    programs.put("podman", podman())
    record(paths, json.dumps({"provider": "kind", "complete": True, "shape": {"engine": "podman"}}))
    choice, _asked = choosing.choose(wish(), Need(cpus=1000), paths, programs.environ)
    assert choice.engine == "podman"


def test_an_engine_that_is_too_small_for_a_new_cluster(programs: Programs, paths: LabPaths) -> None:
    programs.put("docker", docker())
    programs.put("podman", {"info": Answer("", "down", 1)})
    choice, _asked = choosing.choose(wish(), Need(cpus=1000), paths, programs.environ)
    assert choice.provider == "embedded"
    assert "8 processors" in choice.reason


def test_nothing_is_asked_for_an_embedded_lab(programs: Programs, paths: LabPaths) -> None:
    programs.put("docker", docker())
    choice, asked = choosing.choose(wish("embedded"), Need(), paths, programs.environ)
    assert (choice.provider, asked, programs.calls()) == ("embedded", [], [])
    assert choosing.warnings(choice, asked) == []


def test_a_damaged_record_stops_a_start_and_no_removal(programs: Programs, paths: LabPaths) -> None:
    record(paths, "{")
    with pytest.raises(LabError, match="damaged"):
        choosing.choose(wish(), Need(), paths, programs.environ)
    assert choosing.choose_removal(wish(), paths).provider == "embedded"
    assert choosing.choose_removal(wish("kind"), paths).provider == "kind"
