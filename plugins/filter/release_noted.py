# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that gathers what a release meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._report import story as told

DOCUMENTATION = r"""
name: release_noted
short_description: Note what a release has met, for its report
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Adds to the C(services) that P(progressive.delivery.release_report#filter) takes. What was noted before stays.
positional: _input, number
options:
  _input:
    description: What was noted so far, a dictionary for each service in the order of the release.
    type: list
    elements: dict
    required: true
  number:
    description: The service that it is about, counted from 0.
    type: int
    required: true
  asked:
    description:
      - What a loop of M(progressive.delivery.prometheus_query) has registered as C(results); it becomes entries of
        C(checks).
      - An item of the loop is a query; C(key) and C(value), the name of an arm and its query; or C(query), C(min) and
        C(max).
    type: list
    elements: dict
  when:
    description: Where it was asked, with O(asked).
    type: str
  step:
    description: The step at which it was asked, with O(asked).
    type: int
  at:
    description: When it was asked, with O(asked).
    type: str
  facts:
    description:
      - Any further keyword is a key of the service, such as C(before). Those of C(results), C(evidence) and C(checks),
        one or a list of them, are added; any other key takes the place of what it was.
    type: dict
seealso:
  - plugin: progressive.delivery.release_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Note what the task has returned
  ansible.builtin.set_fact:
    story: "{{ story | progressive.delivery.release_noted(0, results=entry) }}"
  vars:
    entry: {action: rollout_wait, at: "{{ now().timestamp() }}", result: "{{ waited }}"}
"""

RETURN = r"""
_value:
  description: All services, with what was noted.
  type: list
  elements: dict
"""


def release_noted(
    story: Sequence[Mapping[str, Any]],
    number: int,
    asked: Sequence[Mapping[str, Any]] = (),
    when: str = "",
    step: int | None = None,
    at: float | str | None = None,
    **facts: Any,
) -> list[dict[str, Any]]:
    """See DOCUMENTATION."""
    checks = told.asked(asked, {"when": when, "step": step, "at": at})
    return told.noted(story, int(number), {**facts, **({"checks": checks} if checks else {})})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"release_noted": release_noted}
