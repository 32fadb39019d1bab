# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that modules share, apart from ``_module`` so that they can be had without the Kubernetes client."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback

# Where a Prometheus is; see ``_prometheus.client.Prometheus.of``.
PROMETHEUS: dict[str, Any] = {
    "address": {"type": "str", "fallback": (env_fallback, ["PROMETHEUS_ADDRESS"])},
    "timeout": {"type": "str", "default": "10s"},
    "headers": {"type": "dict", "default": {}},
    "bearer_token": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
}
