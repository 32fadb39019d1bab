# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release can be what its variables say, as far as that is known without a cluster.

A mistake that is found when it is its turn would leave a release in the middle of its way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .._model.durations import parse_span, parse_timeout
from .._model.errors import InvalidRequest

Wish = Mapping[str, Any]

# Texts of extra variables pass the role's argument specification as either, and would fail where they are used.
_DICTIONARIES = ("images", "requests", "hooks")
_LISTS = ("signals", "checks", "accept_silence")
_DURATIONS: Mapping[str, Callable[[str, object], float]] = {
    "wait_timeout": parse_span,
    "watch": parse_timeout,
    "watch_interval": parse_span,
}
_COUNTS = ("min_requests", "evidence_timeout")
_ASKS_PROMETHEUS = ("requests", "signals", "checks", "traffic")


def faults(wishes: Sequence[Wish], address: str) -> list[str]:
    """What is wrong, as sentences; ``address`` is that of Prometheus. Empty where all can be tried.

    A wish is a service with all of its settings, under the names of the role's variables without ``release_``. Choices
    and numbers were checked by the argument specification.
    """
    if not wishes or not all(wish["name"] and wish["images"] for wish in wishes):
        return [
            "Give release_name and release_images for one Rollout, or release_services, a list with name and images"
            " for each."
        ]
    return [
        *(f"Rollout {wish['namespace']}/{wish['name']}: {fault}." for wish in wishes for fault in _of_service(wish)),
        *_twice(wishes),
        *_unasked(wishes, address),
    ]


def _twice(wishes: Sequence[Wish]) -> Iterator[str]:
    names = Counter(f"{wish['namespace']}/{wish['name']}" for wish in wishes)
    for name, count in names.items():
        if count > 1:
            yield f"release_services names Rollout {name} twice: name it once, with all its images in one dictionary."


def _unasked(wishes: Sequence[Wish], address: str) -> Iterator[str]:
    asking = [f"release_{key}" for key in _ASKS_PROMETHEUS if any(wish[key] for wish in wishes)]
    if asking and not address:
        yield (
            f"release_prometheus_address is empty, but {' and '.join(asking)} ask{'s' * (len(asking) == 1)} Prometheus:"
            " give its address as Ansible reaches it, or call the role prometheus first."
        )


# -- One service


def _of_service(wish: Wish) -> list[str]:
    """What is of another kind than it must be is not looked at any further."""
    return [*_kinds(wish)] or [*_durations(wish), *_numbers(wish), *_images(wish), *_queries(wish), *_limits(wish)]


def _kinds(wish: Wish) -> Iterator[str]:
    for keys, kind, word in ((_DICTIONARIES, Mapping, "dictionary"), (_LISTS, (list, tuple), "list")):
        for key in keys:
            if not isinstance(wish[key], kind):
                yield f"release_{key} is {wish[key]!r}: give a {word}"
    if not isinstance(wish["traffic"], (str, type(None))):
        yield f"release_traffic is {wish['traffic']!r}: give a text, the PromQL that counts the requests of all users"
    for place, files in wish["hooks"].items() if isinstance(wish["hooks"], Mapping) else ():
        if files is not None and not isinstance(files, (list, tuple)):
            yield f"release_hooks.{place} is {files!r}: give a list"


def _durations(wish: Wish) -> Iterator[str]:
    read = {}
    for key, parse in _DURATIONS.items():
        try:
            read[key] = parse(f"release_{key}", wish[key])
        except InvalidRequest as error:
            yield str(error)
    if 0 < read.get("watch", 0) < read.get("watch_interval", 0):
        yield (
            f"release_watch_interval is {wish['watch_interval']}, which is longer than release_watch"
            f" ({wish['watch']}): nothing would be asked in that time; give a shorter one, or watch for longer"
        )


def _numbers(wish: Wish) -> Iterator[str]:
    for key in _COUNTS:
        if int(wish[key]) < 0:
            yield f"release_{key} is {wish[key]}: give 0 or more"
    if int(wish["min_requests"]) > 0 and not wish["requests"]:
        yield (
            f"release_min_requests is {wish['min_requests']}, but release_requests does not say how to count them: give"
            " PromQL by arm, such as {canary: 'sum(increase(istio_requests_total{...}[$window]))'}"
        )


def _images(wish: Wish) -> Iterator[str]:
    for container, image in wish["images"].items():
        if _blank(image):
            yield f"release_images has no image for {container}: give one, such as shop:2.0.0, or leave it out"


def _queries(wish: Wish) -> Iterator[str]:
    asked = {
        "signals": wish["signals"],
        "requests": wish["requests"].values(),
        "checks": [check["query"] for check in wish["checks"]],
        "traffic": filter(None, [wish["traffic"]]),
    }
    for key, queries in asked.items():
        if any(map(_blank, queries)):
            yield f"release_{key} has an entry without a query: take it out, or write its PromQL"


def _blank(text: object) -> bool:
    return text is None or not str(text).strip()


def _limits(wish: Wish) -> Iterator[str]:
    for check in wish["checks"]:
        given = {key: check[key] for key in ("min", "max") if check.get(key) is not None}
        odd = [key for key, bound in given.items() if not math.isfinite(_number(bound))]
        for key in odd:
            yield f"release_checks has {key} {given[key]} for {check['query']}: give a number"
        if len(given) == 2 and not odd and _number(given["min"]) > _number(given["max"]):
            yield (
                f"release_checks demands min {given['min']} and max {given['max']} of {check['query']}, which no value"
                " fulfils: correct them"
            )


def _number(bound: object) -> float:
    """YAML's own words for what is no number are none of Python's."""
    try:
        return float(str(bound))
    except ValueError:
        return math.nan
