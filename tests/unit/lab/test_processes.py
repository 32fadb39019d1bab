# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process is known by its id and its start time; ending one never hits another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import processes
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.processes import Process

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    process = processes.spawn(Process("sleeper", ("sleep", "60"), log=str(tmp_path / "sleeper.log")))
    yield process
    processes.stop([process])


def test_a_started_process_runs_and_is_found_again_from_its_record(sleeper: Process) -> None:
    again = Process.from_record("sleeper", sleeper.record())
    assert again == sleeper
    assert again.running


def test_a_reused_id_is_another_process(sleeper: Process) -> None:
    assert not replace(sleeper, start_time=sleeper.start_time - 1).running


def test_ending_spares_a_process_that_has_got_the_id_since(sleeper: Process) -> None:
    before_the_reboot = replace(sleeper, start_time=sleeper.start_time - 1)
    assert processes.stop([before_the_reboot]) == []
    assert sleeper.running


def test_the_start_time_survives_a_strange_program_name(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    process = processes.spawn(Process("odd", (str(program), "60"), log=str(tmp_path / "log")))
    assert process.running
    assert processes.stop([process]) == ["odd"]


def test_a_zombie_does_not_run() -> None:
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.start_time(child.pid) is None


def test_an_id_that_is_gone_does_not_run() -> None:
    with subprocess.Popen(["true"]) as child:
        pass
    assert processes.start_time(child.pid) is None


def test_never_started() -> None:
    assert not Process("new", ("true",)).running


def test_it_gets_a_minimal_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/elsewhere")
    log = tmp_path / "log"
    process = processes.spawn(Process("env", ("sh", "-c", "env; exec sleep 60"), {"OWN": "1"}, log=str(log)))
    processes.wait_ready([process], 5, lambda _: "OWN=1" in log.read_text())
    processes.stop([process])
    assert "KUBECONFIG" not in log.read_text()


def test_what_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = processes.spawn(Process("stubborn", (sys.executable, "-c", STUBBORN), log=str(log)))
    processes.wait_ready([process], 10, lambda _: "up" in log.read_text())
    assert processes.stop([process], grace=0.2) == ["stubborn"]
    assert not process.running


def test_what_cannot_be_executed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"ghost cannot be started: .*No such file"):
        processes.spawn(Process("ghost", (str(tmp_path / "none"),), log=str(tmp_path / "log")))


def test_dying_while_starting_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = ("sh", "-c", "echo the reason; exit 3")
    process = processes.spawn(Process("brief", command, ready_url="tcp://127.0.0.1:1", log=str(tmp_path / "log")))
    with pytest.raises(LabError, match=r"brief ended while starting(.|\n)*the reason"):
        processes.wait_ready([process], 10)


def test_not_ready_in_time(sleeper: Process) -> None:
    with pytest.raises(LabError, match="sleeper not ready after 0 s"):
        processes.wait_ready([sleeper], 0, lambda _: False)


def test_marked_processes_are_found_without_a_record(tmp_path: Path) -> None:
    mark = {processes.MARKER: str(tmp_path)}
    process = processes.spawn(Process("lost", ("sleep", "60"), mark, log=str(tmp_path / "log")))
    # For a moment after its start the kernel shows no environment.
    processes.wait_ready([process], 5, lambda _: bool(processes.marked(tmp_path)))
    found = processes.marked(tmp_path)
    assert [entry.pid for entry in found] == [process.pid]
    assert processes.stop(found)
    assert not process.running


def test_children_end_with_what_started_them(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = processes.spawn(Process("parent", ("sh", "-c", "sleep 60 & echo $!; wait"), log=str(log)))
    processes.wait_ready([process], 5, lambda _: log.read_text().endswith("\n"))
    pid = int(log.read_text())
    child = Process("child", (), pid=pid, start_time=processes.start_time(pid) or 0)
    assert child.running
    processes.stop([process])
    assert processes._wait_until_gone([child], 5) == []


def test_a_marked_child_ends_although_it_leads_no_group(tmp_path: Path) -> None:
    log = tmp_path / "log"
    mark = {processes.MARKER: str(tmp_path)}
    process = processes.spawn(Process("parent", ("sh", "-c", "sleep 60 & echo $!; wait"), mark, log=str(log)))
    processes.wait_ready([process], 5, lambda _: len(processes.marked(tmp_path)) == 2)
    assert len(processes.stop(processes.marked(tmp_path))) == 2
    assert processes.marked(tmp_path) == []


def test_a_long_log_is_emptied_and_a_short_one_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("12345")
    process = Process("talker", (), log=str(log))
    processes.trim_log(process, limit=5)
    assert log.read_text() == "12345"
    processes.trim_log(process, limit=4)
    assert log.read_text() == ""
    processes.trim_log(replace(process, log=str(tmp_path / "none")))


@pytest.mark.parametrize(
    "other",
    [
        {"command": ("sleep", "61")},
        {"environment": {"A": "1"}},
        {"ready_url": "tcp://127.0.0.1:1"},
    ],
)
def test_a_difference_that_calls_for_a_restart(other: dict[str, object]) -> None:
    process = Process("p", ("sleep", "60"), pid=1, start_time=2)
    assert process.same_as(Process("p", ("sleep", "60"), log="/elsewhere"))
    assert not process.same_as(replace(process, **other))  # type: ignore[arg-type]


def test_free_ports_are_free_distinct_and_below_the_ephemeral_range() -> None:
    taken = set(processes.free_ports(5))
    ports = processes.free_ports(5, taken)
    assert len(set(ports)) == 5
    assert not taken & set(ports)
    assert all(20_000 <= port < 32_000 and processes.port_is_free(port) for port in ports)
