# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a question to Prometheus has no answer, by what the caller can do about it."""

from __future__ import annotations


class PrometheusError(Exception):
    """No answer. ``reason`` is the word that results carry, the text is for people."""

    reason = "error"


class QueryError(PrometheusError):
    """The server understood the request and refused the query; the same query fails again.

    ``error_type`` and ``message`` are the server's own, such as ``bad_data`` and a text with the position.
    """

    reason = "bad_query"

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{message} ({error_type})")
        self.error_type = error_type
        self.message = message


class Unauthorized(PrometheusError):
    """401 or 403: no, wrong or too weak credentials."""

    reason = "unauthorized"


class BadAddress(PrometheusError):
    """Whatever is there does not answer as the HTTP API of Prometheus does, or is not trusted."""

    reason = "bad_configuration"


class Unreachable(PrometheusError):
    """A refused or broken connection, 429, 5xx: the same request may work later."""

    reason = "unreachable"


class TimedOut(Unreachable):
    """No answer in time, or the server gave the query up because it took too long."""

    reason = "timeout"
