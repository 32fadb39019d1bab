#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_process
short_description: Run a further process in a lab
version_added: 1.0.0
description:
  - Starts, stops or restarts one more process of a lab that M(progressive.delivery.lab_cluster) has made, such as a
    controller.
  - The process runs detached with its output in C(logs/) of the lab's folder. It is stopped with the lab, and
    M(progressive.delivery.lab_cluster) restarts it when it has died.
  - Its environment is C(PATH) and C(HOME) of the caller and O(environment), nothing else.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  lab:
    description: Name of the lab.
    type: str
    default: default
  name:
    description: Name of the process, unique in the lab.
    type: str
    required: true
  state:
    description:
      - V(started) starts it if it does not run, and restarts it if its command, environment or readiness address
        differ.
      - V(restarted) restarts it in any case.
      - V(stopped) stops it, until something starts it again.
    type: str
    choices: [started, stopped, restarted]
    default: started
  command:
    description:
      - Program and arguments. C({port:NAME}) stands for the port that is reserved for NAME, see O(ports).
      - May be left out if the process is known to the lab.
    type: list
    elements: str
  environment:
    description: Environment variables. C({port:NAME}) is replaced here, too.
    type: dict
    default: {}
  ports:
    description: Names to reserve ports on 127.0.0.1 for. A name keeps its port for the life of the lab.
    type: list
    elements: str
    default: []
  ready_url:
    description:
      - Address on http or https that answers with a status 2xx when the process is ready. https is verified with the
        lab's own authority.
      - C({port:NAME}) is replaced here, too.
    type: str
  ready_tcp:
    description: Name of a port that accepts connections when the process is ready.
    type: str
  ready_timeout:
    description: Seconds that it gets to become ready.
    type: int
    default: 60
  revive:
    description:
      - Whether M(progressive.delivery.lab_cluster) starts it again when it has ended. V(false) is for what is meant to
        end by itself, such as a load of requests.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode. Ports that are not reserved yet count as a difference.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing when the process runs as wanted. O(state=restarted) always changes.
    support: partial
seealso:
  - module: progressive.delivery.lab_cluster
"""

EXAMPLES = r"""
- name: Run the Rollouts controller
  progressive.delivery.lab_process:
    lab: blue
    name: rollouts-controller
    command:
      - "{{ tools.bin['rollouts-controller'] }}"
      - --kubeconfig={{ controller.path }}
      - --metricsPort={port:rollouts-metrics}
      - --healthzPort={port:rollouts-health}
    ports: [rollouts-metrics, rollouts-health]
    ready_url: http://127.0.0.1:{port:rollouts-health}/healthz

- name: Stop it
  progressive.delivery.lab_process:
    lab: blue
    name: rollouts-controller
    state: stopped
"""

RETURN = r"""
process:
  description: The process as recorded. Keys are C(pid), C(start_time), C(command), C(environment), C(log),
    C(ready_url), C(wanted), C(revive).
  type: dict
  returned: success
running:
  description: Whether it runs now; in check mode, before anything would be done.
  type: bool
  returned: success
ports:
  description: Port by name, for those of O(ports).
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import extra_process
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lab": {"type": "str", "default": "default"},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted"], "default": "started"},
            "command": {"type": "list", "elements": "str"},
            "environment": {"type": "dict", "default": {}},
            "ports": {"type": "list", "elements": "str", "default": []},
            "ready_url": {"type": "str"},
            "ready_tcp": {"type": "str"},
            "ready_timeout": {"type": "int", "default": 60},
            "revive": {"type": "bool", "default": True},
        },
        mutually_exclusive=[("ready_url", "ready_tcp")],
        supports_check_mode=True,
    )
    try:
        request = extra_process.ProcessRequest.from_arguments(module.params)
        result = extra_process.apply(Lab.load(module.params["lab"]), request, module.check_mode)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
