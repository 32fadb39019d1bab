# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role traffic that checks a load before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._model.load import Load

DOCUMENTATION = r"""
name: traffic_load
short_description: Check a load of requests and turn it into parameters for its generator
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Takes the variables of the role P(progressive.delivery.traffic#role), refuses what cannot be used or lies beyond its
    bounds, and returns what the role's k6 script reads.
positional: _input
options:
  _input:
    description: The role's variables by their names without C(traffic_).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See what the generator is told
  ansible.builtin.debug:
    msg: "{{ load | progressive.delivery.traffic_load }}"
  vars:
    load:
      name: shop
      url: http://shop.demo/
      rate: 50
      max_rate: 1000
      max_requests: 1000000
      duration: 30s
      clients: 100
      timeout: 10s
      version_header: x-version
"""

RETURN = r"""
_value:
  description: Parameters of the script.
  type: dict
"""


def traffic_load(variables: Mapping[str, Any]) -> dict[str, Any]:
    """See DOCUMENTATION."""
    return Load.from_variables(variables).parameters()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"traffic_load": traffic_load}
