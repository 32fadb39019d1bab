# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire: what is sent, and what each answer of a server means. A real Prometheus is asked on the lab."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.errors import (
    BadAddress,
    PrometheusError,
    QueryError,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus import client
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus.client import Prometheus, secrets_in

from tests.unit.cluster.server import Exchange, FakeServer, Script, says

ONE: dict[str, Any] = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
OPTIONS: dict[str, Any] = {
    "headers": {}, "username": None, "password": None, "bearer_token": None,
    "validate_certs": True, "ca_cert": None, "timeout": "10s",
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer().running() as running:
        yield running


def refusal(kind: str, words: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": words}


# -- what is sent


def form(server: FakeServer) -> Mapping[str, str]:
    return dict(parse_qsl(server.received[-1].body.decode()))


def test_a_question_is_a_form_so_that_a_query_may_be_long(server: FakeServer) -> None:
    server.then(says(200, ONE))
    query = 'sum(rate(x{a="ü&b"}[5m])) + ' * 500

    assert Prometheus(f"{server.host}/prom/", timeout=2.5).instant(query).value == 1

    assert (server.received[0].method, server.received[0].path) == ("POST", "/prom/api/v1/query")
    assert form(server) == {"query": query, "timeout": "2500ms"}, "without a time, the server's own counts"


def test_a_moment_and_a_span_are_sent_in_seconds(server: FakeServer) -> None:
    server.then(says(200, ONE), says(200, ONE))
    prometheus = Prometheus(server.host)

    prometheus.instant("x", 17.25)
    assert form(server)["time"] == "17.25"

    prometheus.range("x", 10.0, 20.5, 5.0)
    assert server.received[-1].path == "/api/v1/query_range"
    assert form(server) == {"query": "x", "start": "10.0", "end": "20.5", "step": "5.0", "timeout": "10000ms"}


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"bearer_token": "s3cret"}, "Bearer s3cret"),
        ({"username": "me", "password": "pä:ss"}, "Basic " + base64.b64encode("me:pä:ss".encode()).decode()),
        ({"username": "me"}, "Basic " + base64.b64encode(b"me:").decode()),
        ({"headers": {"Authorization": "Custom x"}}, "Custom x"),
        ({}, None),
    ],
)
def test_credentials(server: FakeServer, options: dict[str, Any], sent: str | None) -> None:
    server.then(says(200, ONE))

    Prometheus.of({**OPTIONS, **options, "address": server.host}).instant("x")

    assert server.received[0].headers.get("Authorization") == sent


def test_headers_are_sent_as_text(server: FakeServer) -> None:
    server.then(says(200, ONE))

    Prometheus.of({**OPTIONS, "headers": {"X-Scope-OrgID": 7}, "address": server.host}).instant("x")

    assert {name.lower(): value for name, value in server.received[0].headers.items()}["x-scope-orgid"] == "7"


# -- what an answer means


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (400, refusal("bad_data", "1:8: parse error: unclosed"), QueryError, "1:8: parse error: unclosed"),
        (422, refusal("execution", "many-to-many matching"), QueryError, "many-to-many"),
        (200, refusal("bad_data", "odd, but said"), QueryError, "odd, but said"),
        (503, refusal("timeout", "query timed out"), TimedOut, "query timed out"),
        (504, b"<html>", TimedOut, "HTTP 504"),
        (408, b"", TimedOut, "HTTP 408"),
        (503, b"Service Unavailable", Unreachable, "HTTP 503"),
        (500, refusal("internal", "disk"), Unreachable, "disk"),
        (429, b"", Unreachable, "HTTP 429"),
        (401, b"Unauthorized", Unauthorized, "bearer_token"),
        (403, b"<html>", Unauthorized, "HTTP 403"),
        (404, b"404 page not found", BadAddress, "path before /api/v1"),
        (404, {"kind": "Status"}, BadAddress, "HTTP 404"),
        (200, b"<html>hello</html>", BadAddress, "not an answer"),
        (200, {"hello": "world"}, BadAddress, "not an answer"),
    ],
)
def test_an_answer_that_is_no_result(
    server: FakeServer, status: int, body: object, error: type[PrometheusError], words: str
) -> None:
    server.then(says(status, body))

    with pytest.raises(error, match=words) as caught:
        Prometheus(server.host).instant("x")

    assert caught.type is error, "and not one that is treated otherwise"


def test_a_redirection_is_not_followed(server: FakeServer) -> None:
    server.then(says(302, b"", {"Location": f"{server.host}/login"}))

    with pytest.raises(BadAddress, match="HTTP 302"):
        Prometheus(server.host, bearer_token="s3cret").instant("x")

    assert len(server.received) == 1


# -- broken connections


def broken(exchange: Exchange) -> None:
    exchange.answer(200, b'{"status": ', {"Content-Length": "500"})
    exchange.cut()


def chunked_and_broken(exchange: Exchange) -> None:
    exchange.begin()
    exchange.chunk(b'{"status": ')
    exchange.cut()


@pytest.mark.parametrize("script", [Exchange.cut, broken, chunked_and_broken])
def test_a_broken_answer_is_unreachable_and_not_a_wrong_address(server: FakeServer, script: Script) -> None:
    server.then(script)

    with pytest.raises(Unreachable, match=server.host):
        Prometheus(server.host).instant("x")


def test_nobody_there(server: FakeServer) -> None:
    with FakeServer().running() as gone:
        address = gone.host

    with pytest.raises(Unreachable, match="Connection refused"):
        Prometheus(address).instant("x")


def test_a_server_that_says_nothing(server: FakeServer) -> None:
    server.then(Exchange.hold)

    with pytest.raises(TimedOut, match=r"within 0\.1 s"):
        Prometheus(server.host, timeout=0.1).instant("x")


def test_a_server_that_never_comes_to_an_end(server: FakeServer) -> None:
    def dribble(exchange: Exchange) -> None:
        exchange.begin()
        while not server.over.wait(0.02):
            exchange.chunk(b" ")

    server.then(dribble)

    with pytest.raises(TimedOut):
        Prometheus(server.host, timeout=0.2).instant("x")


def test_an_answer_without_measure(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LARGEST", 1000)
    server.then(says(200, b" " * 2000))

    with pytest.raises(QueryError, match="aggregate"):
        Prometheus(server.host).instant("x")


# -- what cannot work is said before anything is sent


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("prometheus:9090", "http://prometheus:9090"),
        ("ftp://prometheus", "ftp"),
        ("http://", "http://"),
        ("http://p:nine", "no URL"),
        ("http://[::1", "no URL"),
        ("http://p/graph?g0=x", "g0"),
        ("http://p /", "not usable"),
        ("", "not usable"),
    ],
)
def test_an_address_that_cannot_work(address: str, words: str) -> None:
    with pytest.raises(BadAddress, match="address") as caught:
        Prometheus(address)

    assert words in str(caught.value)


def test_credentials_in_the_address_are_refused_without_showing_them() -> None:
    with pytest.raises(BadAddress, match="username and password") as caught:
        Prometheus("http://me:s3cret@p:9090")

    assert "s3cret" not in str(caught.value)


def test_a_credential_that_is_no_header_is_refused_without_showing_it(server: FakeServer) -> None:
    with pytest.raises(BadAddress, match="line break") as caught:
        Prometheus(server.host, bearer_token="s3cret\n").instant("x")

    assert "s3cret" not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read(tmp_path: Any, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(BadAddress, match=r"ca_cert.*PEM"):
        Prometheus("https://p", ca_cert=str(path))


def test_a_port_without_tls(server: FakeServer) -> None:
    with pytest.raises(BadAddress, match="http:// is meant"):
        Prometheus(server.host.replace("http:", "https:"), validate_certs=False, timeout=2).instant("x")


def test_a_timeout_has_to_be_one() -> None:
    with pytest.raises(InvalidRequest, match="timeout"):
        Prometheus.of({**OPTIONS, "address": "http://p", "timeout": "0"})


def test_which_headers_are_secret() -> None:
    headers = {"Authorization": "a", "X-Api-Key": "b", "cookie": "c", "X-Auth-Token": "d", "X-Scope-OrgID": 1}

    assert secrets_in(headers) == ["a", "b", "c", "d"]
