# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Prometheus, or whatever speaks its HTTP API (Thanos, Mimir, VictoriaMetrics)."""

from __future__ import annotations

import base64
import http.client
import json
import re
import ssl
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit

from .._analysis.errors import BadAddress, PrometheusError, QueryError, TimedOut, Unauthorized, Unreachable
from .._analysis.samples import Answer, parse_answer
from .._model.durations import parse_span

TIMEOUT = 10.0

_SECRET = re.compile(r"authorization|cookie|token|secret|password|key|credential", re.IGNORECASE)

# Bytes. What is larger than this is no answer to a question that gates a release.
_LARGEST = 64 * 1024**2
_CHUNK = 64 * 1024


class Prometheus:
    """Asks queries. Every error is a PrometheusError; nothing is tried twice.

    ``timeout`` (seconds) bounds each question as a whole and is passed on, so that the server does not go on
    with what nobody waits for. Proxies are those of the environment.
    """

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        username: str | None = None,
        password: str | None = None,
        bearer_token: str | None = None,
        validate_certs: bool = True,
        ca_cert: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.address = _checked(address)
        self._timeout = timeout
        self._headers = {"Accept": "application/json", **(headers or {})}
        if bearer_token:
            self._headers["Authorization"] = f"Bearer {bearer_token}"
        elif username:
            pair = f"{username}:{password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self._opener = _opener(_tls(validate_certs, ca_cert))

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Prometheus:
        """From a module's options. Raises BadAddress, or InvalidRequest for a timeout that is none."""
        return cls(
            params["address"],
            headers={name: str(value) for name, value in params["headers"].items()},
            username=params["username"],
            password=params["password"],
            bearer_token=params["bearer_token"],
            validate_certs=params["validate_certs"],
            ca_cert=params["ca_cert"],
            timeout=parse_span("timeout", params["timeout"]),
        )

    def instant(self, query: str, time: float | None = None) -> Answer:
        """The value at ``time`` (seconds of the epoch), by default at the server's own time."""
        return self._ask("query", {"query": query, "time": time})

    def range(self, query: str, start: float, end: float, step: float) -> Answer:
        """The values from ``start`` to ``end`` (seconds of the epoch) every ``step`` seconds."""
        return self._ask("query_range", {"query": query, "start": start, "end": end, "step": step})

    def _ask(self, endpoint: str, form: Mapping[str, str | float | None]) -> Answer:
        # A POST: a query may be longer than what proxies take in a URL.
        given = {key: value for key, value in form.items() if value is not None}
        given["timeout"] = f"{max(1, round(self._timeout * 1000))}ms"
        status, body = self._send(f"{self.address}/api/v1/{endpoint}", urlencode(given).encode())
        decoded = _decoded(body)
        if status != 200:
            raise self._refusal(status, decoded)
        try:
            return parse_answer(decoded)
        except ValueError as error:
            raise BadAddress(f"{self.address} is {error}; {_REMEDY}") from error

    def _send(self, url: str, form: bytes) -> tuple[int, bytes]:
        """Status and body, whatever the status is; redirections are not followed."""
        request = urllib.request.Request(url, form, self._headers, method="POST")
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return response.status, _read(response, deadline)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error) from error
        except ValueError:
            # Not chained and not quoted: the text would hold the header's value.
            problem = "a header or a credential holds a character that HTTP does not allow, such as a line break"
            raise BadAddress(f"{problem}; check headers, bearer_token, username and password") from None

    def _failure(self, error: Exception) -> PrometheusError:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            return TimedOut(f"{self.address} has not answered within {self._timeout:g} s")
        if isinstance(reason, ssl.SSLCertVerificationError):
            remedy = "name the authority in ca_cert, or the host that the certificate is for in address"
            return BadAddress(f"the certificate of {self.address} is not trusted: {reason.verify_message}; {remedy}")
        if isinstance(reason, ssl.SSLError) and reason.reason == "WRONG_VERSION_NUMBER":
            return BadAddress(f"{self.address} does not speak TLS, perhaps http:// is meant")
        words = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        return Unreachable(f"{self.address} cannot be reached: {words}")

    def _refusal(self, status: int, body: Any) -> PrometheusError:
        """What an answer means that is not 200."""
        told = body if isinstance(body, dict) and body.get("status") == "error" else {}
        kind, words = str(told.get("errorType", "")), str(told.get("error", "")) or f"HTTP {status}"
        if status in (401, 403):
            remedy = "check bearer_token, username and password, headers, and what this user may read"
            return Unauthorized(f"{self.address} refuses the credentials ({words}); {remedy}")
        if kind == "timeout" or status in (408, 504):
            return TimedOut(f"{self.address} has given the query up: {words}")
        if status == 429 or status >= 500:
            return Unreachable(f"{self.address} cannot answer now: {words}")
        if kind:
            return QueryError(kind, words)
        return BadAddress(f"{self.address} is not the HTTP API of Prometheus ({words}); {_REMEDY}")


def secrets_in(headers: Mapping[str, Any]) -> list[str]:
    """The values of headers that are never to be shown, judged by the headers' names."""
    return [str(value) for name, value in headers.items() if _SECRET.search(name)]


_REMEDY = "check address: scheme, host, port, and the path before /api/v1 if there is one"


def _checked(address: str) -> str:
    """The address without a slash at its end. Credentials in it would end up in logs."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise BadAddress(f"address is no URL; {_REMEDY}") from None
    if parts.username is not None or parts.password is not None:
        raise BadAddress("address holds credentials, which would show in logs: give them as username and password")
    if not usable or parts.query or parts.fragment or re.search(r"\s", address):
        raise BadAddress(f"address: {address!r} is not usable; give a URL such as http://prometheus:9090")
    return address.rstrip("/")


def _tls(validate_certs: bool, ca_cert: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_cert or None)
    except OSError as error:
        raise BadAddress(f"ca_cert: {ca_cert!r} is not usable ({error.strerror or error}); name a PEM file") from error
    if not validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _opener(context: ssl.SSLContext) -> urllib.request.OpenerDirector:
    """One that returns every answer as it is.

    A redirection mostly leads to a page for people to log in at; it would turn the POST into a GET and could carry
    the credentials elsewhere.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
    ):
        opener.add_handler(handler)
    return opener


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body. The socket's own timeout would let a server send a byte now and then for ever."""
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if time.monotonic() > deadline:
            raise TimeoutError
        if len(body) > _LARGEST:
            raise QueryError("too_large", f"the result is larger than {_LARGEST // 1024**2} MiB: aggregate more")
    if response.length:
        # read1 takes a broken connection for the end.
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)


def _decoded(body: bytes) -> Any:
    """The JSON in a body, or None: an error of a proxy is mostly HTML."""
    try:
        return json.loads(body)
    except ValueError:
        return None
