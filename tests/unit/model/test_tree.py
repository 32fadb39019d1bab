# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read: the plugin's text, line by line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.result import rollout_result
from ansible_collections.progressive.delivery.plugins.module_utils._model.tree import in_short, render

from tests.unit.support import FIRST_GATE, NEW, STABLE, Tree, ago, canary, paused, preview, updating, view

ESCAPE = re.compile("\x1b" + r"\[[0-9]+m")


def shown(raw: Tree, **tree: Any) -> Tree:
    """The dictionary of a Rollout that is an hour old, with what belongs to it."""
    around = {"now": ago(0), "created": ago(3600), "images": [], "revisions": [], **tree}
    return {**rollout_result(view(raw)), "tree": around}


def replica_set(pod_hash: str, *tags: str, **changes: Any) -> Tree:
    return {
        "name": f"shop-{pod_hash}", "status": "Healthy", "created": ago(600), "tags": list(tags),
        "scale_down_deadline": None, "pods": [], **changes,
    }  # fmt: skip


def pod(name: str, status: str = "Running", ready: str = "1/1", restarts: int = 0) -> Tree:
    return {"name": name, "status": status, "ready": ready, "restarts": restarts, "created": ago(300)}


def run(name: str, status: str, *jobs: Tree, **counts: int) -> Tree:
    none = dict.fromkeys(("successful", "failed", "inconclusive", "error"), 0)
    return {"name": name, "status": status, "created": ago(30), "jobs": list(jobs), **none, **counts}


def revision(number: int, *replica_sets: Tree, experiments: tuple[Tree, ...] = (), runs: tuple[Tree, ...] = ()) -> Tree:
    return {
        "revision": number,
        "replica_sets": list(replica_sets),
        "experiments": list(experiments),
        "analysis": list(runs),
    }


def table(*revisions: Tree, color: bool = False) -> list[str]:
    return render(shown(paused(FIRST_GATE), revisions=list(revisions)), color).partition("\n\n")[2].splitlines()


AT_ITS_GATE = """\
Name:            shop
Namespace:       prod
Status:          ॥ Paused
Message:         CanaryPauseStep
Strategy:        Canary
  Step:          1/7
  SetWeight:     20
  ActualWeight:  20
Images:          shop:1 (stable, Σ:arm)
                 shop:2
Replicas:
  Desired:       5
  Current:       5
  Updated:       1
  Ready:         5
  Available:     5

NAME                      KIND         STATUS              AGE  INFO
⟳ shop                    Rollout      ॥ Paused            60m
├──# revision:3
│  ├──⧉ shop-7f9b6c       ReplicaSet   ✔ Healthy           10m  canary
│  │  ├──□ shop-new-1     Pod          ✔ Running           5m   ready:1/1
│  │  └──□ shop-new-2     Pod          ✖ CrashLoopBackOff  5m   ready:0/1,restarts:7
│  ├──Σ shop-exp          Experiment   ◌ Running           90s
│  │  ├──⧉ shop-arm       ReplicaSet   ✔ Healthy           10m
│  │  │  └──□ shop-arm-1  Pod          ✔ Running           5m   ready:1/1
│  │  └──α compare        AnalysisRun  ◷ Pending           30s
│  └──α rate              AnalysisRun  ✖ Failed            30s  ✔ 3,✖ 2,? 1,⚠ 4
│     └──⊞ smoke-1        Job          ✔ Successful        20s
├──# revision:2
│  └──⧉ shop-5d4c8b       ReplicaSet   ◌ Progressing       10m  stable
│     └──□ shop-old-1     Pod          ◌ Init:0/1          5m   ready:0/1
└──# revision:1
   └──⧉ shop-gone         ReplicaSet   • ScaledDown        10m  delay:27s"""


def test_a_canary_at_its_gate() -> None:
    experiment = {
        "name": "shop-exp", "status": "Running", "created": ago(90),
        "replica_sets": [replica_set("arm", pods=[pod("shop-arm-1")])],
        "analysis": [run("compare", "Pending")],
    }  # fmt: skip
    new = replica_set(NEW, "canary", pods=[pod("shop-new-1"), pod("shop-new-2", "CrashLoopBackOff", "0/1", 7)])
    old = replica_set(STABLE, "stable", status="Progressing", pods=[pod("shop-old-1", "Init:0/1", "0/1")])
    gone = replica_set("gone", status="ScaledDown", scale_down_deadline=ago(-27))
    job = {"name": "smoke-1", "status": "Successful", "created": ago(20)}
    counted = run("rate", "Failed", job, successful=3, failed=2, inconclusive=1, error=4)
    images = [{"image": "shop:1", "tags": ["stable", "Σ:arm"]}, {"image": "shop:2", "tags": []}]
    tree = {
        "images": images,
        "revisions": [
            revision(3, new, experiments=(experiment,), runs=(counted,)),
            revision(2, old),
            revision(1, gone),
        ],
    }
    assert render(shown(paused(FIRST_GATE), **tree)) == AT_ITS_GATE


def test_a_healthy_blue_green_without_a_tree_has_its_head_alone() -> None:
    blue = rollout_result(view(preview({"status": {"phase": "Healthy", "message": None}})))
    assert render({"changed": True, "rollout": blue}) == "\n".join(
        (
            "Name:            shop",
            "Namespace:       prod",
            "Status:          ✔ Healthy",
            "Strategy:        BlueGreen",
            "Images:          shop:2",
            "Replicas:",
            "  Desired:       5",
            "  Current:       5",
            "  Updated:       5",
            "  Ready:         5",
            "  Available:     5",
        )
    )


def test_a_canary_that_nobody_has_looked_at() -> None:
    lines = render(rollout_result(view(updating(0, {"status": None})))).splitlines()
    assert "  Step:" in lines


@pytest.mark.parametrize(
    "given",
    [
        lambda one, two: [one, two],
        lambda one, two: {"rollouts": [one, two]},
        lambda one, two: [{"rollout": one}, {"changed": False, "rollouts": [two]}],
    ],
)
def test_several_are_separated_by_empty_lines(given: Any) -> None:
    one, two = rollout_result(view(canary())), shown(canary({"metadata": {"name": "other"}}))
    assert render(given(one, two)) == f"{render(one)}\n\n{render(two)}"


def test_nothing_is_nothing() -> None:
    assert render({"rollouts": []}) == ""


@pytest.mark.parametrize("given", ["shop", None, 3, {"rollout": None}, {"name": "shop"}, [{"a": 1}]])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest, match=r"give what progressive\.delivery\.rollout_info has returned"):
        render(given)


def test_colours_take_no_room() -> None:
    sets = (replica_set(NEW, "canary", pods=[pod("shop-new-1", "Pending", "0/1")]), replica_set(STABLE, "stable"))
    rows = revision(3, *sets, runs=(run("rate", "Running", successful=1),))
    plain, painted = table(rows), table(rows, color=True)
    assert [ESCAPE.sub("", line) for line in painted] == plain
    assert f"\x1b[33mshop-{NEW}\x1b[0m" in painted[3]
    assert painted[3].endswith("\x1b[33mcanary\x1b[0m")
    assert "\x1b[94m◌\x1b[0m Pending" in painted[4]
    assert f"\x1b[32mshop-{STABLE}\x1b[0m" in painted[5]
    assert "\x1b[94mrate\x1b[0m" in painted[6]
    assert painted[6].endswith("\x1b[32m✔\x1b[0m 1")


@pytest.mark.parametrize(
    ("deadline", "info"), [(ago(-90), "stable,delay:90s"), (ago(1), "stable,delay:passed"), (None, "stable")]
)
def test_how_long_a_replica_set_stays(deadline: str | None, info: str) -> None:
    assert table(revision(2, replica_set(STABLE, "stable", scale_down_deadline=deadline)))[3].endswith(f"10m  {info}")


@pytest.mark.parametrize(
    ("status", "icon"),
    [
        ("Running", "✔"), ("Completed", "✔"), ("Pending", "◌"), ("Terminating", "◌"), ("Init:1/2", "◌"),
        ("ExitCode:3", "✖"), ("Signal:9", "✖"), ("CrashLoopBackOff", "✖"), ("Error", "⚠"), ("ErrImagePull", "⚠"),
        ("CreateContainerError", "⚠"), ("ImagePullBackOff", "⚠"), ("Unknown", "?"), ("Evicted", " "),
    ],
)  # fmt: skip
def test_the_icon_of_a_pod(status: str, icon: str) -> None:
    line = table(revision(3, replica_set(NEW, pods=[pod("shop-1", status)])))[4]
    assert line.partition("Pod")[2].strip(" ").startswith(f"{icon} {status}".strip())


@pytest.mark.parametrize(
    ("status", "icon"),
    [("Successful", "✔"), ("Failed", "✖"), ("Error", "⚠"), ("Inconclusive", "?"), ("Running", "◌"), ("Pending", "◷")],
)
def test_the_icon_of_a_run(status: str, icon: str) -> None:
    assert f"{icon} {status}" in table(revision(3, runs=(run("rate", status),)))[3]


def test_a_run_that_has_not_begun() -> None:
    assert table(revision(3, runs=({**run("rate", ""), "created": ""},)))[3].split()[-2:] == [
        "AnalysisRun",
        "<unknown>",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (121, "2m1s"), (599, "9m59s"), (600, "10m"), (601, "10m"),
        (10799, "179m"), (10800, "3h"), (10860, "3h1m"), (28799, "7h59m"), (28800, "8h"), (28860, "8h"),
        (172799, "47h"), (172800, "2d"), (176400, "2d1h"), (691199, "7d23h"), (691200, "8d"), (694800, "8d"),
        (63071999, "729d"), (63072000, "2y"), (63158400, "2y1d"), (252288000, "8y"), (252374400, "8y"),
    ],
)  # fmt: skip
def test_a_span_in_short(seconds: int, text: str) -> None:
    assert in_short(timedelta(seconds=seconds)) == text
