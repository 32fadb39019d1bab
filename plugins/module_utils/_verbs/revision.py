# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by the verbs that make a new revision."""

from __future__ import annotations

from collections.abc import Callable

from .._model.rollout import INVALID_SPEC
from .plan import Sight, Snapshot


def new_version_seen(before: Snapshot) -> Callable[[Snapshot], Sight]:
    """Seen when the controller numbers another version than before, or calls the new spec invalid.

    ``observedGeneration`` alone is not enough: the controller also writes it when it only updates a
    condition, while ``currentPodHash`` still names the old version.
    """
    old_hash = before.rollout.current_hash

    def seen(now: Snapshot) -> Sight:
        if not now.observed:
            return Sight.PENDING
        if now.rollout.condition(INVALID_SPEC) is not None or now.rollout.current_hash != old_hash:
            return Sight.SEEN
        return Sight.PENDING

    return seen
