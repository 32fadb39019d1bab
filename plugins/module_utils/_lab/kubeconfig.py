# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfig files: self-contained, so that they can be copied."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from .pki import Pair


def with_certificate(lab: str, server: str, authority: Path, user: str, client: Pair) -> str:
    """Text of a kubeconfig whose user is known by a certificate."""
    credentials = {
        "client-certificate-data": _encoded(client.certificate),
        "client-key-data": _encoded(client.key),
    }
    return _render(lab, server, authority, user, credentials)


def with_token(lab: str, server: str, authority: Path, user: str, token: str, namespace: str) -> str:
    """Text of a kubeconfig whose user is known by a bearer token."""
    return _render(lab, server, authority, user, {"token": token}, namespace)


def _render(
    lab: str,
    server: str,
    authority: Path,
    user: str,
    credentials: dict[str, str],
    namespace: str = "default",
) -> str:
    cluster = {"server": server, "certificate-authority-data": _encoded(authority)}
    context = {"cluster": lab, "user": user, "namespace": namespace}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": lab, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": lab, "context": context}],
        "current-context": lab,
    }
    # JSON is YAML, which every reader of kubeconfigs accepts, and the standard library writes it.
    return json.dumps(config, indent=2) + "\n"


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
