# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for docker, podman and kind: the boundary that a machine without a container engine cannot provide.

Each is a shell script that notes down how it is called and answers as it is told, by its first words.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What the clients really print, as far as it is read.
DOCKER_INFO = {
    "ServerVersion": "29.1.0",
    "OSType": "linux",
    "NCPU": 8,
    "MemTotal": 16_000_000_000,
    "CgroupDriver": "systemd",
    "CgroupVersion": "2",
    "MemoryLimit": True,
    "PidsLimit": True,
    "CPUShares": True,
    "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    "DockerRootDir": "/var/lib/docker",
    "KernelVersion": "of-another-machine",
}
PODMAN_INFO = {
    "host": {
        "os": "linux",
        "cpus": 8,
        "memTotal": 16_000_000_000,
        "cgroupVersion": "v2",
        "cgroupControllers": ["cpu", "memory", "pids"],
        "security": {"rootless": True},
        "kernel": "of-another-machine",
        "serviceIsRemote": False,
        "remoteSocket": {"path": "/run/user/1000/podman/podman.sock"},
    },
    "store": {"graphRoot": "/home/me/.local/share/containers/storage"},
    "version": {"Version": "5.4.0"},
}


@dataclass(frozen=True)
class Answer:
    """Standard output, complaint and exit status."""

    out: str = ""
    err: str = ""
    status: int = 0


class Programs:
    """A folder for PATH; `calls()` tells what was asked so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "programs"
        self.folder.mkdir()
        self._log = folder / "calls"

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": f"{self.folder}:/usr/bin:/bin"}

    def put(self, name: str, answers: Mapping[str, Answer]) -> str:
        """Have a program; `answers` by the beginning of its arguments. It fails for all others."""
        cases = "".join(
            f"  {shlex.quote(words)}*) printf %s {shlex.quote(given.out)}; printf %s {shlex.quote(given.err)} >&2; "
            f"exit {given.status};;\n"
            for words, given in answers.items()
        )
        program = self.folder / name
        engine = '"${KIND_EXPERIMENTAL_PROVIDER:-}"'
        note = f'echo {name} {engine} "$*" >> {self._log}'
        program.write_text(f'#!/bin/sh\n{note}\ncase "$*" in\n{cases}esac\necho unexpected: "$*" >&2\nexit 99\n')
        program.chmod(0o755)
        return str(program)

    def calls(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []


def docker(
    info: Mapping[str, object] | None = None, endpoint: str = "unix:///var/run/docker.sock"
) -> dict[str, Answer]:
    """The answers of a Docker that works."""
    return {
        "--version": Answer("Docker version 29.1.0, build 0123456\n"),
        "context inspect": Answer(endpoint + "\n"),
        "info": Answer(json.dumps(info or DOCKER_INFO)),
    }


def podman(info: Mapping[str, object] | None = None) -> dict[str, Answer]:
    return {"info": Answer(json.dumps(info or PODMAN_INFO))}
