# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make bench` measures, side by side in one run on one lab: build/bench.json, and the same on the screen."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.bench import growth, lint, mesh, verbs, watch
from tests.integration.support import lab_down, lab_up, own_lab

REPORT = Path(__file__).resolve().parent.parent.parent / "build" / "bench.json"
ROWS = {
    "mesh: requests per second": mesh.requests_per_second,
    "mesh: seconds until new weights are live": mesh.weight_delay,
    "verbs: milliseconds of an act without wait": verbs.act_without_wait,
    "wait: seconds until a transition is told": watch.reaction,
    "wait: percent of one core while idle": watch.idle,
    "growth: seconds by the number of rollouts": growth.seconds_by_rollouts,
    "rollout_lint: documents per second by the number of documents": lint.documents_per_second,
}


def main() -> None:
    name = own_lab("bench")
    try:
        lab = lab_up(name, live=True)
        measured = {title: measure(lab) for title, measure in ROWS.items()}
    finally:
        lab_down(name)
    text = json.dumps({"processors": os.cpu_count(), "rows": measured}, indent=2) + "\n"
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
