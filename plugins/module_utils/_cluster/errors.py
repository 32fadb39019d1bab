# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and the apiserver, by what the caller can do about it."""

from __future__ import annotations


class ClusterError(Exception):
    """A request failed for good. ``reason`` is the word that results carry, the text is for people."""

    reason = "error"

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFound(ClusterError):
    """404 for the object; the API itself is there."""

    reason = "not_found"


class NotInstalled(ClusterError):
    """404 for the API: the CRDs are missing."""

    reason = "not_installed"


class Forbidden(ClusterError):
    """403."""

    reason = "forbidden"


class Unauthorized(ClusterError):
    """401: no, wrong or expired credentials."""

    reason = "unauthorized"


class Conflict(ClusterError):
    """409, or a JSON patch whose ``test`` did not hold: decide again from a fresh object."""

    reason = "conflict"


class FieldConflict(ClusterError):
    """409 of a server-side apply: other managers own fields with other values, each a pair of manager and field."""

    reason = "field_conflict"

    def __init__(self, message: str, conflicts: tuple[tuple[str, str], ...], status: int = 409) -> None:
        super().__init__(message, status)
        self.conflicts = conflicts


class Invalid(ClusterError):
    """The apiserver refused the object (400, 413, 415, 422)."""

    reason = "invalid_request"


class BadConfiguration(ClusterError):
    """The kubeconfig or the auth options are unusable; nothing was sent."""

    reason = "bad_configuration"


class Expired(ClusterError):
    """410: the resourceVersion of a watch is too old; list again."""

    reason = "expired"


class Transient(ClusterError):
    """429, 5xx, a refused or broken connection, a timeout: the same request may work later.

    ``retry_after`` is the server's own wish in seconds, if it gave one.
    """

    reason = "unreachable"

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after = retry_after

    @property
    def in_doubt(self) -> bool:
        """Whether a write that ended like this may have been done: not where the server had no time to look at it."""
        return self.status != 429
