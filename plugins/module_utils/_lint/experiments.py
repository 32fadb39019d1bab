# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments as steps and as objects of their own.

Mirrors ``VerifyExperimentSpec`` (``utils/conditions/experiments.go``), and what the controller makes Services of
(``createTemplateService`` in ``experiments/experiment.go``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .bundle import SERVICE, Bundle
from .labels import check_selector
from .places import Finding, Place
from .pods import check_pods
from .references import pod_template
from .rollouts import PROGRESS_DEADLINE
from .steps import check_duration


def check_experiments(bundle: Bundle) -> Iterator[Finding]:
    for experiment in bundle.ours("Experiment"):
        spec = experiment.at("spec")
        yield from check_duration(spec.at("duration"))
        yield from _check_templates(spec)
        yield from _check_analyses(spec.at("analyses"))
        yield from _check_service_names(bundle, spec.at("templates"))
        for template in spec.at("templates").items():
            yield from _check_service(template, template.at("template"))
    for rollout in bundle.ours("Rollout"):
        pods = pod_template(bundle, rollout)
        for step in rollout.at("spec", "strategy", "canary", "steps").items():
            yield from _check_step(bundle, step.at("experiment"), pods)


def _check_step(bundle: Bundle, experiment: Place, pods: Place | None) -> Iterator[Finding]:
    yield from _check_analyses(experiment.at("analyses"))
    yield from _check_end(experiment)
    yield from _check_service_names(bundle, experiment.at("templates"))
    if pods is not None:
        for template in experiment.at("templates").items():
            yield from _check_service(template, pods)


def _check_templates(spec: Place) -> Iterator[Finding]:
    templates = spec.at("templates")
    if templates.given and not templates.items():
        yield templates.finding("experiment-template", "the experiment has no templates")
    for name in templates.repeated_names():
        if name.text:
            yield name.finding("experiment-template", f"another template is called {name.text} already")
    limit = spec.at("progressDeadlineSeconds").number_or(PROGRESS_DEADLINE)
    for template in templates.items():
        yield from _check_template(template, limit)


def _check_template(template: Place, limit: int) -> Iterator[Finding]:
    name, selector, ready = template.at("name"), template.at("selector"), template.at("minReadySeconds")
    if name.value == "":
        yield name.finding("experiment-template", "a template of the experiment has no name")
    if (ready.number or 0) > limit:
        text = f"minReadySeconds ({ready.number}) is greater than progressDeadlineSeconds ({limit})"
        yield ready.finding("progress-deadline", text)
    if selector.given:
        yield from check_selector(selector)
    if template.at("template").given:
        yield from check_pods(template.at("template"), selector)


def _check_analyses(analyses: Place) -> Iterator[Finding]:
    for name in analyses.repeated_names():
        if name.text:
            text = f"another analysis of the experiment is called {name.text} already"
            yield name.finding("experiment-analysis", text)


def _check_end(experiment: Place) -> Iterator[Finding]:
    required = any(analysis.at("requiredForCompletion").true for analysis in experiment.at("analyses").items())
    if experiment.given and not experiment.at("duration").given and not required:
        text = "the experiment has no duration and no analysis with requiredForCompletion, so the step does not end"
        yield experiment.finding("endless-experiment", text)


def _check_service_names(bundle: Bundle, templates: Place) -> Iterator[Finding]:
    """The controller only takes a Service that it has made itself, for that very template."""
    first: dict[str, str] = {}
    for template in templates.items():
        name, own = template.at("service", "name"), template.at("name").text
        if not name.text:
            continue
        other = first.setdefault(name.text, own)
        if other != own:
            yield name.finding("experiment-service", f"the Service {name.text} is that of the template {other} already")
        elif bundle.find(SERVICE, name.document.namespace, name.text) is not None:
            text = f"there is a Service {name.text} among these documents, and the experiment needs one of its own"
            yield name.finding("experiment-service", text)


def _check_service(template: Place, pods: Place) -> Iterator[Finding]:
    """Without a Service of its own, a template's weight becomes a destination without a name, one more at each look."""
    weight = template.at("weight")
    if not weight.given and not template.at("service").given:
        return
    flaw = _flaw_of_ports(pods)
    if flaw:
        text = f"the pods of the template {template.at('name').text} have {flaw}, so no Service can be made for it"
        lost = ", and the router sends its weight nowhere"
        yield (weight if weight.given else template.at("service")).finding(
            "experiment-service", f"{text}{lost if weight.given else ''}"
        )


def _flaw_of_ports(pods: Place) -> str:
    """What keeps Kubernetes from a Service with a port for each of the containers'; empty when nothing does."""
    containers = pods.at("spec", "containers").items()
    ports = [port for container in containers for port in container.at("ports").items()]
    names = [port.at("name").text for port in ports]
    numbers = [f"{port.at('containerPort').value}/{port.at('protocol').text or 'TCP'}" for port in ports]
    if containers and not ports:
        return "no container port"
    if len(ports) > 1 and not all(names):
        return "several container ports and not a name for each"
    twice = [same for told in (names, numbers) for same, times in Counter(told).items() if times > 1]
    return f"the container port {twice[0]} twice" if twice else ""
