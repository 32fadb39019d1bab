#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_restart
short_description: Restart the pods of a Rollout
version_added: 1.0.0
description:
  - Has the controller replace the pods that are older than a moment. It evicts them, no more at once than
    C(maxUnavailable) lets (one at least), and goes on as new ones are available.
  - By default waits until all of them are replaced and available. When the deadline passes and a PodDisruptionBudget
    refuses the evictions, the task fails with the reason V(pdb_blocked) and names the budget.
  - To be good for more than one run it must know which restart is meant, so either O(not_before) or O(token) is
    needed. A restart that was asked for already is not asked for again, but is waited for.
  - During an update the pods of both versions are restarted, also while it is paused; the update goes on afterwards
    where it was. When the pod template changes meanwhile, the controller takes the restart for done, and the task
    fails with the reason V(superseded).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.rollout
  - progressive.delivery.delivery.wait
  - progressive.delivery.delivery.gitops
options:
  not_before:
    description:
      - No pod shall be older than this time (RFC 3339 with its zone), to the full second. Younger pods stay.
      - For a time to come the controller begins then.
      - Does nothing when a restart was asked for that covers it.
      - Give it as a string. Mutually exclusive with O(token).
    type: str
  token:
    description:
      - A word for this restart, such as the checksum of what the pods are to read anew. All pods that are there are
        restarted, once for each word.
      - It is kept in the annotation C(progressive.delivery/restart-token) of the Rollout, so only the last one is
        known. A GitOps tool that prunes annotations makes it forgotten.
      - Mutually exclusive with O(not_before).
    type: str
  wait_until:
    description:
      - V(observed) waits until the controller has seen the wish.
      - V(restarted) waits until no older pod is left and all of them are available.
    type: str
    choices: [observed, restarted]
    default: restarted
notes:
  - To see the last pod become ready, and to name the PodDisruptionBudget in the way, the user needs the right to list
    pods and C(poddisruptionbudgets). Without it the status of the Rollout is all that counts, and the reason is
    V(timeout).
seealso:
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Make all pods read the new certificate, once for each certificate
  progressive.delivery.rollout_restart:
    name: shop
    namespace: production
    token: "{{ certificate | hash('sha256') }}"
    wait_timeout: 15m

- name: No pod older than the maintenance
  progressive.delivery.rollout_restart:
    name: shop
    not_before: "2026-01-31T04:00:00Z"

- name: Restart whenever this runs
  progressive.delivery.rollout_restart:
    name: shop
    token: "{{ now(utc=true).isoformat() }}"
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
  sample: restarted
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

from ansible_collections.progressive.delivery.plugins.module_utils._module import GITOPS, WAIT, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **WAIT,
    **GITOPS,
    "not_before": {"type": "str"},
    "token": {"type": "str", "no_log": False},
    "wait_until": {"type": "str", "choices": ["observed", "restarted"], "default": "restarted"},
}
LIMITS: Spec = {"mutually_exclusive": [("not_before", "token")], "required_one_of": [("not_before", "token")]}


def main() -> None:
    """Entry point."""
    run_module("rollout_restart", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
