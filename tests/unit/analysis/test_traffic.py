# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load has printed becomes counts by version."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis import traffic
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest

BEGIN = 1_790_000_000_000
"""Milliseconds since 1970: 2026-09-21T14:13:20Z."""


def sample(number: int, version: str | None = "1.0.0", **other: Any) -> list[Any]:
    """One that was sent 100 ms after the one before."""
    known = {"time": BEGIN + 100 * number, "latency": 2.5, "status": 200, "client": number, "path": 0, **other}
    error = [known["error"]] if "error" in known else []
    places = ("time", "latency", "status", "client", "path")
    return [number, *(known[place] for place in places), version, *error]


def printed(*samples: list[Any], end: dict[str, Any] | None = None, paths: Iterable[str] = ("/",)) -> str:
    begin = {"started": BEGIN, "name": "shop", "rate": 10, "seconds": 2, "paths": list(paths)}
    return "".join(json.dumps(line) + "\n" for line in (begin, *samples, *([end] if end else [])))


ENDED = {"ended": BEGIN + 2010, "complete": True, "dropped": 0}
STOPPED = {"ended": BEGIN + 500, "complete": False, "dropped": 0}


def test_a_whole_report() -> None:
    samples = [
        sample(0),
        sample(1, latency=4.0, path=1),
        sample(2, "2.0.0", status=500, client=0, latency=1.0),
        sample(3, None, status=503, latency=0.5),
    ]
    made = traffic.report(printed(*samples, end=ENDED, paths=("/", "/cart")))
    text = made.pop("text")
    assert made == {
        "name": "shop",
        "state": "finished",
        "started": "2026-09-21T14:13:20.000Z",
        "ended": "2026-09-21T14:13:22.010Z",
        "duration": 2,
        "seconds": 2.0,
        "rate": 2.0,
        "dropped": 0,
        "unfinished": 0,
        "requests": 4,
        "succeeded": 2,
        "success_rate": 0.5,
        "versions": {
            "1.0.0": {
                "requests": 2,
                "succeeded": 2,
                "success_rate": 1.0,
                "share": 0.5,
                "status": {"200": 2},
                "latency_ms": {"p50": 2.5, "p95": 4.0, "p99": 4.0, "max": 4.0},
            },
            "2.0.0": {
                "requests": 1,
                "succeeded": 0,
                "success_rate": 0.0,
                "share": 0.25,
                "status": {"500": 1},
                "latency_ms": {"p50": 1.0, "p95": 1.0, "p99": 1.0, "max": 1.0},
            },
            "none": {
                "requests": 1,
                "succeeded": 0,
                "success_rate": 0.0,
                "share": 0.25,
                "status": {"503": 1},
                "latency_ms": {"p50": 0.5, "p95": 0.5, "p99": 0.5, "max": 0.5},
            },
        },
        "lost": {"requests": 1, "reasons": {"503": 1}},
        "paths": {
            "/": {"requests": 3, "succeeded": 1, "success_rate": 1 / 3},
            "/cart": {"requests": 1, "succeeded": 1, "success_rate": 1.0},
        },
        "clients": {"seen": 3, "several_versions": 1},
    }
    assert text == [
        "shop (finished): 4 requests in 2s (2 a second), 50 % succeeded",
        "1.0.0: 2 requests (50 %), 100 % succeeded, p50 2.5 ms, p95 4.0 ms",
        "2.0.0: 1 request (25 %), 0 % succeeded, p50 1.0 ms, p95 1.0 ms",
        "lost, without an answer of any version: 1 (1 by 503)",
        "clients that saw several versions: 1",
    ]


# ---- State


@pytest.mark.parametrize(
    ("end", "running", "state"),
    [
        (None, True, "running"),
        (None, False, "stopped"),  # killed, so that it could not say so
        (ENDED, False, "finished"),
        (ENDED, True, "finished"),  # its process is about to go
        (STOPPED, False, "stopped"),
    ],
)
def test_the_state(end: dict[str, Any] | None, running: bool, state: str) -> None:
    assert traffic.report(printed(sample(0), end=end), running=running)["state"] == state


def test_silence_is_no_success() -> None:
    made = traffic.report(printed(), running=True)
    assert (made["requests"], made["success_rate"], made["rate"], made["versions"]) == (0, None, 0.0, {})
    assert made["text"] == ["shop (running): 0 requests in 0s (0 a second)"]


def test_a_line_that_is_being_written_is_left_for_the_next_time() -> None:
    text = printed(sample(0), sample(1))
    assert traffic.report(text[:-9])["requests"] == 1
    assert traffic.report(text.rstrip("\n"))["requests"] == 2  # a log is handed on without its last newline


def test_the_log_of_the_generator_is_passed_over() -> None:
    text = "Insufficient VUs\n" + printed(sample(0)) + "Request Failed\n\n"
    assert traffic.report(text)["requests"] == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the load has not begun; its generator has said nothing"),
        ("TypeError: no\n\n  at load.js\n", "has not begun; its generator has said TypeError: no /   at load.js"),
        (json.dumps(sample(7)), "the beginning of the load's log is missing"),
    ],
)
def test_without_a_beginning_there_is_no_report(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        traffic.report(text)


# ---- What was not sent, and what did not end


def test_the_generator_knows_at_the_end_what_it_dropped() -> None:
    made = traffic.report(printed(sample(0), end={**ENDED, "dropped": 7}))
    assert made["dropped"] == 7
    assert "not sent, because all clients were waiting for answers: 7" in made["text"]


@pytest.mark.parametrize(
    ("samples", "dropped"),
    [
        ([], 0),
        ([sample(0), sample(1)], 0),
        ([sample(0), sample(1, time=BEGIN + 1000)], 9),  # at 10 a second, number 10 is due after a second
        ([sample(4, time=BEGIN)], 0),
    ],
)
def test_while_it_runs_the_times_tell_what_was_dropped(samples: list[list[Any]], dropped: int) -> None:
    assert traffic.report(printed(*samples), running=True)["dropped"] == dropped


def test_what_was_begun_and_not_ended() -> None:
    assert traffic.report(printed(sample(0), sample(4)), running=True)["unfinished"] == 3


# ---- Versions


@pytest.mark.parametrize(
    ("version", "status", "arm", "lost"),
    [
        ("2.0.0", 200, "2.0.0", {}),
        ("2.0.0", 503, "2.0.0", {}),  # the version's own failure
        ("", 200, "unknown", {}),
        ("", 500, "unknown", {}),
        (None, 302, "none", {}),  # a redirect of the proxy
        (None, 404, "none", {"404": 1}),  # the proxy knows no such host
        (None, 503, "none", {"503": 1}),
    ],
)
def test_under_which_version_a_request_is_counted(
    version: str | None, status: int, arm: str, lost: dict[str, int]
) -> None:
    made = traffic.report(printed(sample(0, version, status=status)))
    assert list(made["versions"]) == [arm]
    assert made["lost"] == {"requests": len(lost), "reasons": lost}


def test_a_failed_connection_has_a_reason_and_no_latency() -> None:
    made = traffic.report(printed(*(sample(n, None, status=0, latency=0, error="refused") for n in range(3))))
    assert made["lost"] == {"requests": 3, "reasons": {"refused": 3}}
    assert made["versions"]["none"]["status"] == {"0": 3}
    assert set(made["versions"]["none"]["latency_ms"].values()) == {None}
    assert made["success_rate"] == 0


@pytest.mark.parametrize(
    ("expect", "succeeded"),
    [(("1xx", "2xx", "3xx", "4xx"), 3), (("2xx",), 1), (("200", "2XX"), 1), ((200, 404), 2), ((500,), 1), ((), 0)],
)
def test_what_counts_as_success_can_be_said(expect: tuple[object, ...], succeeded: int) -> None:
    samples = [sample(number, status=status) for number, status in enumerate((200, 302, 404, 500))]
    assert traffic.report(printed(*samples), expect=expect)["succeeded"] == succeeded


@pytest.mark.parametrize("pattern", ["ok", "20x", "0xx", "2000", ""])
def test_a_success_is_told_by_status_codes(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match=r"traffic_expect: .* give status codes such as 200 or 2xx"):
        traffic.report(printed(), expect=[pattern])


def test_a_client_that_was_not_answered_has_not_changed_its_version() -> None:
    versions = ["1.0.0", None, "1.0.0", "2.0.0", ""]
    clients = [1, 1, 1, 2, 2]
    samples = [sample(n, version, client=clients[n]) for n, version in enumerate(versions)]
    assert traffic.report(printed(*samples))["clients"] == {"seen": 2, "several_versions": 1}


# ---- Windows


@pytest.mark.parametrize(
    ("since", "until", "numbers", "seconds"),
    [
        (None, None, range(20), 2.0),
        ("2026-09-21T14:13:21Z", None, range(10, 20), 1.0),
        ("", "2026-09-21T14:13:21Z", range(10), 1.0),
        (BEGIN / 1000 + 0.5, str(BEGIN / 1000 + 0.7), range(5, 7), 0.2),
        ("2026-09-21 14:13:21", "2026-09-21T16:13:21.5+02:00", range(10, 15), 0.5),
        ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", range(20), 2.0),
        ("2027-01-01T00:00:00Z", None, (), 0),
        ("2026-09-21T14:13:22Z", "2026-09-21T14:13:21Z", (), 0),
    ],
)
def test_a_window_takes_what_was_sent_in_it(
    since: object, until: object, numbers: Iterable[int], seconds: float
) -> None:
    text = printed(*(sample(number) for number in range(20)), end=ENDED)
    made = traffic.report(text, since=since, until=until)
    count = len(list(numbers))
    assert made["requests"] == count
    assert made["seconds"] == pytest.approx(seconds)
    assert made["rate"] == pytest.approx(count / seconds if seconds else 0)


def test_until_now_a_window_ends_at_the_newest_request() -> None:
    made = traffic.report(printed(sample(0), sample(9)), running=True, until="2027-01-01T00:00:00Z")
    assert (made["requests"], made["seconds"]) == (2, 0.9)


@pytest.mark.parametrize("option", ["since", "until"])
def test_a_time_that_is_none(option: str) -> None:
    with pytest.raises(InvalidRequest, match=f"traffic_{option}: 'noon' is not usable; give a time such as"):
        traffic.report(printed(), **{option: "noon"})


# ---- Whatever the numbers


def test_quantiles_are_latencies_that_occurred() -> None:
    assert traffic.quantiles(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert traffic.quantiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}


@pytest.mark.parametrize("seed", range(20))
def test_counts_add_up(seed: int) -> None:
    chance = random.Random(seed)
    versions = ["1.0.0", "2.0.0", "", None]
    samples = [
        sample(
            number,
            chance.choice(versions),
            status=chance.choice([200, 404, 500, 503]),
            path=chance.randrange(3),
            client=chance.randrange(10),
        )
        for number in range(chance.randrange(1, 200))
    ]
    chance.shuffle(samples)  # they are printed as they end
    made = traffic.report(printed(*samples, paths="abc"))
    for parts in (made["versions"], made["paths"]):
        assert sum(part["requests"] for part in parts.values()) == made["requests"] == len(samples)
        assert sum(part["succeeded"] for part in parts.values()) == made["succeeded"]
    assert sum(part["share"] for part in made["versions"].values()) == pytest.approx(1)
    assert sum(made["lost"]["reasons"].values()) == made["lost"]["requests"]
    for part in made["versions"].values():
        assert sum(part["status"].values()) == part["requests"]
        latency = part["latency_ms"]
        assert latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
