# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags and files of the control plane."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import control_plane, pki, stages
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache, LabPaths
from ansible_collections.progressive.delivery.plugins.module_utils._lab.processes import Process

PORTS = {name: 20000 + number for number, name in enumerate(control_plane.PORTS)}
TOOLS = {name: f"/bin/{name}" for name in control_plane.TOOLS}


@pytest.fixture
def paths(tmp_path: Path) -> LabPaths:
    return Cache(tmp_path).lab("blue")


@pytest.fixture
def parts(paths: LabPaths) -> dict[str, Process]:
    return control_plane.processes(paths, PORTS, TOOLS)


def test_every_part_starts_in_exactly_one_wave(parts: dict[str, Process]) -> None:
    assert sorted(name for wave in control_plane.WAVES for name in wave) == sorted(parts)


def test_every_port_is_used_and_every_address_is_loopback(parts: dict[str, Process]) -> None:
    text = " ".join(word for part in parts.values() for word in (*part.command, part.ready_url))
    own = [port for name, port in PORTS.items() if name not in control_plane.DATA_PLANE_PORTS]
    assert all(str(port) in text for port in own)
    addresses = re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)
    networks = [control_plane.POD_CIDR, control_plane.SERVICE_CIDR]
    assert {address for address in addresses if not any(address in n for n in networks)} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_a_part_is_told_where_to_bind(parts: dict[str, Process], name: str) -> None:
    assert "--bind-address=127.0.0.1" in parts[name].command


def test_everything_has_a_readiness_address_and_a_log(parts: dict[str, Process], paths: LabPaths) -> None:
    assert all(part.ready_url and Path(part.log).parent == paths.logs for part in parts.values())


def test_each_flag_is_given_once(parts: dict[str, Process]) -> None:
    for part in parts.values():
        flags = [word.partition("=")[0] for word in part.command]
        assert len(flags) == len(set(flags))


def test_configuration_is_written_once_and_names_who_has_to_restart(paths: LabPaths) -> None:
    pki.ensure_pki(paths.pki)
    everyone = {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "prometheus"}
    assert control_plane.write_configuration(paths, PORTS) == everyone
    assert control_plane.write_configuration(paths, PORTS) == set()
    (paths.config / "kwok.yaml").write_text("damaged")
    assert control_plane.write_configuration(paths, PORTS) == {"kwok"}
    (paths.config / "kwok.kubeconfig").unlink()
    assert control_plane.write_configuration(paths, PORTS) == {"kwok"}


def test_each_component_has_an_identity_of_its_own(paths: LabPaths) -> None:
    pki.ensure_pki(paths.pki)
    control_plane.write_configuration(paths, PORTS)
    files = [paths.kubeconfig, *paths.config.glob("*.kubeconfig")]
    users = [json.loads(file.read_text())["users"][0]["user"]["client-key-data"] for file in files]
    assert len(set(users)) == len(files) == 4


def test_what_argo_rollouts_owns_is_audited_with_bodies() -> None:
    rules = control_plane.audit_policy()["rules"]
    [bodies] = [rule for rule in rules if rule["level"] == "RequestResponse"]
    assert bodies["resources"] == [{"group": "argoproj.io"}]
    assert "patch" in bodies["verbs"]
    assert rules[0] == {"level": "None", "verbs": ["watch"]}
    assert rules[-1] == {"level": "Metadata"}


def test_prometheus_reads_targets_and_jobs_of_others(paths: LabPaths) -> None:
    config = control_plane.prometheus_config(paths)
    assert config["global"]["scrape_interval"] == "1s"
    [job] = config["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [f"{paths.folder}/prometheus/targets/*.json"]


# ---- KWOK


def stage_named(name: str) -> dict[str, Any]:
    return {stage["metadata"]["name"]: stage["spec"] for stage in stages.stages()}[name]


def test_kwok_is_given_the_settings_that_have_no_default() -> None:
    head, *rest = [json.loads(document) for document in stages.configuration().split("---\n")]
    options = head["options"]
    for name in ("podPlayStage", "nodePlayStage", "nodeLease", "podsOnNodeSync"):
        assert options[f"{name}Parallelism"] > 0
    assert {document["kind"] for document in rest} == {"Stage"}
    assert len({document["metadata"]["name"] for document in rest}) == len(rest)


def test_only_the_stage_that_changes_nothing_yields_to_all_others() -> None:
    weights = {stage["metadata"]["name"]: stage["spec"]["weight"] for stage in stages.stages()}
    assert {name for name, weight in weights.items() if weight == 0} == {"pod-address"}


def test_no_placeholder_is_left_in_a_template() -> None:
    assert not re.search(r"@\w+@", stages.configuration())


@pytest.mark.parametrize("name", ["pod-become-ready", "pod-restart", "pod-delete-slowly"])
def test_a_delay_ends_at_a_point_in_time(name: str) -> None:
    """Not after a period: each change of the pod would start it anew."""
    assert stage_named(name)["delay"]["durationFrom"]["jq"]["expression"].endswith("| todate")


@pytest.mark.parametrize("behaviour", stages.BEHAVIOURS)
def test_every_behaviour_is_taken_up_by_a_stage(behaviour: str) -> None:
    values = [
        value
        for stage in stages.stages()
        for expression in stage["spec"]["selector"]["matchExpressions"]
        if expression["jq"]["operator"] == "In"
        for value in expression["jq"]["values"]
    ]
    assert behaviour in values
