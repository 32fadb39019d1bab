# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the tasks of a release have returned to its report.

The report is plain JSON: whoever reads it needs neither the cluster nor Ansible. ``docs/report.md`` tells its keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import verdict
from .analyses import analyses
from .events import actions, events, pauses, phases, weights
from .given import Given, Tree, stamp

# Counted up when a key is renamed or means something else; a new key leaves it as it is.
SCHEMA = 1
# Reasons of prometheus_query that say that a value is there, and is a bad one.
_BAD_VALUE = ("below_min", "above_max")


def build(gathered: object) -> Tree:
    """The report; never raises, whatever is missing."""
    given = Given(gathered)
    services = [_service(order, item) for order, item in enumerate(given.children("services"), start=1)]
    word = verdict.of_release(given.text("verdict"), [service["verdict"] for service in services])
    started, finished = given.moment("started"), given.moment("finished")
    guilty = _guilty(services)
    return {
        "schema": SCHEMA,
        "verdict": word,
        "reason": given.text("reason") or guilty.text("reason"),
        "message": given.text("message") or guilty.text("message"),
        "started": stamp(started),
        "finished": stamp(finished),
        "seconds": _seconds(started, finished),
        "check_mode": given.flag("check_mode"),
        "by": _by(given.child("by")),
        "services": services,
        "rollback": _rollback(services),
    }


def _seconds(started: datetime | None, finished: datetime | None) -> float | None:
    return round((finished - started).total_seconds(), 3) if started and finished else None


def _guilty(services: list[Tree]) -> Given:
    """The service that tells why: the first one that is not well, or else the last one that was begun.

    One that was undone went well by itself; it was another's failure that took it back.
    """
    for words in ((verdict.FAILED, verdict.HELD, verdict.ABORTED), (verdict.UNDONE,)):
        for service in services:
            if service["verdict"] in words:
                return Given(service)
    begun = [service for service in services if service["verdict"] != verdict.NOT_STARTED]
    return Given(begun[-1] if begun else {})


def _by(given: Given) -> Tree:
    """Who ran it. Nulls rather than guesses."""
    job = given.child("job")
    return {
        "user": given.text("user") or None,
        "host": given.text("host") or None,
        "playbook": given.text("playbook") or None,
        "ansible": given.text("ansible") or None,
        "collection": given.text("collection") or None,
        "job": {key: job.text(key) or None for key in ("id", "name", "url", "workflow")} if job.text("id") else None,
    }


def _rollback(services: list[Tree]) -> list[Tree]:
    """Which services went back, in the order in which that began; those of unknown time come last."""
    found = [back for service in services if (back := _way_back(service))]
    return sorted(found, key=lambda item: (item["time"] is None, item["time"] or ""))


def _way_back(service: Tree) -> Tree | None:
    """Who sent it back and when; ``done`` is false where that has failed."""
    word = service["verdict"]
    ours = [item for item in service["actions"] if item["action"] in verdict.STEPS_BACK][-1:]
    seen = [item for item in service["events"] if item["aborted"]]
    if word not in (verdict.ABORTED, verdict.UNDONE) and not (word == verdict.FAILED and ours):
        return None
    begun = [*ours, *seen] if word == verdict.UNDONE else [*seen, *ours]
    # An abort that found nothing to do came after the controller's own.
    active = [item for item in ours if item["changed"] or word != verdict.ABORTED]
    return {
        "order": service["order"],
        "namespace": service["namespace"],
        "name": service["name"],
        "time": begun[0]["time"] if begun else None,
        "by": active[0]["action"] if active else "controller" if seen else None,
        "message": (ours or seen)[0]["message"] if begun else "",
        "done": word != verdict.FAILED,
    }


# -- One service


def _service(order: int, given: Given) -> Tree:
    entries = given.children("results")
    results = [(item.text("action"), item.child("result")) for item in entries]
    rollouts = [result.child("rollout") for _name, result in results if result.child("rollout")]
    before = given.child("before")
    last = rollouts[-1] if rollouts else before
    checks = [_check(item) for item in given.children("checks")]
    done = actions(entries)
    happened = events(entries, done, checks)
    wanted = _wanted(rollouts, given)
    ending = results[-1][1] if results else Given({})
    return {
        "order": order,
        "namespace": given.text("namespace") or last.text("namespace"),
        "name": given.text("name") or last.text("name"),
        "strategy": last.text("strategy"),
        "verdict": verdict.of_service(given.text("verdict"), before, results),
        "reason": given.text("reason") or ending.text("reason"),
        "message": given.text("message") or ending.text("msg"),
        "started": stamp(given.moment("started")) or _edge(happened, 0),
        "finished": stamp(given.moment("finished")) or _edge(happened, -1),
        "from": _stable(before),
        "to": wanted,
        "now": _now(given.child("after") or last),
        "actions": done,
        "events": happened,
        "phases": phases(happened),
        "weights": weights(happened, wanted["revision"] if wanted else None),
        "pauses": pauses(happened),
        "analyses": analyses([result for _name, result in results] + given.children("evidence")),
        "experiments": _experiments([*rollouts, *(result for _name, result in results)]),
        "checks": checks,
        "traffic": _traffic(given.child("traffic")),
        "requests": _requests(given.child("load")),
    }


def _edge(happened: list[Tree], index: int) -> str | None:
    times = [item["time"] for item in happened if item["time"]]
    return times[index] if times else None


def _images(pairs: Iterable[tuple[str | None, str]]) -> list[Tree]:
    return [{"container": container, "image": image} for container, image in pairs]


def _stable(before: Given) -> Tree | None:
    """The version that served when the release began.

    ``images`` of a Rollout are those of its spec, which is the old version only if no update was under way. The
    ReplicaSets, which ``tree: true`` shows, know better; their images have no container's name.
    """
    if not before:
        return None
    stable = before.text("stable_hash")
    for revision in before.child("tree").children("revisions"):
        for found in revision.children("replica_sets"):
            if stable and found.text("hash") == stable:
                images = _images((None, image) for image in found.texts("images"))
                return {"revision": found.whole("revision"), "hash": stable, "images": images}
    if stable and stable == before.text("current_hash"):
        return _version(before)
    return {"revision": None, "hash": stable or None, "images": []}


def _wanted(rollouts: list[Given], given: Given) -> Tree | None:
    """The version that was to be released: what the first task has set, or at least the wish."""
    wish = given.pairs("images")
    if rollouts:
        images = dict(rollouts[0].pairs("images")) | dict(wish)
        return {**_version(rollouts[0]), "images": _images(images.items())}
    return {"revision": None, "hash": None, "images": _images(wish)} if wish else None


def _version(rollout: Given) -> Tree:
    return {
        "revision": rollout.whole("revision"),
        "hash": rollout.text("current_hash") or None,
        "images": _images(rollout.pairs("images")),
    }


def _now(rollout: Given) -> Tree | None:
    """Where the Rollout was left."""
    if not rollout:
        return None
    return {
        **_version(rollout),
        "stable_hash": rollout.text("stable_hash") or None,
        "phase": rollout.text("phase"),
        "message": rollout.text("message"),
        "weight": {key: rollout.child("weight").number(key) for key in ("set", "actual")},
        "step": {key: rollout.child("step").whole(key) for key in ("index", "total")},
    }


def _experiments(holders: list[Given]) -> list[Tree]:
    """Those of Rollouts and of tasks, each by its last look that says anything."""
    found: dict[str, Given] = {}
    for holder in holders:
        experiment = holder.child("experiment")
        name = experiment.text("name")
        if name and (experiment.children("templates") or name not in found):
            found[name] = experiment
    return [
        {
            "name": name,
            "phase": item.text("phase"),
            "message": item.text("message"),
            "templates": [
                {key: template.text(key) for key in ("name", "status", "message")}
                for template in item.children("templates")
            ],
            "comparison": [
                {"metric": metric.text("metric"), "analyses": [_arm(arm) for arm in metric.children("analyses")]}
                for metric in item.children("comparison")
            ],
        }
        for name, item in found.items()
    ]


def _arm(given: Given) -> Tree:
    """What one analysis measured of a metric that several have."""
    figures = {key: given.number(key) for key in ("count", "last", "mean", "min", "max")}
    return {"analysis": given.text("analysis"), "phase": given.text("phase"), **figures}


def _check(given: Given) -> Tree:
    """``verdict`` is good, bad (there is a value or an answer, and it is bad), missing (there is none) or skipped."""
    result = given.child("result")
    return {
        "time": stamp(given.moment("at")),
        "when": given.text("when"),
        "step": given.whole("step"),
        "name": given.text("name") or given.text("query"),
        "query": given.text("query"),
        "verdict": _check_verdict(result, asks=bool(given.text("query"))),
        "value": result.number("value"),
        "min": given.number("min"),
        "max": given.number("max"),
        "reason": result.text("reason"),
        "message": result.text("msg"),
    }


def _check_verdict(result: Given, *, asks: bool) -> str:
    if result.flag("skipped"):
        return "skipped"
    reason = result.text("reason")
    if not result or (asks and reason not in ("ok", *_BAD_VALUE)):
        return "missing"
    return "bad" if result.flag("failed") or reason in _BAD_VALUE else "good"


def _traffic(result: Given) -> Tree | None:
    """Where the requests go at the end, as traffic_info has found it."""
    found = result.child("traffic")
    if not found:
        return None
    return {
        "router": found.text("router"),
        "reason": result.text("reason"),
        "message": result.text("msg"),
        "versions": [
            {
                "version": item.text("version"),
                "revision": item.whole("revision"),
                "hash": item.text("hash") or None,
                "weight": item.number("weight"),
                "status_weight": item.number("status_weight"),
            }
            for item in found.children("versions")
        ],
        "disagreements": [item.text("message") for item in found.children("disagreements")],
    }


def _requests(load: Given) -> list[Tree]:
    """What each version got of a load, as traffic_report has counted it."""
    keys: tuple[str, ...] = ("requests", "share", "succeeded", "success_rate")
    shown: list[Tree] = []
    for version, item in load.named("versions"):
        latency: dict[str, Any] = {"p95_ms": item.child("latency_ms").number("p95")}
        shown.append({"version": version, **{key: item.number(key) for key in keys}, **latency})
    return shown
