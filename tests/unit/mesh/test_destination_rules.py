# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How requests are spread over the pods of a host, and what stays with one client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mesh.support import (
    Tree,
    action,
    destination_rule,
    mesh,
    problems,
    route,
    short,
    split,
    virtual_service,
)

COOKIE = {"name": "user", "ttl": "0s"}


def _policy(**balancer: Any) -> Tree:
    return {"trafficPolicy": {"loadBalancer": balancer}}


def _cluster(*objects: Tree, name: str = "stable") -> Tree:
    [found] = [cluster for key, cluster in mesh(*objects).clusters.items() if short(key) == name]
    return found


@pytest.mark.parametrize(
    ("balancer", "expected"),
    [
        pytest.param({}, "LEAST_REQUEST", id="nothing said"),
        pytest.param({"simple": "UNSPECIFIED"}, "LEAST_REQUEST", id="unspecified"),
        pytest.param({"simple": "LEAST_CONN"}, "LEAST_REQUEST", id="its old name"),
        pytest.param({"simple": "ROUND_ROBIN"}, "ROUND_ROBIN", id="in turn"),
        pytest.param({"simple": "RANDOM"}, "RANDOM", id="at random"),
        pytest.param({"simple": "PASSTHROUGH"}, "LEAST_REQUEST", id="unsupported"),
        pytest.param({"consistentHash": {"httpCookie": COOKIE}}, "RING_HASH", id="by hash"),
        pytest.param({"consistentHash": {"httpCookie": COOKIE, "maglev": {}}}, "MAGLEV", id="by Maglev's hash"),
    ],
)
def test_the_balancer(balancer: Tree, expected: str) -> None:
    assert _cluster(destination_rule("shop", "stable", **_policy(**balancer)))["lb_policy"] == expected


@pytest.mark.parametrize(
    ("said", "size"),
    [({}, 1024), ({"minimumRingSize": 64}, 64), ({"ringHash": {"minimumRingSize": 128}}, 128)],
)
def test_the_size_of_the_ring(said: Tree, size: int) -> None:
    rule = destination_rule("shop", "stable", **_policy(consistentHash={"httpCookie": COOKIE, **said}))
    assert _cluster(rule)["ring_hash_lb_config"] == {"minimum_ring_size": size}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"httpCookie": COOKIE}, {"cookie": {"name": "user", "ttl": "0s"}}, id="for the session"),
        pytest.param({"httpCookie": {"name": "user", "ttl": "90m", "path": "/x"}},
                     {"cookie": {"name": "user", "ttl": "5400s", "path": "/x"}}, id="for a time and a path"),
        pytest.param({"httpCookie": {"name": "user"}}, {"cookie": {"name": "user"}}, id="a cookie of the client's"),
        pytest.param({"httpCookie": {"name": "user", "ttl": "soon"}}, {"cookie": {"name": "user", "ttl": "0s"}},
                     id="a ttl that is none"),
        pytest.param({"httpHeaderName": "x-user"}, {"header": {"header_name": "x-user"}}, id="a header"),
        pytest.param({"httpQueryParameterName": "u"}, {"query_parameter": {"name": "u"}}, id="a parameter"),
        pytest.param({"useSourceIp": True}, {"connection_properties": {"source_ip": True}}, id="the address"),
    ],
)  # fmt: skip
def test_what_the_hash_is_made_of(said: Tree, expected: Tree) -> None:
    rule = destination_rule("shop", "stable", **_policy(consistentHash=said))
    assert route(mesh(rule))["route"]["hash_policy"] == [expected]


def test_nothing_to_hash_is_a_problem() -> None:
    snapshot = mesh(destination_rule("shop", "stable", **_policy(consistentHash={"minimumRingSize": 5})))
    assert "hash_policy" not in route(snapshot)["route"]
    assert "names nothing to hash" in problems(snapshot)[0]


def test_affinity_holds_for_the_choice_of_the_version() -> None:
    rule = destination_rule("shop", "canary", **_policy(consistentHash={"httpCookie": COOKIE}))
    found = action(split({"stable": 80, "canary": 20}), rule)
    assert found["weighted_clusters"]["use_hash_policy"] is True
    assert found["hash_policy"] == [{"cookie": {"name": "user", "ttl": "0s"}}]


@pytest.mark.parametrize(
    ("cookie", "attributes"),
    [
        pytest.param({"ttl": "0s"}, "; HttpOnly", id="for the session"),
        pytest.param({"ttl": "90m", "path": "/x"}, "; Max-Age=5400; Path=/x; HttpOnly", id="for a time and a path"),
        pytest.param({}, None, id="of the client's own"),
    ],
)
def test_a_cookie_is_made_before_the_version_is_chosen(cookie: Tree, attributes: str | None) -> None:
    policy = _policy(consistentHash={"httpCookie": {"name": "user", **cookie}})
    found = route(mesh(destination_rule("shop", "stable", **policy), virtual_service("shop", split())))
    filters = found.get("typed_per_filter_config", {})
    said = filters.get("envoy.filters.http.lua", {}).get("filter_context")
    assert said == (None if attributes is None else {"name": "user", "attributes": attributes})


def test_without_affinity_every_request_is_drawn_anew() -> None:
    found = action(split({"stable": 80, "canary": 20}))
    assert "use_hash_policy" not in found["weighted_clusters"]
    assert "hash_policy" not in found


def test_the_policy_of_a_subset_goes_before_that_of_the_host() -> None:
    own = {"name": "own", "labels": {}, **_policy(simple="RANDOM")}
    rule = destination_rule("shop", "stable", own, {"name": "none"}, **_policy(simple="ROUND_ROBIN"))
    assert _cluster(rule, name="stable/own")["lb_policy"] == "RANDOM"
    assert _cluster(rule, name="stable/none")["lb_policy"] == "ROUND_ROBIN"


@pytest.mark.parametrize(
    ("host", "namespace", "spec", "holds"),
    [
        pytest.param("stable", "prod", {}, True, id="a short name in its namespace"),
        pytest.param("stable.prod.svc.cluster.local", "ops", {}, True, id="a full name from elsewhere"),
        pytest.param("stable", "ops", {}, False, id="a short name elsewhere"),
        pytest.param("stable.prod.svc.cluster.local", "ops", {"exportTo": ["."]}, False, id="not exported"),
        pytest.param("stable.prod.svc.cluster.local", "ops", {"exportTo": ["prod"]}, True, id="exported to it"),
        pytest.param("stable", "prod", {"exportTo": ["."]}, True, id="for its own namespace"),
        pytest.param("*.prod.svc.cluster.local", "prod", {}, False, id="a wildcard"),
        pytest.param("example.com", "prod", {}, False, id="another host"),
    ],
)
def test_the_host_that_a_rule_is_for(host: str, namespace: str, spec: Tree, holds: bool) -> None:
    rule = destination_rule("shop", host, namespace=namespace, **spec, **_policy(simple="RANDOM"))
    assert (_cluster(rule)["lb_policy"] == "RANDOM") is holds


def test_of_two_rules_for_a_host_the_older_one_wins() -> None:
    old = destination_rule("z", "stable", {"name": "v1", "labels": {"a": "1"}}, **_policy(simple="RANDOM"))
    young = destination_rule(
        "a", "stable", {"name": "v1", "labels": {"a": "2"}}, {"name": "v2"},
        created="2026-02-01T00:00:00Z", **_policy(simple="ROUND_ROBIN"),
    )  # fmt: skip
    snapshot = mesh(young, old)
    assert _cluster(young, old)["lb_policy"] == "RANDOM"
    assert {short(name) for name in snapshot.clusters} == {"stable", "stable/v1", "stable/v2", "canary"}
    assert problems(snapshot) == [
        "DestinationRule prod/a: an older DestinationRule is for the same host: of this one, only subsets with other "
        "names count"
    ]


NO_EFFECT = "is not supported by the lab's mesh and has no effect"


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param(
            {"trafficPolicy": {"outlierDetection": {"interval": "1s"}}},
            f"trafficPolicy: outlierDetection {NO_EFFECT}",
            id="policy",
        ),
        pytest.param({"workloadSelector": {"matchLabels": {"a": "b"}}}, f"workloadSelector {NO_EFFECT}", id="spec"),
        pytest.param(
            _policy(simple="PASSTHROUGH"),
            "trafficPolicy.loadBalancer: simple: PASSTHROUGH is not supported by the lab's mesh; LEAST_REQUEST is used",
            id="balancer",
        ),
        pytest.param(
            {"trafficPolicy": {"tls": {"mode": "SIMPLE"}}},
            "trafficPolicy: tls: the lab's pods speak plain HTTP, which is what is sent to them",
            id="tls",
        ),
    ],
)
def test_what_has_no_effect_is_said(spec: Tree, problem: str) -> None:
    assert problems(mesh(destination_rule("shop", "stable", **spec))) == [f"DestinationRule prod/shop: {problem}"]


def test_what_changes_nothing_is_no_problem() -> None:
    rule = destination_rule("shop", "stable", exportTo=["*"], trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    assert problems(mesh(rule, virtual_service("shop", split()))) == []
