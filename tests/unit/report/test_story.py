# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role notes is what the report reads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.filter.duration_seconds import FilterModule as Durations
from ansible_collections.progressive.delivery.plugins.filter.release_noted import FilterModule, release_noted
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._report.report import build

STORY: list[dict[str, Any]] = [{"name": "cart"}, {"name": "shop", "results": [{"action": "rollout_set_image"}]}]
DONE = {"action": "rollout_wait"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"results": DONE}, {"results": [{"action": "rollout_set_image"}, DONE]}),
        ({"results": [DONE, DONE]}, {"results": [{"action": "rollout_set_image"}, DONE, DONE]}),
        ({"evidence": []}, {"evidence": []}),
        ({"checks": {"name": "smoke"}}, {"checks": [{"name": "smoke"}]}),
        ({"before": {"revision": 1}, "message": "no"}, {"before": {"revision": 1}, "message": "no"}),
        ({}, {}),
    ],
    ids=["one", "several", "none", "a first one", "what is replaced", "nothing"],
)
def test_facts_are_added_to_one_service(facts: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(STORY)
    assert release_noted(STORY, 1, **facts) == [STORY[0], {**STORY[1], **expected}]
    assert before == STORY, "what was noted before is left alone"


LIMITED = {"query": "errors", "max": 0.1}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("up", {"query": "up", "min": 1}),
        ({"key": "canary", "value": "count"}, {"name": "requests of canary", "query": "count"}),
        (LIMITED, LIMITED),
    ],
    ids=["signal", "count", "check"],
)
def test_questions_become_checks(item: object, expected: dict[str, Any]) -> None:
    result = {"item": item, "reason": "ok", "value": 1.0}
    noted = release_noted(STORY, 0, asked=[result], when="gate", step=1, at=0)
    assert noted[0]["checks"] == [{**expected, "when": "gate", "step": 1, "at": 0, "result": result}]
    (check,) = build({"services": noted})["services"][0]["checks"]
    assert (check["when"], check["step"], check["verdict"], check["value"]) == ("gate", 1, "good", 1)
    assert check["time"] == "1970-01-01T00:00:00.000Z"


def test_the_filters_have_their_names() -> None:
    assert list(FilterModule().filters()) == ["release_noted"]
    seconds = Durations().filters()["duration_seconds"]
    assert [seconds(value) for value in (300, "5m", "1h30m", "0s")] == [300, 300, 5400, 0]
    with pytest.raises(InvalidRequest, match="give a number of seconds"):
        seconds("soon")
