#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_abort
short_description: Abort the update of a Rollout
version_added: 1.0.0
description:
  - Sends all traffic back to the stable version. The spec keeps the new version; see
    M(progressive.delivery.rollout_undo).
  - Withdraws a full promotion that is on its way, which the controller would otherwise prefer.
  - Resumes a rollout that C(spec.paused) holds, after the abort. Held, it would keep the pods of the new version, and
    without a traffic router also their users.
  - Does nothing when the update is aborted already, or when nothing is on its way.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.rollout
  - progressive.delivery.delivery.wait
options:
  wait_until:
    description:
      - V(observed) waits until the controller has aborted the update.
      - V(restored) waits until no traffic reaches the new version any more.
    type: str
    choices: [observed, restored]
    default: observed
seealso:
  - module: progressive.delivery.rollout_retry
  - module: progressive.delivery.rollout_undo
"""

EXAMPLES = r"""
- name: Give up and wait until all traffic is back on the stable version
  progressive.delivery.rollout_abort:
    name: shop
    namespace: production
    wait_until: restored
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

from ansible_collections.progressive.delivery.plugins.module_utils._module import BACK, Spec, run_module

ARGUMENT_SPEC: Spec = BACK


def main() -> None:
    """Entry point."""
    run_module("rollout_abort", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
