# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened, in order: the timelines of all tasks as one, the tasks themselves, and the checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter

from .._model.phase import UNOBSERVED
from .._model.rollout import ABORTED_REASON
from .given import Given, Tree, stamp

STATE, ACTION, NOTE, CHECK = "state", "action", "note", "check"


def actions(results: Iterable[Given]) -> list[Tree]:
    """The tasks, each with the time when it ended; without ``at`` that of its last transition."""
    shown = []
    for item in results:
        result = item.child("result")
        ends = [item.moment("at"), *(entry.moment("time") for entry in reversed(result.children("timeline")))]
        shown.append(
            {
                "time": stamp(next(filter(None, ends), None)),
                "action": item.text("action"),
                "changed": result.flag("changed"),
                "failed": result.flag("failed"),
                "reason": result.text("reason"),
                "message": result.text("msg"),
            }
        )
    return shown


def events(results: list[Given], done: list[Tree], checks: list[Tree]) -> list[Tree]:
    """All of it by time; ``done`` are the ``actions`` of the results.

    What has no time stays behind what came before it. A wait begins with the state that the last one has ended with; it
    is told once.
    """
    found: list[Tree] = []
    known: Tree = {}
    for item, action in zip(results, done, strict=True):
        for entry in item.child("result").children("timeline"):
            event = _state(entry) if entry.has("phase") else _note(entry)
            state = {key: value for key, value in event.items() if key != "time"}
            if event["kind"] == NOTE or state != known:
                found.append(event)
            known = state if event["kind"] == STATE else known
        found.append({**_event(ACTION, action["time"], action["reason"], action["message"]), "name": action["action"]})
    found += [
        {**_event(CHECK, item["time"], item["verdict"], item["message"]), "name": item["name"]} for item in checks
    ]
    return _by_time(found)


def _by_time(found: list[Tree]) -> list[Tree]:
    keys: list[str] = []
    for item in found:
        keys.append(item["time"] or (keys[-1] if keys else ""))
    return [item for _key, item in sorted(zip(keys, found, strict=True), key=itemgetter(0))]


def _event(kind: str, time: str | None, reason: str, message: str) -> Tree:
    """The keys that all have."""
    return {
        "time": time,
        "kind": kind,
        "name": "",
        "reason": reason,
        "message": message,
        "phase": "",
        "aborted": False,
        "revision": None,
        "step": None,
        "weight": None,
        "pods": None,
        "paused": None,
        "analysis": [],
    }


def _note(entry: Given) -> Tree:
    return _event(NOTE, stamp(entry.moment("time")), entry.text("reason"), entry.text("message"))


def _state(entry: Given) -> Tree:
    phase, message = entry.text("phase"), entry.text("message")
    step, weight, paused = entry.child("step"), entry.child("weight"), entry.child("paused")
    return {
        **_event(STATE, stamp(entry.moment("time")), "", message),
        "phase": phase,
        # The message of a phase begins with the reason of the condition that it comes from.
        "aborted": phase == "Degraded" and message.startswith(ABORTED_REASON),
        "revision": entry.whole("revision"),
        "step": _step(step) if step.whole("total") else None,
        "weight": {key: weight.number(key) for key in ("set", "actual")} if weight else None,
        "pods": {key: entry.child("replicas").whole(key) for key in ("desired", "updated", "available")},
        "paused": {"reason": paused.text("reason"), "until": stamp(paused.moment("until"))} if paused else None,
        "analysis": [{"name": run.text("name"), "phase": run.text("phase")} for run in entry.children("analysis")],
    }


def _step(step: Given) -> Tree:
    return {"index": step.whole("index"), "total": step.whole("total"), "current": step.text("current") or None}


# -- Lines for plots


def _states(happened: Iterable[Tree]) -> Iterator[Tree]:
    return (item for item in happened if item["kind"] == STATE and item["time"])


def phases(happened: list[Tree]) -> list[Tree]:
    """``{time, phase}`` where it changes."""
    found: list[Tree] = []
    for item in _states(happened):
        if not found or found[-1]["phase"] != item["phase"]:
            found.append({"time": item["time"], "phase": item["phase"]})
    return found


def weights(happened: list[Tree], wanted: int | None) -> list[Tree]:
    """``{time, revision, set, actual}`` where something changes; empty for blue-green, which has no weights.

    A weight is that of the revision that is on its way: after an undo, that of the old version. The line begins with
    the revision that is ``wanted``, for until then there is only what serves everyone; None begins with any.
    """
    found: list[Tree] = []
    for item in _weighed(happened):
        point = {"revision": item["revision"], **item["weight"]}
        if not found and wanted not in (None, item["revision"]):
            continue
        if not found or found[-1] != {"time": found[-1]["time"], **point}:
            found.append({"time": item["time"], **point})
    return found


def _weighed(happened: Iterable[Tree]) -> Iterator[Tree]:
    """States whose weight is that of their revision, which the controller numbers before it looks at its steps."""
    for item in _states(happened):
        if item["weight"] and None not in item["weight"].values() and item["message"] != UNOBSERVED:
            yield item


def pauses(happened: list[Tree]) -> list[Tree]:
    """``{from, to, reason, until}``; ``until`` is null where somebody has to end it, ``to`` where nobody has yet."""
    found: list[Tree] = []
    for item in _states(happened):
        paused = item["paused"]
        if found and found[-1]["to"] is None and (not paused or not _same(found[-1], item)):
            found[-1]["to"] = item["time"]
        if paused and (not found or found[-1]["to"] is not None):
            found.append({"from": item["time"], "to": None, **paused, "step": _index(item)})
    return found


def _same(pause: Tree, item: Tree) -> bool:
    """Whether it is the pause that is open: two may follow on one another without a transition between them."""
    return bool((pause["reason"], pause["step"]) == (item["paused"]["reason"], _index(item)))


def _index(item: Tree) -> int | None:
    return item["step"]["index"] if item["step"] else None
