# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md has each reason that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.engine.test_reasons import GIVEN, documented

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md").read_text()
SECTIONS = dict(re.findall(r"^### ([a-z_]+)\n\n((?:- .*\n|  .*\n)+)", PAGE, re.MULTILINE))
SUCCESSES = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
KNOWN = GIVEN.keys() | documented()


@pytest.mark.parametrize("word", sorted(KNOWN))
def test_each_reason_is_explained(word: str) -> None:
    assert word in SECTIONS or word in SUCCESSES, f"explain the reason {word} in docs/troubleshooting.md"


@pytest.mark.parametrize("word", sorted([*SECTIONS, *SUCCESSES]))
def test_nothing_else_is(word: str) -> None:
    assert word in KNOWN, f"docs/troubleshooting.md explains {word}, which no task gives"


@pytest.mark.parametrize("word", sorted(SECTIONS))
def test_a_failure_is_told_with_what_to_do(word: str) -> None:
    assert re.findall(r"\*\*(\w[\w ]*):\*\*", SECTIONS[word]) == ["Means", "Look at", "Do"]


def test_no_reason_is_there_twice() -> None:
    words = [*re.findall(r"^### (\S+)", PAGE, re.MULTILINE), *SUCCESSES]
    assert sorted(words) == sorted(set(words))
