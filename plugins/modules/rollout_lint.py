#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_lint
short_description: Find mistakes in the manifests of a release before it begins
version_added: 1.0.0
description:
  - Checks Rollouts, AnalysisTemplates, ClusterAnalysisTemplates, AnalysisRuns and Experiments, and what they refer to
    (Services, Ingresses, VirtualServices, DestinationRules, Deployments, autoscalers), as one bundle.
  - It finds all that C(kubectl argo rollouts lint) refuses, and what a release would stumble on later, such as
    arguments without a value, conditions that cannot be read, metrics that never end, gates that pass when there is
    nothing to measure, and autoscalers that point at the wrong object. All rules are in C(docs/lint.md).
  - Without O(online) and O(rollout) it needs no cluster and no client library, and only PyYAML, on the host where it
    runs.
  - A Service, Ingress, VirtualService, DestinationRule, template or Deployment that is referred to and not there is
    only reported where others of its kind and namespace are there. An object without a namespace may be in any.
  - Checks manifests as they are applied, so render those of Helm, Kustomize or Jinja first and give what comes out.
  - Changes nothing.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
options:
  files:
    description:
      - Files of YAML or JSON on the host where the task runs, directories, and patterns such as V(deploy/**/*.yml).
      - Of a directory all files are taken whose names end in C(.yml), C(.yaml) or C(.json), at any depth. What begins
        with a dot is left out there. Documents that are no objects of Kubernetes are left out.
    type: list
    elements: path
  objects:
    description: Objects of Kubernetes to check together with those of O(files).
    type: list
    elements: dict
  rollout:
    description:
      - Name of a Rollout of O(namespace) in the cluster to check as it is there, together with the rest. What it refers
        to is not read.
    type: str
  fail_on:
    description: The least severity that fails the task.
    type: str
    choices: [error, warning, never]
    default: error
  ignore:
    description: Names of rules whose findings are left out.
    type: list
    elements: str
    default: []
  online:
    description:
      - Whether to ask the apiserver as well, by a dry run of the creation of each object of Argo Rollouts with strict
        validation of its fields. What it refuses is reported by the rule V(schema).
      - It needs the right to create these objects. Nothing is created. The connection's options are for this and for
        O(rollout).
      - An apiserver that is busy or away is asked again, for half a minute in all and a second more for each object.
    type: bool
    default: false
  namespace:
    description:
      - The namespace of O(rollout). With O(online), also that of objects that say none; one that is not there yet is no
        finding.
requirements:
  - PyYAML
seealso:
  - module: progressive.delivery.rollout
  - module: progressive.delivery.analysis_run
"""

EXAMPLES = r"""
- name: Check a release's manifests before anything is applied
  progressive.delivery.rollout_lint:
    files: [deploy/]

- name: Be strict, except about one rule
  progressive.delivery.rollout_lint:
    files: ["deploy/*.yml"]
    fail_on: warning
    ignore: [weight-decreases]

- name: Check what a template gives, against the CRDs of the cluster
  progressive.delivery.rollout_lint:
    objects: "{{ lookup('ansible.builtin.template', 'rollout.yml.j2') | from_yaml_all }}"
    online: true
    context: staging
  register: checked

- name: Show all findings
  ansible.builtin.debug:
    msg: "{{ checked.findings | map(attribute='message') }}"
"""

RETURN = r"""
findings:
  description: What was found, in the order of the documents and their lines.
  type: list
  elements: dict
  returned: always, except where the options cannot be acted on or the apiserver cannot be asked
  contains:
    rule:
      description: Name of the rule.
      type: str
    severity:
      description: V(error) or V(warning).
      type: str
    file:
      description: The file, or the place in O(objects) such as C(objects[2]), or C(the cluster).
      type: str
    line:
      description: The line in the file; null for O(objects).
      type: int
    path:
      description: The place in the object.
      type: str
    object:
      description: Kind, namespace and name of the object; empty where a file is the matter.
      type: str
    message:
      description: What is wrong.
      type: str
    remedy:
      description: What helps.
      type: str
  sample:
    - rule: set-weight
      severity: error
      file: deploy/rollout.yml
      line: 14
      path: spec.strategy.canary.steps[2].setWeight
      object: Rollout prod/shop
      message: setWeight is a number from 0 to 100, not 120
      remedy: Write a weight within these limits.
documents:
  description: How many objects were checked.
  type: int
  returned: with RV(findings)
  sample: 5
summary:
  description: How many C(errors) and C(warnings) there are.
  type: dict
  returned: with RV(findings)
  sample: {errors: 1, warnings: 0}
reason:
  description:
    - V(ok) when there is no finding, V(findings) when there is one, whether it fails the task or not.
    - V(invalid_request) for an option that cannot be acted on, such as a file that is not there.
  type: str
  returned: always
  sample: findings
msg:
  description:
    - The number of findings, and the first error or else the first finding, with its file and line.
    - It says so when no object of Argo Rollouts is among what was checked.
  type: str
  returned: always
  sample: >-
    1 error in 5 documents. deploy/rollout.yml:14: Rollout prod/shop: setWeight is a number from 0 to 100, not 120
    (set-weight). Write a weight within these limits.
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import AUTH, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **AUTH,
    "files": {"type": "list", "elements": "path"},
    "objects": {"type": "list", "elements": "dict"},
    "rollout": {"type": "str"},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "ignore": {"type": "list", "elements": "str", "default": []},
    "online": {"type": "bool", "default": False},
    "namespace": {"type": "str", "default": "default"},
}
LIMITS: Spec = {"required_one_of": [("files", "objects", "rollout")]}


def main() -> None:
    """Entry point."""
    run_module("rollout_lint", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
