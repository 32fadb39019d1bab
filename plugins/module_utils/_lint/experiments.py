# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments as objects of their own, mirroring ``VerifyExperimentSpec`` (``utils/conditions/experiments.go``)."""

from __future__ import annotations

from collections.abc import Iterator

from .bundle import Bundle
from .labels import check_selector
from .places import Finding, Place
from .pods import check_pods
from .rollouts import PROGRESS_DEADLINE
from .steps import check_duration


def check_experiments(bundle: Bundle) -> Iterator[Finding]:
    for experiment in bundle.ours("Experiment"):
        spec = experiment.at("spec")
        yield from check_duration(spec.at("duration"))
        yield from _check_templates(spec)
        yield from _check_analyses(spec.at("analyses"))
    for rollout in bundle.ours("Rollout"):
        for step in rollout.at("spec", "strategy", "canary", "steps").items():
            yield from _check_analyses(step.at("experiment", "analyses"))
            yield from _check_end(step.at("experiment"))


def _check_templates(spec: Place) -> Iterator[Finding]:
    deadline = spec.at("progressDeadlineSeconds").number
    limit = PROGRESS_DEADLINE if deadline is None else deadline
    names: set[str] = set()
    if spec.at("templates").given and not spec.at("templates").items():
        yield spec.at("templates").finding("experiment-template", "the experiment has no templates")
    for template in spec.at("templates").items():
        name, selector, ready = template.at("name"), template.at("selector"), template.at("minReadySeconds")
        if name.value == "":
            yield name.finding("experiment-template", "a template of the experiment has no name")
        elif name.text and name.text in names:
            yield name.finding("experiment-template", f"another template is called {name.text} already")
        names.add(name.text)
        if (ready.number or 0) > limit:
            text = f"minReadySeconds ({ready.number}) is greater than progressDeadlineSeconds ({limit})"
            yield ready.finding("progress-deadline", text)
        if selector.given:
            yield from check_selector(selector)
        if template.at("template").given:
            yield from check_pods(template.at("template"), selector)


def _check_analyses(analyses: Place) -> Iterator[Finding]:
    names: set[str] = set()
    for analysis in analyses.items():
        name = analysis.at("name")
        if name.text and name.text in names:
            yield name.finding(
                "experiment-analysis", f"another analysis of the experiment is called {name.text} already"
            )
        names.add(name.text)


def _check_end(experiment: Place) -> Iterator[Finding]:
    required = any(analysis.at("requiredForCompletion").true for analysis in experiment.at("analyses").items())
    if experiment.given and not experiment.at("duration").given and not required:
        text = "the experiment has no duration and no analysis with requiredForCompletion, so the step does not end"
        yield experiment.finding("endless-experiment", text)
