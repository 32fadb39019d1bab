# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rollout as it is declared: by server-side apply, whose dry run is the plan.

The apply carries the version of the object that it was planned on, so it forces nothing that the plan has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .._cluster.errors import ClusterError, Conflict, FieldConflict, Forbidden, NotFound, NotInstalled, Transient
from .._cluster.resources import AUTOSCALER, MERGE_PATCH, ROLLOUT, SCALED_OBJECT, WORKLOADS, Object, Resource
from .._model.autoscaler import Autoscaler, Target, replicas_are_applied, scaled_by
from .._model.errors import InvalidRequest
from .._model.leftovers import adopted, without_leftovers
from .._model.manifest import (
    COPY,
    Conversion,
    Definition,
    changed_fields,
    difference,
    makes_version,
    spelled_like,
    with_images_of,
)
from .._model.observed import spec_observed
from .._model.ownership import CONTROLLER, OURS
from .._model.rollout import Rollout
from .._model.workload import Workload
from .._verbs.goals import Goal
from .._verbs.own import NEVER
from .._verbs.plan import Act, Change, Sight, Snapshot, SpecField
from .._verbs.revision import new_version_seen
from .._verbs.wait import Wait
from .gitops import heed
from .outcome import IN_DOUBT, Outcome, Stop, about
from .own import Name, OwnTask, Request
from .ports import Clock, ClusterPort
from .retry import Patience
from .runner import Options, Runner
from .timeline import Listener

# Their fields are taken over without being asked for: the verbs of this collection set some by patches, and the
# controller spells values in its own way and fills ``replicas`` in, but wishes for nothing.
INDIFFERENT = frozenset({OURS, CONTROLLER})
_DEPLOYMENT = WORKLOADS["Deployment"]


@dataclass(frozen=True)
class Declared:
    """What is wanted. ``force`` takes over what other field managers hold."""

    namespace: str
    name: str
    source: Definition | Conversion
    labels: Mapping[Any, Any]
    annotations: Mapping[Any, Any]
    keep_images: bool
    force: bool
    goal: Goal

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{ROLLOUT.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True)
class Step:
    """One decision: the object as it is, None without one, and as an apply of ``body`` would make it.

    ``adopts``: what our patches have set is to be that of our apply first.
    """

    live: Object | None
    body: Object
    force: bool
    foreseen: Object
    adopts: bool = False

    @property
    def changed(self) -> list[str]:
        """The names of the fields that are written."""
        return changed_fields(self.live or {}, self.foreseen)

    @property
    def message(self) -> str:
        """What is done, in words."""
        if self.live is None:
            return "created"
        return f"changed {', '.join(self.changed)}" if self.changed else "it is as declared"


class Declaration:
    """One run of one request. Not for reuse."""

    def __init__(
        self, cluster: ClusterPort, clock: Clock, wanted: Declared, options: Options, listener: Listener | None
    ) -> None:
        self._cluster, self._clock, self._wanted, self._options = cluster, clock, wanted, options
        self._listener = listener
        self._patience = Patience(clock, options.timeout)
        self._live: Object | None = None
        # The first step whose write may have been done: what it has changed no later look can tell.
        self._unsure: Step | None = None
        self._warnings: list[str] = []

    def run(self) -> Outcome:
        """Never raises a ClusterError or Stop."""
        try:
            outcome = self._go_on(self._carry_out())
        except (ClusterError, Stop) as error:
            outcome = self._failed(error.reason, str(error))
        return replace(outcome, warnings=(*self._warnings, *outcome.warnings))

    # -- decide and write

    def _carry_out(self) -> Step:
        """The step that was taken, or that there was nothing to do for."""
        while True:
            self._warnings = []
            try:
                step = self._decide()
                self._heed(self._unsure or step)
                if step.changed and not self._options.check_mode:
                    self._write(step)
            except Conflict as error:
                # Nothing was written: it has changed since it was read.
                self._patience.pause(error)
            except Transient as error:
                self._patience.pause(error)
            else:
                return self._unsure or step

    def _heed(self, step: Step) -> None:
        """Warn of the GitOps tool that keeps what is changed, or stop; what is new is nobody's yet."""
        if step.live is not None:
            warning = heed(self._options.gitops, self._act(step), self._snapshot(step.live))
            self._warnings += [warning] if warning else []

    def _write(self, step: Step) -> None:
        try:
            self._apply(self._adopt(step), step.force, dry_run=False)
        except FieldConflict as error:  # which the dry run did not meet
            raise Conflict(str(error), error.status) from error
        except Transient as error:
            if error.in_doubt:
                self._unsure = self._unsure or step
            raise
        self._patience.answered()

    def _adopt(self, step: Step) -> Object:
        """The body to apply, after the write that changes nothing but who has set what, if one is needed."""
        if step.live is None or not step.adopts:
            return step.body
        metadata = {"resourceVersion": step.live["metadata"]["resourceVersion"], "managedFields": adopted(step.live)}
        written = self._cluster.patch(
            ROLLOUT,
            self._wanted.namespace,
            self._wanted.name,
            {"metadata": metadata},
            content_type=MERGE_PATCH,
            timeout=self._patience.request_timeout,
        )
        version = written["metadata"]["resourceVersion"]
        return {**step.body, "metadata": {**step.body["metadata"], "resourceVersion": version}}

    def _decide(self) -> Step:
        wanted, live = self._wanted, self._read(ROLLOUT, self._wanted.name)
        self._live = live
        definition = self._definition(live)
        if live is None:
            body = self._body(definition, spelled_like(definition.spec, None))
            return self._foresee(live, body)
        spec = with_images_of(definition.spec, live["spec"]) if wanted.keep_images else definition.spec
        body = self._body(definition, self._with_replicas(spelled_like(spec, live["spec"]), live))
        body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        return self._foresee(live, body)

    def _body(self, definition: Definition, spec: Mapping[str, Any]) -> Object:
        return replace(definition, spec=spec).manifest(self._wanted.name, self._wanted.namespace)

    def _foresee(self, live: Object | None, body: Object) -> Step:
        force = self._wanted.force
        try:
            foreseen = self._apply(body, force, dry_run=True)
        except FieldConflict as error:
            if any(manager not in INDIFFERENT for manager, _field in error.conflicts):
                remedy = "leave these fields out of the task, or take them over with force_conflicts: true"
                raise Stop(error.reason, f"{error}; {remedy}") from error
            force, foreseen = True, self._apply(body, force=True, dry_run=True)
        self._patience.answered(recovered=False)
        left = foreseen if live is None else without_leftovers(foreseen, live, body)
        return Step(live, body, force, left, adopts=left != foreseen)

    def _apply(self, body: Object, force: bool, *, dry_run: bool) -> Object:
        return self._cluster.apply(ROLLOUT, body, force=force, dry_run=dry_run, timeout=self._patience.request_timeout)

    def _read(self, resource: Resource, name: str) -> Object | None:
        namespace = self._wanted.namespace
        try:
            return self._ask(lambda limit: self._cluster.get(resource, namespace, name, limit))
        except NotFound:
            return None

    def _ask(self, request: Callable[[float], Object]) -> Object:
        """The answer to a read; after an error everything is decided again."""
        answer = request(self._patience.request_timeout)
        self._patience.answered(recovered=False)
        return answer

    # -- what is wanted, seen the object as it is

    def _definition(self, live: Object | None) -> Definition:
        source = self._wanted.source
        made = source if isinstance(source, Definition) else self._converted(source, live)
        return made.with_metadata("labels", self._wanted.labels).with_metadata("annotations", self._wanted.annotations)

    def _converted(self, conversion: Conversion, live: Object | None) -> Definition:
        name = conversion.deployment
        deployment = self._read(_DEPLOYMENT, name)
        if deployment is None:
            if live is not None and conversion.mode == COPY:
                return conversion.without_deployment(live)
            text = f"from_deployment: there is no Deployment {self._wanted.namespace}/{name}"
            raise Stop("not_found", f"{text}; check the name and the namespace")
        if live is None:
            if not deployment["spec"].get("replicas", 1):
                remedy = "its Deployment has no pods, so the Rollout would have none; scale it up, or give a definition"
                raise InvalidRequest("from_deployment", name, remedy)
            self._warnings += conversion.caveats(deployment)
        with suppress(Forbidden):  # it is only for a word of warning
            self._warn_of_autoscaler(name)
        return conversion.definition(deployment)

    def _warn_of_autoscaler(self, deployment: str) -> None:
        scaler = self._autoscaler(Target.of(_DEPLOYMENT.api_version, _DEPLOYMENT.kind, deployment))
        if scaler is not None:
            text = f"{scaler.label} scales Deployment {deployment}"
            self._warnings.append(f"{text}; have its scaleTargetRef name {self._wanted.label} instead")

    def _with_replicas(self, spec: Mapping[str, Any], live: Object) -> Object:
        """Without the number of pods where that is not this task's; what an apply has set, an apply must go on to say.

        A field that its only manager leaves out is taken away, and the controller would fill in 1.
        """
        asked, present = spec.get("replicas"), live["spec"].get("replicas")
        declared = asked is not None and isinstance(self._wanted.source, Definition)
        if declared and (asked == present or not self._is_scaled_by_others(asked, live)):
            return dict(spec)
        rest = {key: value for key, value in spec.items() if key != "replicas"}
        return {**rest, "replicas": present} if replicas_are_applied(live) else rest

    def _is_scaled_by_others(self, asked: object, live: Object) -> bool:
        text = f"replicas stays {live['spec'].get('replicas')} and does not become {asked}"
        scaler = self._autoscaler(Target.of(ROLLOUT.api_version, ROLLOUT.kind, self._wanted.name))
        writer = "" if self._wanted.force else scaled_by(live)
        if scaler is not None:
            self._warnings.append(f"{text}: {scaler.label} scales the Rollout; leave it out of the definition")
        elif writer:
            remedy = "leave it out of the definition, or take it over with force_conflicts: true"
            self._warnings.append(f"{text}: {writer} has scaled the Rollout; {remedy}")
        return scaler is not None or bool(writer)

    def _autoscaler(self, target: Target) -> Autoscaler | None:
        """Who points at the target. Without the right to read those of KEDA: each that has work has an ordinary one."""
        found = self._autoscalers(AUTOSCALER)
        with suppress(NotInstalled, Forbidden):
            found += self._autoscalers(SCALED_OBJECT)
        return next((scaler for scaler in found if scaler.target == target), None)

    def _autoscalers(self, resource: Resource) -> list[Autoscaler]:
        found = self._ask(lambda limit: self._cluster.list(resource, self._wanted.namespace, None, limit))
        return [Autoscaler.parse(item, resource.kind) for item in found["items"]]

    # -- the end

    def _act(self, step: Step) -> Act:
        """The step as the plan that it is, for those who only look at it."""
        change = Change(*difference(step.live or {}, step.foreseen))
        fields = tuple(spec_field(name, step.live or {}) for name in step.changed)
        return Act((), change, step.message, self._sight(step), fields=fields)

    def _go_on(self, step: Step) -> Outcome:
        act = self._act(step)
        if step.changed and self._options.check_mode:
            # Not the runner: what the Rollout refers to now may be what is to be corrected.
            return Outcome(
                changed=True,
                failed=False,
                reason="written",
                message=f"{self._wanted.label}: {step.message}",
                snapshot=self._snapshot(step.live or step.foreseen),
                change=act.change,
            )
        options = replace(self._options, timeout=max(self._patience.remaining, 0.0))
        wanted = self._wanted
        runner = Runner(self._cluster, self._clock, wanted.namespace, wanted.name, options, self._listener)
        return runner.follow(Wait(wanted.goal), step.message, act if step.changed else None)

    def _sight(self, step: Step) -> Callable[[Snapshot], Sight]:
        """When the controller has reacted: by another version where one is sure to come."""
        before = self._snapshot(step.live or step.foreseen)
        if step.live is None or (spec_observed(before.rollout) and makes_version(step.live, step.foreseen)):
            return new_version_seen(before)
        return lambda now: Sight.SEEN if now.observed else Sight.PENDING

    def _failed(self, reason: str, message: str) -> Outcome:
        text = about(self._wanted.label, message)
        if self._unsure is not None:
            text = f"{text}. {IN_DOUBT}"
        snapshot = None if self._live is None else self._snapshot(self._live)
        return Outcome(self._unsure is not None, True, reason, text, snapshot)

    def _snapshot(self, raw: Object) -> Snapshot:
        rollout = Rollout.parse(raw)
        return Snapshot(rollout, Workload.of(rollout), self._clock.now())


def spec_field(name: str, live: Object) -> SpecField:
    """One of ``Step.changed``, such as ``spec.template``."""
    part, _sep, key = name.partition(".")
    old = (live.get(part) or {}).get(key)
    return SpecField(
        name=name,
        path=(f"f:{part}", f"f:{key}"),
        old="what it was",
        back=lambda now: (now.rollout.raw.get(part) or {}).get(key) == old,
    )


def remove(
    cluster: ClusterPort, clock: Clock, namespace: str, name: str, options: Options, listener: Listener | None
) -> dict[str, Any]:
    """The result of having no Rollout of that name; never raises what a cluster can cause."""
    request = Request(Name(ROLLOUT, namespace, name, {}), "absent", lambda _patience: {}, NEVER, ())
    return {"rollout": None, "waiting": None, **OwnTask(cluster, clock, request, options, listener).run()}
