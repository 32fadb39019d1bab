# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports for a lab to keep for its life."""

from __future__ import annotations

from collections.abc import Sequence

from .paths import LabPaths
from .processes import free_ports
from .record import recorded


def new_ports(paths: LabPaths, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name, none of which any lab here has reserved, running or not."""
    if not names:
        return {}
    taken = {port for ports in recorded(paths, "ports") for port in ports.values()}
    return dict(zip(names, free_ports(len(names), taken), strict=True))
