#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Have a Rollout as it is declared, or none
version_added: 1.0.0
description:
  - Creates or changes a Rollout by server-side apply, from a definition or from a Deployment, and waits for what comes
    of it.
  - Whether something changes, and what, is told by a dry run on the apiserver. Another spelling of the same value, such
    as C(0.5) for C(500m), is no change.
  - What is declared wins over what M(progressive.delivery.rollout_set_image) and M(progressive.delivery.rollout_undo)
    have written, so an old image in it takes a release back; the diff shows that, and O(keep_images=true) prevents it.
  - What other field managers have set to other values (kubectl, Argo CD, Helm) makes the task fail with the reason
    V(field_conflict) and a message that names them and their fields, unless O(force_conflicts=true).
  - A field that an earlier task of this module has declared and this one does not is taken away, and so is what
    another verb has since set in the pod template. What the task does not mention stays as it is otherwise, also what
    M(progressive.delivery.rollout_pause) and M(progressive.delivery.rollout_restart) have set.
  - The number of pods is the exception. Of a Rollout that exists it is written only if the definition has it, no
    autoscaler (HorizontalPodAutoscaler, or ScaledObject of KEDA) points at the Rollout, and nobody else has scaled it.
    Otherwise it stays as it is, also if an earlier task had declared it, and RV(warnings) says so where the definition
    wants another number.
  - Fields that Argo CD or Flux hold in C(metadata.managedFields) are such fields of others. O(gitops) is about objects
    that they only have marked as theirs, and about what O(force_conflicts=true) takes from them.
  - Reasons beside the usual ones are V(absent) and V(deleting) with O(state=absent).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.wait
  - progressive.delivery.delivery.gitops
options:
  name:
    description: Name of the Rollout.
    type: str
    required: true
  state:
    description:
      - V(present) has the Rollout as it is declared by O(definition) or O(from_deployment).
      - V(absent) deletes it, and waits until it is gone. Its pods end in the background.
        O(gitops) also applies to one that a GitOps tool would make again.
    type: str
    choices: [present, absent]
    default: present
  definition:
    description:
      - The C(spec) of the Rollout, or a whole Rollout, of which the metadata is taken too. Its name and namespace can
        be left out.
      - What the apiserver and the controller add is left out of a manifest that was read from a cluster.
      - C(replicas) is the number of pods to begin with. See above for a Rollout that exists.
    type: dict
  from_deployment:
    description:
      - Name of a Deployment in the same namespace whose place the Rollout takes. Needs O(strategy).
      - C(replicas) are taken when the Rollout is created and never after, so the Deployment can be scaled down then.
        C(selector), C(minReadySeconds), C(revisionHistoryLimit) and C(progressDeadlineSeconds) are taken as they are.
        A C(maxSurge) or C(maxUnavailable) other than C(25%) becomes that of the canary if it has none.
      - Labels and annotations of the Deployment itself are not taken, for they tell whom it belongs to.
    type: str
  strategy:
    description: The strategy of a Rollout made O(from_deployment), either C(canary) or C(blueGreen).
    type: dict
  mode:
    description:
      - V(copy) copies the pod template of the Deployment, which is not touched. Scale it down once the Rollout is
        healthy. Once it is deleted, the Rollout's own template counts.
      - V(workload_ref) leaves the pod template in the Deployment and refers to it by C(workloadRef).
    type: str
    choices: [copy, workload_ref]
    default: copy
  scale_down:
    description:
      - What the controller does with the pods of the Deployment, with O(mode=workload_ref). It acts for the first
        revision only.
      - V(never), nothing. V(onsuccess), it ends them once the Rollout is healthy. V(progressively), it ends them as
        those of the Rollout become ready, so that users always find pods.
    type: str
    choices: [never, onsuccess, progressively]
    default: never
  labels:
    description: Labels of the Rollout, beside those in O(definition).
    type: dict
    default: {}
  annotations:
    description: Annotations of the Rollout, beside those in O(definition).
    type: dict
    default: {}
  keep_images:
    description:
      - Whether the containers of an existing Rollout keep the images that they have, so that the declaration makes no
        release and takes none back. A container that is new gets the declared image.
      - V(true) by default with O(from_deployment), which is about the conversion and not about releases, and V(false)
        with O(definition).
    type: bool
  force_conflicts:
    description:
      - Whether to take over fields that other field managers have set to other values.
      - Not the number of pods, as long as an autoscaler points at the Rollout.
    type: bool
    default: false
  wait_until:
    description:
      - V(observed) waits until the controller has acted on the change.
      - V(paused) waits until the rollout pauses (at a gate, or for a time) or is through.
      - V(healthy) waits until the declared version is the stable one and healthy. The first version of a Rollout
        becomes that without going through the steps.
    type: str
    choices: [observed, paused, healthy]
    default: observed
seealso:
  - module: progressive.delivery.rollout_set_image
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Have the Rollout as it is in a file
  progressive.delivery.rollout:
    name: shop
    namespace: production
    definition: "{{ lookup('ansible.builtin.template', 'rollout.yml.j2') | from_yaml }}"
    wait_until: healthy

- name: Change the steps, whatever version is released
  progressive.delivery.rollout:
    name: shop
    namespace: production
    definition: "{{ lookup('ansible.builtin.file', 'rollout.yml') | from_yaml }}"
    keep_images: true

- name: Have a Rollout take over from a Deployment, pod by pod
  progressive.delivery.rollout:
    name: shop
    namespace: production
    from_deployment: shop
    mode: workload_ref
    scale_down: progressively
    strategy:
      canary:
        steps:
          - setWeight: 20
          - pause: {}
    wait_until: healthy

- name: Remove it
  progressive.delivery.rollout:
    name: shop
    namespace: production
    state: absent
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
  description: What was left as it is because others own it, who may put back what the task wrote (see O(gitops)), and
    what to look at after a conversion.
  type: list
  elements: str
  returned: when there is something to say
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import FORWARD, GITOPS, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **FORWARD,
    **GITOPS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "definition": {"type": "dict"},
    "from_deployment": {"type": "str"},
    "strategy": {"type": "dict"},
    "mode": {"type": "str", "choices": ["copy", "workload_ref"], "default": "copy"},
    "scale_down": {"type": "str", "choices": ["never", "onsuccess", "progressively"], "default": "never"},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
    "keep_images": {"type": "bool"},
    "force_conflicts": {"type": "bool", "default": False},
}
LIMITS: Spec = {
    "mutually_exclusive": [("definition", "from_deployment")],
    "required_if": [("state", "present", ["definition", "from_deployment"], True)],
    "required_by": {"from_deployment": ["strategy"]},
}


def main() -> None:
    """Entry point."""
    run_module("rollout", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
