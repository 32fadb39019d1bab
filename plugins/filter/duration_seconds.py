# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that reads a duration."""

from __future__ import annotations

from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._model.durations import parse_timeout

DOCUMENTATION = r"""
name: duration_seconds
short_description: Seconds of a duration as the modules of this collection take it
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Reads a number of seconds (V(300)) or a duration (V(5m), V(1h30m)), as the option C(wait_timeout) does.
positional: _input, option
options:
  _input:
    description: The duration.
    type: raw
    required: true
  option:
    description: What the duration is called where it is not usable.
    type: str
    default: duration
"""

EXAMPLES = r"""
- name: Wait as long as the release may take
  ansible.builtin.pause:
    seconds: "{{ '1m30s' | progressive.delivery.duration_seconds }}"
"""

RETURN = r"""
_value:
  description: Seconds.
  type: float
"""


def duration_seconds(value: object, option: str = "duration") -> float:
    """See DOCUMENTATION."""
    return parse_timeout(option, value)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"duration_seconds": duration_seconds}
