# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the apiserver, one method each, with errors sorted by what can be done about them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from .cause import cause, untrusted
from .errors import (
    BadConfiguration,
    ClusterError,
    Conflict,
    Expired,
    FieldConflict,
    Forbidden,
    Invalid,
    NotFound,
    NotInstalled,
    Transient,
    Unauthorized,
)
from .feed import Feed
from .libraries import HTTPError, urllib3
from .resources import APPLY_PATCH, JSON_PATCH, READ_TIMEOUT, Object, Resource

CONNECT_TIMEOUT = 5.0
# A watch brings at least a bookmark each minute; silence for longer is a dead connection.
WATCH_READ_TIMEOUT = 90.0

# For messages only: what tells it is no object.
_VERSION = Resource("", "version", "version")
# What the apiserver says, in plain text, of a group, version or resource that it does not know.
_NO_SUCH_API = "404 page not found"
# By OpenSSL's codes: expired, made for another name, made for another address.
_CERTIFICATE_REMEDIES = {10: "renew it", 62: "use a name that it names", 64: "use an address that it names"}
_OTHER_AUTHORITY = "set ca_cert, or certificate-authority in the kubeconfig, to the authority that signed it"
_DENIED = re.compile(
    r'User "([^"]*)" cannot (\w+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?'
)
# A server-side apply of what the schema does not allow is answered with 500, and would be so for ever.
_UNTYPED = re.compile(r"failed to create typed patch object \(.*?\): \.?")
_HOLDER = re.compile(r'conflict with "([^"]*)"(?: with subresource "([^"]*)")?')


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
        self._dated = "", 0.0

    @property
    def host(self) -> str:
        """The apiserver's address, for messages."""
        return self._transport.host

    def time(self) -> datetime | None:
        """The apiserver's clock, to the second, as it goes since the last answer; None when none has told it."""
        date, told = self._dated
        try:
            return parsedate_to_datetime(date).replace(tzinfo=UTC) + timedelta(seconds=time.monotonic() - told)
        except ValueError:
            return None

    def version(self, timeout: float = READ_TIMEOUT) -> str:
        """Of Kubernetes, such as ``v1.36.3``."""
        response = self._send("GET", "/version", {}, None, "", timeout)
        if response.status >= 300:
            raise self._error(response.status, response.data, response.headers, "get", _VERSION, "", "")
        return str(self._decode(response.data, response.status, "gitVersion")["gitVersion"])

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
        try:
            return self._json(
                "PATCH",
                resource,
                namespace,
                name,
                subresource,
                query=_as_writer(dry_run),
                body=json.dumps(body).encode(),
                content_type=content_type,
                timeout=timeout,
            )
        except Invalid as error:
            # The apiserver answers a failed ``test`` with 422 and no causes; only a reread can tell why.
            if content_type == JSON_PATCH and error.status == 422 and "the server rejected our request" in str(error):
                raise Conflict(str(error), error.status) from error
            raise

    def apply(
        self,
        resource: Resource,
        body: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        """The object after a server-side apply, which creates it if need be.

        Raises FieldConflict when another manager owns a field, unless ``force`` takes it over, and Conflict when the
        object is not of the ``metadata.resourceVersion`` in the body.
        """
        return self._json(
            "PATCH",
            resource,
            body["metadata"]["namespace"],
            body["metadata"]["name"],
            query={**_as_writer(dry_run), "force": str(force).lower(), "fieldValidation": "Strict"},
            body=json.dumps(body).encode(),
            content_type=APPLY_PATCH,
            timeout=timeout,
        )

    def create(
        self, resource: Resource, body: Object, *, dry_run: bool = False, timeout: float = READ_TIMEOUT
    ) -> Object:
        """The object as it was created. Raises Conflict when one of that name is there."""
        return self._json(
            "POST",
            resource,
            body["metadata"]["namespace"],
            called=body["metadata"].get("name", ""),
            query={**_as_writer(dry_run), "fieldValidation": "Strict"},
            body=json.dumps(body).encode(),
            content_type="application/json",
            timeout=timeout,
        )

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        foreground: bool = False,
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        """Delete one object, what belongs to it in the background; or before it, in the ``foreground``.

        Raises NotFound, and Conflict when the object of that name has another ``uid`` than the given one.
        """
        options: Object = {"propagationPolicy": "Foreground" if foreground else "Background"}
        if dry_run:
            options["dryRun"] = ["All"]
        if uid:
            options["preconditions"] = {"uid": uid}
        self._json(
            "DELETE",
            resource,
            namespace,
            name,
            body=json.dumps(options).encode(),
            content_type="application/json",
            timeout=timeout,
        )

    def feed(self, resource: Resource, start: Object, then: Callable[[], None] = lambda: None) -> Feed:
        """The versions that follow ``start``, over interruptions; ``then`` see ``Feed``."""
        return Feed(self, resource, start, then)

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
                data = self._read(response)
                raise self._error(response.status, data, response.headers, "watch", resource, namespace, name)
            yield response
        finally:
            response.close()

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        try:
            return response.read()
        except HTTPError as error:
            raise self._unanswered(error) from error

    def _json(
        self,
        method: str,
        resource: Resource,
        namespace: str,
        name: str = "",
        subresource: str = "",
        *,
        called: str = "",
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "",
        timeout: float,
    ) -> Object:
        """``called`` is the name of an object that its path does not name, for messages."""
        path = resource.path(namespace, name, subresource)
        response = self._send(method, path, query or {}, body, content_type, timeout)
        if response.status < 300:
            member = "items" if method == "GET" and not name else "metadata"
            return self._decode(response.data, response.status, member)
        verb = {"GET": "get" if name else "list", "POST": "create"}.get(method, method.lower())
        target = Resource(resource.api_version, resource.kind, "/".join(filter(None, (resource.plural, subresource))))
        raise self._error(response.status, response.data, response.headers, verb, target, namespace, name or called)

    def _decode(self, data: bytes, status: int, member: str) -> Object:
        """The object or list, which has a member of that name."""
        try:
            decoded: Object = json.loads(data)
            decoded[member]
        except (ValueError, TypeError, LookupError) as error:
            raise self._strange(status, _plain(data)) from error
        return decoded

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
            response = self._transport.pool.request(
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
            raise self._unanswered(error) from error
        self._dated = response.headers.get("Date") or "", time.monotonic()
        return response

    def _unanswered(self, error: HTTPError) -> ClusterError:
        refused = untrusted(error)
        if refused is not None:
            text = f"the certificate that {self.host} shows is not trusted ({refused.verify_message})"
            return BadConfiguration(f"{text}; {_CERTIFICATE_REMEDIES.get(refused.verify_code, _OTHER_AUTHORITY)}")
        return Transient(f"cannot reach {self.host}: {cause(error)}")

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
        what = _what(resource, namespace, name)
        if status == 404 and (details is not None or message == _NO_SUCH_API):
            return self._not_found(resource, what, details or {})
        if status == 401:
            text = f"{self.host} refused the credentials ({message or 'Unauthorized'})"
            return Unauthorized(f"{text}; the token or certificate is missing, wrong or expired: renew it", status)
        refused = f"{self.host} refused to {verb} {what}"
        if status == 429 or (status >= 500 and not _UNTYPED.match(message)):
            said = ": ".join(filter(None, (str(status), message)))
            return Transient(f"{self.host} answered {said}", status, _retry_after(headers))
        if details is None:
            return self._strange(status, message)
        if status == 403:
            return self._forbidden(message, refused)
        if status in (409, 410):
            return _conflict(message, details, what) if status == 409 else Expired(message, status)
        return Invalid(f"{refused}: {_UNTYPED.sub('', message)}", status)

    def _not_found(self, resource: Resource, what: str, details: Mapping[str, Any]) -> ClusterError:
        if not details.get("name"):
            text = f"{self.host} does not serve {resource.api_version} {resource.plural.partition('/')[0]}"
            return NotInstalled(
                f"{text}; install Argo Rollouts, for example with the role progressive.delivery.argo_rollouts",
                404,
            )
        if details.get("kind") == "namespaces":
            text = f"there is no namespace {details['name']} for {what}; create it, or check the name of the namespace"
            return NotFound(f"{text} and the context of the kubeconfig", 404)
        return NotFound(f"there is no {what}; check the name, the namespace and the context of the kubeconfig", 404)

    def _strange(self, status: int, text: str) -> Transient:
        """Something else answers in the apiserver's place, for now or for good: a proxy, a login page."""
        said = f"status {status} and {text!r}" if text else f"status {status}"
        return Transient(f"{self.host} does not answer as a Kubernetes apiserver does, but with {said}", status)

    def _forbidden(self, message: str, refused: str) -> ClusterError:
        denied = _DENIED.search(message)
        if denied is None:  # an admission webhook
            return Forbidden(f"{refused}: {message}", 403)
        user, verb, resource, group, namespace = denied.groups()
        if user == "system:anonymous":
            text = f"{self.host} was sent no credentials that it knows (it calls the user {user})"
            return Unauthorized(f"{text}; give the kubeconfig's user a token or certificate, or set api_key", 403)
        where = f"namespace {namespace}" if namespace else "all namespaces"
        text = f"user {user} may not {verb} {resource} in {where}"
        return Forbidden(f"{text}; grant it the right {verb} on {resource} (API group {group or 'core'})", 403)


def _as_writer(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": "progressive.delivery"} | ({"dryRun": "All"} if dry_run else {})


def _conflict(message: str, details: Mapping[str, Any], what: str) -> ClusterError:
    """The fields that others hold, where it was a server-side apply; otherwise a lock that did not hold."""
    causes = [item for item in details.get("causes") or () if item.get("reason") == "FieldManagerConflict"]
    if not causes:
        return Conflict(message, 409)
    conflicts = tuple((_holder(item.get("message") or ""), item.get("field") or "") for item in causes)
    held = "; ".join(f"{field} is set by {manager}" for manager, field in conflicts)
    return FieldConflict(f"{what} has other values from other field managers: {held}", conflicts)


def _holder(message: str) -> str:
    """The manager, with the subresource by which it has written."""
    found = _HOLDER.match(message)
    return message if found is None else "/".join(filter(None, found.groups()))


def _what(resource: Resource, namespace: str, name: str) -> str:
    if name:
        return f"{resource.kind} {namespace}/{name}"
    return f"{resource.plural} in {namespace or 'all namespaces'}"


def _status_message(data: bytes) -> tuple[str, Mapping[str, Any] | None]:
    """Message and details of a Kubernetes Status; of anything else what it says to people, and None."""
    try:
        status = json.loads(data)
        if status["kind"] == "Status":
            return str(status.get("message") or ""), status.get("details") or {}
    except (ValueError, TypeError, LookupError):
        pass
    return _plain(data), None


def _plain(data: bytes) -> str:
    """One short line of a text or of a web page, whose title says enough."""
    text = data[:4096].decode(errors="replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    words = (title[1] if title else re.sub(r"<[^>]*>", " ", text)).split()
    return " ".join(words)[:100].rstrip(".")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After") or ""
    return float(text) if text.isdecimal() else None
