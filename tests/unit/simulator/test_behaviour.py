# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a pod behaves by its annotations, and that nothing of it is left to chance."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.behaviour import (
    BEHAVIOUR,
    BEHAVIOURS,
    PLAIN,
    Answers,
    BadBehaviour,
    Behaviour,
    Latency,
    Usage,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

MEGABYTE = 1_000_000


def behaving(usual_seed: str = "seed", /, **wanted: Any) -> Behaviour:
    return parse({BEHAVIOUR: json.dumps(wanted)}, "1.0.0", usual_seed)


def answers(behaviour: Behaviour, age: float = 0, path: str = "/") -> Answers:
    return behaviour.stage(age).for_path(path)[1]


def failures(behaviour: Behaviour, rate: float, requests: range) -> int:
    return sum(behaviour.fails(number, rate) for number in requests)


# ---- Which annotation says what


def test_a_pod_without_annotations_answers_at_once_and_never_fails() -> None:
    assert parse({}, "1.0.0", "seed").stages == PLAIN.stages
    assert answers(PLAIN) == Answers(error_rate=0, error_status=500, latency_ms=Latency(0, 0))
    assert PLAIN.stages[0].usage == Usage(memory_mb=64, memory_growth_mb_per_minute=0, cpu=0.01)


def test_everything_can_be_said() -> None:
    behaviour = behaving(
        error_rate=0.25, error_status=503, latency_ms={"p50": 20, "p95": 80},
        memory_mb=100, memory_growth_mb_per_minute=5, cpu=0.5,
    )  # fmt: skip
    assert answers(behaviour) == Answers(0.25, 503, Latency(20, 80))
    assert behaviour.stages[0].usage == Usage(100, 5, 0.5)


def test_a_behaviour_by_tag_is_for_the_pods_of_that_tag() -> None:
    by_tag = {BEHAVIOURS: json.dumps({"1.0.0": {}, "1.1.0": {"error_rate": 0.5}})}
    rates = {tag: answers(parse(by_tag, tag, "")).error_rate for tag in ("1.0.0", "1.1.0", "1.2.0")}
    assert rates == {"1.0.0": 0, "1.1.0": 0.5, "1.2.0": 0}


def test_the_pods_own_behaviour_overrides_key_by_key_and_path_by_path() -> None:
    by_tag = {"error_rate": 0.5, "cpu": 2, "paths": {"/a": {"error_rate": 1}, "/b": {"error_rate": 1}}}
    own = {"error_rate": 0.1, "paths": {"/b": {"error_status": 404}}}
    both = parse({BEHAVIOURS: json.dumps({"1": by_tag}), BEHAVIOUR: json.dumps(own)}, "1", "")
    assert both.stages[0].usage.cpu == 2
    assert answers(both).error_rate == 0.1
    assert answers(both, path="/a").error_rate == 1
    assert answers(both, path="/b") == Answers(error_rate=0.1, error_status=404)


@pytest.mark.parametrize(
    ("path", "rule", "rate"),
    [
        ("/", "", 0.1),
        ("/other", "", 0.1),
        ("/api", "/api", 0.2),
        ("/api/items/1", "/api", 0.2),
        ("/api/items/2", "/api/items/2", 0.3),
        ("/apis", "/api", 0.2),
    ],
)
def test_the_longest_prefix_decides(path: str, rule: str, rate: float) -> None:
    paths = {"/api": {"error_rate": 0.2}, "/api/items/2": {"error_rate": 0.3}}
    found = behaving(error_rate=0.1, paths=paths).stage(0).for_path(path)
    assert (found[0], found[1].error_rate) == (rule, rate)


# ---- Over the life of a pod


def test_a_later_stage_overrides_what_it_names_and_keeps_the_rest() -> None:
    behaviour = behaving(
        latency_ms=10,
        paths={"/a": {"error_rate": 1}},
        after=[{"seconds": 60, "latency_ms": 500}, {"seconds": 30, "error_rate": 0.5, "paths": {"/b": {}}}],
    )
    seen = [(answers(behaviour, age).error_rate, answers(behaviour, age).latency_ms.p50) for age in (0, 29, 30, 60)]
    assert seen == [(0, 10), (0, 10), (0.5, 10), (0.5, 500)]
    assert answers(behaviour, 60, "/a") == Answers(error_rate=1, latency_ms=Latency(500, 500))
    assert behaviour.stage(60).for_path("/b/1")[0] == "/b"


@pytest.mark.parametrize(("age", "megabytes"), [(0, 100), (60, 110), (120, 120), (180, 180), (-5, 100)])
def test_memory_grows_from_what_it_was(age: float, megabytes: float) -> None:
    behaviour = behaving(
        memory_mb=100, memory_growth_mb_per_minute=10, after=[{"seconds": 120, "memory_growth_mb_per_minute": 60}]
    )
    assert behaviour.memory_bytes(age) == pytest.approx(megabytes * MEGABYTE)


def test_a_stage_that_names_the_memory_starts_from_there() -> None:
    grown = behaving(memory_mb=100, memory_growth_mb_per_minute=60, after=[{"seconds": 60, "memory_mb": 50}])
    assert [grown.memory_bytes(age) / MEGABYTE for age in (59, 60, 120)] == pytest.approx([159, 50, 110])


def test_processor_time_adds_up() -> None:
    busy = behaving(cpu=0.5, after=[{"seconds": 10, "cpu": 2}])
    assert [busy.cpu_seconds(age) for age in (0, 10, 15)] == pytest.approx([0, 5, 15])


AGES = st.floats(0, 1e5)


@given(AGES, AGES, st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 64)), max_size=4))
def test_processor_time_never_falls(one: float, other: float, steps: list[tuple[int, float]]) -> None:
    behaviour = behaving(after=[{"seconds": seconds, "cpu": cpu} for seconds, cpu in steps])
    first, second = sorted((one, other))
    assert behaviour.cpu_seconds(first) <= behaviour.cpu_seconds(second) + 1e-9


# ---- Errors and latencies


@given(st.text(), st.floats(0, 1), st.integers(0, 10_000), st.integers(1, 2000))
def test_any_run_of_requests_has_its_share_of_errors(seed: str, rate: float, first: int, many: int) -> None:
    """Chance would miss it by 30 of 1000 often enough to turn a gate."""
    found = failures(behaving(seed), rate, range(first, first + many))
    assert abs(found - rate * many) < 4


@given(st.text(), st.integers(2, 12), st.floats(0.01, 0.5))
def test_a_regular_client_has_its_share_too(seed: str, every: int, rate: float) -> None:
    """A load that takes turns between some paths or pods must not fall into step with the errors."""
    found = failures(behaving(seed), rate, range(0, 1000 * every, every))
    assert abs(found - rate * 1000) < 15


@pytest.mark.parametrize(("rate", "expected"), [(0, 0), (1, 500)])
def test_never_and_always(rate: float, expected: int) -> None:
    assert failures(behaving(), rate, range(500)) == expected


def test_the_same_seed_gives_the_same_sequence() -> None:
    def sequence(behaviour: Behaviour) -> list[tuple[bool, float]]:
        return [(behaviour.fails(n, 0.2), behaviour.delay(n, Latency(10, 50))) for n in range(50)]

    assert sequence(behaving("a")) == sequence(behaving("a"))
    assert sequence(behaving("a")) != sequence(behaving("b"))
    assert sequence(behaving("a", seed="b")) == sequence(behaving("b"))
    assert sequence(behaving("a", seed=7)) == sequence(behaving("b", seed="7"))


@given(st.text(), st.floats(1, 1000), st.floats(1.01, 20))
def test_latencies_have_the_quantiles_that_were_asked_for(seed: str, p50: float, spread: float) -> None:
    behaviour, latency = behaving(seed), Latency(p50, p50 * spread)
    delays = sorted(behaviour.delay(number, latency) * 1000 for number in range(1000))
    rank = sum(delay <= p50 for delay in delays), sum(delay <= p50 * spread for delay in delays)
    assert rank == pytest.approx((500, 950), abs=5)


@given(st.floats(0, 1), st.floats(0.001, 60_000), st.floats(1, 100))
def test_no_latency_is_out_of_bounds(quantile: float, p50: float, spread: float) -> None:
    seconds = Latency(p50, p50 * spread).seconds(quantile)
    assert 0 < seconds <= min(60, p50 * spread**2 / 1000 + 1e-9)


def test_a_constant_latency_is_constant() -> None:
    latency = answers(behaving(latency_ms=40)).latency_ms
    assert {latency.seconds(quantile / 10) for quantile in range(11)} == {0.04}


# ---- What cannot be followed


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"error_rate": 1.5}, "error_rate is 1.5: give a number from 0 to 1"),
        ({"error_rate": -0.1}, "error_rate is -0.1: give a number from 0 to 1"),
        ({"error_rate": "5%"}, 'error_rate is "5%": give a number from 0 to 1'),
        ({"error_rate": True}, "error_rate is true: give a number from 0 to 1"),
        ({"error_rate": math.nan}, "error_rate is NaN: give a number from 0 to 1"),
        ({"error_status": 200}, "error_status is 200: give an HTTP status from 400 to 599"),
        ({"error_status": 500.0}, "error_status is 500.0: give an HTTP status from 400 to 599"),
        ({"error_status": True}, "error_status is true: give an HTTP status from 400 to 599"),
        ({"latency_ms": -1}, "latency_ms is -1: give a number from 0 to 60000"),
        ({"latency_ms": "1s"}, 'latency_ms is "1s": give a number from 0 to 60000'),
        ({"latency_ms": {"p50": 5}}, 'latency_ms is {"p50": 5}: give a number, or both quantiles'),
        ({"latency_ms": {"p50": 5, "p95": "x"}}, 'latency_ms.p95 is "x": give a number from 0 to 60000'),
        (
            {"latency_ms": {"p50": 9, "p95": 5}},
            'latency_ms is {"p50": 9, "p95": 5}: give p50 more than 0, and p95 from p50 to 100 times p50',
        ),
        (
            {"latency_ms": {"p50": 0, "p95": 5}},
            'latency_ms is {"p50": 0, "p95": 5}: give p50 more than 0, and p95 from p50 to 100 times p50',
        ),
        ({"latency_ms": {"p50": 1, "p95": 101}}, 'latency_ms is {"p50": 1, "p95": 101}: give p50 more than 0, and p95'),
        ({"memory_mb": None}, "memory_mb is null: give a number from 0 to 1000000"),
        ({"errors": 1}, "errors is unknown: use error_rate, error_status, latency_ms, memory_mb"),
        ({"paths": []}, "paths is []: give a JSON object"),
        ({"paths": {"api": {}}}, 'paths is "api": give prefixes that begin with /'),
        ({"paths": {"/api": 1}}, "paths /api is 1: give a JSON object"),
        ({"paths": {"/api": {"cpu": 1}}}, "paths /api: cpu is unknown: use error_rate, error_status, latency_ms"),
        ({"after": {}}, "after is {}: give a list such as"),
        ({"after": [1]}, "an entry of after is 1: give a JSON object"),
        ({"after": [{"cpu": 1}]}, "seconds is null: give a number from 0 to 1000000"),
        ({"after": [{"seconds": 9, "cpu": "x"}]}, 'after 9 s: cpu is "x": give a number from 0 to 1000'),
        ({"after": [{"seconds": 9, "seed": "x"}]}, "after 9 s: seed is unknown: use error_rate"),
        ({"paths": {"/a": {}}, "after": [{"seconds": 9, "paths": 1}]}, "after 9 s: paths is 1: give a JSON object"),
    ],
)
def test_what_is_wrong_is_told(wanted: Any, complaint: str) -> None:
    with pytest.raises(BadBehaviour) as caught:
        behaving(**wanted)
    assert f"annotation {BEHAVIOUR}: {complaint}" in str(caught.value)


@pytest.mark.parametrize("annotation", [BEHAVIOUR, BEHAVIOURS])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "no JSON (Expecting property name"),
        ("", "no JSON (Expecting value"),
        ("[]", "the value is []: give a JSON object"),
        ("null", "the value is null: give a JSON object"),
        ("[" * 100_000, "no JSON (maximum recursion depth exceeded"),
    ],
)
def test_no_json_object_is_told(annotation: str, text: str, complaint: str) -> None:
    with pytest.raises(BadBehaviour) as caught:
        parse({annotation: text}, "1.0.0", "")
    assert str(caught.value).startswith(f"annotation {annotation}: {complaint}")


def test_a_mistake_for_one_tag_names_the_tag_and_spares_the_others() -> None:
    by_tag = {BEHAVIOURS: json.dumps({"1.0.0": {"cpu": 1}, "1.1.0": {"cpu": -1}, "1.2.0": 5})}
    assert parse(by_tag, "1.0.0", "").stages[0].usage.cpu == 1
    for tag, complaint in {"1.1.0": "cpu is -1", "1.2.0": "the behaviour is 5"}.items():
        with pytest.raises(BadBehaviour, match=f"{BEHAVIOURS}, tag {tag}: {complaint}"):
            parse(by_tag, tag, "")


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error_rate", "latency_ms", "paths", "after", "seconds", "p50", "p95", "/a", "seed"]),
        inner, max_size=4,
    ),
))  # fmt: skip
def test_whatever_is_written_it_is_followed_or_told(wanted: Any) -> None:
    with suppress(BadBehaviour):
        parse({BEHAVIOUR: json.dumps(wanted)}, "1.0.0", "").stage(1.0)
