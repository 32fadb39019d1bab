# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kubeconfigs for others than the cluster administrator, so that their rights are really exercised."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from . import kubeconfig
from .files import write_if_changed
from .lab import Lab
from .pki import Pair, Subject, write_leaf


def service_account(lab: Lab, namespace: str, name: str, path: Path, seconds: int, check_mode: bool = False) -> bool:
    """Write a kubeconfig with a token of that ServiceAccount, unless `path` holds one that works.

    `seconds`: life of the token. Renewed in the last tenth of it. Returns whether it was written.
    """
    if _works(lab, namespace, name, path, margin=seconds / 10):
        return False
    if not check_mode:
        token = _new_token(lab, namespace, name, seconds)
        write_if_changed(path, _text(lab, namespace, name, token))
    return True


def user(lab: Lab, name: str, groups: tuple[str, ...], path: Path, check_mode: bool = False) -> bool:
    """Write a kubeconfig with a certificate for a user of that name in these groups.

    Returns whether it was written; the certificate of a user in the same groups stays the same.
    """
    digest = hashlib.sha256(json.dumps([name, groups]).encode()).hexdigest()[:16]
    pair = Pair.at(lab.paths.pki / "users", digest)
    if not pair.complete:
        if check_mode:
            return True
        write_leaf(Pair.at(lab.paths.pki, "ca"), pair, Subject(name, groups, client=True))
    text = kubeconfig.with_certificate(lab.paths.name, lab.addresses["apiserver"], lab.paths.pki / "ca.crt", name, pair)
    if check_mode:
        return not path.is_file() or path.read_text(encoding="utf-8") != text
    return write_if_changed(path, text)


def _text(lab: Lab, namespace: str, name: str, token: str) -> str:
    user = f"system:serviceaccount:{namespace}:{name}"
    server, authority = lab.addresses["apiserver"], lab.paths.pki / "ca.crt"
    return kubeconfig.with_token(lab.paths.name, server, authority, user, token, namespace)


def _new_token(lab: Lab, namespace: str, name: str, seconds: int) -> str:
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    with lab.api() as api:
        answer = api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", body)
    if answer is None:
        raise AssertionError("a token has no name that could exist already")
    token: str = answer["status"]["token"]
    return token


def _works(lab: Lab, namespace: str, name: str, path: Path, margin: float) -> bool:
    """Whether `path` is what we would write, with a token that lasts for `margin` more seconds and is
    for the ServiceAccount of today: making one anew invalidates the tokens of the old one."""
    try:
        text = path.read_text(encoding="utf-8")
        token = json.loads(text)["users"][0]["user"]["token"]
        claims = claims_of(token)
        lasts = claims["exp"] - time.time() > margin
        uid = claims["kubernetes.io"]["serviceaccount"]["uid"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    with lab.api() as api:
        account = api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
    current = account is not None and account["metadata"]["uid"] == uid
    return lasts and current and text == _text(lab, namespace, name, token)


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JSON Web Token, unverified. ValueError or IndexError if it is none."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
