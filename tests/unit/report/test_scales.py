# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in a plot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._report.scales import TimeScale, ValueScale
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_time_goes_from_left_to_right() -> None:
    scale = TimeScale.around([None, NOON + timedelta(minutes=1), NOON])
    assert scale is not None
    moments = [NOON, NOON + timedelta(seconds=15), NOON + timedelta(minutes=1), NOON + timedelta(minutes=9)]
    assert [scale.place(moment) for moment in moments] == [0, 25, 100, 100]
    assert [(tick.text, tick.inner) for tick in scale.ticks()] == [
        ("12:00:00", False),
        ("12:00:15", True),
        ("12:00:30", False),
        ("12:00:45", True),
        ("12:01:00", False),
    ]


def test_days_are_told_where_they_matter() -> None:
    ticks = TimeScale(NOON, NOON + timedelta(days=2)).ticks()
    assert [tick.text for tick in ticks if not tick.inner] == ["01-01 12:00", "01-03 12:00"]


def test_one_moment_is_in_the_middle() -> None:
    scale = TimeScale.around([NOON])
    assert scale is not None
    assert scale.place(NOON) == 50
    assert [tick.text for tick in scale.ticks()] == ["12:00:00"]


def test_no_moment_has_no_scale() -> None:
    assert TimeScale.around([None]) is None


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.93, 0.99], [0.94, 0.96, 0.98]),
        ([0, 100], [0, 50, 100]),
        ([-100, 0], [-100, -50, 0]),
        ([5], [4, 5, 6]),
        ([0], [0, 0.2, 0.4]),
        ([200, 310], [200, 250, 300]),
        ([1e-310, 3e-310], [0, 0]),
        ([-1.7e308, 1.7e308], [-1.7e308, 1.7e308]),
    ],
)
def test_ticks_are_round(values: list[float], ticks: list[float]) -> None:
    assert ValueScale.around(values, 0, 100).ticks() == pytest.approx(ticks)


@given(st.lists(FINITE, min_size=1, max_size=9))
def test_every_value_has_a_place_whatever_its_size(values: list[float]) -> None:
    scale = ValueScale.around(values, 20, 150)
    places = [scale.place(value) for value in sorted(values)]
    assert places == sorted(places, reverse=True)
    assert all(20 <= place <= 150 for place in places)
    assert all(20 <= scale.place(tick) <= 150 for tick in scale.ticks())
    assert 1 <= len(scale.ticks()) <= 9
