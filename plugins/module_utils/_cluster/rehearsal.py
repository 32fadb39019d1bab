# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a first connection does once in a process, done before Ansible makes a worker of it for each task."""

from __future__ import annotations

import base64
from contextlib import suppress

from .configuration import keep_spare_context
from .connect import connect
from .errors import BadConfiguration

# Of an authority that has never signed anything; nobody has its key.
_AUTHORITY = b"""\
-----BEGIN CERTIFICATE-----
MIIBeDCCAR+gAwIBAgIUC38SV2QXM1ooRO9HguLv1KbCQZ4wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMTIxMzQzOFoYDzIxMjYxMDI4MjEz
NDM4WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAS48jutV3Hkov0nfN7Pv2TLIMuSMN+AWnhhs6OkVW4KKS0YOQeW2xF3qjEevy6J
IminJ1U1tEkLq9N+2fvIpICfo1MwUTAdBgNVHQ4EFgQUgBelnHxuSuBJGkZcJHkZ
PAfD3q8wHwYDVR0jBBgwFoAUgBelnHxuSuBJGkZcJHkZPAfD3q8wDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA4p3LLUFGWE0DcjHRiaOovGe0e6BuR
KmUl5JI1wcWOHwIgQy1lpY1OjlvP2NOhMfsIA4cTRKHb6Pa0fMUNQtVDeXs=
-----END CERTIFICATE-----
"""
_KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nobody",
    "contexts": [{"name": "nobody", "context": {"cluster": "nobody", "user": "nobody"}}],
    "clusters": [
        {
            "name": "nobody",
            "cluster": {
                "server": "https://localhost",
                "certificate-authority-data": base64.b64encode(_AUTHORITY).decode(),
            },
        }
    ],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
}


def rehearse() -> None:
    """Set up a connection to nobody, and a TLS context for the first real one. Sends nothing."""
    with suppress(BadConfiguration, ImportError):
        connect({"kubeconfig": _KUBECONFIG})
        keep_spare_context()
