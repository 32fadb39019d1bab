# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server on 127.0.0.1 that answers as a test tells it, and a connection to it."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3

# Seconds. Nothing here takes that long; what does is stuck.
AT_MOST = 10.0


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: tuple[str, int]


class Exchange:
    """One request and what is sent back."""

    def __init__(self, handler: BaseHTTPRequestHandler, server: FakeServer) -> None:
        self._handler, self._server = handler, server

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def begin(self) -> None:
        """A response of unknown length."""
        self._handler.send_response(200)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()

    def chunk(self, data: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self._handler.wfile.flush()

    def finish(self) -> None:
        """End the response in good order."""
        self.chunk(b"")

    def cut(self) -> None:
        """Close the connection in the middle of the response."""
        self._handler.close_connection = True
        self._handler.connection.shutdown(socket.SHUT_RDWR)

    def hold(self) -> None:
        """Say nothing more, until the client goes away or the test is over."""
        self._handler.connection.settimeout(AT_MOST)
        self._server.over.wait(AT_MOST)


Script = Callable[[Exchange], None]


class FakeServer:
    """Plays one script for each request, in their order; when there is none left it says nothing."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.over = threading.Event()
        self._scripts: deque[Script] = deque()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._http.daemon_threads = True
        self.host = f"http://127.0.0.1:{self._http.server_port}"

    def then(self, *scripts: Script) -> None:
        self._scripts += scripts

    def play(self, exchange: Exchange) -> None:
        script = self._scripts.popleft() if self._scripts else Exchange.hold
        with suppress(OSError):
            script(exchange)

    @contextmanager
    def running(self) -> Iterator[FakeServer]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join(AT_MOST)


def _handler_for(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            url = urlsplit(self.path)
            headers = {name: ", ".join(self.headers.get_all(name) or ()) for name in set(self.headers)}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.received.append(
                Received(self.command, url.path, dict(parse_qsl(url.query)), headers, body, self.client_address)
            )
            server.play(Exchange(self, server))
            self.close_connection = self.close_connection or server.over.is_set()

        do_GET = do_PATCH = do_POST = do_DELETE = handle_any  # noqa: N815 - the names that http.server looks for

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler


class FakeTransport:
    """A connection without credentials."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.pool = urllib3.PoolManager()

    def headers(self) -> urllib3.HTTPHeaderDict:
        return urllib3.HTTPHeaderDict({"Authorization": "Bearer secret"})


# -- scripts


def says(status: int, body: object, headers: Mapping[str, str] | None = None) -> Script:
    """A whole answer; bytes are sent as they are, everything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda exchange: exchange.answer(status, data, headers or {})


def status(code: int, message: str, **details: Any) -> dict[str, Any]:
    """A Kubernetes Status."""
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message, "details": details}


def event(kind: str, found: object) -> bytes:
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


def streams(*chunks: bytes, end: Script = Exchange.hold) -> Script:
    """A watch that sends these chunks and then ends like that."""

    def script(exchange: Exchange) -> None:
        exchange.begin()
        for chunk in chunks:
            exchange.chunk(chunk)
        end(exchange)

    return script
