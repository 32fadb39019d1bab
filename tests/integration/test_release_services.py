# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role release around the gates: several services, what is looked at before, hooks, approval, watch, report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.integration.kit import Gauge, Object, Stage, canary
from tests.integration.release import Release, images, is_stable
from tests.integration.support import run_playbook

ROOT = Path(__file__).resolve().parent.parent.parent
ONE_GATE: list[Object] = [{"setWeight": 50}, {"pause": {}}]
NO_GATE: list[Object] = [{"setWeight": 50}]
FIRST = {"app": "shop:1.0.0"}
SECOND = {"app": "shop:2.0.0"}
BAD = [{"query": "vector(0.2)", "max": 0.1}]


@pytest.fixture
def release(stage: Stage, tmp_path: Path) -> Release:
    return Release(stage, tmp_path)


def small(steps: list[Object], name: str = "shop") -> Object:
    """A canary of two pods."""
    found = canary(steps=steps, replicas=2)
    found["metadata"]["name"] = name
    for labels in (found["spec"]["selector"]["matchLabels"], found["spec"]["template"]["metadata"]["labels"]):
        labels["app"] = name
    return found


def revision(stage: Stage) -> int:
    return int(stage.get()["metadata"]["annotations"]["rollout.argoproj.io/revision"])


def report(release: Release) -> Object:
    """The one that was written last."""
    found = sorted((release.folder / "reports").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    made: Object = json.loads(found[-1].read_text())
    return made


def version() -> str:
    """That of the collection."""
    made: Object = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    return str(made["version"])


# -- several services


def test_when_the_second_of_three_fails_the_first_goes_back_too(stage: Stage, release: Release) -> None:
    names = ["cart", "shop", "till"]
    stage.apply(*(small(ONE_GATE, name) for name in names))
    for name in names:
        stage.ok("rollout_wait", name=name)
    services: list[Object] = [{"name": name, "images": SECOND} for name in names]
    services[1]["checks"] = BAD
    reports = release.folder / "reports"
    said = release.fails(services=services, on_failure="undo", report_dir=str(reports))
    for part in (
        f"Rollout {stage.namespace}/shop is not promoted past its gate at step 1, with 50 % of the requests: a check is"
        " bad: vector(0.2) gives 0.2, above max 0.1. ",
        "all traffic is back on the stable version",
        f"Rollout {stage.namespace}/shop is back on the version from before. "
        f"Rollout {stage.namespace}/cart is back on the version from before. The report is {reports}/",
    ):
        assert part in said
    assert [(images(stage, name), is_stable(stage, name)) for name in names] == [(FIRST, True)] * 3
    assert stage.get("till")["metadata"]["annotations"]["rollout.argoproj.io/revision"] == "1"

    (page,) = reports.glob("*.html")
    (kept,) = reports.glob("*.json")
    found = json.loads(kept.read_text())
    assert page.stem == kept.stem
    assert kept.name.startswith(f"{stage.namespace}-cart-r2-2")
    assert (kept.stat().st_mode & 0o777, page.stat().st_mode & 0o777) == (0o644, 0o644)
    assert found["verdict"] == "rolled_back"
    assert "a check is bad" in found["message"]
    assert [service["verdict"] for service in found["services"]] == ["undone", "undone", "not_started"]
    assert [(back["name"], back["by"], back["done"]) for back in found["rollback"]] == [
        ("shop", "rollout_undo", True),
        ("cart", "rollout_undo", True),
    ]
    cart = found["services"][0]
    assert [action["action"] for action in cart["actions"]][:3] == [
        "rollout_set_image",
        "rollout_wait",
        "rollout_promote",
    ]
    assert (cart["from"]["images"][0]["image"], cart["now"]["images"][0]["image"]) == ("shop:1.0.0", "shop:1.0.0")
    assert "a check is bad" in page.read_text()


def test_what_was_there_before_the_run_stays_and_is_named(stage: Stage, release: Release) -> None:
    """As the next run finds it where one was killed between two services."""
    stage.apply(*(small(NO_GATE, name) for name in ("cart", "shop")))
    stage.ok("rollout_set_image", name="cart", images=SECOND, wait_until="healthy")
    stage.ok("rollout_wait", name="shop")
    broken = {"gate": [hook(release, "smoke.yml", BROKEN)], "after": [hook(release, "smoke.yml", BROKEN)]}
    services = [{"name": name, "images": SECOND} for name in ("cart", "shop")]
    said = release.fails(services=services, hooks=broken, report_dir=str(release.folder / "reports"))
    assert f"Rollout {stage.namespace}/shop is back on the version from before. cart had the new images before" in said
    assert [images(stage, name) for name in ("cart", "shop")] == [SECOND, FIRST]
    found = report(release)
    assert (found["verdict"], [each["verdict"] for each in found["services"]]) == ("partial", ["unchanged", "undone"])


# -- what is looked at before


def test_the_update_of_somebody_else_is_not_replaced_unless_that_is_wanted(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    stage.ok("rollout_set_image", images={"app": "shop:3.0.0"}, wait_until="paused")
    said = release.fails(images=SECOND)
    assert "is on its way to shop:3.0.0 (revision 2, Paused), which is not what this release is about" in said
    assert "release_take_over" in said
    assert images(stage) == {"app": "shop:3.0.0"}
    release.run(images=SECOND, take_over=True).succeeded()
    assert (images(stage), is_stable(stage)) == (SECOND, True)


def test_mistakes_in_the_rollout_refuse_it_unless_it_is_not_looked_at(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    wrong = json.dumps([{"op": "replace", "path": "/spec/strategy/canary/steps/0/setWeight", "value": 120}])
    stage.kubectl("patch", "rollout", "shop", "--type=json", "-p", wrong)
    said = release.fails(images=SECOND)
    assert "setWeight is a number from 0 to 100, not 120" in said
    assert images(stage) == FIRST
    assert "setWeight is a number" not in release.fails(images=SECOND, preflight=["controller", "signals"])
    assert images(stage) == SECOND


def test_what_is_dead_refuses_it_before_anything_is_touched(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    assert "vector(0) gives 0, below min 1" in release.fails(images=SECOND, signals=["vector(1)", "vector(0)"])
    assert images(stage) == FIRST


# -- hooks


def hook(release: Release, name: str, *tasks: Object) -> str:
    """A task file beside the playbook; its path as it begins there."""
    (release.folder / name).write_text(yaml.safe_dump(list(tasks)))
    return name


def test_the_example_has_hooks_at_all_places(stage: Stage, release: Release) -> None:
    given = {"progressive_lab": stage.lab.name, "example_namespace": f"{stage.namespace}-demo", "example_pace": 1}
    try:
        run_playbook(
            "examples.release_hooks", {**given, "example_reports": str(release.folder / "reports")}
        ).succeeded()
    finally:
        stage.kubectl("delete", "namespace", given["example_namespace"], "--wait=false", "--ignore-not-found")
    found = report(release)["services"][0]["checks"]
    assert [(check["when"], check["name"]) for check in found if not check["query"]] == [
        ("before", "hook_before.yml"),
        ("gate", "hook_gate.yml"),
        ("after", "hook_after.yml"),
    ]
    assert {check["when"] for check in found if check["query"]} == {"gate", "watch"}
    assert {check["verdict"] for check in found} == {"good"}


BROKEN = {"name": "Smoke test", "ansible.builtin.fail": {"msg": "the shop is shut"}}


def test_a_hook_that_fails_before_refuses_the_release(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    said = release.fails(images=SECOND, hooks={"before": [hook(release, "smoke.yml", BROKEN)]})
    assert "The hook smoke.yml (before) of Rollout" in said
    assert "the shop is shut" in said
    assert (images(stage), revision(stage)) == (FIRST, 1)


def test_a_hook_that_fails_at_the_gate_holds_or_aborts_as_told(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    hooks = {"gate": [hook(release, "smoke.yml", BROKEN)]}
    assert "the shop is shut" in release.fails(images=SECOND, hooks=hooks, on_failed_hook="hold")
    assert not stage.get()["status"].get("abort")
    said = release.fails(images=SECOND, hooks=hooks)
    assert "the shop is shut" in said
    assert "all traffic is back on the stable version" in said
    assert stage.get()["status"]["abort"] is True


# -- approval


def test_without_a_terminal_nobody_is_waited_for(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    assert "Nobody has approved it, so nothing was touched" in release.fails(images=SECOND, approval="before")
    assert images(stage) == FIRST
    left = release.run(images=SECOND, approval="gate").succeeded()
    assert "rollout_promote passes the gate, rollout_abort gives up" in release.said(left)
    assert stage.get()["status"]["currentStepIndex"] == 1


def test_at_a_terminal_somebody_says_yes(stage: Stage, release: Release) -> None:
    stage.deploy(small(ONE_GATE))
    said = release.at_a_terminal("yes", images=SECOND, approval="gate")
    assert "promoted past 1 gate(s)" in said
    assert (images(stage), is_stable(stage)) == (SECOND, True)
    again = release.run(images=SECOND, approval="both", report_dir=str(release.folder / "reports")).succeeded()
    assert again.changed == 0, "a report changes nothing, and where there is nothing to release nobody is asked"
    assert report(release)["verdict"] == "unchanged"


# -- afterwards


def test_what_becomes_worse_in_the_watch_is_undone(stage: Stage, release: Release) -> None:
    stage.deploy(small(NO_GATE))
    load = {"versions": {"2.0.0": {"requests": 7}}}
    said = release.fails(
        images=SECOND,
        checks=BAD,
        watch="5m",
        watch_interval="1s",
        report_dir=str(release.folder / "reports"),
        load=load,
    )
    assert "became worse after it was released: vector(0.2) gives 0.2, above max 0.1. Rollout" in said
    assert "is back on the version from before" in said
    assert (images(stage), is_stable(stage)) == (FIRST, True)
    found = report(release)
    assert (found["verdict"], found["services"][0]["verdict"]) == ("rolled_back", "undone")
    assert "became worse" in found["message"]
    assert found["services"][0]["requests"][0]["requests"] == 7
    assert (found["by"]["playbook"], found["by"]["collection"]) == ("release.yml", version())
    assert [found["by"][key] is not None for key in ("user", "host", "ansible")] == [True] * 3
    # The line begins with the new version, and not with the old one that served everyone.
    assert next(item["revision"] for item in found["services"][0]["weights"]) == 2


def test_an_experiment_is_followed_and_its_verdict_told(stage: Stage, release: Release, gauge: Gauge) -> None:
    analyses = [{"name": "value", "templateName": "value", "requiredForCompletion": True}]
    step = {"experiment": {"templates": [{"name": "new", "specRef": "canary"}], "analyses": analyses}}
    stage.deploy(small([{"setWeight": 50}, step, {"pause": {}}]), gauge.template(count=2, interval="1s"))
    done = release.run(images=SECOND, report_dir=str(release.folder / "reports")).succeeded()
    assert "is Successful" in done.output
    (found,) = report(release)["services"][0]["experiments"]
    assert found["phase"] == "Successful"
    gauge.value = 0.5
    said = release.fails(images={"app": "shop:3.0.0"})
    assert "measured 0.5" in said
    assert "all traffic is back on the stable version" in said
