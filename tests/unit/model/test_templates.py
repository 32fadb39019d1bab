# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates as one run: which, in which order, and what contradicts."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.templates import (
    Given,
    Template,
    TemplateError,
    TemplateRef,
    collect,
    flatten,
    references_in,
    run_spec,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.support import Tree

A, B, C, D = (TemplateRef(name) for name in "abcd")
WIDE = TemplateRef("a", cluster_scope=True)
SECRET = {"valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}}
FIELD = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def refs(*wanted: TemplateRef) -> Tree:
    return {"templates": [{"templateName": item.name, "clusterScope": item.cluster_scope} for item in wanted]}


def metric(name: str = "m", condition: str = "") -> Tree:
    return {"name": name, "successCondition": condition, "provider": {"web": {"url": "http://x"}}}


def template(label: str = "AnalysisTemplate a", **spec: Any) -> Template:
    return Template(label, spec)


def test_the_reference_of_a_rollout() -> None:
    assert TemplateRef.parse({"templateName": "a"}) == A
    assert TemplateRef.parse({"templateName": "a", "clusterScope": True}) == WIDE
    assert TemplateRef.parse({}) == TemplateRef("")
    assert (str(A), str(WIDE)) == ("AnalysisTemplate a", "ClusterAnalysisTemplate a")


# -- which


def order(world: dict[TemplateRef, Tree], *wanted: TemplateRef) -> list[str]:
    return [found.label for found in collect(wanted, lambda ref, _: world[ref])]


@pytest.mark.parametrize(
    ("world", "wanted", "expected"),
    [
        ({A: {}, B: {}}, (B, A), ["AnalysisTemplate b", "AnalysisTemplate a"]),
        ({A: {}}, (A, A), ["AnalysisTemplate a"]),
        ({A: refs(B, C), B: refs(C), C: {}}, (A,), [f"AnalysisTemplate {name}" for name in "abc"]),
        ({A: refs(B), B: refs(D), C: {}, D: {}}, (A, C), [f"AnalysisTemplate {name}" for name in "abdc"]),
        (
            {WIDE: refs(A), A: {}, B: {}},
            (WIDE, B),
            ["AnalysisTemplate a", "AnalysisTemplate b", "ClusterAnalysisTemplate a"],
        ),
    ],
    ids=["as named", "once", "a diamond", "depth first", "those of the cluster come last"],
)
def test_templates_and_those_that_they_take_in(
    world: dict[TemplateRef, Tree], wanted: tuple[TemplateRef, ...], expected: list[str]
) -> None:
    assert order(world, *wanted) == expected


def test_each_is_read_once_and_the_reader_is_told_who_wants_it() -> None:
    asked = []

    def read(wanted: TemplateRef, referrer: str) -> Tree:
        asked.append((wanted.name, referrer))
        return refs(B) if wanted in (A, C) else {}

    collect([A, C], read)
    assert asked == [("a", ""), ("b", "AnalysisTemplate a"), ("c", "")]


@pytest.mark.parametrize("world", [{A: refs(A)}, {A: refs(B), B: refs(C), C: refs(A)}], ids=["itself", "three"])
def test_a_circle_is_an_error_that_shows_it(world: dict[TemplateRef, Tree]) -> None:
    with pytest.raises(TemplateError, match=r"AnalysisTemplate a refers to .*AnalysisTemplate a;"):
        order(world, A)


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4), min_size=8, max_size=8))
def test_whatever_refers_to_whatever_it_comes_to_an_end(links: dict[int, list[int]]) -> None:
    world = {
        TemplateRef(str(one)): refs(*(TemplateRef(str(other)) for other in links.get(one, ()))) for one in range(8)
    }
    try:
        found = order(world, TemplateRef("0"))
    except TemplateError:
        return
    assert len(set(found)) == len(found)


# -- as one


def test_lists_are_joined_in_order() -> None:
    flat = flatten(
        [
            template("a", metrics=[metric("one")], dryRun=[{"metricName": "one"}], args=[{"name": "x"}]),
            template("b", metrics=[metric("two")], measurementRetention=[{"metricName": "two", "limit": 3}]),
        ]
    )
    assert [item["name"] for item in flat.metrics] == ["one", "two"]
    assert (flat.dry_run, flat.retention) == ([{"metricName": "one"}], [{"metricName": "two", "limit": 3}])
    assert (flat.args, flat.origin) == ([{"name": "x"}], {"x": "a"})


@pytest.mark.parametrize(
    ("part", "item", "what"),
    [
        ("metrics", metric("m"), "metric 'm'"),
        ("dryRun", {"metricName": "m"}, "dry-run rule 'm'"),
        ("measurementRetention", {"metricName": "m", "limit": 1}, "measurement retention 'm'"),
    ],
)
def test_a_name_twice(part: str, item: Tree, what: str) -> None:
    with pytest.raises(TemplateError) as error:
        flatten([template("one", **{part: [item]}), template("two", **{part: [item]})])
    assert str(error.value).startswith(f"one and two both have a {what}")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"value": "1"}, {"value": "1"}, {"value": "1"}),
        ({"value": "1"}, {}, {"value": "1"}),
        ({}, {"value": "2"}, {"value": "2"}),
        ({"value": "1"}, SECRET, {"value": "1"}),
        (SECRET, {"value": "2"}, {"value": "2"}),
        (SECRET, {}, {}),
    ],
    ids=["the same", "the first", "the second", "a value before a Secret", "a Secret gives way", "even to nothing"],
)
def test_an_arg_of_two_templates(first: Tree, second: Tree, expected: Tree) -> None:
    flat = flatten([template(args=[{"name": "x", **first}]), template("b", args=[{"name": "x", **second}])])
    assert flat.args == [{"name": "x", **expected}]


def test_an_arg_of_two_values() -> None:
    templates = [template("a", args=[{"name": "x", "value": "1"}]), template("b", args=[{"name": "x", "value": "2"}])]
    with pytest.raises(TemplateError, match="a gives arg 'x' the value '1', b '2'; the controller takes no such pair"):
        flatten(templates)


def test_an_arg_that_nobody_declares() -> None:
    with pytest.raises(TemplateError, match=r"args\.y is not resolved: metric 'm' of AnalysisTemplate a uses it"):
        flatten([template(metrics=[metric(condition="result > {{ args.y }}")], args=[{"name": "x"}])])


def test_the_args_that_a_metric_uses() -> None:
    assert references_in(metric("{{args.b}}", "{{ args.a-1 }} {{args.b}} {{ other }} {{args.}}")) == ["b", "a-1"]


# -- a run


def args_of(declared: Tree, **values: Any) -> list[Tree]:
    asked = template(metrics=[metric()], args=[{"name": "x", **declared}])
    return run_spec([asked], Given(args=values)).get("args", [])


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ({"value": "1"}, {}, {"value": "1"}),
        ({"value": ""}, {}, {"value": ""}),
        ({}, {"x": "2"}, {"value": "2"}),
        ({"value": "1"}, {"x": "2"}, {"value": "2"}),
        ({}, {"x": 0.95}, {"value": "0.95"}),
        ({}, {"x": True}, {"value": "true"}),
        (SECRET, {}, SECRET),
        ({"value": "1"}, {"x": SECRET}, SECRET),
        (SECRET, {"x": "2"}, {"value": "2"}),
        (FIELD, {"x": "2"}, {"value": "2"}),
    ],
)
def test_what_is_given_goes_first(declared: Tree, values: Tree, expected: Tree) -> None:
    assert args_of(declared, **values) == [{"name": "x", **expected}]


@pytest.mark.parametrize(
    ("declared", "values", "parts"),
    [
        ({}, {}, ["args.x is missing", "AnalysisTemplate a needs it"]),
        (FIELD, {}, ["args.x is missing", "a field of a Rollout"]),
        ({}, {"x": "1", "y": "2"}, ["args.y: '2'", "the templates take x"]),
        ({}, {"x": None}, ["args.x is missing", "give a text"]),
        ({}, {"x": ["1"]}, ["args.x: ['1']", "give a text"]),
        ({}, {"x": {**SECRET, "value": "1"}}, ["args.x", "give a text"]),
    ],
)
def test_an_arg_that_cannot_be(declared: Tree, values: Tree, parts: list[str]) -> None:
    with pytest.raises(InvalidRequest) as error:
        args_of(declared, **values)
    for part in parts:
        assert part in str(error.value)


def test_templates_that_take_no_args() -> None:
    with pytest.raises(InvalidRequest, match="the templates take none at all"):
        run_spec([template(metrics=[metric()])], Given(args={"x": "1"}))


def test_rules_of_the_task_come_before_those_of_the_templates() -> None:
    asked = template(metrics=[metric("one"), metric("two")], dryRun=[{"metricName": "one"}])
    spec = run_spec([asked], Given(dry_run=["two"], retention={".*": 5}))
    assert spec == {
        "metrics": [metric("one"), metric("two")],
        "dryRun": [{"metricName": "two"}, {"metricName": "one"}],
        "measurementRetention": [{"metricName": ".*", "limit": 5}],
    }


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Given(dry_run=["tow"]), "dry_run_metrics: 'tow'.*it matches no metric; there are one, two"),
        (Given(dry_run=["one", "*"]), r"dry_run_metrics: '\*'"),
        (Given(retention={"^o$": 5}), r"measurement_retention: '\^o\$'"),
    ],
)
def test_a_rule_of_the_task_that_matches_nothing(given: Given, text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        run_spec([template(metrics=[metric("one"), metric("two")])], given)


def test_a_rule_that_only_go_can_read_is_left_to_the_controller() -> None:
    assert run_spec([template(metrics=[metric("one")])], Given(dry_run=[r"\pL+"]))["dryRun"]


def test_metrics_of_the_task_bring_the_args_that_they_use() -> None:
    own = metric("own", "result > {{args.least}} + {{args.x}}")
    asked = template(metrics=[metric()], args=[{"name": "x", "value": "1"}])
    spec = run_spec([asked], Given(metrics=[own], args={"least": 2}))
    assert [item["name"] for item in spec["metrics"]] == ["m", "own"]
    assert spec["args"] == [{"name": "x", "value": "1"}, {"name": "least", "value": "2"}]
    with pytest.raises(InvalidRequest, match=r"args\.least is missing; the option metrics needs it"):
        run_spec([asked], Given(metrics=[own]))


def test_a_run_needs_something_to_measure() -> None:
    with pytest.raises(TemplateError, match="AnalysisTemplate a: there is no metric to measure"):
        run_spec([template()], Given())
