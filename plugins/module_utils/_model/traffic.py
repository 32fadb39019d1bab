# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Rollout's traffic goes: what the router's objects say, beside what its status says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .family import TEMPLATE_ANNOTATION
from .rollout import BLUE_GREEN, CANARY, HASH_LABEL, Rollout, revision_of
from .routers import (
    MIRROR,
    READ,
    STABLE,
    WEIGHTED,
    Raw,
    Ref,
    Route,
    Sight,
    Target,
    Unread,
    additional,
    destination_rule_ref,
    percent,
    routers_of,
    routing_of,
    service_ref,
    services_of,
    subset_names,
    subsets,
    weighing,
)

AGREE, DISAGREE, NOT_READ = "agree", "disagree", "not_read"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
EXPERIMENT_ARM = "experiment"


@dataclass(frozen=True)
class Pods:
    """The pods of one version, as its ReplicaSet counts them. ``template`` is the name of an experiment's arm."""

    revision: int
    desired: int
    ready: int
    available: int
    template: str

    @classmethod
    def parse(cls, raw: Raw) -> Pods:
        """Of a ReplicaSet."""
        annotations, status = raw["metadata"].get("annotations") or {}, raw.get("status") or {}
        return cls(
            revision=revision_of(annotations),
            desired=int((raw.get("spec") or {}).get("replicas") or 0),
            ready=int(status.get("readyReplicas") or 0),
            available=int(status.get("availableReplicas") or 0),
            template=annotations.get(TEMPLATE_ANNOTATION) or "",
        )


def pods_by_hash(rollout: Rollout, replica_sets: Iterable[Raw]) -> Mapping[str, Pods]:
    """The Rollout's ReplicaSets and those of its current Experiment."""
    return {
        (raw["metadata"].get("labels") or {}).get(HASH_LABEL, ""): Pods.parse(raw)
        for raw in replica_sets
        if any(_is_ours(rollout, owner) for owner in raw["metadata"].get("ownerReferences") or ())
    }


def _is_ours(rollout: Rollout, owner: Raw) -> bool:
    if owner.get("kind") == "Experiment":
        return bool(rollout.current_experiment) and owner.get("name") == rollout.current_experiment
    return owner.get("uid") == rollout.uid


@dataclass(frozen=True)
class Disagreement:
    """``what`` is one of weight, total, selector, subset, missing, pods."""

    what: str
    where: str
    expected: Any
    found: Any
    message: str


@dataclass(frozen=True)
class View:
    """Everything that was read. ``pods`` is None where the ReplicaSets could not be."""

    sight: Sight
    pods: Mapping[str, Pods] | None

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """All routes that lead to the Rollout's versions."""
        return self.sight.routes

    @property
    def rollout(self) -> Rollout:
        """The Rollout."""
        return self.sight.rollout

    @property
    def weighted(self) -> tuple[Route, ...]:
        """The routes whose weights the controller sets."""
        return tuple(route for route in self.routes if route.role == WEIGHTED)


def traffic_result(view: View, unread: Mapping[Ref, Unread]) -> dict[str, Any]:
    """``reason``, ``msg`` and ``traffic``. ``unread`` are the objects that could not be read."""
    versions, found = _versions(view), list(_disagreements(view))
    missed = [{"object": ref.label, "reason": why.reason, "message": why.message} for ref, why in unread.items()]
    missed += [_not_understood(name) for name in routers_of(view.rollout) if name not in READ]
    untold = bool(versions) and all(item["weight"] is None for item in versions)
    reason = DISAGREE if found else NOT_READ if missed or untold else AGREE
    return {
        "reason": reason,
        "msg": _sentence(view, versions, found, missed),
        "traffic": {
            "router": _router(view.rollout),
            "versions": versions,
            "routes": [_route(view, route) for route in view.routes],
            "disagreements": [dict(vars(item)) for item in found],
            "not_read": missed,
        },
    }


def _router(rollout: Rollout) -> str:
    if rollout.strategy == BLUE_GREEN:
        return "service"
    return "+".join(routers_of(rollout)) or "none"


def _not_understood(name: str) -> dict[str, str]:
    text = f"the objects of the router {name} are not read by this module, so its weights are not known"
    return {"object": name, "reason": "not_supported", "message": f"{text}; ask the router itself"}


# -- versions


def version_of(view: View, pod_hash: str) -> str:
    """What a hash is to the Rollout; ``other`` for what it does not know, ``unknown`` where nothing says the hash."""
    found = next((name for known, name in _own(view.rollout) if known == pod_hash), "")
    return found or _arm(view, pod_hash) or ("other" if pod_hash else "unknown")


def _own(rollout: Rollout) -> list[tuple[str, str]]:
    """Hash and name of the Rollout's own versions. One hash can have several names, of which the first counts."""
    versions = [(rollout.stable_hash, STABLE), (rollout.current_hash, CANARY)]
    if rollout.strategy == BLUE_GREEN:
        status = rollout.status.get(BLUE_GREEN) or {}
        services = [(status.get("activeSelector", ""), "active"), (status.get("previewSelector", ""), "preview")]
        versions = [*services, (rollout.stable_hash, STABLE), (rollout.current_hash, "preview")]
    return [(pod_hash, name) for pod_hash, name in versions if pod_hash]


def _arm(view: View, pod_hash: str) -> str:
    """``experiment/NAME`` by the name of the template, or of its Service."""
    for item in additional(view.rollout):
        if pod_hash and item.get("podTemplateHash") == pod_hash:
            pods = (view.pods or {}).get(pod_hash)
            return f"{EXPERIMENT_ARM}/{(pods.template if pods else '') or item.get('serviceName')}"
    return ""


def _versions(view: View) -> list[dict[str, Any]]:
    """The Rollout's own versions, then whatever else gets traffic."""
    rollout = view.rollout
    weights, stated = _weights(view), _stated(rollout)
    own = [pod_hash for pod_hash, _role in _own(rollout)]
    arms = [item["podTemplateHash"] for item in additional(rollout) if item.get("podTemplateHash")]
    hashes = dict.fromkeys([*own, *arms, *(item for item, weight in weights.items() if weight != 0)])
    return [_version(view, item, weights, stated) for item in hashes]


def _version(
    view: View, pod_hash: str, weights: Mapping[str, float | None], stated: Mapping[str, float] | None
) -> dict[str, Any]:
    pods = (view.pods or {}).get(pod_hash)
    target = next((each for route in view.routes for each in route.targets if each.hash == pod_hash), None)
    counted = view.pods is not None
    return {
        "version": version_of(view, pod_hash),
        "hash": pod_hash or None,
        "revision": pods.revision if pods and pods.revision else None,
        "weight": weights.get(pod_hash, 0) if weights else None,
        "status_weight": None if stated is None else stated.get(pod_hash, 0),
        "service": (target.service or None) if target else None,
        "subset": (target.subset or None) if target else None,
        "pods": {"desired": pods.desired if pods else 0, "ready": pods.ready if pods else 0} if counted else None,
    }


def _weights(view: View) -> Mapping[str, float | None]:
    """Percent by hash; None where routes differ. Empty where nothing that tells could be read."""
    if _router(view.rollout) == "none":
        return _by_pods(view)
    sums = [_sums(route.targets) for route in view.weighted]
    hashes = dict.fromkeys(pod_hash for each in sums for pod_hash in each)
    found = {pod_hash: {each.get(pod_hash, 0) for each in sums} for pod_hash in hashes}
    return {pod_hash: values.pop() if len(values) == 1 else None for pod_hash, values in found.items()}


def _sums(targets: Sequence[Target]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for target in targets:
        sums[target.hash] = sums.get(target.hash, 0) + target.weight
    return sums


def _by_pods(view: View) -> Mapping[str, float | None]:
    """A Service spreads over all ready pods."""
    ready = {pod_hash: pods.ready for pod_hash, pods in (view.pods or {}).items() if not pods.template}
    total = sum(ready.values()) or 1
    return {pod_hash: percent(count, total) for pod_hash, count in ready.items()}


def _stated(rollout: Rollout) -> Mapping[str, float] | None:
    """Percent by hash as the status says; None where it says nothing."""
    if rollout.strategy == BLUE_GREEN:
        active = (rollout.status.get(BLUE_GREEN) or {}).get("activeSelector")
        return {active: 100} if active else None
    weights = rollout.weights
    if not weights:
        return None
    found: dict[str, float] = {}
    for item in (weights.get(STABLE) or {}, weights.get(CANARY) or {}, *additional(rollout)):
        pod_hash = item.get("podTemplateHash") or ""
        found[pod_hash] = found.get(pod_hash, 0) + percent(int(item.get("weight") or 0), rollout.max_weight or 100)
    return found


# -- disagreements


def _disagreements(view: View) -> Iterator[Disagreement]:
    yield from _missing(view)
    for route in view.routes:
        if route.role in (WEIGHTED, MIRROR):
            yield from _wrong_weights(view, route)
    yield from _wrong_selectors(view)
    yield from _wrong_subsets(view)
    for route in view.routes:
        yield from _without_pods(view, route)


def _missing(view: View) -> Iterator[Disagreement]:
    for ref, found in view.sight.seen.items():
        if found is None:
            text = f"{ref.label} does not exist, but {view.rollout.label} refers to it; create it, or correct its name"
            yield Disagreement("missing", ref.label, "an object", None, text)
    for ref in weighing(view.rollout):
        if view.sight.get(ref) is not None and not any(route.ref == ref for route in view.weighted):
            text = f"{ref.label} has no route whose weights {view.rollout.label} sets; name its route in the Rollout,"
            text += " and the Rollout's Services in its route"
            yield Disagreement("missing", ref.label, "a route", None, text)


def _wrong_weights(view: View, route: Route) -> Iterator[Disagreement]:
    for role, wish in _expected(view.rollout).items():
        targets = [target for target in route.targets if role and target.role == role]
        found = sum(target.weight for target in targets)
        if found != wish:
            where = f"{route.label} sends {_in_percent(found)} to {_name(role)}"
            where += f" ({targets[0].label})" if targets else ", for which it has no destination"
            text = f"{where}, but status.canary.weights of {view.rollout.label} says {_in_percent(wish)}"
            yield Disagreement("weight", route.label, wish, found, text + _last_writer(view.sight.get(route.ref)))
    total = sum(target.weight for target in route.targets)
    if total != 100:
        text = (
            f"the weights of {route.label} add up to {_number(total)}, not to 100; the shares are others than they say"
        )
        yield Disagreement("total", route.label, 100, total, text)


def _expected(rollout: Rollout) -> Mapping[str, float]:
    """Percent by the role of a destination; empty where the status says nothing."""
    if not rollout.weights:
        return {}
    named = {role: rollout.weights.get(role) or {} for role in (STABLE, CANARY)}
    named |= {item.get("serviceName") or "": item for item in additional(rollout)}
    limit = rollout.max_weight or 100
    return {role: percent(int(item.get("weight") or 0), limit) for role, item in named.items()}


def _last_writer(raw: Raw | None) -> str:
    """Who changed the object last: a hint at what fights with the controller."""
    fields = ((raw or {}).get("metadata") or {}).get("managedFields") or ()
    last = max(fields, key=lambda item: str(item.get("time") or ""), default=None)
    return f"; it was last written by {last.get('manager')} at {last.get('time')}" if last else ""


def _wrong_selectors(view: View) -> Iterator[Disagreement]:
    for name, wishes in _selectors(view):
        ref = service_ref(view.rollout, name)
        found = view.sight.service_hash(name)
        if view.sight.get(ref) is None or found in wishes or not _settled(view, ref, wishes[0]):
            continue
        behind = f"{version_of(view, found)} (hash {found})" if found else "no version, as it selects no hash"
        text = f"{ref.label} leads to {behind}, but {view.rollout.label} wants it to lead to"
        text += f" {version_of(view, wishes[0])} (hash {wishes[0]})"
        yield Disagreement("selector", ref.label, wishes[0], found or None, text + _last_writer(view.sight.get(ref)))


def _selectors(view: View) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each Service with the hashes that it may select, the one that it should select in the end first."""
    rollout, strategy = view.rollout, view.rollout.strategy_spec
    found: list[tuple[str, tuple[str, ...]]]
    if rollout.strategy == BLUE_GREEN:
        status = rollout.status.get(BLUE_GREEN) or {}
        pairs = [("activeService", "activeSelector"), ("previewService", "previewSelector")]
        found = [(strategy.get(name) or "", (status.get(key) or "",)) for name, key in pairs]
    else:
        stable, canary = strategy.get("stableService") or "", strategy.get("canaryService") or ""
        found = [(stable, (rollout.stable_hash,)), (canary, _canary_hashes(rollout)), *_ping_pong(rollout)]
    yield from ((name, wishes) for name, wishes in found if name and wishes[0])


def _canary_hashes(rollout: Rollout) -> tuple[str, ...]:
    """``reconcileStableAndCanaryService``: an abort takes it back to stable, late with dynamicStableScale."""
    weights = rollout.weights or {}
    dynamic = bool(rollout.strategy_spec.get("dynamicStableScale"))
    before = ((weights.get(CANARY) or {}).get("podTemplateHash") or "",) if dynamic else ()
    if rollout.abort and rollout.updating:
        return (rollout.stable_hash, *((rollout.current_hash,) if dynamic else ()), *before)
    return (rollout.current_hash, *before)


def _ping_pong(rollout: Rollout) -> list[tuple[str, tuple[str, ...]]]:
    """``reconcilePingAndPongService``: after the update nobody cares where the one that is not stable leads."""
    if rollout.strategy_spec.get("pingPong") is None:
        return []
    stable, canary = services_of(rollout, prefer_ping_pong=True)
    return [(stable, (rollout.stable_hash,)), (canary, (rollout.current_hash if rollout.updating else "",))]


def _settled(view: View, ref: Ref, pod_hash: str) -> bool:
    """Whether the controller would have switched the Service by now (``ensureSVCTargets``)."""
    pods = (view.pods or {}).get(pod_hash)
    if view.rollout.strategy == BLUE_GREEN:
        return True  # the status says what the Service is, not what it shall be
    if pods is None or not pods.available:
        return False
    adopted = MANAGED_BY in ((view.sight.get(ref) or {}).get("metadata", {}).get("annotations") or {})
    return adopted or pods.available >= pods.desired


def _wrong_subsets(view: View) -> Iterator[Disagreement]:
    ref = destination_rule_ref(view.rollout)
    weights = view.rollout.weights
    if ref is None or view.sight.get(ref) is None or not weights:
        return
    known = subsets(view.sight)
    for name, role in zip(subset_names(view.rollout), (STABLE, CANARY), strict=True):
        wish = (weights.get(role) or {}).get("podTemplateHash") or None
        found = ((known.get(name) or {}).get("labels") or {}).get(HASH_LABEL)
        if name and found != wish:
            what = f"leads to hash {found}" if found else "has no hash" if name in known else "does not exist"
            text = f"subset {name} of {ref.label} {what}, but status.canary.weights of {view.rollout.label}"
            text += f" says {role} with hash {wish}"
            yield Disagreement("subset", ref.label, wish, found, text + _last_writer(view.sight.get(ref)))


def _without_pods(view: View, route: Route) -> Iterator[Disagreement]:
    """Requests that nobody answers."""
    if view.pods is None or not view.rollout.replicas:
        return
    targets = [*(target for target in route.targets if target.weight), *([route.mirror] if route.mirror else [])]
    for target in targets:
        pods = view.pods.get(target.hash)
        if target.hash and (pods is None or not pods.ready):
            has = "which has no ready pod" if pods else "of which there is no ReplicaSet"
            text = f"{route.label} sends {_in_percent(target.weight)} to {version_of(view, target.hash)}"
            text += f" ({target.label}, hash {target.hash}), {has}"
            yield Disagreement("pods", route.label, "ready pods", 0, text)


# -- words


def _sentence(
    view: View, versions: Sequence[Raw], found: Sequence[Disagreement], missed: Sequence[Mapping[str, str]]
) -> str:
    if found:
        more = f" (and {len(found) - 1} more, see traffic.disagreements)" if len(found) > 1 else ""
        return found[0].message + more
    if missed:
        names = ", ".join(item["object"] for item in missed)
        return f"{view.rollout.label}: not everything could be read ({names}): {missed[0]['message']}"
    if versions and all(item["weight"] is None for item in versions):
        return f"{view.rollout.label}: nothing tells its weights, or its routes differ; see traffic.routes"
    shares = " and ".join(_share(item) for item in versions if item["weight"])
    if not shares:
        return f"{view.rollout.label}: no version gets any traffic"
    if not routing_of(view.rollout) and view.rollout.strategy == CANARY:
        return f"{view.rollout.label} has no traffic router; by its ready pods {shares}"
    labels = ", ".join(dict.fromkeys(route.ref.label for route in view.weighted))
    stated = ", as its status says" if all(item["status_weight"] is not None for item in versions) else ""
    return f"{view.rollout.label}: {labels} sends {shares}{stated}"


def _share(version: Raw) -> str:
    revision = f", revision {version['revision']}" if version["revision"] else ""
    return f"{_in_percent(version['weight'])} to {version['version']} (hash {version['hash']}{revision})"


def _name(role: str) -> str:
    if role in (STABLE, CANARY):
        return role
    # The controller makes a Service of the ports that the pods declare, and none without them.
    return f"the experiment's Service {role}" if role else "an arm of the experiment that has no Service"


def _number(value: float) -> str:
    return f"{value:g}"


def _in_percent(value: float) -> str:
    return f"{_number(value)} %"


def _route(view: View, route: Route) -> dict[str, Any]:
    return {
        "object": route.ref.label,
        "protocol": route.protocol,
        "name": route.name or None,
        "role": route.role,
        "match": list(route.match),
        "destinations": [_destination(view, target) for target in route.targets],
        "mirror": _destination(view, route.mirror) if route.mirror else None,
    }


def _destination(view: View, target: Target) -> dict[str, Any]:
    return {
        "version": version_of(view, target.hash),
        "hash": target.hash or None,
        "service": target.service or None,
        "subset": target.subset or None,
        "weight": target.weight,
    }
