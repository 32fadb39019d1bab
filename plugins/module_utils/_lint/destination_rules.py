# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio's DestinationRules: the host that they are for, and the subsets that the controller writes hashes into.

Mirrors ``UpdateHash`` of ``rollout/trafficrouting/istio/istio.go``, which looks at the names of the subsets only. A
wrong host or label is refused by nobody: Envoy has nowhere to send to, and requests fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._model.rollout import HASH_LABEL
from .bundle import DESTINATION_RULE, Bundle, near
from .places import Finding, Place
from .references import missing, pod_labels

# Istio and Kubernetes give these labels to pods and endpoints, and no pod template has to have them.
_GIVEN = (".istio.io", ".kubernetes.io")


@dataclass(frozen=True)
class Destination:
    """Where a route sends to: ``place`` has host and subset, ``namespace`` is where a short host is looked up."""

    place: Place
    namespace: str


@dataclass(frozen=True)
class _Host:
    """A Service and its namespace, empty where that is not said; or any other host by its whole name."""

    name: str
    namespace: str

    @classmethod
    def parse(cls, text: str, namespace: str) -> _Host:
        """``shop``, ``shop.web`` and ``shop.web.svc`` with any domain behind it are the same in the namespace web."""
        words = text.split(".")
        if len(words) == 1:
            return cls(text, namespace)
        return cls(words[0], words[1]) if words[2:3] in ([], ["svc"]) else cls(text, "")

    def same(self, other: _Host) -> bool:
        return self.name == other.name and near(self.namespace, other.namespace)


def check_destination_rule(
    bundle: Bundle, rollout: Place, reference: Place, destinations: Sequence[Destination]
) -> Iterator[Finding]:
    """``destinations`` are all that the Rollout's routes have; none where they are not known."""
    canary, stable = _subset_names(reference)
    if canary.text and canary.text == stable.text:
        yield stable.finding("destination-rule-subset", f"both subsets are called {stable.text}, and two are needed")
    name, namespace = reference.at("name"), rollout.document.namespace
    if not name.text:
        return
    yield from missing(bundle, DESTINATION_RULE, name, namespace, "missing-destination-rule")
    rule = bundle.find(DESTINATION_RULE, namespace, name.text)
    if rule is not None:
        yield from _check_subsets(rule, reference)
        yield from _check_host(rule, rollout, reference, destinations)
        yield from _check_labels(bundle, rule, rollout, reference)


def _subset_names(reference: Place) -> tuple[Place, Place]:
    return reference.at("canarySubsetName"), reference.at("stableSubsetName")


def _check_subsets(rule: Place, reference: Place) -> Iterator[Finding]:
    subsets = {subset.at("name").text for subset in rule.at("spec", "subsets").items()}
    for subset in _subset_names(reference):
        if subset.text and subset.text not in subsets:
            text = f"the DestinationRule {rule.document.name} has no subset {subset.text}"
            yield subset.finding("destination-rule-subset", text)


def _check_host(
    rule: Place, rollout: Place, reference: Place, destinations: Sequence[Destination]
) -> Iterator[Finding]:
    """Subsets are those of one host: where the routes send to others, they are to subsets that do not exist."""
    names = {name.text for name in _subset_names(reference)}
    sent = [found for found in destinations if found.place.at("subset").text in names and found.place.at("host").text]
    host = rule.at("spec", "host")
    # A wildcard is for hosts of any namespace and domain, and the text cannot tell which domain a short name has.
    if not sent or "*" in host.text:
        return
    own = _Host.parse(host.text, rule.document.namespace or rollout.document.namespace)
    if not any(own.same(_Host.parse(found.place.at("host").text, found.namespace)) for found in sent):
        hosts = ", ".join(dict.fromkeys(found.place.at("host").text for found in sent))
        text = f"the subsets are those of the host {host.text!r}, and the routes of {rollout.document.label} send to"
        yield host.finding("destination-rule-host", f"{text} {hosts}")


def _check_labels(bundle: Bundle, rule: Place, rollout: Place, reference: Place) -> Iterator[Finding]:
    labels = pod_labels(bundle, rollout)
    if labels is None:
        return
    canary = rollout.at("spec", "strategy", "canary")
    for name, role in zip(_subset_names(reference), ("canaryMetadata", "stableMetadata"), strict=True):
        # The controller gives these to the pods for as long as they have the role.
        worn = labels | canary.at(role, "labels").texts
        for subset in rule.at("spec", "subsets").items():
            if name.text and subset.at("name").text == name.text:
                yield from _check_selection(rollout, subset, worn)


def _check_selection(rollout: Place, subset: Place, worn: dict[str, str]) -> Iterator[Finding]:
    selected = subset.at("labels")
    for key, value in selected.texts.items():
        if key != HASH_LABEL and worn.get(key, value if _is_given(key) else None) != value:
            text = f"the subset {subset.at('name').text} selects {key}={value}"
            pods = f"which the pods of {rollout.document.label} are not"
            yield selected.at(key).finding("destination-rule-labels", f"{text}, {pods}")


def _is_given(key: str) -> bool:
    return f".{key.rpartition('/')[0]}".endswith(_GIVEN)
