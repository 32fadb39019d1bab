# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rollout that somebody wishes for: from a definition, or from a Deployment; and how it differs from a real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import InvalidRequest, check_one_of
from .quantity import canonical, same_quantity
from .rollout import BLUE_GREEN, CANARY, REVISION_ANNOTATION
from .template import CONTAINER_GROUPS, strip_defaults

Tree = dict[str, Any]

API_VERSION, KIND = "argoproj.io/v1alpha1", "Rollout"
STRATEGIES = (CANARY, BLUE_GREEN)

COPY, WORKLOAD_REF = MODES = ("copy", "workload_ref")
NEVER, ON_SUCCESS, PROGRESSIVELY = SCALE_DOWN = ("never", "onsuccess", "progressively")

# What only the apiserver writes, and what the controller notes: both are in manifests that were read from a cluster.
_OF_THE_SERVER = frozenset(
    {"creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"}
)
_OF_THE_CONTROLLER = frozenset({REVISION_ANNOTATION, "rollout.argoproj.io/workload-generation"})
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

# What a Deployment and a Rollout have in common, beside the pod template; with the values that both take for granted.
_SHARED: Mapping[str, Any] = {
    "replicas": None,
    "selector": None,
    "minReadySeconds": 0,
    "revisionHistoryLimit": 10,
    "progressDeadlineSeconds": 600,
}
# Of a canary's pods, as a Deployment has them in ``rollingUpdate``.
_SURGE: Mapping[str, Any] = {"maxSurge": "25%", "maxUnavailable": "25%"}

# The parts of the metadata that people write.
_METADATA = ("annotations", "finalizers", "labels", "ownerReferences")

# The controller writes the spec back through its own types. These lose what means the same as nothing,
_NOTHING: Mapping[str, Any] = {
    key: nothing
    for nothing, keys in (
        (False, "hostIPC hostNetwork hostPID paused readOnly stdin stdinOnce tty"),
        (0, "initialDelaySeconds minReadySeconds"),
        ("", "hostname nodeName priorityClassName subPath subdomain value workingDir"),
        ([], "args command env envFrom imagePullSecrets initContainers ports steps tolerations volumeMounts volumes"),
        ({}, "nodeSelector"),
    )
    for key in keys.split()
}
# and spell quantities in their own way.
_A_QUANTITY = "quantity"
_QUANTITIES = frozenset({_A_QUANTITY, "divisor", "sizeLimit"})
_OF_QUANTITIES = frozenset({"limits", "requests"})
# A server-side apply that empties a map which an earlier one has filled leaves a null in its place, and the apiserver
# refuses that in a Rollout. Not to name these at all takes away what was in them, and means the same.
_EMPTY_IS_NOTHING = frozenset(
    {"affinity", "annotations", "labels", "limits", "requests", "resources", "securityContext"}
    | {"activeMetadata", "canaryMetadata", "previewMetadata", "stableMetadata"}
)
# A canary must be said. Without its steps it is as empty.
_EMPTY_CANARY: Mapping[str, Any] = {"steps": []}


@dataclass(frozen=True)
class Definition:
    """The ``metadata`` without name and namespace, and the ``spec``."""

    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @classmethod
    def parse(cls, given: Mapping[str, Any], name: str, namespace: str) -> Definition:
        """Of a whole Rollout, or of its spec alone. Raises InvalidRequest.

        What the apiserver and the controller add to a manifest is left out, so that one that was read from a cluster
        can be used as it is.
        """
        whole: Mapping[str, Any] = given if "spec" in given else {"spec": given}
        metadata = dict(_mapping("definition.metadata", whole.get("metadata") or {}))
        _only("definition.kind", whole.get("kind"), KIND)
        _only("definition.apiVersion", whole.get("apiVersion"), API_VERSION)
        _only("definition.metadata.name", metadata.pop("name", None), name)
        _only("definition.metadata.namespace", metadata.pop("namespace", None), namespace)
        unknown = sorted(whole.keys() - {"apiVersion", "kind", "metadata", "spec", "status"})
        if unknown:
            raise InvalidRequest(f"definition.{unknown[0]}", whole[unknown[0]], "a Rollout has no such field")
        spec = _mapping("definition.spec", whole["spec"])
        check_strategy("definition.spec.strategy", spec.get("strategy"))
        made = cls({key: value for key, value in metadata.items() if key not in _OF_THE_SERVER}, spec)
        return made.with_metadata("annotations", {})

    def with_metadata(self, part: str, added: Mapping[Any, Any]) -> Definition:
        """With more labels or annotations; without those annotations that only others write."""
        whole = {**(self.metadata.get(part) or {}), **{str(key): str(value) for key, value in added.items()}}
        kept = {key: value for key, value in whole.items() if key not in _OF_THE_CONTROLLER and key != _LAST_APPLIED}
        return replace(self, metadata={**self.metadata, part: kept}) if kept or self.metadata.get(part) else self

    def manifest(self, name: str, namespace: str) -> Tree:
        """The object to apply."""
        metadata = {**self.metadata, "name": name, "namespace": namespace}
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": dict(self.spec)}


@dataclass(frozen=True)
class Conversion:
    """A Rollout in the place of a Deployment."""

    deployment: str
    strategy: Mapping[str, Any]
    mode: str = COPY
    scale_down: str = NEVER

    def __post_init__(self) -> None:
        check_strategy("strategy", self.strategy)
        check_one_of("mode", self.mode, MODES)
        check_one_of("scale_down", self.scale_down, SCALE_DOWN)
        if self.mode == COPY and self.scale_down != NEVER:
            remedy = f"only a Rollout with mode: {WORKLOAD_REF} has the Deployment scaled down"
            raise InvalidRequest("scale_down", self.scale_down, remedy)

    def definition(self, deployment: Mapping[str, Any]) -> Definition:
        """By the Deployment as it is."""
        given: Mapping[str, Any] = deployment.get("spec") or {}
        spec = {key: given[key] for key, usual in _SHARED.items() if given.get(key, usual) != usual}
        if self.mode == WORKLOAD_REF:
            ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.deployment}
            spec["workloadRef"] = {**ref, "scaleDown": self.scale_down}
        else:
            spec["template"] = strip_defaults(given.get("template") or {})
        return Definition({}, {**spec, "strategy": self._strategy(given.get("strategy") or {})})

    def caveats(self, deployment: Mapping[str, Any]) -> list[str]:
        """What a Rollout does in another way, and somebody may rely on."""
        strategy = (deployment.get("spec") or {}).get("strategy") or {}
        if strategy.get("type") != "Recreate":
            return []
        text = f"Deployment {self.deployment} ends its old pods before it starts new ones (Recreate)"
        return [f"{text}, which a Rollout cannot: both versions run side by side for a time"]

    def without_deployment(self, rollout: Mapping[str, Any]) -> Definition:
        """By the Rollout itself, once the Deployment that was copied is gone."""
        given: Mapping[str, Any] = rollout.get("spec") or {}
        spec = {key: given[key] for key in (*_SHARED, "template") if key in given}
        return Definition({}, {**spec, "strategy": self._strategy({})})

    def _strategy(self, before: Mapping[str, Any]) -> Tree:
        """With the Deployment's surge, where it is not the usual one and the canary says nothing else."""
        if self.strategy.get(CANARY) is None:
            return dict(self.strategy)
        rolling = before.get("rollingUpdate") or {}
        surge = {key: rolling[key] for key, usual in _SURGE.items() if rolling.get(key, usual) != usual}
        return {CANARY: {**surge, **self.strategy[CANARY]}}


def check_strategy(option: str, strategy: object) -> None:
    """Raise InvalidRequest unless it is one of the two."""
    known = f"give one of {' and '.join(STRATEGIES)}"
    if not strategy:
        raise InvalidRequest(option, None, known)
    given = _mapping(option, strategy)
    for name in given:
        if name not in STRATEGIES:
            raise InvalidRequest(f"{option}.{name}", given[name], known)
    if len([name for name in given if given[name] is not None]) != 1:
        raise InvalidRequest(option, dict(given), known)
    for name, body in given.items():
        if body is not None:
            _mapping(f"{option}.{name}", body)


def with_images_of(spec: Mapping[str, Any], live: Mapping[str, Any]) -> Tree:
    """The spec with the images that the containers of these names have in the live spec."""
    pod = _pod(spec)
    if not pod:
        return dict(spec)
    images = {
        (group, item.get("name")): item["image"]
        for group in CONTAINER_GROUPS
        for item in _pod(live).get(group) or ()
        if item.get("image")
    }
    containers = {
        group: [{**item, "image": images.get((group, item.get("name")), item.get("image"))} for item in pod[group]]
        for group in CONTAINER_GROUPS
        if pod.get(group)
    }
    return {**spec, "template": {**spec["template"], "spec": {**pod, **containers}}}


def _pod(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("template") or {}).get("spec") or {}


def spelled_like(wanted: Any, live: Any, key: str = "") -> Any:
    """What is wanted, in the words of what is there where both mean the same, and without nulls.

    So nothing is written only because the controller has spelled it in another way. ``key`` is that of the value.
    """
    match wanted:
        case Mapping():
            spelled = {
                name: spelled_like(value, _at(live, name), _A_QUANTITY if key in _OF_QUANTITIES else name)
                for name, value in wanted.items()
                if value is not None and not _is_lost(name, value, live)
            }
            left = {name: value for name, value in spelled.items() if not _is_emptied(name, value, live)}
            return dict(_EMPTY_CANARY) if key == CANARY and not left and live else left
        case list():
            return [spelled_like(item, _counterpart(index, item, live)) for index, item in enumerate(wanted)]
        case _ if key in _QUANTITIES:
            # What the controller respells is its field from then on, and no later apply takes it away.
            return live if same_quantity(wanted, live) else canonical(wanted)
    return wanted


def _at(live: Any, name: str) -> Any:
    nothing: Tree | None = {} if name in _EMPTY_IS_NOTHING else None
    return live.get(name, nothing) if isinstance(live, Mapping) else None


def _is_lost(name: str, value: Any, live: Any) -> bool:
    """Whether the controller has dropped it, which changes nothing."""
    nothing = _NOTHING.get(name)
    return isinstance(live, Mapping) and name not in live and value == nothing and type(value) is type(nothing)


def _is_emptied(name: str, value: Any, live: Any) -> bool:
    """Whether it has nothing in it, or nothing any more, and is not there as such."""
    return name in _EMPTY_IS_NOTHING and value == {} and isinstance(live, Mapping) and live.get(name) != {}


def _counterpart(index: int, item: Any, live: Any) -> Any:
    """The item of that name, or of that place where items have no names."""
    others: Sequence[Any] = live if isinstance(live, list) else ()
    if isinstance(item, Mapping) and "name" in item:
        return next((other for other in others if _at(other, "name") == item["name"]), None)
    return others[index] if index < len(others) else None


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """What people write of two versions of an object, where they differ; lists are shown as a whole."""
    return _difference(_written(before), _written(after))


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The names of what differs, such as ``spec.template``."""
    sides = difference(before, after)
    return sorted({f"{part}.{field}" for side in sides for part, fields in side.items() for field in fields})


def _written(raw: Mapping[str, Any]) -> Tree:
    metadata = raw.get("metadata") or {}
    parts = {
        "metadata": {part: metadata[part] for part in _METADATA if metadata.get(part)},
        "spec": dict(raw.get("spec") or {}),
    }
    return {part: fields for part, fields in parts.items() if fields}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Tree, Tree]:
    old: Tree = {}
    new: Tree = {}
    for key in {**before, **after}:
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            one, other = _difference(one, other)
        old |= {key: one} if key in before else {}
        new |= {key: other} if key in after else {}
    return old, new


def makes_version(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether other pods are sure to come: both have a pod template of their own, and the two are not the same."""
    one, other = _pods(before), _pods(after)
    return bool(one and other) and one != other


def _pods(raw: Mapping[str, Any]) -> Any:
    """The template without what makes no other pods: a version must be sure to come where one is waited for."""
    return _without_empty(strip_defaults((raw.get("spec") or {}).get("template") or {}))


def _without_empty(value: Any) -> Any:
    match value:
        case Mapping():
            plain = {key: _without_empty(item) for key, item in value.items()}
            return {key: item for key, item in plain.items() if item not in ({}, [], "", False, 0)}
        case list():
            return [_without_empty(item) for item in value]
    return value


def _mapping(option: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRequest(option, value, "give a dictionary")
    return value


def _only(option: str, value: object, expected: str) -> None:
    if value not in (None, expected):
        raise InvalidRequest(option, value, f"here it can only be {expected}")
