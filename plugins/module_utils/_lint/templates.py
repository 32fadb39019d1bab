# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of analyses: each by itself, and what they are together where they are used.

Mirrors ``utils/analysis/helpers.go`` (FlattenTemplates, MergeArgs) and ``ValidateAnalysisTemplatesWithType``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._model.templates import matches_any
from .arguments import check_args, check_given_args, used_names
from .bundle import Bundle
from .metrics import check_metrics, ends_by_success, is_endless
from .places import Finding, Place
from .references import missing
from .uses import Templates, Use, collect, template_kind, uses_of

_KINDS = ("AnalysisTemplate", "ClusterAnalysisTemplate")


def check_analysis(bundle: Bundle) -> Iterator[Finding]:
    """Templates, runs, and where Rollouts and Experiments use them."""
    owners = [owner for kind in ("Rollout", "Experiment") for owner in bundle.ours(kind)]
    uses = [
        (use, collect(bundle, owner.document.namespace, use.references)) for owner in owners for use in uses_of(owner)
    ]
    together = _Companions(bundle, (templates for _use, templates in uses))
    for kind in _KINDS:
        for template in bundle.ours(kind):
            yield from _check_template(bundle, template, together)
    for run in bundle.ours("AnalysisRun"):
        yield from _check_run(run)
    for use, templates in uses:
        yield from _check_use(bundle, use, templates)


class _Companions:
    """What templates that are used together know of each other's arguments."""

    def __init__(self, bundle: Bundle, used: Iterable[Templates]) -> None:
        self._declared: dict[int, set[str]] = {}
        self._used: dict[int, set[str]] = {}
        for templates in used:
            self._add(templates)
        for kind in _KINDS:
            for template in bundle.ours(kind):
                nested = collect(bundle, template.document.namespace, template.at("spec", "templates").items())
                self._add(Templates((template, *nested.found), nested.missing))

    def _add(self, templates: Templates) -> None:
        """A template that is not there may declare and use anything."""
        unknown = {"*"} if templates.missing else set()
        declared = {arg.at("name").text for arg in templates.items("args")} | unknown
        used = {name for metric in templates.items("metrics") for name in used_names(metric)} | unknown
        for template in templates.found:
            self._declared.setdefault(id(template.value), set()).update(declared)
            self._used.setdefault(id(template.value), set()).update(used)

    def declare(self, template: Place, name: str) -> bool:
        return not self._declared[id(template.value)].isdisjoint({name, "*"})

    def use(self, template: Place, name: str) -> bool:
        return not self._used[id(template.value)].isdisjoint({name, "*"})


def _check_template(bundle: Bundle, template: Place, together: _Companions) -> Iterator[Finding]:
    spec = template.at("spec")
    metrics, nested = spec.at("metrics"), spec.at("templates")
    if spec.mapping and not metrics.items() and not nested.items():
        yield metrics.finding("no-metrics", "the template has no metrics")
    yield from check_metrics(metrics)
    yield from check_args(spec, lambda name: together.declare(template, name))
    for arg in spec.at("args").items():
        name = arg.at("name").text
        if name and not together.use(template, name):
            yield arg.finding("argument-unused", f"no metric uses the argument {name}")
    yield from _check_references(bundle, template.document.namespace, nested.items())
    if template in collect(bundle, template.document.namespace, nested.items()).found:
        yield nested.finding("template-circle", f"{template.document.label} takes itself in")


def _check_run(run: Place) -> Iterator[Finding]:
    spec = run.at("spec")
    if spec.mapping and not spec.at("metrics").items():
        yield spec.at("metrics").finding("no-metrics", "the run has no metrics")
    yield from check_metrics(spec.at("metrics"))
    yield from check_args(spec, lambda _name: False)
    for arg in spec.at("args").items():
        if not arg.at("value").given and not arg.at("valueFrom").given:
            yield arg.finding("argument-unresolved", f"the argument {arg.at('name').text} has no value")
    if not spec.at("terminate").true and not _is_owned(run):
        yield from _check_end_of_run(spec.at("metrics"))


def _is_owned(run: Place) -> bool:
    """Whether a Rollout or an Experiment made it, and stops it: in the background it may go on until then."""
    metadata = run.at("metadata")
    return bool(metadata.at("ownerReferences").items() or metadata.at("labels", "rollout-type").text)


def _check_end_of_run(metrics: Place) -> Iterator[Finding]:
    for metric in metrics.items():
        if is_endless(metric) and not ends_by_success(metric):
            text = f"the metric {metric.at('name').text!r} has an interval and no count"
            yield metric.finding("endless-run", f"{text}, so this run never ends while it passes")


def _check_references(bundle: Bundle, namespace: str, references: Iterable[Place]) -> Iterator[Finding]:
    for reference in references:
        name = reference.at("templateName")
        if name.text:
            yield from missing(bundle, template_kind(reference), name, namespace, "missing-template")


def _check_use(bundle: Bundle, use: Use, templates: Templates) -> Iterator[Finding]:
    if not use.references:
        yield use.place.finding("no-metrics", f"the analysis at {use.place.label} names no template")
    yield from _check_references(bundle, use.owner.document.namespace, use.references)
    complete = bool(use.references) and not templates.missing
    yield from check_given_args(use, templates if complete else None)
    if complete:
        yield from _check_conflicts(use, templates)
        yield from _check_dry_run(use, templates)
    if not use.endless:
        yield from _check_end(use, templates)


def _check_end(use: Use, templates: Templates) -> Iterator[Finding]:
    for metric in templates.items("metrics"):
        if is_endless(metric):
            name = f"{metric.at('name').text!r} of {metric.document.label}"
            text = f"the metric {name} has an interval and no count, so this analysis never ends"
            yield use.place.finding("endless-metric", text)


def _check_conflicts(use: Use, templates: Templates) -> Iterator[Finding]:
    """What single templates have twice is found there."""
    for part, key, what in (("metrics", "name", "metric"), ("dryRun", "metricName", "dry-run rule")):
        owner: dict[str, Place] = {}
        for item in templates.items(part):
            name = item.at(key).text
            first = owner.setdefault(name, item)
            if first.document is not item.document:
                labels = f"{first.document.label} and {item.document.label}"
                yield use.place.finding("template-conflict", f"{labels} both have a {what} {name!r}")
    values: dict[str, Place] = {}
    for arg in templates.items("args"):
        if not arg.at("value").given:
            continue
        name = arg.at("name").text
        first = values.setdefault(name, arg)
        if first.at("value").value != arg.at("value").value:
            labels = f"{first.document.label} and {arg.document.label}"
            yield use.place.finding("template-conflict", f"{labels} give the argument {name} different values")


def _check_dry_run(use: Use, templates: Templates) -> Iterator[Finding]:
    """The controller takes these names as regular expressions, and refuses one that matches no metric."""
    names = [metric.at("name").text for metric in templates.items("metrics")]
    rules = [*use.dry_run.items(), *templates.items("dryRun")]
    for rule in rules:
        pattern = rule.at("metricName")
        if pattern.text and not matches_any(pattern.text, names):
            yield pattern.finding("dry-run-unmatched", f"the dry-run rule {pattern.text!r} matches no metric")
