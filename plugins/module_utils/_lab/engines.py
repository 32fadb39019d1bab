# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker and Podman: whether one of them can carry a kind cluster, and if not, what to do about it.

They are asked by their own client programs, as kind does it, so that contexts, DOCKER_HOST and rootless sockets are
followed as they will be by kind.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DOCKER, PODMAN = "docker", "podman"
NAMES = (DOCKER, PODMAN)

# Seconds. An engine that is not there is told at once; one that hangs must not hold a playbook up.
_PATIENCE = 15.0
_GIGABYTE = 1000**3
# What the nodes of a rootless engine need to limit, by the names of cgroup v2.
_CONTROLLERS = frozenset({"cpu", "memory", "pids"})
# What kind's list of known issues asks for; Linux allows 128 instances by default.
INOTIFY = {"max_user_instances": 512, "max_user_watches": 524288}


@dataclass(frozen=True)
class Engine:
    """An engine as its client tells it. `memory` in bytes; `root`: its folder of images; `kernel`: of the machine
    that containers run on; `endpoint`: how it is reached; `failure`: why it does not answer, with a remedy."""

    name: str
    version: str = ""
    rootless: bool = False
    cgroup: int = 2
    controllers: frozenset[str] = _CONTROLLERS
    system: str = "linux"
    cpus: int = 0
    memory: int = 0
    root: str = ""
    kernel: str = ""
    endpoint: str = ""
    remote: bool = False
    failure: str = ""


@dataclass(frozen=True)
class Need:
    """What a cluster takes: processors, memory and free space for images in gigabytes (10^9 bytes)."""

    cpus: int = 2
    memory: float = 4
    disk: float = 10


@dataclass(frozen=True)
class Host:
    """This machine. `free`: bytes left below a folder, or None where that cannot be seen."""

    kernel: str
    inotify: Mapping[str, int]
    free: int | None = None

    @classmethod
    def here(cls, root: str) -> Host:
        limits = {name: limit for name in INOTIFY if (limit := _limit(name)) is not None}
        return cls(platform.release(), limits, _free(root))


def _limit(name: str) -> int | None:
    try:
        return int(Path("/proc/sys/fs/inotify", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _free(root: str) -> int | None:
    """The folder of images is often closed to everyone else, but the disk below it is not."""
    folder = Path(root or "/nowhere")
    for path in (folder, *folder.parents):
        try:
            if path != Path("/") or root == "/":
                return shutil.disk_usage(path).free
        except OSError:
            continue
    return None


# ---- Judging


def problems(engine: Engine, need: Need, host: Host) -> list[str]:
    """Why no kind cluster can run on it; each with a remedy. Empty if one can."""
    if engine.failure:
        return [engine.failure]
    return [*_kind_of_engine(engine), *_cgroups(engine), *_size(engine, need, host)]


def _kind_of_engine(engine: Engine) -> list[str]:
    found = []
    if engine.system != "linux":
        found.append(f"it runs {engine.system} containers: switch it to Linux containers")
    if engine.remote:
        found.append(
            f"it runs on another machine ({engine.endpoint}), and a lab listens on the loopback address of the machine "
            "that it runs on: run the playbook there, or choose a local engine (DOCKER_HOST, docker context use)"
        )
    return found


def _cgroups(engine: Engine) -> list[str]:
    if engine.cgroup != 2:
        return [
            "it uses cgroup v1, on which the kubelet of Kubernetes 1.35 and newer does not start: boot the machine "
            "with cgroup v2 (systemd.unified_cgroup_hierarchy=1 on the kernel's command line)"
        ]
    missing = sorted(_CONTROLLERS - engine.controllers)
    if missing:
        return [
            f"it cannot limit {', '.join(missing)}: delegate these controllers to the user (Delegate=yes in a drop-in "
            "of user@.service, systemctl daemon-reload, log in anew)"
        ]
    return []


def _size(engine: Engine, need: Need, host: Host) -> list[str]:
    found = []
    if engine.cpus < need.cpus:
        found.append(
            f"it has {engine.cpus} processors and the cluster needs {need.cpus}: give it more, or lower the need"
        )
    if engine.memory < need.memory * _GIGABYTE:
        found.append(
            f"it has {engine.memory / _GIGABYTE:.1f} GB of memory and the cluster needs {need.memory:g}: "
            "give it more, or lower the need"
        )
    if _is_here(engine, host) and host.free is not None and host.free < need.disk * _GIGABYTE:
        found.append(
            f"{host.free / _GIGABYTE:.1f} GB are free below {engine.root} and the cluster needs {need.disk:g}: "
            f"make room ({engine.name} system prune), or move the engine's folder"
        )
    return found


def warnings(engine: Engine, host: Host) -> list[str]:
    """What often goes wrong later, in pods that say "too many open files"."""
    if engine.failure or not _is_here(engine, host):
        return []
    return [
        f"fs.inotify.{name} is {host.inotify[name]}; kind advises {wanted} for clusters of several nodes "
        f"(sysctl fs.inotify.{name}={wanted})"
        for name, wanted in INOTIFY.items()
        if host.inotify.get(name, wanted) < wanted
    ]


def _is_here(engine: Engine, host: Host) -> bool:
    """Whether containers share this machine's kernel: not so with a virtual machine for Docker, or a remote engine."""
    return not engine.remote and engine.kernel == host.kernel


# ---- Asking


def look(name: str, environ: Mapping[str, str] | None = None) -> Engine:
    """Ask the engine called `name`. Never raises: an engine that cannot be used says why."""
    environ = os.environ if environ is None else environ
    program = shutil.which(name, path=environ.get("PATH"))
    if program is None:
        return Engine(name, failure=f"there is no program {name} on PATH")
    ask = _Client(program, environ)
    return _docker(ask) if name == DOCKER else _podman(ask)


@dataclass(frozen=True)
class _Client:
    program: str
    environ: Mapping[str, str]

    def __call__(self, *arguments: str) -> tuple[str, str]:
        """What it prints on standard output, and what it complains of if it fails."""
        try:
            answer = subprocess.run(
                [self.program, *arguments],
                env=dict(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "", f"no answer within {_PATIENCE:g} s"
        except OSError as error:
            return "", str(error)
        return answer.stdout, (answer.stderr.strip() or f"exit status {answer.returncode}") if answer.returncode else ""


def _docker(ask: _Client) -> Engine:
    shown, complaint = ask("--version")
    if not shown.startswith("Docker version"):
        said = complaint or shown.strip() or "nothing"
        return Engine(DOCKER, failure=f"{ask.program} is not Docker's own client (it says: {said})")
    endpoint = ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")[0].strip()
    text, complaint = ask("info", "--format", "{{json .}}")
    info = _parsed(text)
    errors = [complaint, *map(str, info.get("ServerErrors") or [])]
    if complaint or not info.get("ServerVersion"):
        failure = explain_docker(" ".join(filter(None, errors)) or "no answer", endpoint or "its usual socket")
        return Engine(DOCKER, endpoint=endpoint, failure=failure)
    return read_docker(info, endpoint)


def _podman(ask: _Client) -> Engine:
    text, complaint = ask("info", "--format", "json")
    info = _parsed(text)
    if complaint or "host" not in info:
        return Engine(PODMAN, failure=explain_podman(complaint or "no answer"))
    return read_podman(info)


def _parsed(text: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def read_docker(info: Mapping[str, Any], endpoint: str = "") -> Engine:
    """An engine from what `docker info --format '{{json .}}'` prints."""
    options = [part for option in info.get("SecurityOptions") or [] for part in str(option).split(",")]
    limits = {"memory": "MemoryLimit", "pids": "PidsLimit", "cpu": "CPUShares"}
    # The same as in kind: without a cgroup driver, the limits are told and not kept.
    kept = info.get("CgroupDriver") != "none"
    rootless = "name=rootless" in options
    return Engine(
        name=DOCKER,
        version=str(info.get("ServerVersion", "")),
        rootless=rootless,
        cgroup=2 if str(info.get("CgroupVersion")) == "2" else 1,
        controllers=_granted(rootless, [name for name, key in limits.items() if kept and info.get(key)]),
        system=str(info.get("OSType") or "linux"),
        cpus=int(info.get("NCPU") or 0),
        memory=int(info.get("MemTotal") or 0),
        root=str(info.get("DockerRootDir") or ""),
        kernel=str(info.get("KernelVersion") or ""),
        endpoint=endpoint,
        remote=_elsewhere(endpoint),
    )


def read_podman(info: Mapping[str, Any]) -> Engine:
    """An engine from what `podman info --format json` prints."""
    host: Mapping[str, Any] = info["host"]
    rootless = bool((host.get("security") or {}).get("rootless"))
    return Engine(
        name=PODMAN,
        version=str((info.get("version") or {}).get("Version", "")),
        rootless=rootless,
        cgroup=2 if host.get("cgroupVersion") == "v2" else 1,
        controllers=_granted(rootless, host.get("cgroupControllers") or []),
        system=str(host.get("os") or "linux"),
        cpus=int(host.get("cpus") or 0),
        memory=int(host.get("memTotal") or 0),
        root=str((info.get("store") or {}).get("graphRoot") or ""),
        kernel=str(host.get("kernel") or ""),
        endpoint=str((host.get("remoteSocket") or {}).get("path") or ""),
        remote=bool(host.get("serviceIsRemote")),
    )


def _granted(rootless: bool, told: Sequence[str]) -> frozenset[str]:
    """Only a rootless engine has to be given its controllers; kind asks no other for them either."""
    return frozenset(told) if rootless else _CONTROLLERS


def _elsewhere(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    if address.scheme == "ssh":
        return True
    return address.scheme in ("tcp", "http", "https") and address.hostname not in ("127.0.0.1", "::1", "localhost")


def explain_docker(complaint: str, endpoint: str) -> str:
    """Why Docker does not answer, by what its client says."""
    text = complaint.lower()
    if "permission denied" in text:
        return (
            f"you may not use the Docker engine at {endpoint}: join the group docker (usermod -aG docker, then log in "
            "anew), or set up rootless Docker"
        )
    if any(sign in text for sign in ("cannot connect", "connection refused", "no such file", "failed to connect")):
        return (
            f"there is a Docker client, and no engine answers at {endpoint}: start it (systemctl start docker, with "
            "--user if it is rootless), or lead the client to another (DOCKER_HOST, docker context use)"
        )
    return f"docker info fails at {endpoint}: {_last_line(complaint)}"


def explain_podman(complaint: str) -> str:
    """Why Podman does not answer, by what its client says."""
    text = complaint.lower()
    if "newuidmap" in text or "subuid" in text:
        return (
            "rootless Podman has no subordinate ids for this user: usermod --add-subuids 100000-165535 --add-subgids "
            "100000-165535, with the packages of newuidmap and newgidmap installed, then podman system migrate"
        )
    if "cannot connect" in text or "connection refused" in text or "unable to connect" in text:
        return (
            f"there is a Podman client, and its service does not answer: podman machine start ({_last_line(complaint)})"
        )
    return f"podman info fails: {_last_line(complaint)}"


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else text
