# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All rules over a bundle of documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from .autoscalers import check_autoscalers
from .bundle import Bundle
from .documents import OUR_GROUP, OURS, Document, Flaw
from .experiments import check_experiments
from .identity import check_identity
from .istio import check_istio
from .places import Finding, Place
from .references import check_duplicates, check_references
from .rollouts import check_rollout
from .rules import RULES
from .shapes import check_shape
from .templates import check_analysis

# What the plugin decodes strictly, beside the kinds of Argo Rollouts.
_STRICT = {("v1", "Service"), ("networking.k8s.io/v1", "Ingress")}


def lint(documents: Sequence[Document]) -> list[Finding]:
    """What is wrong with these objects, in the order of the documents and of their lines. Raises nothing."""
    bundle = Bundle(documents)
    order = {file: index for index, file in enumerate(dict.fromkeys(document.file for document in documents))}
    found = chain(
        chain.from_iterable(_check_alone(place) for place in bundle.places),
        check_duplicates(bundle),
        check_references(bundle),
        check_istio(bundle),
        check_experiments(bundle),
        check_autoscalers(bundle),
        check_analysis(bundle),
    )
    # A finding that two uses of an object lead to is one.
    return sorted(dict.fromkeys(found), key=lambda finding: (order[finding.file], *_order(finding)))


def flaws(found: Iterable[Flaw]) -> Iterator[Finding]:
    """Findings about files that are not about objects."""
    for flaw in found:
        rule = RULES[flaw.rule]
        yield Finding(flaw.rule, rule.severity, flaw.file, flaw.line, "", "", flaw.message, rule.remedy)


def is_ours(document: Document) -> bool:
    """Whether it is one of Argo Rollouts' kinds; the group has others, of Argo CD for example."""
    return document.group == OUR_GROUP and document.kind in OURS


def _order(finding: Finding) -> tuple[int, str, str, str, str]:
    return finding.line or 0, finding.object, finding.path, finding.rule, finding.message


def _check_alone(place: Place) -> Iterator[Finding]:
    document = place.document
    yield from check_identity(place)
    if is_ours(document) or (place.at("apiVersion").text, document.kind) in _STRICT:
        yield from check_shape(place, document.kind)
    if is_ours(document) and document.kind == "Rollout":
        yield from check_rollout(place)
