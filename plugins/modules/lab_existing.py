#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_existing
short_description: Check a cluster that is there, before a lab uses it
version_added: 1.0.0
description:
  - Checks that the cluster answers, that its version will do, and that you have the rights that the roles need, by
    asking the apiserver (SelfSubjectAccessReview). All rights that are missing are told at once.
  - Writes the lab's record, so that later playbooks find the cluster by the lab's name. Tokens and passwords are not
    in it.
  - Changes nothing in the cluster.
  - A lab stays on its cluster. If the same kubeconfig leads to another one later, that is an error.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
options:
  name:
    description: Name of the lab.
    type: str
    default: default
  state:
    description: V(absent) removes the record only.
    type: str
    choices: [present, absent]
    default: present
  components:
    description:
      - What is to be installed there, which decides the rights that are asked for, see
        M(progressive.delivery.lab_provider). Noted down in the lab's record. Default is what stands there, else
        V(argo_rollouts).
    type: list
    elements: str
requirements:
  - python >= 3.11
  - kubernetes >= 31.0.0
attributes:
  check_mode:
    description: Can run in check mode; the checks are the same.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing while the cluster is the same.
    support: full
seealso:
  - module: progressive.delivery.lab_provider
"""

EXAMPLES = r"""
- name: Take the cluster of a context for a lab
  progressive.delivery.lab_existing:
    name: staging
    context: staging
  register: cluster
"""

RETURN = r"""
server:
  description: Address of the apiserver. The lab's record has it, too (lookup P(progressive.delivery.lab#lookup)).
  type: str
  returned: with O(state=present)
  sample: https://staging.example.com:6443
version:
  description: Version of Kubernetes.
  type: str
  returned: with O(state=present)
  sample: v1.36.3
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.progressive.delivery.plugins.module_utils._lab import existing
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache
from ansible_collections.progressive.delivery.plugins.module_utils._module import AUTH


def _present(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    connection = existing.Connection(_path(params["kubeconfig"]), params["context"] or "")
    cluster = connect(params, module.warn)
    # The record is not returned: Ansible would hide the kubeconfig in it, and with that hand on a wrong path.
    record, changed = existing.adopt(
        params["name"], cluster, connection, Cache.default(), module.check_mode, params["components"]
    )
    return {"changed": changed, "server": record["addresses"]["apiserver"], "version": record["versions"]["kubernetes"]}


def _absent(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": existing.leave(module.params["name"], Cache.default(), module.check_mode)}


def _path(kubeconfig: object) -> str:
    """Where the kubeconfig is; one that is handed over as a whole holds secrets, and is not for a record."""
    return kubeconfig if isinstance(kubeconfig, str) else ""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **AUTH,
            "name": {"type": "str", "default": "default"},
            "components": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    act = _absent if module.params["state"] == "absent" else _present
    try:
        result = act(module)
    except ImportError as error:
        library = missing_required_lib("kubernetes, PyYAML and urllib3", reason="beside the collection kubernetes.core")
        module.fail_json(msg=library, exception=error)
    except (LabError, ClusterError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
