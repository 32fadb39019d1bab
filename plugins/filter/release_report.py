# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes the report of a release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._report.report import build

DOCUMENTATION = r"""
name: release_report
short_description: Make the report of a release from what its tasks have returned
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Puts the results of all tasks of a release together. One verdict, and for each service the versions, the weights
    over time, the measurements of each analysis with their limits, the checks, and what happened in its order.
  - What is missing stays empty, because a release that was cut off needs its report most. It never fails.
  - The result is plain JSON. The filter P(progressive.delivery.release_page#filter) makes a page of it.
positional: _input
options:
  _input:
    description:
      - What was gathered. All times are RFC 3339 or seconds since 1970, and every key may be missing.
      - C(started), C(finished), C(check_mode), C(verdict), C(reason) and C(message). The last three follow from the
        services where they are not given.
      - C(by), who ran it, with C(user), C(host), C(playbook), C(ansible), C(collection), and C(job) (C(id), C(name),
        C(url), C(workflow)).
      - C(services), a list in the order of the release. C(namespace), C(name), C(started), C(finished), C(images) (the
        wish), C(verdict), C(reason), C(message), C(before) and C(after) (the Rollout as
        M(progressive.delivery.rollout_info) with C(tree=true) returns it), C(traffic) (the result of
        M(progressive.delivery.traffic_info)), C(load) (what P(progressive.delivery.traffic_report#filter) returns).
      - C(results) of a service, one entry for each verb in their order, with C(action) (its name, such as
        V(rollout_wait)), C(at) (when it ended) and C(result) (what was registered). C(evidence) is a list of further
        results that hold analyses.
      - C(checks) of a service, with C(name), C(when), C(step), C(at), C(result), and for a question to Prometheus
        C(query), C(min) and C(max).
    type: dict
    required: true
seealso:
  - plugin: progressive.delivery.release_page
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the report of one rollout
  ansible.builtin.copy:
    dest: release.json
    content: "{{ gathered | progressive.delivery.release_report | to_nice_json }}"
    mode: "0644"
  vars:
    gathered:
      started: "{{ begun }}"
      finished: "{{ now().timestamp() }}"
      by:
        user: "{{ lookup('ansible.builtin.env', 'USER') }}"
      services:
        - namespace: production
          name: shop
          before: "{{ found.rollouts | first }}"
          results:
            - {action: rollout_set_image, at: "{{ set_at }}", result: "{{ image_set }}"}
            - {action: rollout_wait, at: "{{ waited_at }}", result: "{{ waited }}"}
"""

RETURN = r"""
_value:
  description:
    - C(schema) (V(1)), C(verdict), C(reason), C(message), C(started), C(finished), C(seconds), C(check_mode), C(by),
      C(services), and C(rollback), the services that went back, in the order in which they did.
    - C(verdict) of a service is V(released), V(unchanged), V(held), V(aborted), V(undone), V(failed), V(not_started) or
      V(planned), or V(passed) of an experiment that is no step of a release. That of the release can also be
      V(rolled_back) (nothing new serves any more) or V(partial) (some services are on the new version, others are not).
    - Each service has C(from), C(to) and C(now), C(actions), C(events), C(weights), C(pauses), C(phases), C(analyses),
      C(experiments), C(checks), C(traffic) and C(requests).
  type: dict
"""


def release_report(gathered: Mapping[str, Any]) -> dict[str, Any]:
    """See DOCUMENTATION."""
    return build(gathered)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"release_report": release_report}
