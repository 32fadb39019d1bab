# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab's record, `lab.json`: what each provider writes there, and what keeps them off each other's labs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .errors import LabError
from .files import write_atomically
from .paths import LabPaths


def new_record(paths: LabPaths, provider: str, **entries: Any) -> dict[str, Any]:
    """What every lab's record has, for the roles that follow; `entries` are the provider's own."""
    return {
        "name": paths.name,
        "provider": provider,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "kubeconfig": str(paths.kubeconfig),
        "ports": {},
        "addresses": {},
        "versions": {},
        "bin": {},
        "processes": {},
        **entries,
    }


def read_record(paths: LabPaths) -> dict[str, Any] | None:
    """The record, or None if there is no lab."""
    try:
        record: dict[str, Any] = json.loads(paths.record.read_text(encoding="utf-8"))
        return record
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(f"{paths.record} is damaged ({error}); destroy the lab and create it anew") from error


def write_record(paths: LabPaths, record: Mapping[str, Any]) -> None:
    write_atomically(paths.record, json.dumps(record, indent=2) + "\n")


def refuse_other_provider(paths: LabPaths, record: Mapping[str, Any] | None, provider: str) -> None:
    """A lab belongs to the provider that has made it: another could neither repair it nor take it down."""
    found = (record or {}).get("provider", provider)
    if found != provider:
        raise LabError(
            f"lab {paths.name!r} is of the provider {found}, not {provider}: choose another name, or take it down with "
            f"the playbook lab_destroy (progressive_lab={paths.name})"
        )


def recorded(paths: LabPaths, key: str) -> Iterator[Any]:
    """What the record of each lab here says under `key`."""
    for record in paths.folder.parent.glob("*/lab.json"):
        try:
            yield json.loads(record.read_text(encoding="utf-8"))[key]
        except (OSError, ValueError, KeyError):
            continue  # being created, destroyed or damaged: then the bind test has to do
