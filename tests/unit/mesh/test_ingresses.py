# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ingresses, and the canary annotations of ingress-nginx."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mesh.support import Tree, ingress, mesh, path, problems, routes, service, shares


def _routes(*objects: Tree, host: str = "shop.test") -> list[tuple[Tree, dict[str, int]]]:
    return [(found["match"], shares(found["route"])) for found in routes(mesh(*objects), host, "ingress")]


def _canary(**annotations: str) -> list[tuple[Tree, dict[str, int]]]:
    given = {"canary": "true", **{key.replace("_", "-"): value for key, value in annotations.items()}}
    return _routes(ingress("shop", path("stable")), ingress("shop-canary", path("canary"), annotations=given))


# ---- Hosts and paths


@pytest.mark.parametrize(
    ("at", "kind", "expected"),
    [
        pytest.param("/", "Prefix", {"prefix": "/"}, id="all"),
        pytest.param("/api", "Prefix", {"path_separated_prefix": "/api"}, id="prefix"),
        pytest.param("/api/", "Prefix", {"path_separated_prefix": "/api"}, id="prefix with a slash at the end"),
        pytest.param("/api", "ImplementationSpecific", {"path_separated_prefix": "/api"}, id="as the controller likes"),
        pytest.param("/api/", "Exact", {"path": "/api/"}, id="exact"),
        pytest.param("", "ImplementationSpecific", {"prefix": "/"}, id="none"),
    ],
)
def test_a_path(at: str, kind: str, expected: Tree) -> None:
    assert _routes(ingress("shop", path("stable", at, kind))) == [(expected, {"stable": 100})]


def test_exact_paths_and_longer_ones_come_first() -> None:
    paths = [path("stable"), path("stable", "/a"), path("canary", "/a/b"), path("canary", "/a", "Exact")]
    assert [match for match, _other in _routes(ingress("shop", *paths))] == [
        {"path_separated_prefix": "/a/b"},
        {"path": "/a"},
        {"path_separated_prefix": "/a"},
        {"prefix": "/"},
    ]


@pytest.mark.parametrize(("host", "domain"), [("shop.test", "shop.test"), ("*.test", "*.test"), (None, "*")])
def test_a_host(host: str | None, domain: str) -> None:
    assert _routes(ingress("shop", path("stable"), host=host), host=domain) == [({"prefix": "/"}, {"stable": 100})]


def test_the_default_backend_gets_what_no_host_claims() -> None:
    backend = {"service": {"name": "canary", "port": {"number": 80}}}
    assert _routes(ingress("shop", defaultBackend=backend), host="*") == [({"prefix": "/"}, {"canary": 100})]


@pytest.mark.parametrize(
    ("port", "cluster"),
    [({"number": 80}, "two"), ({"name": "b"}, "two/81"), ({}, "two")],
    ids=["number", "name", "none"],
)
def test_the_port_of_a_backend(port: Tree, cluster: str) -> None:
    two = service("two", {"name": "a", "port": 80}, {"name": "b", "port": 81})
    assert _routes(two, ingress("shop", path("two", port=port))) == [({"prefix": "/"}, {cluster: 100})]


@pytest.mark.parametrize(
    ("change", "served"),
    [({}, True), ({"ingressClassName": "nginx"}, True), ({"ingressClassName": "traefik"}, False)],
)
def test_the_class(change: Tree, served: bool) -> None:
    snapshot = mesh(ingress("shop", path("stable"), **change))
    assert bool(routes(snapshot, "shop.test", "ingress")) is served
    assert problems(snapshot) == (
        [] if served else ["Ingress prod/shop: ingressClassName: the lab serves nginx, not traefik"]
    )


# ---- Canaries

TO_CANARY, TO_STABLE = {"canary": 100}, {"stable": 100}


def _header(name: str, value: str) -> Tree:
    return {"prefix": "/", "headers": [{"name": name, "string_match": {"exact": value}}]}


def _regex(name: str, regex: str) -> Tree:
    return {"prefix": "/", "headers": [{"name": name, "string_match": {"safe_regex": {"regex": regex}}}]}


def _cookie(value: str) -> Tree:
    return _regex("cookie", rf"(?:.*;)?\s*who={value}\s*(?:;.*)?")


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({}, {"stable": 100, "canary": 0}, id="none"),
        pytest.param({"canary_weight": "20"}, {"stable": 80, "canary": 20}, id="per cent"),
        pytest.param({"canary_weight": "5", "canary_weight_total": "1000"}, {"stable": 995, "canary": 5},
                     id="of another total"),
        pytest.param({"canary_weight": "300"}, {"stable": 0, "canary": 100}, id="more than all"),
        pytest.param({"canary_weight": "many"}, {"stable": 100, "canary": 0}, id="no number"),
        pytest.param({"canary_weight": "1", "canary_weight_total": "0"}, {"stable": 99, "canary": 1}, id="of nothing"),
    ],
)  # fmt: skip
def test_the_weight_of_a_canary(annotations: dict[str, str], expected: dict[str, int]) -> None:
    assert _canary(**annotations) == [({"prefix": "/"}, expected)]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param({"canary_by_header": "x-c"},
                     [(_header("x-c", "always"), TO_CANARY), (_header("x-c", "never"), TO_STABLE)],
                     id="always and never"),
        pytest.param({"canary_by_header": "x-c", "canary_by_header_value": "me", "canary_by_header_pattern": "x"},
                     [(_header("x-c", "me"), TO_CANARY)], id="value, before a pattern"),
        pytest.param({"canary_by_header": "x-c", "canary_by_header_pattern": "^a|b$"},
                     [(_regex("x-c", ".*(?:^a|b$).*"), TO_CANARY)], id="pattern"),
        pytest.param({"canary_by_header": "x-c", "canary_by_header_pattern": "(?=a)"}, [], id="pattern that cannot be"),
        pytest.param({"canary_by_header_value": "me"}, [], id="value of no header"),
        pytest.param({"canary_by_cookie": "who"}, [(_cookie("always"), TO_CANARY), (_cookie("never"), TO_STABLE)],
                     id="cookie"),
        pytest.param({"canary_by_cookie": "who", "canary_by_header": "x-c", "canary_by_header_value": "me"},
                     [(_header("x-c", "me"), TO_CANARY), (_cookie("always"), TO_CANARY), (_cookie("never"), TO_STABLE)],
                     id="header before cookie"),
    ],
)  # fmt: skip
def test_who_gets_the_canary_before_the_weight_counts(annotations: dict[str, str], expected: list[Any]) -> None:
    assert _canary(canary_weight="10", **annotations) == [*expected, ({"prefix": "/"}, {"stable": 90, "canary": 10})]


def test_a_canary_needs_an_ingress_of_the_same_host_and_path() -> None:
    stray = ingress("stray", path("canary", "/other"), annotations={"canary": "true", "canary-weight": "50"})
    snapshot = mesh(ingress("shop", path("stable")), stray)
    [found] = routes(snapshot, "shop.test", "ingress")
    assert shares(found["route"]) == {"stable": 100}
    assert problems(snapshot) == [
        "Ingress prod/stray: no Ingress that is no canary has shop.test/other: the canary gets nothing"
    ]


def test_a_path_has_one_canary_and_one_owner() -> None:
    canary = {"canary": "true", "canary-weight": "20"}
    snapshot = mesh(
        ingress("a", path("stable")),
        ingress("b", path("canary")),
        ingress("c", path("canary"), annotations=canary),
        ingress("d", path("stable"), annotations={**canary, "canary-weight": "90"}),
    )
    [found] = routes(snapshot, "shop.test", "ingress")
    assert shares(found["route"]) == {"stable": 80, "canary": 20}
    assert problems(snapshot) == [
        "Ingress prod/b: Ingress prod/a decides about shop.test/",
        "Ingress prod/d: Ingress prod/c is the canary of shop.test/: this one gets nothing",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"annotations": {"rewrite-target": "/"}},
                     "annotations: rewrite-target is not supported by the lab's mesh and has no effect",
                     id="annotation"),
        pytest.param({"tls": [{"hosts": ["shop.test"]}]}, "tls: the lab's ingress speaks plain HTTP", id="tls"),
        pytest.param({"annotations": {"canary": "true", "canary-weight": "x"}},
                     "no Ingress that is no canary has shop.test/: the canary gets nothing", id="canary of nothing"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_said(change: Tree, problem: str) -> None:
    assert problems(mesh(ingress("shop", path("stable"), **change))) == [f"Ingress prod/shop: {problem}"]


def test_a_backend_that_is_no_service_is_said() -> None:
    other = {"path": "/", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}
    assert problems(mesh(ingress("shop", other)))[0] == (
        "Ingress prod/shop: shop.test/: only a Service can be a backend in the lab"
    )
