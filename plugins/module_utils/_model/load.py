# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load of requests: what a person wants of it, checked against its bounds, and what its generator is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .durations import format_seconds, parse_timeout
from .errors import InvalidRequest

LONGEST = 3600.0
"""Seconds."""

MOST_CLIENTS = 10_000

MOST_IN_FLIGHT = 200
"""Requests at the same time; the generator takes some 0.5 MB for each."""

# The name of a process of a lab has at most 32 characters; it is `traffic-<name>`.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?")
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Path:
    """A path, appended to the load's address, and how often it is taken in proportion to the others."""

    path: str
    weight: float = 1.0


@dataclass(frozen=True)
class Load:
    """``rate`` in requests a second, ``seconds`` and ``timeout`` (of a request) in seconds.

    ``address`` is the ``host:port`` that takes the requests for the host of ``url``; without it, whatever that host's
    name leads to.
    """

    name: str
    url: str
    rate: int
    seconds: float
    clients: int
    timeout: float
    address: str = ""
    paths: tuple[Path, ...] = (Path(""),)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    version_header: str = "x-version"

    @classmethod
    def from_variables(cls, variables: Mapping[str, Any]) -> Load:
        """Of the variables ``traffic_*`` of the role, by their names without the prefix.

        Raises InvalidRequest for one that cannot be used or lies beyond its bound.
        """
        rate = _whole(variables, "rate", int(variables["max_rate"]), "; traffic_max_rate sets this bound")
        return cls(
            name=_matching(variables, "name", _NAME, "use 1 to 24 lower-case letters, digits and hyphens"),
            url=_url(variables.get("url")),
            rate=rate,
            seconds=_duration(variables, rate),
            clients=_whole(variables, "clients", MOST_CLIENTS),
            timeout=_seconds(variables, "timeout", 60.0),
            address=_address(variables.get("address") or ""),
            paths=tuple(_path(entry) for entry in variables.get("paths") or [""]),
            method=_method(variables.get("method", "GET")),
            headers=_texts(variables.get("headers")),
            cookies=_texts(variables.get("cookies")),
            body=str(variables.get("body") or ""),
            version_header=_matching(variables, "version_header", _HEADER, "give the name of a header"),
        )

    def parameters(self) -> dict[str, Any]:
        """For the script of the generator, the role's ``files/load.js``."""
        return {
            "name": self.name,
            "url": self.url,
            "paths": [{"path": each.path, "weight": each.weight} for each in self.paths],
            "method": self.method,
            "headers": dict(self.headers),
            "cookies": dict(self.cookies),
            "body": self.body,
            "rate": self.rate,
            "seconds": self.seconds,
            "timeout": self.timeout,
            "clients": self.clients,
            # A client sends one request at a time.
            "in_flight": min(self.clients, MOST_IN_FLIGHT),
            "hosts": {_host_and_port(self.url): self.address} if self.address else {},
            "version_header": self.version_header,
        }


def _matching(variables: Mapping[str, Any], key: str, pattern: re.Pattern[str], remedy: str) -> str:
    value = variables.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidRequest(f"traffic_{key}", value, remedy)
    return value


def _whole(variables: Mapping[str, Any], key: str, most: int, how: str = "") -> int:
    value = variables.get(key)
    if not re.fullmatch(r"[0-9]{1,9}", str(value)) or not 1 <= int(str(value)) <= most:
        raise InvalidRequest(f"traffic_{key}", value, f"give a whole number from 1 to {most}{how}")
    return int(str(value))


def _seconds(variables: Mapping[str, Any], key: str, most: float) -> float:
    option = f"traffic_{key}"
    seconds = parse_timeout(option, variables.get(key))
    if not 1 <= seconds <= most:
        raise InvalidRequest(option, variables.get(key), f"give a time from 1s to {format_seconds(most)}")
    return seconds


def _duration(variables: Mapping[str, Any], rate: int) -> float:
    """Seconds, in which no more requests are made than may be."""
    seconds = _seconds(variables, "duration", LONGEST)
    most = int(variables["max_requests"])
    if rate * seconds > most:
        remedy = f"at {rate} a second this is more than {most} requests; traffic_max_requests sets this bound"
        raise InvalidRequest("traffic_duration", variables["duration"], remedy)
    return seconds


def _url(value: object) -> str:
    text = str(value or "")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.fragment
    except ValueError:  # a port that is none
        usable = False
    if not usable:
        raise InvalidRequest("traffic_url", value or None, "give an address such as http://shop.demo/status/200")
    return text


def _host_and_port(url: str) -> str:
    """As the generator looks a host up: always with the port."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _address(value: object) -> str:
    """Of ``host:port``, or of an address such as a lab's record holds."""
    text = str(value).removeprefix("http://").rstrip("/")
    if text and not re.fullmatch(r"\[?[0-9a-fA-F.:]+\]?:[0-9]{1,5}", text):
        raise InvalidRequest("traffic_address", value, "give an IP address and a port, such as 10.0.0.1:80")
    return text


def _path(entry: object) -> Path:
    known: Mapping[Any, Any] = entry if isinstance(entry, Mapping) else {"path": entry}
    path, weight = known.get("path"), known.get("weight", 1)
    try:
        made = Path(str(path), float(weight))
    except (TypeError, ValueError):
        made = Path("", 0)
    if not isinstance(path, str) or path[:1] not in ("", "/", "?") or not 0 < made.weight < float("inf"):
        remedy = "give a path such as /cart, or one with a weight above 0 such as {path: /cart, weight: 3}"
        raise InvalidRequest("traffic_paths", entry, remedy)
    return made


def _method(value: object) -> str:
    if str(value).upper() not in _METHODS:
        raise InvalidRequest("traffic_method", value, f"give one of {', '.join(_METHODS)}")
    return str(value).upper()


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (values or {}).items()}
