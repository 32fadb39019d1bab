# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the analyses of an Experiment measured, side by side."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.analysis import AnalysisRun
from ansible_collections.progressive.delivery.plugins.module_utils._model.comparison import arms, compare

from tests.unit.support import Tree, experiment_run

NONE: Tree = {"count": 0, "last": None, "mean": None, "min": None, "max": None}


def parsed(*values: str, phase: str = "Successful", other: str = "") -> AnalysisRun:
    raw = experiment_run("run", phase, values=values)
    if other:
        raw["spec"]["metrics"].append({"name": other, "provider": {"web": {}}})
    return AnalysisRun.parse(raw)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (["{{templates.canary.podTemplateHash}}"], "canary"),
        (["{{ templates.canary.replicaset.name }}", "x"], "canary"),
        (["{{templates.a.podTemplateHash}}", "{{templates.a.replicaset.name}}"], "a"),
        (["{{templates.a.podTemplateHash}} {{templates.b.podTemplateHash}}"], None),
        (["{{experiment.availableAt}}"], None),
    ],
)
def test_the_template_that_an_analysis_is_about(values: list[str], expected: str | None) -> None:
    args = [{"name": str(index), "value": value} for index, value in enumerate(values)]
    assert arms([{"name": "check", "args": [*args, {"name": "none"}]}, {"name": "bare"}]) == {
        "check": expected,
        "bare": None,
    }


def test_a_metric_of_two_analyses_side_by_side() -> None:
    runs = {"one": parsed("[1]", "[4]", "[2.5]", other="alone"), "two": parsed("0.5", phase="Failed")}
    (row,) = compare(runs, {"one": "stable"})
    assert row == {
        "metric": "success-rate",
        "analyses": [
            {
                "analysis": "one",
                "template": "stable",
                "phase": "Successful",
                "count": 3,
                "last": 2.5,
                "mean": 2.5,
                "min": 1,
                "max": 4,
            },
            {
                "analysis": "two",
                "template": None,
                "phase": "Failed",
                "count": 1,
                "last": 0.5,
                "mean": 0.5,
                "min": 0.5,
                "max": 0.5,
            },
        ],
    }


def test_one_analysis_is_nothing_to_compare() -> None:
    assert compare({"one": parsed("[1]")}, {}) == []
    assert compare({}, {}) == []


@pytest.mark.parametrize("text", ["", "NaN", "[NaN]", "Infinity", "[1, 2]", "[]", "true", '"1"', "{}", "null", "1e999"])
def test_what_is_not_one_number_does_not_count(text: str) -> None:
    (row,) = compare({"one": parsed(text), "two": parsed(text, "7")}, {})
    one, two = row["analyses"]
    assert {key: one[key] for key in NONE} == NONE
    assert (two["count"], two["last"]) == (1, 7)
