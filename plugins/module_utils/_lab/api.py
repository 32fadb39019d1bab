# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Just enough of a Kubernetes client to furnish a new cluster: JSON over TLS, standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import LabError
from .pki import Pair


def tls_context(authority: Path, client: Pair | None = None) -> ssl.SSLContext:
    """Trust only the lab's own authority; present `client` if given."""
    context = ssl.create_default_context(cafile=str(authority))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


class Api:
    """One connection to an apiserver; close it by leaving the `with` block."""

    def __init__(self, server: str, tls: ssl.SSLContext, timeout: float = 10.0) -> None:
        address = urlsplit(server)
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=tls, timeout=timeout
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at `path`, or None if there is none."""
        status, answer = self._request("GET", path)
        return None if status == 404 else self._checked(status, answer, f"GET {path}")

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Create `body` in the collection `path`; None if the name exists already."""
        status, answer = self._request("POST", path, body)
        return None if status == 409 else self._checked(status, answer, f"POST {path}")

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, json.dumps(body) if body else None, headers)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LabError(f"the lab's apiserver does not answer {method} {path}: {error}") from error

    @staticmethod
    def _checked(status: int, answer: dict[str, Any], request: str) -> dict[str, Any]:
        if status >= 300:
            raise LabError(f"the lab's apiserver refused {request}: {answer.get('message', status)}")
        return answer
