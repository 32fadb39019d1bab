# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the role traffic hand on to where the work is done."""

from __future__ import annotations

from ansible_collections.progressive.delivery.plugins.filter import traffic_load, traffic_report

VARIABLES = {
    "name": "shop",
    "url": "http://shop.demo/",
    "rate": 50,
    "max_rate": 1000,
    "max_requests": 1000000,
    "duration": "30s",
    "clients": 100,
    "timeout": "10s",
    "version_header": "x-version",
}
PRINTED = """{"started": 0, "name": "shop", "rate": 1, "seconds": 9, "paths": ["/"]}
[0, 0, 1.5, 200, 0, 0, "1.0.0"]
[1, 1000, 1.5, 404, 0, 0, "1.0.0"]
[2, 2000, 1.5, 200, 0, 0, "1.0.0"]
"""


def test_a_load_becomes_parameters() -> None:
    parameters = traffic_load.FilterModule().filters()["traffic_load"](VARIABLES)
    assert (parameters["url"], parameters["seconds"]) == ("http://shop.demo/", 30)


def test_samples_become_a_report() -> None:
    made = traffic_report.FilterModule().filters()["traffic_report"](
        PRINTED, running=True, since="1", until=2.5, expect=[200]
    )
    assert (made["state"], made["requests"], made["succeeded"]) == ("running", 2, 1)
