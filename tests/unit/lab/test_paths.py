# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab lives and what it may be called."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache, cache_root, checked_name


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/progressive-delivery"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/big"}, "/big/progressive-delivery"),
        # The XDG specification: a relative value is invalid and to be ignored.
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "big"}, "/home/me/.cache/progressive-delivery"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": ""}, "/home/me/.cache/progressive-delivery"),
    ],
)
def test_cache_root(environ: dict[str, str], expected: str) -> None:
    assert cache_root(environ) == Path(expected)


@pytest.mark.parametrize("name", ["default", "a", "0", "fleet-1", "x" * 32])
def test_names_that_are_fine(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "../up", "a/b", "x" * 33, "a\n"])
def test_names_that_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(LabError, match="1 to 32 lower-case letters"):
        checked_name(name)


def test_the_lock_is_outside_the_folder_that_is_removed() -> None:
    paths = Cache(Path("/cache")).lab("blue")
    assert paths.folder == Path("/cache/labs/blue")
    assert paths.lock.parent == paths.folder.parent
