# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of analyses: declared, used, given and resolved (``utils/template/template.go``, ``factory.go``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .labels import is_key
from .places import Finding, Place
from .uses import Templates, Use

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_METADATA = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['(.*)'\]", re.DOTALL)
_SEPARATOR = re.compile(r"[.\[\]]+")
_HASHES = ("Stable", "Latest")
_MOMENTS = ("experiment.availableAt", "experiment.finishedAt")


def used_names(place: Place) -> set[str]:
    """The names of the arguments that a metric uses."""
    return {
        tag.removeprefix("args.") for text in place.strings() for tag in _tags(text.text) if tag.startswith("args.")
    }


def _tags(text: str) -> list[str]:
    return [tag.strip() for tag in _TAG.findall(text)] if "{{" in text else []


def check_args(spec: Place, elsewhere: Callable[[str], bool]) -> Iterator[Finding]:
    """The args of a template or a run, and what its metrics use; ``elsewhere`` says what other templates declare."""
    declared: set[str] = set()
    for arg in spec.at("args").items():
        declared.add(arg.at("name").text)
        if arg.at("value").given and arg.at("valueFrom").given:
            yield arg.finding("argument-value", f"the argument {arg.at('name').text} has both value and valueFrom")
    for metric in spec.at("metrics").items():
        for text in metric.strings():
            for tag in _tags(text.text):
                name = tag.removeprefix("args.")
                if not tag.startswith("args."):
                    words = f"{{{{{tag}}}}} is no argument, and nothing else is resolved in a metric"
                    yield text.finding("argument-undeclared", words)
                elif name not in declared and not elsewhere(name):
                    yield text.finding("argument-undeclared", f"the argument {name} is used and not declared")


def check_given_args(use: Use, templates: Templates | None) -> Iterator[Finding]:
    """What a Rollout or an Experiment gives; ``templates`` is None where not all of them are known."""
    given = {arg.at("name").text for arg in use.args.items()}
    for arg in use.args.items():
        yield from _check_source(use, arg)
        yield from _check_experiment_tags(use, arg.at("value"))
    if templates is None:
        return
    resolved: dict[str, bool] = {}
    for arg in templates.items("args"):
        name = arg.at("name").text
        resolved[name] = resolved.get(name, False) or arg.at("value").given or arg.at("valueFrom").given
    for name, has_value in resolved.items():
        if name and not has_value and name not in given:
            text = f"the argument {name} has no value in the template and is not given"
            yield (use.args if use.args.given else use.place).finding("argument-unresolved", text)
    for arg in use.args.items():
        if arg.at("name").text not in resolved:
            text = f"no template takes the argument {arg.at('name').text!r}, so it does nothing"
            yield arg.finding("argument-unexpected", text)


def _check_source(use: Use, arg: Place) -> Iterator[Finding]:
    field, kind = arg.at("valueFrom", "fieldRef", "fieldPath"), arg.at("valueFrom", "podTemplateHashValue")
    if kind.given and kind.value not in _HASHES:
        yield kind.finding("field-ref", f"podTemplateHashValue is one of {', '.join(_HASHES)}, not {kind.value!r}")
    if not field.text:
        return
    if field.text.startswith("metadata"):
        if not _is_metadata(field.text):
            text = f"{field.text!r} is none of {', '.join(_METADATA)}, the first two also with ['key']"
            yield field.finding("field-ref", text)
    elif use.owner.document.kind == "Rollout" and _leads_nowhere(use.owner, field.text):
        yield field.finding("field-ref-path", f"the Rollout has no value at {field.text}")


def _is_metadata(path: str) -> bool:
    subscripted = _SUBSCRIPT.fullmatch(path)
    if subscripted is None:
        return path in _METADATA
    key = subscripted[2]
    return is_key(key.lower() if subscripted[1] == "metadata.annotations" else key)


def _leads_nowhere(rollout: Place, path: str) -> bool:
    """Whether a path of the spec has no value (``extractValueFromRollout``); what a workloadRef brings is unknown."""
    sections = [section for section in _SEPARATOR.split(path) if section]
    if not sections or sections[0] != "spec" or rollout.at("spec", "workloadRef").given:
        return False
    place = rollout
    for section in sections:
        elements = dict(enumerate(place.items()))
        index = int(section) if section.isdecimal() else -1
        place = elements.get(index) or place.at(section)
    return not place.given or isinstance(place.value, dict | list)


def _check_experiment_tags(use: Use, value: Place) -> Iterator[Finding]:
    if use.experiment is None:
        return
    names = [template.at("name").text for template in use.experiment.items()]
    known = {f"templates.{name}.{what}" for name in names for what in ("podTemplateHash", "replicaset.name")}
    for tag in _tags(value.text):
        if tag not in known and tag not in _MOMENTS:
            text = f"{{{{{tag}}}}} is nothing that the experiment knows"
            yield value.finding("experiment-argument", text)
