# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Targets as Envoy's clusters.

The pods stand in the cluster itself: Envoy opens an inotify instance for each file that it watches, of which
a user has 128 on most machines, so a file of endpoints for each cluster would end it. Replacing a cluster loses
no request: those under way finish on the connections of the old one.
"""

from __future__ import annotations

from .._lab.pod_network import address_of, port_of
from .catalog import Catalog, Target
from .objects import DOMAIN, Tree
from .services import Pod

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
# The key of our metadata; the metrics read it.
METADATA = "istio"

_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# Envoy's own limits (1024 requests, 3 retries at once) would answer 503 for a pod that could do more.
_NO_LIMIT = 2**32 - 1
_LIMITS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")


def cluster(catalog: Catalog, target: Target, network: str) -> Tree:
    """`network`: first octets of the pods' loopback addresses."""
    members = [] if target in catalog.strangers else catalog.members(target)
    endpoints = [_endpoint(pod, port, network) for pod, port in members]
    name = target.cluster
    return {
        "@type": CLUSTER,
        "name": name,
        # A dot would end the part that Envoy takes for the name when it makes a label of it.
        "alt_stat_name": name.removesuffix(f".{DOMAIN}").replace(".", "|"),
        "type": "STATIC",
        "connect_timeout": "1s",
        **catalog.balancing(target).fields,
        "circuit_breakers": {"thresholds": [dict.fromkeys(_LIMITS, _NO_LIMIT)]},
        "typed_extension_protocol_options": {
            _HTTP: {
                "@type": f"type.googleapis.com/{_HTTP}",
                # Shorter than any pod's own: a connection that the pod closes just when a request comes would fail it.
                "common_http_protocol_options": {"idle_timeout": "5s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "metadata": {"filter_metadata": {METADATA: _identity(catalog, target)}},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}] if endpoints else []},
    }


def _identity(catalog: Catalog, target: Target) -> Tree:
    service = catalog.services.get(target.host)
    name, _sep, rest = target.host.partition(".")
    is_service = service is not None or target.host.endswith(f".{DOMAIN}")
    return {
        "host": target.host,
        "service": name if is_service else target.host,
        "namespace": rest.partition(".")[0] if is_service else "unknown",
    }


def _endpoint(pod: Pod, port: int, network: str) -> Tree:
    address = {"address": address_of(network, pod.ip), "port_value": port_of(port)}
    return {
        "endpoint": {"address": {"socket_address": address}},
        "metadata": {"filter_metadata": {METADATA: {**pod.identity(), "pod": pod.name}}},
    }
