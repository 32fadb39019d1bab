# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of a release's report hand on to where the work is done."""

from __future__ import annotations

from ansible_collections.progressive.delivery.plugins.filter import release_page, release_report


def test_facts_become_a_report_and_a_report_a_page() -> None:
    report = release_report.FilterModule().filters()["release_report"]({"services": [{"name": "shop"}]})
    assert (report["schema"], report["verdict"]) == (1, "not_started")
    page = release_page.FilterModule().filters()["release_page"](report)
    assert page.startswith("<!DOCTYPE html>")
    assert "Release of shop" in page
