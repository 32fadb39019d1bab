# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels and selectors, by the rules of Kubernetes (``apimachinery/pkg/util/validation``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from .._model.selectors import meets
from .places import Finding, Place

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SETS = ("In", "NotIn")
_PRESENCES = ("Exists", "DoesNotExist")


def is_key(text: str) -> bool:
    """Whether it can be the key of a label or an annotation."""
    prefix, slash, name = text.rpartition("/")
    return (not slash or is_subdomain(prefix)) and bool(_NAME.fullmatch(name))


def is_value(text: str) -> bool:
    return not text or bool(_NAME.fullmatch(text))


def is_subdomain(text: str) -> bool:
    """A DNS subdomain, such as the name of most objects."""
    return len(text) <= 253 and bool(_SUBDOMAIN.fullmatch(text))


def is_label(text: str) -> bool:
    """A DNS label, such as the name of a container."""
    return bool(_LABEL.fullmatch(text))


def check_labels(labels: Place) -> Iterator[Finding]:
    for entry in labels.entries():
        if not is_key(entry.key):
            yield entry.finding("pod-template", f"{entry.key!r} can be no key of a label")
        elif not is_value(entry.text):
            yield entry.finding("pod-template", f"{entry.text!r} can be no value of a label")


def check_selector(selector: Place) -> Iterator[Finding]:
    """Mirrors ValidateLabelSelector, and the controller's own rule that it must select something."""
    if not selector.mapping.get("matchLabels") and not selector.mapping.get("matchExpressions"):
        yield selector.finding("selector", f"{selector.label} is empty, so it would select every pod")
    for entry in selector.at("matchLabels").entries():
        if not is_key(entry.key) or not is_value(entry.text):
            yield entry.finding("selector", f"{entry.key}={entry.text} can be no label")
    for expression in selector.at("matchExpressions").items():
        yield from _check_expression(expression)


def _check_expression(expression: Place) -> Iterator[Finding]:
    operator, values = expression.at("operator"), expression.at("values")
    if operator.text not in _SETS + _PRESENCES:
        yield operator.finding("selector", f"the operator {operator.text!r} is none of {', '.join(_SETS + _PRESENCES)}")
    elif (operator.text in _SETS) != bool(values.items()):
        needs = "needs values" if operator.text in _SETS else "takes no values"
        yield expression.finding("selector", f"the operator {operator.text} {needs}")
    if not is_key(expression.at("key").text):
        yield expression.finding("selector", f"{expression.at('key').text!r} can be no key of a label")
    for value in values.items():
        if not is_value(value.text):
            yield value.finding("selector", f"{value.text!r} can be no value of a label")


def mismatch(selector: Place, labels: Mapping[str, str]) -> str:
    """The first requirement of a selector that the labels do not meet, in words; empty when they match."""
    for key, value in selector.at("matchLabels").texts.items():
        if labels.get(key) != value:
            return f"{key}={value}"
    for expression in selector.at("matchExpressions").items():
        key, operator = expression.at("key").text, expression.at("operator").text
        values = [value.text for value in expression.at("values").items()]
        if operator in _SETS + _PRESENCES and not meets(labels, key, operator, values):
            return f"{key} {operator} ({', '.join(values)})"
    return ""
