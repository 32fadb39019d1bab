#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: analysis_wait
short_description: Wait for an AnalysisRun and return what it measured
version_added: 1.0.0
description:
  - Waits until an AnalysisRun is completed and fails unless it was successful.
  - The run is given by its name, or as the step, background, pre-promotion or post-promotion analysis of a
    Rollout; then the module also waits until there is one.
  - A run that was terminated is not passed off as a success, although the controller calls it Successful when
    nothing had failed by then (reason V(terminated)).
  - Further reasons are V(successful), V(analysis_failed), V(analysis_error), V(inconclusive), V(insufficient)
    for a metric without any measurement, and V(no_analysis).
  - Never changes anything. In check mode it returns the present state without waiting, and
    a run that is not there yet is no failure.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.wait
options:
  analysis_run:
    description: Name of the AnalysisRun. Give this or O(rollout).
    type: str
  rollout:
    description: Name of the Rollout whose analysis is meant.
    type: str
  kind:
    description:
      - Which analysis of O(rollout). V(step) is that of the current step, or of the last analysis step that was passed.
      - V(any) takes the one that runs now, or the newest.
    type: str
    choices: [step, background, pre_promotion, post_promotion, any]
    default: step
seealso:
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Wait for the analysis of the present step
  progressive.delivery.analysis_wait:
    rollout: shop
    namespace: production
    wait_timeout: 15m
  register: gate

- name: Show what it measured
  ansible.builtin.debug:
    msg: "{{ item.name }} {{ item.phase }}: {{ item.measurements | map(attribute='value') | join(', ') }}"
  loop: "{{ gate.analysis.metrics }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
analysis:
  description:
    - The AnalysisRun. Keys are C(name), C(kind), C(phase), C(message), C(terminated), C(step), C(started_at),
      C(completed_at) and C(metrics).
    - Each metric has C(name), C(phase), C(message), C(provider), C(success_condition), C(failure_condition), C(limits),
      C(count), C(successful), C(failed), C(inconclusive), C(error), C(dry_run) and C(measurements), each with C(phase),
      C(value), C(message), C(started_at) and C(finished_at).
    - Null when no run was found.
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
  sample: observed
rollout:
  description:
    - The Rollout as the task last saw it, in Argo Rollouts' terms.
    - Keys are C(name), C(namespace), C(uid), C(strategy) (V(canary) or V(blueGreen)), C(phase), C(message),
      C(revision), C(step) (C(index), C(total), C(current)), C(weight) (C(set), C(actual)), C(images) (container to
      image), C(replicas) (C(desired), C(current), C(updated), C(ready), C(available)), C(paused) (C(reason), C(since),
      C(until), C(manual); null when not paused), C(aborted), C(stable_hash), C(current_hash), C(analysis),
      C(experiment), C(traffic).
    - Null when it could not be read.
  type: dict
  returned: always
revision:
  description: The revision that the controller numbered last.
  type: int
  returned: when the Rollout was read
timeline:
  description: One entry for each transition while the task waited, with C(time), C(phase), C(message), C(step),
    C(weight), C(replicas) and C(analysis), or with C(reason) and C(message) for what is no state of the Rollout.
  type: list
  elements: dict
  returned: always
waiting:
  description: What the rollout is waiting for. C(state) is V(nothing), V(controller), V(person), V(time),
    V(inconclusive), V(analysis), V(pods), V(aborted), V(invalid_spec) or V(progress_deadline); C(until) is set
    when V(time).
  type: dict
  returned: always
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import AUTH, WAITING, run_module


def main() -> None:
    """Entry point."""
    run_module(
        "analysis_wait",
        argument_spec={
            **AUTH,
            **WAITING,
            "namespace": {"type": "str", "default": "default"},
            "analysis_run": {"type": "str"},
            "rollout": {"type": "str"},
            "kind": {
                "type": "str",
                "choices": ["step", "background", "pre_promotion", "post_promotion", "any"],
                "default": "step",
            },
        },
        mutually_exclusive=[("analysis_run", "rollout")],
        required_one_of=[("analysis_run", "rollout")],
    )


if __name__ == "__main__":
    main()
