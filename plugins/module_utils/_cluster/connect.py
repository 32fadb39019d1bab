# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible's auth options to a connection: the one file that uses kubernetes.core.

What it makes of options and variables is used without ``get_api_client``, which would ask the server for its
API groups first; the paths that we need are known.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .cluster import Cluster
from .configuration import LoggedErrors, check_host, explain, has_credentials, tls_context, trust_warning
from .errors import BadConfiguration
from .libraries import (
    MISSING,
    ConfigException,
    Configuration,
    HTTPError,
    RESTClientObject,
    YAMLError,
    core,
    kube_config,
    load_incluster_config,
    urllib3,
)

# What the client raises over a kubeconfig; it trusts the shape of what it reads.
_STUMBLES = (ConfigException, YAMLError, OSError, ValueError, TypeError, LookupError, AttributeError, HTTPError)
# Files without a name, which Linux has.
_DESCRIPTORS = Path("/proc/self/fd")
IN_MEMORY = hasattr(os, "memfd_create") and _DESCRIPTORS.is_dir()
# The client keeps its list of temporary files for the whole process.
_SHARED = threading.Lock()


class KubernetesTransport:
    """A urllib3 pool set up by the kubernetes client: certificates, proxies, token refresh."""

    def __init__(self, configuration: Any, context: ssl.SSLContext, impersonation: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._impersonation = _impersonation_headers(impersonation)
        self.host: str = configuration.host
        self.pool = _pool(configuration, context)

    def headers(self) -> urllib3.HTTPHeaderDict:
        """Authorization and impersonation; asks the configuration each time, so that tokens are refreshed."""
        headers = urllib3.HTTPHeaderDict({"User-Agent": "progressive.delivery"})
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if "authorization" not in headers and self._configuration.username and self._configuration.password:
            headers["authorization"] = self._configuration.get_basic_auth_token()
        for name, value in self._impersonation:
            headers.add(name, value)
        return headers


def connect(params: Mapping[str, Any], warn: Callable[[str], None] | None = None) -> Cluster:
    """A cluster by kubernetes.core's auth options, their environment variables, or the default kubeconfig.

    Sends nothing. Raises BadConfiguration with a remedy, and ImportError where a library is missing; what works and
    is dangerous is told to ``warn``.
    """
    if MISSING is not None:
        raise MISSING
    auth = {key: value for key, value in params.items() if key in core.AUTH_ARG_SPEC and value is not None}
    spec = core._create_auth_spec(**auth)
    try:
        if spec.get("host"):
            check_host(spec["host"])
        with _SHARED, _nothing_left():
            configuration = _configuration(spec)
            check_host(configuration.host)
            context = tls_context(spec, configuration)
            if warn is not None and (warning := trust_warning(configuration)):
                warn(warning)
            return Cluster(KubernetesTransport(configuration, context, core._create_headers(**auth)))
    except _STUMBLES as error:
        raise BadConfiguration(explain(spec, error)) from error


@contextmanager
def _nothing_left() -> Iterator[None]:
    """Keep certificates and keys in a kubeconfig off the disk, and forget them once they are loaded.

    The client would make files of them, and only remove these at a regular end of the process, which Ansible's
    workers do not have. OpenSSL reads a client's key from nothing but a file, hence one in memory.
    """
    files, create = kube_config._temp_files, kube_config._create_temp_file_with_content
    known = set(files)
    if IN_MEMORY:
        kube_config._create_temp_file_with_content = _file_in_memory
    try:
        yield
    finally:
        kube_config._create_temp_file_with_content = create
        for made in files.keys() - known:
            _remove(Path(files.pop(made)))


def _file_in_memory(content: bytes | str, *_place: object, **_manner: object) -> str:
    """Stands in for the client's function that makes a temporary file: the path of one without a name."""
    descriptor = os.memfd_create("kubeconfig")
    path = str(_DESCRIPTORS / str(descriptor))
    # By itself and not by its content, which two entries of a kubeconfig may share: each file is closed.
    kube_config._temp_files[path] = path
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return path


def _remove(file: Path) -> None:
    if file.parent == _DESCRIPTORS:
        os.close(int(file.name))
    else:
        file.unlink(missing_ok=True)


def _configuration(spec: Mapping[str, Any]) -> Any:
    """The client's configuration by these options and nothing else.

    Made once, when all of it is known: each one asks the environment for proxies, and what the client reads by itself
    would become a default of the whole process, from which a certificate could get into the next connection.
    """
    with LoggedErrors() as logged:
        settings = ({} if _suffices(spec) else _found(spec)) | _given(spec)
        configuration = Configuration(host=settings.pop("host", None))
        for name, value in settings.items():
            setattr(configuration, name, value)
    if logged.messages and not has_credentials(configuration):
        text = f"kubeconfig: the login command of its user failed ({logged.messages[-1]})"
        raise BadConfiguration(f"{text}; log in again, or correct the user's exec entry")
    return configuration


def _suffices(spec: Mapping[str, Any]) -> bool:
    """Whether these options say where to and who: then no file is read, as with kubernetes.core's modules."""
    pairs = (("api_key",), ("username", "password"), ("cert_file", "key_file"))
    return bool(spec.get("host")) and any(all(spec.get(name) for name in pair) for pair in pairs)


def _found(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What the cluster that we run in says, or the kubeconfig. Raises what the client raises."""
    found = SimpleNamespace(api_key={})
    if not (spec.get("kubeconfig") or spec.get("context")):
        with suppress(ConfigException):
            load_incluster_config(client_configuration=found)
            return vars(found)
    options = {"client_configuration": found} | {name: spec.get(name) for name in ("context", "persist_config")}
    if isinstance(spec.get("kubeconfig"), dict):
        kube_config.load_kube_config_from_dict(config_dict=spec["kubeconfig"], **options)
    else:
        # The client has read the variable at its import, which was before the task's environment.
        path = spec.get("kubeconfig") or os.environ.get("KUBECONFIG", "~/.kube/config")
        kube_config.load_kube_config(config_file=path, **options)
    return vars(found)


def _given(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The options as settings of the client; they count for more than what is found."""
    given = {name: value for name, value in spec.items() if value is not None}
    if "host" in given:
        given["host"] = given["host"].rstrip("/")
    if "api_key" in given:
        given["api_key"] = {"authorization": f"Bearer {given['api_key']}"}
    if "proxy_headers" in given:
        given["proxy_headers"] = urllib3.util.make_headers(**given["proxy_headers"])
    return given


def _pool(configuration: Any, context: ssl.SSLContext) -> urllib3.PoolManager:
    """The client's own pool, except that it needs no temporary file any more.

    The context is for the apiserver and knows its authority; a proxy that is spoken to by TLS is trusted by the same.
    """
    pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager
    settings = pool.connection_pool_kw
    settings |= {"ssl_context": context, "cert_file": None, "key_file": None}
    authority = configuration.ssl_ca_cert
    if not isinstance(pool, urllib3.ProxyManager):
        settings["ca_certs"] = None
    elif authority in kube_config._temp_files.values():
        # OpenSSL takes no comment in another script from memory, which it does from a file.
        settings |= {"ca_certs": None, "ca_cert_data": Path(authority).read_bytes().decode("ascii", "ignore")}
    return pool


def _impersonation_headers(impersonation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One header for the user and one for each group."""
    pairs = []
    for name, value in impersonation.items():
        pairs += [(name, item) for item in (value if isinstance(value, list) else [value])]
    return pairs
