# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each worker would do anew at its first connection, done once before Ansible forks them.

OpenSSL and Python remember what they have looked up: algorithms, which class is whose subclass, where a method is.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

from .cluster import Cluster
from .errors import ClusterError
from .libraries import MISSING, create_urllib3_context, urllib3
from .resources import MERGE_PATCH, ROLLOUT

# For the first connection of a worker; it has a copy of its own.
_SPARE: list[ssl.SSLContext] = []

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
    b'{"metadata":{}}'
)


def rehearse() -> None:
    """Go through a connection and the requests of an act, with nobody: nothing leaves this process."""
    if MISSING is None:
        _SPARE.append(_used_context())
        nobody = Cluster(_Nobody())
        with suppress(OSError, ClusterError):  # it only saves time
            nobody.get(ROLLOUT, "nobody", "nobody")
            nobody.patch(ROLLOUT, "nobody", "nobody", {}, content_type=MERGE_PATCH)


def new_context() -> ssl.SSLContext:
    """One that trusts nobody yet."""
    return _SPARE.pop() if _SPARE else create_urllib3_context()


def _used_context() -> ssl.SSLContext:
    """With all that OpenSSL sets up at its first handshake."""
    context = create_urllib3_context()
    nobody = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="nobody")
    with suppress(ssl.SSLWantReadError):
        nobody.do_handshake()
    return context


class _Nobody:
    """A connection at whose other end the answer lies already."""

    host = "http://nobody"

    def __init__(self) -> None:
        self.pool = urllib3.PoolManager()
        self.pool.pool_classes_by_scheme = {"http": _answered_pool()}

    def headers(self) -> urllib3.HTTPHeaderDict:
        return urllib3.HTTPHeaderDict()


def _answered_pool() -> type[urllib3.HTTPConnectionPool]:
    """Made when it is needed: the library may be missing."""

    class Answered(urllib3.connection.HTTPConnection):
        _other: socket.socket | None = None

        def connect(self) -> None:
            self.sock, self._other = socket.socketpair()
            self._other.sendall(_ANSWER)

        def close(self) -> None:
            super().close()
            if self._other is not None:
                self._other.close()

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Answered

    return Pool
