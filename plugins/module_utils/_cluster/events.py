# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to an object that is watched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .errors import ClusterError
from .resources import Object


@dataclass(frozen=True)
class Changed:
    """A version of the object."""

    object: Object


@dataclass(frozen=True)
class Gone:
    """The object was deleted (or replaced by another of the same name, which is told by the uid)."""


@dataclass(frozen=True)
class Interrupted:
    """The connection is lost and is being made again; ``error`` is what was seen."""

    error: ClusterError


@dataclass(frozen=True)
class Broken:
    """It cannot go on: no rights, no credentials, no such API."""

    error: ClusterError


Event: TypeAlias = "Changed | Gone | Interrupted | Broken"
