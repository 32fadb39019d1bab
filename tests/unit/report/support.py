# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of releases that the tests make reports of: what the modules return, in their shapes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]

FACTS = Path(__file__).parent / "facts"
NAMES = ("canary", "blue_green", "three_services")


def facts(name: str) -> Tree:
    """A release as its role gathers it."""
    read: Tree = json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8"))
    return read


def measured(*values: tuple[str, str], success: str = "", failure: str = "", every: int = 10) -> Tree:
    """A metric with measurements of ``(phase, value)``."""
    return {
        "name": "errors",
        "phase": "Failed",
        "success_condition": success,
        "failure_condition": failure,
        "measurements": [
            {
                "phase": phase,
                "value": value,
                "started_at": f"2026-01-01T12:{(index * every) // 60 % 60:02}:00.{index:03}Z",
            }
            for index, (phase, value) in enumerate(values)
        ],
    }


def release(*services: Tree, **more: Any) -> Tree:
    """Facts of a release."""
    return {"services": list(services), **more}


def analysed(*metrics: Tree) -> Tree:
    """A release of one service with one analysis."""
    run = {"name": "shop-1", "kind": "step", "phase": "Failed", "metrics": list(metrics)}
    return release({"name": "shop", "evidence": [{"analysis": run}]})


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
_RUBBISH = st.one_of(
    JSON, st.sampled_from(["2026-01-01T12:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", 1e18, "Paused"])
)


@st.composite
def spoiled(draw: st.DrawFn, tree: Any) -> Any:
    """The same tree, in which a few things are missing, of another kind, or somebody's joke."""
    for _turn in range(draw(st.integers(1, 6))):
        tree = _spoil(draw, tree)
    return tree


def _spoil(draw: st.DrawFn, tree: Any) -> Any:
    """One thing: on the way down, each part is chosen by chance."""
    if not isinstance(tree, (dict, list)) or not tree or draw(st.integers(0, 9)) == 0:
        return draw(_RUBBISH)
    if isinstance(tree, list):
        index = draw(st.integers(0, len(tree) - 1))
        return [*tree[:index], _spoil(draw, tree[index]), *tree[index + 1 :]]
    key = draw(st.sampled_from(sorted(tree)))
    return {**tree, key: _spoil(draw, tree[key])}
