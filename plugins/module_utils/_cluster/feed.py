# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of one object as they come, over broken connections and restarted servers.

A thread reads the watch, so that the caller's waits end exactly at its deadline whatever the socket does.
"""

from __future__ import annotations

import json
import queue
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Protocol

import urllib3
from urllib3.exceptions import HTTPError

from .cause import cause
from .errors import ClusterError, Expired, Transient
from .events import Broken, Changed, Event, Gone, Interrupted
from .resources import Object, Resource

# A watch is renewed after this long, before most proxies cut it.
WATCH_SECONDS = 240
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Watchable(Protocol):
    """The two requests that a feed makes; see ``cluster.Cluster``."""

    def list(self, resource: Resource, namespace: str, query: Mapping[str, str] | None = None) -> Object:
        """A list object."""

    def watch(
        self, resource: Resource, namespace: str, name: str, resource_version: str, seconds: int
    ) -> AbstractContextManager[urllib3.BaseHTTPResponse]:
        """An open watch on it."""


class Feed:
    """Watches one object. Use as a context manager; ``next`` hands out the events in order."""

    def __init__(self, cluster: Watchable, resource: Resource, start: Object) -> None:
        self._cluster, self._resource = cluster, resource
        self._namespace: str = start["metadata"]["namespace"]
        self._name: str = start["metadata"]["name"]
        self._uid: str = start["metadata"]["uid"]
        self._version: str = start["metadata"]["resourceVersion"]
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._wake: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name=f"watch {self._name}", daemon=True)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing a response that another thread reads would wait for its next byte; shutdown wakes the reader.
        self._stop.set()
        with suppress(ValueError, OSError, RuntimeError):  # the response has ended by itself
            self._wake()

    def next(self, timeout: float) -> Event | None:
        """The next event, or None when none came within ``timeout`` seconds."""
        try:
            return self._events.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return None

    def _run(self) -> None:
        try:
            self._follow()
        except ClusterError as error:
            self._events.put(Broken(error))
        except Exception as error:
            # Such as a login command that crashed. A feed that falls silent would look like an object at rest.
            self._events.put(Broken(ClusterError(f"the watch of {self._name} failed: {cause(error)}")))

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                for event in self._watch():
                    self._events.put(event)
                    pause = FIRST_PAUSE
                    if isinstance(event, Gone):
                        return
                # The server ended the watch in good order; some proxies do so at once, which must not be a flood.
                self._stop.wait(random.uniform(FIRST_PAUSE / 2, FIRST_PAUSE))
                continue
            except Expired:
                # Nothing is wrong, the object is only older than what the server remembers; no need to be slow.
                delay = 0.0 if pause == FIRST_PAUSE else pause
            except Transient as error:
                self._interrupted(error)
                delay = pause
            if self._stop.wait(random.uniform(delay / 2, delay)):
                return
            pause = min(pause * 2, LONGEST_PAUSE)
            if not self._catch_up():
                return

    def _interrupted(self, error: Transient) -> None:
        if not self._stop.is_set():
            self._events.put(Interrupted(error))
            self._stop.wait(error.retry_after or 0.0)

    def _catch_up(self) -> bool:
        """Read the object after a gap in the events; False when the feed has ended.

        By a list, because only that has a version to watch from: the object's own may be too old.
        """
        query = {"fieldSelector": f"metadata.name={self._name}"}
        try:
            found = self._cluster.list(self._resource, self._namespace, query)
        except Transient:
            return True  # the next watch will say the same and wait longer
        event = self._changed(found["items"][0]) if found["items"] else Gone()
        self._version = found["metadata"]["resourceVersion"]
        self._events.put(event)
        return isinstance(event, Changed)

    def _changed(self, found: Object) -> Event:
        if found["metadata"]["uid"] != self._uid:
            return Gone()
        self._version = found["metadata"]["resourceVersion"]
        return Changed(found)

    def _watch(self) -> Iterator[Event]:
        """Events of one watch until the server ends it in good order."""
        watch = self._cluster.watch(self._resource, self._namespace, self._name, self._version, WATCH_SECONDS)
        with watch as response:
            self._wake = response.shutdown
            if self._stop.is_set():  # the feed was left while the watch was being opened
                return
            try:
                for line in _lines(response.stream(amt=None)):
                    yield from self._read(json.loads(line))
            except (HTTPError, OSError, ValueError, LookupError, TypeError) as error:
                # The last three: half a line of JSON, or what is no event.
                raise Transient(f"the watch broke: {cause(error)}") from error

    def _read(self, event: Object) -> Iterator[Event]:
        found = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                yield self._changed(found)
            case "DELETED":
                yield Gone()
            case "BOOKMARK":
                self._version = found["metadata"]["resourceVersion"]
            case "ERROR" if found.get("code") == 410:
                raise Expired(str(found.get("message", "")), 410)
            case "ERROR":
                raise Transient(str(found.get("message", "")), int(found.get("code") or 0))


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines of a stream of chunks; a half line at the end means a broken connection and is dropped."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line)
