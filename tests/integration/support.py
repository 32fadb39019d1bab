# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible as a user runs it, for the tests on the lab."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._lab.files import locked

COLLECTION = "progressive.delivery"

# Seconds. The first playbook may have to build the tools; everything after that is short.
BUILD_TIMEOUT = 2700
PLAYBOOK_TIMEOUT = 300


@dataclass(frozen=True)
class PlaybookRun:
    """One finished ansible-playbook."""

    returncode: int
    output: str
    seconds: float

    @property
    def changed(self) -> int:
        return self._recap("changed")

    @property
    def failed(self) -> int:
        return self._recap("failed")

    def _recap(self, word: str) -> int:
        """The sum over all hosts of one column of PLAY RECAP."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return sum(int(number) for number in re.findall(rf"\b{word}=(\d+)", recap))

    def succeeded(self) -> PlaybookRun:
        assert self.returncode == 0, self.output
        return self


@dataclass(frozen=True)
class Lab:
    """An embedded lab that is up."""

    name: str

    @property
    def folder(self) -> Path:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(base) / "progressive-delivery" / "labs" / self.name

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Its output; the independent witness of what Ansible has done."""
        command = [self.record["bin"]["kubectl"], f"--kubeconfig={self.kubeconfig}", *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    @cached_property
    def record(self) -> dict[str, Any]:
        """Its lab.json as of the first look: ports, addresses, versions, process ids."""
        return json.loads((self.folder / "lab.json").read_text())


def run_playbook(
    playbook: str | Path,
    variables: Mapping[str, Any] | None = None,
    *options: str,
    timeout: float = PLAYBOOK_TIMEOUT,
    live: bool = False,
) -> PlaybookRun:
    """Run a playbook, by its name in the collection or by its path; `live` shows its output as it comes."""
    name = str(playbook) if isinstance(playbook, Path) else f"{COLLECTION}.{playbook}"
    command = ["ansible-playbook", name, "--extra-vars", json.dumps(dict(variables or {})), *options]
    start = time.monotonic()
    result = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=None if live else subprocess.PIPE,
        stderr=None if live else subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return PlaybookRun(result.returncode, result.stdout or "", time.monotonic() - start)


def run_module(
    module: str, arguments: Mapping[str, Any], *options: str, timeout: float = PLAYBOOK_TIMEOUT
) -> dict[str, Any]:
    """Run one module on localhost and return its result; `failed` is in it when it failed.

    `options` are words for `ansible`, such as ``--check``.
    """
    name = module if "." in module else f"{COLLECTION}.{module}"
    result = subprocess.run(
        ["ansible", "localhost", "--module-name", name, "--args", json.dumps(dict(arguments)), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
    )
    match = re.search(r"^localhost \| (\w+)!? => (\{.*)", result.stdout, re.DOTALL | re.MULTILINE)
    assert match, result.stdout + result.stderr
    value, _other = json.JSONDecoder().raw_decode(match[2])
    return {"failed": match[1] == "FAILED", **value}


def play(**rest: Any) -> dict[str, Any]:
    """A play on this machine, with the Python of the tests."""
    interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    return {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": interpreter, **rest}


def role_call(role: str) -> dict[str, Any]:
    """A task that includes the collection's role, by the entry point that the variable `entry` names."""
    call = {"name": f"{COLLECTION}.{role}", "tasks_from": "{{ entry }}"}
    return {"name": "Call the role", "ansible.builtin.include_role": call}


@contextmanager
def life_of(run: Callable[..., PlaybookRun], there: Callable[[], bool], **other: Any) -> Iterator[None]:
    """What a role promises, from an empty cluster to an empty cluster; the body looks at what it has made meanwhile.

    `run` takes words for `ansible-playbook` and variables of the role, `there` tells whether anything of it is in the
    cluster, `other` are variables that make it another one: an upgrade, or another configuration.
    """

    def changes(expected: bool, *options: str, **settings: Any) -> None:
        done = run(*options, **settings).succeeded()
        assert (done.changed > 0) is expected, done.output

    changes(True, "--check")
    assert not there(), "check mode has made something"
    changes(True)
    changes(False)
    if other:
        changes(True, **other)
    changes(False, "--check", **other)
    yield
    changes(True, "--check", entry="uninstall", **other)
    assert there(), "check mode has removed something"
    changes(True, entry="uninstall", **other)
    assert not there(), "something is left"
    changes(False, entry="uninstall", **other)


def eventually(
    look: Callable[[], Any], *, timeout: float = 120.0, what: str = "", ignoring: tuple[type[Exception], ...] = ()
) -> Any:
    """What `look` returns as soon as that is true; until then it may also raise what is in `ignoring`."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if found := look():
                return found
        except ignoring:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, what or f"not within {timeout} s"
        time.sleep(0.05)


def end_workers(path: Path) -> None:
    """Kill what an ansible-playbook that was killed has left: each process whose command line has `path` in it.

    ansible-core gives every worker a session of its own, so that a signal to the run's process group spares them.
    """
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            if str(path).encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


def own_lab(purpose: str) -> str:
    """A name for a lab of this process: two runs at once do not meet in it, and `sweep_labs` knows it."""
    return f"test-{purpose}-{os.getpid()}"


def sweep_labs() -> None:
    """Take down the labs of test runs that are no more; one process at a time, and the next finds them gone."""
    labs = Lab("any").folder.parent
    with locked(labs / ".sweep.lock"):
        for folder in labs.glob("test-*-*"):
            owner = folder.name.rpartition("-")[2]
            if owner.isdigit() and not Path("/proc", owner).exists():
                lab_down(folder.name)


def lab_up(name: str, *, live: bool = False) -> Lab:
    # On a machine with Docker, too.
    wishes = {"progressive_lab": name, "progressive_provider": "embedded"}
    run_playbook("lab", wishes, timeout=BUILD_TIMEOUT, live=live).succeeded()
    return Lab(name)


def lab_down(name: str) -> None:
    run_playbook("lab_destroy", {"progressive_lab": name}).succeeded()
