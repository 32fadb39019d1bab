# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of a Rollout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .steps import ANALYSIS, EXPERIMENT, Step, parse_steps, weight_at
from .timestamps import parse_time

CANARY = "canary"
BLUE_GREEN = "blueGreen"

REVISION_ANNOTATION = "rollout.argoproj.io/revision"
HASH_LABEL = "rollouts-pod-template-hash"

CANARY_PAUSE = "CanaryPauseStep"
BLUE_GREEN_PAUSE = "BlueGreenPause"
INCONCLUSIVE_EXPERIMENT = "InconclusiveExperiment"
INCONCLUSIVE_PAUSES = frozenset({"InconclusiveAnalysisRun", INCONCLUSIVE_EXPERIMENT})

ABORTED_REASON = "RolloutAborted"
DEADLINE_REASON = "ProgressDeadlineExceeded"
INVALID_SPEC = "InvalidSpec"


@dataclass(frozen=True)
class Condition:
    """One entry of ``status.conditions``; ``updated`` is when the controller wrote it, to the second."""

    type: str
    status: str
    reason: str
    message: str
    updated: datetime | None = None


@dataclass(frozen=True)
class PauseCondition:
    """One entry of ``status.pauseConditions``."""

    reason: str
    start: datetime | None


@dataclass(frozen=True)
class WorkloadRef:
    """``spec.workloadRef``: the object that holds the pod template instead of the Rollout."""

    api_version: str
    kind: str
    name: str


@dataclass(frozen=True)
class AnalysisRef:
    """What the Rollout's status says of one of its AnalysisRuns.

    ``kind`` is step, background, pre_promotion or post_promotion.
    """

    kind: str
    name: str
    phase: str
    message: str


@dataclass(frozen=True)
class Rollout:
    """A Rollout as one version of the object shows it. Absent numbers are 0, absent texts empty.

    ``step_index`` is None where the controller has not written one; ``raw`` is the whole object.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    resource_version: str
    annotations: Mapping[str, str]
    strategy: str
    steps: tuple[Step, ...]
    replicas: int
    spec_paused: bool
    workload_ref: WorkloadRef | None
    step_index: int | None
    observed_generation: str
    workload_observed_generation: str
    status_phase: str
    status_message: str
    conditions: tuple[Condition, ...]
    pause_conditions: tuple[PauseCondition, ...]
    controller_pause: bool
    abort: bool
    aborted_at: datetime | None
    promote_full: bool
    current_hash: str
    stable_hash: str
    restart_at: datetime | None
    restarted_at: datetime | None
    counts: Mapping[str, int]
    analysis: tuple[AnalysisRef, ...]
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Rollout:
        """The view of an ``argoproj.io/v1alpha1`` Rollout object; tolerates every absent field."""
        meta, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
        strategies = spec.get("strategy") or {}
        canary = strategies.get(CANARY)
        return cls(
            name=meta.get("name", ""),
            namespace=meta.get("namespace", ""),
            uid=meta.get("uid", ""),
            generation=int(meta.get("generation") or 0),
            resource_version=meta.get("resourceVersion", ""),
            annotations=meta.get("annotations") or {},
            strategy=next((name for name in (BLUE_GREEN, CANARY) if strategies.get(name) is not None), ""),
            steps=parse_steps((canary or {}).get("steps")),
            replicas=1 if spec.get("replicas") is None else int(spec["replicas"]),
            spec_paused=bool(spec.get("paused")),
            workload_ref=_workload_ref(spec.get("workloadRef")),
            step_index=_optional_int(status.get("currentStepIndex")),
            observed_generation=str(status.get("observedGeneration") or ""),
            workload_observed_generation=str(status.get("workloadObservedGeneration") or ""),
            status_phase=status.get("phase") or "",
            status_message=status.get("message") or "",
            conditions=_conditions(status.get("conditions")),
            pause_conditions=_pause_conditions(status.get("pauseConditions")),
            controller_pause=bool(status.get("controllerPause")),
            abort=bool(status.get("abort")),
            aborted_at=parse_time(status.get("abortedAt")),
            promote_full=bool(status.get("promoteFull")),
            current_hash=status.get("currentPodHash") or "",
            stable_hash=status.get("stableRS") or "",
            restart_at=parse_time(spec.get("restartAt")),
            restarted_at=parse_time(status.get("restartedAt")),
            counts=_counts(status),
            analysis=_analysis(status),
            raw=raw,
        )

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"Rollout {self.namespace}/{self.name}"

    @property
    def spec(self) -> Mapping[str, Any]:
        """The raw spec."""
        return self.raw.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        """The raw status."""
        return self.raw.get("status") or {}

    @property
    def strategy_spec(self) -> Mapping[str, Any]:
        """The raw body of the strategy in use."""
        return (self.spec.get("strategy") or {}).get(self.strategy) or {}

    @property
    def traffic_routed(self) -> bool:
        """Whether a traffic router, not the number of pods, sets the weight."""
        return self.strategy == CANARY and self.strategy_spec.get("trafficRouting") is not None

    @property
    def weights(self) -> Mapping[str, Any] | None:
        """``status.canary.weights``: what the controller last wrote to the traffic router; None where it wrote none."""
        return (self.status.get(CANARY) or {}).get("weights")

    @property
    def stable_is_ping(self) -> bool:
        """Whether, of the Services of ``pingPong``, ping leads to the stable version (``IsStablePing``)."""
        return (self.status.get(CANARY) or {}).get("stablePingPong") == "ping"

    @property
    def current_experiment(self) -> str:
        """The name of the Experiment that the current step waits for; empty when there is none."""
        return (self.status.get(CANARY) or {}).get("currentExperiment") or ""

    @property
    def has_analysis(self) -> bool:
        """Whether its strategy asks for an analysis of any kind, or for an Experiment."""
        fields = ("analysis", "prePromotionAnalysis", "postPromotionAnalysis")
        return any(self.strategy_spec.get(field) for field in fields) or any(
            step.kind in (ANALYSIS, EXPERIMENT) for step in self.steps
        )

    @property
    def max_weight(self) -> int:
        """The weight that means all traffic (``weightutil.MaxTrafficWeight``)."""
        routing = self.strategy_spec.get("trafficRouting") or {}
        limit = routing.get("maxTrafficWeight") if self.strategy == CANARY else None
        return 100 if limit is None else int(limit)

    @property
    def revision(self) -> int:
        """The revision that the controller numbered last; 0 before it has seen the object."""
        return revision_of(self.annotations)

    @property
    def index(self) -> int:
        """The current step; like the controller, an absent one counts as 0 (``GetCurrentCanaryStep``)."""
        return self.step_index or 0

    @property
    def current_step(self) -> Step | None:
        """The step at ``index``; None past the last one, and without steps."""
        return self.steps[self.index] if self.index < len(self.steps) else None

    @property
    def fully_promoted(self) -> bool:
        """Whether the desired version is the stable one (``IsFullyPromoted``)."""
        return self.stable_hash == self.current_hash

    @property
    def updating(self) -> bool:
        """Whether an update of an already deployed rollout is on its way."""
        return bool(self.stable_hash) and not self.fully_promoted

    @property
    def set_weight(self) -> int:
        """The weight that the current step asks for (``GetCurrentSetWeight``)."""
        if self.abort:
            return 0
        return self.max_weight if self.current_step is None else weight_at(self.steps, self.index)

    @property
    def actual_weight(self) -> int:
        """The canary's share that is in force.

        With a traffic router what the controller wrote to it. Without one the share of the available
        pods; while pods are still starting that is the lower bound which the Rollout alone proves.
        """
        if self.current_step is None and not self.abort:
            return self.max_weight
        if self.traffic_routed:
            weights = self.weights
            return self.set_weight if weights is None else int((weights.get("canary") or {}).get("weight") or 0)
        available = self.counts["available"]
        missing = max(self.counts["current"] - available, 0)
        canary = max(self.counts["updated"] - missing, 0)
        return canary * self.max_weight // available if available else 0

    def condition(self, kind: str) -> Condition | None:
        """The condition of a type."""
        return next((condition for condition in self.conditions if condition.type == kind), None)

    @property
    def abort_condition(self) -> Condition | None:
        """The condition that says why the update was aborted."""
        return next((condition for condition in self.conditions if condition.reason == ABORTED_REASON), None)

    @property
    def pause_until(self) -> datetime | None:
        """When the present pause ends by itself; None for one that a person must end, or no pause."""
        if self.spec_paused or not self.pause_conditions:
            return None
        pause = self.pause_conditions[0]
        seconds = self._pause_seconds(pause.reason)
        return pause.start + timedelta(seconds=seconds) if pause.start and seconds is not None else None

    @property
    def pause_is_timed(self) -> bool:
        """Whether the present pause would end by itself, ``spec.paused`` aside."""
        return bool(self.pause_conditions) and self._pause_seconds(self.pause_conditions[0].reason) is not None

    def _pause_seconds(self, reason: str) -> int | None:
        if reason == CANARY_PAUSE and self.current_step is not None:
            return self.current_step.pause_seconds
        if reason == BLUE_GREEN_PAUSE and self.strategy_spec.get("autoPromotionEnabled", True):
            return self.strategy_spec.get("autoPromotionSeconds") or None
        return None


def revision_of(annotations: Mapping[str, str]) -> int:
    """The revision that the controller has noted on a Rollout or on what it made; 0 where it has noted none."""
    text = annotations.get(REVISION_ANNOTATION, "")
    return int(text) if text.isdecimal() else 0


def _optional_int(value: Any) -> int | None:
    return None if value is None else int(value)


def _workload_ref(raw: Mapping[str, Any] | None) -> WorkloadRef | None:
    if not raw:
        return None
    return WorkloadRef(raw.get("apiVersion", ""), raw.get("kind", ""), raw.get("name", ""))


def _conditions(raw: Sequence[Mapping[str, str]] | None) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            type=item.get("type", ""),
            status=item.get("status", ""),
            reason=item.get("reason", ""),
            message=item.get("message", ""),
            updated=parse_time(item.get("lastUpdateTime")),
        )
        for item in raw or ()
    )


def _pause_conditions(raw: Sequence[Mapping[str, str]] | None) -> tuple[PauseCondition, ...]:
    return tuple(PauseCondition(item.get("reason", ""), parse_time(item.get("startTime"))) for item in raw or ())


def _counts(status: Mapping[str, Any]) -> Mapping[str, int]:
    fields = {
        "current": "replicas",
        "updated": "updatedReplicas",
        "ready": "readyReplicas",
        "available": "availableReplicas",
    }
    return {name: int(status.get(field) or 0) for name, field in fields.items()}


_RUN_FIELDS = (
    (CANARY, "currentStepAnalysisRunStatus", "step"),
    (CANARY, "currentBackgroundAnalysisRunStatus", "background"),
    (BLUE_GREEN, "prePromotionAnalysisRunStatus", "pre_promotion"),
    (BLUE_GREEN, "postPromotionAnalysisRunStatus", "post_promotion"),
)


def _analysis(status: Mapping[str, Any]) -> tuple[AnalysisRef, ...]:
    found = ((kind, (status.get(strategy) or {}).get(field)) for strategy, field, kind in _RUN_FIELDS)
    return tuple(
        AnalysisRef(kind, run.get("name", ""), run.get("status", ""), run.get("message", ""))
        for kind, run in found
        if run
    )
