# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of this name in the control process where it can."""

from __future__ import annotations

from ansible_collections.progressive.delivery.plugins.module_utils._engine import lint
from ansible_collections.progressive.delivery.plugins.modules import rollout_lint
from ansible_collections.progressive.delivery.plugins.plugin_utils._direct import Direct


class ActionModule(Direct):
    """See the module."""

    module = rollout_lint
    # The engine loads it only for this verb; the workers, which are forks of this process, find it loaded.
    loaded = lint
