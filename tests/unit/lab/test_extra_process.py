# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Further processes of a lab: ports, differences, check mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import extra_process, lab, processes
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.extra_process import ProcessRequest
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache


@pytest.fixture
def blue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(Lab, "tls", None)
    cache = Cache(tmp_path)
    paths = cache.lab("blue")
    up = Lab(paths, lab._new_record(paths))
    up._save()
    yield up
    lab.destroy("blue", cache)


def request(state: str = "started", **other: object) -> ProcessRequest:
    return ProcessRequest(**{"name": "job", "state": state, "command": ("sleep", "60"), **other})  # type: ignore[arg-type]


def test_ports_are_filled_in_by_name() -> None:
    assert extra_process.with_ports("a={port:x} b={port:y-z}", {"x": 1, "y-z": 2}) == "a=1 b=2"
    assert extra_process.with_ports("{no} {port}", {}) == "{no} {port}"


def test_an_unknown_port_is_told() -> None:
    with pytest.raises(LabError, match=r"\{port:web\} in 'url=\{port:web\}': no port of that name"):
        extra_process.with_ports("url={port:web}", {"x": 1})


def test_ports_of_the_control_plane_can_be_named_too(blue: Lab) -> None:
    wanted = extra_process.wanted_process(request(command=("x", "{port:prometheus}")), blue)
    assert wanted.command == ("x", str(blue.ports["prometheus"]))


def test_started_twice_is_started_once(blue: Lab) -> None:
    first = extra_process.apply(blue, request(ports=("web",)))
    again = extra_process.apply(blue, request(ports=("web",)))
    assert (first["changed"], again["changed"]) == (True, False)
    assert first["process"]["pid"] == again["process"]["pid"]
    assert first["ports"] == again["ports"] == {"web": blue.ports["web"]}


@pytest.mark.parametrize("other", [{"command": ("sleep", "61")}, {"environment": {"A": "1"}}])
def test_a_difference_restarts(blue: Lab, other: dict[str, object]) -> None:
    first = extra_process.apply(blue, request())
    second = extra_process.apply(blue, request(**other))
    assert second["changed"]
    assert second["process"]["pid"] != first["process"]["pid"]


def test_restarted_always_restarts(blue: Lab) -> None:
    first = extra_process.apply(blue, request("restarted"))
    second = extra_process.apply(blue, request("restarted"))
    assert second["changed"]
    assert second["process"]["pid"] != first["process"]["pid"]


def test_a_known_process_needs_no_command(blue: Lab) -> None:
    extra_process.apply(blue, request())
    assert extra_process.apply(blue, request("stopped", command=None))["changed"]
    assert not extra_process.apply(blue, request("stopped", command=None))["changed"]
    assert extra_process.apply(blue, request(command=None))["process"]["command"] == ["sleep", "60"]


def test_an_unknown_process_is_stopped_already_and_cannot_be_started_without_a_command(blue: Lab) -> None:
    assert not extra_process.apply(blue, request("stopped", command=None))["changed"]
    with pytest.raises(LabError, match="no process 'job'"):
        extra_process.apply(blue, request(command=None))


@pytest.mark.parametrize("state", ["started", "restarted"])
def test_check_mode_tells_and_does_nothing(blue: Lab, state: str) -> None:
    result = extra_process.apply(blue, request(state, ports=("web",)), check_mode=True)
    assert result == {"changed": True, "process": {}, "running": False, "ports": {}}
    assert "web" not in blue.ports


def test_a_port_name_as_readiness(blue: Lab) -> None:
    blue.reserve_ports(["web"])
    wanted = extra_process.wanted_process(request(ready_tcp="web"), blue)
    assert wanted.ready_url == f"tcp://127.0.0.1:{blue.ports['web']}"


def test_check_mode_of_a_stop_tells_whether_it_runs(blue: Lab) -> None:
    assert extra_process.apply(blue, request())["running"]
    assert extra_process.apply(blue, request("stopped"), check_mode=True)["running"]
    assert not extra_process.apply(blue, request("stopped"))["running"]
    assert not extra_process.apply(blue, request("stopped"), check_mode=True)["running"]


@pytest.mark.parametrize("revive", [True, False])
def test_what_is_meant_to_end_by_itself_is_left_ended(blue: Lab, revive: bool) -> None:
    wanted = request(revive=revive)
    extra_process.apply(blue, wanted)
    assert [process.name for process in lab._extras(blue)] == ["job"]
    processes.stop([blue.process("job")])
    assert [process.name for process in lab._extras(blue)] == (["job"] if revive else [])
    assert extra_process.apply(blue, wanted)["changed"]  # only who wants it again starts it


@pytest.mark.parametrize("name", ["../escape", "Job", ""])
def test_a_bad_name_is_refused(blue: Lab, name: str) -> None:
    with pytest.raises(LabError, match="cannot name a process"):
        extra_process.apply(blue, request(name=name))


def test_the_control_plane_is_not_replaced(blue: Lab) -> None:
    with pytest.raises(LabError, match="etcd belongs to the control plane"):
        extra_process.apply(blue, request(name="etcd"))
