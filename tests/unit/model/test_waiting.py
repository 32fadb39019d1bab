# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout waits for: in every state one word for machines and one clause for people."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.waiting import (
    Waiting,
    is_aborted,
    is_inconclusive,
    phase_is_stale,
    waiting_for,
)

from tests.unit.support import NOW, STATES, Tree, merged, paused, snapshot, updating, view

NOT_SEEN = "the controller has not observed the last change yet"
RESUME = "spec.paused is set; a person must resume it"
MORE = "more replicas need to be updated"
ABORT = "RolloutAborted: Rollout aborted update to revision 3"
CUTOVER = "active service cutover pending"
DECIDE = "a person must look at the analysis and decide"
END_OF_TIMED = (
    "CanaryPauseStep at step 4 (pause: 300s), which ends by itself at 2026-01-01T12:04:00Z",
    NOW + timedelta(minutes=4),
)

EXPECTED: dict[str, Waiting] = {
    "not observed": Waiting("controller", NOT_SEEN),
    "first deployment": Waiting("pods", MORE),
    "healthy": Waiting("nothing", "nothing; it is healthy"),
    "healthy, spec.paused": Waiting("person", RESUME),
    "at setWeight": Waiting("pods", MORE),
    "at manual pause": Waiting("person", "CanaryPauseStep at step 1 (pause), which ends when it is promoted"),
    "at analysis": Waiting("analysis", "the analysis at step 2 (analysis)"),
    "between the gates": Waiting("pods", MORE),
    "at timed pause": Waiting("time", *END_OF_TIMED),
    "at second gate": Waiting("person", "CanaryPauseStep at step 5 (pause), which ends when it is promoted"),
    "past the gates": Waiting("pods", MORE),
    "past the last step": Waiting("pods", MORE),
    "spec.paused at setWeight": Waiting("person", RESUME),
    "spec.paused at manual pause": Waiting("person", RESUME),
    "spec.paused at timed pause": Waiting("person", RESUME),
    "inconclusive step": Waiting("inconclusive", f"InconclusiveAnalysisRun at step 2 (analysis): {DECIDE}"),
    # To resume it would not be enough.
    "inconclusive step, spec.paused": Waiting(
        "inconclusive", f"InconclusiveAnalysisRun at step 2 (analysis): {DECIDE}"
    ),
    "inconclusive background": Waiting("inconclusive", f"InconclusiveAnalysisRun at step 3 (setWeight: 50): {DECIDE}"),
    "unpausing": Waiting("controller", NOT_SEEN),
    "skipped a gate": Waiting("controller", NOT_SEEN),
    "aborting": Waiting("person", "CanaryPauseStep at step 1 (pause), which ends when it is promoted"),
    "aborted": Waiting("aborted", ABORT),
    "retrying": Waiting("aborted", ABORT),
    "full promotion on its way": Waiting("pods", MORE),
    "full promotion, spec.paused": Waiting("person", RESUME),
    "invalid spec": Waiting("invalid_spec", "InvalidSpec: spec.strategy: Required value"),
    "deadline passed": Waiting("progress_deadline", "ProgressDeadlineExceeded: it has timed out progressing."),
    "canary without steps": Waiting("pods", MORE),
    "blue-green healthy": Waiting("nothing", "nothing; it is healthy"),
    "blue-green starting, manual": Waiting("pods", CUTOVER),
    "blue-green starting, auto": Waiting("pods", CUTOVER),
    "blue-green preview, manual": Waiting("person", "BlueGreenPause, which ends when it is promoted"),
    "blue-green preview, timed": Waiting(
        "time", "BlueGreenPause, which ends by itself at 2026-01-01T12:04:00Z", NOW + timedelta(minutes=4)
    ),
    "blue-green active, not stable": Waiting("pods", CUTOVER),
    "blue-green inconclusive": Waiting("inconclusive", f"InconclusiveAnalysisRun: {DECIDE}"),
    "blue-green aborted": Waiting("aborted", "RolloutAborted: by hand"),
    "workloadRef at manual pause": Waiting(
        "person", "CanaryPauseStep at step 1 (pause), which ends when it is promoted"
    ),
}


def test_every_state_is_decided() -> None:
    assert set(EXPECTED) == set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_what_it_waits_for(state: str) -> None:
    now = snapshot(STATES[state])
    assert waiting_for(now.rollout, now.observed) == EXPECTED[state]


def test_the_shape_in_results() -> None:
    assert EXPECTED["at timed pause"].as_result() == {
        "state": "time",
        "message": END_OF_TIMED[0],
        "until": "2026-01-01T12:04:00Z",
    }
    assert EXPECTED["healthy"].as_result() == {"state": "nothing", "message": "nothing; it is healthy", "until": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, True, id="seen"),
        pytest.param({"status": {"abort": None}}, False, id="a retry was written"),
        pytest.param({"status": {"abortedAt": None}}, True, id="the condition alone"),
        pytest.param({"status": {"conditions": []}}, True, id="the time alone"),
        pytest.param({"status": {"abortedAt": None, "conditions": []}}, False, id="not acted on yet"),
    ],
)
def test_aborted_is_what_the_controller_has_seen_as_such(changes: Tree, expected: bool) -> None:
    assert is_aborted(view(merged(STATES["aborted"], changes))) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(paused(2, reason="InconclusiveAnalysisRun"), True, id="analysis"),
        pytest.param(paused(2, reason="InconclusiveExperiment"), True, id="experiment"),
        pytest.param(paused(1), False, id="a gate"),
        pytest.param(updating(2), False, id="no pause"),
    ],
)
def test_inconclusive_is_a_pause_that_no_verdict_ended(raw: Tree, expected: bool) -> None:
    assert is_inconclusive(view(raw)) is expected


@pytest.mark.parametrize("state", STATES)
def test_a_phase_is_stale_when_nothing_pauses_what_it_calls_paused(state: str) -> None:
    """A skip clears the pause and its mark at once; only the stored phase tells that the controller has not acted."""
    assert phase_is_stale(view(STATES[state])) is (state == "skipped a gate")
