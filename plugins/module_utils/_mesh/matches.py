# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The conditions of a VirtualService's HTTP route as Envoy's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .objects import Notes, Object, Tree

_KNOWN = (
    "name",
    "uri",
    "ignoreUriCase",
    "scheme",
    "method",
    "authority",
    "headers",
    "withoutHeaders",
    "queryParams",
    "port",
    "gateways",
    "statPrefix",
)
# Where requests come from is something that the lab does not know.
_SOURCES = ("sourceLabels", "sourceNamespace")
# What Python's regular expressions have and RE2, which Envoy uses, has not: looking around, references to groups,
# possessive repetition, atomic groups, comments.
_NOT_RE2 = re.compile(r"\(\?(?:[=!>#(]|<[=!]|P=)|[*+?}]\+")
_REFERENCE = re.compile(r"\\[1-9]")


class Unusable(ValueError):
    """A condition that can never be met here; the text says why."""


def usable_regex(text: str) -> str:
    """The expression itself; Unusable if Envoy would refuse it, and with it all routes."""
    escaped = re.findall(r"\\.", text)
    plain = re.sub(r"\\.", "", text)
    if _NOT_RE2.search(plain) or any(_REFERENCE.match(pair) for pair in escaped):
        raise Unusable(f"the regular expression {text!r} uses what RE2 does not have")
    try:
        re.compile(text)
    except re.error as error:
        raise Unusable(f"{text!r} is no regular expression: {error}") from error
    return text


def string_match(raw: Object) -> Tree:
    """Envoy's StringMatcher for one of Istio's."""
    kind = next((key for key in ("exact", "prefix", "regex") if raw.get(key) is not None), None)
    if kind is None:
        raise Unusable(f"one of exact, prefix, regex is wanted, not {', '.join(raw) or 'nothing'}")
    value = str(raw[kind])
    if kind == "regex":
        return {"safe_regex": {"regex": usable_regex(value)}}
    if kind == "prefix" and not value:
        return {"safe_regex": {"regex": ".*"}}
    return {kind: value}


def header(name: str, raw: Object | None) -> Tree:
    """Without a condition on the value, that the header is there is enough."""
    return {"name": name, "string_match": string_match(raw)} if raw else {"name": name, "present_match": True}


def path_match(raw: Object | None) -> Tree:
    if not raw:
        return {"prefix": "/"}
    found = string_match(raw)
    return {"path": found["exact"]} if "exact" in found else found


def conditions(raw: Object, notes: Notes) -> Tree | None:
    """Envoy's match for one entry of `match`; None, and a note, for one that can never be met here."""
    try:
        return _conditions(raw, notes)
    except Unusable as error:
        notes.add(f"{error}; no request meets this condition")
        return None


def _conditions(raw: Object, notes: Notes) -> Tree:
    for key in _SOURCES:
        if raw.get(key):
            raise Unusable(f"{key} is not supported by the lab's mesh, whose clients live nowhere")
    notes.unsupported(raw, _KNOWN)
    match = path_match(raw.get("uri"))
    if raw.get("ignoreUriCase"):
        match["case_sensitive"] = False
    headers = list(_headers(raw))
    if headers:
        match["headers"] = headers
    parameters = [_parameter(name, value) for name, value in (raw.get("queryParams") or {}).items()]
    if parameters:
        match["query_parameters"] = parameters
    return match


def _headers(raw: Object) -> Iterator[Tree]:
    for key in ("scheme", "method", "authority"):
        if raw.get(key):
            yield header(f":{key}", raw[key])
    given: Mapping[str, Object | None] = raw.get("headers") or {}
    for name, value in given.items():
        yield header(name, value)
    for name, value in (raw.get("withoutHeaders") or {}).items():
        yield {
            **header(name, value),
            "invert_match": True,
            **({"treat_missing_header_as_empty": True} if value else {}),
        }


def _parameter(name: str, raw: Object | None) -> Tree:
    return {"name": name, "string_match": string_match(raw)} if raw else {"name": name, "present_match": True}
