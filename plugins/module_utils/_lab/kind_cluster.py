# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab whose cluster kind runs: making it, repairing it, taking it down. Its record has the form of every lab's."""

from __future__ import annotations

import base64
import http.client
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import kind_config
from .engines import NAMES, look
from .errors import LabError
from .files import last_lines, locked, private_folder, write_if_changed
from .kind_config import Mirror, Shape
from .paths import Cache, LabPaths
from .ports import new_ports
from .processes import port_is_free
from .provider import KIND
from .record import new_record, read_record, refuse_other_provider, write_record

# Seconds for a question to kind or to the engine; making a cluster has the wish's own.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Wish:
    """What a kind lab shall be. `program`: of kind; `timeout`: seconds until its nodes are ready."""

    shape: Shape
    program: str
    mirrors: Sequence[Mirror] = ()
    timeout: int = 300


@dataclass(frozen=True)
class Outcome:
    """`done`: what was done, or would be, in words; empty if all was as wanted."""

    record: dict[str, Any]
    done: Sequence[str] = field(default=())


@dataclass(frozen=True)
class Node:
    """A container of the cluster."""

    name: str
    running: bool

    @property
    def balances(self) -> bool:
        """kind puts a load balancer before several control planes; it is no node of Kubernetes."""
        return self.name.endswith("-external-load-balancer")


def cluster_name(lab: str) -> str:
    """Of the cluster, whose name all users of an engine share; its containers are called after it."""
    return f"progressive-{lab}"


def converge(
    name: str, wish: Wish, cache: Cache, check_mode: bool = False, environ: Mapping[str, str] | None = None
) -> Outcome:
    """Make the cluster, or repair it; refuse to change what only a new one could be."""
    environ = os.environ if environ is None else environ
    paths, tools = cache.lab(name), _Tools(wish.program, wish.shape.engine, environ, check_mode)
    if check_mode:
        return _plan(paths, wish, tools)
    with locked(paths.lock):
        steps = _steps(paths, wish, tools)
        for step in steps:
            step.run()
        record = read_record(paths) or {}
        _await_ready(Path(record["kubeconfig"]), wish.timeout)
        return Outcome(record, [step.words for step in steps])


def _plan(paths: LabPaths, wish: Wish, tools: _Tools) -> Outcome:
    return Outcome(read_record(paths) or {}, [step.words for step in _steps(paths, wish, tools)])


@dataclass(frozen=True)
class _Step:
    words: str
    run: Callable[[], object]


def _steps(paths: LabPaths, wish: Wish, tools: _Tools) -> list[_Step]:
    """What is to be done, by what is there. Changes nothing."""
    record, nodes = read_record(paths), tools.nodes(cluster_name(paths.name))
    refuse_other_provider(paths, record, KIND)
    files = kind_config.registry_files(wish.mirrors)
    if record is None:
        _refuse_stranger(paths, nodes)
        return [_Step("made the cluster", lambda: _make(paths, wish, tools, {}, files))]
    if not record.get("complete") or not nodes:
        words = "made the cluster anew, which was cut short or removed"
        return [_Step(words, lambda: _make_anew(paths, wish, tools, record, files))]
    _refuse_change(paths, record, wish.shape, nodes)
    return _repairs(paths, wish, tools, record, nodes, files)


def _refuse_stranger(paths: LabPaths, nodes: Sequence[Node]) -> None:
    if nodes:
        raise LabError(
            f"there is a kind cluster {cluster_name(paths.name)} and no record of it ({paths.record}), so it is not "
            f"known how it was made: give the lab another name, or remove it with the playbook lab_destroy "
            f"(progressive_lab={paths.name}, progressive_provider=kind)"
        )


def _refuse_change(paths: LabPaths, record: Mapping[str, Any], shape: Shape, nodes: Sequence[Node]) -> None:
    found = kind_config.differences(record.get("shape") or {}, shape)
    there, wanted = sum(not node.balances for node in nodes), shape.control_planes + shape.workers
    if not found and there != wanted:
        found = [f"it has {there} of its {wanted} nodes left"]
    if found:
        raise LabError(
            f"the cluster of lab {paths.name!r} is not what is wanted: {'; '.join(found)}. kind cannot change that on "
            "a cluster that runs: take the lab down and make it anew (playbooks lab_destroy and lab; what is in it is "
            "lost), give the new one another name (progressive_lab) and move over, or leave the wish as it was"
        )


def _repairs(
    paths: LabPaths,
    wish: Wish,
    tools: _Tools,
    record: dict[str, Any],
    nodes: Sequence[Node],
    files: Mapping[str, str],
) -> list[_Step]:
    steps = []
    stopped = [node.name for node in nodes if not node.running]
    if stopped:
        steps.append(_Step(f"started {', '.join(stopped)}", lambda: tools.engine("start", *stopped)))
    if _stale(_registries(paths), files):
        steps.append(_Step("wrote the registry mirrors", lambda: _write_registries(paths, files)))
    if not paths.kubeconfig.is_file():
        steps.append(_Step("wrote the kubeconfig", lambda: tools.export(paths)))
    versions = record["versions"] if tools.program_is_to_come() else _versions(wish, tools)
    if record["bin"] != {"kind": wish.program} or record["versions"] != versions:
        # Another program for the same cluster is no change of the lab.
        record |= {"bin": {"kind": wish.program}, "versions": versions}
        steps.append(_Step("noted the program", lambda: write_record(paths, record)))
    return steps


def _make_anew(paths: LabPaths, wish: Wish, tools: _Tools, record: Mapping[str, Any], files: Mapping[str, str]) -> None:
    tools.delete(paths)
    _make(paths, wish, tools, record.get("ports") or {}, files)


def _make(paths: LabPaths, wish: Wish, tools: _Tools, kept: Mapping[str, int], files: Mapping[str, str]) -> None:
    ports = _host_ports(paths, wish.shape, kept)
    record = _new_record(paths, wish, ports, _versions(wish, tools))
    # Before the cluster, so that a run that is cut short is known to be.
    write_record(paths, record)
    _write_registries(paths, files)
    config = paths.config / "kind.json"
    write_if_changed(config, kind_config.cluster(cluster_name(paths.name), wish.shape, ports, str(_registries(paths))))
    tools.create(paths, config, wish.timeout)
    record["addresses"] = {"apiserver": _server(paths.kubeconfig)}
    write_record(paths, record | {"complete": True})


def _new_record(paths: LabPaths, wish: Wish, ports: Mapping[str, int], versions: Mapping[str, str]) -> dict[str, Any]:
    # A port that the lab has chosen is from now on part of the shape: `differences` is content with it.
    shape = wish.shape.record()
    for name, entry in shape["ports"].items():
        entry[2] = ports[name]
    return new_record(
        paths,
        KIND,
        context=f"kind-{cluster_name(paths.name)}",
        ports=dict(ports),
        versions=dict(versions),
        bin={"kind": wish.program},
        shape=shape,
        complete=False,
    )


def _versions(wish: Wish, tools: _Tools) -> dict[str, str]:
    return {"kubernetes": wish.shape.version, "kind": tools.version()}


def _host_ports(paths: LabPaths, shape: Shape, kept: Mapping[str, int]) -> dict[str, int]:
    """The port of this machine for each of the shape's: the one asked for, the one kept, or a free one."""
    chosen = {port.name: port.host or kept.get(port.name, 0) for port in shape.ports}
    chosen |= new_ports(paths, [name for name, port in chosen.items() if not port])
    for name, port in chosen.items():
        if not port_is_free(port):
            raise LabError(
                f"port {port} on 127.0.0.1, which kind_cluster_ports wants for {name}, is taken by another program: "
                "end it, or choose another host_port (0 takes a free one)"
            )
    return chosen


def _registries(paths: LabPaths) -> Path:
    return paths.config / "registries"


def _stale(folder: Path, files: Mapping[str, str]) -> bool:
    there = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    return there != dict(files)


def _write_registries(paths: LabPaths, files: Mapping[str, str]) -> None:
    """In place: the nodes have mounted the folder itself."""
    folder = _registries(paths)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()
    for name, text in files.items():
        write_if_changed(folder / name, text)


def destroy(
    name: str,
    cache: Cache,
    program: str = "",
    engine: str = "",
    check_mode: bool = False,
    environ: Mapping[str, str] | None = None,
) -> bool:
    """Delete the cluster and the lab's folder; False if there is neither.

    Program and engine are those that the record names unless given; without a record, those that can be found.
    """
    paths = cache.lab(name)
    with locked(paths.lock):
        tools = _tools_for_removal(paths, program, engine, os.environ if environ is None else environ)
        there = paths.folder.exists() or bool(tools and tools.nodes(cluster_name(name)))
        if there and not check_mode:
            if tools is not None:
                tools.delete(paths)
            shutil.rmtree(paths.folder, ignore_errors=True)
        paths.lock.unlink()
    return there


def _tools_for_removal(paths: LabPaths, program: str, engine: str, environ: Mapping[str, str]) -> _Tools | None:
    """None if there is no engine, and no record that says that there was one: then there is no cluster."""
    record = read_record(paths) or {}
    refuse_other_provider(paths, record, KIND)
    engine = engine or (record.get("shape") or {}).get("engine", "")
    if not engine:
        engine = next((name for name in NAMES if not look(name, environ).failure), "")
    if not engine:
        return None
    recorded = (record.get("bin") or {}).get("kind", "")
    candidates = (program, recorded, shutil.which("kind", path=environ.get("PATH")))
    found = next((candidate for candidate in candidates if candidate and os.access(candidate, os.X_OK)), None)
    if found is None:
        raise LabError("there is no program kind to delete the cluster with: name one in kind_cluster_binary")
    return _Tools(found, engine, environ)


# ---- kind and the engine's client


@dataclass(frozen=True)
class _Tools:
    program: str
    engine_name: str
    environ: Mapping[str, str]
    check_mode: bool = False

    def program_is_to_come(self) -> bool:
        """In check mode, what installs kind has only said that it would, so there may be nobody to ask."""
        return self.check_mode and shutil.which(self.program, path=self.environ.get("PATH")) is None

    def kind(self, *arguments: str, timeout: float = _PATIENCE) -> str:
        return self._run([self.program, *arguments], timeout)

    def engine(self, *arguments: str) -> str:
        return self._run([self.engine_name, *arguments], _PATIENCE)

    def version(self) -> str:
        """Of kind, `v0.33.0`; LabError if the program is not kind."""
        answer = self.kind("version")
        match = re.match(r"kind (v\S+)", answer)
        if match is None:
            raise LabError(f"{self.program} is not kind: it says {answer.strip()!r}")
        return match[1]

    def nodes(self, cluster: str) -> list[Node]:
        label = f"label=io.x-k8s.kind.cluster={cluster}"
        lines = self.engine("ps", "--all", "--filter", label, "--format", "{{.Names}} {{.State}}").splitlines()
        found = [line.split(None, 1) for line in lines if line.strip()]
        return sorted(
            (Node(name, state.strip().lower() == "running") for name, state in found), key=lambda node: node.name
        )

    def export(self, paths: LabPaths) -> None:
        self.kind("export", "kubeconfig", "--name", cluster_name(paths.name), "--kubeconfig", str(paths.kubeconfig))
        paths.kubeconfig.chmod(0o600)

    def delete(self, paths: LabPaths) -> None:
        self.kind("delete", "cluster", "--name", cluster_name(paths.name), "--kubeconfig", str(paths.kubeconfig))

    def create(self, paths: LabPaths, config: Path, timeout: int) -> None:
        """Nodes that do not become ready are left as they are, for a look; the next run makes them anew."""
        log = paths.log("kind")
        private_folder(log.parent)
        command = [self.program, "create", "cluster", "--name", cluster_name(paths.name), "--config", str(config)]
        command += ["--kubeconfig", str(paths.kubeconfig), "--wait", f"{timeout}s"]
        with log.open("wb") as stream:
            # Its --wait begins when the images are there and kubeadm is done.
            code = self._spawn(command, stream, 1800 + timeout)
        if code != 0:
            raise LabError(explain(last_lines(log, 25), log))
        paths.kubeconfig.chmod(0o600)

    def _spawn(self, command: Sequence[str], stream: Any, timeout: float) -> int:
        try:
            return self._done(command, timeout, stdout=stream, stderr=stream).returncode
        except subprocess.TimeoutExpired:
            return -1
        except OSError as error:
            raise LabError(f"{command[0]} cannot be run: {error}") from error

    def _run(self, command: Sequence[str], timeout: float) -> str:
        try:
            done = self._done(command, timeout, capture_output=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LabError(f"{' '.join(command)}: {error}") from error
        if done.returncode != 0:
            raise LabError(f"{' '.join(command)} failed: {(done.stderr.strip() or done.stdout.strip())[-1000:]}")
        return done.stdout

    def _done(self, command: Sequence[str], timeout: float, **output: Any) -> subprocess.CompletedProcess[str]:
        # kind takes the engine from a variable that it calls experimental; without it, the first client it finds.
        return subprocess.run(
            command,
            env={**self.environ, "KIND_EXPERIMENTAL_PROVIDER": self.engine_name},
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **output,
        )


_CAUSES = (
    (
        r"unable to decode config|invalid configuration|unmarshal errors",
        "kind does not take the configuration; is the program much older than the image?",
    ),
    (r"port is already allocated|address already in use", "a host port of kind_cluster_ports is taken meanwhile"),
    (
        r"failed to pull image|manifest unknown|pull access denied|not found: manifest|toomanyrequests",
        "the engine cannot pull kind_cluster_image; load it into the engine, or name one that your registry has",
    ),
    (r"too many open files", "inotify has run out: raise fs.inotify.max_user_instances and max_user_watches by sysctl"),
    (r"no space left on device", "the disk of the engine is full"),
    (
        r"could not find a log line that matches|requires cgroup|Delegate=yes",
        "the nodes do not start; this is mostly about cgroups (cgroup v2, and Delegate=yes for a rootless engine)",
    ),
    (r"timed out waiting for the condition|context deadline", "the nodes were not ready in time"),
)


def explain(tail: str, log: Path) -> str:
    """What the end of kind's output says about why there is no cluster."""
    cause = next((text for sign, text in _CAUSES if re.search(sign, tail, re.IGNORECASE)), "kind has failed")
    return f"{cause}. The end of {log}:\n{tail}"


# ---- The cluster itself


def _server(kubeconfig: Path) -> str:
    return _entry(kubeconfig, "server")


def _entry(kubeconfig: Path, key: str) -> str:
    """kind writes one cluster into the file, so that there is one of each."""
    match = re.search(rf"^\s*{key}: (\S+)$", kubeconfig.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise LabError(f"{kubeconfig} names no {key}; remove the file, the next run writes it anew")
    return match[1]


def _await_ready(kubeconfig: Path, timeout: float) -> None:
    """Until the apiserver says that it is ready; the nodes of a repaired cluster take half a minute."""
    address = urlsplit(_server(kubeconfig))
    authority = base64.b64decode(_entry(kubeconfig, "certificate-authority-data")).decode()
    context = ssl.create_default_context(cadata=authority)
    deadline = time.monotonic() + timeout
    while True:
        problem = _readyz(address.hostname or "", address.port or 443, context)
        if not problem:
            return
        if time.monotonic() > deadline:
            raise LabError(f"the apiserver at {address.geturl()} is not ready after {timeout:g} s: {problem}")
        time.sleep(0.5)


def _readyz(host: str, port: int, context: ssl.SSLContext) -> str:
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=5)
    try:
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
    return "" if status == 200 else f"it answers with {status}"
