# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine needs of the world outside.

The real ones are in ``_cluster`` and ``_prometheus``, tests bring their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from .._analysis.samples import Answer
from .._cluster.events import Event
from .._cluster.resources import Object, Resource


class FeedPort(Protocol):
    """The versions of one object as they come."""

    def next(self, timeout: float) -> Event | None:
        """The next event, or None after ``timeout`` seconds without one, or once ``wake`` was called."""

    def wake(self) -> None:
        """Let a ``next`` return that waits, or the one that follows."""


class ClusterPort(Protocol):
    """See ``_cluster.cluster.Cluster``."""

    @property
    def host(self) -> str:
        """The apiserver's address."""

    def time(self) -> datetime | None:
        """The apiserver's clock, to the second; None when it is not known."""

    def get(self, resource: Resource, namespace: str, name: str, timeout: float = ...) -> Object:
        """One object."""

    def list(
        self, resource: Resource, namespace: str, query: Mapping[str, str] | None = None, timeout: float = ...
    ) -> Object:
        """A list object."""

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        content_type: str,
        subresource: str = "",
        dry_run: bool = False,
        timeout: float = ...,
    ) -> Object:
        """The object after the patch."""

    def apply(
        self, resource: Resource, body: Object, *, force: bool = False, dry_run: bool = False, timeout: float = ...
    ) -> Object:
        """The object after a server-side apply."""

    def create(self, resource: Resource, body: Object, *, dry_run: bool = False, timeout: float = ...) -> Object:
        """The object as it was created."""

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        foreground: bool = False,
        dry_run: bool = False,
        timeout: float = ...,
    ) -> None:
        """Delete one object."""

    def feed(
        self, resource: Resource, start: Object, then: Callable[[], None] = ...
    ) -> AbstractContextManager[FeedPort]:
        """The versions that follow ``start``; ``then`` is called, in any thread, when there is an event more."""


class PrometheusPort(Protocol):
    """See ``_prometheus.client.Prometheus``."""

    def instant(self, query: str, time: float | None = None) -> Answer:
        """The value at one moment."""

    def range(self, query: str, start: float, end: float, step: float) -> Answer:
        """The values of a span."""


class Clock(Protocol):
    """Time. ``monotonic`` in seconds for deadlines, ``now`` in UTC for what people read."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def now(self) -> datetime:
        """The time of day."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
