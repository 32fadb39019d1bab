# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields of a pod template that a verb has patched in, and that a declaration does not know.

A server-side apply takes away only what an apply has set. What rollout_undo brings back by a patch would stay for
ever, so an apply first adopts what our patches have set in the template. Other fields are left to the verbs: the
pause of rollout_pause and the moment of rollout_restart are no part of what is declared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .ownership import OURS

Tree = dict[str, Any]
Fields = Mapping[str, Any]

_SPEC, _TEMPLATE = "f:spec", "f:template"


def without_leftovers(foreseen: Tree, live: Mapping[str, Any], body: Mapping[str, Any]) -> Tree:
    """The object that an apply of ``body`` makes, once it has adopted what our patches have set."""
    patched = _template(_ours(live, "Update"))
    template = foreseen["spec"].get("template")
    if not patched or not template or not _ours(live, "Apply"):
        return foreseen
    kept = _kept(template, patched, body["spec"].get("template"))
    return {**foreseen, "spec": {**foreseen["spec"], "template": kept}}


def adopted(live: Mapping[str, Any]) -> list[Tree]:
    """The ``managedFields`` in which what our patches have set in the template is set by our apply."""
    patched = _template(_ours(live, "Update"))
    entries = []
    for entry in live["metadata"]["managedFields"]:
        if _is_ours(entry, "Apply"):
            entries.append({**entry, "fieldsV1": _merged(entry["fieldsV1"], {_SPEC: {_TEMPLATE: patched}})})
        elif not _is_ours(entry, "Update"):
            entries.append(entry)
        elif rest := _without_template(entry["fieldsV1"]):
            entries.append({**entry, "fieldsV1": rest})
    return entries


def _without_template(fields: Fields) -> Tree:
    """A field without fields in it would stand for the whole of it."""
    spec = {key: held for key, held in (fields.get(_SPEC) or {}).items() if key != _TEMPLATE}
    return {**{key: held for key, held in fields.items() if key != _SPEC}, **({_SPEC: spec} if spec else {})}


def _is_ours(entry: Mapping[str, Any], operation: str) -> bool:
    known = (entry.get("manager"), entry.get("operation"), entry.get("subresource") or "")
    return known == (OURS, operation, "")


def _ours(live: Mapping[str, Any], operation: str) -> Fields:
    """The fields of our entry for that operation; empty without one."""
    entries = (live.get("metadata") or {}).get("managedFields") or ()
    return next((entry.get("fieldsV1") or {} for entry in entries if _is_ours(entry, operation)), {})


def _template(fields: Fields) -> Fields:
    return (fields.get(_SPEC) or {}).get(_TEMPLATE) or {}


def _merged(one: Fields, other: Fields) -> Tree:
    return {key: _merged(one.get(key) or {}, other.get(key) or {}) for key in {**one, **other}}


def _kept(value: Any, held: Fields, given: Any) -> Any:
    """The value without those of the fields that ``given`` does not have."""
    match value:
        case Mapping():
            pairs = [(key, item, held.get(f"f:{key}"), _at(given, key)) for key, item in value.items()]
            return {key: left for key, item, fields, known in pairs if (left := _left(item, fields, known)) is not None}
        case list():
            named = [(item, _key(item, held)) for item in value]
            items = [(item, held.get(name), _item(given, name)) for item, name in named]
            return [left for item, fields, known in items if (left := _left(item, fields, known)) is not None]
    return value


def _left(item: Any, held: Fields | None, known: Any) -> Any:
    """What is left of one part, None for nothing; ``held`` is None for a part that our patches have not set."""
    if held is None or (not held and known is not None):
        return item
    if not held:
        return None
    kept = _kept(item, held, known)
    return None if known is None and not kept else kept


def _at(given: Any, key: str) -> Any:
    return given.get(key) if isinstance(given, Mapping) else None


def _key(item: Any, held: Fields) -> str:
    """The name under which the fields of an item of a list are held; empty if they are not."""
    return next((name for name in held if _has_keys(item, name)), "")


def _item(given: Any, name: str) -> Any:
    others = given if isinstance(given, list) else ()
    return next((other for other in others if _has_keys(other, name)), None)


def _has_keys(item: Any, name: str) -> bool:
    """Whether it is the item of ``k:{"name":"app"}``; a port that says no protocol is one of TCP."""
    if not name.startswith("k:") or not isinstance(item, Mapping):
        return False
    known = {"protocol": "TCP", **item}
    return all(known.get(key) == value for key, value in json.loads(name[2:]).items())
