# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a task: view, plan, write with a lock, watch transitions, result."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from .._cluster.errors import ClusterError, Conflict, Transient
from .._cluster.resources import JSON_PATCH, MERGE_PATCH, ROLLOUT, Object
from .._model.durations import format_seconds
from .._model.rollout import INVALID_SPEC
from .._model.waiting import Waiting
from .._verbs.goals import Ended, Goal, Reached, Until, Verdict, View, judge
from .._verbs.plan import (
    Act,
    Change,
    JsonPatch,
    MergePatch,
    NotYet,
    Plan,
    Refused,
    Sight,
    Snapshot,
    Unchanged,
    Verb,
)
from .findings import Findings, behind_failure, of_last_try
from .follower import Follower, check_controller
from .gitops import WARN, check_reverted, heed
from .outcome import IN_DOUBT, Outcome, Stop, about, unreachable
from .ports import Clock, ClusterPort
from .reader import Reader
from .restarting import Restarting
from .retry import Patience
from .timeline import Listener, Timeline

# Seconds. A running controller has observed a change long before that, so even a task that is not to wait has them:
# one that follows another at once would fail for nothing.
SOON = 10.0
# How often the controller may drop a write before it is taken at its word.
MOST_LOSSES = 3


@dataclass(frozen=True)
class Options:
    """How to run: ``timeout`` in seconds, for everything from the first request on; ``gitops`` see ``gitops.heed``."""

    check_mode: bool = False
    wait: bool = True
    timeout: float = 300.0
    gitops: str = WARN

    @property
    def follows(self) -> bool:
        """Whether the task watches what happens; in check mode nothing of its doing will."""
        return self.wait and not self.check_mode


class Runner:
    """One run of one verb on one rollout. Not for reuse."""

    def __init__(
        self,
        cluster: ClusterPort,
        clock: Clock,
        namespace: str,
        name: str,
        options: Options,
        listener: Listener | None = None,
    ) -> None:
        self._cluster, self._namespace, self._name, self._options = cluster, namespace, name, options
        self._patience = Patience(clock, options.timeout)
        self._reader = Reader(cluster, clock, self._patience, namespace, name)
        self._timeline = Timeline(clock, listener)
        self._follower = Follower(cluster, clock, self._patience, self._reader, self._timeline)
        self._restarting = Restarting(self._reader, clock, self._timeline)
        self._snapshot: Snapshot | None = None
        self._written: tuple[Act, datetime] | None = None
        self._warning = ""
        self._pinned = ""
        self._changed = False
        self._change: Change | None = None
        self._unsure: Act | None = None
        self._once = ""
        self._losses = 0
        self._saw_analysis = False
        self._looked_again = False
        self._invalid_since: datetime | None = None

    def run(self, verb: Verb) -> Outcome:
        """Never raises a ClusterError or Stop: those become a failed outcome that shows the last state."""
        return self._safely(lambda: self._finish(verb, self._decide_and_write(verb)))

    def follow(self, verb: Verb, done: str, written: Act | None) -> Outcome:
        """Go on where something else has decided and, with an act, has written it: see it acted on, reach the goal."""
        return self._safely(lambda: self._finish(verb, self._take_over(verb, done, written)))

    def _safely(self, work: Callable[[], Outcome]) -> Outcome:
        with self._follower:
            try:
                return work()
            except Stop as stop:
                return self._failed(stop.reason, str(stop))
            except ClusterError as error:
                return self._failed(error.reason, str(error))

    def _finish(self, verb: Verb, done: str) -> Outcome:
        return self._reach_goal(verb, done) if self._options.follows else self._as_it_is(verb, done)

    def _take_over(self, verb: Verb, done: str, written: Act | None) -> str:
        if written is not None:
            self._changed, self._change = True, written.change
        self._look(self._reader.snapshot(verb.needs_history))
        if written is not None and self._options.follows:
            self._written = written, self._view().now
            self._await_sight(written, verb)
        return done

    def _as_it_is(self, verb: Verb, done: str) -> Outcome:
        """Without a wait nothing tells whether the controller has acted on a write."""
        wrote = self._changed and not self._options.check_mode
        reason = "observed" if self._view().observed and not wrote else "written"
        return self._succeeded(reason, done or judge(verb.goal, self._goal_view()).message)

    # -- decide and write

    def _decide_and_write(self, verb: Verb) -> str:
        """Plan and write until the wish is on record; the sentence that says what was done."""
        self._look(self._reader.snapshot(verb.needs_history))
        while True:
            self._check_superseded()
            done = self._carry_out(verb.plan(self._view()), verb)
            if done is not None:
                return done

    def _carry_out(self, plan: Plan, verb: Verb) -> str | None:
        """What was done; None asks for a new decision from the present state."""
        match plan:
            case Refused():
                raise Stop(plan.reason, plan.message)
            case Unchanged():
                return plan.message if self._settle(verb) else None
            case NotYet():
                if self._options.check_mode:
                    return self._foresee(plan)
                self._wait_before_acting(plan, verb)
            case Act() if self._once and plan.once != self._once:
                self._changed = self._changed or self._unsure is not None
                return "it was passed meanwhile"
            case Act() if self._write(plan, verb):
                return plan.message
        return None

    def _foresee(self, plan: NotYet) -> str:
        """Check mode cannot wait; it shows what a real run would go on to write."""
        self._changed, self._change = plan.change is not None, plan.change
        return f"{plan.message}; a real run waits for it first"

    def _wait_before_acting(self, plan: NotYet, verb: Verb) -> None:
        at_most = math.inf if self._options.wait else self._time_for(plan)
        self._look(self._follower.next(self._view(), plan.message, verb.needs_history, at_most=at_most))

    def _time_for(self, plan: NotYet) -> float:
        """Seconds that are left for what the controller does within a moment; Stop for what may take its time."""
        again = "run it again later, or with wait: true"
        if plan.reason != "not_observed":
            raise Stop(plan.reason, f"{plan.message}; {again}")
        soon = min(SOON, self._options.timeout)
        left = soon - self._patience.elapsed
        if left <= 0:
            text = f"{plan.message}, after {format_seconds(soon)}; {check_controller(ROLLOUT.kind)}"
            raise Stop(plan.reason, f"{text}; then {again}")
        return left

    def _settle(self, verb: Verb) -> bool:
        """After a write whose answer was lost the wish is on record: then it was done, and is followed as any other."""
        lost, self._unsure = self._unsure, None
        if lost is None:
            return True
        self._changed = True
        self._written = lost, self._view().now
        return not self._options.follows or self._await_sight(lost, verb)

    def _write(self, plan: Act, verb: Verb) -> bool:
        """Whether the plan is written and, when waiting, seen; False asks for a new decision."""
        self._change = plan.change
        self._warning = heed(self._options.gitops, plan, self._view())
        try:
            self._apply(plan)
        except Conflict:
            # This patch was not written: the object has moved on since it was read.
            self._once = self._once or plan.once
            self._decide_again(plan, verb, Conflict(f"{self._view().rollout.label} keeps changing under the write"))
            return False
        except Transient as error:
            in_doubt = error.in_doubt and not self._options.check_mode
            self._unsure, self._once = self._unsure or (plan if in_doubt else None), plan.once
            self._decide_again(plan, verb, error)
            return False
        self._unsure, self._once = None, plan.once
        return not self._options.follows or self._await_sight(plan, verb)

    def _decide_again(self, plan: Act, verb: Verb, error: ClusterError) -> None:
        if _makes_version(plan):
            self._pinned = ""  # whoever changed the template, the wish is another one; and it may have been this task
        self._patience.pause(error)
        self._look(self._reader.snapshot(verb.needs_history))

    def _apply(self, plan: Act) -> None:
        for patch in plan.patches:
            snapshot = self._view()
            written = self._send(patch, snapshot)
            self._patience.answered()
            self._changed = True
            if self._options.check_mode:
                continue
            if isinstance(patch, JsonPatch) and snapshot.workload.kind != "Rollout":
                self._reader.wrote_workload(written)
                self._look(self._reader.of(dict(snapshot.rollout.raw)))
            else:
                self._look(self._reader.of(written))
        self._written = plan, self._view().now

    def _send(self, patch: MergePatch | JsonPatch, snapshot: Snapshot) -> Object:
        rollout, dry_run = snapshot.rollout, self._options.check_mode
        if isinstance(patch, JsonPatch):
            resource = self._reader.workload_resource(rollout)
            name = snapshot.workload.name
            return self._cluster.patch(
                resource,
                self._namespace,
                name,
                list(patch.operations),
                content_type=JSON_PATCH,
                dry_run=dry_run,
                timeout=self._patience.request_timeout,
            )
        metadata = {**patch.body.get("metadata", {}), "resourceVersion": rollout.resource_version}
        return self._cluster.patch(
            ROLLOUT,
            self._namespace,
            self._name,
            {**patch.body, "metadata": metadata},
            content_type=MERGE_PATCH,
            subresource=patch.subresource,
            dry_run=dry_run,
            timeout=self._patience.request_timeout,
        )

    def _await_sight(self, plan: Act, verb: Verb) -> bool:
        while True:
            self._check_reverted()
            match plan.seen(self._view()):
                case Sight.SEEN:
                    if _makes_version(plan):
                        self._pinned = self._view().rollout.current_hash
                    return True
                case Sight.LOST:
                    self._count_loss(plan)
                    self._look(self._reader.snapshot(verb.needs_history))
                    return False
            waiting = f"{plan.message}, but the controller has not acted on it yet"
            self._follow(partial(self._follower.next, self._view(), waiting))

    def _count_loss(self, plan: Act) -> None:
        self._losses += 1
        if self._losses >= MOST_LOSSES:
            text = f"{plan.message}, but the controller dropped it {self._losses} times"
            raise Stop("dropped", f"{text}; look at the Rollout's events and at the controller's log")
        self._timeline.note("dropped", f"{plan.message}, but the controller dropped it; deciding again")

    # -- follow

    def _reach_goal(self, verb: Verb, done: str) -> Outcome:
        while True:
            self._check_reverted()
            verdict = self._judge(verb.goal)
            if isinstance(verdict, Reached):
                return self._reached(verdict, _join(done, verdict.message), verb)
            if isinstance(verdict, Ended):
                return self._failed(verdict.reason, _join(done, verdict.message))
            self._pin()
            self._follow(partial(self._next, verb.goal, verdict))

    def _follow(self, following: Callable[[], Snapshot]) -> None:
        """The next version; at the deadline by a last look, in case something between held the events back."""
        try:
            self._look(following())
        except Stop as stop:
            if not self._look_again(stop):
                raise

    def _look_again(self, stop: Stop) -> bool:
        """Whether the deadline is over and the object is not as it was; once."""
        if self._patience.remaining > 0 or self._looked_again:
            return False
        self._looked_again = True
        before = self._view().rollout.resource_version
        try:
            self._look(self._reader.last_look())
        except Transient as error:
            if stop.reason != "unreachable":
                raise unreachable(stop, error) from error
        except ClusterError:
            return False
        return self._view().rollout.resource_version != before

    def _next(self, goal: Goal, verdict: Waiting) -> Snapshot:
        snapshot, wish = self._view(), f"waiting until {goal.until.value}"
        if goal.until is not Until.RESTARTED:
            return self._follower.next(snapshot, f"{wish}: {verdict.message}", until=verdict.until)
        state = _join(verdict.message, self._restarting.hindrance(snapshot))
        try:
            return self._follower.next(snapshot, f"{wish}: {state}", until=verdict.until)
        except Stop as stop:
            raise self._restarting.out_of_time(snapshot, state) if stop.reason == "timeout" else stop from None

    def _judge(self, goal: Goal) -> Verdict:
        verdict = judge(goal, self._goal_view())
        if goal.until is Until.RESTARTED and isinstance(verdict, Reached):
            return self._restarting.unfinished(self._view()) or verdict
        return verdict

    def _check_reverted(self) -> None:
        if self._written is not None:
            plan, since = self._written
            check_reverted(plan, self._view(), (self._view().now - since).total_seconds())

    def _goal_view(self) -> View:
        snapshot = self._view()
        return View(snapshot.rollout, snapshot.observed, snapshot.now, self._pinned, self._invalid_since)

    def _look(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        rollout = snapshot.rollout
        self._invalid_since = (self._invalid_since or snapshot.now) if rollout.condition(INVALID_SPEC) else None
        self._saw_analysis |= rollout.updating and bool(rollout.analysis or rollout.current_experiment)
        if self._options.follows:
            self._timeline.record(snapshot.rollout)

    def _pin(self) -> None:
        """From its first observed version on, a wait is about that version."""
        snapshot = self._view()
        if not self._pinned and snapshot.observed:
            self._pinned = snapshot.rollout.current_hash

    def _check_superseded(self) -> None:
        """A task that waits for its gate must not pass the gate of somebody else's version."""
        snapshot = self._view()
        if self._pinned and snapshot.observed and snapshot.rollout.current_hash != self._pinned:
            text = f"another version ({snapshot.rollout.current_hash}, revision {snapshot.rollout.revision})"
            raise Stop("superseded", f"{text} took over before the task could act; nothing was written to it")
        self._pin()

    def _view(self) -> Snapshot:
        if self._snapshot is None:
            raise AssertionError("the first thing that a run does is to read the object")
        return self._snapshot

    # -- results

    def _succeeded(self, reason: str, message: str) -> Outcome:
        return self._outcome(False, reason, message)

    def _reached(self, goal: Reached, message: str, verb: Verb) -> Outcome:
        """A wait that led through an analysis shows what it was let through on, for one request more.

        An explicit wait may have come after an analysis that was over in no time, so it looks in any case.
        """
        found, rollout = Findings(), self._view().rollout
        explicit = not verb.goal.healthy_is_enough
        if (self._saw_analysis or (explicit and rollout.has_analysis)) and verb.goal.until is not Until.OBSERVED:
            found = of_last_try(self._reader, rollout)
        return replace(self._succeeded(goal.reason, message), runs=found.runs, experiment=found.experiment)

    def _failed(self, reason: str, message: str) -> Outcome:
        found = self._behind(reason)
        runs = found.runs
        if runs and reason in ("aborted", "inconclusive"):
            reason = "analysis_failed" if reason == "aborted" else reason
            message = f"{message}. {runs[0].explain()}"
        if reason in _NEXT:
            message = f"{message}. {_NEXT[reason]}"
        if self._unsure is not None and not self._changed:
            self._changed = True
            message = f"{message}. {IN_DOUBT}"
        return replace(self._outcome(True, reason, message), runs=runs, experiment=found.experiment)

    def _behind(self, reason: str) -> Findings:
        """The analyses that explain the end; at a gate, what the rollout was let through on so far."""
        if self._snapshot is None:
            return Findings()
        look = of_last_try if reason == "paused" else behind_failure
        return look(self._reader, self._snapshot.rollout)

    def _outcome(self, failed: bool, reason: str, message: str) -> Outcome:
        return Outcome(
            changed=self._changed,
            failed=failed,
            reason=reason,
            message=about(f"Rollout {self._namespace}/{self._name}", message),
            snapshot=self._snapshot,
            change=self._change if self._changed else None,
            timeline=self._timeline.entries,
            warnings=(self._warning,) if self._warning and self._changed else (),
        )


_NEXT: Mapping[str, str] = {
    "analysis_failed": (
        "Traffic goes back to the stable version; correct the image and set it, or rollout_undo the spec"
    ),
    "aborted": "Traffic goes back to the stable version; rollout_retry tries again, rollout_undo gives the version up",
    "invalid_spec": "The controller does nothing until the spec is corrected",
    "progress_deadline": "Look at the pods of the new ReplicaSet; it heals by itself if they become available",
}


def _makes_version(plan: Act) -> bool:
    """Whether the next version is this task's own; every other act is about the version that it found."""
    return any(isinstance(patch, JsonPatch) for patch in plan.patches)


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
