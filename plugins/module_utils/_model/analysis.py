# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of an AnalysisRun."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .phase import COMPLETED_ANALYSIS
from .silence import is_json, says_nothing

# The label ``rollout-type`` of a run, or without it the kind of its owner, and the word that our results use.
KINDS: Mapping[str, str] = {
    "Step": "step",
    "Background": "background",
    "PrePromotion": "pre_promotion",
    "PostPromotion": "post_promotion",
    "Experiment": "experiment",
}
# How a metric names an arg. The controller looks for any {{...}} and knows no other kind in a metric.
ARG_REFERENCE = re.compile(r"\{\{\s*args\.([^{}\s]+)\s*\}\}")
TERMINATED_MESSAGE = "Run Terminated"
SUCCESSFUL = "Successful"
UNHAPPY = ("Failed", "Error", "Inconclusive")
# What ``AnalysisRun.evidence`` can be.
MEASURED, SILENT = "measured", "silent"
# Providers that judge by themselves and mostly store no value.
_JUDGES = frozenset({"job", "plugin"})


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
    def deciding(self) -> tuple[Measurement, ...]:
        """The kept measurements that a success of this metric rests on.

        Those that were successful, with a consecutiveSuccessLimit only the last of them; if there is none, those
        that the limits forgave. Errors measured nothing.
        """
        good = tuple(item for item in self.measurements if item.phase == SUCCESSFUL)
        if not good:
            return tuple(item for item in self.measurements if item.phase in ("Failed", "Inconclusive"))
        limit = str(self.limits.get("consecutive_success_limit", ""))
        return good[-int(limit) :] if limit.isdecimal() else good

    @property
    def silent(self) -> bool:
        """Whether a success of this metric rests on no value at all."""
        return all(self.is_silence(item) for item in self.deciding)

    @property
    def tells(self) -> bool:
        """Whether any measurement says something."""
        return any(item.phase != "Error" and not self.is_silence(item) for item in self.measurements)

    def is_silence(self, item: Measurement) -> bool:
        """Whether the measurement says nothing of the version, however the controller judged it."""
        if self.provider == "web" and not is_json(item.value):
            return bool(self.condition)
        if self.provider == "web" and not self.condition:
            return False  # that it answers is what was asked
        return says_nothing(item.value) and not (self.provider in _JUDGES and not item.value)

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
    prometheus_address: str
    metrics: tuple[Metric, ...]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> AnalysisRun:
        """The view of an ``argoproj.io/v1alpha1`` AnalysisRun; ``kind`` is standalone for one that nobody owns."""
        meta, spec, status = raw.get("metadata") or {}, raw.get("spec") or {}, raw.get("status") or {}
        labels = meta.get("labels") or {}
        index, owner = labels.get("step-index", ""), controller_of(meta)
        return cls(
            name=meta.get("name", ""),
            namespace=meta.get("namespace", ""),
            kind=KINDS.get(labels.get("rollout-type", "") or owner.get("kind", ""), "standalone"),
            pod_hash=labels.get("rollouts-pod-template-hash", ""),
            owner_uid=owner.get("uid", ""),
            step_index=int(index) if index.isdecimal() else None,
            created=meta.get("creationTimestamp") or "",
            phase=status.get("phase") or "",
            message=status.get("message") or "",
            terminate=bool(spec.get("terminate")),
            started=status.get("startedAt") or "",
            completed_at=status.get("completedAt") or "",
            prometheus_address=_prometheus_address(spec),
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
        return next((metric for phase in UNHAPPY for metric in judged if metric.phase == phase), None)

    @property
    def ended_at(self) -> str:
        """When it was completed, or else when it measured last; empty before that."""
        finished = (item.finished for metric in self.metrics for item in metric.measurements)
        return self.completed_at or max(finished, default="")

    @property
    def silent_metrics(self) -> tuple[Metric, ...]:
        """The metrics for which a success of the run would rest on nothing; all of them if all are dry runs."""
        judged = [metric for metric in self.metrics if not metric.dry_run]
        return tuple(metric for metric in judged if metric.silent) if judged else self.metrics

    @property
    def evidence(self) -> str | None:
        """Whether values stand behind the phase: ``measured`` or ``silent``; None before the first measurement.

        A success needs them of each metric that is judged. Anything else ends a run early, so one is enough.
        """
        if not self.completed and not any(metric.measurements for metric in self.metrics):
            return None
        if self.phase == SUCCESSFUL:
            silent = bool(self.silent_metrics)
        else:
            silent = not any(metric.tells for metric in self.metrics)
        return SILENT if silent else MEASURED

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
            "evidence": self.evidence,
            "metrics": [_metric_result(metric) for metric in self.metrics],
        }


def controller_of(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ownerReference of the object that made this one; empty without one."""
    return next((owner for owner in meta.get("ownerReferences") or () if owner.get("controller")), {})


def _prometheus_address(spec: Mapping[str, Any]) -> str:
    """Where the run's first Prometheus metric asks; empty if it leaves that to the controller, or to a Secret."""
    providers = ((metric.get("provider") or {}).get("prometheus") or {} for metric in spec.get("metrics") or ())
    address = next((str(found["address"]) for found in providers if found.get("address")), "")
    args = {item.get("name"): item.get("value") for item in spec.get("args") or ()}

    def value(match: re.Match[str]) -> str:
        return str(args.get(match[1]) or match[0])

    resolved = ARG_REFERENCE.sub(value, address)
    return "" if "{{" in resolved else resolved


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
