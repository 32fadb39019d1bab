# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says what a release cannot be meant to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._report.wishes import faults

DOCUMENTATION = r"""
name: release_faults
short_description: Say what is wrong with the variables of a release
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Finds what the argument specification of the role P(progressive.delivery.release#role) cannot say, such as a watch
    that is shorter than its interval or a service that is named twice. The role refuses with it before anything is
    asked of a cluster.
positional: _input
options:
  _input:
    description:
      - A dictionary for each service with all settings of the role, by the names of its variables without C(release_).
    type: list
    elements: dict
    required: true
  address:
    description: Where Prometheus is; empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Check the wishes
  ansible.builtin.fail:
    msg: "{{ wrong | join(' ') }}"
  vars:
    wrong: "{{ services | progressive.delivery.release_faults(address=release_prometheus_address) }}"
  when: wrong | length > 0
"""

RETURN = r"""
_value:
  description: Sentences that name the variable, its value and the remedy. Empty where all can be tried.
  type: list
  elements: str
"""


def release_faults(wishes: Sequence[Mapping[str, Any]], address: str = "") -> list[str]:
    """See DOCUMENTATION."""
    return faults(wishes, address)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"release_faults": release_faults}
