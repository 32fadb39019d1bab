# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo: the template of an earlier revision, as its author wrote it, and nothing where it is there already."""

from __future__ import annotations

import copy

import jsonpatch
import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import Goal, Until
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    Change,
    Plan,
    Refused,
    Snapshot,
    Unchanged,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.undo import Undo

from tests.unit.support import (
    LABEL,
    NEW,
    NOT_OBSERVED,
    OTHER,
    STABLE,
    STATES,
    WORKLOAD_REF,
    Tree,
    canary,
    deployment,
    in_words,
    merged,
    replica_set,
    snapshot,
    template,
    updating,
    written,
)

HISTORY = (
    replica_set(1, OTHER, "shop:0"),
    replica_set(2, STABLE, "shop:1"),
    replica_set(3, NEW, "shop:2"),
    replica_set(2, "555555", "foreign:1", owner="another"),
    replica_set(0, "666666", "shop:x", {"metadata": {"annotations": None}}),
)


def undo(now: Snapshot, to_revision: int | None = None) -> Plan:
    return Undo(Goal(Until.OBSERVED), to_revision).plan(now)


@pytest.mark.parametrize("state", STATES)
def test_in_every_state_the_stable_template_is_brought_back(state: str) -> None:
    expected = {"not observed": "not yet: not_observed", "first deployment": "refused: no_stable"}
    assert in_words(undo(snapshot(STATES[state], *HISTORY))) == expected.get(state, "act: template")


def test_the_template_is_replaced_as_a_whole_if_it_is_still_the_same() -> None:
    plan = undo(snapshot(updating(0), *HISTORY))
    assert written(plan) == [
        [
            {"op": "test", "path": "/spec/template", "value": template("shop:2")},
            {"op": "replace", "path": "/spec/template", "value": template("shop:1")},
        ]
    ]
    assert isinstance(plan, Act)
    assert plan.change == Change(
        {"revision": 3, "template": template("shop:2")},
        {"revision": "2 under a new number", "template": template("shop:1")},
    )
    assert plan.message == "went back to the template of revision 2"


def test_the_stable_revision_is_meant_also_when_it_is_not_the_one_before() -> None:
    """The plugin takes the second-highest revision."""
    history = (replica_set(2, STABLE, "shop:1"), replica_set(7, OTHER, "shop:0"), replica_set(9, NEW, "shop:2"))
    assert written(undo(snapshot(updating(0), *history)))[0][1]["value"] == template("shop:1")


@pytest.mark.parametrize(("revision", "image"), [(1, "shop:0"), (2, "shop:1")])
def test_a_revision_by_its_number(revision: int, image: str) -> None:
    assert written(undo(snapshot(updating(0), *HISTORY), revision))[0][1]["value"] == template(image)


def test_a_second_run_changes_nothing() -> None:
    raw = updating(0)
    (operations,) = written(undo(snapshot(raw, *HISTORY)))
    after = jsonpatch.apply_patch(raw, copy.deepcopy(operations))
    assert undo(snapshot(after, *HISTORY)) == Unchanged("the spec already is that of revision 2")


def test_the_present_revision_is_there_already() -> None:
    assert undo(snapshot(updating(0), *HISTORY), 3) == Unchanged("the spec already is that of revision 3")


def test_defaults_and_injections_are_no_difference() -> None:
    injected = {"spec": {"strategy": {"canary": {"stableMetadata": {"labels": {"role": "stable"}}}}}}
    stored: Tree = {
        "spec": {
            "template": {
                "metadata": {"labels": {"role": "stable"}, "creationTimestamp": None},
                "spec": {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"},
            }
        }
    }
    now = snapshot(canary(injected), merged(replica_set(2, STABLE, "shop:2"), stored))
    assert in_words(undo(now)) == "unchanged"


def test_what_was_dropped_since_is_brought_back() -> None:
    """The plugin takes a template that only lost something for equal."""
    richer = merged(replica_set(2, STABLE, "shop:2"), {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})
    (operations,) = written(undo(snapshot(canary(), richer)))
    assert operations[1]["value"] == merged(template("shop:2"), {"metadata": {"annotations": {"a": "b"}}})


def test_the_template_of_a_referenced_workload() -> None:
    now = snapshot(updating(0, WORKLOAD_REF), *HISTORY, workload=deployment("shop:2"))
    (operations,) = written(undo(now))
    assert [operation["path"] for operation in operations] == ["/spec/template", "/spec/template"]
    assert operations[0]["value"] == template("shop:2")


@pytest.mark.parametrize(
    ("history", "kept"),
    [(HISTORY, "1, 2, 3"), ((), "none"), (HISTORY[3:], "none")],
    ids=["another number", "empty history", "history of others"],
)
def test_a_revision_that_is_not_there(history: tuple[Tree, ...], kept: str) -> None:
    assert undo(snapshot(updating(0), *history), 8) == Refused(
        "no_revision",
        f"to_revision: {LABEL} has no revision 8 in its history, which has {kept}. "
        "Older ones were removed, see spec.revisionHistoryLimit",
    )


def test_a_revision_is_found_by_the_number_that_it_had() -> None:
    """The controller gives a version that was gone back to a new number: a second run must find it done."""
    back = replica_set(4, NEW, "shop:2", {"metadata": {"annotations": {"rollout.argoproj.io/revision-history": "1,3"}}})
    now = snapshot(updating(0), HISTORY[1], back)
    assert in_words(undo(now, 3)) == in_words(undo(now, 1)) == "unchanged"
    assert in_words(undo(now, 2)) == "act: template"
    assert in_words(undo(now, 5)) == "refused: no_revision"


def test_a_stable_version_that_is_not_there() -> None:
    first = updating(0, {"status": {"stableRS": None}})
    assert undo(snapshot(first, HISTORY[2], HISTORY[0])) == Refused(
        "no_stable",
        f"{LABEL} has no stable version to go back to; it has these revisions: 1, 3. Name one in to_revision",
    )


def test_without_a_stable_version_a_replica_set_without_a_hash_is_not_taken_for_it() -> None:
    first = updating(0, {"status": {"stableRS": None}})
    odd = replica_set(1, "", "shop:0", {"metadata": {"labels": {"rollouts-pod-template-hash": None}}})
    assert in_words(undo(snapshot(first, odd))) == "refused: no_stable"


def test_an_unobserved_change_is_waited_for() -> None:
    assert in_words(undo(snapshot(canary(NOT_OBSERVED), *HISTORY), 1)) == "not yet: not_observed"


@pytest.mark.parametrize("revision", [0, -1])
def test_an_unusable_revision(revision: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Undo(Goal(Until.OBSERVED), revision)
    assert caught.value.option == "to_revision"


def test_it_needs_the_history() -> None:
    assert Undo(Goal(Until.OBSERVED)).needs_history
