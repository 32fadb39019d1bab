#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: analysis_wait
short_description: Wait for an AnalysisRun or Experiment and say what it proves
version_added: 1.0.0
description:
  - Waits until an AnalysisRun is completed and fails unless it was successful, and unless values stand behind that.
  - The run is given by its name, or as the step, background, pre-promotion or post-promotion analysis of a
    Rollout, or as the experiment of one of its steps; then the module also waits until there is one.
  - Silence is no success. The controller calls a run Successful when a condition lets an empty result or NaN pass
    (C(len(result) == 0 || ...)), when it was terminated before it had measured, when all of its metrics are dry runs,
    and when a web metric got an answer that is no JSON, which its condition never sees. The module fails then, with
    reason V(insufficient), unless O(accept_silence) names the metric.
  - Too few requests are no success either. With O(min_requests) a success also needs so many requests of each arm, as
    O(requests) counts them in the time of the analysis. No number, or a Prometheus that cannot be asked until the
    deadline, is V(insufficient), too.
  - A run that was terminated after it had measured is V(terminated), because it did not get to its end. An experiment
    that is through ends the runs that it owns; that is no fault of theirs.
  - Further reasons are V(successful), V(running) without O(wait), V(analysis_failed), V(analysis_error),
    V(inconclusive), V(experiment_failed) for an experiment whose pods failed, V(no_analysis), and V(bad_query) for a
    query in O(requests) that Prometheus refuses.
  - Never changes anything. In check mode it returns the present state without waiting, and
    a run that is not there yet is no failure.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
  - progressive.delivery.delivery.wait
  - progressive.delivery.delivery.silence
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
      - V(experiment) is the Experiment of the current step, or of the last experiment step that was passed, with all
        of its runs.
      - V(any) takes the one that runs now, or the newest; experiments aside.
    type: str
    choices: [step, background, pre_promotion, post_promotion, experiment, any]
    default: step
  min_requests:
    description: How many requests each arm of O(requests) must have had during the analysis, 1 or more.
    type: int
  requests:
    description:
      - For each arm, such as C(canary) and C(stable), the PromQL query that counts its requests. It must give one
        number.
      - C($window) stands for the time that the analysis took, as in C(65s), and at least C(60s), because
        C(increase()) must see some scrapes. The query is evaluated at the end of the analysis as the cluster tells
        it, so the result is the same whenever the module runs.
    type: dict
    default: {}
  prometheus:
    description: The Prometheus that counts O(requests), or what speaks its HTTP API.
    type: dict
    suboptions:
      address:
        description:
          - Its URL. Where it is not given, the environment variable E(PROMETHEUS_ADDRESS) is taken, and without that
            the address in the analysis itself. Give it when that is an address which only pods can reach.
          - Required together with credentials, which are never sent to an address out of the cluster's objects.
        type: str
      timeout:
        description: How long one question may take, in seconds or as a duration.
        type: str
        default: 10s
      headers:
        description: Further headers, such as C(X-Scope-OrgID).
        type: dict
        default: {}
      bearer_token:
        description: Token for the header C(Authorization).
        type: str
      username:
        description: User for basic authentication.
        type: str
      password:
        description: Password of O(prometheus.username).
        type: str
      validate_certs:
        description: Whether to refuse a certificate that is not trusted.
        type: bool
        default: true
      ca_cert:
        description: PEM file with the authorities to trust. Default is those of the system.
        type: path
notes:
  - The verbs that wait, such as M(progressive.delivery.rollout_set_image), do not fail on a silent analysis, because
    the controller has gone on already. They show it as C(evidence) in the analyses that they return. To hold on
    silence, put a pause behind the analysis and this module before M(progressive.delivery.rollout_promote).
seealso:
  - module: progressive.delivery.rollout_wait
  - module: progressive.delivery.prometheus_query
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

- name: Let nothing pass that fewer than 500 requests of each version stand behind
  progressive.delivery.analysis_wait:
    rollout: shop
    namespace: production
    wait_timeout: 15m
    min_requests: 500
    requests:
      canary: sum(increase(istio_requests_total{destination_service_name="shop-canary"}[$window]))
      stable: sum(increase(istio_requests_total{destination_service_name="shop-stable"}[$window]))
    prometheus:
      address: https://prometheus.example.com

- name: Wait for the experiment that compares canary and baseline, in which no alert is a good sign
  progressive.delivery.analysis_wait:
    rollout: shop
    namespace: production
    kind: experiment
    accept_silence: [firing-alerts]

- name: Hold the release on missing evidence, give it up on anything else
  block:
    - name: Judge the analysis
      progressive.delivery.analysis_wait:
        rollout: shop
        namespace: production
      register: judgement
  rescue:
    - name: Give it up
      progressive.delivery.rollout_abort:
        name: shop
        namespace: production
      when: judgement.reason != 'insufficient'

    - name: Fail
      ansible.builtin.fail:
        msg: "{{ judgement.msg }}"
"""

RETURN = r"""
analysis:
  description:
    - The AnalysisRun. Keys are C(name), C(kind), C(phase), C(message), C(terminated), C(step), C(started_at),
      C(completed_at), C(evidence), C(requests) and C(metrics). Of an experiment it is the first run that is not simply
      good; all of them are in RV(rollout) under C(experiment).
    - C(evidence) is V(measured) when values stand behind the phase, and V(silent) when nothing was found to measure;
      null before the first measurement.
    - C(requests) has a number for each arm of O(requests), null where there was none; null when none were counted.
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
  sample: successful
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
    C(weight), C(replicas) and C(analysis), or with C(reason) and C(message) for what is no state of the Rollout, such
    as each measurement.
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

from ansible_collections.progressive.delivery.plugins.module_utils._module import (
    AUTH,
    SILENCE,
    WAITING,
    Spec,
    run_module,
)
from ansible_collections.progressive.delivery.plugins.module_utils._options import PROMETHEUS

ARGUMENT_SPEC: Spec = {
    **AUTH,
    **WAITING,
    **SILENCE,
    "namespace": {"type": "str", "default": "default"},
    "analysis_run": {"type": "str"},
    "rollout": {"type": "str"},
    "kind": {
        "type": "str",
        "choices": ["step", "background", "pre_promotion", "post_promotion", "experiment", "any"],
        "default": "step",
    },
    "min_requests": {"type": "int"},
    "requests": {"type": "dict", "default": {}},
    "prometheus": {"type": "dict", "apply_defaults": True, "options": PROMETHEUS},
}
LIMITS: Spec = {
    "mutually_exclusive": [("analysis_run", "rollout")],
    "required_one_of": [("analysis_run", "rollout")],
}


def main() -> None:
    """Entry point."""
    run_module("analysis_wait", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
