#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_set_image
short_description: Set container images of a Rollout
version_added: 1.0.0
description:
  - Sets the images of one or several containers, init containers included, in one new revision.
  - Works on the Rollout's own pod template, or on the Deployment, ReplicaSet or PodTemplate that its
    C(workloadRef) names.
  - Does nothing when the images are set already, whatever state their rollout is in.
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
  images:
    description:
      - Container name to image reference. The key V(*) stands for all containers that are not named.
      - References may have a registry with a port, a tag and a digest.
    type: dict
    required: true
seealso:
  - module: progressive.delivery.rollout_promote
  - module: progressive.delivery.rollout_undo
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Release version 2.0.0 and wait for its first gate
  progressive.delivery.rollout_set_image:
    name: shop
    namespace: production
    images:
      app: registry.example.com/shop@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
      migrate: registry.example.com/shop-migrate:2.0.0
    wait_until: paused
    wait_timeout: 10m

- name: Show what would change
  progressive.delivery.rollout_set_image:
    name: shop
    images:
      app: shop:2.0.0
  check_mode: true
  diff: true
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

ARGUMENT_SPEC: Spec = {**FORWARD, **GITOPS, "images": {"type": "dict", "required": True}}


def main() -> None:
    """Entry point."""
    run_module("rollout_set_image", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
