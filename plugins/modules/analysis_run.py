#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: analysis_run
short_description: Run an analysis of its own, end it, or remove it
version_added: 1.0.0
description:
  - Makes an AnalysisRun that belongs to no Rollout out of one or more templates, waits for it, and fails unless it was
    successful and values stand behind that, as M(progressive.delivery.analysis_wait) does.
  - Flattens templates as the controller does. Nested templates are taken in, each template once. Two metrics of one
    name, an arg with two values, and an arg without a value are errors, and so are templates in a circle.
  - The name is the run's identity. A run of that name and of the same spec is not made again, whether it goes on or is
    over. The module waits for it and gives its answer. With another spec the module refuses, unless O(recreate)
    lets it replace the run.
  - A run that belongs to a Rollout or an Experiment is refused.
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
    description: Name of the AnalysisRun.
    type: str
    required: true
  state:
    description:
      - V(present) makes the run if it is not there.
      - V(terminated) has it end, and succeeds once it has. A run that is over stays as it is.
      - V(absent) removes it, also while it measures.
    type: str
    choices: [present, terminated, absent]
    default: present
  templates:
    description: The templates, as a list. This or O(metrics) is needed with O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the AnalysisTemplate.
        type: str
        required: true
      cluster_scope:
        description: Whether it is a ClusterAnalysisTemplate.
        type: bool
        default: false
  metrics:
    description:
      - Metrics beside those of the templates, as they are written in C(spec.metrics) of a template.
      - They may use the args of the templates, and any other that O(args) gives a value.
    type: list
    elements: dict
    default: []
  args:
    description:
      - A value for each arg of the templates that has none; it goes before the value that a template gives.
      - A value is a text, or a dictionary with C(valueFrom), in it C(secretKeyRef), and in it C(name) and C(key) of a
        Secret, which the module never reads.
      - A plain value can be read by everyone who may read the AnalysisRun. It is no place for a secret.
    type: dict
    default: {}
  dry_run_metrics:
    description: Metrics, by name or regular expression, that are measured and do not count. They add to the templates'.
    type: list
    elements: str
    default: []
  measurement_retention:
    description: How many measurements to keep of each metric, by name or regular expression. The controller keeps 10.
    type: dict
    default: {}
  labels:
    description: Labels of the run, such as C(argo-rollouts.argoproj.io/controller-instance-id).
    type: dict
    default: {}
  recreate:
    description:
      - Whether to replace a run of that name that is there already, whatever its spec.
      - V(finished) replaces one that is over or was told to end, V(always) also one that still measures. Then a second
        run of the task is another analysis, and reports a change.
      - The controller writes results by the name of the run. With V(always), a measurement of the old run that is under
        way when it is deleted may be counted in the new one; O(state=terminated) before V(finished) rules that out.
    type: str
    choices: [never, finished, always]
    default: never
seealso:
  - module: progressive.delivery.analysis_wait
  - module: progressive.delivery.experiment
"""

EXAMPLES = r"""
- name: Look at the error rate of what runs now
  progressive.delivery.analysis_run:
    name: "smoke-{{ release }}"
    namespace: production
    templates:
      - name: success-rate
      - name: latency
        cluster_scope: true
    args:
      service: shop
      token:
        valueFrom:
          secretKeyRef:
            name: prometheus
            key: token
    wait_timeout: 10m

- name: Measure one thing that no template has
  progressive.delivery.analysis_run:
    name: "queue-{{ release }}"
    namespace: production
    metrics:
      - name: queue-length
        successCondition: result[0] < 100
        provider:
          prometheus:
            address: http://prometheus.monitoring:9090
            query: sum(queue_length)

- name: End an analysis that has seen enough
  progressive.delivery.analysis_run:
    name: soak
    namespace: production
    state: terminated
"""

RETURN = r"""
analysis:
  description:
    - The AnalysisRun, as in RV(progressive.delivery.analysis_wait#module:analysis). C(requests) is null.
    - Null when there is none, and in check mode for one that would be made.
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
  description: One entry for each measurement while the task waited, with C(time), C(reason), C(message),
    C(analysis_run) and C(metric), and for what else happened with C(reason) and C(message).
  type: list
  elements: dict
  returned: always
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import OWN, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **OWN,
    "templates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "cluster_scope": {"type": "bool", "default": False},
        },
    },
    "metrics": {"type": "list", "elements": "dict", "default": []},
    "args": {"type": "dict", "default": {}},
    "dry_run_metrics": {"type": "list", "elements": "str", "default": []},
    "measurement_retention": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
}


def main() -> None:
    """Entry point."""
    run_module("analysis_run", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
