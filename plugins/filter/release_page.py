# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that shows the report of a release to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._report.page import render

DOCUMENTATION = r"""
name: release_page
short_description: Make one HTML page of the report of a release
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - The page needs nothing but itself. It has no script and loads nothing, so it can be an artifact of a CI system or
    the attachment of a mail. It is made for phones too, and for light and dark.
  - It shows the verdict with its cause, who ran it, the versions, the weights over time with pauses, the measurements
    of each analysis against their limits, the checks, and what happened.
  - A limit is drawn where the condition says one that can be read, such as C(result[0] >= 0.95). Other conditions are
    shown as they are.
  - The same report gives the same page.
positional: _input
options:
  _input:
    description: What P(progressive.delivery.release_report#filter) has returned, also when it was kept as a file.
    type: dict
    required: true
seealso:
  - plugin: progressive.delivery.release_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page of a report that was kept
  ansible.builtin.copy:
    dest: release.html
    content: "{{ lookup('ansible.builtin.file', 'release.json') | from_json | progressive.delivery.release_page }}"
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text of the page, in UTF-8.
  type: str
"""


def release_page(report: Mapping[str, Any]) -> str:
    """See DOCUMENTATION."""
    return render(report)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"release_page": release_page}
