# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of an AnalysisRun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .phase import COMPLETED_ANALYSIS

# The label ``rollout-type`` of a run, and the word that our results use.
KINDS: Mapping[str, str] = {
    "Step": "step",
    "Background": "background",
    "PrePromotion": "pre_promotion",
    "PostPromotion": "post_promotion",
}
TERMINATED_MESSAGE = "Run Terminated"
SUCCESSFUL = "Successful"
_UNHAPPY = ("Failed", "Error", "Inconclusive")


@dataclass(frozen=True)
class Measurement:
    """One measurement; ``value`` is the text that the controller stored, such as ``[0.93]``."""

    phase: str
    value: str
    message: str
    started: str
    finished: str


@dataclass(frozen=True)
class Metric:
    """One metric of a run: what was asked (conditions, limits) and what was measured."""

    name: str
    phase: str
    message: str
    provider: str
    success_condition: str
    failure_condition: str
    limits: Mapping[str, Any]
    counts: Mapping[str, int]
    dry_run: bool
    measurements: tuple[Measurement, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the kept measurements, oldest first; an error's message where there is none."""
        return tuple(item.value or item.message for item in self.measurements)

    @property
    def condition(self) -> str:
        """The conditions as they are written in the template."""
        named = (("successCondition", self.success_condition), ("failureCondition", self.failure_condition))
        return ", ".join(f"{name} {text!r}" for name, text in named if text)


@dataclass(frozen=True)
class AnalysisRun:
    """An AnalysisRun as one version of the object shows it."""

    name: str
    namespace: str
    kind: str
    pod_hash: str
    owner_uid: str
    step_index: int | None
    created: str
    phase: str
    message: str
    terminate: bool
    started: str
    completed_at: str
    metrics: tuple[Metric, ...]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> AnalysisRun:
        """The view of an ``argoproj.io/v1alpha1`` AnalysisRun; ``kind`` is standalone without a rollout."""
        meta, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
        labels = meta.get("labels") or {}
        index = labels.get("step-index", "")
        return cls(
            name=meta.get("name", ""),
            namespace=meta.get("namespace", ""),
            kind=KINDS.get(labels.get("rollout-type", ""), "standalone"),
            pod_hash=labels.get("rollouts-pod-template-hash", ""),
            owner_uid=next((o.get("uid", "") for o in meta.get("ownerReferences") or () if o.get("controller")), ""),
            step_index=int(index) if index.isdecimal() else None,
            created=meta.get("creationTimestamp") or "",
            phase=status.get("phase") or "",
            message=status.get("message") or "",
            terminate=bool(spec.get("terminate")),
            started=status.get("startedAt") or "",
            completed_at=status.get("completedAt") or "",
            metrics=_metrics(spec, status),
        )

    @property
    def completed(self) -> bool:
        """Whether the controller will not measure any more."""
        return self.phase in COMPLETED_ANALYSIS

    @property
    def terminated(self) -> bool:
        """Whether the run was stopped before it had measured what it was asked to.

        The controller calls such a run Successful when nothing had failed by then.
        """
        return self.completed and self.terminate and self.message == TERMINATED_MESSAGE

    @property
    def culprit(self) -> Metric | None:
        """The metric that decided an unhappy run, dry-run metrics aside."""
        judged = [metric for metric in self.metrics if not metric.dry_run]
        return next((metric for phase in _UNHAPPY for metric in judged if metric.phase == phase), None)

    def explain(self) -> str:
        """Which metric, which values and which condition decided the run; one clause."""
        metric = self.culprit
        if metric is None:
            return self.message or f"AnalysisRun {self.name} is {self.phase or 'not started'}"
        text = f'metric "{metric.name}" {metric.phase}'
        text += f" ({metric.message})" if metric.message else ""
        text += f", measured {', '.join(metric.values[-5:])}" if metric.values else ""
        return text + (f" against {metric.condition}" if metric.condition else "")

    def as_result(self) -> dict[str, Any]:
        """The shape that modules return in ``analysis``."""
        return {
            "name": self.name,
            "kind": self.kind,
            "phase": self.phase,
            "message": self.message,
            "terminated": self.terminated,
            "step": self.step_index,
            "started_at": self.started,
            "completed_at": self.completed_at,
            "metrics": [_metric_result(metric) for metric in self.metrics],
        }


def _metrics(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Every metric that the run declares, measured or not, in the order of the spec."""
    results = {item.get("name"): item for item in status.get("metricResults") or ()}
    return tuple(_metric(item, results.get(item.get("name")) or {}) for item in spec.get("metrics") or ())


_LIMITS = {
    "count": "count",
    "interval": "interval",
    "failureLimit": "failure_limit",
    "inconclusiveLimit": "inconclusive_limit",
    "consecutiveErrorLimit": "consecutive_error_limit",
    "consecutiveSuccessLimit": "consecutive_success_limit",
}
_COUNTS = ("count", "successful", "failed", "inconclusive", "error")


def _metric(asked: Mapping[str, Any], result: Mapping[str, Any]) -> Metric:
    return Metric(
        name=asked.get("name", ""),
        phase=result.get("phase") or "",
        message=result.get("message") or "",
        provider=next(iter(asked.get("provider") or {}), ""),
        success_condition=asked.get("successCondition") or "",
        failure_condition=asked.get("failureCondition") or "",
        limits={name: asked[field] for field, name in _LIMITS.items() if asked.get(field) is not None},
        counts={name: int(result.get(name) or 0) for name in _COUNTS},
        dry_run=bool(result.get("dryRun")),
        measurements=tuple(
            Measurement(
                phase=item.get("phase") or "",
                value=item.get("value") or "",
                message=item.get("message") or "",
                started=item.get("startedAt") or "",
                finished=item.get("finishedAt") or "",
            )
            for item in result.get("measurements") or ()
        ),
    )


def _metric_result(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "phase": metric.phase,
        "message": metric.message,
        "provider": metric.provider,
        "success_condition": metric.success_condition,
        "failure_condition": metric.failure_condition,
        "limits": dict(metric.limits),
        **metric.counts,
        "dry_run": metric.dry_run,
        "measurements": [
            {
                "phase": item.phase,
                "value": item.value,
                "message": item.message,
                "started_at": item.started,
                "finished_at": item.finished,
            }
            for item in metric.measurements
        ],
    }
