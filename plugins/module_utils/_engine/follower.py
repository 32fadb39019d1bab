# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows one rollout version by version, and notices when nobody works on it."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType

from .._cluster.errors import ClusterError
from .._cluster.events import Broken, Changed, Gone, Interrupted
from .._cluster.resources import ROLLOUT, Object
from .._model.durations import format_seconds
from .._model.observed import overdue, stale_counts
from .._model.waiting import ANALYSING, DEADLINE, PERSON, PODS, waiting_for
from .._verbs.plan import Snapshot
from .measurements import Onlooker
from .outcome import Stop, unreachable
from .ports import Clock, ClusterPort, FeedPort
from .reader import Reader
from .retry import Patience
from .timeline import Contact, Timeline

# A running controller answers within a second. After this long without an answer it is worth a line,
TELL_AFTER = 10.0
# and at a deadline this long is enough to say who is to blame.
BLAME_AFTER = 3.0
# How often to look whether something is overdue while no event comes.
TICK = 5.0


def check_controller(kind: str) -> str:
    """What to do about an object of that kind that no controller works on."""
    return (
        "check that the argo-rollouts controller runs, watches this namespace, and that its --instance-id matches the "
        f"label argo-rollouts.argoproj.io/controller-instance-id of the {kind}"
    )


MORE_TIME = "Give it more time with wait_timeout"
_REMEDIES = {
    PERSON: "Look at the canary; then rollout_promote passes the gate, rollout_abort gives up",
    ANALYSING: f"{MORE_TIME}; analysis_wait shows what it measures",
    PODS: f"{MORE_TIME}, or look at the pods of the new ReplicaSet",
}


class Follower:
    """Opens the watch at the first wait, so that a task that need not wait makes no such request."""

    def __init__(
        self, cluster: ClusterPort, clock: Clock, patience: Patience, reader: Reader, timeline: Timeline
    ) -> None:
        self._cluster, self._clock, self._patience = cluster, clock, patience
        self._reader, self._timeline = reader, timeline
        self._onlooker = Onlooker(cluster, timeline)
        self._started = clock.monotonic()
        self._context: AbstractContextManager[FeedPort] | None = None
        self._feed: FeedPort | None = None
        self._contact = Contact(cluster.host, timeline)
        self._overdue_since: float | None = None
        self._last_news = self._started
        self._told = False

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._onlooker.__exit__(kind, error, trace)
        if self._context is not None:
            self._context.__exit__(kind, error, trace)

    def next(
        self,
        snapshot: Snapshot,
        waiting: str,
        history: bool = False,
        until: datetime | None = None,
        at_most: float = math.inf,
    ) -> Snapshot:
        """The next version after ``snapshot``; the same one at the time ``until``, when something may be due, or after
        ``at_most`` seconds.

        Raises Stop at the deadline, or when the object is gone.
        """
        feed = self._open(snapshot)
        self._onlooker.look(snapshot.rollout, feed, self._patience.remaining)
        wakes = min(self._moment(until), self._clock.monotonic() + at_most)
        while self._clock.monotonic() < wakes:
            self._watch_controller(snapshot)
            self._onlooker.tell()
            self._timeline.beat(waiting)
            if self._patience.remaining <= 0:
                raise self._out_of_time(snapshot, waiting)
            found = self._news(feed, wakes, snapshot, waiting)
            if found is not None and _is_newer(found, snapshot):
                return self._reader.of(found, history)
        return self._reader.of(dict(snapshot.rollout.raw), history)

    def _news(self, feed: FeedPort, wakes: float, snapshot: Snapshot, waiting: str) -> Object | None:
        """The object of the next event; None when there was none for a while, or another one."""
        pause = min(TICK, self._patience.remaining, wakes - self._clock.monotonic())
        match feed.next(pause):
            case Changed(object=found):
                self._last_news = self._clock.monotonic()
                self._contact.is_back()
                return found
            case Gone():
                text = f"{snapshot.rollout.label} was deleted while the task waited"
                raise Stop("deleted", f"{text} ({waiting}); find out who deleted it before creating it again")
            case Interrupted(error=error):
                self._contact.is_lost(error)
            case Broken(error=error):
                raise error
        return None

    def _moment(self, until: datetime | None) -> float:
        """That time on the monotonic clock; never, when it is over."""
        seconds = (until - self._clock.now()).total_seconds() if until else 0.0
        return self._clock.monotonic() + seconds if seconds > 0 else math.inf

    def _open(self, snapshot: Snapshot) -> FeedPort:
        if self._feed is None:
            self._context = self._cluster.feed(ROLLOUT, dict(snapshot.rollout.raw))
            self._feed = self._context.__enter__()
        return self._feed

    def _watch_controller(self, snapshot: Snapshot) -> None:
        """Note when the controller starts to owe something, and say so once it owes it for long."""
        debt = "" if self._contact.lost else overdue(snapshot.rollout, snapshot.workload, self._clock.now())
        if not debt:
            self._overdue_since, self._told = None, False
            return
        if self._overdue_since is None:
            self._overdue_since = self._clock.monotonic()
        if not self._told and self._clock.monotonic() - self._overdue_since >= TELL_AFTER:
            self._told = True
            self._timeline.note("controller_absent", f"{debt}; {check_controller(ROLLOUT.kind)}")

    def _out_of_time(self, snapshot: Snapshot, waiting: str) -> Stop:
        elapsed = format_seconds(round(self._clock.monotonic() - self._started, 1))
        text = f"{snapshot.rollout.label}: no success within {elapsed}, {waiting}"
        if self._contact.lost is not None:
            return unreachable(text, self._contact.lost)
        absent = self._controller_absent(snapshot)
        if absent:
            text = f"{text}. The controller does not react: {absent}"
            return Stop("controller_absent", f"{text}; {check_controller(ROLLOUT.kind)}")
        state = waiting_for(snapshot.rollout, snapshot.observed).state
        if state == DEADLINE:
            return Stop("progress_deadline", text)
        return Stop("timeout", f"{text}. {_REMEDIES.get(state, MORE_TIME)}")

    def _controller_absent(self, snapshot: Snapshot) -> str:
        """What proves at the deadline that no controller works on the object; empty when nothing does."""
        since = self._overdue_since
        if since is not None and self._clock.monotonic() - since >= BLAME_AFTER:
            return overdue(snapshot.rollout, snapshot.workload, self._clock.now())
        if self._clock.monotonic() - self._last_news < BLAME_AFTER:
            return ""
        try:
            return stale_counts(snapshot.rollout, self._reader.replica_sets(snapshot.rollout))
        except ClusterError:
            return ""


def _is_newer(found: Object, snapshot: Snapshot) -> bool:
    """Whether an event is past what we have: our own write may be ahead of the watch.

    The numbers are only compared when both are numbers, as every apiserver on etcd writes them.
    """
    version, known = found["metadata"]["resourceVersion"], snapshot.rollout.resource_version
    return not (version.isdecimal() and known.isdecimal()) or int(version) > int(known)
