# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock, an apiserver and a controller for the engine's tests, all of them scripted and none of them waiting.

The apiserver keeps the rules that the engine relies on: locks, tests of JSON patches, dry runs, the status as a
subresource, a new generation for a new spec. The controller is a list of what happens when. Time passes only when
the engine waits: in ``sleep``, or in ``feed.next`` until the next event.
"""

from __future__ import annotations

import copy
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jsonpatch
from ansible_collections.progressive.delivery.plugins.module_utils._analysis.samples import Answer, Sample
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    NotFound,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.events import Changed, Event, Gone
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import (
    MERGE_PATCH,
    READ_TIMEOUT,
    Object,
    Resource,
)
from ansible_collections.progressive.delivery.plugins.module_utils._engine.runner import Options, Runner
from ansible_collections.progressive.delivery.plugins.module_utils._model.timestamps import format_time
from ansible_collections.progressive.delivery.plugins.module_utils._verbs.plan import Verb

from tests.unit.support import NAME, NAMESPACE, NOW, Tree, merged

Key = tuple[str, str]  # plural and name; all objects of a test live in one namespace
ROLLOUT: Key = ("rollouts", NAME)
DEPLOYMENT: Key = ("deployments", "shop-pods")


class FakeClock:
    """Starts at NOW."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def monotonic(self) -> float:
        return 5000.0 + self.elapsed

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.elapsed += seconds


@dataclass(frozen=True)
class Request:
    """One request as the apiserver got it."""

    verb: str
    plural: str
    name: str = ""
    subresource: str = ""
    body: Any = None
    content_type: str = ""
    dry_run: bool = False
    query: Mapping[str, str] = field(default_factory=dict)
    timeout: float = READ_TIMEOUT
    at: float = 0.0

    def __str__(self) -> str:
        path = "/".join(filter(None, (self.plural, self.name, self.subresource)))
        return f"{self.verb} {path}" + (" dry run" if self.dry_run else "")


class FakeCluster:
    """Holds objects and plays a script. ``requests`` is what it was asked."""

    host = "https://cluster.test"

    def __init__(self, *objects: Tree) -> None:
        self.clock = FakeClock()
        self.requests: list[Request] = []
        self._feeds: list[FakeFeed] = []
        # How far the host's clock is ahead of the apiserver's, if that one tells.
        self.ahead: timedelta | None = None
        self._objects: dict[Key, Object] = {}
        self._versions = itertools.count(1000)
        self._order = itertools.count()
        self._script: list[tuple[float, int, Callable[[], None]]] = []
        self._reactions: list[list[tuple[float, Tree]]] = []
        self._log: list[tuple[Key, Event]] = []
        self._faults: list[tuple[str, ClusterError | None, bool]] = []
        self._races: list[tuple[Key, Tree]] = []
        for raw in objects:
            self._objects[_key(raw)] = copy.deepcopy(raw)

    # -- what a test says

    def fail(self, verb: str, error: ClusterError, times: int = 1, *, after: int = 0, done: bool = False) -> None:
        """Requests of that verb fail, ``after`` so many that do not.

        With ``done`` a write is carried out and only its answer is lost.
        """
        self._faults += [(verb, None, False)] * after + [(verb, error, done)] * times

    def race(self, change: Tree, key: Key = ROLLOUT) -> None:
        """Somebody else is faster than our next write."""
        self._races.append((key, change))

    def react(self, *steps: tuple[float, Tree]) -> None:
        """What the controller does after the next write: seconds after it, and the state that it then writes."""
        self._reactions.append(list(steps))

    def later(self, seconds: float, change: Tree, key: Key = ROLLOUT) -> None:
        """Somebody or the controller changes an object after so many seconds.

        A whole object stands for the state that the controller reports, for the spec as it then is; anything else
        is a merge patch.
        """
        self._at(seconds, lambda: self._store(key, self._changed(key, change)))

    def appear(self, seconds: float, raw: Tree) -> None:
        self._at(seconds, lambda: self._objects.update({_key(raw): copy.deepcopy(raw)}))

    def vanish(self, seconds: float, key: Key = ROLLOUT) -> None:
        def gone() -> None:
            del self._objects[key]
            self._log.append((key, Gone()))

        self._at(seconds, gone)

    def emit(self, seconds: float, event: Event, key: Key = ROLLOUT) -> None:
        """An event on the watch that no change stands for."""
        self._at(seconds, lambda: self._log.append((key, event)))

    def stored(self, key: Key = ROLLOUT) -> Object:
        self.settle()
        return self._objects[key]

    @property
    def asked(self) -> list[str]:
        return [str(request) for request in self.requests]

    @property
    def patches(self) -> list[Request]:
        return [request for request in self.requests if request.verb == "patch"]

    # -- ClusterPort

    def time(self) -> datetime | None:
        return None if self.ahead is None else self.clock.now() - self.ahead

    def get(self, resource: Resource, namespace: str, name: str, timeout: float = READ_TIMEOUT) -> Object:
        self._note(Request("get", resource.plural, name, timeout=timeout))
        self._break("get")
        return copy.deepcopy(self._object((resource.plural, name)))

    def list(
        self,
        resource: Resource,
        namespace: str,
        query: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        self._note(Request("list", resource.plural, query=query or {}, timeout=timeout))
        self._break("list")
        items = [raw for (plural, _name), raw in self._objects.items() if plural == resource.plural]
        return {"items": copy.deepcopy(items), "metadata": {"resourceVersion": "1"}}

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: object,
        *,
        content_type: str,
        subresource: str = "",
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        request = Request("patch", resource.plural, name, subresource, body, content_type, dry_run, timeout=timeout)
        self._note(request)
        if self._races:
            raced, change = self._races.pop(0)
            self._store(raced, self._changed(raced, change))
        done = self._break("patch", writes=True)
        key = (resource.plural, name)
        found = _patched(self._object(key), request)
        if not dry_run:
            found = self._store(key, found)
            for seconds, change in self._reactions.pop(0) if self._reactions else ():
                self.later(seconds, change)
        if done is not None:
            raise done
        return copy.deepcopy(found)

    def apply(
        self,
        resource: Resource,
        body: Object,
        *,
        force: bool = False,
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> Object:
        """As a merge: what a manager leaves out of an apply is not taken away here."""
        request = Request("apply", *_key(body), body=body, dry_run=dry_run, timeout=timeout)
        self._note(request)
        done = self._break("apply", writes=True)
        key = _key(body)
        if key not in self._objects:
            found = self._add(body, dry_run)
        else:
            _heed_lock(self._objects[key], body)
            found = merged(self._objects[key], body)
            found = found if dry_run else self._store(key, found)
        if done is not None:
            raise done
        return copy.deepcopy(found)

    def create(
        self, resource: Resource, body: Object, *, dry_run: bool = False, timeout: float = READ_TIMEOUT
    ) -> Object:
        self._note(Request("create", *_key(body), body=body, dry_run=dry_run, timeout=timeout))
        done = self._break("create", writes=True)
        if _key(body) in self._objects:
            raise Conflict(f"{body['metadata']['name']} already exists", 409)
        found = self._add(body, dry_run)
        if done is not None:
            raise done
        return copy.deepcopy(found)

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str = "",
        foreground: bool = False,
        dry_run: bool = False,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        """An object with finalizers stays for whoever takes them away."""
        how = {"propagationPolicy": "Foreground" if foreground else "Background"}
        self._note(Request("delete", resource.plural, name, body=how, dry_run=dry_run, timeout=timeout))
        done = self._break("delete", writes=True)
        key = (resource.plural, name)
        found = self._object(key)
        if uid and found["metadata"]["uid"] != uid:
            raise Conflict(f"{name} has another uid", 409)
        if found["metadata"].get("finalizers") and not dry_run:
            self._store(key, merged(found, {"metadata": {"deletionTimestamp": format_time(self.clock.now())}}))
        elif not dry_run:
            del self._objects[key]
            self._log.append((key, Gone()))
        if done is not None:
            raise done

    @contextmanager
    def feed(self, resource: Resource, start: Object, then: Callable[[], None] = lambda: None) -> Iterator[FakeFeed]:
        key = (resource.plural, start["metadata"]["name"])
        self._note(Request("watch", *key))
        feed = FakeFeed(self, key, int(start["metadata"]["resourceVersion"]), then)
        self._feeds.append(feed)
        yield feed
        self._feeds.remove(feed)

    @property
    def feeds_open(self) -> int:
        return len(self._feeds)

    # -- inside

    def settle(self) -> None:
        """Let everything happen that was to happen by now."""
        while self._script and self._script[0][0] <= self.clock.elapsed + 1e-9:
            heapq.heappop(self._script)[2]()
        for feed in self._feeds:
            feed.notice()

    def seconds_to_next(self) -> float | None:
        return self._script[0][0] - self.clock.elapsed if self._script else None

    def events(self, key: Key, position: int) -> list[Event]:
        return [event for logged, event in self._log if logged == key][position:]

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._script, (self.clock.elapsed + seconds, next(self._order), happen))

    def _note(self, request: Request) -> None:
        self.settle()
        self.requests.append(Request(**{**request.__dict__, "at": self.clock.elapsed}))

    def _break(self, verb: str, *, writes: bool = False) -> ClusterError | None:
        """Raise the scripted fault, if one is due; give it back when the write is to be done all the same."""
        index = next((index for index, fault in enumerate(self._faults) if fault[0] == verb), None)
        if index is None:
            return None
        _verb, error, done = self._faults.pop(index)
        if error is None or (writes and done):
            return error
        raise error

    def _object(self, key: Key) -> Object:
        if key not in self._objects:
            raise NotFound(f"there is no {key[0]} {key[1]}", 404)
        return self._objects[key]

    def _add(self, body: Object, dry_run: bool) -> Object:
        """A new object as the apiserver stores it."""
        made = {
            "uid": f"uid-of-{body['metadata']['name']}",
            "generation": 1,
            "creationTimestamp": format_time(self.clock.now()),
        }
        found = merged(body, {"metadata": {**made, "resourceVersion": str(next(self._versions))}})
        if not dry_run:
            self._objects[_key(body)] = found
            self._log.append((_key(body), Changed(copy.deepcopy(found))))
        return found

    def _changed(self, key: Key, change: Tree) -> Object:
        old = self._object(key)
        if "kind" not in change:
            return merged(old, change)
        annotations = {"metadata": {"annotations": change["metadata"].get("annotations")}}
        return {**merged(old, annotations), "status": {**change["status"], **self._observed(old)}}

    def _observed(self, raw: Object) -> Tree:
        seen = {"observedGeneration": str(raw["metadata"]["generation"])} if raw["kind"] == "Rollout" else {}
        ref = (raw.get("spec") or {}).get("workloadRef")
        if ref:
            workload = self._object(("deployments", ref["name"]))
            seen["workloadObservedGeneration"] = str(workload["metadata"]["generation"])
        return seen

    def _store(self, key: Key, new: Object) -> Object:
        """Give it a new version, and tell the watches; nothing happens when nothing changes."""
        old = self._object(key)
        if new == old:
            return old
        metadata = {**new["metadata"], "resourceVersion": str(next(self._versions))}
        if new.get("spec") != old.get("spec") and "generation" in metadata:
            metadata["generation"] = old["metadata"]["generation"] + 1
        self._objects[key] = {**new, "metadata": metadata}
        self._log.append((key, Changed(copy.deepcopy(self._objects[key]))))
        return self._objects[key]


def version_of(raw: Object) -> int:
    return int(raw["metadata"]["resourceVersion"])


class FakeFeed:
    """The versions of one object after ``start``; waits on the fake clock."""

    def __init__(self, cluster: FakeCluster, key: Key, start: int, then: Callable[[], None]) -> None:
        self._cluster, self._key, self._then = cluster, key, then
        self._woken = False
        known = enumerate(cluster.events(key, 0), 1)
        old = (number for number, event in known if isinstance(event, Changed) and version_of(event.object) <= start)
        self._position = self._noticed = max(old, default=0)

    def wake(self) -> None:
        self._woken = True

    def notice(self) -> None:
        """Call ``then`` for each event that has come since."""
        for _event in self._cluster.events(self._key, self._noticed):
            self._noticed += 1
            self._then()

    def next(self, timeout: float) -> Event | None:
        end = self._cluster.clock.elapsed + timeout
        while True:
            self._cluster.settle()
            waiting = self._cluster.events(self._key, self._position)
            if waiting:
                self._position += 1
                return waiting[0]
            if self._woken:
                self._woken = False
                return None
            due = self._cluster.seconds_to_next()
            left = end - self._cluster.clock.elapsed
            if due is None or due > left:
                self._cluster.clock.sleep(max(left, 0.0))
                return None
            self._cluster.clock.sleep(max(due, 0.0))


class FakePrometheus:
    """Answers with the number of the arm whose name is in the query; ``faults`` come first, one for each question."""

    def __init__(self, *faults: Exception, **numbers: float) -> None:
        self.faults = list(faults)
        self.answers = {arm: Answer("vector", (Sample({}, 0.0, number),)) for arm, number in numbers.items()}
        self.addresses: list[str] = []
        self.timeouts: list[float] = []
        self.asked: list[tuple[str, float | None]] = []

    def at(self, address: str, timeout: float) -> FakePrometheus:
        self.addresses.append(address)
        self.timeouts.append(timeout)
        return self

    def instant(self, query: str, time: float | None = None) -> Answer:
        self.asked.append((query, time))
        if self.faults:
            raise self.faults.pop(0)
        return next((answer for arm, answer in self.answers.items() if arm in query), Answer("vector"))

    def range(self, query: str, start: float, end: float, step: float) -> Answer:
        raise AssertionError("requests are counted at one moment")


def _key(raw: Tree) -> Key:
    plurals = {
        "Rollout": "rollouts",
        "AnalysisRun": "analysisruns",
        "AnalysisTemplate": "analysistemplates",
        "ClusterAnalysisTemplate": "clusteranalysistemplates",
        "Experiment": "experiments",
        "ReplicaSet": "replicasets",
        "Deployment": "deployments",
        "PodTemplate": "podtemplates",
        "Pod": "pods",
        "Service": "services",
        "VirtualService": "virtualservices",
        "DestinationRule": "destinationrules",
        "PodDisruptionBudget": "poddisruptionbudgets",
        "HorizontalPodAutoscaler": "horizontalpodautoscalers",
        "ScaledObject": "scaledobjects",
    }
    return plurals[raw["kind"]], raw["metadata"]["name"]


def _heed_lock(old: Object, body: Object) -> None:
    """A write that names a version is for that one only."""
    if body.get("metadata", {}).get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
        raise Conflict("the object has been modified; please apply your changes to the latest version", 409)


def _patched(old: Object, request: Request) -> Object:
    """As the apiserver applies it: with its lock, and each of status and the rest by its own path only."""
    if request.content_type != MERGE_PATCH:
        try:
            return jsonpatch.apply_patch(old, copy.deepcopy(request.body))
        except (jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict) as error:
            raise Conflict("the server rejected our request due to an error in our request", 422) from error
    body = dict(request.body)
    _heed_lock(old, body)
    writable = {part: value for part, value in body.items() if (part == "status") == (request.subresource == "status")}
    return merged(old, writable)


def run(cluster: FakeCluster, verb: Verb, **options: Any) -> Tree:
    """The result of one task; ``options`` are those of the engine."""
    return Runner(cluster, cluster.clock, NAMESPACE, NAME, Options(**options)).run(verb).as_result()


def notes(result: Tree, reason: str) -> list[str]:
    """The messages of the timeline's entries of that kind."""
    return [entry["message"] for entry in result["timeline"] if entry.get("reason") == reason]
