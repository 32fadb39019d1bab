# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first thing that a new user runs tells its two stories, and can be run again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.support import lab_down, own_lab, run_playbook


@pytest.fixture
def fresh_lab() -> Iterator[str]:
    name = own_lab("quickstart")
    yield name
    lab_down(name)


@pytest.mark.smoke
def test_the_quickstart_tells_both_stories_and_can_be_run_again(fresh_lab: str) -> None:
    variables = {"progressive_lab": fresh_lab, "quickstart_pause": 2}
    first = run_playbook("quickstart", variables).succeeded()
    for part in (
        "CanaryPauseStep at step 1 (pause)",
        "passed the gate at step 1",
        "Metric:    success-rate",
        "Condition: result[0] >= 0.95",
        "Measured:  [0.",
        "mock-server:2.0.0 is Healthy",
    ):
        assert part in first.output, first.output

    second = run_playbook("quickstart", variables).succeeded()
    assert "the images are set already" in second.output
    assert second.changed == 2, "the bad version is tried and undone again, and nothing else changes"
