# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a connection failed, in the words of the system instead of urllib3's wrappers around them."""

from __future__ import annotations

import ssl

from .libraries import NewConnectionError, ProxyError, TimeoutError

# What OpenSSL says when it is answered in plain HTTP helps nobody.
_NO_TLS = "WRONG_VERSION_NUMBER"


def cause(error: BaseException) -> str:
    """The innermost words, such as ``Connection refused``."""
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        return "no answer in time"
    inner = _inner(error)
    if inner is not None:
        return f"cannot connect to the proxy: {cause(inner)}" if isinstance(error, ProxyError) else cause(inner)
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS, perhaps http:// is meant" if error.reason == _NO_TLS else str(error.reason)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def untrusted(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Why the server's certificate was refused, which trying again does not change; None for other errors."""
    inner = _inner(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error
    return None if inner is None else untrusted(inner)


def _inner(error: BaseException) -> BaseException | None:
    """The error that this one wraps, in its arguments or as its cause."""
    return next((item for item in (*reversed(error.args), error.__cause__) if isinstance(item, BaseException)), None)
