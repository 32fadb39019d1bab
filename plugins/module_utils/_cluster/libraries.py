# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this layer takes from packages that Ansible does not bring, or empty names where one of them is missing.

Modules must be importable without them: Ansible reads argument specifications anywhere, and some verbs need no
cluster. What uses a name comes after `connect`, which raises MISSING.
"""

from __future__ import annotations

from types import SimpleNamespace

__all__ = [
    "ConfigException",
    "Configuration",
    "HTTPError",
    "MarkedYAMLError",
    "NewConnectionError",
    "ProxyError",
    "RESTClientObject",
    "TimeoutError",
    "YAMLError",
    "core",
    "create_urllib3_context",
    "kube_config",
    "load_incluster_config",
    "urllib3",
]  # fmt: skip

MISSING: ImportError | None = None
try:
    import urllib3
    import yaml
    from ansible_collections.kubernetes.core.plugins.module_utils.k8s import client as core
    from kubernetes.client import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config import ConfigException, kube_config, load_incluster_config
    from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, TimeoutError
    from urllib3.util.ssl_ import create_urllib3_context
    from yaml import MarkedYAMLError, YAMLError
except ImportError as error:
    MISSING = error
    globals().update(dict.fromkeys(__all__, object))
else:
    # The client reads a kubeconfig by the parser that is written in Python, in seconds when it names all clusters of a
    # company. The one of libyaml does the same.
    if yaml.__with_libyaml__:
        kube_config.yaml = SimpleNamespace(
            safe_load=lambda stream: yaml.load(stream, Loader=yaml.CSafeLoader), safe_dump=yaml.safe_dump
        )
