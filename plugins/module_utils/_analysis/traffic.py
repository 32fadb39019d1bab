# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load of requests got, by the version that answered.

The generator prints one line for each request as it ends (the role traffic, ``files/load.js``), so everything here is
counted, nothing estimated, and a load may be looked at while it runs.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._model.durations import format_seconds
from .._model.errors import InvalidRequest
from .._model.timestamps import parse_time
from .samples import show_time

EXPECTED = ("1xx", "2xx", "3xx", "4xx")
"""A request fails by 5xx, as in the usual queries on Istio's metrics."""

UNKNOWN = "unknown"
"""Stands for a version that does not tell its name."""

NONE = "none"
"""No version has answered: the connection failed, or the proxy has answered by itself."""

_STATUS = re.compile(r"[1-5](xx|[0-9][0-9])")
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


class Sample(NamedTuple):
    """One request. ``time`` in ms since 1970, ``latency`` in ms, ``status`` 0 for no answer, ``path`` by its index.

    ``version`` is empty if the one that answered does not tell, None if none has answered.
    """

    number: int
    time: int
    latency: float
    status: int
    client: int
    path: int
    version: str | None
    error: str = ""

    @property
    def arm(self) -> str:
        """The version under which it is counted."""
        return NONE if self.version is None else self.version or UNKNOWN


@dataclass(frozen=True)
class Recording:
    """What a load has printed. ``end`` is empty until it has ended."""

    begin: Mapping[str, Any]
    samples: Sequence[Sample]
    end: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str) -> Recording:
        """Raises ValueError if the beginning is missing."""
        lines = list(_lines(text))
        begin = next((line for line in lines if "started" in line), None)
        if begin is None:
            raise ValueError(_no_beginning(text))
        end: Mapping[str, Any] = next((line for line in lines if "ended" in line), {})
        return cls(begin, [Sample(*line) for line in lines if isinstance(line, list)], end)

    @property
    def last(self) -> float:
        """Until when it has sent requests, in ms since 1970; while it runs, as far as known."""
        begun: float = self.begin["started"]
        if self.end:
            return float(min(self.end["ended"], begun + self.begin["seconds"] * 1000))
        return max((sample.time for sample in self.samples), default=begun)

    @property
    def begun(self) -> int:
        """Number of requests that were begun, as far as known: they are numbered from 0."""
        return max((sample.number for sample in self.samples), default=-1) + 1

    @property
    def dropped(self) -> int:
        """Number of requests that should have been sent and were not, because too many were under way.

        The generator knows this at the end; before, it follows from the times, give or take one.
        """
        if self.end:
            return int(self.end["dropped"])
        newest = max(self.samples, default=None)
        if newest is None:
            return 0
        due: float = (newest.time - self.begin["started"]) / 1000 * self.begin["rate"]
        return max(0, math.floor(due) - newest.number)

    def state(self, running: bool) -> str:
        """``running``; ``finished`` after its whole time; ``stopped`` if it ended before."""
        if self.end:
            return "finished" if self.end["complete"] else "stopped"
        return "running" if running else "stopped"


@dataclass
class Tally:
    """Counts of some of the requests."""

    requests: int = 0
    succeeded: int = 0
    status: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def add(self, sample: Sample, success: bool) -> None:
        self.requests += 1
        self.succeeded += success
        self.status[str(sample.status)] += 1
        if sample.status:
            self.latencies.append(sample.latency)

    def rates(self) -> dict[str, Any]:
        """``success_rate`` is None where there was no request: silence is no success."""
        return {
            "requests": self.requests,
            "succeeded": self.succeeded,
            "success_rate": self.succeeded / self.requests if self.requests else None,
        }

    def result(self, total: int) -> dict[str, Any]:
        """All that is known of a version; ``total`` is the number of requests to all of them."""
        return {
            **self.rates(),
            "share": self.requests / total,
            "status": dict(sorted(self.status.items())),
            "latency_ms": quantiles(self.latencies),
        }


def report(
    text: str,
    *,
    running: bool = False,
    since: object = None,
    until: object = None,
    expect: Iterable[object] = EXPECTED,
) -> dict[str, Any]:
    """The report on what a load has printed, as the filter ``traffic_report`` documents it.

    ``since`` and ``until`` (RFC 3339 or seconds since 1970) keep to the requests that were sent between them;
    ``running`` tells whether the load runs. Raises ValueError (InvalidRequest) for input that cannot be read.
    """
    recording = Recording.parse(text)
    since_ms, until_ms = _moment("traffic_since", since, -math.inf), _moment("traffic_until", until, math.inf)
    samples = [sample for sample in recording.samples if since_ms <= sample.time < until_ms]
    window = min(until_ms, recording.last) - max(since_ms, recording.begin["started"])
    seconds = max(window, 0) / 1000
    made = {
        "name": recording.begin["name"],
        "state": recording.state(running),
        "started": show_time(recording.begin["started"] / 1000),
        "ended": show_time(recording.end["ended"] / 1000) if recording.end else None,
        "duration": recording.begin["seconds"],
        "seconds": seconds,
        "rate": round(len(samples) / seconds, 2) if seconds else 0.0,
        "dropped": recording.dropped,
        "unfinished": recording.begun - len(recording.samples),
        **_counts(samples, recording.begin["paths"], _success(expect)),
    }
    return {**made, "text": describe(made)}


def _counts(samples: Sequence[Sample], paths: Sequence[str], success: Callable[[Sample], bool]) -> dict[str, Any]:
    total = Tally()
    versions: dict[str, Tally] = {}
    by_path = [Tally() for _item in paths]
    reasons: Counter[str] = Counter()
    seen: dict[int, set[str]] = {}
    for sample in samples:
        good = success(sample)
        for tally in (total, versions.setdefault(sample.arm, Tally()), by_path[sample.path]):
            tally.add(sample, good)
        if sample.version is not None:
            seen.setdefault(sample.client, set()).add(sample.arm)
        elif not good:
            reasons[sample.error or str(sample.status)] += 1
    return {
        **total.rates(),
        "versions": {name: versions[name].result(total.requests) for name in sorted(versions)},
        "lost": {"requests": reasons.total(), "reasons": dict(reasons.most_common())},
        "paths": {path: tally.rates() for path, tally in zip(paths, by_path, strict=True)},
        "clients": {
            "seen": len({sample.client for sample in samples}),
            "several_versions": sum(len(names) > 1 for names in seen.values()),
        },
    }


def quantiles(latencies: Sequence[float]) -> dict[str, float | None]:
    """Of each, the smallest latency that so large a part of the requests did not exceed; None without requests."""
    ordered = sorted(latencies)
    return {name: ordered[math.ceil(part * len(ordered)) - 1] if ordered else None for name, part in _QUANTILES.items()}


def describe(made: Mapping[str, Any]) -> list[str]:
    """A report in lines for people."""
    rate = "" if made["success_rate"] is None else f", {_percent(made['success_rate'])} succeeded"
    head = f"{made['name']} ({made['state']}): {_requests(made)} in {format_seconds(made['seconds'])}"
    lines = [f"{head} ({made['rate']:g} a second){rate}"]
    lines += [_describe_version(name, each) for name, each in made["versions"].items() if name != NONE]
    if made["lost"]["requests"]:
        reasons = ", ".join(f"{count} by {reason}" for reason, count in made["lost"]["reasons"].items())
        lines.append(f"lost, without an answer of any version: {made['lost']['requests']} ({reasons})")
    if made["dropped"]:
        lines.append(f"not sent, because all clients were waiting for answers: {made['dropped']}")
    if made["clients"]["several_versions"]:
        lines.append(f"clients that saw several versions: {made['clients']['several_versions']}")
    return lines


def _describe_version(name: str, each: Mapping[str, Any]) -> str:
    latency = each["latency_ms"]
    return (
        f"{name}: {_requests(each)} ({_percent(each['share'])}), {_percent(each['success_rate'])} succeeded, "
        f"p50 {latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms"
    )


def _requests(counted: Mapping[str, Any]) -> str:
    return f"{counted['requests']} request{'' if counted['requests'] == 1 else 's'}"


def _percent(part: float) -> str:
    """Cut, not rounded, so that 100 % means all of them."""
    return f"{math.floor(part * 1000) / 10:g} %"


def _lines(text: str) -> Iterable[Any]:
    """The generator's lines; its log of warnings goes the same way."""
    for line in text.splitlines():
        if line.startswith(("[", "{")):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # the last one, which is being written


def _no_beginning(text: str) -> str:
    if any(line.startswith("[") for line in text.splitlines()):
        return "the beginning of the load's log is missing, because it has grown too long: its counts cannot be known"
    said = [line for line in text.splitlines() if line.strip()][-5:]
    return f"the load has not begun; its generator has said {' / '.join(said) or 'nothing'}"


def _success(expect: Iterable[object]) -> Callable[[Sample], bool]:
    """Whether a request counts as one that succeeded.

    Of what no version has answered, an error is never a success, even if it is expected of a version: a 404 of the
    proxy means that it knows no such host.
    """
    codes = {code for pattern in expect for code in _codes(pattern)}

    def success(sample: Sample) -> bool:
        return sample.status in codes and (sample.version is not None or sample.status < 400)

    return success


def _codes(pattern: object) -> Iterable[int]:
    text = str(pattern).lower()
    if not _STATUS.fullmatch(text):
        raise InvalidRequest("traffic_expect", pattern, "give status codes such as 200 or 2xx")
    return range(int(text[0]) * 100, int(text[0]) * 100 + 100) if text.endswith("xx") else [int(text)]


def _moment(option: str, value: object, absent: float) -> float:
    """In ms since 1970."""
    if value is None or value == "":
        return absent
    try:
        return float(str(value)) * 1000
    except ValueError:
        parsed = parse_time(str(value))
    if parsed is None:
        raise InvalidRequest(option, value, "give a time such as 2026-01-31T12:00:00Z, or seconds since 1970")
    return parsed.timestamp() * 1000
