# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the tasks of a release have returned to its report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._report import verdict
from ansible_collections.progressive.delivery.plugins.module_utils._report.given import Given, stamp
from ansible_collections.progressive.delivery.plugins.module_utils._report.report import build
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.support import JSON, NAMES, Tree, analysed, facts, measured, release, spoiled


def service(**more: Any) -> Tree:
    """The report of a release of one service."""
    made: Tree = build(release({"namespace": "prod", "name": "shop", **more}))["services"][0]
    return made


def result(reason: str = "healthy", *, action: str = "rollout_wait", changed: bool = False, **rollout: Any) -> Tree:
    state = {"phase": "Healthy", "stable_hash": "new", "current_hash": "new", **rollout}
    return {
        "action": action,
        "result": {"reason": reason, "changed": changed, "msg": f"it is {reason}", "rollout": state},
    }


def state(second: int, phase: str = "Progressing", **more: Any) -> Tree:
    return {"time": f"2026-01-01T12:00:{second:02}.000Z", "phase": phase, "message": "", **more}


def waited(*timeline: Tree) -> Tree:
    return {"action": "rollout_wait", "result": {"reason": "healthy", "timeline": list(timeline)}}


# -- Verdicts


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([], verdict.NOT_STARTED),
        ([result()], verdict.UNCHANGED),
        ([result("observed", action="rollout_set_image", changed=True), result()], verdict.RELEASED),
        ([result("paused", phase="Paused")], verdict.HELD),
        ([result("inconclusive", phase="Paused")], verdict.HELD),
        ([result("timeout", phase="Progressing")], verdict.FAILED),
        ([result("managed")], verdict.FAILED),
        ([result("aborted", phase="Degraded", aborted=True)], verdict.ABORTED),
        ([result("timeout"), result("restored", action="rollout_abort", aborted=True)], verdict.ABORTED),
        ([result("timeout"), result("timeout", action="rollout_abort", aborted=True)], verdict.FAILED),
        ([result(), result(action="rollout_undo")], verdict.UNDONE),
        ([result(), result("degraded", action="rollout_undo")], verdict.FAILED),
    ],
)
def test_the_verdict_of_a_service(results: list[Tree], word: str) -> None:
    assert service(results=results, before={"stable_hash": "new", "current_hash": "new"})["verdict"] == word


def test_a_run_that_finishes_what_another_has_begun_has_released() -> None:
    assert service(results=[result()], before={"stable_hash": "old", "current_hash": "new"})["verdict"] == "released"


def test_a_healthy_rollout_behind_a_failed_task_is_no_success() -> None:
    failed = result()
    failed["result"]["failed"] = True
    assert service(results=[failed])["verdict"] == verdict.FAILED


def test_the_roles_word_counts_if_it_is_one() -> None:
    assert service(verdict="failed", results=[result()])["verdict"] == "failed"
    assert service(verdict="splendid", results=[result()])["verdict"] == "unchanged"
    assert build(release(verdict="partial"))["verdict"] == "partial"


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ([], "not_started"),
        (["not_started"], "not_started"),
        (["released", "unchanged"], "released"),
        (["unchanged"], "unchanged"),
        (["unchanged", "not_started"], "not_started"),
        (["released", "failed"], "failed"),
        (["released", "held", "not_started"], "held"),
        (["planned", "planned"], "planned"),
        (["released", "aborted"], "partial"),
        (["released", "not_started"], "partial"),
        # It had what was asked for before, as after a run that was killed.
        (["unchanged", "aborted"], "partial"),
        (["unchanged", "undone", "not_started"], "partial"),
        (["aborted"], "aborted"),
        (["undone", "aborted", "not_started"], "rolled_back"),
    ],
)
def test_the_verdict_of_a_release(words: list[str], word: str) -> None:
    assert build(release(*({"verdict": each} for each in words)))["verdict"] == word


@pytest.mark.parametrize(
    ("words", "guilty"),
    [
        (["released", "undone", "aborted", "not_started"], "c"),
        (["released", "undone"], "b"),
        (["released", "unchanged", "not_started"], "b"),
        (["not_started"], ""),
    ],
)
def test_the_message_is_that_of_the_service_that_tells_why(words: list[str], guilty: str) -> None:
    made = build(release(*({"verdict": word, "message": name} for name, word in zip("abcd", words, strict=False))))
    assert made["message"] == guilty


# -- Versions


def test_the_old_version_is_the_one_that_served() -> None:
    tree = {
        "revisions": [
            {"replica_sets": [{"hash": "new", "revision": 5, "images": ["shop:2"]}]},
            {"replica_sets": [{"hash": "old", "revision": 4, "images": ["shop:1"]}]},
        ]
    }
    before = {"stable_hash": "old", "current_hash": "new", "images": {"app": "shop:2"}, "revision": 5}
    assert service(before={**before, "tree": tree})["from"] == {
        "revision": 4,
        "hash": "old",
        "images": [{"container": None, "image": "shop:1"}],
    }
    # Without the tree, nobody can tell.
    assert service(before=before)["from"] == {"revision": None, "hash": "old", "images": []}
    assert service(before={"tree": tree, "images": {"app": "x"}})["from"] == {
        "revision": None,
        "hash": None,
        "images": [],
    }
    assert service()["from"] is None


def test_the_new_version_is_what_the_first_task_has_set() -> None:
    first = result(revision=5, images={"app": "shop:1", "log": "log:1"})
    made = service(results=[first, result(revision=6)], images={"app": "shop:2"})
    assert made["to"] == {
        "revision": 5,
        "hash": "new",
        "images": [{"container": "app", "image": "shop:2"}, {"container": "log", "image": "log:1"}],
    }
    assert made["now"]["revision"] == 6
    assert service(images={"app": "shop:2"})["to"]["images"] == [{"container": "app", "image": "shop:2"}]
    assert (service()["to"], service()["now"]) == (None, None)


# -- What happened


def test_a_state_that_two_waits_have_seen_is_told_once() -> None:
    made = service(results=[waited(state(1), state(2, "Paused")), waited(state(3, "Paused"), state(4))])
    told = [(item["kind"], item["time"][17:19] if item["time"] else None) for item in made["events"]]
    assert told == [("state", "01"), ("state", "02"), ("action", "02"), ("state", "04"), ("action", "04")]
    assert [item["phase"] for item in made["phases"]] == ["Progressing", "Paused", "Progressing"]


def test_checks_and_notes_stand_among_the_states() -> None:
    lost = {"time": "2026-01-01T12:00:02Z", "reason": "unreachable", "message": "the connection is lost"}
    check = {"name": "smoke", "at": "2026-01-01T12:00:03Z", "result": {"msg": "fine"}}
    made = service(results=[waited(state(1), lost, state(5, "Paused"))], checks=[check])
    assert [item["kind"] for item in made["events"]] == ["state", "note", "check", "state", "action"]


def test_what_has_no_time_stays_behind_what_came_before() -> None:
    made = service(results=[{"action": "a"}, waited(state(1)), {"action": "b"}, waited(state(2, "Paused"))])
    assert [item["name"] for item in made["events"]] == ["a", "", "rollout_wait", "b", "", "rollout_wait"]
    assert (made["started"], made["finished"]) == ("2026-01-01T12:00:01.000Z", "2026-01-01T12:00:02.000Z")


def test_weights_change_with_the_revision() -> None:
    weight = {"set": 20, "actual": 0}
    made = service(
        results=[
            waited(
                state(1, weight=weight, revision=5),
                state(2, "Paused", weight=weight, revision=5),
                state(3, weight=weight, revision=6),
                state(4, weight={"set": None, "actual": None}, revision=6),
            )
        ]
    )
    assert [(item["time"][17:19], item["revision"], item["set"]) for item in made["weights"]] == [
        ("01", 5, 20),
        ("03", 6, 20),
    ]


def seen(second: int, revision: int, weight: int, message: str = "") -> Tree:
    return state(second, revision=revision, weight={"set": weight, "actual": weight}, message=message)


def drawn(wanted: int, *timeline: Tree) -> list[tuple[str, int, int]]:
    """The line of a run that is about that revision."""
    made = service(results=[result("observed", action="rollout_set_image", revision=wanted), waited(*timeline)])
    return [(item["time"][17:19], item["revision"], item["set"]) for item in made["weights"]]


def test_the_weight_of_the_old_version_is_not_that_of_the_new_one() -> None:
    """The controller numbers the new revision before it says how much of the requests it gets."""
    unseen = "waiting for rollout spec update to be observed"
    timeline = [seen(1, 4, 100), seen(2, 4, 100, unseen), seen(3, 5, 100, unseen), seen(4, 5, 20)]
    assert drawn(5, *timeline) == [("04", 5, 20)]
    # Nor is it that of what an undo makes; what was on its way until then was.
    assert drawn(5, *timeline, seen(5, 5, 60, unseen), seen(6, 6, 60, unseen), seen(7, 6, 0)) == [
        ("04", 5, 20),
        ("07", 6, 0),
    ]


def test_a_run_that_finds_its_version_there_draws_it_from_the_beginning() -> None:
    assert drawn(5, seen(1, 5, 20), seen(2, 5, 60)) == [("01", 5, 20), ("02", 5, 60)]
    assert drawn(4, seen(1, 4, 100)) == [("01", 4, 100)]
    assert drawn(5, seen(1, 4, 100)) == [], "it was never seen"


def test_pauses_begin_and_end() -> None:
    timed = {"reason": "CanaryPauseStep", "until": "2026-01-01T12:00:09Z"}
    step, following = {"index": 1, "total": 4}, {"index": 2, "total": 4}
    made = service(
        results=[
            waited(
                state(1),
                state(2, "Paused", paused=timed, step=step),
                state(3, "Paused", paused=timed, step=step, message="more"),
                state(4, "Paused", paused={"reason": "CanaryPauseStep"}, step=following),
                state(6),
                state(7, "Paused", paused={"reason": "manually paused"}),
            )
        ]
    )
    assert [(item["from"][17:19], (item["to"] or "")[17:19], item["reason"]) for item in made["pauses"]] == [
        ("02", "04", "CanaryPauseStep"),
        ("04", "06", "CanaryPauseStep"),
        ("07", "", "manually paused"),
    ]
    assert [item["until"] is None for item in made["pauses"]] == [False, True, True]


# -- The way back


def test_services_go_back_in_the_order_in_which_it_began() -> None:
    made = build(facts("three_services"))
    assert made["verdict"] == "rolled_back"
    assert [(item["name"], item["by"], item["done"]) for item in made["rollback"]] == [
        ("checkout", "controller", True),
        ("cart", "rollout_undo", True),
    ]
    assert made["reason"] == "analysis_failed"
    assert [item["verdict"] for item in made["services"]] == ["undone", "aborted", "not_started"]


@pytest.mark.parametrize(
    ("word", "actions", "seen", "back"),
    [
        ("aborted", [("rollout_abort", True)], True, [("rollout_abort", True)]),
        ("aborted", [("rollout_abort", False)], True, [("controller", True)]),
        ("aborted", [], False, [(None, True)]),
        ("undone", [("rollout_undo", False)], False, [("rollout_undo", True)]),
        ("failed", [("rollout_undo", True)], True, [("rollout_undo", False)]),
        ("failed", [("rollout_promote", True)], True, []),
        ("released", [("rollout_undo", True)], True, []),
    ],
)
def test_who_sent_a_service_back(
    word: str, actions: list[tuple[str, bool]], seen: bool, back: list[tuple[str | None, bool]]
) -> None:
    timeline = [state(1, "Degraded", message="RolloutAborted: so")] if seen else []
    results = [waited(*timeline), *(result(action=action, changed=changed) for action, changed in actions)]
    made = build(release({"name": "shop", "verdict": word, "results": results}))
    assert [(item["by"], item["done"]) for item in made["rollback"]] == back


# -- Analyses


def test_measurements_of_all_looks_are_put_together() -> None:
    """The controller keeps the newest ones only."""
    early = measured(("Successful", "[1]"), ("Running", ""), success="result[0] < 5")
    late = measured(("Successful", "[1]"), ("Failed", "[7]"), ("Failed", "[8]"), success="result[0] < 5")
    late["measurements"] = late["measurements"][1:]
    looks = [{"rollout": {"analysis": [{"name": "run", "phase": "Running", "metrics": [early]}]}}]
    looks += [
        {"analysis": {"name": "run", "phase": "Failed", "metrics": [late], "requests": {"canary": 12, "stable": None}}}
    ]
    looks += [{"rollout": {"analysis": [{"name": "run", "phase": "Failed", "evidence": None}, {"phase": "Failed"}]}}]
    run = service(evidence=looks)["analyses"][0]
    assert [item["numbers"] for item in run["metrics"][0]["measurements"]] == [[1], [7], [8]]
    assert run["requests"] == {"canary": 12, "stable": None}


def test_measurements_without_a_time_are_all_kept() -> None:
    metric = {"name": "m", "measurements": [{"value": "1"}, {"value": "2"}]}
    made = service(evidence=[{"analysis": {"name": "run", "metrics": [metric, {"name": "other"}]}}])
    assert [item["value"] for item in made["analyses"][0]["metrics"][0]["measurements"]] == ["1", "2"]


def test_each_place_that_a_condition_limits_is_a_series() -> None:
    conditions = " && ".join(f"result[{index}] < 1" for index in range(6)) + " && result[0] > 0"
    made = build(analysed(measured(("Successful", "[0.1, 0.2]"), success=conditions)))
    metric = made["services"][0]["analyses"][0]["metrics"][0]
    assert [(item["path"], len(item["limits"])) for item in metric["series"]] == [
        ("result[0]", 2),
        ("result[1]", 1),
        ("result[2]", 1),
        ("result[3]", 1),
    ]
    assert metric["measurements"][0]["numbers"] == [0.1, 0.2, None, None]
    assert metric["limits_read"] == "whole"


@pytest.mark.parametrize(("success", "read"), [("f(result)", "none"), ("result[0] < 1 && f(result)", "part")])
def test_a_condition_that_cannot_be_read_stays_a_text(success: str, read: str) -> None:
    made = build(analysed(measured(("Successful", "[0.1]"), success=success)))
    metric = made["services"][0]["analyses"][0]["metrics"][0]
    assert (metric["success_condition"], metric["limits_read"]) == (success, read)
    assert metric["measurements"][0]["numbers"] == [0.1]


def test_experiments_are_told_by_the_look_that_says_most() -> None:
    full = {"name": "e", "phase": "Running", "templates": [{"name": "canary", "status": "Running"}]}
    full["analysis"] = [{"name": "run", "kind": "experiment", "phase": "Running"}]
    looks = [result(experiment={"name": "e"}), result(experiment=full), result(experiment={"name": "e"}), result()]
    made = service(results=looks)
    assert [(item["name"], item["phase"]) for item in made["experiments"]] == [("e", "Running")]
    assert [item["kind"] for item in made["analyses"]] == ["experiment"]


TRIED: Tree = {
    "name": "trial",
    "phase": "Successful",
    "templates": [{"name": "stable", "status": "Successful"}],
    "analysis": [{"name": "trial-canary-errors", "kind": "experiment", "phase": "Successful"}],
    "comparison": [
        {
            "metric": "errors",
            "analyses": [{"analysis": "canary-errors", "phase": "Successful", "count": 2, "mean": 0.5}],
        }
    ],
}


def tried(reason: str = "successful") -> Tree:
    """What the module experiment has returned."""
    note = {"time": "2026-01-01T12:00:01Z", "reason": "experiment", "message": "trial is Pending"}
    return {"reason": reason, "changed": True, "msg": f"it is {reason}", "experiment": TRIED, "timeline": [note]}


def test_an_experiment_of_its_own_has_a_report() -> None:
    made = build(release({"name": "shop", "results": [{"action": "experiment", "result": tried()}]}))
    assert made["verdict"] == verdict.PASSED
    (told,) = made["services"]
    assert (told["verdict"], told["reason"], told["started"][17:19]) == (verdict.PASSED, "successful", "01")
    assert [item["name"] for item in told["analyses"]] == ["trial-canary-errors"]
    (found,) = told["experiments"]
    assert found["comparison"] == [
        {
            "metric": "errors",
            "analyses": [
                {
                    "analysis": "canary-errors",
                    "phase": "Successful",
                    "count": 2,
                    "last": None,
                    "mean": 0.5,
                    "min": None,
                    "max": None,
                }
            ],
        }
    ]


@pytest.mark.parametrize("reason", ["analysis_failed", "inconclusive", "timeout"])
def test_an_experiment_that_has_not_passed_has_failed(reason: str) -> None:
    made = build(release({"results": [{"action": "experiment", "result": tried(reason)}]}))
    assert (made["verdict"], made["reason"]) == (verdict.FAILED, reason)


# -- Checks, traffic, who


@pytest.mark.parametrize(
    ("check", "word"),
    [
        ({"query": "up", "result": {"reason": "ok", "value": 1.0}}, "good"),
        ({"query": "up", "result": {"reason": "below_min", "value": 0}}, "bad"),
        ({"query": "up", "result": {"reason": "empty"}}, "missing"),
        ({"query": "up", "result": {"skipped": True}}, "skipped"),
        ({"name": "smoke", "result": {"msg": "fine"}}, "good"),
        ({"name": "smoke", "result": {"failed": True}}, "bad"),
        ({"name": "smoke"}, "missing"),
    ],
)
def test_the_verdict_of_a_check(check: Tree, word: str) -> None:
    assert service(checks=[check])["checks"][0]["verdict"] == word


def test_traffic_and_requests_are_told_as_they_were_found() -> None:
    made = build(facts("canary"))["services"][0]
    assert [item["version"] for item in made["traffic"]["versions"]] == ["stable", "canary"]
    assert [(item["version"], item["requests"]) for item in made["requests"]] == [("1.8.2", 9120), ("1.9.0", 5810)]


def test_who_ran_it() -> None:
    made = build(
        release(by={"user": "ada", "job": {"id": 7, "name": "Release"}}, started=0, finished="1970-01-01T00:01:00Z")
    )
    assert made["by"]["user"] == "ada"
    assert made["by"]["job"] == {"id": "7", "name": "Release", "url": None, "workflow": None}
    assert (made["started"], made["seconds"]) == ("1970-01-01T00:00:00.000Z", 60)
    assert build(release())["by"]["job"] is None


# -- Robustness


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_plain_json(name: str) -> None:
    made = build(facts(name))
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert build(facts(name)) == made


@given(st.data())
def test_whatever_is_missing_or_wrong_there_is_a_report(data: st.DataObject) -> None:
    made = build(data.draw(spoiled(facts(data.draw(st.sampled_from(NAMES))))))
    assert made["verdict"] in verdict.OF_RELEASE
    json.dumps(made, allow_nan=False)


@given(JSON)
def test_anything_has_a_report(rubbish: object) -> None:
    json.dumps(build(rubbish), allow_nan=False)


def test_reading_without_trust() -> None:
    tree = Given({"n": 10**400, "b": True, "t": "x", "f": float("inf"), "m": {"a": 1}, "when": 1e300, "l": ["a", None]})
    assert [tree.number(key) for key in ("n", "b", "t", "f")] == [None] * 4
    assert (tree.text("n"), tree.text("b"), tree.text("m")) == ("", "", "")
    assert tree.moment("when") is None
    times = Given({"a": 60, "b": "60.5", "c": "1970-01-01T01:01:00+01:00", "d": "never", "e": True, "f": -1})
    assert [stamp(times.moment(key)) for key in "abcdef"] == [
        "1970-01-01T00:01:00.000Z",
        "1970-01-01T00:01:00.500Z",
        "1970-01-01T00:01:00.000Z",
        None,
        None,
        None,
    ]
    assert tree.texts("l") == ["a"]
    assert (tree.children("t"), tree.pairs("t"), tree.named("t"), bool(tree.child("t"))) == ([], [], [], False)
