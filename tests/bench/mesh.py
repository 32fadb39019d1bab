# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's mesh does in a second, and how soon new weights are in force."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.progressive.delivery.plugins.module_utils._lab.pod_network import address_of

from tests.integration.client import Client
from tests.integration.kit import Stage, new_namespace
from tests.integration.shop import eventually, obey, open_shop, split, weigh
from tests.integration.support import Lab

REQUESTS = 10_000
CHANGES = 10
TURNS = 3

_SCRIPT = """
import http from 'k6/http';
export const options = {vus: 16, iterations: Number(__ENV.REQUESTS), summaryTrendStats: ['p(50)', 'p(95)']};
export default function () { http.get(__ENV.ADDRESS, {headers: {Host: __ENV.HOST}}); }
export function handleSummary(data) { return {stdout: JSON.stringify(data.metrics)}; }
"""


def requests_per_second(lab: Lab) -> dict[str, float]:
    """Of 16 clients at once: through Envoy (`envoy`) and to a pod by its own address (`direct`), by turns; medians."""
    with _shop(lab) as (stage, client):
        obey(stage, client, split(50))
        pods = json.loads(stage.kubectl("get", "pods", "-o", "json"))["items"]
        pod = address_of(lab.record["network"], pods[0]["status"]["podIP"])
        ways = {"envoy": client.address, "direct": f"http://{pod}:8080"}
        turns = [{way: _rate(lab, address, client.host) for way, address in ways.items()} for _turn in range(TURNS)]
    medians = {way: statistics.median(turn[way] for turn in turns) for way in ways}
    return {**medians, "ratio": medians["envoy"] / medians["direct"]}


def _rate(lab: Lab, address: str, host: str) -> float:
    """Requests a second that k6 gets answered; every one of them has to succeed."""
    done = subprocess.run(
        [lab.record["bin"]["k6"], "run", "--quiet", "--no-usage-report", "--address", "", "-"],
        input=_SCRIPT, env={**os.environ, "REQUESTS": str(REQUESTS), "ADDRESS": address, "HOST": host},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    measured = json.loads(done.stdout)
    assert measured["http_req_failed"]["values"]["rate"] == 0, measured
    return float(measured["http_reqs"]["values"]["rate"])


def weight_delay(lab: Lab) -> dict[str, float]:
    """Seconds from before the write of new weights to the first request that obeys them: `median` and `worst`."""
    with _shop(lab) as (stage, client):
        obey(stage, client, split(100))
        delays = []
        with client.steadily(200) as load:
            for number in range(CHANGES):
                wanted = "2" if number % 2 == 0 else "1"
                written, seen = weigh(stage, 100 if wanted == "1" else 0), len(load.answers)
                eventually(lambda seen=seen: len(load.answers) > seen + 100)
                delays.append(min(item.started for item in load.answers[seen:] if item.version == wanted) - written)
    return {"median": statistics.median(delays), "worst": max(delays)}


@contextmanager
def _shop(lab: Lab) -> Iterator[tuple[Stage, Client]]:
    with new_namespace(lab, f"bench-{os.getpid()}", wait=True) as stage:
        yield stage, open_shop(stage)
