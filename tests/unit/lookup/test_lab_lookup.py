# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that reads the record of a lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.progressive.delivery.plugins.lookup.lab import LookupModule


@pytest.fixture
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "progressive-delivery" / "labs"
    (folder / "blue").mkdir(parents=True)
    (folder / "blue" / "lab.json").write_text('{"name": "blue"}')
    return folder


def test_the_record_of_each_lab(labs: Path) -> None:
    assert LookupModule().run(["blue", "blue"]) == [{"name": "blue"}] * 2


@pytest.mark.parametrize("name", ["", "green", "../blue", "No Name"])
def test_a_name_that_no_lab_has(labs: Path, name: str) -> None:
    assert LookupModule().run([name]) == [{}]


def test_a_damaged_record_is_told_with_its_remedy(labs: Path) -> None:
    (labs / "blue" / "lab.json").write_text("{")
    with pytest.raises(AnsibleLookupError, match=r"lab\.json is damaged.*lab_destroy"):
        LookupModule().run(["blue"])
