# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as users give them."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.moments import parse_moment
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest

NOW = 1_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", NOW),
        ("-5m", NOW - 300),
        ("-1h30m", NOW - 5400),
        ("+30s", NOW + 30),
        ("1767225600", 1767225600),
        ("1767225600.25", 1767225600.25),
        (1767225600, 1767225600),
        ("2026-01-01T00:00:00Z", 1767225600),
        ("2026-01-01T01:00:00+01:00", 1767225600),
        (" 2026-01-01T00:00:00 ", 1767225600),
    ],
)
def test_a_moment(text: object, seconds: float) -> None:
    assert parse_moment("time", text, NOW) == seconds


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01", "-5d", "-", "12:00"])
def test_what_is_no_moment_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"start.*2026-05-01T12:00:00Z.*-5m"):
        parse_moment("start", text, NOW)
