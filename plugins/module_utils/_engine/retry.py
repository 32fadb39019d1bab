# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that are repeated while that may help."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from .._cluster.errors import ClusterError, Transient
from .._cluster.resources import READ_TIMEOUT
from .ports import Clock

T = TypeVar("T")

# A server that was never reached is more likely a wrong address than a restart.
FIRST_CONTACT_SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# Seconds that a repeated request has at least: its "no answer in time" would hide why the one before it failed.
TIME_TO_ANSWER = 0.5
# Seconds for the last look at the deadline, which is over when it is taken.
LAST_LOOK = 1.0


class Patience:
    """Repeats a request on transient errors, with jitter, until the deadline of the task, ``seconds`` from now."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._started = clock.monotonic()
        self._deadline = self._started + seconds
        self._in_touch = False
        self._pause = FIRST_PAUSE

    @property
    def elapsed(self) -> float:
        """Seconds since the task began."""
        return self._clock.monotonic() - self._started

    @property
    def remaining(self) -> float:
        """Seconds to the deadline; negative after it."""
        return self._deadline - self._clock.monotonic()

    @property
    def request_timeout(self) -> float:
        """Seconds that one request may take: never past the deadline, but enough to be answered at all."""
        return max(0.1, min(READ_TIMEOUT, self.remaining))

    def call(self, request: Callable[[float], T]) -> T:
        """The answer of ``request(timeout)``. Raises its last Transient error when time is up, others at once."""
        interrupted = False
        while True:
            try:
                answer = request(self.request_timeout)
            except Transient as error:
                self.pause(error)
                interrupted = True
            else:
                self.answered(recovered=interrupted)
                return answer

    def last_look(self, request: Callable[[float], T]) -> T:
        """The answer of ``request(timeout)`` after the deadline.

        The connection may have been idle for so long that something between has cut it. That shows at once, and is no
        reason to know nothing: then it is asked once more.
        """
        began = self._clock.monotonic()
        try:
            return request(LAST_LOOK)
        except Transient:
            left = LAST_LOOK - (self._clock.monotonic() - began)
            if left < LAST_LOOK / 2:
                raise
            return request(left)

    def answered(self, *, recovered: bool = True) -> None:
        """Someone is there: from now on silence is an interruption and not a wrong address.

        ``recovered``: it is what has failed before that went well, so the next pause is a short one again. Where only
        writes fail, such as without an admission webhook, the reads between them are no reason to hurry.
        """
        self._in_touch = True
        if recovered:
            self._pause = FIRST_PAUSE

    def pause(self, error: ClusterError) -> None:
        """Wait before the next try; raises ``error`` when there is no time for one."""
        there = self._in_touch or _is_busy(error)
        last_try = self._deadline - TIME_TO_ANSWER
        limit = last_try if there else min(last_try, self._started + FIRST_CONTACT_SECONDS)
        wish = getattr(error, "retry_after", None) or random.uniform(self._pause / 2, self._pause)
        if self._clock.monotonic() + wish >= limit:
            raise error if self._in_touch or not isinstance(error, Transient) else _with_remedy(error)
        self._clock.sleep(wish)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def _is_busy(error: ClusterError) -> bool:
    """Whether a server said that it, or the one behind it, cannot answer now: no wrong address."""
    return error.status == 429 or error.status >= 500


def _with_remedy(error: Transient) -> Transient:
    """What to do about a server that never gave a good answer: perhaps it is the wrong one."""
    if _is_busy(error):
        remedy = "look at the apiserver and at what stands in front of it, then try again"
    else:
        remedy = "check host or the context of the kubeconfig, the network, and that the apiserver runs"
    return Transient(f"{error}; {remedy}", error.status, error.retry_after)
