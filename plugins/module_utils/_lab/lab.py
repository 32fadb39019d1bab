# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab: its record (lab.json), bringing it up, changing one process, taking it down."""

from __future__ import annotations

import random
import shutil
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from . import cluster_objects, control_plane, pod_network, processes
from .api import Api, tls_context
from .errors import LabError
from .files import locked
from .paths import Cache, LabPaths
from .pki import Pair, ensure_pki
from .ports import new_ports
from .processes import Process
from .provider import EMBEDDED
from .record import new_record, read_record, recorded, refuse_other_provider, write_record

# Seconds that a running process which does not answer gets before it is replaced.
_PATIENCE = 5.0


@dataclass(frozen=True)
class Wish:
    """What a lab shall be. `tools`: program name -> path; `timeout`: seconds for each step."""

    tools: Mapping[str, str]
    versions: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2
    timeout: float = 60.0

    def __post_init__(self) -> None:
        missing = sorted(set(control_plane.TOOLS) - set(self.tools))
        if missing:
            raise LabError(f"no program given for {', '.join(missing)}")


@dataclass(frozen=True)
class Outcome:
    """What a converge did: the names of processes and nodes."""

    started: Sequence[str] = ()
    restarted: Sequence[str] = ()
    nodes_added: Sequence[str] = ()
    warnings: Sequence[str] = ()

    @property
    def changed(self) -> bool:
        return bool(self.started or self.restarted or self.nodes_added)


class Lab:
    """A lab that exists. Methods take the lab's lock, so that several programs may call them."""

    def __init__(self, paths: LabPaths, record: dict[str, Any]) -> None:
        self.paths = paths
        self.record = record

    @classmethod
    def load(cls, name: str, cache: Cache | None = None) -> Lab:
        """The lab called `name`; LabError if there is none."""
        paths = (cache or Cache.default()).lab(name)
        record = read_record(paths)
        if record is None:
            raise LabError(f"there is no lab {name!r} ({paths.record} is missing); create it first")
        return cls(paths, record)

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = self.record["ports"]
        return ports

    @property
    def addresses(self) -> dict[str, str]:
        addresses: dict[str, str] = self.record["addresses"]
        return addresses

    @property
    def processes(self) -> dict[str, Process]:
        """All recorded processes, in the order of their first start."""
        records = self.record["processes"]
        return {name: Process.from_record(name, entry) for name, entry in records.items()}

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Trusts the lab's authority; for readiness checks."""
        return tls_context(self.paths.pki / "ca.crt")

    def api(self) -> Api:
        """A connection to the apiserver as cluster admin."""
        admin = Pair.at(self.paths.pki, "admin")
        return Api(self.addresses["apiserver"], tls_context(self.paths.pki / "ca.crt", admin))

    def process(self, name: str) -> Process:
        try:
            return self.processes[name]
        except KeyError:
            known = ", ".join(self.processes)
            raise LabError(f"lab {self.paths.name!r} has no process {name!r}; it has {known}") from None

    def running(self, name: str) -> bool:
        return self.process(name).running

    def start(self, name: str, timeout: float = 60.0) -> bool:
        """Start a recorded process as recorded and wait until it is ready; False if it runs."""
        with self._editing():
            process = self.process(name)
            if process.running:
                return False
            self._launch_or_give_up(process, timeout)
            return True

    def stop(self, name: str, grace: float = 10.0) -> bool:
        """Stop a process until someone starts it again; False if it does not run."""
        with self._editing():
            process = self.process(name)
            self._note(replace(process, wanted=False))
            return bool(processes.stop([process], grace))

    def ensure(self, process: Process, timeout: float = 60.0, restart: bool = False) -> bool:
        """See that `process` runs as given; restart it if it differs or `restart`. True if started."""
        if process.name in control_plane.TOOLS:
            raise LabError(f"{process.name} belongs to the control plane: choose another name")
        with self._editing():
            if not restart and not self.differs(process):
                return False
            known = self.processes.get(process.name)
            if known:
                processes.stop([known])
            self._launch_or_give_up(process, timeout)
            return True

    def _launch_or_give_up(self, process: Process, timeout: float) -> None:
        """One that does not become ready is stopped again, and no longer wanted: neither may it pass for
        up the next time, nor may it keep the rest of the lab from coming up."""
        try:
            self._refuse_impostor(process)
            self._launch(process)
            self._await([process.name], timeout)
        except LabError:
            self._give_up(process.name)
            raise

    def _refuse_impostor(self, process: Process) -> None:
        """Nothing may answer at its address yet: that would pass for its readiness."""
        if process.ready_url and processes.ready(process, self.tls):
            raise LabError(f"{process.ready_url} answers although {process.name} does not run: the port is taken")

    def _give_up(self, name: str) -> None:
        known = self.processes.get(name)
        if known:
            processes.stop([known])
            self._note(replace(known, wanted=False))
            self._save()

    def differs(self, process: Process) -> bool:
        """Whether `ensure` would have to do something."""
        known = self.processes.get(process.name)
        return known is None or not known.running or not known.same_as(process)

    def reserve_ports(self, names: Sequence[str]) -> dict[str, int]:
        """A port of its own for each name, the same at every call."""
        with self._editing():
            self.ports.update(new_ports(self.paths, [name for name in names if name not in self.ports]))
            return {name: self.ports[name] for name in names}

    @contextmanager
    def _editing(self) -> Iterator[None]:
        """Hold the lock around a change of the record, on the newest state of it."""
        with locked(self.paths.lock):
            self.record = read_record(self.paths) or self.record
            yield
            self._save()

    def _save(self) -> None:
        write_record(self.paths, self.record)

    def _note(self, process: Process) -> None:
        self.record["processes"][process.name] = process.record()

    def _launch(self, process: Process) -> None:
        """Start it and record it at once, so that no interruption leaves it unknown."""
        processes.trim_log(process)
        log = process.log or str(self.paths.log(process.name))
        mark = {processes.MARKER: str(self.paths.folder)}
        marked = replace(process, log=log, environment={**process.environment, **mark})
        started = processes.spawn(marked)
        self._note(replace(started, environment=process.environment))
        self._save()

    def _await(self, names: Sequence[str], timeout: float) -> None:
        known = self.processes
        is_ready = partial(processes.ready, tls=self.tls)
        processes.wait_ready([known[name] for name in names], timeout, is_ready)


def exists(name: str, cache: Cache | None = None) -> bool:
    return (cache or Cache.default()).lab(name).folder.exists()


def plan(name: str, wish: Wish, cache: Cache | None = None) -> list[str]:
    """The names of the processes that `converge` would start or restart; touches nothing."""
    paths = (cache or Cache.default()).lab(name)
    record = read_record(paths)
    if record is None:
        return list(control_plane.TOOLS)
    lab = Lab(paths, record)
    wanted = control_plane.processes(paths, lab.ports, wish.tools)
    core = [process.name for process in wanted.values() if lab.differs(process)]
    return core + [process.name for process in _extras(lab) if not process.running]


def converge(name: str, wish: Wish, cache: Cache | None = None) -> tuple[Lab, Outcome]:
    """Bring the lab up, or repair it: start what is missing, dead, deaf or differs from the wish."""
    paths = (cache or Cache.default()).lab(name)
    with locked(paths.lock):
        known = read_record(paths)
        refuse_other_provider(paths, known, EMBEDDED)
        lab = Lab(paths, known or _new_record(paths))
        _complete(lab)
        lab._save()  # at once, for a lab that is made at the same moment to see which ports are taken
        lab.record["bin"] = dict(wish.tools)
        if wish.versions:
            lab.record["versions"] = dict(wish.versions)
        ensure_pki(paths.pki)
        stale = control_plane.write_configuration(paths, lab.ports)
        lab._save()
        return lab, _bring_up(lab, wish, stale)


def _bring_up(lab: Lab, wish: Wish, stale: set[str]) -> Outcome:
    before = {name for name, process in lab.processes.items() if process.pid}
    wanted = control_plane.processes(lab.paths, lab.ports, wish.tools)
    first, second, last = ([wanted[name] for name in wave] for wave in control_plane.WAVES)
    launched = _ensure_wave(lab, first, stale, wish.timeout)
    launched += _ensure_wave(lab, second, stale, wish.timeout)
    with lab.api() as api:
        if launched:
            cluster_objects.allow_kwok(api)
        kubernetes = wish.versions.get("kubernetes", "")
        members = cluster_objects.nodes(lab.paths.name, wish.workers, kubernetes)
        added = cluster_objects.ensure_nodes(api, members)
        launched += _ensure_wave(lab, last, stale, wish.timeout)
        revived, warnings = _revive_extras(lab, wish.timeout)
        launched += revived
        if launched or added:
            cluster_objects.wait_schedulable(api, wish.timeout)
        cluster_objects.allow_readers(api)
    return Outcome(
        started=[name for name in launched if name not in before],
        restarted=[name for name in launched if name in before],
        nodes_added=added,
        warnings=warnings,
    )


def _extras(lab: Lab) -> list[Process]:
    """What others have added with `ensure`, not stopped since, and what has not ended as it was meant to."""
    added = [process for name, process in lab.processes.items() if name not in control_plane.TOOLS]
    return [process for process in added if process.wanted and (process.revive or process.running)]


def _revive_extras(lab: Lab, timeout: float) -> tuple[list[str], list[str]]:
    """Start again what has died of them; return their names, and warnings about those that refuse.

    A cluster is up without them, and whoever added one is about to say anew how to run it.
    """
    revived, warnings = [], []
    for process in _extras(lab):
        try:
            revived += _ensure_wave(lab, [process], set(), timeout)
        except LabError as error:
            lab._give_up(process.name)
            warnings.append(f"process {process.name} of lab {lab.paths.name!r} is not started again: {error}")
    return revived, warnings


def _ensure_wave(lab: Lab, wave: Sequence[Process], stale: set[str], timeout: float) -> list[str]:
    """See that all of `wave` run and are ready; return the names of those that were started."""
    launch = [p for p in wave if p.name in stale or lab.differs(p)]
    deaf = _deaf(lab, [p for p in wave if p not in launch])
    known = lab.processes
    processes.stop([known[p.name] for p in launch if p.name in known])
    # These are unlikely to hear SIGTERM either.
    processes.stop([known[p.name] for p in deaf], grace=2.0)
    launch += deaf
    for process in launch:
        _check_ports(lab, process.name)
        lab._launch(process)
    for process in wave:
        processes.trim_log(process)
    names = [process.name for process in launch]
    lab._await(names, timeout)
    return names


def _deaf(lab: Lab, wave: Sequence[Process]) -> list[Process]:
    """Those that run but do not become ready in a while, such as an apiserver that lost its etcd."""
    deaf = []
    for process in wave:
        try:
            lab._await([process.name], _PATIENCE)
        except LabError:
            deaf.append(process)
    return deaf


def _check_ports(lab: Lab, process: str) -> None:
    for name, port in lab.ports.items():
        if (name == process or name.startswith(f"{process}-")) and not processes.port_is_free(port):
            raise LabError(
                f"port {port} on 127.0.0.1, which lab {lab.paths.name!r} keeps for {name}, is taken by "
                "another program; end that program, or destroy the lab and create it anew"
            )


def destroy(name: str, cache: Cache | None = None, grace: float = 3.0) -> bool:
    """Stop all that the lab has started, remove its folder; False if there is no such lab.

    Works on half a lab: without a readable lab.json, its processes are known by their mark.
    """
    paths = (cache or Cache.default()).lab(name)
    with locked(paths.lock):
        there = paths.folder.exists()  # seen under the lock: somebody else may be destroying it just now
        if there:
            _end_all(paths, grace)
            shutil.rmtree(paths.folder)
        paths.lock.unlink()
    return there


def _end_all(paths: LabPaths, grace: float) -> None:
    known = _known_processes(paths)
    base = ("kube-apiserver", "etcd")
    processes.stop([process for key, process in known.items() if key not in base], grace)
    for key in base:
        processes.stop([known[key]] if key in known else [], grace)
    processes.stop(processes.marked(paths.folder), grace)


def _known_processes(paths: LabPaths) -> dict[str, Process]:
    try:
        record = read_record(paths) or {"processes": {}}
    except LabError:
        return {}  # damaged
    refuse_other_provider(paths, record, EMBEDDED)
    return Lab(paths, record).processes


def _new_record(paths: LabPaths) -> dict[str, Any]:
    ports = new_ports(paths, control_plane.PORTS)
    addresses = control_plane.addresses(ports)
    return new_record(paths, EMBEDDED, ports=ports, addresses=addresses, network=_free_network(paths))


def _complete(lab: Lab) -> None:
    """Give a lab of an older version what its record lacks."""
    missing = [name for name in control_plane.PORTS if name not in lab.ports]
    if missing:
        lab.ports.update(new_ports(lab.paths, missing))
        lab.record["addresses"] = control_plane.addresses(lab.ports)
    lab.record.setdefault("network", _free_network(lab.paths))


def _free_network(paths: LabPaths) -> str:
    """A network for its pods that no other lab uses; it begins anywhere, so that two at once rarely meet."""
    taken = set(recorded(paths, "network"))
    candidates = random.sample(pod_network.NETWORKS, len(pod_network.NETWORKS))
    for network in candidates:
        if network not in taken and pod_network.is_free(network):
            return network
    raise LabError(f"all {len(candidates)} networks for pods are taken by other labs; destroy some of them")
