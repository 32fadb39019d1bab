# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary strategy, mirroring ``ValidateRolloutStrategyCanary``, and what it lets pass that cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .places import Finding, Place
from .steps import check_steps

# Routers that send to Services, so that both have to be named (requireCanaryStableServices).
_BY_SERVICE = ("smi", "apisix", "ambassador", "nginx", "appMesh", "traefik")
_PERCENT = re.compile(r"([0-9]+)%")


def check_canary(canary: Place) -> Iterator[Finding]:
    routing = canary.at("trafficRouting")
    yield from _check_surge(canary)
    yield from _check_services(canary)
    yield from _check_ping_pong(canary, routing)
    yield from _check_scaling(canary, routing)
    yield from check_steps(canary)
    yield from _check_background(canary)


def _check_surge(canary: Place) -> Iterator[Finding]:
    surge, unavailable = canary.at("maxSurge"), canary.at("maxUnavailable")
    if _amount(surge) == 0 and _amount(unavailable) == 0:
        where = surge if surge.given else unavailable
        yield where.finding(
            "surge-and-unavailable", "maxSurge and maxUnavailable are both 0, so no pod can be replaced"
        )


def _amount(place: Place) -> int:
    """A number or percentage; 25 % where there is none, 0 for what is neither, as the controller reads it."""
    if not place.given:
        return 25
    percent = _PERCENT.fullmatch(place.text)
    return int(percent[1]) if percent else place.whole


def _check_services(canary: Place) -> Iterator[Finding]:
    stable, new = canary.at("stableService"), canary.at("canaryService")
    if stable.text and stable.text == new.text:
        text = f"stableService and canaryService are the same ({stable.text}), and two are needed"
        yield stable.finding("same-service", text)
    if not _needs_services(canary):
        return
    for service in (stable, new):
        if not service.text:
            yield service.finding("services-required", f"this kind of trafficRouting needs {service.key}")


def _needs_services(canary: Place) -> bool:
    routing, ping_pong = canary.at("trafficRouting"), canary.at("pingPong").given
    istio = routing.at("istio")
    by_host = istio.given and not istio.at("destinationRule").given
    return ((routing.at("alb").given or by_host) and not ping_pong) or any(routing.at(n).given for n in _BY_SERVICE)


def _check_ping_pong(canary: Place, routing: Place) -> Iterator[Finding]:
    both = canary.at("pingPong")
    if not both.given:
        return
    ping, pong = both.at("pingService"), both.at("pongService")
    if routing.given and not (routing.at("alb").given or routing.at("istio").given or routing.at("plugins").mapping):
        yield both.finding("ping-pong", "pingPong works with the routers alb, istio and plugins only")
    for service in (ping, pong):
        if not service.text:
            yield service.finding("ping-pong", f"pingPong has no {service.key}")
    if ping.text and ping.text == pong.text:
        yield ping.finding(
            "same-service", f"pingService and pongService are the same ({ping.text}), and two are needed"
        )
    if routing.at("alb").given and not routing.at("alb", "rootService").text:
        yield routing.at("alb").finding("ping-pong", "pingPong with alb needs rootService")


def _check_scaling(canary: Place, routing: Place) -> Iterator[Finding]:
    delay, dynamic = canary.at("scaleDownDelaySeconds"), canary.at("dynamicStableScale")
    limit = routing.at("maxTrafficWeight")
    if not routing.given:
        for option in (delay, dynamic):
            if option.given and option.value is not False:
                yield option.finding("needs-traffic-routing", f"{option.key} can only be used with trafficRouting")
        abort = canary.at("abortScaleDownDelaySeconds")
        if abort.given:
            yield abort.finding("no-effect", "abortScaleDownDelaySeconds does nothing without trafficRouting")
    elif delay.given and dynamic.true:
        text = "dynamicStableScale cannot be used with scaleDownDelaySeconds"
        yield dynamic.finding("dynamic-stable-scale", text)
    if limit.given and not routing.at("nginx").given and not routing.at("plugins").mapping:
        yield limit.finding("max-traffic-weight", "maxTrafficWeight is for the routers nginx and plugins only")


def _check_background(canary: Place) -> Iterator[Finding]:
    start = canary.at("analysis", "startingStep")
    steps = len(canary.at("steps").items())
    if start.number is not None and 0 < steps < start.number:
        text = f"the background analysis starts at step {start.number} and there are only {steps}, so it never runs"
        yield start.finding("starting-step", text)
