# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Ansible's auth options to a connection: the one file that imports kubernetes.core.

Its configuration functions are used without ``get_api_client``, which would ask the server for its
API groups first; the paths that we need are known.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import urllib3
from ansible_collections.kubernetes.core.plugins.module_utils.k8s import client as core
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException
from urllib3.exceptions import HTTPError
from yaml import YAMLError

from .cluster import Cluster
from .configuration import LoggedErrors, check_certificates, check_host, explain, has_credentials
from .errors import BadConfiguration

# What the client raises over a kubeconfig; it trusts the shape of what it reads.
_STUMBLES = (ConfigException, YAMLError, OSError, ValueError, TypeError, LookupError, AttributeError, HTTPError)
_SHARED_DEFAULT = threading.Lock()


class KubernetesTransport:
    """A urllib3 pool set up by the kubernetes client: certificates, proxies, token refresh."""

    def __init__(self, configuration: Any, impersonation: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._impersonation = _impersonation_headers(impersonation)
        self.host: str = configuration.host
        self.pool: urllib3.PoolManager = RESTClientObject(configuration).pool_manager

    def headers(self) -> urllib3.HTTPHeaderDict:
        """Authorization and impersonation; asks the configuration each time, so that tokens are refreshed."""
        headers = urllib3.HTTPHeaderDict({"User-Agent": "progressive.delivery"})
        for setting in self._configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        if "authorization" not in headers and self._configuration.username and self._configuration.password:
            headers["authorization"] = self._configuration.get_basic_auth_token()
        headers.extend(self._impersonation)
        return headers


def connect(params: Mapping[str, Any]) -> Cluster:
    """A cluster by kubernetes.core's auth options, their environment variables, or the default kubeconfig.

    Sends nothing. Raises BadConfiguration with a remedy.
    """
    auth = {key: value for key, value in params.items() if key in core.AUTH_ARG_SPEC and value is not None}
    spec = core._create_auth_spec(**auth)
    try:
        if spec.get("host"):
            check_host(spec["host"])
        configuration = _configuration(spec)
        check_host(configuration.host)
        check_certificates(spec, configuration)
        return Cluster(KubernetesTransport(configuration, core._create_headers(**auth)))
    except _STUMBLES as error:
        raise BadConfiguration(explain(spec, error)) from error


def _configuration(spec: Mapping[str, Any]) -> Any:
    """The client's configuration by these options and nothing else.

    The client hands a kubeconfig over in a default that the whole process shares; what one connection
    leaves there, its certificate for example, must not get into the next.
    """
    with _SHARED_DEFAULT, LoggedErrors() as logged:
        Configuration.set_default(None)
        try:
            configuration = core._create_configuration(dict(spec))
        finally:
            Configuration.set_default(None)
    if logged.messages and not has_credentials(configuration):
        text = f"kubeconfig: the login command of its user failed ({logged.messages[-1]})"
        raise BadConfiguration(f"{text}; log in again, or correct the user's exec entry")
    return configuration


def _impersonation_headers(impersonation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """One header for the user and one for each group."""
    pairs = []
    for name, value in impersonation.items():
        pairs += [(name, item) for item in (value if isinstance(value, list) else [value])]
    return pairs
