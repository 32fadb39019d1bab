# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a wait tells of a transition, and what it costs while there is none."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import MERGE_PATCH, ROLLOUT
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.integration.kit import Object, Stage, arguments, canary, new_namespace
from tests.integration.support import Lab

TRANSITIONS = 50
IDLE_SECONDS = 30.0

# Of each line of progress: when the listener got it, and the entry.
Told = SimpleQueue[tuple[float, Object]]


def reaction(lab: Lab) -> dict[str, float]:
    """Seconds from before a write of the status until the wait tells of it: `median` and `worst`."""
    with _waiting(lab) as (stage, told):
        delays = []
        for number in range(TRANSITIONS):
            written = time.monotonic()
            _write(stage, {"status": {"message": f"transition {number}"}}, "status")
            heard, entry = told.get(timeout=30)
            assert entry["message"] == f"transition {number}", entry
            delays.append(heard - written)
    return {"median": statistics.median(delays), "worst": max(delays)}


def idle(lab: Lab) -> dict[str, float]:
    """Percent of one core that a wait takes while nothing happens."""
    with _waiting(lab):
        started, used = time.monotonic(), time.process_time()
        time.sleep(IDLE_SECONDS)
        return {"percent": 100 * (time.process_time() - used) / (time.monotonic() - started)}


@contextmanager
def _waiting(lab: Lab) -> Iterator[tuple[Stage, Told]]:
    """A wait for a Rollout at its gate that no controller works on any more; it has told of where it stands."""
    told: Told = SimpleQueue()
    with new_namespace(lab, f"bench-{os.getpid()}", wait=True) as stage:
        given = {"name": "shop", "namespace": stage.namespace, "until": "healthy", "wait_timeout": "5m"}
        stage.deploy(canary(replicas=1))
        stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
        # A controller without --instance-id leaves objects with this label alone.
        _write(stage, {"metadata": {"labels": {"argo-rollouts.argoproj.io/controller-instance-id": "nobody"}}})
        with ThreadPoolExecutor(1) as pool:
            pool.submit(
                run_task, "rollout_wait", arguments("rollout_wait", given), lambda: stage.cluster,
                listener=lambda entry: told.put((time.monotonic(), entry)),
            )  # fmt: skip
            told.get(timeout=30)
            yield stage, told
            stage.kubectl("delete", "rollout", "shop")


def _write(stage: Stage, change: Object, subresource: str = "") -> None:
    stage.cluster.patch(
        ROLLOUT, stage.namespace, "shop", change, content_type=MERGE_PATCH, subresource=subresource
    )  # fmt: skip
