# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the auth options or the kubeconfig, found before anything is sent and said plainly.

Ansible blanks the value of ``kubeconfig`` in what a module returns, so a message names the file and its
folder apart.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from .errors import BadConfiguration
from .libraries import MarkedYAMLError, YAMLError
from .rehearsal import new_context

_MISSING_KEY = re.compile(r"Expected key (\S+) in ")
_MISSING_ENTRY = re.compile(r"Expected object with name (.+) in .*/(context|cluster|user)s list")


class LoggedErrors(logging.Handler):
    """Collects errors that the kubernetes client only logs, in this thread: a login command that failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []
        self._caller = threading.get_ident()

    def __enter__(self) -> LoggedErrors:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._caller:
            self.messages.append(" ".join(re.sub(r"\[Errno \d+\] ", "", record.getMessage()).split()))


def has_credentials(configuration: Any) -> bool:
    """Whether a request will carry anything that tells who sends it."""
    return bool(configuration.api_key or configuration.cert_file or configuration.username)


def trust_warning(configuration: Any) -> str:
    """What to say of a secret that goes to whoever answers; empty when none does.

    A client certificate is no such secret: its key stays here. Without TLS there is no verification to be off.
    """
    secret = "token" if configuration.api_key else "password" if configuration.password else ""
    if not secret or configuration.verify_ssl or urlsplit(configuration.host).scheme != "https":
        return ""
    return (
        f"The {secret} is sent to {configuration.host} without a look at its certificate, so whoever answers there "
        "gets it: set validate_certs to true, with the cluster's authority in ca_cert (K8S_AUTH_VERIFY_SSL, "
        "K8S_AUTH_SSL_CA_CERT); in a kubeconfig, certificate-authority-data in the place of insecure-skip-tls-verify"
    )


def check_host(host: str) -> None:
    """Raise BadConfiguration unless it is an address that can be asked."""
    try:
        address = urlsplit(host)
        usable = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        remedy = "write it as https://name:6443, in the option or as the server in the kubeconfig"
        raise BadConfiguration(f"host: {host!r} is no address of an apiserver; {remedy}")


def tls_context(spec: Mapping[str, Any], configuration: Any) -> ssl.SSLContext:
    """With the certificates loaded, here, where it is known which is which. Raises BadConfiguration."""
    verify = bool(configuration.verify_ssl)
    context = new_context()
    context.check_hostname = verify
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if configuration.ssl_ca_cert:
        try:
            context.load_verify_locations(configuration.ssl_ca_cert)
        except OSError as error:
            where = _where("ca_cert", spec.get("ssl_ca_cert"), "certificate-authority")
            raise _unusable(where, "no certificate", error) from error
    elif configuration.verify_ssl:
        context.load_default_certs()
    if configuration.cert_file:
        try:
            # The password, which is none, keeps OpenSSL from asking for one on the terminal.
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
        except OSError as error:
            where = _where("client_cert and client_key", spec.get("cert_file"), "client-certificate")
            raise _unusable(where, "no certificate with its key", error) from error
    return context


def _where(option: str, path: str | None, entry: str) -> str:
    """Which option or entry it is about. The client has copied an entry to a file of a random name: not shown."""
    return f"{option}: cannot use {path}" if path else f"kubeconfig: cannot use its {entry}"


def _unusable(where: str, content: str, error: OSError) -> BadConfiguration:
    # OpenSSL's own words for a file of another kind, such as "PEM lib", say nothing.
    why = f"it holds {content}" if isinstance(error, ssl.SSLError) else error.strerror
    return BadConfiguration(f"{where} ({why}); give what can be read and is in PEM format")


def explain(spec: Mapping[str, Any], error: Exception) -> str:
    """What is wrong with the kubeconfig that raised the error, and what to do."""
    source = spec.get("kubeconfig")
    if isinstance(source, str):
        return _wrong_path(source) or _wrong_content(error)
    if source or not _nothing_found(error):
        return _wrong_content(error)
    if spec.get("host"):
        return "host: an address alone is not enough; set api_key with it, or client_cert and client_key"
    remedy = "set kubeconfig, or host with api_key, or their variables K8S_AUTH_KUBECONFIG and so on"
    return f"kubeconfig: none is given, and there is none in ~/.kube/config or where KUBECONFIG points; {remedy}"


def _nothing_found(error: Exception) -> bool:
    return "No configuration found" in str(error)


def _wrong_path(source: str) -> str:
    """Why that is no path of a kubeconfig; empty when there is such a file."""
    if "\n" in source or "{" in source:
        return (
            "kubeconfig: this is the text of a kubeconfig; give the path of a file, or pass the text through from_yaml"
        )
    paths = [Path(part).expanduser() for part in source.split(os.pathsep)]
    if any(path.is_file() for path in paths):
        return ""
    return f"kubeconfig: there is no file {paths[0].name} in {paths[0].parent}; correct the path"


def _wrong_content(error: Exception) -> str:
    entry = _MISSING_ENTRY.search(str(error))
    if entry is not None and entry[2] == "context":
        return f"context: the kubeconfig has no context {entry[1]!r}; correct the name, see kubectl config get-contexts"
    if entry is not None:
        return f"kubeconfig: its context names a {entry[2]} {entry[1]!r} which it does not have; correct the file"
    if isinstance(error, (YAMLError, UnicodeDecodeError)):
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        return "kubeconfig: it is not YAML" + (f" (line {mark.line + 1})" if mark else "") + "; correct the file"
    if isinstance(error, (TypeError, LookupError, AttributeError)):
        return "kubeconfig: it does not have the form of a kubeconfig; correct the file, see kubectl config view"
    key = _MISSING_KEY.search(str(error))
    why = f"it lacks {key[1]}" if key else "it is empty" if "is empty" in str(error) else str(error)
    return f"kubeconfig: {why}; correct the file, see kubectl config view"
