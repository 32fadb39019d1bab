# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a canary, one by one and in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .._model.durations import parse_go_duration, parse_pause_duration
from .places import Finding, Place

# These exclude each other in the controller's validation; of the other types it takes any number.
_EXCLUSIVE = ("setWeight", "pause", "experiment", "analysis")
_TYPES = (*_EXCLUSIVE, "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "plugin")
_MATCHES = ("exact", "regex", "prefix")
_WEIGHING = ("alb", "smi", "istio")


def check_steps(canary: Place) -> Iterator[Finding]:
    routing = canary.at("trafficRouting")
    course = _Course(routing.at("maxTrafficWeight").number_or(100))
    for step in canary.at("steps").items():
        yield from _check_type(step)
        if step.at("setWeight").number is not None:
            yield from course.weigh(step.at("setWeight"))
        yield from _check_pause(step.at("pause", "duration"))
        yield from _check_scale(step.at("setCanaryScale"), routing)
        yield from _check_header_route(step.at("setHeaderRoute"), routing)
        yield from _check_mirror_route(step.at("setMirrorRoute"), routing)
        yield from _check_experiment(step.at("experiment"), routing)
        course.scale(step.at("setCanaryScale"))
        yield from course.experiment(step.at("experiment"))


@dataclass
class _Course:
    """How far the steps have come: the weight of the canary, and the weight that its pods are made for."""

    most: int
    weight: int = 0
    scaled: int | None = None

    def weigh(self, place: Place) -> Iterator[Finding]:
        weight = place.number or 0
        if not 0 <= weight <= self.most:
            yield place.finding("set-weight", f"setWeight is a number from 0 to {self.most}, not {weight}")
            return
        if weight < self.weight:
            yield place.finding("weight-decreases", f"setWeight goes back from {self.weight} to {weight}")
        if self.scaled is not None and weight > self.scaled:
            text = (
                f"setWeight {weight} sends more to the canary than its pods are made for (setCanaryScale {self.scaled})"
            )
            yield place.finding("canary-underscaled", text)
        self.weight = weight

    def scale(self, scale: Place) -> None:
        replicas = scale.at("replicas").number
        if replicas is not None:
            self.scaled = None if replicas else 0
        elif scale.given:
            self.scaled = scale.at("weight").number

    def experiment(self, experiment: Place) -> Iterator[Finding]:
        templates = experiment.at("templates")
        total = sum(template.at("weight").number or 0 for template in templates.items())
        if total and total + self.weight > self.most:
            text = f"the experiment's weights ({total}) and the canary's ({self.weight}) are more than {self.most}"
            yield templates.finding("experiment-weights", text)


def _check_type(step: Place) -> Iterator[Finding]:
    types = [name for name in _TYPES if step.at(name).given]
    exclusive = [name for name in types if name in _EXCLUSIVE]
    if not types:
        yield step.finding("step", f"the step has none of {', '.join(_TYPES)}")
    elif len(exclusive) > 1:
        yield step.finding("step", f"the step has {' and '.join(exclusive)}, and only one is allowed")


def _check_pause(duration: Place) -> Iterator[Finding]:
    if duration.text or duration.number is not None:
        seconds = parse_pause_duration(duration.text or duration.number)
        if seconds is not None and seconds < 0:
            yield duration.finding("pause-duration", f"{duration.value!r} is no duration of a pause")


def _check_scale(scale: Place, routing: Place) -> Iterator[Finding]:
    if not scale.given:
        return
    if not routing.given:
        yield scale.finding("needs-traffic-routing", "setCanaryScale can only be used with trafficRouting")
    options = [name for name in ("weight", "replicas") if scale.at(name).given]
    options += ["matchTrafficWeight"] if scale.at("matchTrafficWeight").true else []
    if len(options) != 1:
        text = f"setCanaryScale needs one of weight, replicas and matchTrafficWeight, and has {' and '.join(options)}"
        yield scale.finding("canary-scale", text if options else text.replace("has ", "has none"))


def _check_route(route: Place, routing: Place) -> Iterator[Finding]:
    managed = routing.at("managedRoutes")
    names = [item.at("name").text for item in managed.items()]
    if routing.given and route.at("name").text not in names:
        text = f"the route {route.at('name').text!r} is not in trafficRouting.managedRoutes"
        yield route.finding("managed-routes", text)


def _check_header_route(route: Place, routing: Place) -> Iterator[Finding]:
    if not route.given:
        return
    able = any(routing.at(name).given for name in ("istio", "alb", "apisix")) or bool(routing.at("plugins").mapping)
    if not able:
        yield route.finding("header-route", "setHeaderRoute needs trafficRouting by istio, alb, apisix or plugins")
    for match in route.at("match").items() if able else []:
        value = match.at("headerValue")
        if value.given:
            yield from _check_alb_match(value) if routing.at("alb").given else _check_match(value)
    yield from _check_route(route, routing)


def _check_mirror_route(route: Place, routing: Place) -> Iterator[Finding]:
    if not route.given:
        return
    if not (routing.at("istio").given or routing.at("plugins").mapping):
        yield route.finding("mirror-route", "setMirrorRoute needs trafficRouting by istio or plugins")
    for match in route.at("match").items():
        for part in ("method", "path"):
            if match.at(part).given:
                yield from _check_match(match.at(part))
    yield from _check_route(route, routing)


def _check_match(value: Place) -> Iterator[Finding]:
    given = [name for name in _MATCHES if value.at(name).text]
    if len(given) != 1:
        text = f"a match has one of {', '.join(_MATCHES)}, and this one has {' and '.join(given) or 'none'}"
        yield value.finding("route-match", text)


def _check_alb_match(value: Place) -> Iterator[Finding]:
    if not value.at("exact").text or value.at("regex").text or value.at("prefix").text:
        yield value.finding("route-match", "alb matches a header by exact only")


def _check_experiment(experiment: Place, routing: Place) -> Iterator[Finding]:
    able = any(routing.at(name).given for name in _WEIGHING) or bool(routing.at("plugins").mapping)
    for name in experiment.at("templates").repeated_names():
        text = f"another template of the experiment is called {name.text} already"
        yield name.finding("experiment-template", text)
    for template in experiment.at("templates").items():
        weight, spec = template.at("weight"), template.at("specRef")
        if weight.given and not able:
            text = "a weight in an experiment needs trafficRouting by smi, alb, istio or plugins"
            yield weight.finding("experiment-weight", text)
        if spec.given and spec.value not in ("stable", "canary"):
            yield spec.finding("experiment-template", f"specRef is stable or canary, not {spec.value!r}")
    yield from check_duration(experiment.at("duration"))


def check_duration(duration: Place) -> Iterator[Finding]:
    """A duration of Go such as ``1m30s``."""
    if not duration.text or "{{" in duration.text:
        return
    try:
        parse_go_duration(duration.text)
    except ValueError:
        yield duration.finding("duration", f"{duration.text!r} is no duration")
