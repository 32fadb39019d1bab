# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading rollouts without acting on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._cluster.errors import ClusterError, NotFound
from .._cluster.resources import ANALYSIS_RUN, EXPERIMENT, POD, REPLICA_SET, ROLLOUT, WORKLOADS, Object, Resource
from .._model.experiment import Experiment
from .._model.family import Kin, by_owner, family_tree
from .._model.result import rollout_result
from .._model.rollout import HASH_LABEL, Rollout
from .._model.workload import Workload
from .ports import Clock, ClusterPort
from .retry import Patience

Key = tuple[str, str]  # namespace and name


def read_rollouts(
    cluster: ClusterPort,
    clock: Clock,
    namespace: str,
    name: str = "",
    label_selectors: tuple[str, ...] = (),
    field_selectors: tuple[str, ...] = (),
    timeout: float = 30.0,
    *,
    tree: bool = False,
) -> list[dict[str, Any]]:
    """The ``rollout`` dictionaries of one rollout, or of those that the selectors choose, by namespace and name.

    With ``tree`` each has what belongs to it. A name that does not exist gives an empty list. Raises ClusterError.
    """
    around = _Surroundings(cluster, Patience(clock, timeout), namespace)
    if name:
        try:
            found = [around.get(ROLLOUT, (namespace, name))]
        except NotFound:
            return []
    else:
        selectors = {"labelSelector": ",".join(label_selectors), "fieldSelector": ",".join(field_selectors)}
        found = around.list(ROLLOUT, {key: value for key, value in selectors.items() if value})
    rollouts = sorted((Rollout.parse(item) for item in found), key=lambda item: (item.namespace, item.name))
    workloads, experiments = _workloads(around, rollouts), _experiments(around, rollouts)
    kin = _kin(around) if tree and rollouts else None
    return [
        rollout_result(rollout, workloads.get(_key(rollout)), experiments.get(_key(rollout)))
        | ({} if kin is None else {"tree": family_tree(rollout, kin, clock.now())})
        for rollout in rollouts
    ]


class _Surroundings:
    """The objects around the rollouts, for as few requests as possible."""

    def __init__(self, cluster: ClusterPort, patience: Patience, namespace: str) -> None:
        self._cluster, self._patience, self._namespace = cluster, patience, namespace

    def get(self, resource: Resource, key: Key) -> Object:
        """One object."""
        return self._patience.call(lambda limit: self._cluster.get(resource, *key, limit))

    def list(self, resource: Resource, query: Mapping[str, str] | None = None) -> list[Object]:
        """All of the namespace, or of all namespaces, that the query chooses."""
        found: list[Object] = self._patience.call(
            lambda limit: self._cluster.list(resource, self._namespace, query, limit)
        )["items"]
        return found

    def named(self, resource: Resource, wanted: Iterable[Key]) -> Mapping[Key, Object]:
        """Those of the wanted ones that can be read: a single one by its name, several from one list."""
        keys = set(wanted)
        if not keys:
            return {}
        try:
            found = [self.get(resource, key) for key in keys] if len(keys) == 1 else self.list(resource)
        except ClusterError:
            return {}
        return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in found}


def _key(rollout: Rollout) -> Key:
    return rollout.namespace, rollout.name


def _workloads(around: _Surroundings, rollouts: Iterable[Rollout]) -> Mapping[Key, Workload]:
    """The objects behind the workloadRefs, for their images, by rollout; without those that cannot be read."""
    found = {}
    referring = [(rollout, rollout.workload_ref) for rollout in rollouts if rollout.workload_ref is not None]
    for kind, resource in WORKLOADS.items():
        mine = [(rollout, ref) for rollout, ref in referring if ref.kind == kind]
        read = around.named(resource, ((rollout.namespace, ref.name) for rollout, ref in mine))
        for rollout, ref in mine:
            if (rollout.namespace, ref.name) in read:
                raw = read[rollout.namespace, ref.name]
                found[_key(rollout)] = Workload.parse(raw, kind, ref.api_version)
    return found


def _experiments(around: _Surroundings, rollouts: Iterable[Rollout]) -> Mapping[Key, Experiment]:
    """The Experiments that rollouts wait for, by rollout; without those that cannot be read."""
    wanted = {
        _key(rollout): (rollout.namespace, rollout.current_experiment)
        for rollout in rollouts
        if rollout.current_experiment
    }
    read = around.named(EXPERIMENT, wanted.values())
    return {rollout: Experiment.parse(read[key]) for rollout, key in wanted.items() if key in read}


def _kin(around: _Surroundings) -> Kin:
    ours = {"labelSelector": HASH_LABEL}  # the controller puts it on every ReplicaSet that it makes, and so on the pods
    return Kin(
        replica_sets=by_owner(around.list(REPLICA_SET, ours)),
        pods=by_owner(around.list(POD, ours)),
        experiments=by_owner(around.list(EXPERIMENT)),
        runs=by_owner(around.list(ANALYSIS_RUN)),
    )
