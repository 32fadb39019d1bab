#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_promote
short_description: Promote a Rollout past its gate
version_added: 1.0.0
description:
  - By default passes the manual gate that the rollout is paused at, or waits until it gets to its first one.
  - Decides by the state that it finds. It never skips an analysis, a weight or a timed pause unless that is
    asked for by name.
  - With several gates name the one that is meant in O(expected_step); then a second run never passes another
    one.
  - Does nothing when nothing is on its way. Refuses to promote an aborted rollout, except with O(mode=full).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.rollout
  - progressive.delivery.delivery.wait
  - progressive.delivery.delivery.forward
  - progressive.delivery.delivery.gitops
options:
  mode:
    description:
      - V(gate) passes the pause that the rollout is in. A rollout that is held by C(spec.paused) is resumed.
      - V(full) makes the new version stable without the remaining steps, pauses and analysis.
      - V(skip_step) leaves the step in O(expected_step) behind, whatever it does. It needs O(expected_step).
    type: str
    choices: [gate, full, skip_step]
    default: gate
  expected_step:
    description:
      - Act only at this step, counted from 0. Waits while the rollout is before it, does nothing when it is past it.
      - Naming a timed pause ends that pause early.
      - Fails with the reason V(no_steps) where there are none, and with V(unexpected_step) where the rollout waits at
        an earlier gate.
    type: int
  expected_revision:
    description: Refuse to act on another revision (reason V(unexpected_revision)).
    type: int
  expected_images:
    description: Container name to image. Refuse to act on other images (reason V(unexpected_images)).
    type: dict
  pass_timed_pause:
    description: Whether O(mode=gate) also ends a pause that would end by itself.
    type: bool
    default: false
  pass_inconclusive:
    description: Whether O(mode=gate) also goes on from a pause that an inconclusive analysis or experiment has caused.
    type: bool
    default: false
seealso:
  - module: progressive.delivery.rollout_set_image
  - module: progressive.delivery.rollout_abort
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Pass the gate at step 1 and wait until the new version is stable
  progressive.delivery.rollout_promote:
    name: shop
    namespace: production
    expected_step: 1
    expected_images:
      app: shop:2.0.0
    wait_until: healthy

- name: Make a hotfix stable at once
  progressive.delivery.rollout_promote:
    name: shop
    namespace: production
    mode: full
    wait_until: healthy
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
warnings:
  description: Who may put back what the task wrote. See O(gitops).
  type: list
  elements: str
  returned: when a GitOps tool manages what was written
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import FORWARD, GITOPS, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **FORWARD,
    **GITOPS,
    "mode": {"type": "str", "choices": ["gate", "full", "skip_step"], "default": "gate"},
    "expected_step": {"type": "int"},
    "expected_revision": {"type": "int"},
    "expected_images": {"type": "dict"},
    "pass_timed_pause": {"type": "bool", "default": False, "no_log": False},
    "pass_inconclusive": {"type": "bool", "default": False, "no_log": False},
}


def main() -> None:
    """Entry point."""
    run_module("rollout_promote", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
