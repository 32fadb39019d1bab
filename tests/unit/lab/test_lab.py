# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a lab, and what can be said about labs without starting one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import control_plane, lab, processes
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.files import locked
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab, Wish
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache
from ansible_collections.progressive.delivery.plugins.module_utils._lab.processes import Process

TOOLS = dict.fromkeys(control_plane.TOOLS, "/bin/true")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def blue(cache: Cache) -> Lab:
    """A recorded lab in which nothing runs."""
    paths = cache.lab("blue")
    up = Lab(paths, lab._new_record(paths))
    up._save()
    return up


def sleeper(name: str = "sleeper", seconds: str = "60") -> Process:
    return Process(name, ("sleep", seconds))


@pytest.fixture(autouse=True)
def _plain_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """These labs have no authority to trust, and nothing that serves TLS."""
    monkeypatch.setattr(Lab, "tls", None)


def test_a_lab_that_is_not_there(cache: Cache) -> None:
    with pytest.raises(LabError, match="there is no lab 'blue'"):
        Lab.load("blue", cache)
    assert not lab.exists("blue", cache)
    assert lab.destroy("blue", cache) is False
    assert lab.plan("blue", Wish(TOOLS), cache) == list(control_plane.TOOLS)


def test_the_record_says_where_everything_is(blue: Lab, cache: Cache) -> None:
    record = Lab.load("blue", cache).record
    assert record["provider"] == "embedded"
    assert record["kubeconfig"] == str(blue.paths.kubeconfig)
    assert record["addresses"]["apiserver"] == f"https://127.0.0.1:{record['ports']['kube-apiserver']}"
    assert blue.paths.record.stat().st_mode & 0o777 == 0o600


def test_labs_do_not_share_ports_even_while_stopped(blue: Lab, cache: Cache) -> None:
    green = lab._new_record(cache.lab("green"))
    assert not set(green["ports"].values()) & set(blue.ports.values())


def test_a_name_keeps_its_port(blue: Lab, cache: Cache) -> None:
    first = blue.reserve_ports(["web", "metrics"])
    assert Lab.load("blue", cache).reserve_ports(["metrics"]) == {"metrics": first["metrics"]}


def test_a_process_is_started_once_and_again_when_it_differs(blue: Lab, cache: Cache) -> None:
    assert blue.ensure(sleeper())
    assert not blue.ensure(sleeper())
    assert not Lab.load("blue", cache).ensure(sleeper())
    first = blue.process("sleeper").pid
    assert blue.ensure(sleeper(seconds="61"))
    assert blue.process("sleeper").pid != first
    assert lab.destroy("blue", cache)


def test_a_stopped_process_is_not_wanted_until_it_is_started_again(blue: Lab, cache: Cache) -> None:
    blue.ensure(sleeper())
    assert blue.stop("sleeper")
    assert not blue.stop("sleeper")
    assert "sleeper" not in lab.plan("blue", Wish(TOOLS), cache)
    assert blue.start("sleeper")
    assert not blue.start("sleeper")
    assert blue.running("sleeper")
    lab.destroy("blue", cache)


def test_a_process_that_died_is_in_the_plan(blue: Lab, cache: Cache) -> None:
    blue.ensure(sleeper())
    processes.stop([blue.process("sleeper")])
    assert "sleeper" in lab.plan("blue", Wish(TOOLS), cache)


def test_what_does_not_become_ready_is_stopped_and_not_wanted(blue: Lab, cache: Cache) -> None:
    port = blue.reserve_ports(["nothing"])["nothing"]
    deaf = Process("deaf", ("sleep", "60"), ready_url=f"tcp://127.0.0.1:{port}")
    for _attempt in range(2):  # the second time it does not pass for up either
        with pytest.raises(LabError, match="deaf not ready after 0 s"):
            blue.ensure(deaf, timeout=0)
    assert not blue.running("deaf")
    assert "deaf" not in lab.plan("blue", Wish(TOOLS), cache)


def test_what_does_not_come_up_again_is_a_warning(blue: Lab) -> None:
    blue.record["processes"]["gone"] = Process("gone", ("/no/such/program",), log=str(blue.paths.log("gone"))).record()
    blue._save()
    revived, [warning] = lab._revive_extras(blue, 1)
    assert revived == []
    assert "process gone of lab 'blue' is not started again: gone cannot be started" in warning
    assert lab._revive_extras(blue, 1) == ([], [])


def test_an_unknown_process_is_told_with_the_known_ones(blue: Lab) -> None:
    blue.ensure(sleeper("one"))
    with pytest.raises(LabError, match="no process 'two'; it has one"):
        blue.running("two")
    blue.stop("one")


def test_destroying_ends_what_is_recorded_and_spares_everything_else(blue: Lab, cache: Cache, tmp_path: Path) -> None:
    blue.ensure(sleeper())
    own = blue.process("sleeper")
    foreign = processes.spawn(Process("foreign", ("sleep", "60"), log=str(tmp_path / "log")))
    # As after a reboot: the id is that of somebody else's process now.
    stale = {**own.record(), "pid": foreign.pid, "start_time": foreign.start_time - 1}
    blue.record["processes"]["stale"] = stale
    blue._save()
    try:
        assert lab.destroy("blue", cache)
        assert not own.running
        assert foreign.running
        assert not blue.paths.folder.exists()
        assert not blue.paths.lock.exists()
    finally:
        processes.stop([foreign])


def test_one_of_two_that_destroy_a_lab_at_once_finds_it_gone(
    blue: Lab, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def late(path: Path) -> Iterator[None]:
        monkeypatch.undo()
        assert lab.destroy("blue", cache)
        with locked(path):
            yield

    monkeypatch.setattr(lab, "locked", late)
    assert lab.destroy("blue", cache) is False
    assert list(blue.paths.folder.parent.iterdir()) == []


@pytest.mark.parametrize("damage", ["missing", "not json"])
def test_half_a_lab_is_destroyed_with_its_processes(blue: Lab, cache: Cache, damage: str) -> None:
    blue.ensure(sleeper())
    own = blue.process("sleeper")
    blue.paths.record.unlink()
    if damage == "not json":
        blue.paths.record.write_text("{")
    assert lab.destroy("blue", cache)
    assert not own.running
    assert not lab.exists("blue", cache)


def test_a_damaged_record_is_told(blue: Lab, cache: Cache) -> None:
    blue.paths.record.write_text("{")
    with pytest.raises(LabError, match=r"lab\.json is damaged .* destroy the lab"):
        Lab.load("blue", cache)


def test_a_taken_port_is_told_before_anything_fails(blue: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "port_is_free", lambda port: port != blue.ports["etcd-peer"])
    with pytest.raises(LabError, match=f"port {blue.ports['etcd-peer']} .* keeps for etcd-peer, is taken"):
        lab._check_ports(blue, "etcd")
    lab._check_ports(blue, "kwok")


def test_a_wish_names_what_is_missing() -> None:
    with pytest.raises(LabError, match="no program given for etcd, kwok"):
        Wish({name: path for name, path in TOOLS.items() if name not in ("etcd", "kwok")})


def test_everything_in_the_record_survives_json(blue: Lab) -> None:
    blue.ensure(sleeper())
    text: dict[str, Any] = json.loads(blue.paths.record.read_text())
    assert text == blue.record
    blue.stop("sleeper")
