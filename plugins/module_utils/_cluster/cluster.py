# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the apiserver, one method each, with errors sorted by what can be done about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from .errors import (
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    NotInstalled,
    Transient,
    Unauthorized,
)
from .feed import Feed
from .resources import Object, Resource

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

# One request: long enough for a slow apiserver, short enough that a dead connection is noticed.
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
# A watch brings at least a bookmark each minute; silence for longer is a dead connection.
WATCH_READ_TIMEOUT = 90.0


class Transport(Protocol):
    """What is needed of a connection: built by ``connect``."""

    host: str
    pool: urllib3.PoolManager

    def headers(self) -> urllib3.HTTPHeaderDict:
        """A fresh set of headers for the next request; refreshes credentials that a plugin provides."""


class Cluster:
    """A cluster as one user sees it. Every method raises a ClusterError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def host(self) -> str:
        """The apiserver's address, for messages."""
        return self._transport.host

    def get(self, resource: Resource, namespace: str, name: str, timeout: float = READ_TIMEOUT) -> Object:
        """One object."""
        return self._json("GET", resource, namespace, name, timeout=timeout)

    def list(
        self,
        resource: Resource,
        namespace: str,
        query: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        """A list object with ``items`` and ``metadata.resourceVersion``; an empty namespace means all."""
        return self._json("GET", resource, namespace, query=query or {}, timeout=timeout)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        content_type: str,
        subresource: str = "",
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        """The object after the patch. Raises Conflict when the lock in the body does not hold."""
        query = {"fieldManager": "progressive.delivery"} | ({"dryRun": "All"} if dry_run else {})
        try:
            return self._json(
                "PATCH",
                resource,
                namespace,
                name,
                subresource,
                query=query,
                body=json.dumps(body).encode(),
                content_type=content_type,
                timeout=timeout,
            )
        except Invalid as error:
            # The apiserver answers a failed ``test`` with 422 and no causes; only a reread can tell why.
            if content_type == JSON_PATCH and error.status == 422 and "the server rejected our request" in str(error):
                raise Conflict(str(error), error.status) from error
            raise

    def feed(self, resource: Resource, start: Object) -> Feed:
        """The versions that follow ``start``, over interruptions."""
        return Feed(self, resource, start)

    @contextmanager
    def watch(
        self, resource: Resource, namespace: str, name: str, resource_version: str, seconds: int
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """An open watch on one object; each line of the response is one event.

        Raises on the first answer as the other methods do; what breaks later surfaces where it is read.
        """
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        response = self._send("GET", resource.path(namespace), query, None, "", WATCH_READ_TIMEOUT, stream=True)
        try:
            if response.status != 200:
                raise self._error(
                    response.status, response.read(), response.headers, "watch", resource, namespace, name
                )
            yield response
        finally:
            response.close()

    def _json(
        self,
        method: str,
        resource: Resource,
        namespace: str,
        name: str = "",
        subresource: str = "",
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "",
        timeout: float,
    ) -> Object:
        path = resource.path(namespace, name, subresource)
        response = self._send(method, path, query or {}, body, content_type, timeout)
        if response.status < 300:
            return _decode(response.data)
        verb = {"GET": "get" if name else "list"}.get(method, method.lower())
        target = Resource(resource.api_version, resource.kind, "/".join(filter(None, (resource.plural, subresource))))
        raise self._error(response.status, response.data, response.headers, verb, target, namespace, name)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None,
        content_type: str,
        timeout: float,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        headers = self._transport.headers()
        headers["Accept"] = "application/json"
        if content_type:
            headers["Content-Type"] = content_type
        url = self.host + path + ("?" + urlencode(query) if query else "")
        try:
            return self._transport.pool.request(
                method,
                url,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=not stream,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
            )
        except HTTPError as error:
            raise Transient(f"{self.host} does not answer: {_cause(error)}") from error

    def _error(
        self,
        status: int,
        data: bytes,
        headers: Mapping[str, str],
        verb: str,
        resource: Resource,
        namespace: str,
        name: str,
    ) -> ClusterError:
        message, details = _status_message(data)
        what = (
            f"{resource.kind} {namespace}/{name}" if name else f"{resource.plural} in {namespace or 'all namespaces'}"
        )
        if status == 404:
            return self._not_found(resource, what, details)
        if status == 403:
            return Forbidden(_forbidden(verb, resource, namespace, message), status)
        if status == 401:
            text = f"{self.host} refused the credentials ({message or 'Unauthorized'})"
            return Unauthorized(f"{text}; the token or certificate is missing, wrong or expired: renew it", status)
        if status == 409:
            return Conflict(message, status)
        if status == 410:
            return Expired(message, status)
        if status == 429 or status >= 500:
            return Transient(f"{self.host} answered {status}: {message}", status, _retry_after(headers))
        return Invalid(f"{self.host} refused to {verb} {what}: {message}", status)

    def _not_found(self, resource: Resource, what: str, details: Mapping[str, Any]) -> ClusterError:
        if not details.get("name"):
            text = f"{self.host} does not serve {resource.api_version} {resource.plural.partition('/')[0]}"
            return NotInstalled(
                f"{text}; install Argo Rollouts, for example with the role progressive.delivery.argo_rollouts",
                404,
            )
        return NotFound(f"there is no {what}; check the name, the namespace and the context of the kubeconfig", 404)


def _forbidden(verb: str, resource: Resource, namespace: str, message: str) -> str:
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    right = f"verb {verb} on {resource.plural} in API group {resource.group or 'core'}"
    return f"not allowed to {verb} {resource.plural} {where}: grant the {right} to this user ({message})"


def _decode(data: bytes) -> Object:
    try:
        decoded = json.loads(data)
    except ValueError as error:
        raise Transient(f"the answer is not JSON but {data[:80]!r}") from error
    if not isinstance(decoded, dict):
        raise Transient(f"the answer is not an object but {data[:80]!r}")
    return decoded


def _status_message(data: bytes) -> tuple[str, Mapping[str, Any]]:
    """Message and details of a Kubernetes Status; the plain text of anything else."""
    try:
        status = json.loads(data)
        return str(status.get("message") or ""), status.get("details") or {}
    except (ValueError, AttributeError):
        return data.decode(errors="replace").strip()[:200], {}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After") or ""
    return float(text) if text.isdecimal() else None


def _cause(error: BaseException) -> str:
    """The innermost words of a urllib3 error, which wraps the interesting part several times."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _cause(reason)
    text = str(error)
    return text.partition(": ")[2] or text if "object at 0x" in text else text or type(error).__name__
