# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading rollouts without acting on them."""

from __future__ import annotations

from typing import Any

from .._cluster.errors import ClusterError, NotFound
from .._cluster.resources import EXPERIMENT, ROLLOUT, WORKLOADS, Object
from .._model.experiment import Experiment
from .._model.result import rollout_result
from .._model.rollout import Rollout
from .._model.workload import Workload
from .ports import Clock, ClusterPort
from .retry import Patience


def read_rollouts(
    cluster: ClusterPort,
    clock: Clock,
    namespace: str,
    name: str = "",
    label_selectors: tuple[str, ...] = (),
    field_selectors: tuple[str, ...] = (),
    timeout: float = 30.0,
) -> list[dict[str, Any]]:
    """The ``rollout`` dictionaries of one rollout, or of those that the selectors choose, by namespace and name.

    A name that does not exist gives an empty list. Raises ClusterError.
    """
    patience = Patience(clock, clock.monotonic() + timeout)
    if name:
        try:
            found = [patience.call(lambda limit: cluster.get(ROLLOUT, namespace, name, limit))]
        except NotFound:
            return []
    else:
        selectors = {"labelSelector": ",".join(label_selectors), "fieldSelector": ",".join(field_selectors)}
        query = {key: value for key, value in selectors.items() if value}
        found = patience.call(lambda limit: cluster.list(ROLLOUT, namespace, query, limit))["items"]
    rollouts = sorted((Rollout.parse(item) for item in found), key=lambda item: (item.namespace, item.name))
    return [
        rollout_result(rollout, _workload(cluster, patience, rollout), _experiment(cluster, patience, rollout))
        for rollout in rollouts
    ]


def _workload(cluster: ClusterPort, patience: Patience, rollout: Rollout) -> Workload | None:
    """The object behind a workloadRef, for its images; None when there is none or it cannot be read."""
    ref = rollout.workload_ref
    resource = WORKLOADS.get(ref.kind) if ref else None
    if ref is None or resource is None:
        return None

    def read(limit: float) -> Object:
        return cluster.get(resource, rollout.namespace, ref.name, limit)

    try:
        return Workload.parse(patience.call(read), ref.kind, ref.api_version)
    except ClusterError:
        return None


def _experiment(cluster: ClusterPort, patience: Patience, rollout: Rollout) -> Experiment | None:
    """The Experiment that the rollout waits for; None when there is none or it cannot be read."""
    name = rollout.current_experiment
    if not name:
        return None
    try:
        return Experiment.parse(patience.call(lambda limit: cluster.get(EXPERIMENT, rollout.namespace, name, limit)))
    except ClusterError:
        return None
