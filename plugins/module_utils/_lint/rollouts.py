# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts by themselves: what ``ValidateRollout`` of the controller and its plugin refuses (``validation.go``)."""

from __future__ import annotations

from collections.abc import Iterator

from .canary import check_canary
from .labels import check_selector
from .places import Finding, Place
from .pods import check_pods

_COUNTS = ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
PROGRESS_DEADLINE = 600
_HISTORY = 10


def check_rollout(rollout: Place) -> Iterator[Finding]:
    spec = rollout.at("spec")
    for name in _COUNTS:
        if (spec.at(name).number or 0) < 0:
            yield spec.at(name).finding("negative-number", f"{name} is {spec.at(name).number}")
    yield from _check_deadline(spec)
    yield from _check_pods(spec)
    yield from _check_strategy(spec)


def _check_deadline(spec: Place) -> Iterator[Finding]:
    deadline, ready = spec.at("progressDeadlineSeconds"), spec.at("minReadySeconds")
    most, least = deadline.number_or(PROGRESS_DEADLINE), ready.number_or(0)
    if most <= least:
        where = deadline if deadline.given else ready
        text = f"progressDeadlineSeconds ({most}) is not greater than minReadySeconds ({least})"
        yield where.finding("progress-deadline", text)


def _check_pods(spec: Place) -> Iterator[Finding]:
    selector, template = spec.at("selector"), spec.at("template")
    if selector.given:
        yield from check_selector(selector)
    if not spec.at("workloadRef").given:
        if not selector.given:
            yield selector.finding("selector", "the Rollout has no selector")
        yield from check_pods(template, selector)
    elif any(template.at("metadata", part).mapping for part in ("labels", "annotations")):
        text = "the pod template comes from workloadRef, so this one must not be there"
        yield template.finding("workload-ref-template", text)


def _check_strategy(spec: Place) -> Iterator[Finding]:
    strategy = spec.at("strategy")
    blue_green, canary = strategy.at("blueGreen"), strategy.at("canary")
    if blue_green.given and canary.given:
        yield strategy.finding("strategy", "the Rollout has both strategies, blueGreen and canary")
    elif blue_green.given:
        yield from _check_blue_green(blue_green, spec.at("revisionHistoryLimit").number_or(_HISTORY))
    elif canary.given:
        yield from check_canary(canary)
        yield from _check_anti_affinity(canary.at("antiAffinity"))
    else:
        yield strategy.finding("strategy", "the Rollout has no strategy")


def _check_blue_green(strategy: Place, history: int) -> Iterator[Finding]:
    active, preview = strategy.at("activeService"), strategy.at("previewService")
    if active.text == preview.text:
        where = preview if preview.text else strategy
        text = f"activeService and previewService are the same ({active.text!r}), and two are needed"
        yield where.finding("same-service", text)
    limit = strategy.at("scaleDownDelayRevisionLimit")
    if limit.number is not None and limit.number > history:
        text = f"scaleDownDelayRevisionLimit ({limit.number}) is greater than revisionHistoryLimit ({history})"
        yield limit.finding("scale-down-limit", text)
    yield from _check_anti_affinity(strategy.at("antiAffinity"))


def _check_anti_affinity(affinity: Place) -> Iterator[Finding]:
    preferred = affinity.at("preferredDuringSchedulingIgnoredDuringExecution")
    required = affinity.at("requiredDuringSchedulingIgnoredDuringExecution")
    if affinity.given and preferred.given == required.given:
        yield affinity.finding("anti-affinity", "antiAffinity needs exactly one of its two kinds")
    weight = preferred.at("weight")
    if preferred.given and not 1 <= weight.number_or(0) <= 100:
        yield weight.finding("anti-affinity", "the weight of antiAffinity is a number from 1 to 100")
