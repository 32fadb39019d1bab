# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy on loopback between the engine and the lab's apiserver, which does what networks and servers do at times.

A ``Fault`` says which requests it hits and what happens to them; everything else is passed on as it is. What came
and what the apiserver answered is kept in ``Proxy.requests``, so that a test can count acts.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

# Seconds for the apiserver's own answer.
UPSTREAM_TIMEOUT = 60.0
# What a connection ends with when either side closes it in the middle of something.
BROKEN = (OSError, http.client.HTTPException, ValueError)


class Cut(Exception):
    """The connection ends in the middle of the answer."""


@dataclass
class Request:
    """A request as it came; ``status`` is the apiserver's own answer, 0 as long as it has given none."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)
    status: int = 0

    @property
    def is_watch(self) -> bool:
        return "watch" in self.query

    @property
    def is_dry_run(self) -> bool:
        return "dryRun" in self.query or b'"dryRun"' in self.body

    @property
    def is_write(self) -> bool:
        return self.method != "GET" and not self.is_dry_run

    @property
    def is_read(self) -> bool:
        return self.method == "GET" and not self.is_watch

    @property
    def has_written(self) -> bool:
        """Whether the apiserver carried a write out, whatever the client learned of it."""
        return self.is_write and 200 <= self.status < 300

    def __str__(self) -> str:
        kind = "WATCH" if self.is_watch else self.method
        return f"{kind} {self.path} {self.status or 'unanswered'}"


Lines = Iterator[bytes]


class Exchange:
    """One request, the apiserver's answer, and what the client gets."""

    def __init__(self, handler: _Handler, request: Request) -> None:
        self._handler, self.request = handler, request
        self.proxy = handler.server

    def pass_on(self) -> None:
        """The request and its answer as they are."""
        if self.request.is_watch:
            self.stream(lambda lines: lines)
        else:
            self.answer(*self.ask())

    def ask(self) -> tuple[int, bytes, Mapping[str, str]]:
        """The apiserver's answer to it."""
        answer = self._send()
        return answer.status, answer.read(), _kept(answer)

    def answer(self, status: int, body: bytes, headers: Mapping[str, str], cut_at: int | None = None) -> None:
        """Answer the client; ``cut_at``: close the connection after so many bytes of the body."""
        self._handler.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self._handler.wfile.write(body[:cut_at])
        if cut_at is not None:
            raise Cut

    def stream(self, edit: Callable[[Lines], Lines], idle: float = UPSTREAM_TIMEOUT * 10) -> None:
        """A watch, its events as ``edit`` makes them; cut when none came for ``idle`` seconds."""
        answer = self._send(idle)
        if answer.status != 200:
            return self.answer(answer.status, answer.read(), _kept(answer))
        self._handler.send_response_only(200)
        self._handler.send_header("Transfer-Encoding", "chunked")
        self._handler.end_headers()
        for line in edit(_lines(answer)):
            self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.part()  # the apiserver may have more to say on it
        return None

    def reset(self) -> None:
        """The other end is gone: no answer, not even an orderly close."""
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise Cut

    def _send(self, timeout: float = UPSTREAM_TIMEOUT) -> http.client.HTTPResponse:
        upstream = self._handler.upstream(timeout)
        kind = self._handler.headers.get("Content-Type")
        headers = {"Accept": "application/json", **({"Content-Type": kind} if kind else {})}
        upstream.request(self.request.method, self._handler.path, self.request.body or None, headers)
        answer = upstream.getresponse()
        self.request.status = answer.status
        return answer


def _kept(answer: http.client.HTTPResponse) -> dict[str, str]:
    return {name: value for name in ("Content-Type", "Retry-After", "Date") if (value := answer.getheader(name))}


def _lines(answer: http.client.HTTPResponse) -> Lines:
    while line := answer.readline():
        yield line


# -- faults

Effect = Callable[[Exchange], None]


@dataclass(frozen=True)
class Fault:
    """Does ``effect`` to the requests that ``hits`` chooses: to ``times`` of them, after ``skip`` that it spares."""

    hits: Callable[[Request], bool]
    effect: Effect
    times: int = 1
    skip: int = 0


def reads(request: Request) -> bool:
    return request.is_read


def writes(request: Request) -> bool:
    return request.is_write


def dry_runs(request: Request) -> bool:
    return request.is_dry_run


def watches(request: Request) -> bool:
    return request.is_watch


def every(_request: Request) -> bool:
    return True


def refused(status: int, retry_after: int | None = None) -> Effect:
    """The apiserver, or what stands before it, says no; the request is not carried out."""
    headers = {"Content-Type": "application/json"} | ({"Retry-After": str(retry_after)} if retry_after else {})
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "by the fault proxy"}
    return lambda exchange: exchange.answer(status, json.dumps({**said, "details": {}}).encode(), headers)


def reset(exchange: Exchange) -> None:
    """The connection breaks before the request arrives."""
    exchange.reset()


def silent(exchange: Exchange) -> None:
    """The request is not carried out, and no answer ever comes."""
    exchange.proxy.over.wait()
    raise Cut


def answer_lost(exchange: Exchange) -> None:
    """The request is carried out, and nobody learns of it."""
    exchange.ask()
    exchange.reset()


def half_answer(exchange: Exchange) -> None:
    """The request is carried out, and the answer ends in the middle."""
    status, body, headers = exchange.ask()
    exchange.answer(status, body, headers, cut_at=len(body) // 2)


def bad_gateway_after(exchange: Exchange) -> None:
    """The request is carried out, and a gateway says that it does not know."""
    exchange.ask()
    exchange.answer(504, b"<html><title>504 Gateway Time-out</title></html>", {"Content-Type": "text/html"})


def stalled(seconds: float) -> Effect:
    """It takes long."""

    def effect(exchange: Exchange) -> None:
        exchange.proxy.over.wait(seconds)
        exchange.pass_on()

    return effect


def restarted(seconds: float) -> Effect:
    """The server goes away with all its connections, and is back after so many seconds."""
    return lambda exchange: exchange.proxy.restart(seconds)


def edited(edit: Callable[[Lines], Lines]) -> Effect:
    """A watch with other events."""
    return lambda exchange: exchange.stream(edit)


def cut_when_idle(seconds: float) -> Effect:
    """A proxy that ends a connection on which nothing happens."""
    return lambda exchange: exchange.stream(lambda lines: lines, idle=seconds)


def doubled(lines: Lines) -> Lines:
    """Each event comes twice."""
    for line in lines:
        yield line
        yield line


def replayed(lines: Lines) -> Lines:
    """After each event the one before it comes again."""
    before = b""
    for line in lines:
        yield line
        if before:
            yield before
        before = line


def bookmarked(lines: Lines) -> Lines:
    """A bookmark after each event."""
    for line in lines:
        yield line
        found = json.loads(line)["object"]
        version = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}}
        yield json.dumps({"type": "BOOKMARK", "object": {"kind": found["kind"], **version}}).encode() + b"\n"


def all_lost(lines: Lines) -> Lines:
    """No event ever comes, though the connection is good."""
    for _line in lines:
        yield from ()


def half_event(lines: Lines) -> Lines:
    """The connection breaks in the middle of the first event."""
    line = next(lines, b"")
    yield line[: len(line) // 2]
    raise Cut


def expired(lines: Lines) -> Lines:
    """After the first event the apiserver says that it has forgotten where the watch is, instead of the second."""
    yield next(lines, b"")
    next(lines, b"")
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}
    yield json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"


def ended(lines: Lines) -> Lines:
    """The server ends the watch in good order after each event."""
    yield next(lines, b"")


# -- the proxy


class Proxy(ThreadingHTTPServer):
    """Passes requests on to the apiserver of a kubeconfig. Use as a context manager of ``running``."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.over = threading.Event()
        self.apiserver, self._context = _upstream(kubeconfig)
        self._faults: list[list[Any]] = []  # each with how many it spares and hits yet
        self._lock = threading.Lock()
        self._back_at = 0.0
        self._sockets: set[socket.socket] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def options(self) -> dict[str, str]:
        """The options that lead a task here; for the apiserver it is the user of the kubeconfig all the same."""
        return {"host": self.url, "api_key": "unused"}

    def script(self, *faults: Fault) -> None:
        """These faults from now on, of each request the first one that hits it; and forget what came."""
        with self._lock:
            self._faults = [[fault, fault.skip, fault.times] for fault in faults]
            self.requests = []

    def count(self, hits: Callable[[Request], bool]) -> int:
        return sum(hits(request) for request in list(self.requests))

    def restart(self, seconds: float) -> None:
        """Drop every connection and take no new one for so long."""
        self._back_at = time.monotonic() + seconds
        self.drop()

    def drop(self) -> None:
        """Drop every connection."""
        for each in list(self._sockets):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self.shutdown()
            self.drop()
            self.server_close()
            thread.join()

    # -- for the handler

    def effect_on(self, request: Request) -> Effect:
        with self._lock:
            self.requests.append(request)
            for entry in self._faults:
                if entry[2] and entry[0].hits(request):
                    if entry[1]:
                        entry[1] -= 1
                        continue
                    entry[2] -= 1
                    return entry[0].effect
        return Exchange.pass_on

    def connect(self) -> http.client.HTTPSConnection:
        host = self.apiserver
        made = http.client.HTTPSConnection(host.hostname or "", host.port, context=self._context)
        made.connect()
        self._sockets.add(made.sock)
        return made

    def forget(self, ended: socket.socket | None) -> None:
        self._sockets -= {ended}

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether anybody is at home."""
        if time.monotonic() < self._back_at:
            return False
        self._sockets.add(request)
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Both sides break connections on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def setup(self) -> None:
        super().setup()
        self._upstream: http.client.HTTPSConnection | None = None

    def upstream(self, timeout: float) -> http.client.HTTPSConnection:
        """The connection to the apiserver that belongs to this one of the client's."""
        if self._upstream is None or self._upstream.sock is None:
            self._upstream = self.server.connect()
        self._upstream.sock.settimeout(timeout)
        return self._upstream

    def part(self) -> None:
        """Use that connection for nothing else."""
        if self._upstream is not None:
            self.server.forget(self._upstream.sock)
            self._upstream.close()

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), body)
        try:
            self.server.effect_on(request)(Exchange(self, request))
        except (Cut, *BROKEN):
            self.close_connection = True

    do_GET = do_PATCH = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 - the names that http.server looks for

    def finish(self) -> None:
        self.server.forget(self.connection)
        self.part()
        with suppress(*BROKEN):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


def _upstream(kubeconfig: Path) -> tuple[Any, ssl.SSLContext]:
    """The apiserver's address, and a context with the client certificate of the kubeconfig's only user."""
    content = yaml.safe_load(kubeconfig.read_text())
    cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile() as pem:
        pem.write(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        pem.flush()
        context.load_cert_chain(pem.name)
    return urlsplit(cluster["server"]), context
