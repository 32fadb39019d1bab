# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feed: every version of one object, over broken connections and restarted servers, by a real watch."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster import feed as feeds
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Forbidden,
    NotInstalled,
    Transient,
    Unauthorized,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import (
    Broken,
    Changed,
    Event,
    Gone,
    Interrupted,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.feed import Feed, _lines
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ROLLOUT
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cluster.server import (
    AT_MOST,
    Exchange,
    FakeServer,
    FakeTransport,
    Script,
    event,
    says,
    status,
    streams,
)
from tests.unit.support import Tree, canary

pytestmark = pytest.mark.timeout(60)


def version(number: int, uid: str = "uid-of-shop") -> Tree:
    return canary({"metadata": {"resourceVersion": str(number), "uid": uid}})


def listed(*items: Tree, at: int = 500) -> Script:
    return says(200, {"kind": "RolloutList", "metadata": {"resourceVersion": str(at)}, "items": list(items)})


def modified(number: int) -> bytes:
    return event("MODIFIED", version(number))


def bookmark(number: int) -> bytes:
    return event("BOOKMARK", {"kind": "Rollout", "metadata": {"resourceVersion": str(number)}})


EXPIRED = event("ERROR", status(410, "too old resource version: 100 (900)"))


@contextmanager
def feeding(cluster: Cluster) -> Iterator[Feed]:
    """A feed from version 100 on, whose thread has ended with it."""
    others = threading.enumerate()
    with cluster.feed(ROLLOUT, version(100)) as feed:
        yield feed
    for thread in set(threading.enumerate()) - set(others):
        if thread.name == "watch shop":
            thread.join(AT_MOST)
            assert not thread.is_alive(), "the watch outlives its feed"


def following(feed: Feed) -> Event:
    found = feed.next(AT_MOST)
    assert found is not None, "nothing came"
    return found


def number(found: Event) -> int:
    assert isinstance(found, Changed), found
    return int(found.object["metadata"]["resourceVersion"])


def watched_from(server: FakeServer) -> list[str]:
    """The versions that the watches were asked from."""
    return [request.query["resourceVersion"] for request in server.received if "watch" in request.query]


# -- in good order


def test_the_watch_that_is_opened(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101)))
    with feeding(cluster) as feed:
        assert following(feed) == Changed(version(101))
    (request,) = server.received
    assert request.path == "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts"
    assert request.query == {
        "watch": "true",
        "fieldSelector": "metadata.name=shop",
        "resourceVersion": "100",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "240",
    }


def test_versions_come_in_their_order(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(event("ADDED", version(101)), modified(102), modified(103) + modified(104)))
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(4)] == [101, 102, 103, 104]


def test_a_version_may_come_in_pieces(server: FakeServer, cluster: Cluster) -> None:
    line = modified(101)
    server.then(streams(line[:7], line[7:90], line[90:] + modified(102)[:3], modified(102)[3:]))
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(2)] == [101, 102]


def test_without_news_the_wait_ends_when_it_is_to_end(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams())
    with feeding(cluster) as feed:
        for timeout in (0.05, 0.0, -1.0):
            before = time.monotonic()
            assert feed.next(timeout) is None
            assert max(timeout, 0) <= time.monotonic() - before < AT_MOST / 2


def test_a_watch_that_ends_is_renewed_from_the_last_version(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101), end=Exchange.finish), streams(modified(102)))
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(2)] == [101, 102]
    assert watched_from(server) == ["100", "101"]


def test_a_bookmark_is_no_news_but_moves_on(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(bookmark(150), end=Exchange.finish), streams(modified(151)))
    with feeding(cluster) as feed:
        assert number(following(feed)) == 151
    assert watched_from(server) == ["100", "150"]


def test_a_server_that_ends_every_watch_at_once_is_not_flooded(server: FakeServer, cluster: Cluster) -> None:
    """Some proxies do; a renewal every four minutes is worth no hurry."""
    server.then(*[streams(end=Exchange.finish)] * 5, streams(modified(101)))
    before = time.monotonic()
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
    assert time.monotonic() - before >= 0.4


# -- interruptions


def test_a_cut_connection_is_caught_up_without_a_word(server: FakeServer, cluster: Cluster) -> None:
    """Proxies cut every quiet connection; a wait of hours must not tell of each."""
    server.then(
        streams(modified(101), end=Exchange.cut),
        listed(version(110), at=120),
        streams(modified(121)),
    )
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(3)] == [101, 110, 121]
    assert server.received[1].query == {"fieldSelector": "metadata.name=shop"}
    assert watched_from(server) == ["100", "120"]


def test_a_cut_connection_to_a_server_that_is_gone_is_told(server: FakeServer, cluster: Cluster) -> None:
    server.then(
        streams(modified(101), end=Exchange.cut),
        says(503, status(503, "starting"), {"Retry-After": "1"}),
        streams(modified(102)),
    )
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
        lost = following(feed)
        assert isinstance(lost, Interrupted)
        assert "starting" in str(lost.error)
        assert number(following(feed)) == 102
    assert watched_from(server) == ["100", "101"]


def test_connections_that_are_cut_after_a_while_are_made_again_soon(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a proxy's idle limit would make the task look away for five seconds of each minute."""
    pauses: list[float] = []
    monkeypatch.setattr(feeds, "LONGEST_PAUSE", 0.0)  # so that every watch has lasted for long
    monkeypatch.setattr(feeds.random, "uniform", lambda low, high: pauses.append(high) or 0.0)
    quiet = [streams(end=Exchange.cut), listed(version(100), at=100)]
    server.then(*quiet * 4, streams(modified(101)))
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(5)] == [100, 100, 100, 100, 101]
    assert pauses[:4] == [feeds.FIRST_PAUSE] * 4


def test_an_event_that_never_came_is_found_when_the_watch_is_renewed(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "LONGEST_PAUSE", 0.0)
    server.then(
        streams(modified(101), bookmark(150), end=Exchange.finish), listed(version(140), at=160), streams(modified(161))
    )
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(3)] == [101, 140, 161]
    assert watched_from(server) == ["100", "160"]


def test_half_a_version_is_no_version(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101)[:-20], end=Exchange.cut), listed(version(102)), streams())
    with feeding(cluster) as feed:
        assert number(following(feed)) == 102


def test_half_a_version_before_an_orderly_end_is_read_again(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101)[:-20], end=Exchange.finish), streams(modified(101)))
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
    assert watched_from(server) == ["100", "100"]


def test_garbage_is_an_interruption(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(b"<html>bad gateway</html>\n"), listed(version(101)), streams())
    with feeding(cluster) as feed:
        assert isinstance(following(feed), Interrupted)
        assert number(following(feed)) == 101


@pytest.mark.parametrize(
    "line", [b"[]\n", b"{}\n", b'{"type": "MODIFIED"}\n', b'{"type": "MODIFIED", "object": {}}\n', b"7\n"]
)
def test_an_event_of_another_shape_does_not_silence_the_feed(server: FakeServer, cluster: Cluster, line: bytes) -> None:
    server.then(streams(line), listed(version(101)), streams())
    with feeding(cluster) as feed:
        assert isinstance(following(feed), Interrupted | Broken)


def test_an_event_of_a_kind_that_is_not_known_yet_is_passed_over(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(event("SYNCED", version(101)), modified(102)))
    with feeding(cluster) as feed:
        assert number(following(feed)) == 102


def test_an_error_in_the_stream_is_an_interruption(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(event("ERROR", status(500, "etcd is away"))), listed(version(101)), streams())
    with feeding(cluster) as feed:
        lost = following(feed)
        assert isinstance(lost, Interrupted)
        assert (lost.error.status, "etcd is away" in str(lost.error)) == (500, True)
        assert number(following(feed)) == 101


def test_a_server_that_is_starting_is_asked_again(server: FakeServer, cluster: Cluster) -> None:
    server.then(
        says(503, status(503, "starting")),
        says(503, status(503, "starting")),
        streams(modified(101)),
    )
    with feeding(cluster) as feed:
        assert isinstance(following(feed), Interrupted)
        assert number(following(feed)) == 101
    assert watched_from(server) == ["100", "100"]


def test_a_server_says_how_long_to_leave_it_alone(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(429, status(429, "busy"), {"Retry-After": "1"}), listed(version(101)), streams())
    before = time.monotonic()
    with feeding(cluster) as feed:
        assert isinstance(following(feed), Interrupted)
        assert number(following(feed)) == 101
        assert time.monotonic() - before >= 0.9


def test_nobody_there_is_told_again_and_again_and_left_at_once() -> None:
    with FakeServer().running() as server:
        host = server.host
    transport = FakeTransport(host)
    with feeding(Cluster(transport)) as feed:
        for _turn in range(3):
            lost = following(feed)
            assert isinstance(lost, Interrupted)
            assert isinstance(lost.error, Transient)
            assert host in str(lost.error)
        before = time.monotonic()
    assert time.monotonic() - before < AT_MOST / 2
    transport.pool.clear()


# -- expired


@pytest.mark.parametrize(
    "answer",
    [streams(EXPIRED, end=Exchange.finish), says(410, status(410, "too old resource version"))],
    ids=["in the stream", "as the answer"],
)
def test_a_version_that_is_too_old_is_caught_up_and_no_interruption(
    server: FakeServer, cluster: Cluster, answer: Script
) -> None:
    server.then(answer, listed(version(100), at=900), streams(modified(901)))
    with feeding(cluster) as feed:
        assert [number(following(feed)) for _turn in range(2)] == [100, 901]
    assert watched_from(server) == ["100", "900"]


# -- the end


def test_a_deletion_ends_it(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101), event("DELETED", version(102))))
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
        assert following(feed) == Gone()
        assert feed.next(0.05) is None


@pytest.mark.parametrize(
    "scripts",
    [
        pytest.param([streams(event("ADDED", version(105, "uid-of-another")))], id="in the watch"),
        pytest.param([streams(end=Exchange.cut), listed(version(105, "uid-of-another"))], id="after a gap"),
    ],
)
def test_another_object_of_the_same_name_is_not_taken_for_it(
    server: FakeServer, cluster: Cluster, scripts: list[Script]
) -> None:
    server.then(*scripts)
    with feeding(cluster) as feed:
        found = following(feed)
        assert (following(feed) if isinstance(found, Interrupted) else found) == Gone()


def test_what_is_not_there_after_a_gap_is_gone(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(end=Exchange.cut), listed())
    with feeding(cluster) as feed:
        assert following(feed) == Gone()


FORBIDDEN = status(403, 'User "ci" cannot watch resource "rollouts" in API group "argoproj.io" in the namespace "prod"')


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(403, FORBIDDEN), Forbidden),
        (says(401, status(401, "Unauthorized")), Unauthorized),
        (says(404, b"404 page not found"), NotInstalled),
    ],
)
@pytest.mark.parametrize("when", ["at first", "after a gap"])
def test_what_trying_again_does_not_mend_ends_it(
    server: FakeServer, cluster: Cluster, answer: Script, kind: type[ClusterError], when: str
) -> None:
    server.then(*([] if when == "at first" else [streams(end=Exchange.cut)]), answer)
    with feeding(cluster) as feed:
        found = following(feed)
        end = following(feed) if isinstance(found, Interrupted) else found
        assert isinstance(end, Broken)
        assert isinstance(end.error, kind)
        assert feed.next(0.05) is None


class Stubborn(FakeTransport):
    """A login plugin that fails in a way that nobody foresaw."""

    def headers(self) -> None:  # type: ignore[override]
        raise RuntimeError("the login helper crashed")


def test_a_surprise_in_the_watch_is_told_and_does_not_hang_the_task() -> None:
    with feeding(Cluster(Stubborn("http://127.0.0.1:9"))) as feed:  # type: ignore[arg-type]
        end = following(feed)
        assert isinstance(end, Broken)
        assert "the login helper crashed" in str(end.error)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(streams(modified(101)), id="while the server is silent"),
        pytest.param(streams(modified(101), end=Exchange.finish), id="between two watches"),
        pytest.param(streams(modified(101), end=Exchange.cut), id="after an interruption"),
        pytest.param(streams(modified(101), event("DELETED", version(102))), id="after the end"),
    ],
)
def test_leaving_it_is_quick_and_quiet(server: FakeServer, cluster: Cluster, script: Script) -> None:
    server.then(script)
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
        before = time.monotonic()
    assert time.monotonic() - before < AT_MOST / 2


def test_leaving_it_at_once(server: FakeServer, cluster: Cluster) -> None:
    """Also while its first watch is being opened."""
    for _turn in range(10):
        server.then(streams())
        with feeding(cluster) as feed:
            assert feed.next(0.0) is None


@pytest.mark.parametrize(
    ("before", "answer"),
    [
        pytest.param([], says(503, status(503, "starting"), {"Retry-After": "60"}), id="while it opens a watch"),
        pytest.param([streams(end=Exchange.cut)], listed(version(101)), id="while it catches up"),
    ],
)
def test_what_is_answered_after_leaving_leads_to_nothing(
    server: FakeServer, cluster: Cluster, before: list[Script], answer: Script
) -> None:
    asked, left = threading.Event(), threading.Event()

    def late(exchange: Exchange) -> None:
        asked.set()
        assert left.wait(AT_MOST)
        answer(exchange)

    server.then(*before, late)
    with feeding(cluster) as feed:
        assert asked.wait(AT_MOST)
        feed.__exit__(None, None, None)
        left.set()
    assert not isinstance(feed.next(0.0), Interrupted)
    assert len(server.received) == len(before) + 1


# -- whoever waits for several feeds


def test_a_feed_that_is_woken_has_no_event(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101)))
    with feeding(cluster) as feed:
        assert number(following(feed)) == 101
        feed.wake()
        assert feed.next(AT_MOST) is None


def test_each_event_is_handed_out_before_it_is_told_of(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(modified(101), modified(102)))
    told: list[Event | None] = []
    both = threading.Event()

    def then() -> None:
        told.append(feed.next(0.0))
        if len(told) == 2:
            both.set()

    with cluster.feed(ROLLOUT, version(100), then) as feed:
        assert both.wait(AT_MOST)
    assert told[:2] == [Changed(version(101)), Changed(version(102))]


# -- lines


@given(
    lines=st.lists(st.binary(min_size=1, max_size=9).filter(lambda line: b"\n" not in line), max_size=5),
    rest=st.binary(max_size=5).filter(lambda rest: b"\n" not in rest),
    cuts=st.lists(st.integers(0, 60), max_size=6),
)
def test_whole_lines_however_the_stream_is_cut(lines: list[bytes], rest: bytes, cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines) + rest
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in pairwise(edges)]
    assert list(_lines(iter(chunks))) == lines


def test_empty_lines_are_dropped() -> None:
    assert list(_lines(iter([b"\n\na\n", b"\n", b"b\n"]))) == [b"a", b"b"]


def test_a_line_reads_as_it_was_sent() -> None:
    assert [json.loads(line) for line in _lines(iter([modified(101)]))] == [
        {"type": "MODIFIED", "object": version(101)}
    ]
