# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that is killed at any moment is finished by the next run: one new revision, and no step left out.

That of a bad version ends safely aborted, whichever run its analysis comes to.

``PROGRESSIVE_TEST_LONG=1`` kills ten times instead of three, and elsewhere each time. ``PROGRESSIVE_TEST_SEED`` chooses
the moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, canary
from tests.integration.release import Release, is_stable
from tests.integration.support import end_workers, eventually

LONG = bool(os.environ.get("PROGRESSIVE_TEST_LONG"))
KILLS = 10 if LONG else 3
SEED = os.environ.get("PROGRESSIVE_TEST_SEED") or (str(time.time_ns()) if LONG else "6")
STEPS: list[Object] = [
    {"setWeight": 20},
    {"pause": {}},
    {"setWeight": 40},
    {"pause": {"duration": 1}},
    {"setWeight": 60},
    {"pause": {}},
]
ANALYSED: list[Object] = [{"setWeight": 20}, {"pause": {}}, ANALYSIS_STEP, {"setWeight": 60}, {"pause": {}}]


@contextmanager
def steps_of(stage: Stage, revision: int, folder: Path) -> Iterator[list[int]]:
    """The steps that the status names for that revision, each once for as long as it stays; complete at the end."""
    path = "{.metadata.annotations.rollout\\.argoproj\\.io/revision} {.status.currentStepIndex}"
    command = [stage.lab.record["bin"]["kubectl"], f"--kubeconfig={stage.lab.kubeconfig}", "get", "rollout", "shop"]
    options = [f"--namespace={stage.namespace}", "--watch", "-o", f'jsonpath={path}{{"\\n"}}']
    seen: list[int] = []
    log = folder / f"steps-{revision}.txt"
    with log.open("w") as file, subprocess.Popen([*command, *options], stdout=file) as watch:
        eventually(log.read_text, what="the watch has not begun")
        yield seen
        last = f"{revision} {len(STEPS)}"
        eventually(lambda: last in log.read_text().splitlines(), what="the last step was not seen")
        watch.terminate()
    for line in log.read_text().splitlines():
        number, _sep, step = line.partition(" ")
        if number == str(revision) and step and seen[-1:] != [int(step)]:
            seen.append(int(step))


def killed(release: Release, image: str, tasks: int, moment: float) -> None:
    """Run the release, and kill it so many seconds after that task has begun; unless it is over before."""
    command, pipe, nothing = release.command(images={"app": image}), subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=nothing, stdout=pipe, text=True, start_new_session=True) as run:
        assert run.stdout is not None
        begun = 0
        for line in run.stdout:
            begun += line.startswith("TASK [")
            if begun > tasks:
                time.sleep(moment)
                os.killpg(run.pid, signal.SIGKILL)
                # With the verb that one of them may be about.
                end_workers(release.playbook)
                break
        run.stdout.close()


@pytest.mark.timeout(3600 if LONG else 600)
def test_a_release_that_is_killed_is_finished_by_the_next_run(stage: Stage, tmp_path: Path) -> None:
    release, dice = Release(stage, tmp_path), random.Random(SEED)
    stage.deploy(canary(steps=STEPS, revisionHistoryLimit=KILLS + 2))
    whole = release.run(images={"app": "shop:2"}).succeeded().output.count("TASK [")
    for number in range(KILLS):
        revision, image = 3 + number, f"shop:{3 + number}"
        moment = int(whole * (number + dice.random()) / KILLS)
        said = f"seed {SEED}, killed in task {moment} of {whole}"
        with steps_of(stage, revision, tmp_path) as steps:
            killed(release, image, moment, dice.random() / 4)
            release.run(images={"app": image}).succeeded()
        # Before the first step the status still names the last one of the version before.
        assert steps[-len(STEPS) - 1 :] == list(range(len(STEPS) + 1)), said
        assert len(steps) <= len(STEPS) + 2, said
        assert is_stable(stage), said
        sets = json.loads(stage.kubectl("get", "replicasets", "-o", "json"))["items"]
        found = sorted(int(each["metadata"]["annotations"]["rollout.argoproj.io/revision"]) for each in sets)
        assert found == list(range(1, revision + 1)), said


@pytest.mark.timeout(3600 if LONG else 600)
def test_a_bad_release_that_is_killed_ends_safely_aborted(stage: Stage, gauge: Gauge, tmp_path: Path) -> None:
    """Also when it is killed on the way back: the next run goes the rest of it."""
    release, dice = Release(stage, tmp_path), random.Random(f"{SEED}, bad")
    stage.deploy(canary(steps=ANALYSED), gauge.template())
    good, gauge.value = stage.get()["status"]["stableRS"], 0.0
    whole = release.run(images={"app": "shop:2"}).output.count("TASK [")
    for number in range(KILLS):
        image = f"shop:{3 + number}"
        moment = int(whole * (number + dice.random()) / KILLS)
        said = f"seed {SEED}, killed in task {moment} of {whole}"
        killed(release, image, moment, dice.random() / 4)
        assert release.run(images={"app": image}).returncode, said
        status = eventually(lambda: aborted(stage), what=said)
        assert (status["stableRS"], status["currentStepIndex"]) == (good, 0), said
        labels = f"rollouts-pod-template-hash={status['currentPodHash']}"
        runs = json.loads(stage.kubectl("get", "analysisruns", f"--selector={labels}", "-o", "json"))["items"]
        assert [run["status"]["phase"] for run in runs] == ["Failed"], said
        revision = stage.get()["metadata"]["annotations"]["rollout.argoproj.io/revision"]
        assert revision == str(3 + number), said


def aborted(stage: Stage) -> Object | None:
    """The status once all pods are those of the stable version again."""
    status: Object = stage.get()["status"]
    return status if status.get("abort") and not status.get("updatedReplicas") else None
