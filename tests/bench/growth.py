# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks take in-process as the Rollouts of a namespace become more: to read all, to act on one, to wait for it."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ROLLOUT

from tests.integration.kit import Object, Stage, canary, new_namespace, template
from tests.integration.support import Lab, eventually

SIZES = (1, 10, 100, 1000)
TURNS = 5


def seconds_by_rollouts(lab: Lab) -> dict[str, dict[str, float]]:
    """Seconds of each module by the number of Rollouts; medians. A wait lasts until the controller is through."""
    with new_namespace(lab, f"bench-growth-{os.getpid()}") as stage:
        found, made = {}, 0
        for size in SIZES:
            _make(stage, range(made, size))
            made = size
            turns = [_seconds(stage, size, turn) for turn in range(TURNS)]
            found[str(size)] = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    return found


def _seconds(stage: Stage, size: int, turn: int) -> dict[str, float]:
    """Another image for the first of them, in the middle of all others."""
    tasks: dict[str, Object] = {
        "rollout_info": {},
        "rollout_set_image": {"name": "shop-0000", "images": {"app": f"shop:{size}.{turn}"}, "wait": False},
        "rollout_wait": {"name": "shop-0000", "until": "healthy"},
    }
    found = {}
    for module, options in tasks.items():
        began = time.perf_counter()
        result = stage.run(module, **options)
        found[module] = time.perf_counter() - began
        assert not result["failed"], result
        assert len(result.get("rollouts", range(size))) == size
    return found


def _make(stage: Stage, numbers: range) -> None:
    """Rollouts without pods, as the controller leaves them."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(pool.map(lambda number: stage.cluster.create(ROLLOUT, _rollout(stage, f"shop-{number:04}")), numbers))
    eventually(lambda: _all_seen(stage), timeout=300, what="the controller has not looked at all of them")


def _rollout(stage: Stage, name: str) -> Object:
    labels = {"matchLabels": {"app": name}}
    found = canary(steps=[], replicas=0, selector=labels, template=template("shop:1.0.0", app=name))
    return {**found, "metadata": {"name": name, "namespace": stage.namespace}}


def _all_seen(stage: Stage) -> bool:
    return all(rollout["phase"] == "Healthy" for rollout in stage.run("rollout_info")["rollouts"])
