#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_kind
short_description: Run the cluster of a lab by kind
version_added: 1.0.0
description:
  - Makes a cluster of containers by L(kind,https://kind.sigs.k8s.io), in Docker or Podman, with a kubeconfig and a
    record of its own in C(labs/NAME/) of the folder C($XDG_CACHE_HOME/progressive-delivery),
    C(~/.cache/progressive-delivery) by default. The user's own kubeconfig is left alone.
  - The cluster is called C(progressive-NAME). One of that name that has no record here is refused.
  - Starts nodes that are stopped. What kind decides for the life of a cluster, its image, nodes and ports, is not
    changed; a wish for others is refused with the way out.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  name:
    description: Name of the lab. 1 to 32 lower-case letters, digits and hyphens.
    type: str
    default: default
  state:
    description: V(absent) deletes the cluster and removes the lab's folder.
    type: str
    choices: [present, absent]
    default: present
  engine:
    description:
      - The container engine. Required with O(state=present).
      - With O(state=absent), default is the one that the record names.
    type: str
    choices: [docker, podman]
  program:
    description:
      - Path of kind, or its name on C(PATH). Required with O(state=present).
      - With O(state=absent), default is the one that the record names, or the one on C(PATH).
    type: path
  image:
    description: Image of the nodes, with its digest. Required with O(state=present).
    type: str
  control_planes:
    description: Number of nodes of the control plane.
    type: int
    default: 1
  workers:
    description: Number of nodes beside these.
    type: int
    default: 2
  ports:
    description: Ports of the first node that 127.0.0.1 answers on.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the record calls it.
        type: str
        required: true
      container_port:
        description: Port of the node.
        type: int
        required: true
      host_port:
        description: Port on 127.0.0.1. With V(0) a free one, which the cluster keeps for its life.
        type: int
        default: 0
      protocol:
        description: Protocol.
        type: str
        choices: [TCP, UDP]
        default: TCP
  mirrors:
    description: What the nodes pull from in place of a registry. Can be changed while the cluster runs.
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description: The registry that images name, as host or host:port.
        type: str
        required: true
      endpoints:
        description: URLs as the nodes reach them, tried in order, and the registry itself last.
        type: list
        elements: str
        required: true
      ca_cert:
        description: PEM file with the authority to trust these by.
        type: path
      validate_certs:
        description: Whether to refuse a certificate that is not trusted.
        type: bool
        default: true
  timeout:
    description: Seconds until the nodes are ready, once the image is there and they run.
    type: int
    default: 300
attributes:
  check_mode:
    description: Can run in check mode and tell what would be done.
    support: full
  diff_mode:
    description: There is nothing to show a difference of.
    support: none
  idempotent:
    description: Changes nothing when all is as wanted.
    support: full
seealso:
  - module: progressive.delivery.lab_provider
"""

EXAMPLES = r"""
- name: Make a cluster
  progressive.delivery.lab_kind:
    name: blue
    engine: docker
    program: /usr/local/bin/kind
    image: "{{ image_with_digest }}"
    ports:
      - {name: ingress, container_port: 80}
  register: cluster

- name: Take it down
  progressive.delivery.lab_kind:
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
      description: Always V(kind).
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
    context:
      description: Its only context.
      type: str
      returned: with a lab
    addresses:
      description: URL of the C(apiserver).
      type: dict
      returned: with a lab
    ports:
      description: Port on 127.0.0.1 for each of O(ports).
      type: dict
      returned: with a lab
    versions:
      description: Of C(kubernetes), by the tag of the image, and of C(kind).
      type: dict
      returned: with a lab
    shape:
      description: What was decided for the life of the cluster.
      type: dict
      returned: with a lab
done:
  description: What was done, in words.
  type: list
  elements: str
  returned: success
"""

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.progressive.delivery.plugins.module_utils._lab import kind_cluster
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.kind_config import Mirror, Port, Shape
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache


def _mirror(given: dict[str, Any]) -> Mirror:
    authority = Path(given["ca_cert"]).read_text(encoding="utf-8") if given["ca_cert"] else ""
    return Mirror(given["registry"], given["endpoints"], authority, given["validate_certs"])


def _present(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    ports = [
        Port(port["name"], port["container_port"], port["host_port"], port["protocol"]) for port in params["ports"]
    ]
    shape = Shape(params["engine"], params["image"], params["control_planes"], params["workers"], ports)
    mirrors = [_mirror(given) for given in params["mirrors"]]
    # The whole path, for the record to mean the same program tomorrow.
    program = shutil.which(params["program"]) or params["program"]
    wish = kind_cluster.Wish(shape, program, mirrors, params["timeout"])
    outcome = kind_cluster.converge(params["name"], wish, Cache.default(), check_mode)
    return {"changed": bool(outcome.done), "lab": outcome.record, "done": list(outcome.done)}


def _absent(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    program, engine = params["program"] or "", params["engine"] or ""
    changed = kind_cluster.destroy(params["name"], Cache.default(), program, engine, check_mode)
    return {"changed": changed, "lab": {}, "done": ["deleted the cluster"] if changed else []}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "engine": {"type": "str", "choices": ["docker", "podman"]},
            "program": {"type": "path"},
            "image": {"type": "str"},
            "control_planes": {"type": "int", "default": 1},
            "workers": {"type": "int", "default": 2},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "container_port": {"type": "int", "required": True},
                    "host_port": {"type": "int", "default": 0},
                    "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
                },
            },
            "mirrors": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "registry": {"type": "str", "required": True},
                    "endpoints": {"type": "list", "elements": "str", "required": True},
                    "ca_cert": {"type": "path"},
                    "validate_certs": {"type": "bool", "default": True},
                },
            },
            "timeout": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ["engine", "program", "image"])],
        supports_check_mode=True,
    )
    act = _absent if module.params["state"] == "absent" else _present
    try:
        result = act(module.params, module.check_mode)
    except (LabError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
