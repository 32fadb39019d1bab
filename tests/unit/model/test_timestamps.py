# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.timestamps import (
    format_milliseconds,
    format_time,
    parse_time,
)
from hypothesis import given
from hypothesis import strategies as st

MOMENT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00", "2026-01-01T12:00:00.000000Z", "2026-01-01T12:00:00"],
    ids=["UTC", "offset", "MicroTime", "no zone is UTC"],
)
def test_every_spelling_of_a_moment(text: str) -> None:
    assert parse_time(text) == MOMENT


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert parse_time(text) is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_view(text: str) -> None:
    found = parse_time(text)
    assert found is None or found.tzinfo is not None


def test_a_time_is_written_in_utc_to_the_second() -> None:
    zone = timezone(timedelta(hours=-5))
    assert format_time(datetime(2026, 1, 1, 7, 0, 0, 999_999, tzinfo=zone)) == "2026-01-01T12:00:00Z"
    assert format_time(None) is None


def test_a_time_is_written_in_utc_to_the_millisecond() -> None:
    zone = timezone(timedelta(hours=-5))
    assert format_milliseconds(datetime(2026, 1, 1, 7, 0, 0, 999_999, tzinfo=zone)) == "2026-01-01T12:00:00.999Z"
    assert format_milliseconds(datetime(2026, 1, 1, 12, tzinfo=UTC)) == "2026-01-01T12:00:00.000Z"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))
def test_a_written_time_reads_back_to_the_second(moment: datetime) -> None:
    assert parse_time(format_time(moment)) == moment.replace(microsecond=0)
