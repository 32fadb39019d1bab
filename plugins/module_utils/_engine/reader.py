# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the objects that a verb decides on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

from .._cluster.errors import ClusterError, NotFound
from .._cluster.resources import (
    ANALYSIS_RUN,
    DISRUPTION_BUDGET,
    EXPERIMENT,
    POD,
    REPLICA_SET,
    ROLLOUT,
    WORKLOADS,
    Object,
    Resource,
)
from .._model.analysis import AnalysisRun
from .._model.disruption import Budget
from .._model.experiment import Experiment
from .._model.observed import lags, may_lag, spec_observed
from .._model.rollout import HASH_LABEL, Rollout
from .._model.workload import ReplicaSet, Workload
from .._verbs.plan import Snapshot
from .outcome import Stop
from .ports import Clock, ClusterPort
from .retry import Patience

Made = TypeVar("Made", AnalysisRun, Experiment)


class Reader:
    """One rollout and what belongs to it."""

    def __init__(self, cluster: ClusterPort, clock: Clock, patience: Patience, namespace: str, name: str) -> None:
        self._cluster, self._clock, self._patience = cluster, clock, patience
        self._namespace, self._name = namespace, name
        self._workload: Object | None = None
        self._up_to_date: tuple[int, str] | None = None

    def snapshot(self, history: bool) -> Snapshot:
        """Everything fresh from the apiserver."""
        raw = self._patience.call(self._get)
        self._workload = self._read_workload(Rollout.parse(raw))
        return self.of(raw, history)

    def last_look(self) -> Snapshot:
        """The Rollout as it is after the deadline, see ``Patience.last_look``."""
        return self.of(self._patience.last_look(self._get))

    def _get(self, timeout: float) -> Object:
        return self._cluster.get(ROLLOUT, self._namespace, self._name, timeout)

    def of(self, raw: Object, history: bool = False) -> Snapshot:
        """A snapshot around a version of the Rollout that is at hand already."""
        rollout = Rollout.parse(raw)
        if self._workload is not None and self._workload_is_old(rollout):
            self._workload = self._read_workload(rollout)
        return Snapshot(
            rollout=rollout,
            workload=self._parse_workload(rollout),
            now=self._clock.now(),
            replica_sets=self.replica_sets(rollout) if history else (),
            lagging=self._lags(rollout),
        )

    def _lags(self, rollout: Rollout) -> bool:
        """Whether the status is still about the version before; asks for its ReplicaSet where the status may be.

        It never goes back to that, so each version of the spec is asked about once at the most.
        """
        version = rollout.generation, rollout.current_hash
        if version == self._up_to_date or not spec_observed(rollout):
            return False
        try:
            lagging = may_lag(rollout, self._clock.now()) and lags(rollout, self._own_replica_sets(rollout))
        except ClusterError:
            return False
        if not lagging:
            self._up_to_date = version
        return lagging

    def _own_replica_sets(self, rollout: Rollout) -> tuple[ReplicaSet, ...]:
        return tuple(ReplicaSet.parse(item) for item in self._of_version(REPLICA_SET, rollout))

    def wrote_workload(self, raw: Object) -> None:
        """Remember the workload as the apiserver returned it from a patch."""
        self._workload = raw

    def replica_sets(self, rollout: Rollout) -> tuple[ReplicaSet, ...]:
        """Those that its selector selects; the caller picks the rollout's by owner.

        The controller looks at no others either (``getReplicaSetsForRollouts``). Its status has the selector as a text,
        also for a ``workloadRef``; before there is one, these are all of the namespace.
        """
        selector = rollout.status.get("selector")
        query = {"labelSelector": selector} if selector else None
        found = self._patience.call(lambda timeout: self._cluster.list(REPLICA_SET, self._namespace, query, timeout))
        return tuple(ReplicaSet.parse(item) for item in found["items"])

    def budgets(self) -> tuple[Budget, ...]:
        """All PodDisruptionBudgets of the namespace."""
        found = self._patience.call(
            lambda timeout: self._cluster.list(DISRUPTION_BUDGET, self._namespace, None, timeout)
        )
        return tuple(Budget.parse(item) for item in found["items"])

    def pods(self, rollout: Rollout) -> list[Object]:
        """Those of its current and its stable version, and perhaps of others with such a hash."""
        query = {"labelSelector": f"{HASH_LABEL} in ({rollout.current_hash},{rollout.stable_hash})"}
        found = self._patience.call(lambda timeout: self._cluster.list(POD, self._namespace, query, timeout))
        items: list[Object] = found["items"]
        return items

    def analysis_runs(self, rollout: Rollout) -> list[AnalysisRun]:
        """The runs that the controller made for the current version, newest first."""
        found = [AnalysisRun.parse(item) for item in self._of_version(ANALYSIS_RUN, rollout)]
        return _newest_first([run for run in found if run.owner_uid == rollout.uid])

    def experiments(self, rollout: Rollout) -> list[Experiment]:
        """Those that the controller made for the current version, newest first, without their runs."""
        found = [Experiment.parse(item) for item in self._of_version(EXPERIMENT, rollout)]
        return _newest_first([item for item in found if item.owner_uid == rollout.uid])

    def raw_run(self, name: str) -> Object:
        """An AnalysisRun by its name."""
        return self._patience.call(lambda timeout: self._cluster.get(ANALYSIS_RUN, self._namespace, name, timeout))

    def with_runs(self, experiment: Experiment) -> Experiment:
        """The experiment with those of its AnalysisRuns that are still there."""
        runs = []
        for name in experiment.run_names:
            with suppress(NotFound):
                runs.append(AnalysisRun.parse(self.raw_run(name)))
        return experiment.having(runs)

    def _of_version(self, resource: Resource, rollout: Rollout) -> list[Object]:
        query = {"labelSelector": f"{HASH_LABEL}={rollout.current_hash}"}
        found = self._patience.call(lambda timeout: self._cluster.list(resource, self._namespace, query, timeout))
        items: list[Object] = found["items"]
        return items

    def workload_resource(self, rollout: Rollout) -> Resource:
        """The resource that holds the pod template."""
        return ROLLOUT if rollout.workload_ref is None else WORKLOADS[rollout.workload_ref.kind]

    def _workload_is_old(self, rollout: Rollout) -> bool:
        """The controller has observed a later one: somebody else has changed it since it was read."""
        seen = rollout.workload_observed_generation
        return seen.isdecimal() and int(seen) > self._parse_workload(rollout).generation > 0

    def _parse_workload(self, rollout: Rollout) -> Workload:
        if rollout.workload_ref is None or self._workload is None:
            return Workload.of(rollout)
        return Workload.parse(self._workload, rollout.workload_ref.kind, rollout.workload_ref.api_version)

    def _read_workload(self, rollout: Rollout) -> Object | None:
        ref = rollout.workload_ref
        if ref is None:
            return None
        resource = WORKLOADS.get(ref.kind)
        if resource is None:
            text = f"{rollout.label} refers to a {ref.kind}, which Argo Rollouts does not resolve"
            raise Stop("invalid_spec", f"{text}; use one of {', '.join(WORKLOADS)}")
        try:
            return self._patience.call(lambda timeout: self._cluster.get(resource, self._namespace, ref.name, timeout))
        except ClusterError as error:
            raise Stop(error.reason, f"{rollout.label} refers to {ref.kind} {ref.name}: {error}") from error


def _newest_first(made: Iterable[Made]) -> list[Made]:
    # Names end in a counter when several are made within one second, which is all that times tell.
    return sorted(made, key=lambda item: (item.created, len(item.name), item.name), reverse=True)
