# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AnalysisRun of its own, made of templates as the controller makes one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .._cluster.errors import NotFound
from .._cluster.resources import ANALYSIS_RUN, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE
from .._model.errors import InvalidRequest
from .._model.templates import Given, TemplateRef, collect, run_spec
from .outcome import Stop
from .own import Name, OwnTask, Request
from .ports import Clock, ClusterPort
from .retry import Patience
from .runner import Options
from .timeline import Listener


@dataclass(frozen=True)
class RunRequest:
    """What is wanted. For the states terminated and absent a name is enough."""

    namespace: str
    name: str
    state: str
    templates: tuple[TemplateRef, ...]
    given: Given
    labels: Mapping[str, str]
    recreate: str
    accept_silence: Collection[str]

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a run of nothing."""
        if self.state == "present" and not self.templates and not self.given.metrics:
            raise InvalidRequest("templates", None, "name one or more templates, or give metrics")


def run_analysis(
    cluster: ClusterPort, clock: Clock, wanted: RunRequest, options: Options, listener: Listener | None
) -> dict[str, Any]:
    """The result of the module; never raises what a cluster can cause."""

    def spec(patience: Patience) -> Mapping[str, Any]:
        templates = collect(wanted.templates, _Templates(cluster, patience, wanted.namespace).read)
        return run_spec(templates, wanted.given)

    name = Name(ANALYSIS_RUN, wanted.namespace, wanted.name, {"labels": dict(wanted.labels)})
    request = Request(name, wanted.state, spec, wanted.recreate, wanted.accept_silence)
    task = OwnTask(cluster, clock, request, options, listener)
    return {**task.run(), "analysis": task.watching.analysis()}


@dataclass(frozen=True)
class _Templates:
    cluster: ClusterPort
    patience: Patience
    namespace: str

    def read(self, wanted: TemplateRef, referrer: str) -> Mapping[str, Any]:
        """The spec of a template. Raises Stop when there is none."""
        resource = CLUSTER_ANALYSIS_TEMPLATE if wanted.cluster_scope else ANALYSIS_TEMPLATE
        namespace = "" if wanted.cluster_scope else self.namespace
        try:
            raw = self.patience.call(lambda limit: self.cluster.get(resource, namespace, wanted.name, limit))
        except NotFound as error:
            where = "" if wanted.cluster_scope else f" in namespace {self.namespace}"
            text = f"there is no {wanted}{where}, which {referrer or 'the option templates'} names"
            raise Stop("not_found", f"{text}; create it, or correct the name or its cluster_scope") from error
        found: Mapping[str, Any] = raw.get("spec") or {}
        return found
