# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the analyses of an Experiment measured, side by side. Numbers as they are, no statistics."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .analysis import AnalysisRun, Metric

# How an analysis says which template it is about, in the values of its args.
_TEMPLATE = re.compile(r"\{\{\s*templates\.([^{}\s]+)\.(?:podTemplateHash|replicaset\.name)\s*\}\}")


def arms(analyses: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """For each of ``spec.analyses`` the one template that its args name; None for one that names none or several."""
    return {str(item.get("name", "")): _arm(item) for item in analyses}


def compare(runs: Mapping[str, AnalysisRun], arm_of: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """An entry for each metric that more than one analysis has; ``runs`` by the name of their analysis."""
    found: dict[str, list[dict[str, Any]]] = {}
    for analysis, run in runs.items():
        for metric in run.metrics:
            entry = {"analysis": analysis, "template": arm_of.get(analysis), "phase": metric.phase, **_summary(metric)}
            found.setdefault(metric.name, []).append(entry)
    return [{"metric": name, "analyses": entries} for name, entries in found.items() if len(entries) > 1]


def _arm(analysis: Mapping[str, Any]) -> str | None:
    named = {name for arg in analysis.get("args") or () for name in _TEMPLATE.findall(str(arg.get("value") or ""))}
    return named.pop() if len(named) == 1 else None


def _summary(metric: Metric) -> dict[str, Any]:
    """Of the measurements that the controller has kept and that are one number each."""
    numbers = [number for item in metric.measurements if (number := _number(item.value)) is not None]
    if not numbers:
        return {"count": 0, "last": None, "mean": None, "min": None, "max": None}
    return {
        "count": len(numbers),
        "last": numbers[-1],
        "mean": math.fsum(numbers) / len(numbers),
        "min": min(numbers),
        "max": max(numbers),
    }


def _number(text: str) -> float | None:
    """Of ``0.97`` or ``[0.97]``; None for anything else, NaN and infinities included."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
