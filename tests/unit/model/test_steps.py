# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a canary, and the weight in force at each of them (`GetCurrentSetWeight`)."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.steps import Step, parse_steps, weight_at
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import Tree


@pytest.mark.parametrize(
    ("raw", "step", "text"),
    [
        pytest.param({"setWeight": 20}, Step("setWeight", weight=20), "setWeight: 20", id="setWeight"),
        pytest.param({"setWeight": 0}, Step("setWeight", weight=0), "setWeight: 0", id="setWeight 0 is a weight"),
        pytest.param({"pause": {}}, Step("pause"), "pause", id="pause without end"),
        pytest.param({"pause": {"duration": None}}, Step("pause"), "pause", id="pause with an empty duration"),
        pytest.param({"pause": {"duration": 10}}, Step("pause", pause_seconds=10), "pause: 10s", id="pause, number"),
        pytest.param({"pause": {"duration": "5m"}}, Step("pause", pause_seconds=300), "pause: 300s", id="pause, text"),
        pytest.param({"pause": {"duration": 0}}, Step("pause", pause_seconds=0), "pause: 0s", id="pause of no time"),
        pytest.param({"experiment": {"templates": []}}, Step("experiment"), "experiment", id="experiment"),
        pytest.param({"analysis": {"templates": []}}, Step("analysis"), "analysis", id="analysis"),
        pytest.param({"setCanaryScale": {"weight": 20}}, Step("setCanaryScale"), "setCanaryScale", id="scale"),
        pytest.param({"plugin": {"name": "foo"}}, Step("plugin", name="foo"), "plugin: foo", id="plugin"),
        pytest.param(
            {"setHeaderRoute": {"name": "beta"}}, Step("setHeaderRoute", name="beta"), "setHeaderRoute: beta",
            id="header route",
        ),
        pytest.param(
            {"setMirrorRoute": {"name": "copy"}}, Step("setMirrorRoute", name="copy"), "setMirrorRoute: copy",
            id="mirror route",
        ),
        pytest.param({}, Step("invalid"), "invalid", id="empty"),
        pytest.param({"unheard": {}}, Step("invalid"), "invalid", id="unknown"),
        pytest.param(
            {"setWeight": 5, "pause": {}}, Step("setWeight", weight=5), "setWeight: 5", id="the controller's order"
        ),
        pytest.param({"setWeight": None, "pause": {}}, Step("pause"), "pause", id="null is absent"),
    ],
)  # fmt: skip
def test_a_step_and_how_it_is_called(raw: Tree, step: Step, text: str) -> None:
    assert parse_steps([raw]) == (step,)
    assert str(step) == text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param({"pause": {}}, True, id="pause without end"),
        pytest.param({"pause": {"duration": 0}}, False, id="timed pause, even of no time"),
        pytest.param({"setWeight": 5}, False, id="setWeight"),
        pytest.param({"analysis": {}}, False, id="analysis"),
    ],
)
def test_a_manual_gate_is_a_pause_without_end(raw: Tree, expected: bool) -> None:
    assert parse_steps([raw])[0].is_manual_gate is expected


def test_no_steps() -> None:
    assert parse_steps(None) == parse_steps([]) == ()


WEIGHTS = st.builds(lambda weight: {"setWeight": weight}, st.integers(0, 100))
OTHERS = st.sampled_from([{"pause": {}}, {"analysis": {}}, {"setCanaryScale": {"weight": 90}}, {}])


@given(before=st.lists(WEIGHTS | OTHERS, max_size=5), weight=st.integers(0, 100), after=st.lists(OTHERS, max_size=5))
def test_a_weight_holds_until_the_next_one(before: list[Tree], weight: int, after: list[Tree]) -> None:
    steps = parse_steps([*before, {"setWeight": weight}, *after])
    assert {weight_at(steps, index) for index in range(len(before), len(steps))} == {weight}


@given(before=st.lists(OTHERS, min_size=1, max_size=5), after=st.lists(WEIGHTS | OTHERS, max_size=5))
def test_before_the_first_weight_it_is_zero(before: list[Tree], after: list[Tree]) -> None:
    steps = parse_steps([*before, *after])
    assert {weight_at(steps, index) for index in range(len(before))} == {0}


@given(st.lists(WEIGHTS | OTHERS, max_size=8), st.integers(0, 10))
def test_later_steps_do_not_matter(raw: list[Tree], index: int) -> None:
    steps = parse_steps(raw)
    assert weight_at(steps, index) == weight_at(steps[: index + 1], index)
