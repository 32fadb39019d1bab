# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Headers that a VirtualService sets, adds and removes."""

from __future__ import annotations

from .objects import Notes, Object, Tree

_ACTIONS = (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))


def header_changes(raw: Object, notes: Notes) -> Tree:
    """Fields of an Envoy route, or of one of its weighted clusters."""
    notes.unsupported(raw, ("request", "response"))
    fields: Tree = {}
    for side in ("request", "response"):
        change = raw.get(side) or {}
        notes.at(side).unsupported(change, ("set", "add", "remove"))
        added = [
            {"header": {"key": key, "value": _literal(value)}, "append_action": action}
            for operation, action in _ACTIONS
            for key, value in (change.get(operation) or {}).items()
            if _allowed(key, notes.at(side))
        ]
        removed = [key for key in change.get("remove") or () if _allowed(key, notes.at(side))]
        fields |= {f"{side}_headers_to_add": added} if added else {}
        fields |= {f"{side}_headers_to_remove": removed} if removed else {}
    return fields


def _literal(value: object) -> str:
    """Envoy reads %...% as a command, and refuses all routes for one that it does not know."""
    return str(value).replace("%", "%%")


def _allowed(key: str, notes: Notes) -> bool:
    """Envoy refuses all routes for one that touches these."""
    if key.startswith(":") or key.lower() == "host":
        notes.add(f"{key} cannot be changed here (rewrite.authority does that) and is left alone")
        return False
    return True
