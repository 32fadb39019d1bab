# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart: spec.restartAt, once for each time or token, and when it is through."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.goals import (
    Ended,
    Goal,
    Reached,
    Until,
    View,
    judge,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import (
    Act,
    Change,
    Plan,
    Sight,
    Unchanged,
)
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.restart import (
    TOKEN_ANNOTATION,
    Restart,
    full_second,
    parse_moment,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import (
    FIRST_GATE,
    NOT_OBSERVED,
    NOW,
    OTHER,
    SPEC_PAUSED,
    STABLE,
    STATES,
    Tree,
    aborted,
    ago,
    blue_green,
    canary,
    degraded,
    in_words,
    merged,
    paused,
    snapshot,
    updating,
    view,
    written,
)

GOAL = Goal(Until.RESTARTED, fail_on=frozenset({"invalid_spec"}))
NOON, EARLIER = "2026-01-01T12:00:00Z", NOW - timedelta(hours=1)


def restart(raw: Tree, now: datetime = NOW, **wish: object) -> Plan:
    return Restart(GOAL, **wish).plan(snapshot(raw, now=now))  # type: ignore[arg-type]


def asked(at: float, *changes: Tree) -> Tree:
    """A restart that was asked for, so many seconds ago."""
    return canary({"spec": {"restartAt": ago(at)}}, *changes)


@pytest.mark.parametrize("wish", [{"not_before": NOW}, {"token": "a"}])
@pytest.mark.parametrize("state", STATES)
def test_in_every_state_that_the_controller_looks_at_pods_are_restarted(state: str, wish: Tree) -> None:
    act = "act: spec.restartAt" + (" metadata.annotations" if "token" in wish else "")
    expected = {"not observed": "not yet: not_observed", "invalid spec": "refused: invalid_spec"}
    assert in_words(restart(STATES[state], **wish)) == expected.get(state, act)


def test_a_time_is_written_as_it_is() -> None:
    plan = restart(asked(7200), not_before=EARLIER)
    assert written(plan) == [{"spec": {"restartAt": ago(3600)}}]
    assert isinstance(plan, Act)
    assert plan.change == Change({"restartAt": ago(7200)}, {"restartAt": ago(3600)})
    assert plan.message == f"asked for a restart of all pods from before {ago(3600)}"


@pytest.mark.parametrize(
    ("on_record", "unchanged"), [(None, False), (3601, False), (3600, True), (10, True), (-3600, True)]
)
def test_a_time_that_a_restart_covers_needs_no_other(on_record: float | None, unchanged: bool) -> None:
    raw = canary() if on_record is None else asked(on_record)
    assert isinstance(restart(raw, not_before=EARLIER), Unchanged) is unchanged


def test_a_token_is_written_together_with_the_time() -> None:
    plan = restart(asked(7200, {"metadata": {"annotations": {TOKEN_ANNOTATION: "a"}}}), token="b")
    assert written(plan) == [{"spec": {"restartAt": NOON}, "metadata": {"annotations": {TOKEN_ANNOTATION: "b"}}}]
    assert isinstance(plan, Act)
    assert plan.change == Change({"restartAt": ago(7200), "token": "a"}, {"restartAt": NOON, "token": "b"})


def test_a_token_is_good_for_one_restart() -> None:
    plan = restart(canary({"metadata": {"annotations": {TOKEN_ANNOTATION: "a"}}}), token="a")
    assert plan == Unchanged("the restart a was asked for already")


@pytest.mark.parametrize(
    ("on_record", "now", "moment"),
    [
        (None, 0.0, 0),
        (None, 0.2, 1),  # pods of this second are older than the next one
        (60, 0.0, 0),
        (0, 0.0, 1),
        (-1, 0.3, 2),
        (-2, 0.3, 3),
        (-3600, 0.3, 1),  # set for later: now is sooner
    ],
)
def test_a_token_means_all_pods_that_are_there(on_record: float | None, now: float, moment: int) -> None:
    raw = canary() if on_record is None else asked(on_record)
    (body,) = written(restart(raw, NOW + timedelta(seconds=now), token="a"))
    assert body["spec"] == {"restartAt": ago(-moment)}


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)), st.booleans())
def test_a_second_run_has_nothing_to_do(now: datetime, by_token: bool) -> None:
    aware = now.replace(tzinfo=UTC)
    wish: Tree = {"token": "a"} if by_token else {"not_before": full_second(aware)}
    (body,) = written(restart(canary(), aware, **wish))
    again = merged(canary(), body)
    assert isinstance(restart(again, aware, **wish), Unchanged)
    assert view(again).restart_at is not None
    assert view(again).restart_at >= aware  # type: ignore[operator]


def test_it_is_seen_when_it_is_observed() -> None:
    plan = restart(canary(), token="a")
    assert isinstance(plan, Act)
    assert plan.seen(snapshot(canary(NOT_OBSERVED))) is Sight.PENDING
    assert plan.seen(snapshot(canary())) is Sight.SEEN


@pytest.mark.parametrize(("on_record", "old"), [(None, "nothing"), (60, ago(60))])
def test_the_field_that_somebody_may_put_back(on_record: float | None, old: str) -> None:
    raw = canary() if on_record is None else asked(on_record)
    plan = restart(raw, token="a")
    assert isinstance(plan, Act)
    (field,) = plan.fields
    assert (field.name, field.path, field.old) == ("spec.restartAt", ("f:spec", "f:restartAt"), old)
    assert field.back(snapshot(raw))
    assert not field.back(snapshot(asked(0)))


# -- the goal


RESTARTED: Tree = {"spec": {"restartAt": ago(60)}, "status": {"restartedAt": ago(60)}}
RESTARTING: Tree = {"spec": {"restartAt": ago(60)}, "status": {"message": "rollout is restarting"}}


@pytest.mark.parametrize(
    ("raw", "reached"),
    [
        (canary(RESTARTED), True),
        (canary(), True),
        (canary(RESTARTING), False),
        (canary(RESTARTED, {"status": {"restartedAt": ago(90)}}), False),
        (canary(RESTARTED, {"status": {"availableReplicas": 4}}), False),
        (canary(RESTARTED, NOT_OBSERVED), False),
        (paused(FIRST_GATE, RESTARTED), True),
        (paused(FIRST_GATE, RESTARTING), False),
        (canary(SPEC_PAUSED, RESTARTED), True),
        (aborted(RESTARTED), True),
        (aborted(RESTARTING), False),
        (blue_green(RESTARTED, {"status": {"replicas": 10}}), True),
        (blue_green(RESTARTED, {"status": {"availableReplicas": 4}}), False),
    ],
)
def test_a_restart_is_through_when_the_controller_says_so_and_pods_are_back(raw: Tree, reached: bool) -> None:
    seen = snapshot(raw)
    assert isinstance(judge(GOAL, View(seen.rollout, seen.observed, NOW)), Reached) is reached


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (updating(0, RESTARTING, {"status": {"currentPodHash": OTHER}}), "superseded"),
        (merged(degraded("InvalidSpec", "InvalidSpec", "Required value"), RESTARTING), "invalid_spec"),
    ],
)
def test_what_ends_a_restart(raw: Tree, reason: str) -> None:
    verdict = judge(GOAL, View(view(raw), True, NOW, STABLE if reason == "superseded" else ""))
    assert isinstance(verdict, Ended)
    assert verdict.reason == reason


def test_a_restart_says_what_it_waits_for_and_when_to_look_again() -> None:
    seen = View(view(canary(RESTARTING, {"status": {"availableReplicas": 4}})), True, NOW)
    waiting = judge(GOAL, seen)
    assert waiting.message == f"pods from before {ago(60)} are replaced, 4 of 5 pods are available"
    assert waiting.until == NOW + timedelta(seconds=3)  # type: ignore[union-attr]

    early = judge(GOAL, replace(seen, now=NOW - timedelta(hours=1)))
    assert early.message == f"the restart begins at {ago(60)}"
    assert early.until == NOW - timedelta(seconds=60)  # type: ignore[union-attr]


# -- the arguments


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T12:00:00Z", NOW),
        ("2026-01-01T14:00:00+02:00", NOW),
        ("2026-01-01 12:00:00+00:00", NOW),  # what YAML makes of one without quotes
        ("2026-01-01T11:59:59.001Z", NOW),
    ],
)
def test_a_time_is_read_to_the_full_second(text: str, moment: datetime) -> None:
    assert parse_moment("not_before", text) == moment


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01T12:00:00", "2026-01-01", "12:00:00Z", "9999-12-31T23:59:59.5Z", "1767268800"]
)
def test_bad_times_are_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"not_before: .*RFC 3339"):
        parse_moment("not_before", text)


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(InvalidRequest):
        assert parse_moment("not_before", text).microsecond == 0


@pytest.mark.parametrize("wish", [{}, {"not_before": NOW, "token": "a"}])
def test_exactly_one_of_them_says_which_restart_is_meant(wish: Tree) -> None:
    with pytest.raises(InvalidRequest, match="either not_before, or a token"):
        Restart(GOAL, **wish)
