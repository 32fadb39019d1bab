# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the cluster's objects that outlives whatever the apiserver does."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import kubeconfig, pki
from ansible_collections.progressive.delivery.plugins.module_utils._lab.mirror import (
    PODS,
    SERVICES,
    Kind,
    Mirror,
    Server,
)
from ansible_collections.progressive.delivery.plugins.module_utils._lab.pki import Pair

from tests.unit.cluster.server import Exchange, FakeServer, event, says, status, streams

ROUTES = Kind("apis/networking.istio.io/v1", "virtualservices", optional=True)
PATIENCE = 10.0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.ensure_pki(folder)
    return folder


@pytest.fixture
def apiserver(authority: Path) -> Iterator[FakeServer]:
    """Serves TLS as the lab's apiserver does."""
    fake = FakeServer()
    own = Pair.at(authority, "apiserver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    fake._http.socket = context.wrap_socket(fake._http.socket, server_side=True)
    with fake.running() as served:
        yield served


@dataclass(frozen=True)
class Mortal(Server):
    """Lets the mirror's threads rest when the test is over: they ask for as long as the process lives."""

    over: threading.Event

    def get(self, path: str, query: Mapping[str, str]) -> AbstractContextManager[HTTPResponse]:
        if self.over.is_set():
            threading.Event().wait()
        return super().get(path, query)


@pytest.fixture
def server(apiserver: FakeServer, authority: Path, tmp_path: Path) -> Server:
    address = apiserver.host.replace("http:", "https:")
    text = kubeconfig.with_token("blue", address, authority / "ca.crt", "me", "secret", "kube-system")
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    return Mortal(**vars(Server.of(path)), over=apiserver.over)


class Watched:
    """A mirror that runs; `changes` counts the calls of `changed`."""

    def __init__(self, server: Server, *kinds: Kind) -> None:
        self.changes = 0
        self.mirror = Mirror(server, kinds, self._count).start()

    def _count(self) -> None:
        self.changes += 1

    def names(self, kind: Kind = PODS) -> list[str]:
        return [found["metadata"]["name"] for found in self.mirror.objects(kind)]

    def await_names(self, *names: str, kind: Kind = PODS) -> None:
        eventually(lambda: self.mirror.synced and self.names(kind) == list(names))


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def thing(name: str, **other: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "apps", "name": name}, **other}


def listed(*names: str, version: str = "5") -> Callable[[Exchange], None]:
    return says(200, {"metadata": {"resourceVersion": version}, "items": [thing(name) for name in names]})


def test_it_knows_the_lab_by_its_kubeconfig(apiserver: FakeServer, server: Server) -> None:
    apiserver.then(listed())
    Watched(server, PODS).await_names()
    assert (server.host, server.port) == ("127.0.0.1", urlsplit(apiserver.host).port)
    assert apiserver.received[0].headers["Authorization"] == "Bearer secret"


def test_it_lists_and_then_watches_from_there(apiserver: FakeServer, server: Server) -> None:
    apiserver.then(listed("b", "a", version="7"))
    Watched(server, PODS).await_names("a", "b")
    eventually(lambda: len(apiserver.received) == 2)
    first, second = apiserver.received
    assert (first.path, first.query) == ("/api/v1/pods", {})
    assert second.path == "/api/v1/pods"
    assert second.query["watch"] == "1"
    assert second.query["resourceVersion"] == "7"


def test_it_follows_every_change(apiserver: FakeServer, server: Server) -> None:
    changed = thing("a", spec={"nodeName": "worker"}, kind="Pod", apiVersion="v1")
    events = [("ADDED", thing("c")), ("MODIFIED", changed), ("DELETED", thing("b")), ("DELETED", thing("unknown"))]
    apiserver.then(listed("a", "b"), streams(*(event(kind, found) for kind, found in events)))
    watched = Watched(server, PODS)
    watched.await_names("a", "c")
    # As a list shows it: without apiVersion and kind.
    assert watched.mirror.objects(PODS)[0] == thing("a", spec={"nodeName": "worker"})
    eventually(lambda: watched.changes == 1 + len(events))


def test_the_same_name_in_two_namespaces_is_two_objects(apiserver: FakeServer, server: Server) -> None:
    other = {"metadata": {"namespace": "other", "name": "a"}}
    apiserver.then(listed("a"), streams(event("ADDED", other)))
    Watched(server, PODS).await_names("a", "a")


def test_a_bookmark_is_a_sign_of_life_and_no_change(apiserver: FakeServer, server: Server) -> None:
    apiserver.then(
        listed("a"), streams(event("BOOKMARK", {"metadata": {"resourceVersion": "9"}}), event("ADDED", thing("b")))
    )
    watched = Watched(server, PODS)
    watched.await_names("a", "b")
    eventually(lambda: watched.changes == 2)
    assert watched.mirror.silence < PATIENCE


@pytest.mark.parametrize(
    "mishap",
    [
        pytest.param(streams(end=Exchange.finish), id="the watch ends in good order"),
        pytest.param(streams(end=Exchange.cut), id="the connection is cut"),
        pytest.param(streams(b'{"type": "ADDED", "obj', end=Exchange.cut), id="half an event"),
        pytest.param(streams(b"{}\n"), id="no event"),
        pytest.param(streams(event("ERROR", status(410, "too old resource version"))), id="too old a version"),
        pytest.param(says(410, status(410, "too old")), id="too old from the beginning"),
        pytest.param(says(429, status(429, "later")), id="overloaded"),
    ],
)  # fmt: skip
def test_whatever_ends_a_watch_is_healed_by_another_list(
    apiserver: FakeServer, server: Server, mishap: Callable[[Exchange], None]
) -> None:
    apiserver.then(listed("a", "b"), mishap, listed("b", "c"), streams(event("ADDED", thing("d"))))
    Watched(server, PODS).await_names("b", "c", "d")


@pytest.mark.parametrize(
    "mishap", [says(503, b"starting"), says(403, status(403, "no")), says(200, b"{"), Exchange.cut]
)
def test_a_list_that_fails_is_asked_for_again(
    apiserver: FakeServer, server: Server, mishap: Callable[[Exchange], None]
) -> None:
    apiserver.then(mishap, mishap, listed("a"))
    watched = Watched(server, PODS)
    watched.await_names("a")
    eventually(lambda: watched.changes == 1)


def test_it_waits_for_a_server_that_is_not_there(apiserver: FakeServer, server: Server) -> None:
    watched = Watched(replace(server, port=1), PODS)
    eventually(lambda: watched.mirror.silence > 0.5)
    assert not watched.mirror.synced
    assert watched.changes == 0
    assert not apiserver.received


def test_another_list_that_says_the_same_is_no_change(apiserver: FakeServer, server: Server) -> None:
    end = streams(end=Exchange.finish)
    apiserver.then(listed("a"), end, listed("a"), end, listed("a"), streams(event("ADDED", thing("b"))))
    watched = Watched(server, PODS)
    watched.await_names("a", "b")
    eventually(lambda: watched.changes == 2)


def test_an_empty_list_is_a_change_once(apiserver: FakeServer, server: Server) -> None:
    apiserver.then(says(200, {"metadata": {"resourceVersion": "5"}, "items": None}))
    watched = Watched(server, PODS)
    eventually(lambda: watched.mirror.synced)
    eventually(lambda: watched.changes == 1)


def test_it_has_synced_when_all_kinds_have(apiserver: FakeServer, server: Server) -> None:
    def by_path(exchange: Exchange) -> None:
        """Only services are ever listed."""
        if apiserver.received[-1].path == SERVICES.path:
            listed("s")(exchange)
        else:
            says(503, b"")(exchange)

    apiserver.then(*[by_path] * 4)
    watched = Watched(server, SERVICES, PODS)
    eventually(lambda: watched.names(SERVICES) == ["s"])
    assert not watched.mirror.synced


def test_a_kind_that_may_be_unknown_is_empty_until_it_is_known(apiserver: FakeServer, server: Server) -> None:
    unknown = says(404, b"404 page not found")
    apiserver.then(unknown, unknown, listed("a"), streams(end=Exchange.finish), unknown)
    watched = Watched(server, ROUTES)
    eventually(lambda: watched.mirror.synced)
    assert watched.names(ROUTES) == []
    watched.await_names("a", kind=ROUTES)
    watched.await_names(kind=ROUTES)


def test_a_kind_that_must_be_known_has_not_synced_while_it_is_not(apiserver: FakeServer, server: Server) -> None:
    apiserver.then(says(404, b""), says(404, b""))
    watched = Watched(server, PODS)
    eventually(lambda: len(apiserver.received) == 3)
    assert not watched.mirror.synced
