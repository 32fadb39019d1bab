#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_cluster
short_description: Run a Kubernetes control plane as local processes
version_added: 1.0.0
description:
  - Brings up a lab. That is etcd, kube-apiserver, kube-controller-manager, kube-scheduler, KWOK as the kubelet of
    every node, and
    Prometheus, as processes of the current user that outlive the playbook. No containers, no privileges.
  - Everything listens on 127.0.0.1, on ports that the lab keeps for its life, with a public key infrastructure of
    its own.
  - Restarts what has died, does not answer or differs from what is wanted, including the processes added by
    M(progressive.delivery.lab_process). One of these that does not come up again is a warning, not a failure.
  - Labs live in C(labs/NAME/) of the folder C($XDG_CACHE_HOME/progressive-delivery),
    C(~/.cache/progressive-delivery) by default.
    Several run side by side.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  name:
    description: Name of the lab. 1 to 32 lower-case letters, digits and hyphens.
    type: str
    default: default
  state:
    description:
      - With V(present) the lab is up and ready when the module returns.
      - With V(absent) all that the lab has started is stopped, known by process id and start time, and its folder is
        removed.
    type: str
    choices: [present, absent]
    default: present
  tools:
    description:
      - Path of each program by its name, as M(progressive.delivery.lab_tools) returns it in
        RV(progressive.delivery.lab_tools#module:bin).
      - Required with O(state=present).
    type: dict
  versions:
    description:
      - Versions to write down in the lab's record, as M(progressive.delivery.lab_tools) returns them.
      - That of C(kubernetes) is what the nodes report.
    type: dict
    default: {}
  workers:
    description: Number of worker nodes beside the one node of the control plane. Lowering it removes no node.
    type: int
    default: 2
  timeout:
    description: Seconds that each group of processes gets to become ready.
    type: int
    default: 60
attributes:
  check_mode:
    description: Can run in check mode and tell which processes would be started.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing when all runs as wanted.
    support: full
seealso:
  - module: progressive.delivery.lab_tools
  - module: progressive.delivery.lab_process
  - module: progressive.delivery.lab_kubeconfig
"""

EXAMPLES = r"""
- name: Bring up a lab
  progressive.delivery.lab_cluster:
    name: blue
    tools: "{{ tools.bin }}"
    versions: "{{ tools.versions }}"
  register: cluster

- name: Look at its nodes
  kubernetes.core.k8s_info:
    kubeconfig: "{{ cluster.lab.kubeconfig }}"
    kind: Node

- name: Take it down
  progressive.delivery.lab_cluster:
    name: blue
    state: absent
"""

RETURN = r"""
lab:
  description: The lab's record, as in its C(lab.json). Empty when there is no such lab.
  type: dict
  returned: always
  contains:
    name:
      description: Its name.
      type: str
      returned: with a lab
    provider:
      description: Always V(embedded).
      type: str
      returned: with a lab
    created:
      description: Time of its creation.
      type: str
      returned: with a lab
    kubeconfig:
      description: Path of a kubeconfig for its cluster administrator.
      type: str
      returned: with a lab
    addresses:
      description: URL of the C(apiserver) and of C(prometheus).
      type: dict
      returned: with a lab
    ports:
      description: Port on 127.0.0.1 by what listens on it.
      type: dict
      returned: with a lab
    versions:
      description: As given in O(versions).
      type: dict
      returned: with a lab
    bin:
      description: As given in O(tools).
      type: dict
      returned: with a lab
    processes:
      description: Process id, start time, command, log and readiness address of each process.
      type: dict
      returned: with a lab
started:
  description: Names of the processes that ran for the first time.
  type: list
  elements: str
  returned: success
restarted:
  description: Names of the processes that had died, did not answer or differed from what is wanted.
  type: list
  elements: str
  returned: success
nodes_added:
  description: Names of the nodes that were created.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import lab
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError


def _absent(name: str, check_mode: bool) -> dict[str, Any]:
    changed = lab.exists(name) if check_mode else lab.destroy(name)
    return {"changed": changed, "lab": {}, "started": [], "restarted": [], "nodes_added": []}


def _present(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    name = params["name"]
    wish = lab.Wish(params["tools"], params["versions"], params["workers"], params["timeout"])
    if module.check_mode:
        names = lab.plan(name, wish)
        record = lab.Lab.load(name).record if lab.exists(name) else {}
        return {"changed": bool(names), "lab": record, "started": names, "restarted": [], "nodes_added": []}
    up, outcome = lab.converge(name, wish)
    for warning in outcome.warnings:
        module.warn(warning)
    return {
        "changed": outcome.changed,
        "lab": up.record,
        "started": outcome.started,
        "restarted": outcome.restarted,
        "nodes_added": outcome.nodes_added,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tools": {"type": "dict"},
            "versions": {"type": "dict", "default": {}},
            "workers": {"type": "int", "default": 2},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "present", ["tools"])],
        supports_check_mode=True,
    )
    try:
        if module.params["state"] == "absent":
            result = _absent(module.params["name"], module.check_mode)
        else:
            result = _present(module)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
