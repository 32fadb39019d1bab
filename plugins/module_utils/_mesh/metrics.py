# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Istio's metrics out of Envoy: its access log counts each request with the labels that Istio gives it.

Names: Prometheus sees `envoy_istio_requests_total`; the lab's scrape job drops the `envoy_`. Requests that are
mirrored do not pass the access log; `envoy_cluster_upstream_rq{envoy_cluster_name}` has them.
"""

from __future__ import annotations

import json

from .clusters import METADATA
from .objects import Tree

LOGGER = "type.googleapis.com/envoy.extensions.access_loggers.stats.v3.Config"

# Milliseconds; close together where gates are set.
BUCKETS = (1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2500, 5000, 10000)

# What Envoy keeps of its thousands of figures, because Prometheus reads them every second: Istio's metrics, the
# requests of each cluster (mirrored ones, too) and of each listener, and the versions of the files it has taken over.
_KEPT = (
    r"istio\..*",
    r"cluster\.[^.]*\.upstream_rq_(total|[1-5]\d\d|retry|retry_success|timeout)",
    r"http\.(mesh|ingress)\.downstream_(cx_active|rq_active|rq_total|rq_[1-5]xx)",
    r".*\.(version_text|update_rejected)",
)


def access_log(source: str, source_namespace: str) -> Tree:
    """Counts and times each request. `source`: the workload that clients of the listener count as."""
    tags = [
        {"name": name, "value_format": value}
        for name, value in {
            "reporter": "source",
            "source_workload": source,
            "source_workload_namespace": source_namespace,
            "source_app": source,
            "destination_workload": _of("UPSTREAM_HOST", "workload"),
            "destination_workload_namespace": _of("UPSTREAM_HOST", "namespace"),
            "destination_service": _of("CLUSTER", "host"),
            "destination_service_name": _of("CLUSTER", "service"),
            "destination_service_namespace": _of("CLUSTER", "namespace"),
            "destination_app": _of("UPSTREAM_HOST", "app"),
            "destination_version": _of("UPSTREAM_HOST", "version"),
            "destination_canonical_service": _of("UPSTREAM_HOST", "canonical_service"),
            "destination_canonical_revision": _of("UPSTREAM_HOST", "canonical_revision"),
            "request_protocol": "http",
            "response_code": "%RESPONSE_CODE%",
            "response_flags": "%RESPONSE_FLAGS%",
            "connection_security_policy": "unknown",
        }.items()
    ]
    duration = {"stat": {"name": "request_duration_milliseconds", "tags": tags}, "unit": "Milliseconds"}
    return {
        "name": "envoy.access_loggers.stats",
        "typed_config": {
            "@type": LOGGER,
            "stats_scope": {"prefix": "istio"},
            "counters": [{"stat": {"name": "requests_total", "tags": tags}, "value_fixed": 1}],
            "histograms": [{**duration, "value_format": "%DURATION%"}],
        },
    }


def _of(holder: str, key: str) -> str:
    """Metadata of what a request went to; `unknown`, which stands in the listener's, where it went nowhere."""
    commands = [
        {"command": "METADATA", "param": f"{holder}:{METADATA}:{key}"},
        {"command": "METADATA", "param": f"LISTENER:{METADATA}:unknown"},
    ]
    return f"%COALESCE({json.dumps({'operators': commands}, separators=(',', ':'))})%"


LISTENER_METADATA: Tree = {"filter_metadata": {METADATA: {"unknown": "unknown"}}}


def stats_config() -> Tree:
    """For the bootstrap: which figures there are, and the buckets of the durations."""
    kept = [{"safe_regex": {"regex": regex}} for regex in _KEPT]
    return {
        "stats_matcher": {"inclusion_list": {"patterns": kept}},
        "histogram_bucket_settings": [{"match": {"prefix": "istio."}, "buckets": list(BUCKETS)}],
    }
