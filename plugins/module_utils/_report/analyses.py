# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AnalysisRuns of a release with their measurements and limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .given import Given, Tree, stamp
from .limits import Path, number_at, plain_path, read_conditions, show_path

# Plots of one metric; a condition with more places than that is rather read as a text.
MOST_SERIES = 4


def analyses(results: Iterable[Given]) -> list[Tree]:
    """The runs that the results speak of, in the order in which they came.

    A run is looked at several times while it goes on. The last look counts, except for measurements: the controller
    keeps only the newest of each metric, so those of all looks are put together.
    """
    found: dict[str, list[Given]] = {}
    for result in results:
        for run in _runs(result):
            if run.text("name"):
                found.setdefault(run.text("name"), []).append(run)
    return [_run(looks) for looks in found.values()]


def _runs(result: Given) -> list[Given]:
    """Those in the Rollout, in its experiment or in one of its own, and the one that analysis_wait returns."""
    rollout = result.child("rollout")
    return [
        *rollout.children("analysis"),
        *rollout.child("experiment").children("analysis"),
        *result.child("experiment").children("analysis"),
        *([result.child("analysis")] if result.child("analysis") else []),
    ]


def _run(looks: list[Given]) -> Tree:
    last = looks[-1]
    full = next((look for look in reversed(looks) if look.children("metrics")), last)
    requests = next((look for look in reversed(looks) if look.child("requests")), last)
    return {
        "name": last.text("name"),
        "kind": last.text("kind"),
        "phase": last.text("phase"),
        "message": last.text("message"),
        "step": full.whole("step"),
        "evidence": full.text("evidence") or None,
        "terminated": full.flag("terminated"),
        "started": stamp(full.moment("started_at")),
        "finished": stamp(full.moment("completed_at")),
        "requests": {name: requests.child("requests").number(name) for name, _number in requests.pairs("requests")},
        "metrics": [_metric(metric, _measured(looks, metric.text("name"))) for metric in full.children("metrics")],
    }


def _measured(looks: list[Given], name: str) -> list[Given]:
    """The measurements of a metric, each once, oldest first; a later look at one replaces the earlier."""
    found: Mapping[str | int, Given] = {
        item.text("started_at") or index: item
        for look in looks
        for metric in look.children("metrics")
        if metric.text("name") == name
        for index, item in enumerate(metric.children("measurements"))
    }
    return sorted(found.values(), key=lambda item: item.text("started_at"))


def _metric(metric: Given, measured: list[Given]) -> Tree:
    reading = read_conditions(metric.text("success_condition"), metric.text("failure_condition"))
    paths: list[Path] = list(dict.fromkeys(limit.path for limit in reading.limits))
    plain = plain_path([item.text("value") for item in measured])
    paths = paths[:MOST_SERIES] or ([] if plain is None else [plain])
    return {
        "name": metric.text("name"),
        "phase": metric.text("phase"),
        "message": metric.text("message"),
        "provider": metric.text("provider"),
        "dry_run": metric.flag("dry_run"),
        "success_condition": metric.text("success_condition"),
        "failure_condition": metric.text("failure_condition"),
        "limits_read": "whole" if reading.whole else "part" if reading.limits else "none",
        "options": dict(metric.pairs("limits")),
        "counts": {name: metric.whole(name) or 0 for name in ("successful", "failed", "inconclusive", "error")},
        "series": [
            {"path": show_path(path), "limits": [limit.as_result() for limit in reading.limits if limit.path == path]}
            for path in paths
        ],
        "measurements": [_measurement(item, paths) for item in measured],
    }


def _measurement(item: Given, paths: list[Path]) -> Tree:
    """``numbers`` has one for each series, null where the value has none there."""
    return {
        "time": stamp(item.moment("finished_at") or item.moment("started_at")),
        "phase": item.text("phase"),
        "value": item.text("value"),
        "message": item.text("message"),
        "numbers": [number_at(item.text("value"), path) for path in paths],
    }
