# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases cost no request: what users see fail is what a version does by itself."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.support import Lab, run_playbook

PLAYBOOK = Path(__file__).parent / "playbooks" / "two_releases.yml"


def test_ten_weights_and_two_promotions_under_load_lose_no_request(lab: Lab, tmp_path: Path) -> None:
    told = tmp_path / "report.json"
    variables = {"progressive_lab": lab.name, "demo_namespace": "two-releases", "report": str(told)}
    run_playbook(PLAYBOOK, variables).succeeded()
    lab.kubectl("delete", "namespace", "two-releases", "--wait=false")

    report = json.loads(told.read_text())
    assert report["lost"]["requests"] == 0, report["lost"]
    assert report["dropped"] < report["requests"] / 20, "dropped are those that the generator could not send"
    assert set(report["versions"]) == {"1.0.0", "2.0.0", "3.0.0"}
    assert all(row["requests"] > 100 for row in report["versions"].values())
    assert [report["versions"][version]["success_rate"] for version in ("1.0.0", "2.0.0")] == [1, 1]
    assert 0.93 <= report["versions"]["3.0.0"]["success_rate"] <= 0.97
