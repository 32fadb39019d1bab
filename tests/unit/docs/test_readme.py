# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README has what certified collections have, and each thing that the collection brings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()
# Of the template for certified collections, in its order.
HEADINGS = [
    "Description", "Requirements", "Installation", "Use Cases", "Testing", "Contributing", "Support",
    "Release Notes and Roadmap", "Related Information", "License Information",
]  # fmt: skip


def names(pattern: str) -> set[str]:
    return {path.stem for path in ROOT.glob(pattern)}


BROUGHT = {
    "Module": names("plugins/modules/*.py"),
    "Filter or lookup": names("plugins/filter/*.py") | names("plugins/lookup/*.py"),
    "Role": names("roles/*"),
    "Playbook": names("playbooks/*.yml"),
}


def test_the_headings_are_those_of_the_template() -> None:
    assert re.findall(r"^## (.+)$", README, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("kind", BROUGHT)
def test_its_tables_have_all_that_is_brought(kind: str) -> None:
    table = re.search(rf"^\| {kind}.*\n\|---\|---\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert table is not None
    told = [name for row in table[1].splitlines() for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(BROUGHT[kind])


def test_the_site_has_each_guide() -> None:
    index = (ROOT / "docs" / "docsite" / "site" / "index.rst").read_text()
    assert set(re.findall(r"docs/([a-z-]+)", index)) == names("docs/*.md")
