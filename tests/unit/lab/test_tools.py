# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be built, how, and whether it is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import go, tools
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache

SOURCE = Path(__file__).parents[3] / "roles" / "embedded_cluster" / "files" / "tools"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the go.mod files that a test may change."""
    return Path(shutil.copytree(SOURCE, tmp_path / "tools"))


def fill(cache: Cache, source: Path = SOURCE) -> None:
    """Put an empty file where each tool would be."""
    for name, group in tools.GROUPS.items():
        target = tools.plan(name, source, cache).target
        (target / "manifests").mkdir(parents=True)
        for tool in group.packages:
            (target / tool).touch()


def refuse(line: str) -> None:
    raise AssertionError(f"nothing is to be done, but: {line}")


@pytest.mark.parametrize("name", tools.GROUPS)
def test_each_group_is_described_by_a_go_mod_with_all_its_packages(name: str, cache: Cache) -> None:
    text = (SOURCE / name / "go.mod").read_text()
    assert all(package in text for package in tools.GROUPS[name].packages.values())
    assert tools.plan(name, SOURCE, cache).version.startswith("v")


def test_a_lab_without_containers_does_without_kind() -> None:
    assert set(tools.GROUPS) - set(tools.Request(SOURCE).groups) == {"kind", "helm"}
    assert tools.ARGUMENT_SPEC["groups"]["default"] == list(tools.Request(SOURCE).groups)


def test_in_an_empty_cache_everything_is_missing(cache: Cache) -> None:
    plan = tools.plan("kubernetes", SOURCE, cache)
    assert plan.missing == ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    assert not plan.lacks_manifests
    assert tools.plan("argo_rollouts", SOURCE, cache).lacks_manifests


def test_a_build_goes_on_where_it_stopped(cache: Cache) -> None:
    target = tools.plan("kubernetes", SOURCE, cache).target
    target.mkdir(parents=True)
    (target / "etcd").touch()
    (target / ".kube-apiserver.unfinished").touch()
    assert tools.plan("kubernetes", SOURCE, cache).missing[0] == "kube-apiserver"


@pytest.mark.parametrize("file", ["go.mod", "go.sum"])
def test_another_go_mod_or_go_sum_is_another_build(source: Path, cache: Cache, file: str) -> None:
    before = {name: tools.plan(name, source, cache).target for name in tools.GROUPS}
    with (source / "kwok" / file).open("a") as stream:
        stream.write("\n")
    after = {name: tools.plan(name, source, cache).target for name in tools.GROUPS}
    assert [name for name in tools.GROUPS if before[name] != after[name]] == ["kwok"]


def test_flags_stamp_the_version_that_go_mod_has(source: Path, cache: Cache) -> None:
    go_mod = source / "kubernetes" / "go.mod"
    go_mod.write_text(go_mod.read_text().replace("k8s.io/kubernetes v1.36.3", "k8s.io/kubernetes v1.37.1"))
    plan = tools.plan("kubernetes", source, cache)
    flags = " ".join(tools._build_flags(plan.group, plan.version))
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.1" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=37" in flags
    assert flags.startswith("-trimpath ")


def test_prometheus_is_built_without_the_discoveries_that_nobody_needs(cache: Cache) -> None:
    plan = tools.plan("prometheus", SOURCE, cache)
    flags = tools._build_flags(plan.group, plan.version)
    assert "-tags=remove_all_sd,enable_kubernetes_sd" in flags


@pytest.mark.parametrize(
    ("module", "version", "release"),
    [
        ("github.com/prometheus/prometheus", "v0.314.0", "3.14.0"),
        ("github.com/prometheus/prometheus", "v0.305.5", "3.5.5"),
        ("k8s.io/kubernetes", "v1.36.3", "1.36.3"),
    ],
)
def test_release_of(module: str, version: str, release: str) -> None:
    assert tools.release_of(module, version) == release


def test_a_warm_cache_takes_no_process_and_no_lock(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(cache)
    monkeypatch.setattr(go.subprocess, "Popen", refuse)
    result = tools.provide(tools.Request(SOURCE), cache, refuse)
    assert not result.changed
    assert not (cache.bin / ".lock").exists()
    assert set(result.versions) == {"argo_rollouts", "kubernetes", "etcd", "kwok", "prometheus", "k6", "istio"}
    assert all(Path(path).is_file() for path in result.bin.values())
    assert (Path(result.manifests["argo_rollouts"])).is_dir()


def test_links_lead_to_the_tools_and_follow_a_new_version(cache: Cache, source: Path) -> None:
    fill(cache, source)
    tools.provide(tools.Request(source), cache, refuse)
    first = (cache.bin / "kwok").resolve()
    with (source / "kwok" / "go.mod").open("a") as stream:
        stream.write("\n")
    second = tools.plan("kwok", source, cache)
    second.target.mkdir()
    second.tool("kwok").touch()
    tools.provide(tools.Request(source), cache, refuse)
    assert first != (cache.bin / "kwok").resolve() == second.tool("kwok").resolve()


def test_check_mode_tells_and_does_nothing(cache: Cache) -> None:
    result = tools.provide(tools.Request(SOURCE), cache, refuse, check_mode=True)
    assert result.changed
    assert not cache.root.exists()


def test_manifests_only_is_content_without_tools(cache: Cache) -> None:
    tools.plan("argo_rollouts", SOURCE, cache).manifests.mkdir(parents=True)
    result = tools.provide(tools.Request(SOURCE, ("argo_rollouts",), manifests_only=True), cache, refuse)
    assert not result.changed
    assert result.bin == {}
    assert list(result.manifests) == ["argo_rollouts"]


def test_the_patch_binds_to_loopback() -> None:
    patch = tools.GROUPS["argo_rollouts"].patch
    assert patch
    assert tools.apply_patch(patch, 'listenAddr = "0.0.0.0:%d"') == 'listenAddr = "127.0.0.1:%d"'


@pytest.mark.parametrize("text", ["", '"0.0.0.0:%d" "0.0.0.0:%d"'])
def test_a_patch_that_does_not_fit_exactly_once_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="times instead of once"):
        tools.apply_patch(tools.Patch("f.go", '"0.0.0.0:%d"', ""), text)


def test_an_unknown_group(cache: Cache) -> None:
    with pytest.raises(LabError, match="no group of tools 'docker'; there are argo_rollouts, kubernetes"):
        tools.plan("docker", SOURCE, cache)


def test_a_source_without_go_mod(tmp_path: Path, cache: Cache) -> None:
    with pytest.raises(LabError, match=r"kwok/go\.mod is missing"):
        tools.plan("kwok", tmp_path, cache)


def test_waiting_for_another_run_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    now = [1000.0]
    monkeypatch.setattr(tools.time, "monotonic", lambda: now[0])
    waiting = tools.Waiting(lines.append)
    for _second in range(90):
        waiting.tell()
        now[0] += 1
    assert len(lines) == 2
