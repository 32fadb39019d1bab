# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of analyses: what ``ValidateMetric`` (``utils/analysis/factory.go``) refuses, and gates that hold nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .conditions import check_conditions
from .places import Finding, Place
from .steps import check_duration

_PROVIDERS = (
    "prometheus", "kayenta", "web", "datadog", "wavefront", "newRelic", "job", "cloudWatch", "graphite", "influxdb",
    "skywalking",
)  # fmt: skip
# These measure a value, so that without a condition nothing is judged. The others can fail by themselves.
_VALUES = ("prometheus", "datadog", "wavefront", "newRelic", "cloudWatch", "graphite", "influxdb", "skywalking")
# The controller asks again 10 seconds after an error, so that this many take a quarter of an hour.
_MANY_ERRORS = 100


def check_metrics(metrics: Place) -> Iterator[Finding]:
    for name in metrics.repeated_names():
        yield name.finding("metric-name", f"another metric is called {name.text!r} already")
    for metric in metrics.items():
        yield from _check_metric(metric)


def _check_metric(metric: Place) -> Iterator[Finding]:
    yield from check_duration(metric.at("interval"))
    yield from check_duration(metric.at("initialDelay"))
    yield from _check_limits(metric)
    yield from _check_provider(metric)
    yield from check_conditions(metric)


def is_endless(metric: Place) -> bool:
    """Whether it measures until somebody stops it (``EffectiveCount``); False where an argument decides."""
    return bool(metric.at("interval").text) and "{{" not in metric.at("count").text and not metric.at("count").whole


def ends_by_success(metric: Place) -> bool:
    """Whether a row of successes ends it, however many measurements that takes; True where an argument decides."""
    limit = metric.at("consecutiveSuccessLimit")
    return "{{" in limit.text or limit.whole > 0


def _check_limits(metric: Place) -> Iterator[Finding]:
    names = ("count", "failureLimit", "consecutiveSuccessLimit", "inconclusiveLimit", "consecutiveErrorLimit")
    places = [metric.at(name) for name in names]
    if any("{{" in place.text for place in places):
        return  # an argument decides
    for place, least in zip(places[1:], (-1, 0, 0, 0), strict=True):
        if place.whole < least:
            yield place.finding("metric-limits", f"{place.key} is {place.whole}, and {least} is the least")
    count, failures, successes, inconclusive, errors = (place.whole for place in places)
    if failures == -1 and successes == 0:
        text = "failureLimit -1 without consecutiveSuccessLimit leaves nothing that ends the metric"
        yield metric.at("failureLimit").finding("metric-limits", text)
    if count > 0:
        yield from _check_count(metric, count, max(failures, 0) + max(successes, 0), inconclusive)
    if count > 0 and not successes and failures == count:
        text = f"failureLimit ({failures}) is the count, so the metric passes when every measurement has failed"
        yield metric.at("failureLimit").finding("cannot-fail", text)
    if errors > _MANY_ERRORS:
        text = f"consecutiveErrorLimit {errors} goes on for {errors * 10 // 60} minutes while there is no answer at all"
        yield metric.at("consecutiveErrorLimit").finding("error-limit", text)


def _check_count(metric: Place, count: int, needed: int, inconclusive: int) -> Iterator[Finding]:
    place = metric.at("count")
    if count < needed:
        text = f"count ({count}) is less than failureLimit and consecutiveSuccessLimit together ({needed})"
        yield place.finding("metric-limits", text)
    if count < inconclusive:
        yield place.finding("metric-limits", f"count ({count}) is less than inconclusiveLimit ({inconclusive})")
    elif count == inconclusive:
        text = (
            f"inconclusiveLimit ({inconclusive}) is the count, so the metric passes when no measurement was conclusive"
        )
        yield metric.at("inconclusiveLimit").finding("cannot-fail", text)
    if count > 1 and not metric.at("interval").text:
        yield place.finding("metric-interval", f"count {count} needs an interval")


def _check_provider(metric: Place) -> Iterator[Finding]:
    provider = metric.at("provider")
    found = [name for name in _PROVIDERS if provider.at(name).given]
    found += list(provider.at("plugin").mapping)
    if provider.given and not found:
        yield provider.finding("metric-provider", "the metric has no provider")
    elif len(found) > 1:
        yield provider.finding("metric-provider", f"the metric has {len(found)} providers ({', '.join(found)})")
    judged = metric.at("successCondition").text or metric.at("failureCondition").text
    if found and found[0] in _VALUES and not judged:
        text = f"the metric {metric.at('name').text!r} has no condition, so every answer passes"
        yield metric.finding("no-condition", text)
