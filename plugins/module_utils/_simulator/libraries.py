# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the simulator takes from aiohttp and prometheus_client, or empty names where one of them is missing.

Every file of a collection's module_utils must be importable without them. `main` raises MISSING before it begins.
"""

from __future__ import annotations

__all__ = [
    "CONTENT_TYPE_LATEST", "Collector", "CollectorRegistry", "Counter", "CounterMetricFamily", "GaugeMetricFamily",
    "Histogram", "Metric", "disable_created_metrics", "generate_latest", "web",
]  # fmt: skip

MISSING: ImportError | None = None
try:
    from aiohttp import web
    from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    MISSING = error
    globals().update(dict.fromkeys(__all__, object))
