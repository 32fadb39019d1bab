# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patience: requests are repeated while that may help, and never past the deadline."""

from __future__ import annotations

from contextlib import suppress

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import READ_TIMEOUT
from ansible_collections.progressive.delivery.plugins.module_utils._engine.retry import (
    FIRST_CONTACT_SECONDS,
    LONGEST_PAUSE,
    TIME_TO_ANSWER,
    Patience,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.wait import Wait
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakes import FakeClock, FakeCluster, run
from tests.unit.support import canary

HEALTHY = Wait(Goal(Until.HEALTHY))
NO_ANSWER = Transient("cannot reach https://cluster.test: connection refused")


class Server:
    """Fails so many times, then answers; notes when it was asked, and how much time it was given."""

    def __init__(self, clock: FakeClock, failures: int, error: ClusterError = NO_ANSWER) -> None:
        self.clock, self.failures, self.error = clock, failures, error
        self.asked: list[float] = []
        self.limits: list[float] = []

    def __call__(self, limit: float) -> str:
        self.asked.append(self.clock.elapsed)
        self.limits.append(limit)
        if len(self.asked) <= self.failures:
            raise self.error
        return "answer"

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.asked, self.asked[1:], strict=False)]


def patience(clock: FakeClock, seconds: float = 300) -> Patience:
    return Patience(clock, seconds)


def test_an_answer_is_an_answer() -> None:
    clock = FakeClock()
    server = Server(clock, 0)
    assert patience(clock).call(server) == "answer"
    assert (clock.elapsed, server.limits) == (0, [READ_TIMEOUT])


def test_a_transient_error_is_tried_again_with_growing_pauses_and_jitter() -> None:
    clock = FakeClock()
    calm = patience(clock)
    calm.answered()
    server = Server(clock, 12)
    assert calm.call(server) == "answer"
    for index, pause in enumerate(server.pauses):
        most = min(0.2 * 2**index, LONGEST_PAUSE)
        assert most / 2 <= pause <= most


def test_after_an_answer_the_pauses_are_short_again() -> None:
    clock = FakeClock()
    calm = patience(clock)
    calm.answered()
    calm.call(Server(clock, 8))
    server = Server(clock, 1)
    calm.call(server)
    assert server.pauses[0] <= 0.2


def test_an_answer_to_something_else_makes_no_pause_shorter() -> None:
    clock = FakeClock()
    calm = patience(clock)
    for _turn in range(8):
        calm.call(Server(clock, 0))
        calm.pause(NO_ANSWER)
    before = clock.elapsed
    calm.pause(NO_ANSWER)
    assert clock.elapsed - before >= LONGEST_PAUSE / 2


def test_another_error_is_raised_at_once() -> None:
    clock = FakeClock()
    with pytest.raises(Forbidden):
        patience(clock).call(Server(clock, 1, Forbidden("no", 403)))
    assert clock.elapsed == 0


def test_the_server_says_how_long_to_wait() -> None:
    clock = FakeClock()
    server = Server(clock, 2, Transient("busy", 429, retry_after=3.0))
    patience(clock).call(server)
    assert server.pauses == [3.0, 3.0]


def test_a_server_that_asks_for_more_than_is_left_is_given_up_at_once() -> None:
    clock = FakeClock()
    with pytest.raises(Transient, match="busy"):
        patience(clock, 60).call(Server(clock, 1, Transient("busy", 429, retry_after=120.0)))
    assert clock.elapsed == 0


def test_a_server_that_was_never_reached_is_more_likely_a_wrong_address() -> None:
    clock = FakeClock()
    with pytest.raises(Transient, match="connection refused") as caught:
        patience(clock, 3600).call(Server(clock, 10_000))
    assert FIRST_CONTACT_SECONDS - LONGEST_PAUSE <= clock.elapsed <= FIRST_CONTACT_SECONDS
    assert "check host or the context of the kubeconfig" in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_says_that_it_cannot_now_is_at_the_right_address(status: int) -> None:
    """It, or the gateway before it, is starting: that is waited for until the deadline."""
    clock = FakeClock()
    with pytest.raises(Transient, match="look at the apiserver and at what stands in front of it"):
        patience(clock, 100).call(Server(clock, 10_000, Transient("starting", status)))
    assert 100 - LONGEST_PAUSE - TIME_TO_ANSWER <= clock.elapsed <= 100


def test_the_first_contact_counts_from_the_start_of_the_task() -> None:
    clock = FakeClock()
    calm = patience(clock, 3600)
    clock.sleep(9.9)
    server = Server(clock, 10_000)
    with pytest.raises(Transient):
        calm.call(server)
    assert clock.elapsed <= FIRST_CONTACT_SECONDS


def test_a_server_that_was_reached_once_is_waited_for_until_the_deadline() -> None:
    clock = FakeClock()
    calm = patience(clock, 100)
    calm.call(Server(clock, 0))
    with pytest.raises(Transient, match=r"connection refused$"):
        calm.call(Server(clock, 10_000))
    assert 100 - LONGEST_PAUSE - TIME_TO_ANSWER <= clock.elapsed <= 100


@given(seconds=st.floats(0, 1000), failures=st.integers(0, 50), known=st.booleans())
def test_it_never_goes_past_the_deadline(seconds: float, failures: int, known: bool) -> None:
    clock = FakeClock()
    calm = patience(clock, seconds)
    if known:
        calm.answered()
    server = Server(clock, failures)
    with suppress(Transient):
        calm.call(server)
    assert clock.elapsed <= seconds
    assert len(server.asked) >= 1
    for asked, limit in zip(server.asked, server.limits, strict=True):
        # Enough to be answered at all, and otherwise no longer than what is left.
        assert 0.1 <= limit <= max(0.1, min(READ_TIMEOUT, seconds - asked) + 1e-6)
    # With less it would say that there was no answer in time, and hide why the one before it failed.
    assert all(limit > TIME_TO_ANSWER - 1e-6 for limit in server.limits[1:])


def test_a_last_look_over_a_connection_that_was_cut_is_taken_once_more() -> None:
    clock = FakeClock()
    server = Server(clock, 1)
    assert patience(clock).last_look(server) == "answer"
    assert server.limits == [1.0, 1.0]


def test_a_last_look_takes_no_longer_than_a_second() -> None:
    clock = FakeClock()
    asked: list[float] = []

    def silent(limit: float) -> str:
        asked.append(limit)
        clock.sleep(limit)
        raise NO_ANSWER

    with pytest.raises(Transient):
        patience(clock).last_look(silent)
    assert asked == [1.0]


def test_what_is_left_may_be_nothing() -> None:
    clock = FakeClock()
    calm = patience(clock, 5)
    clock.sleep(7)
    assert calm.remaining == pytest.approx(-2)
    assert calm.request_timeout == 0.1


# -- in a task


def test_a_task_reads_again_until_it_is_answered() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("get", Transient("503", 503), times=3)
    result = run(cluster, HEALTHY)
    assert cluster.asked == ["get rollouts/shop"] * 4
    assert result["reason"] == "healthy"


def test_a_task_on_an_unreachable_server_fails_within_ten_seconds() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("get", NO_ANSWER, times=10_000)
    result = run(cluster, HEALTHY, timeout=3600)
    assert (result["changed"], result["failed"], result["reason"]) == (False, True, "unreachable")
    assert 5 <= cluster.clock.elapsed <= 10
    assert "check host or the context of the kubeconfig" in result["msg"]
    assert result["rollout"] is None


def test_a_task_with_less_time_than_that_keeps_to_its_own_deadline() -> None:
    cluster = FakeCluster(canary())
    cluster.fail("get", NO_ANSWER, times=10_000)
    assert run(cluster, HEALTHY, timeout=2)["reason"] == "unreachable"
    assert cluster.clock.elapsed <= 2


def test_no_request_is_given_more_time_than_the_task_has() -> None:
    cluster = FakeCluster(canary())
    run(cluster, HEALTHY, timeout=7)
    assert [request.timeout for request in cluster.requests] == [pytest.approx(7)]
