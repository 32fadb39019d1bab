#!/usr/bin/python
# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: prometheus_query
short_description: Gate a release on a PromQL query
version_added: 1.0.0
description:
  - Asks Prometheus, or what speaks its HTTP API such as Thanos, Mimir or VictoriaMetrics, for the result of a query,
    and fails when the result is no evidence or lies outside of its limits.
  - No evidence is an empty result, NaN (mostly 0/0, because there were no requests) or infinity, and with
    O(max_age) a value that is computed from samples which no longer come. None of these ever passes unless asked for.
  - Never changes anything. It asks in check mode, too.
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
options:
  address:
    description:
      - URL of the server, with the path before C(/api/v1) if there is one.
      - Where it is not given, the environment variable E(PROMETHEUS_ADDRESS) is taken.
    type: str
    required: true
  query:
    description: The PromQL expression.
    type: str
    required: true
  since:
    description:
      - Moment as for O(time), from which on C($window) in O(query) reaches to the moment of the evaluation, in
        whole seconds as in C(8s).
      - What was before that moment does not count. A window that is shorter than two scrapes therefore has no data. It
        grows from one try to the next, so O(retries) with V(empty) in O(retry_on) can wait for what is counted.
    type: str
  time:
    description:
      - Moment of the evaluation. A time such as V(2026-05-01T12:00:00Z), seconds of the epoch, V(now), or V(-5m) for
        5 minutes ago by the clock of the host that runs the module. Give this or O(start).
      - Default is the present of the server.
    type: str
  start:
    description: First moment of a range query, as for O(time).
    type: str
  end:
    description: Last moment of a range query, as for O(time).
    type: str
    default: now
  step:
    description: Distance between two values of a range query, in seconds or as a duration such as V(1m).
    type: str
    default: 15s
  min:
    description: The least value that passes. Every value of the result must hold.
    type: float
  max:
    description: The greatest value that passes. Every value of the result must hold.
    type: float
  allow_empty:
    description: Whether an empty result passes.
    type: bool
    default: false
  allow_nan:
    description:
      - Whether NaN and infinity pass. O(min) and O(max) do not look at NaN then, but still at infinity.
    type: bool
    default: false
  max_age:
    description:
      - Fails when the query reads series that have data in its window, but no sample as new as this. In seconds or as
        a duration such as V(30s).
      - The result of a query does not tell its age. It carries the time of the evaluation, and C(rate(x[5m])) has a
        value for minutes after the last sample. So the module asks once more for each selector in the query.
      - A selector that finds nothing at all in its own window does not count, because a metric of errors may be absent
        where there are none. O(allow_empty) guards the result as a whole.
      - Give at least two scrape intervals.
    type: str
  retries:
    description: How often to ask again, 1000 times at most, when the reason is in O(retry_on).
    type: int
    default: 3
  retry_delay:
    description: Pause before asking again, in seconds or as a duration.
    type: str
    default: 1s
  retry_on:
    description:
      - Reasons to ask again for. Adding V(empty), V(nan) or V(stale) waits for data, adding V(below_min) or
        V(above_max) waits for a value.
    type: list
    elements: str
    choices: [unreachable, timeout, empty, nan, stale, below_min, above_max]
    default: [unreachable, timeout]
  timeout:
    description: How long one question may take, in seconds or as a duration. The server is told, too.
    type: str
    default: 10s
  headers:
    description:
      - Further headers, such as C(X-Scope-OrgID).
      - What looks like a credential by its header's name is not shown in the output.
    type: dict
    default: {}
  bearer_token:
    description: Token for the header C(Authorization).
    type: str
  username:
    description: User for basic authentication.
    type: str
  password:
    description: Password of O(username).
    type: str
  validate_certs:
    description: Whether to refuse a certificate that is not trusted.
    type: bool
    default: true
  ca_cert:
    description: PEM file with the authorities to trust. Default is those of the system.
    type: path
attributes:
  check_mode:
    description: Asks in check mode as always.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference.
    support: none
  idempotent:
    description: Nothing is changed.
    support: full
notes:
  - Redirections are not followed. They mostly lead to a page for people to log in at.
  - Proxies are those of the environment, such as E(HTTPS_PROXY).
seealso:
  - module: progressive.delivery.analysis_wait
  - module: progressive.delivery.rollout_promote
"""

EXAMPLES = r"""
- name: Promote only where 95 % of the canary's requests succeed
  progressive.delivery.prometheus_query:
    address: https://prometheus.example.com
    query: >-
      sum(rate(istio_requests_total{destination_service_name="shop-canary", response_code!~"5.*"}[2m]))
      / sum(rate(istio_requests_total{destination_service_name="shop-canary"}[2m]))
    min: 0.95
    max_age: 30s

- name: Wait up to a minute for the first requests
  progressive.delivery.prometheus_query:
    address: "{{ prometheus_query_address }}"
    query: sum(increase(istio_requests_total{destination_service_name="shop-canary"}[2m]))
    min: 100
    retry_on: [unreachable, timeout, empty, below_min]
    retries: 30
    retry_delay: 2s

- name: Read the latency of the last hour
  progressive.delivery.prometheus_query:
    address: "{{ prometheus_query_address }}"
    query: histogram_quantile(0.95, sum by (le, version) (rate(http_request_duration_seconds_bucket[5m])))
    start: -1h
    step: 1m
    allow_nan: true
  register: latency

- name: Show the worst of each version
  ansible.builtin.debug:
    msg: "{{ latency.result | community.general.json_query(worst) }}"
  vars:
    worst: "[].{version: metric.version, seconds: max(values[?value].value)}"
"""

RETURN = r"""
msg:
  description: One sentence for a person on call. The query, the value, the limit, what to do next.
  type: str
  returned: always
  sample: sum(rate(errors[1m])) / sum(rate(requests[1m])) gives 0.052, above max 0.01.
reason:
  description:
    - V(ok), or why the task failed. V(empty), V(nan), V(stale), V(below_min) and V(above_max) are about the result.
    - V(bad_query) is a query that the server refuses, V(unreachable) and V(timeout) an answer that did not come,
      V(unauthorized) wrong credentials, V(bad_configuration) an address or certificate that cannot work,
      V(invalid_request) an option that cannot be acted on.
  type: str
  returned: always
  sample: ok
value:
  description: The value if there is exactly one and it is a finite number, otherwise null.
  type: float
  returned: always
  sample: 0.987
result_type:
  description: V(vector), V(matrix), V(scalar) or V(string); null without an answer.
  type: str
  returned: always
result:
  description:
    - One entry for each series, with its labels in C(metric), and C(value) and C(time); for a range query C(values),
      a list of C(value) and C(time).
    - JSON has no NaN and no infinity. C(value) is null then, and C(problem) is V(NaN), V(+Inf) or V(-Inf).
  type: list
  elements: dict
  returned: always
  sample:
    - metric: {version: "2"}
      time: "2026-05-01T12:00:00.000Z"
      value: 0.987
text:
  description: The result of a query that is a string.
  type: str
  returned: when RV(result_type=string)
warnings:
  description: What the server warns of, such as an answer from a part of its stores only.
  type: list
  elements: str
  returned: when there is something
attempts:
  description:
    - How often the query was asked; 0 when the options cannot be acted on.
    - In a task with C(until) Ansible puts the number of its own attempts here.
  type: int
  returned: always
"""

from ansible_collections.progressive.delivery.plugins.module_utils._module import Spec, run_module
from ansible_collections.progressive.delivery.plugins.module_utils._options import PROMETHEUS

_REASONS = ["unreachable", "timeout", "empty", "nan", "stale", "below_min", "above_max"]

ARGUMENT_SPEC: Spec = {
    **PROMETHEUS,
    "address": {**PROMETHEUS["address"], "required": True},
    "query": {"type": "str", "required": True},
    "since": {"type": "str"},
    "time": {"type": "str"},
    "start": {"type": "str"},
    "end": {"type": "str", "default": "now"},
    "step": {"type": "str", "default": "15s"},
    "min": {"type": "float"},
    "max": {"type": "float"},
    "allow_empty": {"type": "bool", "default": False},
    "allow_nan": {"type": "bool", "default": False},
    "max_age": {"type": "str"},
    "retries": {"type": "int", "default": 3},
    "retry_delay": {"type": "str", "default": "1s"},
    "retry_on": {"type": "list", "elements": "str", "choices": _REASONS, "default": ["unreachable", "timeout"]},
}
LIMITS: Spec = {
    "mutually_exclusive": [("time", "start"), ("bearer_token", "username")],
    "required_by": {"password": "username"},
}


def main() -> None:
    """Entry point."""
    run_module("prometheus_query", ARGUMENT_SPEC, LIMITS)


if __name__ == "__main__":
    main()
