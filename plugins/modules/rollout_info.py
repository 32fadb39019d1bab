#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_info
short_description: Gather information about Rollouts
version_added: 1.0.0
description:
  - Returns one Rollout, those that selectors choose, or those of a namespace or of all namespaces.
  - Phase and message are those that C(kubectl argo rollouts status) prints for the same object.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
options:
  name:
    description: Name of the Rollout. Without it all of the namespace are returned.
    type: str
  namespace:
    description: Namespace to look in. V("") means all namespaces.
    type: str
    default: default
  label_selectors:
    description: Label selectors that all must match.
    type: list
    elements: str
  field_selectors:
    description: Field selectors that all must match.
    type: list
    elements: str
  tree:
    description:
      - Whether to read as well what belongs to each Rollout. Takes one request more for each of ReplicaSets, pods,
        Experiments and AnalysisRuns, however many Rollouts there are, and the right to list them.
      - The filter P(progressive.delivery.rollout_tree#filter) shows it to people.
    type: bool
    default: false
seealso:
  - plugin: progressive.delivery.rollout_tree
    plugin_type: filter
  - module: progressive.delivery.traffic_info
  - module: progressive.delivery.rollout_wait
  - module: progressive.delivery.analysis_wait
"""

EXAMPLES = r"""
- name: Find the rollouts of a team that wait for a person
  progressive.delivery.rollout_info:
    namespace: ""
    label_selectors:
      - team=checkout
  register: found

- name: Name them
  ansible.builtin.debug:
    msg: "{{ found.rollouts | selectattr('paused') | selectattr('paused.manual') | map(attribute='name') }}"

- name: Read a rollout with its ReplicaSets, pods, experiments and analyses
  progressive.delivery.rollout_info:
    name: shop
    tree: true
  register: shop

- name: Show it as the kubectl plugin does
  ansible.builtin.debug:
    msg: "{{ (shop | progressive.delivery.rollout_tree).splitlines() }}"
"""

RETURN = r"""
rollouts:
  description:
    - The Rollouts found, by namespace and name; also for one. Empty when there is none.
    - The keys of each are those of C(rollout) in M(progressive.delivery.rollout_wait).
  type: list
  elements: dict
  returned: success
  contains:
    tree:
      description:
        - What belongs to the Rollout, with C(now) (when it was read), C(created), C(images) (each with its C(tags)) and
          C(revisions), the newest first.
        - Each revision has its number C(revision), C(replica_sets), C(experiments) and C(analysis).
        - A ReplicaSet has C(name), C(hash), C(created), C(status), C(tags) (V(stable), V(canary), V(active),
          V(preview), V(ping), V(pong)), C(template) (of an experiment's arm), C(desired), C(replicas), C(ready),
          C(available), C(scale_down_deadline), C(images), and C(pods) with C(name), C(status), C(ready) (such as
          V(1/1)), C(restarts) and C(created).
        - An AnalysisRun has C(name), C(created), C(status), C(message), the number of its measurements that were
          C(successful), C(failed), C(inconclusive) and C(error), and the C(jobs) that measured.
        - An Experiment has C(name), C(created), C(status), C(message), C(replica_sets) and C(analysis).
      type: dict
      returned: when O(tree=true)
msg:
  description: What went wrong.
  type: str
  returned: failure
reason:
  description: What went wrong, as a word for machines.
  type: str
  returned: failure
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import AUTH, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **AUTH,
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": "default"},
    "label_selectors": {"type": "list", "elements": "str"},
    "field_selectors": {"type": "list", "elements": "str"},
    "tree": {"type": "bool", "default": False},
}


def main() -> None:
    """Entry point."""
    run_module("rollout_info", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
