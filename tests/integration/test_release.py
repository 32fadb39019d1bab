# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role release: through all gates on evidence, and nowhere without it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, blue_green, canary
from tests.integration.release import Release, images, is_stable
from tests.integration.shop import eventually

GATED: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
ONE_GATE: list[Object] = [{"setWeight": 20}, {"pause": {}}]
FIRST = {"app": "shop:1.0.0"}
SECOND = {"app": "shop:2.0.0"}
THIRD = {"app": "shop:3.0.0"}


@pytest.fixture
def release(stage: Stage, tmp_path: Path) -> Release:
    return Release(stage, tmp_path)


# ---- With evidence


@pytest.mark.smoke
def test_it_passes_all_gates_and_changes_nothing_the_second_time(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=GATED))
    demand = {"requests": {"canary": "vector(500)"}, "min_requests": 100, "signals": ["vector(1)"]}
    assert release.run("--check", images=SECOND, **demand).succeeded().changed == 1
    assert images(stage) == FIRST

    done = release.run(images=SECOND, **demand).succeeded()
    assert "promoted past 2 gate(s), each on evidence" in release.said(done)
    assert (images(stage), is_stable(stage)) == (SECOND, True)
    assert release.result["reason"] == "healthy"

    again = release.run(images=SECOND, **demand).succeeded()
    assert again.changed == 0
    assert "gate" not in release.said(again)
    assert release.run("--check", images=SECOND, **demand).succeeded().changed == 0


def test_a_blue_green_has_one_gate(stage: Stage, release: Release) -> None:
    rollout, *services = blue_green()
    stage.deploy(rollout, *services)
    held = release.fails(images=SECOND, requests={"preview": "vector(1)"}, min_requests=100)
    assert "is not promoted past its gate: evidence is missing: preview: vector(1) gives 1, below min 100." in held
    assert not is_stable(stage)
    release.run(images=SECOND, requests={"preview": "vector(500)"}, min_requests=100).succeeded()
    assert is_stable(stage)
    assert release.run(images=SECOND).succeeded().changed == 0


def test_evidence_that_nobody_has_asked_for_is_told(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": 1}}]))
    done = release.run(images=SECOND, signals=["vector(1)"]).succeeded()
    assert "nobody has asked for the evidence" in release.said(done)


def test_from_gate_to_gate_as_long_as_nothing_speaks_against_it(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=GATED))

    # Without evidence it holds.
    checks = [{"query": query, "max": 1} for query in ("nothing_total", "vector(0) / vector(0)")]
    held = release.fails(images=SECOND, requests={"canary": "vector(7)"}, min_requests=100, checks=checks)
    for part in (
        f"Rollout {stage.namespace}/shop",
        "at step 1, with 20 %",
        "evidence is missing: canary: vector(7) gives 7, below min 100",
        "nothing_total gives nothing, which is no evidence",
        "vector(0) / vector(0) gives NaN",
        "It stays where",
    ):
        assert part in held
    assert stage.get()["status"]["currentStepIndex"] == 1
    assert not stage.get()["status"].get("abort")

    # With it, it leaves the gate to a person who wants to have it.
    stopped = release.run(images=SECOND, at_gate="stop").succeeded()
    assert "The evidence for this gate is there" in release.said(stopped)
    assert release.run(images=SECOND, at_gate="stop").succeeded().changed == 0
    stage.ok("rollout_promote", expected_step=1)
    release.run(images=SECOND, at_gate="stop").succeeded()
    assert release.result["rollout"]["step"]["index"] == 3

    # What somebody has stopped stays so.
    stage.kubectl("patch", "rollout", "shop", "--type=merge", "-p", json.dumps({"spec": {"paused": True}}))
    said = release.fails(images=SECOND)
    assert "spec.paused is set" in said
    assert "Somebody has stopped it on purpose" in said
    assert stage.get()["spec"]["paused"] is True
    assert stage.get()["status"]["currentStepIndex"] == 3

    stage.ok("rollout_pause", state="resumed")
    done = release.run(images=SECOND).succeeded()
    assert "promoted past 1 gate(s)" in release.said(done)
    assert is_stable(stage)


# ---- Without evidence


def test_a_gate_that_is_not_passed(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=ONE_GATE))
    bad = [{"query": "vector(0.2)", "max": 0.1}]

    # What is dead makes the rest worthless. With the look before the release it would not have begun.
    said = release.fails(images=SECOND, signals=["vector(1)", "vector(0)"], checks=bad, preflight=[])
    assert "evidence is missing: vector(0) gives 0, below min 1." in said
    assert "vector(0.2)" not in said
    assert "where the requests really go is not known" in said
    assert not stage.get()["status"].get("abort")

    # A bad value aborts whatever the policy is.
    said = release.fails(images=SECOND, checks=bad)
    assert "a check is bad: vector(0.2) gives 0.2, above max 0.1. " in said
    assert "all traffic is back on the stable version" in said

    # Too few requests abort where that is the policy.
    demand = {"requests": {"canary": "vector(7)"}, "min_requests": 100, "on_missing_evidence": "abort"}
    aborted = release.fails(images=THIRD, **demand)
    assert "aborted revision 3 at step 1" in aborted
    assert "all traffic is back on the stable version" in aborted
    assert stage.get()["status"]["abort"] is True


def silent(stage: Stage) -> Object:
    """An analysis that passes when its query finds nothing."""
    provider = {"prometheus": {"address": stage.lab.record["addresses"]["prometheus"], "query": "nothing_total"}}
    metric = {"name": "errors", "successCondition": "len(result) == 0", "provider": provider}
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate", "metadata": {"name": "value"}}
    return {**head, "spec": {"metrics": [metric]}}


def test_an_analysis_that_was_silent_is_missing_evidence_for_whoever_comes(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, ANALYSIS_STEP, {"pause": {}}]), silent(stage))
    first, second = release.fails(images=SECOND), release.fails(images=SECOND)
    for said in (first, second):
        assert "is called Successful and rests on nothing" in said
    assert stage.get()["status"]["currentStepIndex"] == 2
    release.run(images=SECOND, accept_silence=["errors"]).succeeded()
    assert is_stable(stage)


def test_silence_is_no_success_where_no_gate_could_hold_it(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, ANALYSIS_STEP]), silent(stage))
    said = release.fails(images=SECOND)
    assert "on no evidence" in said
    assert "rollout_undo" in said
    assert is_stable(stage), "the controller has passed it"
    assert release.run(images=SECOND).succeeded().changed == 0, "a run with nothing to release judges nothing"


# ---- When the update itself fails


def test_an_analysis_that_decides_nothing_one_that_fails_and_a_retry(
    stage: Stage, release: Release, gauge: Gauge
) -> None:
    gauge.value = 0.9
    stage.deploy(canary(steps=[{"setWeight": 20}, ANALYSIS_STEP]), gauge.template(failureCondition="result < 0.5"))
    for policy in ("hold", "abort"):
        said = release.fails(images=SECOND, on_missing_evidence=policy)
        assert "a person must look at the analysis" in said
        assert bool(stage.get()["status"].get("abort")) == (policy == "abort")

    gauge.value = 0.4
    said = release.fails(images=THIRD)
    assert release.result["reason"] == "analysis_failed"
    assert 'metric "value" Failed' in said
    again = release.fails(images=THIRD)
    assert "It was aborted before this run" in again
    assert "release_retry" in again
    assert "all traffic is back on the stable version" in again
    assert images(stage) == THIRD
    gauge.value = 1.0
    done = release.run(images=THIRD, retry=True).succeeded()
    assert "nobody" not in release.said(done), "it met no gate, but no evidence was demanded"
    assert is_stable(stage)
    assert release.run(images=THIRD, retry=True).succeeded().changed == 0


def test_a_way_back_that_was_cut_off_is_gone_to_its_end(stage: Stage, release: Release, tmp_path: Path) -> None:
    """By the next run, and it ends as the run would have that was killed behind its abort."""
    stage.deploy(canary(steps=ONE_GATE))
    stage.ok("rollout_set_image", images=SECOND, wait_until="paused")
    stage.ok("rollout_abort", wait_until="observed")
    wish = {"images": SECOND, "on_failure": "undo", "report_dir": str(tmp_path)}
    foreseen = release.run("--check", **wish)
    assert (foreseen.failed, foreseen.changed) == (1, 0)
    assert "It was aborted before this run" in foreseen.output
    assert images(stage) == SECOND

    said = release.fails(**wish)
    assert "It was aborted before this run" in said
    assert "Because release_on_failure is undo, they are taken out of the spec." in said
    assert f"Rollout {stage.namespace}/shop is back on the version from before." in said
    assert (images(stage), is_stable(stage)) == (FIRST, True)
    reports = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    assert [report["verdict"] for report in reports] == ["rolled_back"]

    release.run(**wish).succeeded()
    assert (images(stage), is_stable(stage)) == (SECOND, True)


def test_another_version_that_takes_over_is_left_alone_and_one_that_is_stuck_aborted(
    stage: Stage, release: Release
) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": "1h"}}]))
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Whether the role follows the second version already or comes to the third, it is not its own.
        failing = pool.submit(release.fails, images=SECOND, wait_timeout="10s")
        eventually(lambda: stage.get()["status"].get("pauseConditions"), timeout=120)
        stage.ok("rollout_set_image", images=THIRD)
        said = failing.result(timeout=120)
    assert "Somebody has set another version meanwhile. It is theirs, so it was not touched." in said
    assert not stage.get()["status"].get("abort")

    said = release.fails(images=THIRD, wait_timeout="2s")
    assert "no success within 2s" in said
    assert "aborted revision 3" in said
    assert stage.get()["status"]["abort"] is True


# ---- Wishes that cannot be met


def test_a_wish_that_cannot_be_met_changes_nothing(stage: Stage, release: Release) -> None:
    stage.deploy(canary(steps=GATED))
    spec = stage.get()["spec"]
    wrong = {"min_requests": 5, "watch": "5m", "watch_interval": "0s", "checks": [{"query": "up"}]}
    said = release.fails(images=SECOND, **wrong, prometheus_address="")
    for fault in (
        "release_watch_interval: '0s' is not usable; give more than 0 seconds",
        "release_min_requests is 5, but release_requests does not say how to count them",
        "release_prometheus_address is empty, but release_checks asks Prometheus",
    ):
        assert fault in said
    assert "nobody" in release.fails(images=SECOND, name="nobody")
    assert "has no container named other" in release.fails(images={"other": "shop:2"})
    # Nobody answers at the gates, so it does not begin.
    unheard = release.fails(images=SECOND, checks=[{"query": "up"}], prometheus_address="http://127.0.0.1:9")
    assert "127.0.0.1:9" in unheard

    # Nobody would be there to judge it by.
    empty = release.fails(images=SECOND, traffic="vector(0)")
    assert f"Nobody sends requests to Rollout {stage.namespace}/shop: vector(0) gives 0, below min 1" in empty
    assert "leave traffic out of release_preflight" in empty
    assert "It is not known whether anybody sends requests" in release.fails(images=SECOND, traffic="sum(")

    stage.kubectl("label", "rollout", "shop", "argocd.argoproj.io/instance=web")
    said = release.fails(images=SECOND, gitops="refuse")
    assert "is managed by Argo CD (Application web), so the image of container app was not written" in said
    assert "So nothing is released. Release by a change in Git" in said
    assert stage.get()["spec"] == spec
