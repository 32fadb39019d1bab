#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_wait
short_description: Wait for a state of a Rollout
version_added: 1.0.0
description:
  - Follows the rollout until it is in the state that O(until) names, and says so when another final state
    came instead.
  - Never changes anything. In check mode it returns the present state without waiting.
  - When the wait starts in the middle of an update it is about that version. Another version that takes over
    fails it
  - with the reason V(superseded).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.rollout
  - progressive.delivery.delivery.wait
options:
  until:
    description:
      - V(observed), the controller has seen the spec as it is.
      - V(paused), it is paused, for a person or for a time; see C(rollout.paused).
      - V(step), it has reached the step in O(step), or is through.
      - V(weight), the canary has the weight in O(weight) or more, or is through.
      - V(healthy), the desired version is the stable one and healthy.
      - V(degraded), it is aborted, its spec is invalid, or its progress deadline has passed.
    type: str
    choices: [observed, paused, step, weight, healthy, degraded]
    default: healthy
  step:
    description: The step for O(until=step), counted from 0.
    type: int
  weight:
    description: The weight for O(until=weight).
    type: int
  fail_on:
    description:
      - States that fail the task at once when they come instead.
      - A passed progress deadline can heal by itself and a pause is something to wait through, so these two are not
        among the defaults.
    type: list
    elements: str
    choices: [aborted, invalid_spec, inconclusive, progress_deadline, paused]
    default: [aborted, invalid_spec, inconclusive]
seealso:
  - module: progressive.delivery.rollout_info
  - module: progressive.delivery.analysis_wait
"""

EXAMPLES = r"""
- name: Wait until a canary that somebody else started is through
  progressive.delivery.rollout_wait:
    name: shop
    namespace: production
    until: healthy
    wait_timeout: 30m

- name: Wait until half of the traffic goes to the new version
  progressive.delivery.rollout_wait:
    name: shop
    until: weight
    weight: 50
"""

RETURN = r"""
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
    - Entries of C(analysis) have C(kind), C(name), C(phase), C(message) and C(evidence). The latter is V(measured), or
      V(silent) for a run that no value stands behind; null before its first measurement, and where the AnalysisRun
      itself was not read. A task reads them when an analysis has failed, and when it has waited through one; then all
      keys of RV(progressive.delivery.analysis_wait#module:analysis) are there.
    - C(experiment) is that of the current step, or the one that was waited through or has failed, with C(name),
      C(phase), C(message), C(templates) and C(analysis); null without one.
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

from ansible_collections.progressive.delivery.plugins.module_utils._module import WAIT, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **WAIT,
    "until": {
        "type": "str",
        "choices": ["observed", "paused", "step", "weight", "healthy", "degraded"],
        "default": "healthy",
    },
    "step": {"type": "int"},
    "weight": {"type": "int"},
    "fail_on": {
        "type": "list",
        "elements": "str",
        "choices": ["aborted", "invalid_spec", "inconclusive", "progress_deadline", "paused"],
        "default": ["aborted", "invalid_spec", "inconclusive"],
    },
}
LIMITS: Spec = {
    "required_if": [("until", "step", ["step"]), ("until", "weight", ["weight"])],
}


def main() -> None:
    """Entry point."""
    run_module("rollout_wait", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
