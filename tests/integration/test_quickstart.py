# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first thing that a new user runs tells its two stories, and can be run again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.integration.support import lab_down, own_lab, run_playbook


class Row(NamedTuple):
    """One line of the report."""

    requests: int
    share: float
    succeeded: float


def shares(output: str, heading: str) -> dict[str, Row]:
    """The rows below a heading of the report, by version."""
    part = output.partition(heading)[2].partition("was lost")[0].partition("were lost")[0]
    rows = re.findall(r"(\d+\.\d+\.\d+) +(\d+) requests, +([\d.]+) % of all, +([\d.]+) % succeeded", part)
    return {version: Row(int(requests), float(share), float(good)) for version, requests, share, good in rows}


@pytest.fixture
def fresh_lab() -> Iterator[str]:
    name = own_lab("quickstart")
    yield name
    lab_down(name)


@pytest.mark.smoke
def test_the_quickstart_tells_both_stories_and_can_be_run_again(fresh_lab: str) -> None:
    variables = {"progressive_lab": fresh_lab, "quickstart_pause": 8}
    first = run_playbook("quickstart", variables).succeeded()
    for part in (
        "revision 2 is healthy and stable",
        "Metric:    success-rate",
        "Condition: result[0] >= 0.99",
        "Measured:  [0.9",
        "no request was lost",
        "mock-server:2.0.0 is Healthy",
    ):
        assert part in first.output, first.output
    good, bad = (shares(first.output, part) for part in ("1. The good version", "2. The bad version"))
    assert good["2.0.0"].succeeded == 100
    assert good["2.0.0"].requests >= 100
    assert 90 <= bad["3.0.0"].succeeded <= 98, "5 % of some hundred requests"
    assert bad["3.0.0"].share < 25, "no more than the first weight allows"

    second = run_playbook("quickstart", {**variables, "quickstart_bad": "4.0.0"}).succeeded()
    assert "Metric:    latency-p95" in second.output, "a slow version is caught by the time it takes"
    assert "revision 4 is healthy and stable" in second.output
    assert second.changed == 5, "the users come and go, the bad version is tried, aborted and undone; nothing else"
