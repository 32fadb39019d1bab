#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_undo
short_description: Bring an earlier revision of a Rollout back
version_added: 1.0.0
description:
  - Replaces the pod template by that of the stable version, or of a given revision.
  - Writes the template as its author wrote it, without the API's defaults and what the controller injected.
  - Going back to the stable version in the middle of an update ends the update at once.
  - Going back to any other revision is a rollout of its own, with its steps.
  - Does nothing when the template already means the same pods.
  - The controller gives a version that is gone back to a new revision number. O(to_revision) finds it by its old
    number as well.
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
  to_revision:
    description:
      - The revision to go back to. The stable one by default.
      - One that is not in the history fails the task with the reason V(no_revision).
    type: int
seealso:
  - module: progressive.delivery.rollout_abort
  - module: progressive.delivery.rollout_set_image
"""

EXAMPLES = r"""
- name: Give the new version up for good
  progressive.delivery.rollout_undo:
    name: shop
    namespace: production
    wait_until: healthy

- name: Go back to what ran as revision 7
  progressive.delivery.rollout_undo:
    name: shop
    to_revision: 7
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

ARGUMENT_SPEC: Spec = {**FORWARD, **GITOPS, "to_revision": {"type": "int"}}


def main() -> None:
    """Entry point."""
    run_module("rollout_undo", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
