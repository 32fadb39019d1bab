# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A live copy of some kinds of objects of the lab's cluster, for the lab's own programs.

One thread for each kind lists and then watches. Standard library only: such a program starts at once
and stays small.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from .errors import LabError

Object = dict[str, Any]

# Seconds. The server ends a watch after the first; a connection that says nothing for the second is dead,
# because a server sends a bookmark about once a minute.
_WATCH = 240
_SILENCE = 90
_PAUSES = (0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True)
class Kind:
    """A kind to copy, such as `Kind("apis/networking.istio.io/v1", "virtualservices")`.

    `optional`: that the server does not know it is as good as an empty list; it is asked again.
    """

    api: str
    plural: str
    optional: bool = False

    @property
    def path(self) -> str:
        return f"/{self.api}/{self.plural}"


PODS = Kind("api/v1", "pods")
SERVICES = Kind("api/v1", "services")


@dataclass(frozen=True)
class Server:
    """Where a kubeconfig of the lab points, and with which token."""

    host: str
    port: int
    tls: ssl.SSLContext
    token: str

    @classmethod
    def of(cls, kubeconfig: Path) -> Server:
        """Read a kubeconfig as `lab_kubeconfig` writes it for a ServiceAccount: JSON, with a token."""
        config = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        address = urlsplit(cluster["server"])
        tls = ssl.create_default_context(cadata=authority)
        return cls(address.hostname or "", address.port or 443, tls, user["token"])

    @contextmanager
    def get(self, path: str, query: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        headers = {"Accept": "application/json", "Connection": "close", "Authorization": f"Bearer {self.token}"}
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=_SILENCE)
        with closing(connection):
            connection.request("GET", f"{path}?{urlencode(query)}", headers=headers)
            with connection.getresponse() as response:
                yield response


class Mirror:
    """Use: `Mirror(server, kinds, changed).start()`, then `objects(kind)` whenever `changed` was called.

    `changed` is called in a thread of the mirror after each change, and once after each first list.
    """

    def __init__(self, server: Server, kinds: Sequence[Kind], changed: Callable[[], None]) -> None:
        self._server, self._changed = server, changed
        self._lock = threading.Lock()
        self._objects: dict[Kind, dict[str, Object]] = {kind: {} for kind in kinds}
        self._synced: set[Kind] = set()
        self._heard = time.monotonic()

    def start(self) -> Mirror:
        for kind in self._objects:
            threading.Thread(target=self._follow, args=(kind,), name=f"mirror {kind.plural}", daemon=True).start()
        return self

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed once."""
        return len(self._synced) == len(self._objects)

    @property
    def silence(self) -> float:
        """Seconds since the server last said anything."""
        return time.monotonic() - self._heard

    def objects(self, kind: Kind) -> list[Object]:
        """The objects of a kind, by namespace and name, without apiVersion and kind; not to be modified."""
        with self._lock:
            known = self._objects[kind]
            return [known[key] for key in sorted(known)]

    def _follow(self, kind: Kind) -> None:
        failures = 0
        while True:
            try:
                for _item in self._watch(kind, self._list(kind)):
                    failures = 0
            except (OSError, http.client.HTTPException, ValueError, LookupError, LabError):
                # Down, restarting, or too old a version: all are healed by another list.
                failures += 1
            time.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    def _list(self, kind: Kind) -> str:
        """Take over the whole list; return the version to watch from."""
        with self._server.get(kind.path, {}) as response:
            if response.status == 404 and kind.optional:
                self._take(kind, {})
                raise LabError(f"the server does not know {kind.plural} yet")
            if response.status != 200:
                raise LabError(f"GET {kind.path} is answered with {response.status}")
            answer = json.load(response)
        self._take(kind, {_key(found): _bare(found) for found in answer["items"] or []})
        version: str = answer["metadata"]["resourceVersion"]
        return version

    def _take(self, kind: Kind, found: dict[str, Object]) -> None:
        with self._lock:
            same = kind in self._synced and self._objects[kind] == found
            self._objects[kind] = found
            self._synced.add(kind)
        self._heard = time.monotonic()
        if not same:
            self._changed()

    def _watch(self, kind: Kind, version: str) -> Iterator[None]:
        query = {"watch": "1", "allowWatchBookmarks": "1", "resourceVersion": version, "timeoutSeconds": str(_WATCH)}
        with self._server.get(kind.path, query) as response:
            if response.status != 200:
                raise LabError(f"the watch of {kind.path} is answered with {response.status}")
            for line in response:
                self._heard = time.monotonic()
                self._apply(kind, json.loads(line))
                yield

    def _apply(self, kind: Kind, event: Object) -> None:
        found = event["object"]
        if event["type"] == "ERROR":
            raise LabError(str(found.get("message", "")))
        if event["type"] == "BOOKMARK":
            return
        with self._lock:
            if event["type"] == "DELETED":
                self._objects[kind].pop(_key(found), None)
            else:
                self._objects[kind][_key(found)] = _bare(found)
        self._changed()


def _key(found: Object) -> str:
    metadata = found["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def _bare(found: Object) -> Object:
    """The same from a list, which does not repeat these for each item of a built-in kind, as from a watch."""
    return {key: value for key, value in found.items() if key not in ("apiVersion", "kind")}
