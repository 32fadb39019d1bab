# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rule decides about the host that a client calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mesh.support import (
    BOTH,
    Tree,
    ingress,
    mesh,
    path,
    problems,
    route,
    routes,
    service,
    shares,
    split,
    virtual_service,
)

YOUNGER = "2026-02-01T00:00:00Z"
TO_CANARY = split({"canary": 100})
TO_STABLE = split({"stable": 100})


def _cluster(http: Tree) -> str:
    return str(http["route"].get("cluster") or http["route"]["weighted_clusters"]["clusters"][0]["name"])


@pytest.mark.parametrize(
    "host",
    ["stable.prod", "stable.prod.svc", "stable.prod.svc.cluster.local", "stable.prod:80",
     "stable.prod.svc.cluster.local:80"],
)  # fmt: skip
def test_what_a_client_may_call_a_service(host: str) -> None:
    assert route(mesh(), host)["route"]["cluster"] == "outbound|80||stable.prod.svc.cluster.local"
    assert shares(route(mesh(virtual_service("shop", split())), host)["route"]) == BOTH


def test_a_bare_name_is_a_service_of_the_namespace_default() -> None:
    snapshot = mesh(service("web", namespace="default"))
    assert routes(snapshot, "web")
    assert not routes(snapshot, "stable")


def test_the_port_in_the_host_chooses_that_of_the_service() -> None:
    snapshot = mesh(service("two", {"port": 8000}, {"port": 9000}))
    assert _cluster(route(snapshot, "two.prod")) == "outbound|8000||two.prod.svc.cluster.local"
    assert _cluster(route(snapshot, "two.prod:9000")) == "outbound|9000||two.prod.svc.cluster.local"
    assert not routes(snapshot, "two.prod:80")


def test_a_port_condition_holds_for_that_port_only() -> None:
    http = split({"stable": 100}, match=[{"port": 8000}])
    snapshot = mesh(service("two", {"port": 8000}, {"port": 9000}), virtual_service("v", http, hosts=["two"]))
    assert len(routes(snapshot, "two.prod:8000")) == 1
    assert routes(snapshot, "two.prod:9000") == []


@pytest.mark.parametrize(
    ("change", "decides"),
    [
        pytest.param({}, True, id="short name"),
        pytest.param({"hosts": ["stable.prod.svc.cluster.local"]}, True, id="full name"),
        pytest.param({"hosts": ["canary", "stable"]}, True, id="one of several"),
        pytest.param({"hosts": ["*.prod.svc.cluster.local"]}, True, id="wildcard"),
        pytest.param({"hosts": ["*"]}, True, id="all"),
        pytest.param({"hosts": ["canary"]}, False, id="another"),
        pytest.param({"hosts": ["*.test.svc.cluster.local"]}, False, id="another wildcard"),
        pytest.param({"namespace": "ops"}, False, id="short name elsewhere"),
        pytest.param({"namespace": "ops", "hosts": ["stable.prod.svc.cluster.local"]}, True, id="from elsewhere"),
        pytest.param({"namespace": "ops", "hosts": ["stable.prod.svc.cluster.local"], "exportTo": ["."]}, False,
                     id="not exported"),
        pytest.param({"gateways": ["mesh", "edge"]}, True, id="for the mesh and a gateway"),
        pytest.param({"gateways": ["edge"]}, False, id="for a gateway only"),
    ],
)  # fmt: skip
def test_the_hosts_of_a_rule(change: dict[str, Any], decides: bool) -> None:
    to_it = split({"canary.prod.svc.cluster.local": 100})
    [found] = routes(mesh(virtual_service("shop", to_it, **change)))
    assert ("canary" in _cluster(found)) is decides


def test_a_rule_without_http_routes_leaves_the_service_as_it_is() -> None:
    snapshot = mesh(virtual_service("shop", tcp=[{"route": []}], tls=[{"match": []}]))
    assert _cluster(route(snapshot)) == "outbound|80||stable.prod.svc.cluster.local"
    assert problems(snapshot) == [
        "VirtualService prod/shop: tcp is not supported by the lab's mesh and has no effect",
        "VirtualService prod/shop: tls is not supported by the lab's mesh and has no effect",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(virtual_service("z", TO_CANARY), virtual_service("a", TO_STABLE, created=YOUNGER), id="age"),
        pytest.param(
            virtual_service("z", TO_CANARY, created=YOUNGER), virtual_service("a", TO_STABLE, hosts=["*"]), id="exact"
        ),
        pytest.param(
            virtual_service("z", TO_CANARY, hosts=["*.prod.svc.cluster.local"]),
            virtual_service("a", TO_STABLE, hosts=["*.svc.cluster.local"]),
            id="longer",
        ),
    ],
)
def test_which_of_two_rules_decides(first: Tree, second: Tree) -> None:
    for objects in ((first, second), (second, first)):
        assert shares(route(mesh(*objects))["route"]) == {"canary": 100}


def test_that_another_rule_of_the_same_rank_decides_is_said() -> None:
    snapshot = mesh(virtual_service("z", TO_CANARY), virtual_service("a", TO_STABLE, created=YOUNGER))
    assert problems(snapshot) == [
        "VirtualService prod/a: VirtualService prod/z decides about stable.prod.svc.cluster.local"
    ]


def test_a_host_that_is_no_service_can_be_called_too() -> None:
    snapshot = mesh(virtual_service("shop", split(), hosts=["shop.example.com"]))
    assert shares(route(snapshot, "shop.example.com")["route"]) == BOTH
    assert shares(route(snapshot, "shop.example.com:*")["route"]) == BOTH
    assert problems(snapshot) == []


def test_a_missing_service_is_said() -> None:
    snapshot = mesh(virtual_service("shop", split(), hosts=["shop"]))
    assert shares(route(snapshot, "shop.prod.svc.cluster.local")["route"]) == BOTH
    assert problems(snapshot) == [
        "VirtualService prod/shop: hosts: there is no Service for shop.prod.svc.cluster.local"
    ]


# ---- Ingress


def test_a_rule_for_a_gateway_is_served_by_the_ingress() -> None:
    snapshot = mesh(virtual_service("shop", split(), hosts=["shop.test", "*.shop.test", "*"], gateways=["edge"]))
    for host in ("shop.test", "*.shop.test", "*"):
        assert shares(route(snapshot, host, "ingress")["route"]) == BOTH
    assert not routes(snapshot, "shop.test")


def test_conditions_on_gateways() -> None:
    http = [
        split({"canary": 100}, match=[{"gateways": ["edge"]}]),
        split({"stable": 100}, match=[{"gateways": ["mesh"]}]),
    ]
    snapshot = mesh(virtual_service("shop", *http, gateways=["edge", "mesh"]))
    assert [shares(item["route"]) for item in routes(snapshot)] == [{"stable": 100}]
    at_gate = routes(snapshot, "stable.prod.svc.cluster.local", "ingress")
    assert [shares(item["route"]) for item in at_gate] == [{"canary": 100}]


def test_an_ingress_for_a_host_of_a_rule_gets_nothing_and_is_told() -> None:
    snapshot = mesh(
        virtual_service("shop", split(), hosts=["shop.test"], gateways=["edge"]), ingress("shop", path("stable"))
    )
    assert shares(route(snapshot, "shop.test", "ingress")["route"]) == BOTH
    assert problems(snapshot) == ["Ingress prod/shop: another object decides about shop.test"]


def test_the_ingress_does_not_care_for_the_port_in_the_host() -> None:
    assert mesh().routes["ingress"]["ignore_port_in_host_matching"] is True
