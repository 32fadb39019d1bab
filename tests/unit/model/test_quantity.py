# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities: every spelling of the same one is the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.quantity import (
    canonical,
    parse_quantity,
    same_quantity,
)
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


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("0.5", "500m"),
        (0.5, "500m"),
        (".5", "500m"),
        ("0.10", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        (2, "2"),
        ("-1000m", "-1"),
        ("1000000", "1M"),
        ("1234567", "1234567"),
        ("100k", "100k"),
        ("0.1k", "100"),
        ("0.5E", "500P"),
        ("1000E", "1000E"),
        ("0.0001", "100u"),
        ("1000u", "1m"),
        ("0", "0"),
        ("0Mi", "0"),
        ("1023", "1023"),
        ("1024", "1024"),
        ("1024Mi", "1Gi"),
        ("1000Mi", "1000Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("1.2Ki", "1228800m"),
        ("1000000Ki", "1000000Ki"),
        ("2048Ei", "2048Ei"),
        # These the controller leaves alone, or nearly all of them.
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("5.", "5."),
        ("+5", "+5"),
        ("0.1n", "0.1n"),
        (True, True),
        ("much", "much"),
        (None, None),
    ],
)
def test_the_spelling_that_the_controller_gives(given: object, written: object) -> None:
    """As the controller v1.10.2 has written these back."""
    assert canonical(given) == written


@given(number=st.decimals(0, 10**12, places=3), suffix=st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi"]))
def test_that_spelling_is_of_the_same_and_its_own(number: Decimal, suffix: str) -> None:
    written = canonical(f"{number}{suffix}")
    assert same_quantity(written, f"{number}{suffix}")
    assert canonical(written) == written


@given(number=st.integers(0, 10**9))
def test_a_number_has_the_same_value_in_every_unit(number: int) -> None:
    assert parse_quantity(number) == parse_quantity(f"{number}000m") == parse_quantity(f"{number}e0")
    assert parse_quantity(f"{number}Mi") == parse_quantity(f"{number * 1024}Ki")
