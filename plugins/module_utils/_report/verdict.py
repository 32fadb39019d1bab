# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a service, and of the release as a whole, in one word each."""

from __future__ import annotations

from collections.abc import Sequence

from .given import Given

RELEASED = "released"
UNCHANGED = "unchanged"
HELD = "held"
ABORTED = "aborted"
UNDONE = "undone"
FAILED = "failed"
NOT_STARTED = "not_started"
PLANNED = "planned"
# Of an experiment that is no step of a release.
PASSED = "passed"
# Of a whole release only.
ROLLED_BACK = "rolled_back"
PARTIAL = "partial"

OF_SERVICE = (RELEASED, UNCHANGED, HELD, ABORTED, UNDONE, FAILED, NOT_STARTED, PLANNED, PASSED)
OF_RELEASE = (*OF_SERVICE, ROLLED_BACK, PARTIAL)

_ON_OLD = frozenset({ABORTED, UNDONE, NOT_STARTED})
# What an action that goes back must end with, so that it has.
STEPS_BACK = {"rollout_abort": ("restored", ABORTED), "rollout_undo": ("healthy", UNDONE)}
# The action that has no Rollout to look at.
EXPERIMENT = "experiment"


def of_service(told: str, before: Given, results: Sequence[tuple[str, Given]]) -> str:
    """What the role says, or what can be read from ``(action, result)`` of its tasks.

    Read from the reasons, because a role that sets ``failed_when: false`` gets results that have not failed.
    """
    if told in OF_SERVICE:
        return told
    if not results:
        return NOT_STARTED
    action, last = results[-1]
    rollout = last.child("rollout")
    reason = last.text("reason")
    if action in STEPS_BACK:
        good, word = STEPS_BACK[action]
        return word if reason == good else FAILED
    if action == EXPERIMENT:
        return PASSED if reason == "successful" else FAILED
    if rollout.flag("aborted"):
        return ABORTED
    if reason != "healthy" or last.flag("failed"):
        return HELD if reason in ("paused", "inconclusive") else FAILED
    stable = rollout.text("stable_hash")
    moved = any(result.flag("changed") for _name, result in results) or before.text("stable_hash") not in ("", stable)
    return RELEASED if moved else UNCHANGED


def of_release(told: str, services: Sequence[str]) -> str:
    """What the role says, or what follows from its services."""
    if told in OF_RELEASE:
        return told
    found = set(services)
    for word in (FAILED, HELD, PLANNED):
        if word in found:
            return word
    if not found or found <= {UNCHANGED, NOT_STARTED}:
        return UNCHANGED if found == {UNCHANGED} else NOT_STARTED
    if found <= {RELEASED, UNCHANGED}:
        return RELEASED
    if found == {PASSED}:
        return PASSED
    # One that is unchanged has what was asked for, since whenever.
    if not found <= _ON_OLD:
        return PARTIAL
    return ABORTED if list(services) == [ABORTED] else ROLLED_BACK
