# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where analyses are used, and which templates they take in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .bundle import Bundle, Target
from .places import Place


@dataclass(frozen=True)
class Use:
    """An analysis of a Rollout or an Experiment. ``references`` are the places that name templates.

    ``owner`` is the object; ``endless`` is whether its metrics may go on until somebody stops them; ``experiment`` are
    the templates of pods that its arguments may speak of.
    """

    owner: Place
    place: Place
    references: tuple[Place, ...]
    endless: bool
    experiment: Place | None = None

    @property
    def args(self) -> Place:
        return self.place.at("args")

    @property
    def dry_run(self) -> Place:
        return self.place.at("dryRun")


@dataclass(frozen=True)
class Templates:
    """The templates that references lead to, each once; ``missing`` are the places that name one which is not there."""

    found: tuple[Place, ...]
    missing: tuple[Place, ...]

    def items(self, part: str) -> list[Place]:
        """The elements of a list of all of them together."""
        return [item for template in self.found for item in template.at("spec", part).items()]


def uses_of(owner: Place) -> Iterator[Use]:
    spec = owner.at("spec")
    if owner.document.kind == "Experiment":
        yield from _experiment(owner, spec)
        return
    canary, blue_green = spec.at("strategy", "canary"), spec.at("strategy", "blueGreen")
    yield from _analysis(owner, canary.at("analysis"), endless=True)
    for step in canary.at("steps").items():
        yield from _analysis(owner, step.at("analysis"))
        yield from _experiment(owner, step.at("experiment"))
    for name in ("prePromotionAnalysis", "postPromotionAnalysis"):
        yield from _analysis(owner, blue_green.at(name))


def _analysis(owner: Place, place: Place, endless: bool = False) -> Iterator[Use]:
    if place.given:
        yield Use(owner, place, tuple(place.at("templates").items()), endless)


def _experiment(owner: Place, experiment: Place) -> Iterator[Use]:
    for analysis in experiment.at("analyses").items():
        endless = not analysis.at("requiredForCompletion").true or experiment.at("duration").given
        yield Use(owner, analysis, (analysis,), endless, experiment.at("templates"))


def collect(bundle: Bundle, namespace: str, references: Iterable[Place]) -> Templates:
    """What the references lead to, nested templates included; those that go in a circle end where they began."""
    found: list[Place] = []
    missing: list[Place] = []
    rest = list(references)
    while rest:
        reference = rest.pop(0)
        template = bundle.find(template_kind(reference), namespace, reference.at("templateName").text)
        if template is None:
            missing.append(reference)
        elif template not in found:
            found.append(template)
            rest += template.at("spec", "templates").items()
    return Templates(tuple(found), tuple(missing))


def template_kind(reference: Place) -> Target:
    return Target("ClusterAnalysisTemplate" if reference.at("clusterScope").true else "AnalysisTemplate")
