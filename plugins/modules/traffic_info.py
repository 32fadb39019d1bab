#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_info
short_description: Tell where the traffic of a Rollout goes
version_added: 1.0.0
description:
  - Reads the objects that decide where requests go (Services, VirtualServices and DestinationRule of Istio, the canary
    Ingress of ingress-nginx, the Ingress of an AWS load balancer, a TraefikService) and returns how much each version
    gets, beside what the Rollout's status says.
  - Says where they disagree, for example because something else has written the weights or a selector.
  - Without a traffic router the shares are those of the ready pods. A blue-green Rollout sends everything to the
    version behind its active Service.
  - The controller writes to the router before it writes the Rollout's status, and to Services after it, so for a moment
    they may disagree while the Rollout moves. The module looks up to three times; to wait for longer, use C(until) with
    C(retries).
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - progressive.delivery.delivery
options:
  name:
    description: Name of the Rollout.
    type: str
    required: true
notes:
  - Needs the right to get the Rollout and the objects that it names, and to list ReplicaSets in its namespace. What
    may not be read is named in RV(traffic.not_read).
seealso:
  - module: progressive.delivery.rollout_info
  - module: progressive.delivery.rollout_wait
"""

EXAMPLES = r"""
- name: Wait until the mesh has the weights that the Rollout speaks of
  progressive.delivery.traffic_info:
    name: shop
    namespace: prod
  register: found
  until: found.reason == 'agree'
  retries: 10
  delay: 1

- name: See that the canary gets a fifth of the requests
  ansible.builtin.assert:
    that: (found.traffic.versions | selectattr('version', 'eq', 'canary') | first).weight == 20
    fail_msg: "{{ found.msg }}"
"""

RETURN = r"""
traffic:
  description: Where the Rollout's traffic goes.
  type: dict
  returned: when the Rollout exists
  contains:
    router:
      description:
        - The routers that the Rollout has, as in C(trafficRouting), joined by V(+). V(none) for a canary without one,
          V(service) for blue-green.
      type: str
      sample: istio
    versions:
      description: The versions of the Rollout, and whatever else gets a part of its traffic.
      type: list
      elements: dict
      contains:
        version:
          description:
            - V(stable), V(canary), V(active), V(preview), V(experiment/NAME) for the arm of an experiment, V(other) for
              a hash that the Rollout does not speak of, V(unknown) for a destination of which nothing says the hash.
          type: str
        hash:
          description: Its pod template hash.
          type: str
        revision:
          description: Its revision.
          type: int
        weight:
          description:
            - Its share in percent, as the router has it. Null when the router could not be read, or when its routes
              differ; see RV(traffic.routes).
          type: float
        status_weight:
          description: Its share in percent, as the Rollout's status says. Null when it says nothing.
          type: float
        service:
          description: The Service by which it is reached.
          type: str
        subset:
          description: The subset of the DestinationRule by which it is reached.
          type: str
        pods:
          description: How many pods its ReplicaSet shall have, and how many are ready. Null when that was not read.
          type: dict
    routes:
      description: The routes that lead to these versions, those with the controller's weights first.
      type: list
      elements: dict
      contains:
        object:
          description: Kind, namespace and name of the object that has it.
          type: str
          sample: VirtualService prod/shop
        protocol:
          description: V(http), V(tls), V(tcp), or V(service) for a Service itself.
          type: str
        name:
          description: Its name, or its number where it has none.
          type: str
        role:
          description:
            - V(weighted) for those whose weights the controller sets, V(header) and V(mirror) for those that steps have
              made, V(preview) for a preview Service, V(other) for those that are the user's own.
          type: str
        match:
          description: What a request must be like, in the router's own words.
          type: list
          elements: dict
        destinations:
          description: Each with C(version), C(hash), C(service), C(subset) and C(weight).
          type: list
          elements: dict
        mirror:
          description: The destination that gets a copy of the requests; C(weight) is the percentage.
          type: dict
    disagreements:
      description: Where the objects and the status do not fit together.
      type: list
      elements: dict
      contains:
        what:
          description:
            - V(weight) (a route and the status), V(total) (weights that do not add up to 100), V(selector) (a Service
              that leads to another version), V(subset) (a subset that does), V(missing) (an object or a route that the
              Rollout names), V(pods) (a destination without a ready pod).
          type: str
        where:
          description: The object, or the route of an object.
          type: str
        expected:
          description: What it should be.
          type: raw
        found:
          description: What it is.
          type: raw
        message:
          description: The same in a sentence, with who wrote the object last where that matters.
          type: str
    not_read:
      description:
        - What could not be read, with C(object), C(reason) (such as V(forbidden), V(not_installed), V(not_supported))
          and C(message). Routers that are not named above are not supported.
      type: list
      elements: dict
reason:
  description:
    - V(agree), V(disagree), or V(not_read) when nothing disagrees but something could not be read. A failed task has
      another word, such as V(not_found).
  type: str
  returned: always
  sample: disagree
msg:
  description: Who gets how much, or the first disagreement, in one sentence.
  type: str
  returned: always
  sample: >-
    VirtualService prod/shop, http route primary sends 20 % to canary (Service shop-canary), but status.canary.weights
    of Rollout prod/shop says 40 %; it was last written by argocd-controller at 2026-01-01T12:00:00Z
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import AUTH, Spec, run_module

ARGUMENT_SPEC: Spec = {
    **AUTH,
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
}


def main() -> None:
    """Entry point."""
    run_module("traffic_info", ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
