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
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from enum import Enum
from types import TracebackType
from typing import Protocol

from .cause import cause
from .errors import ClusterError, Expired, Transient
from .events import Broken, Changed, Event, Gone, Interrupted
from .libraries import HTTPError, urllib3
from .resources import Object, Resource

# A watch is renewed after this long, before most proxies cut it.
WATCH_SECONDS = 240
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class _Cut(Transient):
    """The connection of an open watch broke."""


class _End(Enum):
    """How a watch ended."""

    GONE = "the object was deleted"
    GOOD = "by the server, in good order"
    EXPIRED = "older than what the server remembers"
    # Proxies do it to quiet connections. It is worth a word when the server does not answer either.
    CUT = "the connection broke"
    FAILED = "refused, or not understood"


class Watchable(Protocol):
    """The two requests that a feed makes; see ``cluster.Cluster``."""

    def list(self, resource: Resource, namespace: str, query: Mapping[str, str] | None = None) -> Object:
        """A list object."""

    def watch(
        self, resource: Resource, namespace: str, name: str, resource_version: str, seconds: int
    ) -> AbstractContextManager[urllib3.BaseHTTPResponse]:
        """An open watch on it."""


class Feed:
    """Watches one object. Use as a context manager; ``next`` hands out the events in order.

    ``then`` is called in the feed's own thread whenever there is an event more to hand out.
    """

    def __init__(
        self, cluster: Watchable, resource: Resource, start: Object, then: Callable[[], None] = lambda: None
    ) -> None:
        self._cluster, self._resource, self._then = cluster, resource, then
        self._namespace: str = start["metadata"]["namespace"]
        self._name: str = start["metadata"]["name"]
        self._uid: str = start["metadata"]["uid"]
        self._version: str = start["metadata"]["resourceVersion"]
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._shut: Callable[[], None] = lambda: None
        self._pause = FIRST_PAUSE
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
            self._shut()

    def next(self, timeout: float) -> Event | None:
        """The next event, or None when none came within ``timeout`` seconds, or ``wake`` was called."""
        try:
            return self._events.get(timeout=max(timeout, 0.0))
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Let a ``next`` return that waits, or the one that follows: there is something else to look at."""
        self._events.put(None)

    def _hand_out(self, event: Event) -> None:
        self._events.put(event)
        self._then()

    def _run(self) -> None:
        try:
            self._follow()
        except ClusterError as error:
            self._hand_out(Broken(error))
        except Exception as error:
            # Such as a login command that crashed. A feed that falls silent would look like an object at rest.
            self._hand_out(Broken(ClusterError(f"the watch of {self._name} failed: {cause(error)}")))

    def _follow(self) -> None:
        while not self._stop.is_set():
            opened = time.monotonic()
            end = self._read_watch()
            if end is _End.GONE:
                return
            lasted = time.monotonic() - opened > LONGEST_PAUSE
            if lasted or end is _End.GOOD:
                self._pause = FIRST_PAUSE
            # Also after a good end: some proxies end a watch at once, which must not become a flood. But what has
            # expired is only older than what the server remembers; no need to be slow.
            delay = 0.0 if end is _End.EXPIRED and self._pause == FIRST_PAUSE else self._pause
            if self._stop.wait(random.uniform(delay / 2, delay)):
                return
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            # After a long watch also when it ended well: an event may have got lost.
            if (lasted or end is not _End.GOOD) and not self._catch_up(tell=end is not _End.FAILED):
                return

    def _read_watch(self) -> _End:
        """Hand the events of one watch out, and say how it ended."""
        try:
            for event in self._watch():
                self._hand_out(event)
                self._pause = FIRST_PAUSE
                if isinstance(event, Gone):
                    return _End.GONE
        except Expired:
            return _End.EXPIRED
        except _Cut:
            return _End.CUT
        except Transient as error:
            self._interrupted(error)
            return _End.FAILED
        return _End.GOOD

    def _interrupted(self, error: Transient) -> None:
        if not self._stop.is_set():
            self._hand_out(Interrupted(error))
            self._stop.wait(error.retry_after or 0.0)

    def _catch_up(self, tell: bool) -> bool:
        """Read the object after a gap in the events; False when the feed has ended.

        ``tell`` that the server does not answer, unless the watch has told so already.
        By a list, because only that has a version to watch from: the object's own may be too old.
        """
        query = {"fieldSelector": f"metadata.name={self._name}"}
        try:
            found = self._cluster.list(self._resource, self._namespace, query)
        except Transient as error:
            if tell:
                self._interrupted(error)
            return True  # what was missed is read after the next watch has failed too, or by it
        event = self._changed(found["items"][0]) if found["items"] else Gone()
        self._version = found["metadata"]["resourceVersion"]
        self._hand_out(event)
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
            self._shut = response.shutdown
            if self._stop.is_set():  # the feed was left while the watch was being opened
                return
            try:
                for line in _lines(response.stream(amt=None)):
                    yield from self._read(json.loads(line))
            except (HTTPError, OSError) as error:
                raise _Cut(f"the watch broke: {cause(error)}") from error
            except (ValueError, LookupError, TypeError) as error:
                raise Transient(f"the watch brings what is no event: {cause(error)}") from error

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
