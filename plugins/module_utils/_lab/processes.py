# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starting, recognising and ending detached processes.

A process is known by its id *and* its start time: ids are reused, above all after a reboot.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import LabError
from .files import last_lines, private_folder

MARKER = "PROGRESSIVE_DELIVERY_LAB"
"""Environment variable of every process of a lab: the lab's folder."""

LOG_LIMIT = 20 * 1024 * 1024
"""Bytes; a longer log is cut when its process is looked at."""

# Below Linux's default ephemeral range (32768-60999), so that no outgoing connection sits on a
# port that a stopped lab has reserved.
_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Process:
    """One supervised process: what to run, how to see that it is ready, and who it is.

    `environment` comes on top of a minimal one (PATH, HOME). `ready_url` is an http(s) address that
    answers 2xx when ready, `tcp://host:port` for something that only accepts connections, or empty.
    `pid` and `start_time` (clock ticks since boot) are 0 before the first start. `wanted` is False
    after a deliberate stop: then no converge starts it again. Neither does one where `revive` is False:
    that is meant to end by itself.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str = ""
    log: str = ""
    pid: int = 0
    start_time: int = 0
    wanted: bool = True
    revive: bool = True

    @classmethod
    def from_record(cls, name: str, record: Mapping[str, Any]) -> Process:
        return cls(name=name, **{**record, "command": tuple(record["command"])})

    def record(self) -> dict[str, Any]:
        """What lab.json keeps of it (the name is the key there)."""
        entry = asdict(self)
        del entry["name"]
        return {**entry, "command": list(self.command)}

    @property
    def running(self) -> bool:
        return self.pid > 0 and start_time(self.pid) == self.start_time

    def same_as(self, other: Process) -> bool:
        """Whether both would run the same thing."""
        return (self.command, dict(self.environment), self.ready_url) == (
            other.command,
            dict(other.environment),
            other.ready_url,
        )


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which `pid` started; None if it is gone or a zombie.

    proc(5): field 22 of /proc/PID/stat. Field 2 is the name in parentheses and may itself hold
    spaces and parentheses, so count from the last one. A killed process shows as a zombie while some
    of its threads are still ending, and until then its ports are taken.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" and threads <= 1 else int(fields[19])


def spawn(process: Process) -> Process:
    """Start it in its own session, with its output appended to its log; return it with its identity.

    Raises LabError when the program cannot be executed.
    """
    log = Path(process.log)
    private_folder(log.parent)
    # What the caller has exported (proxies, KUBECONFIG, PYTHONPATH) must not decide how a lab behaves.
    minimal = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TZ") if key in os.environ}
    with log.open("ab") as output:
        try:
            child = subprocess.Popen(
                process.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**minimal, **process.environment},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise LabError(f"{process.name} cannot be started: {error}") from error
    # Zero where it has died already; nothing ever matches that.
    born = start_time(child.pid) or 0
    child.returncode = 0  # it is meant to outlive us: keep Popen from warning about it
    return replace(process, pid=child.pid, start_time=born, wanted=True)


def marked(folder: Path) -> list[Process]:
    """Our own processes that carry the mark of `folder`, whether or not they are on record.

    Finds what a lab started when lab.json is lost, or was not yet written when its writer died.
    """
    found = []
    mark = f"{MARKER}={folder}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # another user's, or gone
            continue
        born = start_time(int(entry.name))
        if mark in environment and born is not None:
            found.append(Process(name=entry.name, command=(), pid=int(entry.name), start_time=born))
    return found


def trim_log(process: Process, limit: int = LOG_LIMIT) -> None:
    """Empty an overlong log. It is open for appending, so the writer goes on at the start."""
    with suppress(FileNotFoundError):
        if os.path.getsize(process.log) > limit:
            os.truncate(process.log, 0)


def stop(processes: Iterable[Process], grace: float = 10.0) -> list[str]:
    """End them together: SIGTERM, then SIGKILL after `grace` seconds; return the names that ran.

    Returns only when each is really gone, so ports and folders can be used again.
    """
    running = [process for process in processes if process.running]
    _signal(running, signal.SIGTERM)
    left = _wait_until_gone(running, grace)
    _signal(left, signal.SIGKILL)
    left = _wait_until_gone(left, 10.0)
    if left:
        raise LabError(f"{', '.join(process.name for process in left)} did not end even by SIGKILL")
    return [process.name for process in running]


def _signal(processes: Iterable[Process], number: int) -> None:
    for process in processes:
        if process.running:
            with suppress(ProcessLookupError):
                if os.getpgid(process.pid) == process.pid:
                    os.killpg(process.pid, number)  # what we started leads a group, with its children
                else:
                    os.kill(process.pid, number)


def _wait_until_gone(processes: Collection[Process], timeout: float) -> list[Process]:
    deadline = time.monotonic() + timeout
    left = list(processes)
    while left and time.monotonic() < deadline:
        for process in left:
            _reap(process.pid)
        left = [process for process in left if process.running]
        if left:
            time.sleep(0.02)
    return left


def _reap(pid: int) -> None:
    """Collect it if it is our own child (tests, a converge that restarts what it started)."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def ready(process: Process, tls: ssl.SSLContext | None = None, timeout: float = 1.0) -> bool:
    """Whether it answers as ready right now. Without a `ready_url`: whether it runs."""
    if not process.ready_url:
        return process.running
    address = urlsplit(process.ready_url)
    try:
        if address.scheme == "tcp":
            with socket.create_connection((address.hostname or "", address.port or 0), timeout):
                return True
        # No proxy may come between: these are all loopback addresses.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=tls))
        with urllib.request.build_opener(*handlers).open(process.ready_url, timeout=timeout):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False


def wait_ready(processes: Iterable[Process], timeout: float, is_ready: Callable[[Process], bool] = ready) -> None:
    """Return when all are ready; raise LabError as soon as one dies, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    left = list(processes)
    while left:
        # Running comes first: something else may answer at its address.
        left = [process for process in left if not (process.running and is_ready(process))]
        for process in left:
            if not process.running:
                raise LabError(f"{process.name} ended while starting.{_log_of(process)}")
        if left and time.monotonic() > deadline:
            names = ", ".join(process.name for process in left)
            raise LabError(f"{names} not ready after {timeout:.0f} s.{_log_of(left[0])}")
        if left:
            time.sleep(0.03)


def _log_of(process: Process) -> str:
    return f" The end of {process.log}:\n{last_lines(Path(process.log))}"


def free_ports(count: int, taken: Collection[int] = ()) -> list[int]:
    """`count` different ports that are free on 127.0.0.1 and not in `taken`."""
    # The process id spreads the starting points of labs that are made at the same moment.
    start = (os.getpid() * 97 + int(time.time())) % len(_PORTS)
    found: list[int] = []
    for offset in range(len(_PORTS)):
        port = _PORTS[(start + offset) % len(_PORTS)]
        if port not in taken and port_is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise LabError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1")


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Go's listeners set it too; without it, a port in TIME_WAIT looks taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
