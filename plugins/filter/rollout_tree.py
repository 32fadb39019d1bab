# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that shows Rollouts to people."""

from __future__ import annotations

from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._model.tree import render

DOCUMENTATION = r"""
name: rollout_tree
short_description: Show Rollouts as C(kubectl argo rollouts get rollout) does
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Gives a text of status, weights, images and replicas, and below it a table of the revisions with their ReplicaSets,
    pods, Experiments and AnalysisRuns.
  - The table needs what M(progressive.delivery.rollout_info) returns with
    O(progressive.delivery.rollout_info#module:tree=true). Any other result has the head alone.
  - Ages are those at the time when the objects were read.
positional: _input
options:
  _input:
    description:
      - The result of M(progressive.delivery.rollout_info) or of a verb, the dictionary of one Rollout in either, or a
        list of these. Several are separated by empty lines.
    type: raw
    required: true
  color:
    description: Whether to use the plugin's colours, as escape sequences of a terminal.
    type: bool
    default: false
seealso:
  - module: progressive.delivery.rollout_info
"""

EXAMPLES = r"""
- name: Read a rollout and what belongs to it
  progressive.delivery.rollout_info:
    name: shop
    namespace: prod
    tree: true
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ (found | progressive.delivery.rollout_tree).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The text, without a line break at its end. Empty for an empty list.
  type: str
"""


def rollout_tree(given: object, *, color: bool = False) -> str:
    """See DOCUMENTATION."""
    return render(given, color)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"rollout_tree": rollout_tree}
