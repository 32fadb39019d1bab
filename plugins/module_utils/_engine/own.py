# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, terminates and takes away objects of a task's own: decides, writes with a lock, and never makes one twice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._analysis.evidence import Verdict
from .._cluster.errors import ClusterError, Conflict, NotFound, Transient
from .._cluster.resources import EXPERIMENT, MERGE_PATCH, Object, Resource
from .._model.errors import InvalidRequest
from .._model.templates import TemplateError
from .._verbs.own import FINISHED, Absent, Compare, Create, Delete, Own, Present, Terminate, Terminated, Wish
from .._verbs.plan import Change, NotYet, Refused, Unchanged
from .gitops import heed_removal
from .outcome import IN_DOUBT, Stop, show_change
from .ports import Clock, ClusterPort
from .retry import Patience
from .runner import Options
from .timeline import Listener, Timeline
from .watching import Watching

_NO_FAILURE = ("successful", "running", "written")


@dataclass(frozen=True)
class Name:
    """Where the object is, and the ``metadata`` that it gets beside that."""

    resource: Resource
    namespace: str
    name: str
    metadata: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.resource.kind} {self.namespace}/{self.name}"

    def body(self, spec: Mapping[str, Any], suffix: str = "") -> Object:
        """The object to create; with ``suffix`` one beside it, which no dry run lets become real."""
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "metadata": {
                **self.metadata,
                "name": self.name[: 253 - len(suffix)] + suffix,
                "namespace": self.namespace,
            },
            "spec": dict(spec),
        }


class Maker:
    """One wish about one object. ``changed`` and ``change`` tell what was done, also after an error."""

    def __init__(
        self, cluster: ClusterPort, patience: Patience, watching: Watching, name: Name, options: Options
    ) -> None:
        self._cluster, self._patience, self._watching = cluster, patience, watching
        self._name, self._options = name, options
        self.changed = False
        self.unsure = False
        self.warning = ""
        self._met = False
        self._change: Change | None = None

    @property
    def change(self) -> Change | None:
        """What was written, or would be."""
        return self._change if self.changed else None

    def carry_out(self, wish: Wish) -> Object | None:
        """The object as it is once the wish is on record; in check mode as a dry run tells it. None: there is none.

        Raises Stop and ClusterError.
        """
        found = self._read()
        self._met = found is not None
        wish = wish.meeting(_own(found))
        while True:
            step = wish.plan(_own(found))
            match step:
                case Unchanged():
                    # After a write whose answer was lost the wish is on record: then it was done.
                    self.changed = self.changed or self.unsure
                    return found
                case Refused():
                    raise Stop(step.reason, step.message)
                case NotYet():
                    found = self._wait_until_gone(step, found)
                case Compare():
                    if not isinstance(wish, Present):
                        raise AssertionError("nothing else has a spec to compare")
                    wish = replace(wish, spec=self._as_stored(wish.spec), as_stored=True)
                case _:
                    done, found = self._write(step, wish, found)
                    if done:
                        return found

    def _read(self) -> Object | None:
        name = self._name
        try:
            return self._patience.call(lambda limit: self._cluster.get(name.resource, name.namespace, name.name, limit))
        except NotFound:
            return None

    def _as_stored(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec with what the apiserver adds to it and takes from it."""
        body = self._name.body(spec, "-check")
        made = self._patience.call(
            lambda limit: self._cluster.create(self._name.resource, body, dry_run=True, timeout=limit)
        )
        stored: Mapping[str, Any] = made["spec"]
        return stored

    def _write(self, step: Create | Terminate | Delete, wish: Wish, found: Object | None) -> tuple[bool, Object | None]:
        """Whether the wish is fulfilled, and what is there now."""
        change = step.change
        try:
            written = self._send(step, wish, found)
        except NotFound:
            if isinstance(step, Create):  # the namespace
                raise
            return False, None
        except Conflict as error:
            # Nothing was written: it has changed or came since it was read.
            self._patience.pause(error)
            return False, self._read()
        except Transient as error:
            self.unsure = self.unsure or (error.in_doubt and not self._options.check_mode)
            self._change = self._change or change
            self._patience.pause(error)
            return False, self._read()
        self._patience.answered()
        self.changed, self._change = True, self._change or change
        if not isinstance(step, Delete):
            return True, written
        return False, None if self._options.check_mode else self._read()

    def _send(self, step: Create | Terminate | Delete, wish: Wish, found: Object | None) -> Object | None:
        name, dry_run, limit = self._name, self._options.check_mode, self._patience.request_timeout
        if isinstance(step, Create):
            if not isinstance(wish, Present):
                raise AssertionError("nothing else has a spec to create with")
            body = name.body(wish.spec, "-check" if dry_run and self._met else "")
            return self._cluster.create(name.resource, body, dry_run=dry_run, timeout=limit)
        where = (name.resource, name.namespace, name.name)
        if found is None:
            raise AssertionError("there is one to terminate or to delete")
        if isinstance(step, Delete):
            self.warning = heed_removal(self._options.gitops, found, name.label)
            # A new one finds what the old one has made under the names that it needs, such as its ReplicaSets.
            first = isinstance(wish, Present) and self._options.wait
            self._cluster.delete(*where, uid=step.uid, foreground=first, dry_run=dry_run, timeout=limit)
            return None
        lock = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}}
        body = {**lock, "spec": {"terminate": True}}
        return self._cluster.patch(*where, body, content_type=MERGE_PATCH, dry_run=dry_run, timeout=limit)

    def _wait_until_gone(self, step: NotYet, found: Object | None) -> Object | None:
        if found is None:
            raise AssertionError("only what is there can be on its way")
        if self._options.check_mode:
            return None
        if not self._options.wait:
            raise Stop(step.reason, f"{step.message}; run it again later, or with wait: true")
        self._watching.until_gone(self._name.resource, found)
        return self._read()


def _own(found: Object | None) -> Own | None:
    return None if found is None else Own.parse(found)


@dataclass(frozen=True)
class Request:
    """What is wanted of an object of a task's own; ``spec`` reads what it is made of, if it is to be there."""

    name: Name
    state: str
    spec: Callable[[Patience], Mapping[str, Any]]
    recreate: str
    accept_silence: Collection[str]


class OwnTask:
    """One run of one request. Not for reuse."""

    def __init__(
        self, cluster: ClusterPort, clock: Clock, request: Request, options: Options, listener: Listener | None
    ) -> None:
        self._request, self._options = request, options
        self._patience = Patience(clock, options.timeout)
        self._timeline = Timeline(clock, listener)
        self.watching = Watching(
            cluster, clock, self._patience, request.name.namespace, self._timeline, follows=options.follows
        )
        self._maker = Maker(cluster, self._patience, self.watching, request.name, options)

    def run(self) -> dict[str, Any]:
        """The keys that results share; never raises a ClusterError or Stop."""
        with self.watching:
            try:
                reason, message = self._carry_out()
            except Stop as stop:
                return self._result(True, stop.reason, str(stop))
            except TemplateError as error:
                return self._result(True, "invalid_spec", str(error))
            except InvalidRequest as error:
                return self._result(True, "invalid_request", str(error))
            except ClusterError as error:
                return self._result(True, error.reason, self._with_doubt(f"{self._request.name.label}: {error}"))
        return self._result(self._request.state == "present" and reason not in _NO_FAILURE, reason, message)

    def _carry_out(self) -> Verdict:
        match self._request.state:
            case "absent":
                return self._have_none()
            case "terminated":
                return self._end()
        return self._have()

    def _have(self) -> Verdict:
        wish = Present(self._request.spec(self._patience), self._request.recreate)
        found = self._maker.carry_out(wish)
        label = self._request.name.label
        if self._options.check_mode and self._maker.changed:
            return "written", f"{label} would be made"
        self._follow(found)
        while self._maker.changed and (ended := self.watching.experiment) is not None and ended.inherited:
            text = f"{label} is {ended.phase} and never ran: the controller gave it the state of a former one; anew"
            self._timeline.note("recreated", text)
            self._follow(self._maker.carry_out(replace(wish, recreate=FINISHED)))
        return self.watching.verdict(self._request.accept_silence)

    def _end(self) -> Verdict:
        label = self._request.name.label
        found = self._maker.carry_out(Terminated(label))
        if found is None:
            raise AssertionError("to terminate what is not there is refused")
        self._follow(found)
        told = self._maker.changed or Own.parse(found).terminate
        if self.watching.verdict()[0] == "running":
            return "written", f"{label} {'would be' if self._options.check_mode else 'was'} told to end"
        return ("terminated", f"{label} was terminated") if told else ("completed", f"{label} had ended by itself")

    def _have_none(self) -> Verdict:
        found = self._maker.carry_out(Absent(self._options.wait))
        label = self._request.name.label
        if found is not None:
            return "deleting", f"{label} is being deleted"
        if not self._maker.changed:
            return "absent", f"there is no {label}"
        return "absent", f"{label} {'would be' if self._options.check_mode else 'was'} deleted"

    def _follow(self, found: Object | None) -> None:
        if found is None:
            raise AssertionError("it is there, or a dry run has told how it would be")
        if self._request.name.resource is EXPERIMENT:
            self.watching.follow_experiment(found)
        else:
            self.watching.follow_run(found)

    def _with_doubt(self, message: str) -> str:
        """A write whose answer was lost may have been done, where nothing could be learned of it until the deadline."""
        if not self._maker.unsure or self._maker.changed:
            return message
        self._maker.changed = True
        return f"{message}. {IN_DOUBT}"

    def _result(self, failed: bool, reason: str, message: str) -> dict[str, Any]:
        result: dict[str, Any] = {
            "changed": self._maker.changed,
            "failed": failed,
            "reason": reason,
            "msg": message,
            "timeline": self._timeline.entries,
        }
        if self._maker.warning and self._maker.changed:
            result["warnings"] = [self._maker.warning]
        change = self._maker.change
        if change is not None:
            result["diff"] = show_change(change, self._request.name.label)
        return result
