# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rollout for people: what ``kubectl argo rollouts get rollout`` prints, from the dictionaries of our results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .errors import InvalidRequest
from .rollout import BLUE_GREEN, CANARY
from .timestamps import parse_time

Shown = Mapping[str, Any]

_STRATEGIES = {CANARY: "Canary", BLUE_GREEN: "BlueGreen"}
_WAITING, _GOING, _WARNING, _UNKNOWN, _GOOD, _BAD, _PAUSED, _NEUTRAL = "◷", "◌", "⚠", "?", "✔", "✖", "॥", "•"
_ICONS: Mapping[str, str] = {
    # Rollouts and ReplicaSets
    "Progressing": _GOING, "Paused": _PAUSED, "Healthy": _GOOD, "Degraded": _BAD,
    "ScaledDown": _NEUTRAL, "ReplicaFailure": _BAD,
    # AnalysisRuns, Experiments, Jobs
    "Successful": _GOOD, "Inconclusive": _UNKNOWN, "Failed": _BAD, "Error": _WARNING,
}  # fmt: skip
_RUN_ICONS: Mapping[str, str] = {**_ICONS, "Running": _GOING, "Pending": _WAITING}
_POD_ICONS: Mapping[str, str] = {
    "Pending": _GOING, "Terminating": _GOING, "ContainerCreating": _GOING, "Running": _GOOD, "Completed": _GOOD,
    "Failed": _BAD, "InvalidImageName": _BAD, "CrashLoopBackOff": _BAD,
    "ImagePullBackOff": _WARNING, "RegistryUnavailable": _WARNING, "Unknown": _UNKNOWN,
}  # fmt: skip
_COUNTS = (("successful", _GOOD), ("failed", _BAD), ("inconclusive", _UNKNOWN), ("error", _WARNING))

_RED, _GREEN, _YELLOW, _BLUE = 31, 32, 33, 94
_COLOURS: Mapping[str, int] = {
    _WAITING: _YELLOW, _GOING: _BLUE, _WARNING: _RED, _UNKNOWN: _YELLOW, _GOOD: _GREEN, _BAD: _RED,
    "canary": _YELLOW, "stable": _GREEN, "active": _GREEN, "preview": _BLUE, "ping": _BLUE, "pong": _BLUE,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A line of the table. ``branch`` are the lines that lead to it, ``tint`` is what its name's colour stands for."""

    branch: str
    icon: str
    name: str
    kind: str = ""
    mark: str = ""
    status: str = ""
    age: str = ""
    info: tuple[str, ...] = ()
    tint: str = ""


def render(given: object, color: bool = False) -> str:
    """The text of what a module of this collection has returned, or of its ``rollout``, or of several of either.

    Raises InvalidRequest for anything else.
    """
    return "\n\n".join(_one(rollout, color) for rollout in _rollouts(given))


def _rollouts(given: object) -> Iterator[Shown]:
    if isinstance(given, Mapping) and "rollouts" in given:
        yield from _rollouts(given["rollouts"])
    elif isinstance(given, Mapping) and isinstance(given.get("rollout"), Mapping):
        yield given["rollout"]
    elif isinstance(given, Mapping) and {"strategy", "phase", "weight", "replicas"} <= given.keys():
        yield given
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for item in given:
            yield from _rollouts(item)
    else:
        remedy = "give what progressive.delivery.rollout_info has returned, or the rollout of another module's result"
        raise InvalidRequest("rollout_tree", type(given).__name__, remedy)


def _one(rollout: Shown, color: bool) -> str:
    lines = [f"{word and word + ':':<17}{value}".rstrip() for word, value in _head(rollout, color)]
    tree = rollout.get("tree")
    if tree:
        lines += ["", *_table(list(_rows(rollout, tree)), color)]
    return "\n".join(lines)


# -- the head


def _head(rollout: Shown, color: bool) -> Iterator[tuple[str, Any]]:
    yield "Name", rollout["name"]
    yield "Namespace", rollout["namespace"]
    yield "Status", f"{_painted(_icon(rollout['phase']), color)} {rollout['phase']}"
    if rollout["message"]:
        yield "Message", rollout["message"]
    yield "Strategy", _STRATEGIES.get(rollout["strategy"], "")
    if rollout["strategy"] == CANARY:
        step = rollout["step"]
        yield "  Step", f"{step['index']}/{step['total']}" if step["index"] is not None and step["total"] else ""
        yield "  SetWeight", rollout["weight"]["set"]
        yield "  ActualWeight", rollout["weight"]["actual"]
    yield from _images(rollout, color)
    yield "Replicas", ""
    for word in ("desired", "current", "updated", "ready", "available"):
        yield f"  {word.capitalize()}", rollout["replicas"][word]


def _images(rollout: Shown, color: bool) -> Iterator[tuple[str, str]]:
    """Those in use, where they were read; else those that the Rollout asks for."""
    wanted = [{"image": image, "tags": []} for image in rollout["images"].values()]
    for number, item in enumerate((rollout.get("tree") or {}).get("images", wanted)):
        tags = ", ".join(_painted(tag, color) for tag in item["tags"])
        yield "" if number else "Images", item["image"] + (f" ({tags})" if tags else "")


# -- the tree


def _rows(rollout: Shown, tree: Shown) -> Iterator[Row]:
    now = parse_time(tree["now"])
    if now is None:
        raise AssertionError("the module gives it")
    phase = rollout["phase"]
    yield Row("", "⟳", rollout["name"], "Rollout", _icon(phase), phase, _age(tree["created"], now))
    for revision, stem, below in _branches(tree["revisions"], ""):
        yield Row(stem, "#", f"revision:{revision['revision']}")
        yield from _children(revision, below, now)


def _children(parent: Shown, below: str, now: datetime) -> Iterator[Row]:
    """The rows of a revision, or of an Experiment."""
    makers = {"replica_sets": _replica_set, "experiments": _experiment, "analysis": _run}
    children = [(make, item) for group, make in makers.items() for item in parent.get(group, ())]
    for (make, item), stem, deeper in _branches(children, below):
        yield from make(item, stem, deeper, now)


def _branches(items: Sequence[Any], below: str) -> Iterator[tuple[Any, str, str]]:
    """Each item with what stands before it and before what is below it."""
    for number, item in enumerate(items, 1):
        last = number == len(items)
        yield item, below + ("└──" if last else "├──"), below + ("   " if last else "│  ")


def _replica_set(item: Shown, stem: str, below: str, now: datetime) -> Iterator[Row]:
    deadline = parse_time(item["scale_down_deadline"])
    delay = (f"delay:{'passed' if deadline < now else in_short(deadline - now)}",) if deadline else ()
    status, tags = item["status"], item["tags"]
    tint = tags[-1] if tags else ""
    info = (*tags, *delay)
    yield Row(stem, "⧉", item["name"], "ReplicaSet", _icon(status), status, _age(item["created"], now), info, tint)
    for pod, stem_, _other in _branches(item["pods"], below):
        restarts = (f"restarts:{pod['restarts']}",) if pod["restarts"] else ()
        info, status = (f"ready:{pod['ready']}", *restarts), pod["status"]
        yield Row(stem_, "□", pod["name"], "Pod", _pod_icon(status), status, _age(pod["created"], now), info)


def _experiment(item: Shown, stem: str, below: str, now: datetime) -> Iterator[Row]:
    yield _judged("Σ", "Experiment", item, stem, now)
    yield from _children(item, below, now)


def _run(item: Shown, stem: str, below: str, now: datetime) -> Iterator[Row]:
    info = tuple(f"{icon} {item[name]}" for name, icon in _COUNTS if item[name])
    yield _judged("α", "AnalysisRun", item, stem, now, info)
    for job, stem_, _other in _branches(item["jobs"], below):
        yield _judged("⊞", "Job", job, stem_, now)


def _judged(icon: str, kind: str, item: Shown, stem: str, now: datetime, info: tuple[str, ...] = ()) -> Row:
    status = item["status"]
    mark, age = _RUN_ICONS.get(status, " "), _age(item["created"], now)
    tint = _GOING if status in ("Pending", "Running") else ""
    return Row(stem, icon, item["name"], kind, mark, status, age, info, tint)


def _icon(status: str) -> str:
    return _ICONS.get(status, " ")


def _pod_icon(status: str) -> str:
    if status.startswith("Init:"):
        return _GOING
    if status.startswith(("Signal:", "ExitCode:")):
        return _BAD
    if status.endswith("Error") or status.startswith("Err"):
        return _WARNING
    return _POD_ICONS.get(status, " ")


# -- the table


def _table(rows: Sequence[Row], color: bool) -> Iterator[str]:
    """Aligned by what is seen: colours take no room."""
    titles = Row("", "NAME", "", "KIND", "STATUS", "", "AGE", ("INFO",))
    plain = [_cells(row, False) for row in (titles, *rows)]
    widths = [max(len(cells[column]) for cells in plain) + 2 for column in range(4)]
    for row, bare in zip((titles, *rows), plain, strict=True):
        *cells, last = _cells(row, color)
        room = [" " * (width - len(cell)) for width, cell in zip(widths, bare[:-1], strict=True)]
        yield ("".join(cell + space for cell, space in zip(cells, room, strict=True)) + last).rstrip()


def _cells(row: Row, color: bool) -> tuple[str, str, str, str, str]:
    name = f"{row.branch}{row.icon} {_painted(row.name, color, row.tint)}"
    status = f"{_painted(row.mark, color)} {row.status}".rstrip()
    info = ",".join(" ".join(_painted(word, color) for word in item.split(" ")) for item in row.info)
    return name.rstrip(), row.kind, status, row.age, info


def _painted(text: str, color: bool, tint: str = "") -> str:
    code = _COLOURS.get(tint or text) if color else None
    return text if code is None else f"\x1b[{code}m{text}\x1b[0m"


# -- ages


def _age(created: str, now: datetime) -> str:
    moment = parse_time(created)
    return "<unknown>" if moment is None else in_short(now - moment)


def in_short(span: timedelta) -> str:
    """A span in one or two units, as kubectl shows ages (``duration.HumanDuration``)."""
    seconds = int(span.total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 2:
        return f"{max(seconds, 0)}s"
    if hours < 3:
        return f"{minutes}m" + (f"{seconds % 60}s" if minutes < 10 and seconds % 60 else "")
    if days < 2:
        return f"{hours}h" + (f"{minutes % 60}m" if hours < 8 and minutes % 60 else "")
    if days < 730:
        return f"{days}d" + (f"{hours % 24}h" if days < 8 and hours % 24 else "")
    return f"{days // 365}y" + (f"{days % 365}d" if days < 2920 and days % 365 else "")
