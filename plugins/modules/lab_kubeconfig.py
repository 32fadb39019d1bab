#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_kubeconfig
short_description: Write a kubeconfig for a ServiceAccount or a user of a lab
version_added: 1.0.0
description:
  - Writes a self-contained kubeconfig of mode C(0600), either with a token of a ServiceAccount or with a certificate
    for a user.
  - What uses it has the rights of that account or user, so that roles and bindings are really exercised.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  lab:
    description: Name of the lab.
    type: str
    default: default
  path:
    description: File to write.
    type: path
    required: true
  service_account:
    description: Name of an existing ServiceAccount. Give this or O(user).
    type: str
  namespace:
    description: Namespace of O(service_account).
    type: str
    default: default
  duration:
    description: Seconds that the token of O(service_account) shall last, a year at most. It is renewed in the last
      tenth.
    type: int
    default: 31536000
  user:
    description: Name of a user. The certificate is signed by the lab's authority. Give this or O(service_account).
    type: str
  groups:
    description: Groups of O(user).
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Can run in check mode and tell whether the file would be written.
    support: full
  diff_mode:
    description: A kubeconfig is a secret, so there is no difference to show.
    support: none
  idempotent:
    description: A file that works as wanted stays.
    support: full
seealso:
  - module: progressive.delivery.lab_cluster
"""

EXAMPLES = r"""
- name: Kubeconfig of the Rollouts controller
  progressive.delivery.lab_kubeconfig:
    lab: blue
    service_account: argo-rollouts
    namespace: argo-rollouts
    path: "{{ folder }}/argo-rollouts.kubeconfig"

- name: Kubeconfig of somebody who may only look
  progressive.delivery.lab_kubeconfig:
    lab: blue
    user: viewer
    groups: [auditors]
    path: "{{ folder }}/viewer.kubeconfig"
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import identities
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab


def _write(params: dict[str, Any], check_mode: bool) -> bool:
    lab, path = Lab.load(params["lab"]), Path(params["path"])
    if params["user"]:
        return identities.user(lab, params["user"], tuple(params["groups"]), path, check_mode)
    account = params["service_account"]
    return identities.service_account(lab, params["namespace"], account, path, params["duration"], check_mode)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "lab": {"type": "str", "default": "default"},
            "path": {"type": "path", "required": True},
            "service_account": {"type": "str"},
            "namespace": {"type": "str", "default": "default"},
            "duration": {"type": "int", "default": 31536000},
            "user": {"type": "str"},
            "groups": {"type": "list", "elements": "str", "default": []},
        },
        mutually_exclusive=[("service_account", "user")],
        required_one_of=[("service_account", "user")],
        supports_check_mode=True,
    )
    try:
        changed = _write(module.params, module.check_mode)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, path=module.params["path"])


if __name__ == "__main__":
    main()
