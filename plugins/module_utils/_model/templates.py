# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnalysisTemplates and what becomes of them: one flat AnalysisRun, as the controller makes it.

The rules are those of ``utils/analysis/helpers.go`` (FlattenTemplates, MergeArgs) and of
``getAnalysisTemplatesFromRefs`` in ``rollout/analysis.go``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .analysis import ARG_REFERENCE
from .errors import InvalidRequest

Spec = Mapping[str, Any]

_ARGS = "args"


class TemplateError(ValueError):
    """Templates that cannot be one run; the text names them and says what to do."""


@dataclass(frozen=True)
class TemplateRef:
    """The name of an AnalysisTemplate of the namespace, or of a ClusterAnalysisTemplate."""

    name: str
    cluster_scope: bool = False

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> TemplateRef:
        """Of ``{templateName, clusterScope}``, as it is written in Rollouts, Experiments and templates."""
        return cls(str(raw.get("templateName") or ""), bool(raw.get("clusterScope")))

    def __str__(self) -> str:
        return f"{'Cluster' if self.cluster_scope else ''}AnalysisTemplate {self.name}"


@dataclass(frozen=True)
class Template:
    """A template as it is written; ``label`` is how messages name it."""

    label: str
    spec: Spec
    cluster_scope: bool = False

    @property
    def references(self) -> tuple[TemplateRef, ...]:
        """The templates that it takes in."""
        return tuple(TemplateRef.parse(item) for item in self.spec.get("templates") or ())

    def part(self, name: str) -> list[Mapping[str, Any]]:
        """One of its lists; empty where it has none."""
        return list(self.spec.get(name) or ())


def collect(references: Iterable[TemplateRef], read: Callable[[TemplateRef, str], Spec]) -> list[Template]:
    """The templates that the references lead to, each once, in the order in which the controller takes them in.

    ``read`` gives the ``spec`` of one; its second argument names who refers to it, empty for ``references`` themselves.
    Raises TemplateError for templates that refer to each other in a circle, at which the controller itself breaks.
    """
    found: dict[TemplateRef, Template] = {}

    def visit(reference: TemplateRef, path: tuple[TemplateRef, ...]) -> None:
        if reference in path:
            circle = " refers to ".join(map(str, (*path[path.index(reference) :], reference)))
            raise TemplateError(f"{circle}; take one of these references out")
        if reference not in found:
            spec = read(reference, str(path[-1]) if path else "")
            template = found[reference] = Template(str(reference), spec, reference.cluster_scope)
            for inner in template.references:
                visit(inner, (*path, reference))

    for reference in references:
        visit(reference, ())
    # The controller keeps two lists and puts that of the cluster's templates behind the other.
    return sorted(found.values(), key=lambda template: template.cluster_scope)


@dataclass(frozen=True)
class Flat:
    """What templates are together: the lists of an AnalysisRun's spec. ``origin``: which template declares an arg."""

    metrics: list[Mapping[str, Any]]
    args: list[Mapping[str, Any]]
    dry_run: list[Mapping[str, Any]]
    retention: list[Mapping[str, Any]]
    origin: Mapping[str, str] = field(default_factory=dict)

    def with_args(self, given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The args of a run: each has a value, what is given goes before what a template says.

        ``given`` has a text, number or boolean for each name, or ``{valueFrom: {secretKeyRef: ...}}``. The controller
        would keep a template's Secret beside a given value and then use the Secret; here what is given takes its place.
        Raises InvalidRequest for one that has no value, and for one that no template knows.
        """
        unknown = next((name for name in given if name not in self.origin), None)
        if unknown is not None:
            known = ", ".join(self.origin) or "none at all"
            raise InvalidRequest(f"{_ARGS}.{unknown}", given[unknown], f"the templates take {known}")
        merged = [_argument(arg["name"], given[arg["name"]]) if arg["name"] in given else arg for arg in self.args]
        for arg in merged:
            self._check(arg)
        return merged

    def _check(self, arg: Mapping[str, Any]) -> None:
        option, origin = f"{_ARGS}.{arg['name']}", self.origin[arg["name"]]
        if arg.get("value") is not None:
            return
        if not arg.get("valueFrom"):
            raise InvalidRequest(option, None, f"{origin} needs it and has no value for it: give it in {_ARGS}")
        if "fieldRef" in arg["valueFrom"]:
            why = "takes it from a field of a Rollout, which a run of its own does not have"
            raise InvalidRequest(option, None, f"{origin} {why}: give it in {_ARGS}")


def flatten(templates: Sequence[Template]) -> Flat:
    """All of them as one. Raises TemplateError where they contradict each other."""
    origin = {arg["name"]: template.label for template in reversed(templates) for arg in template.part("args")}
    _unique(templates, "metrics", "name", "metric")
    _unique(templates, "dryRun", "metricName", "dry-run rule")
    _unique(templates, "measurementRetention", "metricName", "measurement retention")
    flat = Flat(
        metrics=_all(templates, "metrics"),
        args=_arguments(templates),
        dry_run=_all(templates, "dryRun"),
        retention=_all(templates, "measurementRetention"),
        origin={name: origin[name] for name in dict.fromkeys(_names(templates))},
    )
    for template in templates:
        _check_references(template, flat)
    return flat


@dataclass(frozen=True)
class Given:
    """What a run gets beside its templates. ``retention`` has the number of measurements to keep by metric."""

    metrics: Sequence[Mapping[str, Any]] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    dry_run: Sequence[str] = ()
    retention: Mapping[str, int] = field(default_factory=dict)


def run_spec(templates: Sequence[Template], given: Given) -> dict[str, Any]:
    """The spec of an AnalysisRun of these templates. Raises TemplateError and InvalidRequest."""
    rules = {
        "dryRun": [{"metricName": name} for name in given.dry_run],
        "measurementRetention": [{"metricName": name, "limit": limit} for name, limit in given.retention.items()],
    }
    options = Template("the options of the task", rules)
    flat = flatten([options, *templates, _inline(given.metrics, templates)])
    if not flat.metrics:
        raise TemplateError(f"{', '.join(template.label for template in templates)}: there is no metric to measure")
    _check_patterns("dry_run_metrics", given.dry_run, flat.metrics)
    _check_patterns("measurement_retention", given.retention, flat.metrics)
    spec = {
        "metrics": flat.metrics,
        "args": flat.with_args(given.args),
        "dryRun": flat.dry_run,
        "measurementRetention": flat.retention,
    }
    return {part: items for part, items in spec.items() if items}


def _check_patterns(option: str, patterns: Iterable[str], metrics: Sequence[Mapping[str, Any]]) -> None:
    """The controller ends a run with an error, late, when such a pattern matches none of its metrics."""
    names = [str(metric.get("name")) for metric in metrics]
    for pattern in patterns:
        if not matches_any(pattern, names):
            raise InvalidRequest(option, pattern, f"it matches no metric; there are {', '.join(names)}")


def matches_any(pattern: str, names: Iterable[str]) -> bool:
    """Whether a regular expression finds one of the metrics' names (``GetDryRunMetrics``).

    True where Python cannot read a pattern that Go may; a lone star is none for either.
    """
    try:
        return any(re.search(pattern, name) for name in names)
    except (re.error, RecursionError, OverflowError):
        return pattern != "*"


def _inline(metrics: Sequence[Mapping[str, Any]], templates: Sequence[Template]) -> Template:
    """Metrics that no template holds, as one; it declares the args that they use and the templates do not."""
    known = set(_names(templates))
    used = dict.fromkeys(name for metric in metrics for name in references_in(metric) if name not in known)
    return Template("the option metrics", {"metrics": list(metrics), "args": [{"name": name} for name in used]})


def references_in(metric: Mapping[str, Any]) -> list[str]:
    """The names of the args that a metric uses, in the order of their first use."""
    return list(dict.fromkeys(ARG_REFERENCE.findall(json.dumps(metric))))


def _all(templates: Iterable[Template], part: str) -> list[Mapping[str, Any]]:
    return [item for template in templates for item in template.part(part)]


def _names(templates: Iterable[Template]) -> list[str]:
    return [arg["name"] for arg in _all(templates, "args")]


def _unique(templates: Sequence[Template], part: str, key: str, what: str) -> None:
    owner: dict[str, str] = {}
    for template in templates:
        for item in template.part(part):
            name = item.get(key, "")
            if name in owner:
                where = f"{owner[name]} and {template.label}"
                raise TemplateError(f"{where} both have a {what} {name!r}; leave one of them out or rename it")
            owner[name] = template.label


def _arguments(templates: Sequence[Template]) -> list[Mapping[str, Any]]:
    """Every arg once, with the first value that a template gives it."""
    merged: dict[str, Mapping[str, Any]] = {}
    owner: dict[str, str] = {}
    for template in templates:
        for arg in template.part("args"):
            name = arg["name"]
            old, new = merged.get(name, {}).get("value"), arg.get("value")
            if old is not None and new is not None and old != new:
                text = f"{owner[name]} gives arg {name!r} the value {old!r}, {template.label} {new!r}"
                raise TemplateError(f"{text}; the controller takes no such pair, not even with a value in args")
            # So does the controller, even where the earlier one has a Secret and this one has nothing.
            if old is None:
                merged[name], owner[name] = arg, template.label
    return list(merged.values())


def _check_references(template: Template, flat: Flat) -> None:
    """The controller ends a run in Error whose metric uses an arg that is not declared."""
    for metric in template.part("metrics"):
        for name in references_in(metric):
            if name not in flat.origin:
                text = f"args.{name} is not resolved: metric {metric.get('name')!r} of {template.label} uses it"
                raise TemplateError(f"{text}, and no template declares it; add it to the args of the template")


def _argument(name: str, given: Any) -> Mapping[str, Any]:
    match given:
        case bool():
            return {"name": name, "value": str(given).lower()}
        case str() | int() | float():
            return {"name": name, "value": str(given)}
        case {"valueFrom": {"secretKeyRef": {"name": str(), "key": str()}}} if len(given) == 1:
            return {"name": name, **given}
    remedy = "give a text, or {valueFrom: {secretKeyRef: {name: ..., key: ...}}}"
    raise InvalidRequest(f"{_ARGS}.{name}", given, remedy)
