# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role traffic that counts what a load got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._analysis import traffic

DOCUMENTATION = r"""
name: traffic_report
short_description: Count what a load of requests got, by the version that answered
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Reads what the k6 script of the role P(progressive.delivery.traffic#role) has printed, also while it runs.
  - Every figure is counted from the single requests; nothing is estimated.
positional: _input
options:
  _input:
    description: The text that the script has printed so far.
    type: str
    required: true
  running:
    description: Whether the load runs. Without its last line, one that does not run has been cut off.
    type: bool
    default: false
  since:
    description: Leave out what was sent before, as RFC 3339 or seconds since 1970.
    type: str
  until:
    description: Leave out what was sent then or later, as RFC 3339 or seconds since 1970.
    type: str
  expect:
    description: Status codes of a request that succeeds, such as V(200) or V(2xx).
    type: list
    elements: str
    default: [1xx, 2xx, 3xx, 4xx]
"""

EXAMPLES = r"""
- name: Tell the canary's share during one step
  ansible.builtin.debug:
    msg: "{{ report.versions['2.0.0'].share }}"
  vars:
    report: >-
      {{ lookup('ansible.builtin.file', 'samples.log')
         | progressive.delivery.traffic_report(since=step.begin, until=step.end) }}
"""

RETURN = r"""
_value:
  description:
    - C(name), C(state) (C(running), C(finished) after its whole time, C(stopped) if it ended before), C(started),
      C(ended), C(duration) (seconds as planned), C(seconds) (of what is reported), C(rate) (requests a second that were
      reached), C(requests), C(succeeded), C(success_rate) (null without requests), C(text) (the report in lines).
    - C(versions), by the value of the version header; C(unknown) has answered without it, and C(none) is what no
      version has answered. Each has C(requests), C(share), C(succeeded), C(success_rate), C(status) (requests by status
      code) and C(latency_ms) (C(p50), C(p95), C(p99), C(max)).
    - C(lost), with C(requests) that failed although no version has failed, and C(reasons) with the number of each.
    - C(dropped), requests of the whole load that were not sent because all clients were waiting for answers.
    - C(unfinished), requests of the whole load that were begun and whose end is not known, because they are under way
      or were cut off by a stop.
    - C(clients), with C(seen) and C(several_versions), how many of them saw more than one version.
    - C(paths), by path, with C(requests), C(succeeded), C(success_rate).
  type: dict
"""


def traffic_report(
    text: str,
    *,
    running: bool = False,
    since: object = None,
    until: object = None,
    expect: Sequence[object] = traffic.EXPECTED,
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    return traffic.report(str(text), running=running, since=since, until=until, expect=expect)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"traffic_report": traffic_report}
