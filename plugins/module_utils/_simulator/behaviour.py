# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a simulated pod behaves: the annotations that say so, and what follows from them.

Nothing here is left to chance: the n-th request of a pod fails or takes its time by n and the pod's seed. The points
n * (an irrational number), modulo 1, spread so evenly that of N requests at an error rate r, r * N fail, give or take
two or three, and whatever pattern the requests come in.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

BEHAVIOUR = "simulator.progressive.delivery/behaviour"
"""Annotation: JSON, how this pod behaves. Its keys override those of the other annotation."""

BEHAVIOURS = "simulator.progressive.delivery/behaviours"
"""Annotation: JSON, image tag -> how a pod of that tag behaves."""

_GOLDEN, _SILVER = (math.sqrt(5) - 1) / 2, math.sqrt(2) - 1
# The standard normal quantile of 95 %, and how far the tails of a distribution are drawn.
_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_TAIL = 0.001
# Milliseconds; and how much more than the median the 95th percentile may be.
_LONGEST = 60_000
_WIDEST = 100
_MEGABYTE = 1e6


class BadBehaviour(ValueError):
    """An annotation that cannot be followed; the message names it, the key, the value and the remedy."""


@dataclass(frozen=True)
class Latency:
    """Log-normal by its median and its 95th percentile, in milliseconds; constant where they are equal."""

    p50: float = 0.0
    p95: float = 0.0

    def seconds(self, quantile: float) -> float:
        """`quantile`: 0..1. Tails are cut at 0.1 % and at a minute."""
        if self.p50 == self.p95:
            return self.p50 / 1000
        sigma = math.log(self.p95 / self.p50) / _Z95
        clipped = min(max(quantile, _TAIL), 1 - _TAIL)
        return min(self.p50 * math.exp(sigma * _NORMAL.inv_cdf(clipped)), _LONGEST) / 1000


@dataclass(frozen=True)
class Answers:
    """How requests are answered. `error_rate`: 0..1."""

    error_rate: float = 0.0
    error_status: int = 500
    latency_ms: Latency = Latency()


@dataclass(frozen=True)
class Usage:
    """What the pod uses up: megabytes of 10^6 bytes, and processor cores."""

    memory_mb: float = 64.0
    memory_growth_mb_per_minute: float = 0.0
    cpu: float = 0.01


@dataclass(frozen=True)
class Stage:
    """What holds from an age of the pod (seconds) on. `paths`: prefix -> answers there, longest prefix first.

    `resets_memory`: the memory of `usage` is that of the stage's beginning, and not what it has grown to.
    """

    since: float
    answers: Answers
    paths: tuple[tuple[str, Answers], ...]
    usage: Usage
    resets_memory: bool

    def for_path(self, path: str) -> tuple[str, Answers]:
        """The prefix that decides, empty for none, and the answers."""
        for prefix, answers in self.paths:
            if path.startswith(prefix):
                return prefix, answers
        return "", self.answers


@dataclass(frozen=True)
class Behaviour:
    """`stages`: by age, the first from 0. `error_phase`, `latency_phase`: 0..1, from the seed."""

    stages: tuple[Stage, ...]
    error_phase: float
    latency_phase: float

    def stage(self, age: float) -> Stage:
        """`age`: seconds."""
        found = self.stages[0]
        for stage in self.stages[1:]:
            if stage.since <= age:
                found = stage
        return found

    def fails(self, number: int, rate: float) -> bool:
        """Whether the request of that number, counted from 0, is one of those that fail."""
        return (self.error_phase + number * _GOLDEN) % 1.0 < rate

    def delay(self, number: int, latency: Latency) -> float:
        """Seconds that the request of that number takes."""
        return latency.seconds((self.latency_phase + number * _SILVER) % 1.0)

    def memory_bytes(self, age: float) -> float:
        megabytes = 0.0
        for stage, seconds in self._lived(age):
            if stage.resets_memory:
                megabytes = stage.usage.memory_mb
            megabytes += stage.usage.memory_growth_mb_per_minute * seconds / 60
        return megabytes * _MEGABYTE

    def cpu_seconds(self, age: float) -> float:
        """What has been used since the pod's start; never falls."""
        return sum(stage.usage.cpu * seconds for stage, seconds in self._lived(age))

    def _lived(self, age: float) -> list[tuple[Stage, float]]:
        """The stages so far, with the seconds spent in each."""
        ends = [*(stage.since for stage in self.stages[1:]), math.inf]
        pairs = zip(self.stages, ends, strict=True)
        return [(stage, max(0.0, min(age, end) - stage.since)) for stage, end in pairs if stage.since <= max(age, 0.0)]


def parse(annotations: Mapping[str, str], tag: str, seed: str) -> Behaviour:
    """The behaviour of a pod of that image tag; `seed` counts where the annotations give none.

    Raises BadBehaviour.
    """
    wanted: dict[str, Any] = {}
    found = PLAIN
    by_tag = _object(annotations, BEHAVIOURS).get(tag, {})
    for where, given in ((f"{BEHAVIOURS}, tag {tag}", by_tag), (BEHAVIOUR, _object(annotations, BEHAVIOUR))):
        try:
            wanted = _overlaid(wanted, _mapping("the behaviour", given))
            found = _behaviour(wanted, seed)
        except BadBehaviour as error:
            raise BadBehaviour(f"annotation {where}: {error}") from error
    return found


def _object(annotations: Mapping[str, str], name: str) -> Mapping[str, Any]:
    text = annotations.get(name, "{}")
    try:
        return _mapping("the value", json.loads(text))
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, BadBehaviour) else f"no JSON ({error})"
        raise BadBehaviour(f"annotation {name}: {reason}") from error


def _behaviour(wanted: Mapping[str, Any], seed: str) -> Behaviour:
    given = dict(wanted)
    own_seed, steps = given.pop("seed", seed), given.pop("after", [])
    _know(given, (*_STAGE_KEYS, "after", "seed"))
    stages = [_stage(0.0, given, resets_memory=True)]
    for step in _steps(steps):
        overrides = {key: value for key, value in step.items() if key != "seconds"}
        try:
            _know(overrides, (*_STAGE_KEYS, "seconds"))
            given = _overlaid(given, overrides)
            stages.append(_stage(step["seconds"], given, resets_memory="memory_mb" in overrides))
        except BadBehaviour as error:
            raise BadBehaviour(f"after {step['seconds']:g} s: {error}") from error
    return Behaviour(tuple(stages), *_phases(str(own_seed)))


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins, for each path by itself."""
    merged = {**below, **above}
    if "paths" in below and "paths" in above:
        merged["paths"] = {**below["paths"], **_mapping("paths", above["paths"])}
    return merged


def _phases(seed: str) -> tuple[float, float]:
    digest = hashlib.sha256(seed.encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48, int.from_bytes(digest[6:12]) / 2**48


def _steps(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise _refused("after", value, 'give a list such as [{"seconds": 60, "error_rate": 0.5}]')
    steps = [_mapping("an entry of after", step) for step in value]
    for step in steps:
        _seconds("seconds", step.get("seconds"))
    return sorted(steps, key=lambda step: float(step["seconds"]))


def _stage(since: float, given: Mapping[str, Any], resets_memory: bool) -> Stage:
    answers = replace(Answers(), **_checked(_ANSWERS, given))
    usage = replace(Usage(), **_checked(_USAGE, given))
    paths = _paths(given.get("paths", {}), answers)
    return Stage(float(since), answers, paths, usage, resets_memory)


def _paths(value: object, everywhere: Answers) -> tuple[tuple[str, Answers], ...]:
    found = []
    for prefix, overrides in _mapping("paths", value).items():
        if not prefix.startswith("/"):
            raise _refused("paths", prefix, "give prefixes that begin with /")
        given = _mapping(f"paths {prefix}", overrides)
        _know(given, tuple(_ANSWERS), f"paths {prefix}: ")
        found.append((prefix, replace(everywhere, **_checked(_ANSWERS, given))))
    return tuple(sorted(found, key=lambda pair: len(pair[0]), reverse=True))


# ---- Values


def _refused(key: str, value: object, remedy: str) -> BadBehaviour:
    return BadBehaviour(f"{key} is {json.dumps(value)}: {remedy}")


def _know(given: Mapping[str, Any], known: tuple[str, ...], where: str = "") -> None:
    for key in given:
        if key not in known:
            raise BadBehaviour(f"{where}{key} is unknown: use {', '.join(known)}")


def _mapping(key: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refused(key, value, "give a JSON object")
    return value


def _number(low: float, high: float) -> Callable[[str, object], float]:
    def check(key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _refused(key, value, f"give a number from {low:.0f} to {high:.0f}")
        return float(value)

    return check


_seconds = _number(0, 1e6)
_milliseconds = _number(0, _LONGEST)


def _status(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 400 <= value <= 599:
        raise _refused(key, value, "give an HTTP status from 400 to 599")
    return value


def _latency(key: str, value: object) -> Latency:
    if not isinstance(value, dict):
        constant = _milliseconds(key, value)
        return Latency(constant, constant)
    if set(value) != {"p50", "p95"}:
        raise _refused(key, value, 'give a number, or both quantiles as in {"p50": 20, "p95": 80}')
    p50, p95 = _milliseconds(f"{key}.p50", value["p50"]), _milliseconds(f"{key}.p95", value["p95"])
    if not 0 < p50 <= p95 <= p50 * _WIDEST:
        raise _refused(key, value, f"give p50 more than 0, and p95 from p50 to {_WIDEST} times p50")
    return Latency(p50, p95)


_ANSWERS: Mapping[str, Callable[[str, object], Any]] = {
    "error_rate": _number(0, 1),
    "error_status": _status,
    "latency_ms": _latency,
}
_USAGE: Mapping[str, Callable[[str, object], Any]] = {
    "memory_mb": _number(0, 1e6),
    "memory_growth_mb_per_minute": _number(0, 1e6),
    "cpu": _number(0, 1000),
}


_STAGE_KEYS = (*_ANSWERS, *_USAGE, "paths")


def _checked(checks: Mapping[str, Callable[[str, object], Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: check(key, given[key]) for key, check in checks.items() if key in given}


PLAIN = _behaviour({}, "")
"""Of a pod that is asked for nothing else: it answers at once and never fails."""
