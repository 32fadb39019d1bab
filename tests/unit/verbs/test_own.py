# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that a task makes itself: what to do about what is there."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.own import (
    RECREATE,
    Absent,
    Compare,
    Create,
    Delete,
    Own,
    Present,
    Step,
    Terminate,
    Terminated,
    Wish,
    same_spec,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import NotYet, Refused, Unchanged

from tests.unit.support import NAMESPACE, Tree, analysis_run, experiment, merged

SPEC: Tree = {"metrics": [{"name": "m"}], "args": [{"name": "x", "value": "1"}]}
OTHER: Tree = {"metrics": [{"name": "m"}], "dryRun": [{"metricName": "m"}]}


def own(phase: str = "Running", *changes: Tree, spec: Tree | None = None) -> Own:
    raw = analysis_run("run", phase, {"metadata": {"ownerReferences": None}})
    raw["spec"] = SPEC if spec is None else spec
    for change in changes:
        raw = merged(raw, change)
    return Own.parse(raw)


TOLD = {"spec": {"terminate": True}}
LEAVING = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
OWNED = {"metadata": {"ownerReferences": [{"kind": "Rollout", "name": "shop", "uid": "u", "controller": True}]}}


def in_short(step: Step) -> str:
    match step:
        case NotYet() | Refused():
            return step.reason
    return type(step).__name__.lower()


def test_the_view() -> None:
    found = own()
    assert (found.label, found.uid, found.owner) == (f"AnalysisRun {NAMESPACE}/run", "uid-of-run", "")
    assert (found.phase, found.terminate, found.deleting, found.over) == ("Running", False, False, False)
    assert own("", OWNED).owner == "Rollout shop"
    assert Own.parse(experiment()).label.startswith("Experiment ")


@pytest.mark.parametrize(
    ("found", "over"),
    [
        (own(""), False),
        (own("Pending"), False),
        (own("Failed"), True),
        (own("Successful"), True),
        (own("", TOLD), True),
    ],
)
def test_whether_it_is_over(found: Own, over: bool) -> None:
    assert found.over is over


@pytest.mark.parametrize(
    ("wish", "found", "expected"),
    [
        (Present(SPEC), None, "create"),
        (Present(SPEC), own(), "unchanged"),
        (Present(SPEC), own("Successful", TOLD), "unchanged"),
        (Present(OTHER), own(), "compare"),
        (Present(OTHER, as_stored=True), own(), "different"),
        (Present(SPEC), own("Running", LEAVING), "deleting"),
        (Present(SPEC), own("Running", OWNED), "owned"),
        (Present(SPEC, "always"), own("Running", OWNED), "owned"),
        (Present(SPEC, "always"), own("Running", LEAVING), "deleting"),
        (Terminated("it"), None, "not_found"),
        (Terminated("it"), own(), "terminate"),
        (Terminated("it"), own("", TOLD), "unchanged"),
        (Terminated("it"), own("Failed"), "unchanged"),
        (Terminated("it"), own("Running", OWNED), "owned"),
        (Absent(True), None, "unchanged"),
        (Absent(True), own(), "delete"),
        (Absent(True), own("Running", OWNED), "owned"),
        (Absent(True), own("Running", LEAVING), "deleting"),
        (Absent(False), own("Running", LEAVING), "unchanged"),
    ],
)
def test_what_to_do(wish: Wish, found: Own | None, expected: str) -> None:
    assert in_short(wish.meeting(found).plan(found)) == expected


@pytest.mark.parametrize("phase", ["Running", "Failed"])
@pytest.mark.parametrize("recreate", RECREATE)
@pytest.mark.parametrize("spec", [SPEC, OTHER], ids=["same", "other"])
def test_what_may_be_replaced(recreate: str, phase: str, spec: Tree) -> None:
    found = own(phase)
    step = Present(spec, recreate).meeting(found).plan(found)
    may = recreate == "always" or (recreate == "finished" and phase == "Failed")
    assert isinstance(step, Delete) is may
    if isinstance(step, Delete):
        assert step.uid == found.uid
        assert (step.change.before, step.change.after) == ({"spec": SPEC}, {"spec": spec})


def test_only_the_one_that_was_met_first_is_replaced() -> None:
    """What has the name after that may be what this task has just made."""
    wish = Present(SPEC, "always").meeting(own("Failed"))
    assert isinstance(wish.plan(None), Create)
    assert isinstance(wish.plan(own("Failed", {"metadata": {"uid": "later"}})), Unchanged)
    assert isinstance(Present(SPEC, "always").meeting(None).plan(own("Failed")), Unchanged)


def test_the_changes_that_are_shown() -> None:
    assert Present(SPEC).plan(None) == Create(Present(SPEC).plan(None).change)  # type: ignore[union-attr]
    end = Terminated("it").plan(own())
    assert isinstance(end, Terminate)
    assert (end.change.before, end.change.after) == ({"spec": {"terminate": False}}, {"spec": {"terminate": True}})
    removal = Absent(True).plan(own())
    assert isinstance(removal, Delete)
    assert (removal.change.before, removal.change.after) == ({"spec": SPEC}, {})


def test_a_refusal_says_what_differs() -> None:
    step = Present(OTHER, as_stored=True).plan(own())
    assert isinstance(step, Refused)
    assert "(args, dryRun differ)" in step.message
    assert isinstance(Present(OTHER).plan(own()), Compare)


@pytest.mark.parametrize(
    ("wished", "found", "same"),
    [
        ({"a": 1}, {"a": 1, "terminate": True}, True),
        ({"a": 1, "b": None, "c": [], "d": {}}, {"a": 1}, True),
        ({"a": [{"b": None, "c": 1}]}, {"a": [{"c": 1}]}, True),
        ({"a": ({"c": 1},)}, {"a": [{"c": 1}]}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"a": "1"}, False),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({}, {"a": 0}, False),
    ],
)
def test_whether_two_specs_mean_the_same(wished: Tree, found: Tree, same: bool) -> None:
    assert same_spec(wished, found) is same
