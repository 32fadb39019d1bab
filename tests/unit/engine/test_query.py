# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask, judge, ask again: what the task of `prometheus_query` does with each answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils import _module as frame
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.errors import (
    BadAddress,
    PrometheusError,
    QueryError,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import (
    Answer,
    Point,
    Sample,
    Series,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster import connect as connection
from ansible_collections.progressive.delivery.plugins.module_utils._engine.query import run_query

from tests.unit.fakes import FakeClock
from tests.unit.support import NOW

DEFAULTS: dict[str, Any] = {
    "query": "up", "since": None, "time": None, "start": None, "end": "now", "step": "15s", "min": None, "max": None,
    "allow_empty": False, "allow_nan": False, "max_age": None,
    "retries": 3, "retry_delay": "1s", "retry_on": ["unreachable", "timeout"],
}  # fmt: skip
EMPTY = Answer("vector")
NOW_SECONDS = NOW.timestamp()


def one(value: float) -> Answer:
    return Answer("vector", samples=(Sample({}, 1, value),))


class FakePrometheus:
    """Gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: Answer | PrometheusError) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    def instant(self, query: str, time: float | None = None) -> Answer:
        return self._next(query, time)

    def range(self, query: str, start: float, end: float, step: float) -> Answer:
        return self._next(query, start, end, step)

    def _next(self, *asked: Any) -> Answer:
        self.asked.append(asked)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, PrometheusError):
            raise answer
        return answer


def run(prometheus: FakePrometheus, clock: FakeClock | None = None, **options: Any) -> dict[str, Any]:
    return run_query({**DEFAULTS, **options}, lambda: prometheus, clock or FakeClock())


def test_a_good_answer_is_asked_for_once_at_the_servers_own_time() -> None:
    prometheus = FakePrometheus(one(0.99))

    result = run(prometheus, min=0.95)

    assert prometheus.asked == [("up", None)]
    assert result == {
        "changed": False, "failed": False, "reason": "ok", "msg": "up gives 0.99.", "attempts": 1,
        "result_type": "vector", "value": 0.99,
        "result": [{"metric": {}, "time": "1970-01-01T00:00:01.000Z", "value": 0.99}],
    }  # fmt: skip


def test_an_answer_that_does_not_hold_fails_at_once() -> None:
    prometheus = FakePrometheus(one(0.5))

    result = run(prometheus, min=0.95)

    assert (result["failed"], result["reason"], result["attempts"]) == (True, "below_min", 1)
    assert result["value"] == 0.5, "what was seen is returned on failure, too"


@pytest.mark.parametrize("error", [Unreachable("gone"), TimedOut("slow")])
def test_a_server_that_comes_back_is_asked_again(error: PrometheusError) -> None:
    clock = FakeClock()

    result = run(FakePrometheus(error, error, one(1)), clock, retry_delay="2s")

    assert (result["reason"], result["attempts"], clock.elapsed) == ("ok", 3, 4)


def test_the_window_since_a_moment_grows_with_each_try() -> None:
    prometheus = FakePrometheus(one(0), one(0), one(50))
    since = str(NOW_SECONDS - 8)

    result = run(prometheus, query="n[$window]", since=since, min=50, retry_on=["below_min"], retry_delay="3s")

    assert prometheus.asked == [("n[8s]", None), ("n[11s]", None), ("n[14s]", None)]
    assert (result["reason"], result["msg"]) == ("ok", "n[14s] gives 50.")


@pytest.mark.parametrize(("ago", "window"), [(0.2, "1s"), (1.9, "1s"), (2.0, "2s"), (9.9, "9s")])
def test_the_window_never_reaches_to_before_the_moment(ago: float, window: str) -> None:
    prometheus = FakePrometheus(one(1))
    run(prometheus, query="n[$window]", since=str(NOW_SECONDS - ago))
    assert prometheus.asked == [(f"n[{window}]", None)]


def test_the_window_ends_with_the_moment_that_is_asked_about() -> None:
    prometheus = FakePrometheus(one(1))

    run(prometheus, query="n[$window]", since="-5m", time="-1m")

    assert prometheus.asked == [("n[240s]", NOW_SECONDS - 60)]


def test_retries_are_bounded() -> None:
    prometheus, clock = FakePrometheus(Unreachable("http://p cannot be reached")), FakeClock()

    result = run(prometheus, clock, retries=2)

    assert (result["failed"], result["reason"], result["attempts"]) == (True, "unreachable", 3)
    assert result["msg"] == "up has no answer: http://p cannot be reached."
    assert (result["result_type"], result["result"], result["value"]) == (None, [], None)
    assert (len(prometheus.asked), clock.elapsed) == (3, 2)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (QueryError("bad_data", "1:3: parse error"), "bad_query"),
        (Unauthorized("no"), "unauthorized"),
        (BadAddress("no"), "bad_configuration"),
    ],
)
def test_what_trying_again_does_not_heal_fails_at_once(error: PrometheusError, reason: str) -> None:
    prometheus = FakePrometheus(error)

    result = run(prometheus)

    assert (result["reason"], len(prometheus.asked)) == (reason, 1)
    assert str(error) in result["msg"]


def test_one_can_wait_for_data() -> None:
    result = run(FakePrometheus(EMPTY, one(1), one(7)), retry_on=["empty", "below_min"], min=5)

    assert (result["reason"], result["value"], result["attempts"]) == ("ok", 7, 3)


def test_a_moment_before_now_moves_with_each_try() -> None:
    prometheus = FakePrometheus(EMPTY, one(1))

    run(prometheus, time="-5m", retry_on=["empty"], retry_delay="10s")

    assert prometheus.asked == [("up", NOW_SECONDS - 300), ("up", NOW_SECONDS - 290)]


def test_a_range_query_has_a_start_an_end_and_a_step() -> None:
    prometheus = FakePrometheus(Answer("matrix", series=(Series({}, (Point(1, 2), Point(2, 3))),)))

    result = run(prometheus, start="-1h", step="1m", max=2.5)

    assert prometheus.asked == [("up", NOW_SECONDS - 3600, NOW_SECONDS, 60)]
    assert (result["reason"], result["result_type"]) == ("above_max", "matrix")


@pytest.mark.parametrize(("options", "moment"), [({}, None), ({"time": "17"}, 17), ({"start": "10", "end": "20"}, 20)])
def test_the_age_is_asked_of_each_selector_at_the_same_moment(options: dict[str, str], moment: float | None) -> None:
    prometheus = FakePrometheus(one(1), EMPTY, one(1))

    result = run(prometheus, query="rate(a[1m]) / b", max_age="30s", **options)

    assert [asked[1] for asked in prometheus.asked[1:]] == [moment, moment]
    assert result["reason"] == "stale"
    assert "b has no sample of the last 30s" in result["msg"]


def test_fresh_data_passes() -> None:
    assert run(FakePrometheus(one(1), EMPTY), max_age=30)["reason"] == "ok"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"step": "0"}, ("step", "more than 0")),
        ({"retry_delay": "soon"}, ("retry_delay", "soon", "5m")),
        ({"retries": 1001}, ("retries", "1001", "1000")),
        ({"retries": -1}, ("retries", "-1")),
        ({"min": 2, "max": 1}, ("min", "2", "max (1)")),
        ({"time": "soon"}, ("time", "soon", "-5m")),
        ({"start": "-1m", "end": "-2m"}, ("start", "-1m", "before end (-2m)")),
        ({"max_age": "old"}, ("max_age", "old")),
        ({"max_age": "1m", "query": "vector(1)"}, ("max_age", "vector(1)", "reads no series")),
        ({"max_age": "1m", "query": "rate(a[5m*2])"}, ("max_age", "rate(a[5m*2])")),
    ],
)
def test_an_option_that_cannot_be_acted_on(options: dict[str, Any], words: tuple[str, ...]) -> None:
    result = run(FakePrometheus(one(1)), **options)

    assert (result["failed"], result["reason"], result["attempts"]) == (True, "invalid_request", 0)
    for word in words:
        assert word in result["msg"]


def test_a_connection_that_cannot_be_made_is_a_result() -> None:
    def no_connection() -> FakePrometheus:
        raise BadAddress("address is no URL")

    result = run_query(DEFAULTS, no_connection, FakeClock())

    assert (result["failed"], result["reason"], result["msg"]) == (True, "bad_configuration", "address is no URL")


def test_warnings_of_the_server_are_handed_on() -> None:
    assert run(FakePrometheus(Answer("vector", (Sample({}, 1, 1),), warnings=("partial",))))["warnings"] == ["partial"]


# -- as the module runs it


MODULE: dict[str, Any] = {
    **DEFAULTS, "address": "http://127.0.0.1:1", "timeout": "10s", "headers": {}, "bearer_token": None,
    "username": None, "password": None, "validate_certs": True, "ca_cert": None, "retries": 0,
}  # fmt: skip


def run_module(**options: Any) -> dict[str, Any]:
    return frame.run("prometheus_query", {**MODULE, **options}, check_mode=False, diff=False)


def test_it_needs_no_kubernetes_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MISSING", ImportError("No module named 'kubernetes'"))

    result = run_module()

    assert (result["reason"], result["attempts"]) == ("unreachable", 1)
    assert "http://127.0.0.1:1 cannot be reached" in result["msg"]


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"address": "prometheus:9090"}, "bad_configuration", "address: 'prometheus:9090'"),
        ({"timeout": "soon"}, "invalid_request", "timeout: 'soon'"),
        ({"ca_cert": "/nowhere/ca.crt"}, "bad_configuration", "ca_cert: '/nowhere/ca.crt'"),
    ],
)
def test_a_server_that_cannot_be_asked(options: dict[str, Any], reason: str, words: str) -> None:
    result = run_module(**options)

    assert (result["failed"], result["reason"], result["attempts"]) == (True, reason, 0)
    assert words in result["msg"]


@pytest.mark.parametrize(
    ("params", "hidden"),
    [
        (MODULE, []),
        ({**MODULE, "headers": {"X-Token": "open-sesame", "X-Scope-OrgID": "shop"}}, ["open-sesame"]),
        ({"name": "shop", "prometheus": {**MODULE, "headers": {"Cookie": "open-barley"}}}, ["open-barley"]),
        ({"name": "shop"}, []),
    ],
)
def test_secrets_in_headers_are_hidden_wherever_a_module_takes_them(params: dict[str, Any], hidden: list[str]) -> None:
    assert frame.hidden_values(params) == hidden
