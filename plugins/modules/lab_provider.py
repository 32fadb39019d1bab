#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_provider
short_description: Choose where the cluster of a lab comes from, and what is installed there
version_added: 1.0.0
description:
  - Chooses V(kind), V(existing) or V(embedded), and says why. Changes nothing.
  - A lab that exists keeps its provider. Otherwise V(existing) where a cluster is named, V(kind) where Docker or Podman
    can carry it, and else V(embedded), which needs neither.
  - Docker and Podman are asked by their own clients, as kind does it. A client without an engine behind it does not
    count.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  name:
    description: Name of the lab.
    type: str
    default: default
  provider:
    description: V(auto) chooses; each other value is taken, or refused with the way out.
    type: str
    choices: [auto, embedded, existing, kind]
    default: auto
  connection:
    description: Whether the user names a cluster, by a kubeconfig or a context.
    type: bool
    default: false
  components:
    description:
      - What to install in the cluster, of V(istio), V(prometheus), V(ingress_nginx) and V(argo_rollouts).
      - Default is what a lab on an existing cluster was asked for before, and else V(argo_rollouts) with V(existing),
        V(istio), V(prometheus) and V(argo_rollouts) with V(kind). An V(embedded) lab always has these three, and its
        Envoy obeys Ingresses.
    type: list
    elements: str
  engine:
    description:
      - The container engine to use for kind. Default is the first that can carry the cluster, Docker before Podman.
    type: str
    choices: [docker, podman]
  cpus:
    description: Processors that a new kind cluster needs.
    type: int
    default: 2
  memory:
    description: Memory that a new kind cluster needs, in gigabytes.
    type: float
    default: 4
  disk:
    description: Free disk space that a new kind cluster needs for its images, in gigabytes.
    type: float
    default: 10
  removal:
    description: Choose for taking the lab down. Nothing has to work for that, and no engine is asked.
    type: bool
    default: false
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
seealso:
  - module: progressive.delivery.lab_kind
  - module: progressive.delivery.lab_existing
  - module: progressive.delivery.lab_cluster
"""

EXAMPLES = r"""
- name: Choose
  progressive.delivery.lab_provider:
    name: blue
  register: choice

- name: Say it
  ansible.builtin.debug:
    var: choice.msg
"""

RETURN = r"""
provider:
  description: The choice.
  type: str
  returned: success
  sample: kind
components:
  description: What the lab is to have, in the order of installation.
  type: list
  elements: str
  returned: with O(removal=false)
  sample: [istio, prometheus, argo_rollouts]
reason:
  description: Why it is that one.
  type: str
  returned: success
engine:
  description: The container engine; empty for other providers than V(kind).
  type: str
  returned: success
engines:
  description: The engines that were asked, with C(name), C(version), C(rootless) and C(problems), each with a remedy.
  type: list
  elements: dict
  returned: success
msg:
  description: The choice, its reason and the components in one line.
  type: str
  returned: always
  sample: >-
    lab 'default': kind, because Docker 29.1.0 can carry it (progressive_provider chooses another), with istio,
    prometheus, argo_rollouts
"""

from collections.abc import Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import choosing
from ansible_collections.progressive.delivery.plugins.module_utils._lab.engines import Need
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache
from ansible_collections.progressive.delivery.plugins.module_utils._lab.provider import Candidate, Choice, Wish


def _choose(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    wish = Wish(params["name"], params["provider"], params["connection"], params["engine"] or "")
    paths = Cache.default().lab(wish.lab)
    if params["removal"]:
        return _result(wish, choosing.choose_removal(wish, paths), [])
    choice, candidates = choosing.choose(wish, Need(params["cpus"], params["memory"], params["disk"]), paths)
    components = choosing.components(choice.provider, params["components"], paths)
    for warning in choosing.warnings(choice, candidates):
        module.warn(warning)
    result = _result(wish, choice, candidates)
    msg = f"{result['msg']}, with {', '.join(components) or 'nothing installed'}"
    return {**result, "components": list(components), "msg": msg}


def _result(wish: Wish, choice: Choice, candidates: Sequence[Candidate]) -> dict[str, Any]:
    return {
        "provider": choice.provider,
        "reason": choice.reason,
        "engine": choice.engine,
        "engines": [
            {
                "name": candidate.engine.name,
                "version": candidate.engine.version,
                "rootless": candidate.engine.rootless,
                "problems": list(candidate.problems),
            }
            for candidate in candidates
        ],
        "msg": f"lab {wish.lab!r}: {choice.provider}, because {choice.reason} (progressive_provider chooses another)",
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "default"},
            "provider": {"type": "str", "choices": ["auto", "embedded", "existing", "kind"], "default": "auto"},
            "connection": {"type": "bool", "default": False},
            "components": {"type": "list", "elements": "str"},
            "engine": {"type": "str", "choices": ["docker", "podman"]},
            "cpus": {"type": "int", "default": 2},
            "memory": {"type": "float", "default": 4},
            "disk": {"type": "float", "default": 10},
            "removal": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = _choose(module)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
