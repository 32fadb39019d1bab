# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`prometheus_query` asks the Prometheus of a lab."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.promql import selectors

from tests.integration.page import Scraped
from tests.integration.support import Lab, eventually, run_module

Result = dict[str, Any]


class Shop(Scraped):
    """`shop_requests_total`, 10 more at each scrape, for two versions."""

    def __init__(self, lab: Lab) -> None:
        self._scrapes = 0
        super().__init__(lab, "shop", {"shop": "corner"}, self._content)

    def _content(self) -> str:
        self._scrapes += 1
        return "".join(f'shop_requests_total{{version="{each}"}} {self._scrapes * 10}\n' for each in ("1", "2"))


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Shop]:
    made = Shop(lab)
    asked = query(lab, "count(rate(shop_requests_total[10s]) > 0)", min=2, retry_on=["empty", "below_min"], retries=60)
    assert not asked["failed"], asked["msg"]
    yield made
    made.close()


def address(lab: Lab) -> str:
    return str(lab.record["addresses"]["prometheus"])


def query(lab: Lab, expression: str, *words: str, **options: Any) -> Result:
    return run_module("prometheus_query", {"address": address(lab), "query": expression, **options}, *words)


# -- what is there


@pytest.mark.smoke
@pytest.mark.usefixtures("shop")
def test_a_value_within_its_limits_passes(lab: Lab) -> None:
    result = query(lab, 'rate(shop_requests_total{version="2"}[10s])', min=1, max=30, max_age="5s")

    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "ok"), result["msg"]
    assert 1 < result["value"] < 30
    [entry] = result["result"]
    assert (entry["metric"]["version"], entry["metric"]["shop"]) == ("2", "corner")
    assert entry["value"] == result["value"]
    assert entry["time"].endswith("Z")


@pytest.mark.smoke
@pytest.mark.usefixtures("shop")
def test_a_value_outside_of_them_fails_with_what_was_measured(lab: Lab) -> None:
    result = query(lab, "sum by (version) (shop_requests_total) * 0 + 0.052", "--check", max=0.01)

    assert (result["failed"], result["reason"], result["value"]) == (True, "above_max", None)
    assert "0.052" in result["msg"]
    assert "above max 0.01" in result["msg"]
    assert "2 of 2 values" in result["msg"]


@pytest.mark.usefixtures("shop")
def test_a_range_has_values(lab: Lab) -> None:
    result = query(lab, "sum(shop_requests_total)", start="-2s", step="1", allow_empty=True)

    assert result["result_type"] == "matrix"
    assert 1 <= len(result["result"][0]["values"]) <= 3


@pytest.mark.parametrize(("expression", "kind", "value"), [("2 * 3", "scalar", 6), ('"text"', "string", None)])
def test_a_scalar_and_a_string(lab: Lab, expression: str, kind: str, value: float | None) -> None:
    result = query(lab, expression)

    assert (result["reason"], result["result_type"], result["value"]) == ("ok", kind, value)
    assert result.get("text") == ("text" if kind == "string" else None)


# -- what is no evidence


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("expression", "reason"),
    [("shop_nobody_knows", "empty"), ("vector(0) / 0", "nan"), ("0 / 0", "nan"), ("1 / 0", "nan")],
)
def test_silence_never_passes(lab: Lab, expression: str, reason: str) -> None:
    result = query(lab, expression, min=0)

    assert (result["failed"], result["reason"], result["value"]) == (True, reason, None)
    assert expression in result["msg"]


def test_it_passes_when_asked_for(lab: Lab) -> None:
    assert query(lab, "shop_nobody_knows", allow_empty=True)["reason"] == "ok"

    result = query(lab, "0 / 0", allow_nan=True)
    assert (result["reason"], result["result"][0]["value"], result["result"][0]["problem"]) == ("ok", None, "NaN")


def test_a_rate_outlives_its_samples_and_max_age_sees_it(lab: Lab, shop: Shop) -> None:
    expression = 'sum(rate(shop_requests_total{version="1"}[5m])) or vector(0)'
    assert query(lab, expression, max_age="5s")["reason"] == "ok"

    shop.close()
    waited = query(lab, "shop_requests_total", max=-1, retry_on=["above_max"], retries=60, allow_empty=True)
    assert waited["result"] == [], "Prometheus has marked the series as gone"

    result = eventually(lambda: (now := query(lab, expression, max_age="2s"))["reason"] != "ok" and now)
    assert result["reason"] == "stale"
    assert result["value"] > 0, "and yet there is a value"
    assert 'shop_requests_total{version="1"} has no sample of the last 2s' in result["msg"]
    assert query(lab, "shop_nobody_knows or vector(1)", max_age="2s")["reason"] == "ok", "absent is not stale"


# -- what is no answer


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("sum(foo", "1:8: parse error: unclosed left parenthesis"),
        ("rate(foo)", "1:6: parse error: expected type range"),
    ],
)
def test_a_bad_query_fails_at_once_with_its_position(lab: Lab, expression: str, words: str) -> None:
    result = query(lab, expression, max_age="1m")

    assert (result["failed"], result["reason"], result["attempts"]) == (True, "bad_query", 1)
    assert words in result["msg"]
    assert expression in result["msg"]


def test_a_query_that_fails_while_it_runs(lab: Lab) -> None:
    result = query(lab, 'vector(1) * on() (label_replace(vector(1), "a", "1", "", "") or vector(2))')

    assert (result["reason"], result["attempts"]) == ("bad_query", 1)
    assert "duplicate series" in result["msg"]


def test_a_wrong_address(lab: Lab) -> None:
    nobody = run_module("prometheus_query", {"address": "http://127.0.0.1:1", "query": "up", "retries": 1})
    assert (nobody["reason"], nobody["attempts"]) == ("unreachable", 2)
    assert "http://127.0.0.1:1 cannot be reached: Connection refused" in nobody["msg"]

    elsewhere = run_module("prometheus_query", {"address": f"{address(lab)}/prometheus", "query": "up"})
    assert (elsewhere["reason"], elsewhere["attempts"]) == ("bad_configuration", 1)
    assert "before /api/v1" in elsewhere["msg"]


def test_a_certificate_has_to_be_trusted(lab: Lab) -> None:
    """The apiserver is an HTTPS server with an authority of its own that refuses strangers."""
    server = str(lab.record["addresses"]["apiserver"])

    untrusted = run_module("prometheus_query", {"address": server, "query": "up"})
    trusted = run_module(
        "prometheus_query", {"address": server, "query": "up", "ca_cert": str(lab.folder / "pki" / "ca.crt")}
    )
    unchecked = run_module("prometheus_query", {"address": server, "query": "up", "validate_certs": False})

    assert untrusted["reason"] == "bad_configuration"
    assert "ca_cert" in untrusted["msg"]
    assert [trusted["reason"], unchecked["reason"]] == ["unauthorized", "unauthorized"]


def test_an_address_from_the_environment_and_none(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "address" in run_module("prometheus_query", {"query": "1"})["msg"]

    monkeypatch.setenv("PROMETHEUS_ADDRESS", address(lab))
    assert run_module("prometheus_query", {"query": "1"})["value"] == 1


# -- credentials


@pytest.fixture
def gate() -> Iterator[ThreadingHTTPServer]:
    """A server that answers only to who knows the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            known = self.headers["Authorization"] == "Bearer open-sesame"
            answer = {
                "status": "success",
                "data": {"resultType": "scalar", "result": [1, "1"]},
                "warnings": ["careful"],
            }
            body = json.dumps(answer if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bearer_token": "open-sesame"}, "ok"),
        ({"headers": {"Authorization": "Bearer open-sesame"}}, "ok"),
        ({"bearer_token": "open-barley"}, "unauthorized"),
        ({"username": "ali", "password": "open-barley"}, "unauthorized"),
        ({}, "unauthorized"),
    ],
)
def test_credentials_are_sent_and_not_shown(gate: ThreadingHTTPServer, options: dict[str, Any], reason: str) -> None:
    given = {"address": f"http://127.0.0.1:{gate.server_address[1]}", "query": "up", **options}

    result = run_module("prometheus_query", given, "-vvv")

    assert (result["reason"], result["attempts"]) == (reason, 1)
    assert "open-" not in json.dumps(result)


# -- the reader of selectors sees what Prometheus sees

EXPRESSIONS = [
    "up",
    'sum by (le, "a b") (rate({__name__="x_bucket", code=~"5.*|{}"}[5m])) / on (le) group_left (v) y',
    "max_over_time(rate(a[1m] offset 1h)[10m:5s]) or b offset -5m @ 17",
    "histogram_quantile(0.95, sum without (pod) (rate(h_bucket{a='b\\'c'}[1h30m])))",
    "(a + b)[5m:] # c\n",
    "quantile_over_time(0.9, a[5m:1m]) > bool on (x) 1e3 * (b unless c atan2 d) - Inf",
    "topk(3, sum(a) by (b)) == ignoring (z) group_right b and on () vector(time()) > 5m",
    "absent(nonexistent{job='x'} @ start()) * count_values('v', build:info:sum)",
]


def in_prometheus(node: Any, window: float = 0) -> Iterator[tuple[str, float]]:
    """Name and window in seconds of each selector in a syntax tree."""
    if isinstance(node, list):
        for each in node:
            yield from in_prometheus(each, window)
    elif isinstance(node, dict):
        if node.get("type") in ("vectorSelector", "matrixSelector"):
            named = [each["value"] for each in node["matchers"] if each["name"] == "__name__"]
            yield named[0], window + node.get("range", 0) / 1000
        else:
            inner = window + (node["range"] / 1000 if node.get("type") == "subquery" else 0)
            yield from in_prometheus([each for each in node.values() if isinstance(each, dict | list)], inner)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_selectors_are_those_that_prometheus_finds(lab: Lab, expression: str) -> None:
    body = urlencode({"query": expression}).encode()
    with urllib.request.urlopen(f"{address(lab)}/api/v1/parse_query", body, timeout=10) as response:
        tree = json.load(response)["data"]

    found = []
    for selector in selectors(expression):
        with urllib.request.urlopen(
            f"{address(lab)}/api/v1/parse_query", urlencode({"query": selector.text}).encode(), timeout=10
        ) as response:
            [(name, _other)] = in_prometheus(json.load(response)["data"])
        found.append((name, selector.window or 0))

    assert sorted(found) == sorted(in_prometheus(tree))
