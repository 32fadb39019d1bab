# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities: every spelling of the same one is the same."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.quantity import parse_quantity, same_quantity
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("500m", 0.5),
        ("500m", "0.50"),
        ("1", "1000m"),
        (1, "1e0"),
        ("1Gi", "1024Mi"),
        ("1k", 1000),
        ("1E", "1e18"),
        ("0", "0m"),
        ("-1", "-1000m"),
    ],
)
def test_spellings_of_the_same(one: object, other: object) -> None:
    assert same_quantity(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1m"), ("1Gi", "1G"), ("1", None), ("one", "one"), (True, 1), ("1", "1e"), ("1 Gi", "1Gi"), ("1e999", 1)],
)
def test_what_is_not_the_same_quantity(one: object, other: object) -> None:
    assert not same_quantity(one, other)


@given(number=st.integers(0, 10**9))
def test_a_number_has_the_same_value_in_every_unit(number: int) -> None:
    assert parse_quantity(number) == parse_quantity(f"{number}000m") == parse_quantity(f"{number}e0")
    assert parse_quantity(f"{number}Mi") == parse_quantity(f"{number * 1024}Ki")
