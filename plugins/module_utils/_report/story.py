# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release has met so far, by service, in the shape that the report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .given import Tree, as_list

# What grows; everything else is replaced.
_GROWS = ("results", "evidence", "checks")


def noted(story: Sequence[Mapping[str, Any]], number: int, facts: Mapping[str, Any]) -> list[Tree]:
    """The story with these facts about the service of that number, from 0. One fact or a list is added to a list."""
    told = [dict(service) for service in story]
    service = told[number]
    for key, value in facts.items():
        if key in _GROWS:
            more = as_list(value) if isinstance(value, Sequence) else [value]
            service[key] = [*as_list(service.get(key)), *more]
        else:
            service[key] = value
    return told


def asked(results: Sequence[Mapping[str, Any]], place: Mapping[str, Any]) -> list[Tree]:
    """Entries of ``checks`` of what a loop of prometheus_query has registered.

    An item is the query; an arm (``key``) with its query (``value``); or a check (``query``, ``min``, ``max``).
    """
    return [{**place, **_question(result.get("item")), "result": dict(result)} for result in results]


def _question(item: object) -> Tree:
    if not isinstance(item, Mapping):
        return {"query": item, "min": 1}
    if "key" in item:
        return {"name": f"requests of {item['key']}", "query": item["value"]}
    return {key: item[key] for key in ("query", "min", "max") if key in item}
