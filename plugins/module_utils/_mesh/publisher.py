# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hands translations to Envoy, by files that it watches, in an order that leaves no request without a cluster."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._lab.files import write_if_changed
from .bootstrap import bootstrap
from .listeners import listeners
from .objects import Tree
from .routes import MESH
from .snapshot import Snapshot, discovery
from .virtual_hosts import INGRESS

# The statistic in which Envoy tells the version of a file that it has taken over.
_VERSIONS = {
    "clusters": "cluster_manager.cds.version_text",
    "listeners": "listener_manager.lds.version_text",
    f"routes-{MESH}": f"http.{MESH}.rds.{MESH}.version_text",
    f"routes-{INGRESS}": f"http.{INGRESS}.rds.{INGRESS}.version_text",
}
# Seconds. Envoy takes a file over within a few milliseconds, or refuses it.
_PATIENCE = 1.0
_PAUSE = 0.005


@dataclass(frozen=True)
class Ports:
    """On 127.0.0.1."""

    mesh: int
    ingress: int
    admin: int


class Envoy:
    """Its admin interface."""

    def __init__(self, port: int) -> None:
        self._port = port

    def versions(self) -> dict[str, str] | None:
        """The version of each file that it has taken over; None while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        try:
            connection.request("GET", "/stats?format=json&type=TextReadouts&filter=version_text")
            stats = json.load(connection.getresponse())["stats"]
        except (OSError, http.client.HTTPException, ValueError, LookupError):
            return None
        finally:
            connection.close()
        values = {item["name"]: item["value"] for item in stats}
        return {name: values[statistic] for name, statistic in _VERSIONS.items() if statistic in values}


@dataclass
class Publisher:
    """The files in `folder`. `written`: version and time (seconds since 1970) of each."""

    folder: Path
    envoy: Envoy
    written: dict[str, tuple[str, float]] = field(default_factory=dict)
    _clusters: dict[str, Tree] = field(default_factory=dict)

    def begin(self, ports: Ports) -> None:
        """Write what never changes, and read what an earlier translator has left to Envoy."""
        routes = {name: str(self._path(f"routes-{name}")) for name in (MESH, INGRESS)}
        start = bootstrap(self._path("clusters"), self._path("listeners"), ports.admin)
        write_if_changed(self._path("bootstrap"), json.dumps(start, indent=2) + "\n")
        self._write("listeners", listeners({MESH: ports.mesh, INGRESS: ports.ingress}, routes))
        self._clusters = _read(self._path("clusters"))

    def publish(self, snapshot: Snapshot) -> None:
        """Write what has changed.

        New clusters come before the routes that name them, and old ones go after the routes that named them.
        """
        added = snapshot.clusters.keys() - self._clusters.keys()
        removed = self._clusters.keys() - snapshot.clusters.keys()
        self._put_clusters({**self._clusters, **snapshot.clusters})
        if added:
            self._await("clusters")
        for name, configuration in snapshot.routes.items():
            self._write(f"routes-{name}", [configuration])
        if removed:
            self._await(*(f"routes-{name}" for name in snapshot.routes))
            self._put_clusters(snapshot.clusters)

    def _put_clusters(self, clusters: Mapping[str, Tree]) -> None:
        self._write("clusters", [clusters[name] for name in sorted(clusters)])
        self._clusters = dict(clusters)

    def _write(self, name: str, resources: list[Tree]) -> None:
        version, text = discovery(resources)
        if write_if_changed(self._path(name), text) or name not in self.written:
            self.written[name] = version, time.time()

    def _await(self, *names: str) -> None:
        """Until Envoy has taken over these files. It may be down, or refuse one: then there is nothing to wait for."""
        wanted = {name: self.written[name][0] for name in names}
        _eventually(lambda: self._done(wanted.items()))

    def _done(self, wanted: Iterable[tuple[str, str]]) -> bool:
        versions = self.envoy.versions()
        return versions is None or all(versions.get(name) == version for name, version in wanted)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    """The clusters in a file, by name; none if there is no such file, or not one of ours."""
    try:
        return {item["name"]: item for item in json.loads(path.read_text(encoding="utf-8"))["resources"]}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
