# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No tree makes the rules stumble, whatever it is: they read what people have written."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._lint.documents import OURS, parse
from ansible_collections.progressive.delivery.plugins.module_utils._lint.fields import FIELDS
from ansible_collections.progressive.delivery.plugins.module_utils._lint.linter import lint
from ansible_collections.progressive.delivery.plugins.module_utils._lint.rules import RULES
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.lint.bundles import ARGO, GONE, SEEDS, changed, findings

NAMES = sorted({field.split(":")[0].rstrip("!") for fields in FIELDS.values() for field in fields.split()})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 200),
    st.floats(),
    st.sampled_from(["", "shop", "{{args.x}}", "{{", "5", "10s", "result[0] > 1", "a/b", "v1", "Rollout", "é"]),
    st.text(max_size=8),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=8,
)


def check(bundle: list[Any]) -> None:
    for finding in findings(bundle):
        assert finding.rule in RULES
        assert finding.message
        assert finding.file.startswith("objects[")


@given(st.lists(st.tuples(st.sampled_from(OURS), TREES, TREES), min_size=1, max_size=2))
def test_arbitrary_objects(found: list[tuple[str, Any, Any]]) -> None:
    check([{"apiVersion": ARGO, "kind": kind, "metadata": metadata, "spec": spec} for kind, metadata, spec in found])


def _paths(tree: Any, path: str = "") -> list[str]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = []
    for key, value in pairs:
        name = str(key).replace("/", "~")
        inner = f"{path}/{name}" if path else name
        found += [inner, *_paths(value, inner)]
    return found


@settings(max_examples=200)
@given(st.data())
def test_good_bundles_with_something_else_in_some_place(data: st.DataObject) -> None:
    bundle = SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))]()
    path = data.draw(st.sampled_from([item for item in _paths(bundle) if "/" in item]))
    value = data.draw(st.one_of(TREES, st.just(GONE)))
    check(changed(bundle, [(path, value)]))


@given(st.sampled_from(sorted(SEEDS)))
def test_a_bundle_is_the_same_as_objects_and_as_files(name: str) -> None:
    broken = changed(SEEDS[name](), [("0/spec/minReadySeconds", -1), ("0/spec/strange", {})])
    documents = [found for tree in broken for found in parse(json.dumps(tree, indent=1).encode(), "x").documents]

    told = [(finding.rule, finding.path, finding.object) for finding in lint(documents)]

    assert sorted(told) == sorted((finding.rule, finding.path, finding.object) for finding in findings(broken))
    assert all(finding.line for finding in lint(documents))


@given(st.one_of(st.binary(max_size=60), st.text(alphabet="ab:-[]{}&*!|>'\"#\n ,?<0.", max_size=60).map(str.encode)))
def test_arbitrary_files(data: bytes) -> None:
    for flaw in parse(data, "x").flaws:
        assert flaw.rule in RULES
        assert flaw.line > 0
