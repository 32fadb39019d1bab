# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Envoy starts with: where the rest of its configuration is."""

from __future__ import annotations

from pathlib import Path

from .listeners import source
from .metrics import stats_config
from .objects import Tree


def bootstrap(clusters: Path, listeners: Path, admin_port: int) -> Tree:
    """`clusters` and `listeners`: files that the translator writes."""
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin_port}}},
        "dynamic_resources": {"cds_config": source(str(clusters)), "lds_config": source(str(listeners))},
        # Histograms are brought up to date when figures are flushed; Prometheus reads them every second.
        "stats_flush_interval": "1s",
        "stats_config": stats_config(),
    }
