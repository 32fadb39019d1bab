# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Experiment of its own, and what its analyses measured side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .._cluster.resources import EXPERIMENT, REPLICA_SET, ROLLOUT
from .._model.comparison import arms, compare
from .._model.errors import InvalidRequest
from .._model.rollout import HASH_LABEL, Rollout
from .._model.versions import CANARY, STABLE, versions_in, with_versions
from .._model.workload import ReplicaSet
from .outcome import Stop
from .own import Name, OwnTask, Request
from .ports import Clock, ClusterPort
from .retry import Patience
from .runner import Options
from .timeline import Listener
from .watching import Watching


@dataclass(frozen=True)
class Definition:
    """The ``metadata`` and ``spec`` that somebody wrote; for the states terminated and absent both are empty."""

    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    rollout: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, Any] | None, name: str, namespace: str, rollout: str = "") -> Definition:
        """Of a whole Experiment, or of its spec alone; ``rollout`` has the versions of templates with a ``specRef``.

        Raises InvalidRequest.
        """
        if not given:
            raise InvalidRequest("definition", None, "an Experiment that is to be there needs its spec")
        whole = dict(given)
        metadata: Mapping[str, Any] = whole.get("metadata") or {}
        spec: Mapping[str, Any] = (whole["spec"] or {}) if "spec" in whole else whole
        if spec is not whole:
            _check("definition.kind", whole.get("kind"), EXPERIMENT.kind)
            _check("definition.metadata.name", metadata.get("name"), name)
            _check("definition.metadata.namespace", metadata.get("namespace"), namespace)
        kept = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
        if not spec.get("templates"):
            raise InvalidRequest("definition.templates", None, "an Experiment runs the pods of one or more templates")
        if versions_in(spec) and not rollout:
            raise InvalidRequest(
                "rollout", None, "name the Rollout whose versions the templates with specRef stand for"
            )
        return cls(kept, spec, rollout)


def _check(option: str, value: object, expected: str) -> None:
    if value not in (None, expected):
        raise InvalidRequest(option, value, f"here it can only be {expected}")


@dataclass(frozen=True)
class ExperimentRequest:
    """What is wanted. For the states terminated and absent a name is enough."""

    namespace: str
    name: str
    state: str
    definition: Definition
    recreate: str
    accept_silence: Collection[str]


def run_experiment(
    cluster: ClusterPort, clock: Clock, wanted: ExperimentRequest, options: Options, listener: Listener | None
) -> dict[str, Any]:
    """The result of the module; never raises what a cluster can cause."""
    definition = wanted.definition
    name = Name(EXPERIMENT, wanted.namespace, wanted.name, definition.metadata)

    def spec(patience: Patience) -> Mapping[str, Any]:
        versions = _Versions(cluster, patience, wanted.namespace, definition.rollout)
        return versions.fill(definition.spec) if versions_in(definition.spec) else definition.spec

    request = Request(name, wanted.state, spec, wanted.recreate, wanted.accept_silence)
    task = OwnTask(cluster, clock, request, options, listener)
    result = task.run()
    return {**result, "experiment": _shown(task.watching), "analysis": task.watching.analysis()}


@dataclass(frozen=True)
class _Versions:
    cluster: ClusterPort
    patience: Patience
    namespace: str
    rollout: str

    def fill(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec with the pods of the Rollout's versions. Raises Stop when one of them is not there."""
        raw = self.patience.call(lambda limit: self.cluster.get(ROLLOUT, self.namespace, self.rollout, limit))
        rollout = Rollout.parse(raw)
        hashes = {STABLE: rollout.stable_hash, CANARY: rollout.current_hash}
        return with_versions(spec, lambda version: self._replica_set(rollout, version, hashes[version]))

    def _replica_set(self, rollout: Rollout, version: str, pod_hash: str) -> Mapping[str, Any]:
        query = {"labelSelector": f"{HASH_LABEL}={pod_hash}"}
        found = self.patience.call(lambda limit: self.cluster.list(REPLICA_SET, self.namespace, query, limit))
        for item in found["items"]:
            parsed = ReplicaSet.parse(item)
            if pod_hash and (parsed.owner_uid, parsed.pod_hash) == (rollout.uid, pod_hash):
                spec: Mapping[str, Any] = item["spec"]
                return spec
        text = f"{rollout.label} has no ReplicaSet of its {version} version"
        raise Stop("not_found", f"{text}; deploy it first, or write the template out in the definition")


def _shown(watching: Watching) -> dict[str, Any] | None:
    if watching.experiment is None:
        return None
    experiment = watching.experiment.having(watching.runs.values())
    names = {item.run: item.analysis for item in experiment.analyses}
    runs = {names[run.name]: run for run in experiment.runs if run.name in names}
    return {**experiment.as_result(), "comparison": compare(runs, arms(experiment.asked))}
