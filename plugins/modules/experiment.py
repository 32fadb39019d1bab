#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: experiment
short_description: Run versions side by side, compare them, end or remove the experiment
version_added: 1.0.0
description:
  - Makes an Experiment that belongs to no Rollout, waits until it is through, and fails unless it was successful and
    values stand behind that, as M(progressive.delivery.analysis_wait) does. It then returns what its analyses measured
    side by side.
  - The name is the experiment's identity. One of that name and of the same spec is not made again, whether it goes on
    or is over. The module waits for it and gives its answer. With another spec the module refuses, unless
    O(recreate) lets it replace the experiment.
  - An experiment without C(duration) ends when its analyses with C(requiredForCompletion) are successful, or when any
    analysis is not. With neither it goes on until it is terminated, so give O(wait=false).
  - An Experiment that belongs to a Rollout is refused; M(progressive.delivery.analysis_wait) waits for those.
  - Reasons beside those of M(progressive.delivery.analysis_wait) are V(written) in check mode, V(different), V(owned),
    V(terminated) and V(completed) with O(state=terminated), V(absent) and V(deleting).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.wait
  - progressive.delivery.delivery.silence
options:
  name:
    description: Name of the Experiment.
    type: str
    required: true
  state:
    description:
      - V(present) makes the experiment if it is not there.
      - V(terminated) has it end, and succeeds once all of its analyses have. One that is over stays as it is.
      - V(absent) removes it with its pods and analyses, also while it runs.
    type: str
    choices: [present, terminated, absent]
    default: present
  definition:
    description:
      - The C(spec) of the Experiment (C(templates), C(analyses), C(duration), C(progressDeadlineSeconds) and so on), or
        a whole Experiment, of which the labels and annotations are taken too. Needed with O(state=present).
      - An analysis is about one of the templates when its args name that one's pods, as in
        C({{templates.canary.podTemplateHash}}). The comparison then tells which.
      - A template may have C(specRef) in the place of its C(template), as in the experiment step of a Rollout.
    type: dict
  rollout:
    description:
      - The Rollout whose versions a template stands for with C(specRef) V(stable) or V(canary) (the newest). Such a
        template takes C(name), C(replicas), C(selector), C(metadata) and C(service).
      - The experiment gets the pods of the version as they are, so it is another experiment for another version. Have
        the version in its name.
    type: str
  recreate:
    description:
      - Whether to replace an experiment of that name that is there already, whatever its spec.
      - V(finished) replaces one that is over or was told to end, V(always) also one that still runs. Then a second run
        of the task is another experiment, and reports a change.
      - The old one goes with its pods before the new one is made. The controller may all the same write what it still
        had to say of the old one into the new one, which then counts as through at once; a new one that was never
        available is made again, and RV(timeline) tells so.
    type: str
    choices: [never, finished, always]
    default: never
seealso:
  - module: progressive.delivery.analysis_wait
  - module: progressive.delivery.analysis_run
"""

EXAMPLES = r"""
- name: Run the old and the new version side by side for ten minutes
  progressive.delivery.experiment:
    name: "shop-{{ release }}"
    namespace: production
    definition: "{{ lookup('ansible.builtin.file', 'experiment.yml') | from_yaml }}"
    wait_timeout: 15m
  register: trial

- name: Try the canary against pods of the stable version that are as young
  progressive.delivery.experiment:
    name: "shop-baseline-{{ release }}"
    namespace: production
    rollout: shop
    definition:
      duration: 10m
      templates:
        - name: baseline
          specRef: stable
        - name: canary
          specRef: canary
      analyses:
        - name: errors
          templateName: error-rate

- name: Show the metrics side by side
  ansible.builtin.debug:
    msg: "{{ item.0.metric }} of {{ item.1.template }}: {{ item.1.mean }} ({{ item.1.min }} to {{ item.1.max }})"
  loop: "{{ trial.experiment.comparison | subelements('analyses') }}"
  loop_control:
    label: "{{ item.0.metric }}"

- name: End it early
  progressive.delivery.experiment:
    name: "shop-{{ release }}"
    namespace: production
    state: terminated
"""

RETURN = r"""
analysis:
  description:
    - The first of its AnalysisRuns that is not simply good, in the shape of
      RV(progressive.delivery.analysis_wait#module:analysis).
    - Null when there is none.
  type: dict
  returned: always
experiment:
  description:
    - The Experiment, with C(name), C(phase), C(message), C(templates) (each with C(name), C(status), C(message),
      C(replicas), C(available)), C(analysis), which has all of its AnalysisRuns, and C(comparison).
    - C(comparison) has an entry for each metric that several analyses have, with C(metric) and C(analyses). Each of
      these has C(analysis), C(template) (null where its args name none or several), C(phase), and C(count), C(last),
      C(mean), C(min), C(max) of its measurements. Only measurements that are one number count, and the controller
      keeps the last 10 of each metric unless C(measurementRetention) says otherwise. They are null without any.
    - Null when there is none, and in check mode for one that would be made.
    - The phase of a terminated Experiment may stay V(Running), for the controller looks no more at it.
  type: dict
  returned: always
msg:
  description: One sentence for a person on call. Which object, what happened, what to do next.
  type: str
  returned: always
reason:
  description: What the task ended with, as a stable word for machines.
  type: str
  returned: always
  sample: successful
timeline:
  description: One entry for each measurement and each new phase of the experiment, its templates and its analyses
    while the task waited, with C(time), C(reason), C(message) and what it is about.
  type: list
  elements: dict
  returned: always
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import OWN, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **OWN,
    "definition": {"type": "dict"},
    "rollout": {"type": "str"},
}


def main() -> None:
    """Entry point."""
    run_module("experiment", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
