# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two listeners: the mesh, which calls between services go through, and the ingress."""

from __future__ import annotations

from collections.abc import Mapping

from . import affinity, faults
from .metrics import LISTENER_METADATA, access_log
from .objects import Tree
from .routes import MESH
from .virtual_hosts import INGRESS

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
# Workload and namespace that a client counts as in the metrics.
_SOURCES = {MESH: ("unknown", "unknown"), INGRESS: ("istio-ingressgateway", "istio-system")}


def listeners(ports: Mapping[str, int], route_files: Mapping[str, str]) -> list[Tree]:
    """`ports` and `route_files` by the name of the listener."""
    return [_listener(name, ports[name], route_files[name]) for name in (MESH, INGRESS)]


def _listener(name: str, port: int, route_file: str) -> Tree:
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "rds": {"route_config_name": name, "config_source": source(route_file)},
        "normalize_path": True,
        "generate_request_id": False,
        "access_log": [access_log(*_SOURCES[name])],
        "http_filters": [
            affinity.lua_filter(),
            {"name": faults.FILTER, "typed_config": {"@type": faults.FAULT}},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
            },
        ],
    }
    return {
        "@type": LISTENER,
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "metadata": LISTENER_METADATA,
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def source(file: str) -> Tree:
    """Where Envoy reads a part of its configuration, again whenever another file is renamed over it."""
    return {"path_config_source": {"path": file}, "resource_api_version": "V3"}
