# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the traffic goes: the router's objects beside the status, one situation each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.rollout import Rollout
from ansible_collections.progressive.delivery.plugins.module_utils._model.routers import Ref, Sight, Unread, wanted
from ansible_collections.progressive.delivery.plugins.module_utils._model.traffic import (
    View,
    pods_by_hash,
    traffic_result,
)

from tests.unit.support import (
    FIRST_GATE,
    NAME,
    NAMESPACE,
    NEW,
    NO_STEPS,
    OTHER,
    STABLE,
    Tree,
    aborted,
    ago,
    blue_green,
    canary,
    merged,
    paused,
    pods_of,
    preview,
    replica_set,
    updating,
)

HASH = "rollouts-pod-template-hash"
MANAGED = {"argo-rollouts.argoproj.io/managed-by-rollouts": NAME}
SERVICES: Tree = {"canaryService": "shop-canary", "stableService": "shop-stable"}
ARM, ARM_SERVICE = "a53", "shop-arm"


# -- builders


def both() -> tuple[Tree, Tree]:
    """The ReplicaSets of ``updating``, all of whose pods are ready."""
    old, new = (merged(raw, {"status": {"readyReplicas": raw["status"]["replicas"]}}) for raw in pods_of())
    return old, new


def routed(routing: Tree, *changes: Tree, **strategy: Any) -> Tree:
    """A canary at its first gate, whose status says 20 % to the new version."""
    spec = {"strategy": {"canary": {**SERVICES, "trafficRouting": routing, **strategy}}}
    return paused(FIRST_GATE, {"spec": spec, **weights(20)}, *changes)


def weights(new: int, total: int = 100, new_hash: str = NEW, **arms: int) -> Tree:
    additional = [
        {"serviceName": ARM_SERVICE, "podTemplateHash": pod_hash, "weight": weight} for pod_hash, weight in arms.items()
    ]
    found = {
        "canary": {"weight": new, "podTemplateHash": new_hash, "serviceName": "shop-canary"},
        "stable": {"weight": total - new - sum(arms.values()), "podTemplateHash": STABLE, "serviceName": "shop-stable"},
        "additional": additional or None,
    }
    return {"status": {"canary": {"weights": found}}}


def made(kind: str, name: str, spec: Tree, namespace: str = NAMESPACE, **annotations: str) -> Tree:
    metadata = {"name": name, "namespace": namespace, "annotations": annotations}
    return {"kind": kind, "metadata": metadata, "spec": spec}


def service(name: str, pod_hash: str | None) -> Tree:
    selector = {"app": "shop"} | ({HASH: pod_hash} if pod_hash else {})
    return made("Service", name, {"selector": selector}, **MANAGED)


STABLE_SERVICE, CANARY_SERVICE = service("shop-stable", STABLE), service("shop-canary", NEW)


def to(host: str, weight: int | None, subset: str | None = None) -> Tree:
    destination = {"host": host} | ({"subset": subset} if subset else {})
    return {"destination": destination} | ({} if weight is None else {"weight": weight})


def split(new: int, name: str | None = "primary", **more: Any) -> Tree:
    found = {"route": [to("shop-stable", 100 - new), to(f"shop-canary.{NAMESPACE}.svc.cluster.local", new)], **more}
    return {"name": name, **found} if name else found


def virtual_service(*http: Tree, name: str = "shop", namespace: str = NAMESPACE, **protocols: list[Tree]) -> Tree:
    return made("VirtualService", name, ({"http": list(http)} if http else {}) | protocols, namespace)


def istio(**more: Any) -> Tree:
    return {"istio": {"virtualService": {"name": "shop", **more}}}


def rule(*subsets: tuple[str, str | None], host: str = "shop") -> Tree:
    made_of = [{"name": name, "labels": {HASH: pod_hash} if pod_hash else {}} for name, pod_hash in subsets]
    return made("DestinationRule", "shop", {"host": host, "subsets": made_of})


def look(
    raw: Tree, *objects: Tree, pods: tuple[Tree, ...] | None = None, unread: dict[Ref, Unread] | None = None
) -> Tree:
    """The result; ``pods`` are the ReplicaSets if others than those of ``updating``."""
    rollout = Rollout.parse(raw)
    there = {Ref(item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]): item for item in objects}
    missed = unread or {}
    seen = {ref: missed.get(ref, there.get(ref)) for ref in wanted(rollout)}
    return traffic_result(View(Sight(rollout, seen), pods_by_hash(rollout, both() if pods is None else pods)), missed)


def shares(result: Tree) -> dict[str, float | None]:
    return {item["version"]: item["weight"] for item in result["traffic"]["versions"]}


def stated(result: Tree) -> dict[str, float | None]:
    return {item["version"]: item["status_weight"] for item in result["traffic"]["versions"]}


def trouble(result: Tree) -> list[tuple[Any, ...]]:
    assert (result["reason"] == "disagree") == bool(result["traffic"]["disagreements"])
    return [
        tuple(item[key] for key in ("what", "where", "expected", "found"))
        for item in result["traffic"]["disagreements"]
    ]


VIRTUAL = f"VirtualService {NAMESPACE}/shop"


# -- Istio, by Services


def test_a_virtual_service_that_agrees() -> None:
    result = look(routed(istio()), STABLE_SERVICE, CANARY_SERVICE, virtual_service(split(20)))
    assert result["reason"] == "agree"
    assert result["msg"] == (
        f"Rollout prod/shop: {VIRTUAL} sends 80 % to stable (hash {STABLE}, revision 2) and 20 % to canary "
        f"(hash {NEW}, revision 3), as its status says"
    )
    assert result["traffic"]["router"] == "istio"
    assert result["traffic"]["versions"][1] == {
        "version": "canary",
        "hash": NEW,
        "revision": 3,
        "weight": 20,
        "status_weight": 20,
        "service": "shop-canary",
        "subset": None,
        "pods": {"desired": 0, "ready": 1},
    }
    assert result["traffic"]["routes"] == [
        {
            "object": VIRTUAL,
            "protocol": "http",
            "name": "primary",
            "role": "weighted",
            "match": [],
            "mirror": None,
            "destinations": [
                {"version": "stable", "hash": STABLE, "service": "shop-stable", "subset": None, "weight": 80},
                {"version": "canary", "hash": NEW, "service": "shop-canary", "subset": None, "weight": 20},
            ],
        }
    ]


def test_weights_that_somebody_else_has_written() -> None:
    written = virtual_service(split(50))
    written["metadata"]["managedFields"] = [
        {"manager": "rollouts-controller", "time": ago(60)},
        {"manager": "argocd-controller", "time": ago(10)},
    ]
    result = look(routed(istio()), STABLE_SERVICE, CANARY_SERVICE, written)
    route = f"{VIRTUAL}, http route primary"
    assert trouble(result) == [("weight", route, 80, 50), ("weight", route, 20, 50)]
    assert result["msg"] == (
        f"{route} sends 50 % to stable (Service shop-stable), but status.canary.weights of Rollout prod/shop says 80 %"
        "; it was last written by argocd-controller at 2026-01-01T11:59:50Z (and 1 more, see traffic.disagreements)"
    )
    assert (shares(result), stated(result)) == ({"stable": 50, "canary": 50}, {"stable": 80, "canary": 20})


def test_weights_that_do_not_add_up() -> None:
    result = look(
        routed(istio()),
        STABLE_SERVICE,
        CANARY_SERVICE,
        virtual_service({"route": [to("shop-stable", 80), to("shop-canary", 20), to("elsewhere", 50)]}),
    )
    assert trouble(result) == [("total", f"{VIRTUAL}, http route 0", 100, 150)]
    assert shares(result) == {"stable": 80, "canary": 20, "unknown": 50}


def test_a_destination_that_is_gone() -> None:
    result = look(
        routed(istio()), STABLE_SERVICE, CANARY_SERVICE, virtual_service({"route": [to("shop-stable", None)]})
    )
    route = f"{VIRTUAL}, http route 0"
    assert trouble(result) == [("weight", route, 80, 100), ("weight", route, 20, 0)]
    assert "for which it has no destination" in result["traffic"]["disagreements"][1]["message"]


@pytest.mark.parametrize(
    ("configured", "http", "weighted"),
    [
        ({}, [split(20, "any")], ["any"]),
        ({}, [split(20, "any"), split(20, None)], ["1"]),
        ({}, [split(20, None), split(20, None)], ["0"]),
        ({"routes": ["b", "a"]}, [split(20, "a"), split(20, "b"), split(20, "c")], ["a", "b"]),
        ({"routes": ["absent"]}, [split(20, "a")], None),
        ({}, [split(20, "a"), split(20, "b")], None),
    ],
)
def test_the_routes_that_the_controller_writes(configured: Tree, http: list[Tree], weighted: list[str] | None) -> None:
    result = look(routed(istio(**configured)), STABLE_SERVICE, CANARY_SERVICE, virtual_service(*http))
    routes = [route["name"] for route in result["traffic"]["routes"] if route["role"] == "weighted"]
    assert routes == (weighted or [])
    assert trouble(result) == ([] if weighted else [("missing", VIRTUAL, "a route", None)])


def test_a_route_of_the_users_own_is_shown_and_left_alone() -> None:
    own, foreign = split(100, "own"), {"name": "foreign", "route": [to("other", None)]}
    result = look(
        routed(istio(routes=["primary"])), STABLE_SERVICE, CANARY_SERVICE, virtual_service(own, foreign, split(20))
    )
    assert [(route["name"], route["role"]) for route in result["traffic"]["routes"]] == [
        ("primary", "weighted"),
        ("own", "other"),
    ]
    assert result["reason"] == "agree"


@pytest.mark.parametrize(
    ("configured", "protocol", "matches", "weighted"),
    [
        ({}, "tls", [[], []], ["0"]),
        ({"tlsRoutes": [{"port": 443}]}, "tls", [[{"port": 8443}], [{"port": 443}]], ["1"]),
        (
            {"tlsRoutes": [{"port": 443, "sniHosts": ["b", "a"]}]},
            "tls",
            [[{"port": 443, "sniHosts": ["a"]}], [{"port": 443, "sniHosts": ["a", "b"]}]],
            ["1"],
        ),
        ({"tlsRoutes": [{"port": 443}]}, "tls", [[{"port": 443}, {"port": 444}]], []),
        ({}, "tcp", [[], []], ["0"]),
        ({"tcpRoutes": [{"port": 1}, {"port": 2}]}, "tcp", [[{"port": 1}], [{"port": 2}], [{"port": 3}]], ["0", "1"]),
    ],
)
def test_tls_and_tcp_routes(configured: Tree, protocol: str, matches: list[list[Tree]], weighted: list[str]) -> None:
    routes = [{"match": match, **split(20, None)} for match in matches]
    found = look(routed(istio(**configured)), STABLE_SERVICE, CANARY_SERVICE, virtual_service(**{protocol: routes}))
    names = [route["name"] for route in found["traffic"]["routes"] if route["role"] == "weighted"]
    assert names == weighted
    assert {route["protocol"] for route in found["traffic"]["routes"]} == {protocol}


def test_several_virtual_services_that_differ() -> None:
    many = {"istio": {"virtualServices": [{"name": "shop"}, {"name": "a.b.mesh"}, {"name": "c.mesh.cluster.local"}]}}
    objects = (
        STABLE_SERVICE,
        CANARY_SERVICE,
        virtual_service(split(20)),
        virtual_service(split(30), name="a.b", namespace="mesh"),
        virtual_service(split(20), name="c", namespace="mesh"),
    )
    result = look(routed(many), *objects)
    assert [item[1] for item in trouble(result)] == ["VirtualService mesh/a.b, http route primary"] * 2
    assert shares(result) == {"stable": None, "canary": None}
    again = look(routed(many, {"status": {"canary": None}}), *objects)
    assert (again["reason"], stated(again)) == ("not_read", {"stable": None, "canary": None})
    assert again["msg"].endswith("nothing tells its weights, or its routes differ; see traffic.routes")


MANAGED_ROUTES: Tree = {**istio(routes=["primary"]), "managedRoutes": [{"name": "testers"}, {"name": "copy"}]}
TESTERS: Tree = {
    "name": "testers",
    "match": [{"headers": {"x-tester": {"exact": "yes"}}}],
    "route": [to("shop-canary", 100)],
}
COPY: Tree = split(20, "copy", mirror={"host": "shop-canary"}, mirrorPercentage={"value": 35})


def test_header_routes_and_mirrors() -> None:
    result = look(routed(MANAGED_ROUTES), STABLE_SERVICE, CANARY_SERVICE, virtual_service(TESTERS, COPY, split(20)))
    assert result["reason"] == "agree"
    primary, testers, copy = result["traffic"]["routes"]
    assert (primary["role"], testers["role"], copy["role"]) == ("weighted", "header", "mirror")
    assert testers["match"] == TESTERS["match"]
    assert (testers["destinations"][0]["version"], testers["mirror"]) == ("canary", None)
    assert copy["mirror"] == {
        "version": "canary",
        "hash": NEW,
        "service": "shop-canary",
        "subset": None,
        "weight": 35,
    }


def test_a_mirror_route_has_the_weights_too() -> None:
    stale = split(5, "copy", mirror={"host": "shop-canary"})
    result = look(routed(MANAGED_ROUTES), STABLE_SERVICE, CANARY_SERVICE, virtual_service(stale, split(20)))
    assert {item[1] for item in trouble(result)} == {f"{VIRTUAL}, http route copy"}


# -- Istio, by subsets


SUBSETS: Tree = {
    "istio": {
        "virtualService": {"name": "shop"},
        "destinationRule": {"name": "shop", "stableSubsetName": "old", "canarySubsetName": "new"},
    }
}
BY_SUBSET: Tree = virtual_service({"route": [to("shop", 80, "old"), to("shop", 20, "new")]})


def by_subset(*changes: Tree) -> Tree:
    return routed(SUBSETS, *changes, canaryService=None, stableService=None)


def test_subsets_that_agree() -> None:
    result = look(by_subset(), BY_SUBSET, rule(("old", STABLE), ("new", NEW), host=f"shop.{NAMESPACE}.svc"))
    assert (result["reason"], shares(result)) == ("agree", {"stable": 80, "canary": 20})
    assert [item["subset"] for item in result["traffic"]["versions"]] == ["old", "new"]


@pytest.mark.parametrize(
    ("new", "found", "said"),
    [(("new", STABLE), STABLE, f"leads to hash {STABLE}"), (("new", None), None, "has no hash"),
     (("x", NEW), None, "does not exist")],
)  # fmt: skip
def test_a_subset_that_leads_elsewhere(new: tuple[str, str | None], found: str | None, said: str) -> None:
    result = look(by_subset(), BY_SUBSET, rule(("old", STABLE), new))
    assert trouble(result) == [("subset", "DestinationRule prod/shop", NEW, found)]
    assert said in result["msg"]


def test_subsets_of_another_host_say_nothing() -> None:
    result = look(by_subset(), BY_SUBSET, rule(("old", STABLE), ("new", NEW), host="other"))
    assert shares(result) == {"stable": 0, "canary": 0, "unknown": 100}


def test_subsets_before_the_first_weight() -> None:
    result = look(by_subset({"status": {"canary": None}}), BY_SUBSET, rule(("old", STABLE), ("new", STABLE)))
    assert (result["reason"], shares(result)) == ("agree", {"stable": 100, "canary": 0})
    assert "as its status says" not in result["msg"]


# -- objects that are not there, or may not be read


def test_objects_that_are_missing() -> None:
    assert trouble(look(routed(SUBSETS), STABLE_SERVICE)) == [
        ("missing", "Service prod/shop-canary", "an object", None),
        ("missing", "DestinationRule prod/shop", "an object", None),
        ("missing", VIRTUAL, "an object", None),
    ]


def test_what_may_not_be_read_is_named() -> None:
    ref = Ref("VirtualService", NAMESPACE, "shop")
    why = Unread("forbidden", "user eve may not get virtualservices in namespace prod")
    result = look(routed(istio()), STABLE_SERVICE, CANARY_SERVICE, unread={ref: why})
    assert result["reason"] == "not_read"
    assert result["traffic"]["not_read"] == [{"object": VIRTUAL, "reason": "forbidden", "message": why.message}]
    assert result["msg"] == f"Rollout prod/shop: not everything could be read ({VIRTUAL}): {why.message}"
    assert shares(result) == {"stable": None, "canary": None}


def test_what_disagrees_comes_before_what_was_not_read() -> None:
    ref = Ref("VirtualService", NAMESPACE, "shop")
    result = look(routed(istio()), STABLE_SERVICE, unread={ref: Unread("forbidden", "no")})
    assert (result["reason"], len(result["traffic"]["not_read"])) == ("disagree", 1)


def test_without_the_replica_sets_nothing_is_said_of_pods() -> None:
    rollout = Rollout.parse(routed(istio()))
    there = (STABLE_SERVICE, CANARY_SERVICE, virtual_service(split(20)))
    seen = {Ref(item["kind"], NAMESPACE, item["metadata"]["name"]): item for item in there}
    missed = {Ref("ReplicaSet", NAMESPACE, ""): Unread("forbidden", "no")}
    result = traffic_result(View(Sight(rollout, seen), None), missed)
    assert (result["reason"], shares(result)) == ("not_read", {"stable": 80, "canary": 20})
    assert [item["pods"] for item in result["traffic"]["versions"]] == [None, None]
    assert result["traffic"]["not_read"][0]["object"] == "ReplicaSets of prod"


@pytest.mark.parametrize(
    ("routing", "names"),
    [
        ({"smi": {}}, ["smi"]),
        ({"plugins": {"argoproj-labs/gatewayAPI": {}}, "maxTrafficWeight": 100}, ["argoproj-labs/gatewayAPI"]),
        ({"ambassador": {}, "appMesh": {}}, ["ambassador", "appMesh"]),
    ],
)
def test_routers_that_are_not_understood(routing: Tree, names: list[str]) -> None:
    result = look(routed(routing), STABLE_SERVICE, CANARY_SERVICE)
    assert result["reason"] == "not_read"
    assert [(item["object"], item["reason"]) for item in result["traffic"]["not_read"]] == [
        (name, "not_supported") for name in names
    ]
    assert result["traffic"]["router"] == "+".join(names)
    assert (shares(result), stated(result)) == ({"stable": None, "canary": None}, {"stable": 80, "canary": 20})


# -- Services


@pytest.mark.parametrize(
    ("rollout", "selected", "expected"),
    [
        (routed(istio()), STABLE, NEW),
        (routed(istio()), None, NEW),
        (routed(istio()), NEW, None),
        (routed(istio(), dynamicStableScale=True), STABLE, NEW),
        # an abort takes it back
        (aborted({"spec": routed(istio())["spec"]}, weights(0)), NEW, STABLE),
        (aborted({"spec": routed(istio())["spec"]}, weights(0)), STABLE, None),
        (aborted({"spec": routed(istio(), dynamicStableScale=True)["spec"]}, weights(0)), NEW, None),
        # on the way back to stable it stays for as long as it has traffic
        (canary({"spec": routed(istio(), dynamicStableScale=True)["spec"]}, weights(0)), NEW, None),
        (canary({"spec": routed(istio())["spec"]}, weights(0)), NEW, STABLE),
    ],
)  # fmt: skip
def test_where_the_canary_service_leads(rollout: Tree, selected: str | None, expected: str | None) -> None:
    new = Rollout.parse(rollout).status["canary"]["weights"]["canary"]["weight"]
    objects = (STABLE_SERVICE, service("shop-canary", selected), virtual_service(split(new)))
    found = [item for item in trouble(look(rollout, *objects)) if item[0] == "selector"]
    assert found == ([("selector", "Service prod/shop-canary", expected, selected)] if expected else [])


def test_a_selector_in_words() -> None:
    result = look(routed(istio()), STABLE_SERVICE, service("shop-canary", STABLE), virtual_service(split(20)))
    assert result["msg"] == (
        f"Service prod/shop-canary leads to stable (hash {STABLE}), but Rollout prod/shop wants it to lead to canary "
        f"(hash {NEW})"
    )
    assert shares(result) == {"stable": 100, "canary": 0}
    none = look(routed(istio()), STABLE_SERVICE, service("shop-canary", None), virtual_service(split(20)))
    assert "leads to no version, as it selects no hash" in none["msg"]


@pytest.mark.parametrize(
    ("change", "annotated", "late"),
    [
        ({"status": {"availableReplicas": 0, "readyReplicas": 1}}, True, False),
        ({"spec": {"replicas": 2}}, False, False),
        ({"spec": {"replicas": 2}}, True, True),
        ({"spec": {"replicas": 1}}, False, True),
    ],
)
def test_the_controller_waits_for_pods_before_it_switches(change: Tree, annotated: bool, late: bool) -> None:
    old, _other = both()
    new = replica_set(3, NEW, "shop:2", {"status": {"availableReplicas": 1, "readyReplicas": 1}}, change)
    behind = service("shop-canary", STABLE)
    if not annotated:
        behind["metadata"]["annotations"] = {}
    result = look(routed(istio()), STABLE_SERVICE, behind, virtual_service(split(20)), pods=(old, new))
    assert bool(trouble(result)) == late


PING_PONG: Tree = {"pingService": "ping", "pongService": "pong"}


@pytest.mark.parametrize(
    ("ping", "pong", "found"),
    [(STABLE, NEW, []), (NEW, STABLE, [("Service prod/ping", STABLE), ("Service prod/pong", NEW)])],
)
def test_ping_and_pong(ping: str, pong: str, found: list[tuple[str, str]]) -> None:
    raw = routed(istio(), {"status": {"canary": {"stablePingPong": "ping"}}}, pingPong=PING_PONG,
                 canaryService=None, stableService=None)  # fmt: skip
    route = virtual_service({"route": [to("ping", 80), to("pong", 20)]})
    result = look(raw, service("ping", ping), service("pong", pong), route)
    assert [item[1:3] for item in trouble(result)] == found
    assert shares(result) == {"stable": 80 if ping == STABLE else 20, "canary": 20 if ping == STABLE else 80}


def test_after_the_update_pong_may_lead_anywhere() -> None:
    spec = routed(istio(), pingPong=PING_PONG, canaryService=None, stableService=None)["spec"]
    raw = canary({"spec": spec}, weights(0, new_hash=STABLE))
    route = virtual_service({"route": [to("ping", 0), to("pong", 100)]})
    assert trouble(look(raw, service("ping", OTHER), service("pong", STABLE), route)) == []


# -- pods


def test_a_destination_without_a_ready_pod() -> None:
    old, new = both()
    new["status"]["readyReplicas"] = 0
    result = look(routed(istio()), STABLE_SERVICE, CANARY_SERVICE, virtual_service(split(20)), pods=(old, new))
    assert trouble(result) == [("pods", f"{VIRTUAL}, http route primary", "ready pods", 0)]
    assert result["msg"].endswith(f"sends 20 % to canary (Service shop-canary, hash {NEW}), which has no ready pod")


def test_a_destination_without_a_replica_set() -> None:
    old, _other = both()
    mirror = split(0, "copy", mirror={"host": "shop-canary"})
    raw = routed(MANAGED_ROUTES, weights(0))
    result = look(raw, STABLE_SERVICE, CANARY_SERVICE, virtual_service(mirror, split(0)), pods=(old,))
    assert [item[0] for item in trouble(result)] == ["pods"]
    assert result["msg"].endswith("of which there is no ReplicaSet")


def test_a_rollout_of_no_pods_needs_none() -> None:
    raw = routed(istio(), {"spec": {"replicas": 0}})
    assert look(raw, STABLE_SERVICE, CANARY_SERVICE, virtual_service(split(20)), pods=())["reason"] == "agree"


# -- experiments


READY: Tree = {"status": {"readyReplicas": 1}}


def arm_pods(owner: str = "exp", template: str | None = "baseline") -> Tree:
    by = [{"kind": "Experiment", "name": owner, "uid": "uid-of-exp", "controller": True}]
    annotations = {"experiment.argoproj.io/template-name": template, "rollout.argoproj.io/revision": None}
    return replica_set(0, ARM, "shop:1", {"metadata": {"ownerReferences": by, "annotations": annotations}}, READY)


IN_EXPERIMENT: Tree = {"status": {"canary": {"currentExperiment": "exp"}}}
THREE_WAYS: Tree = virtual_service({"route": [to("shop-stable", 70), to("shop-canary", 20), to(ARM_SERVICE, 10)]})


@pytest.mark.parametrize(
    ("pods", "arm"),
    [((arm_pods(),), "experiment/baseline"), ((arm_pods(template=None),), f"experiment/{ARM_SERVICE}")],
)
def test_the_arm_of_an_experiment(pods: tuple[Tree, ...], arm: str) -> None:
    raw = routed(istio(), IN_EXPERIMENT, weights(20, **{ARM: 10}))
    objects = (STABLE_SERVICE, CANARY_SERVICE, service(ARM_SERVICE, ARM), THREE_WAYS)
    result = look(raw, *objects, pods=(*both(), *pods))
    assert (result["reason"], shares(result)) == ("agree", {"stable": 70, "canary": 20, arm: 10})
    assert result["traffic"]["versions"][2]["revision"] is None


def test_an_arm_without_a_service_for_which_the_controller_adds_a_nameless_destination_each_time() -> None:
    raw = routed(istio(), IN_EXPERIMENT, weights(20))
    raw["status"]["canary"]["weights"]["additional"] = [{"weight": 10}]
    raw["status"]["canary"]["weights"]["stable"]["weight"] = 70
    http = {"name": "primary", "route": [to("shop-stable", 70), to("shop-canary", 20), to("", 10), to("", 10)]}
    result = look(raw, STABLE_SERVICE, CANARY_SERVICE, virtual_service(http), pods=(*both(), arm_pods()))
    route = f"{VIRTUAL}, http route primary"
    assert trouble(result) == [("weight", route, 10, 0), ("total", route, 100, 110)]
    assert "sends 0 % to an arm of the experiment that has no Service, for which it has no destination" in result["msg"]
    assert shares(result) == {"stable": 70, "canary": 20, "unknown": 20}


def test_the_service_of_an_arm_that_leads_elsewhere() -> None:
    raw = routed(istio(), IN_EXPERIMENT, weights(20, **{ARM: 10}))
    objects = (STABLE_SERVICE, CANARY_SERVICE, service(ARM_SERVICE, OTHER), THREE_WAYS)
    result = look(raw, *objects, pods=(*both(), arm_pods()))
    assert shares(result) == {"stable": 70, "canary": 20, "experiment/baseline": 0, "other": 10}
    assert [item[0] for item in trouble(result)] == ["pods"]


def test_an_arm_that_gets_too_little() -> None:
    raw = routed(istio(), IN_EXPERIMENT, weights(20, **{ARM: 10}))
    objects = (STABLE_SERVICE, CANARY_SERVICE, service(ARM_SERVICE, ARM), virtual_service(split(20)))
    result = look(raw, *objects, pods=(*both(), arm_pods()))
    assert [item[2:] for item in trouble(result)] == [(70, 80), (10, 0)]
    assert f"to the experiment's Service {ARM_SERVICE}" in result["traffic"]["disagreements"][1]["message"]


def test_the_pods_of_other_experiments_and_rollouts_are_not_ours() -> None:
    strangers = (arm_pods("earlier"), replica_set(7, OTHER, "other:1", owner="somebody"))
    assert list(pods_by_hash(Rollout.parse(updating(1, IN_EXPERIMENT)), strangers)) == []
    assert list(pods_by_hash(Rollout.parse(updating(1)), (arm_pods(),))) == []


# -- Ingresses


def ingress(name: str, **annotations: str) -> Tree:
    return made("Ingress", name, {}, **annotations)


def nginx(weight: str, prefix: str = "nginx.ingress.kubernetes.io", name: str = "shop-web-canary", **more: str) -> Tree:
    given = {"canary": "true", "canary-weight": weight, **{key.replace("_", "-"): value for key, value in more.items()}}
    return ingress(name, **{f"{prefix}/{key}": value for key, value in given.items()})


@pytest.mark.parametrize(
    ("router", "change", "canary_ingress", "weight"),
    [
        ({}, {}, nginx("20"), 20),
        ({}, {}, nginx("35"), 35),
        ({"annotationPrefix": "custom"}, {}, nginx("20", "custom"), 20),
        ({"annotationPrefix": "custom"}, {}, nginx("20"), 0),
        ({}, {}, nginx("20", canary="false"), 0),
        ({}, {}, nginx("many"), 0),
        ({}, {}, nginx("20", canary_weight_total="0"), 20),
        ({}, {"maxTrafficWeight": 1000}, nginx("200", canary_weight_total="1000"), 20),
        ({}, {"maxTrafficWeight": 1000}, nginx("125", canary_weight_total="1000"), 12.5),
    ],
)
def test_a_canary_ingress(router: Tree, change: Tree, canary_ingress: Tree, weight: float) -> None:
    total = change.get("maxTrafficWeight", 100)
    raw = routed({"nginx": {"stableIngress": "web", **router}, **change}, weights(total // 5, total))
    result = look(raw, STABLE_SERVICE, CANARY_SERVICE, ingress("web"), canary_ingress)
    assert (shares(result), stated(result)) == (
        {"stable": 100 - weight, "canary": weight},
        {"stable": 80, "canary": 20},
    )
    where = "Ingress prod/shop-web-canary"
    assert trouble(result) == ([("weight", where, 80, 100 - weight), ("weight", where, 20, weight)] * (weight != 20))


def test_ingresses_that_are_missing() -> None:
    raw = routed({"nginx": {"stableIngresses": ["web", "api"]}})
    result = look(raw, STABLE_SERVICE, CANARY_SERVICE, ingress("web"), nginx("20"))
    assert [item[1] for item in trouble(result)] == ["Ingress prod/api", "Ingress prod/shop-api-canary"]


def test_a_long_name_is_cut_as_the_controller_cuts_it() -> None:
    refs = wanted(Rollout.parse(routed({"nginx": {"stableIngress": "x" * 250}})))
    (name,) = (ref.name for ref in refs if ref.name.endswith("-canary") and ref.kind == "Ingress")
    assert (len(name), name[:6]) == (253, "shop-x")


def alb(key: str, *groups: tuple[str, int], **config: Any) -> Tree:
    forward = {
        "TargetGroups": [{"ServiceName": name, "ServicePort": "80", "Weight": weight} for name, weight in groups]
    }
    return ingress("web", **{key: json.dumps({"Type": "forward", "ForwardConfig": forward, **config})})


ALB_KEY = "alb.ingress.kubernetes.io/actions.shop-stable"
GROUPS = (("shop-canary", 20), ("shop-stable", 80))


@pytest.mark.parametrize(
    ("router", "found"),
    [
        ({"ingress": "web"}, alb(ALB_KEY, *GROUPS)),
        ({"ingresses": ["web"], "rootService": "root"}, alb("alb.ingress.kubernetes.io/actions.root", *GROUPS)),
        ({"ingress": "web", "annotationPrefix": "mine"}, alb("mine/actions.shop-stable", *GROUPS)),
    ],
)
def test_an_aws_load_balancer(router: Tree, found: Tree) -> None:
    result = look(routed({"alb": router}), STABLE_SERVICE, CANARY_SERVICE, found)
    assert (result["reason"], shares(result)) == ("agree", {"stable": 80, "canary": 20})


@pytest.mark.parametrize("annotation", ["", "no JSON", "[]", '{"Type": "redirect"}', "null"])
def test_an_action_that_does_not_forward_tells_no_weights(annotation: str) -> None:
    found = ingress("web", **{ALB_KEY: annotation})
    result = look(routed({"alb": {"ingress": "web"}}), STABLE_SERVICE, CANARY_SERVICE, found)
    assert trouble(result) == [("missing", "Ingress prod/web", "a route", None)]
    assert shares(result) == {"stable": None, "canary": None}


def test_traefik() -> None:
    services = [{"name": "shop-stable", "weight": 80}, {"name": "shop-canary", "weight": 10}, {"name": "x"}]
    found = made("TraefikService", "web", {"weighted": {"services": services}})
    result = look(routed({"traefik": {"weightedTraefikServiceName": "web"}}), STABLE_SERVICE, CANARY_SERVICE, found)
    assert trouble(result) == [
        ("weight", "TraefikService prod/web", 20, 10),
        ("total", "TraefikService prod/web", 100, 90),
    ]


# -- without a router


def test_a_canary_without_a_router_goes_by_its_ready_pods() -> None:
    result = look(paused(FIRST_GATE), pods=ready((2, STABLE, 3), (3, NEW, 1), (1, OTHER, 0)))
    assert (result["reason"], shares(result)) == ("agree", {"stable": 75, "canary": 25})
    assert result["traffic"]["router"] == "none"
    assert stated(result) == {"stable": None, "canary": None}
    assert result["msg"] == (
        f"Rollout prod/shop has no traffic router; by its ready pods 75 % to stable (hash {STABLE}, revision 2) and "
        f"25 % to canary (hash {NEW}, revision 3)"
    )


def test_pods_of_an_earlier_version_get_their_part() -> None:
    result = look(paused(FIRST_GATE), pods=ready((2, STABLE, 2), (3, NEW, 1), (1, OTHER, 1)))
    assert shares(result) == {"stable": 50, "canary": 25, "other": 25}


def test_without_a_ready_pod_nobody_gets_anything() -> None:
    result = look(canary(NO_STEPS), pods=ready((2, STABLE, 0)))
    assert (result["reason"], shares(result)) == ("agree", {"stable": 0})
    assert result["msg"] == "Rollout prod/shop: no version gets any traffic"


def test_a_rollout_that_nobody_has_looked_at() -> None:
    result = look(canary({"status": None}), pods=())
    assert (result["reason"], result["traffic"]["versions"]) == ("agree", [])


def ready(*sets: tuple[int, str, int]) -> tuple[Tree, ...]:
    return tuple(
        replica_set(revision, pod_hash, "shop:1", {"status": {"readyReplicas": count}})
        for revision, pod_hash, count in sets
    )


# -- blue-green


def colours(active: str | None, new: str | None) -> tuple[Tree, Tree]:
    return service("shop", active), service("shop-preview", new)


ACTIVE: Tree = {"status": {"blueGreen": {"activeSelector": STABLE}}}


def test_blue_green_sends_everything_to_the_active_version() -> None:
    result = look(preview(ACTIVE), *colours(STABLE, NEW))
    assert (result["reason"], result["traffic"]["router"]) == ("agree", "service")
    assert shares(result) == stated(result) == {"active": 100, "preview": 0}
    assert [route["role"] for route in result["traffic"]["routes"]] == ["weighted", "preview"]
    assert result["msg"] == (
        f"Rollout prod/shop: Service prod/shop sends 100 % to active (hash {STABLE}, revision 2), as its status says"
    )


def test_blue_green_after_the_switch() -> None:
    switched = {"status": {"blueGreen": {"activeSelector": NEW}}}
    assert shares(look(preview(switched), *colours(NEW, NEW))) == {"active": 100, "stable": 0}


def test_an_active_service_that_somebody_has_turned() -> None:
    result = look(preview(ACTIVE), *colours(NEW, NEW))
    assert trouble(result) == [("selector", "Service prod/shop", STABLE, NEW)]
    assert shares(result) == {"active": 0, "preview": 100}


def test_an_active_service_that_is_missing() -> None:
    result = look(preview(ACTIVE, {"spec": {"strategy": {"blueGreen": {"previewService": None}}}}))
    assert trouble(result) == [("missing", "Service prod/shop", "an object", None)]


def test_blue_green_that_has_never_been_active() -> None:
    raw = blue_green({"status": {"blueGreen": None, "stableRS": None}})
    result = look(raw, *colours(None, None))
    assert (shares(result), stated(result)) == ({"preview": 0, "unknown": 100}, {"preview": None, "unknown": None})
