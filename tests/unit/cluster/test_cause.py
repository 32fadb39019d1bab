# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a connection failed, in the words of the system."""

from __future__ import annotations

import socket
import ssl

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cause import cause, untrusted
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

POOL = HTTPConnectionPool("a.example")
CONNECTION = HTTPConnection("a.example")
REFUSED = ConnectionRefusedError(111, "Connection refused")
RESET = ConnectionResetError(104, "Connection reset by peer")
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed: unable to get local issuer certificate")


def caused_by(error: Exception, inner: Exception) -> Exception:
    error.__cause__ = inner
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "Connection refused"),
        (OSError("plain words"), "plain words"),
        (OSError(), "OSError"),
        (ReadTimeoutError(POOL, "/", "read timed out"), "no answer in time"),
        (ConnectTimeoutError(CONNECTION, "connect timed out"), "no answer in time"),
        (caused_by(NewConnectionError(CONNECTION, "Failed to establish"), REFUSED), "Connection refused"),
        (ProtocolError("Connection aborted.", RESET), "Connection reset by peer"),
        (ProxyError("Unable to connect to proxy", REFUSED), "cannot connect to the proxy: Connection refused"),
        (
            caused_by(
                NameResolutionError("a.example", CONNECTION, socket.gaierror(-2, "Name or service not known")),
                socket.gaierror(-2, "Name or service not known"),
            ),
            "Name or service not known",
        ),
    ],
)  # fmt: skip
def test_the_innermost_words(error: Exception, words: str) -> None:
    assert cause(error) == words


def test_tls_in_plain_words() -> None:
    plain = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    plain.reason = "WRONG_VERSION_NUMBER"
    assert cause(SSLError(plain)).startswith("it does not speak TLS")
    other = ssl.SSLError(1, "x")
    other.reason = "TLSV1_ALERT_UNKNOWN_CA"
    assert cause(SSLError(other)) == "TLSV1_ALERT_UNKNOWN_CA"


def test_a_certificate_that_is_not_trusted_is_found_in_its_wrappers() -> None:
    assert untrusted(SSLError(UNTRUSTED)) is UNTRUSTED
    assert untrusted(ProxyError("Unable to connect to proxy", SSLError(UNTRUSTED))) is UNTRUSTED
    assert untrusted(UNTRUSTED) is UNTRUSTED
    assert untrusted(SSLError(REFUSED)) is None
