# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VirtualService says about a request, and what Envoy is told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.durations import envoy_duration
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.matches import Unusable, usable_regex
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.objects import Problems

from tests.unit.mesh.support import (
    BOTH,
    Tree,
    action,
    destination,
    destination_rule,
    mesh,
    problems,
    route,
    routes,
    service,
    shares,
    short,
    split,
    to,
    virtual_service,
)

SUBSETS = destination_rule("shop", "stable", {"name": "old", "labels": {}}, {"name": "new", "labels": {}})


def _translated(http: Tree, *objects: Tree) -> tuple[list[Tree], list[str]]:
    """The routes for one HTTP route, and its problems without the name of the object."""
    snapshot = mesh(virtual_service("shop", http), *objects)
    return routes(snapshot), [text.removeprefix("VirtualService prod/shop: ") for text in problems(snapshot)]


# ---- Weights


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param({"stable": 80, "canary": 20}, {"stable": 80, "canary": 20}, id="by host"),
        pytest.param({"stable/old": 95, "stable/new": 5}, {"stable/old": 95, "stable/new": 5}, id="by subset"),
        pytest.param({"stable": 100, "canary": 0}, {"stable": 100, "canary": 0}, id="nothing for one"),
        pytest.param({"stable": 0}, {"stable": 100}, id="the only one gets all"),
        pytest.param({"stable": 60, "canary": 20, "stable/new": 20}, {"stable": 60, "canary": 20, "stable/new": 20},
                     id="three, as in an experiment"),
    ],
)  # fmt: skip
def test_the_weights_are_as_written(weights: dict[str, int], expected: dict[str, int]) -> None:
    http, found = _translated(split(weights), SUBSETS)
    assert shares(http[0]["route"]) == expected
    assert found == []


def test_a_destination_without_a_weight_gets_nothing_beside_others() -> None:
    assert shares(action(to(destination("stable", weight=100), destination("canary")))) == {"stable": 100, "canary": 0}


def test_weights_that_do_not_add_up_count_as_parts_of_their_sum() -> None:
    http, found = _translated(split({"stable": 80, "canary": 40}))
    assert shares(http[0]["route"]) == {"stable": 80, "canary": 40}
    assert found == ["http[0].route: the weights add up to 120 instead of 100; each counts as its part of 120"]


def test_without_any_weight_requests_get_503() -> None:
    http, found = _translated(split({"stable": 0, "canary": 0}))
    assert http[0]["direct_response"] == {"status": 503, "body": {"inline_string": "route: all weights are 0"}}
    assert found == ["http[0]: route: all weights are 0; its requests get 503"]


@pytest.mark.parametrize(
    ("to_where", "cluster", "problem"),
    [
        pytest.param({"host": "nobody"}, "nobody", "there is no Service for the host nobody.prod.svc.cluster.local",
                     id="host"),
        pytest.param({"host": "stable.prod"}, "stable.prod", "there is no Service for the host stable.prod",
                     id="neither short nor full"),
        pytest.param({"host": "stable", "subset": "v9"}, "stable/v9",
                     "no DestinationRule for stable.prod.svc.cluster.local has the subset v9", id="subset"),
        pytest.param({"host": "stable", "port": {"number": 81}}, "stable/81",
                     "Service prod/stable has no port 81", id="port"),
    ],
)  # fmt: skip
def test_an_unknown_destination_fails_for_its_share_and_is_said(to_where: Tree, cluster: str, problem: str) -> None:
    http = to(destination("stable", weight=90), {"destination": to_where, "weight": 10})
    snapshot = mesh(virtual_service("shop", http))
    assert shares(route(snapshot)["route"]) == {"stable": 90, cluster: 10}
    [empty] = [found for name, found in snapshot.clusters.items() if short(name) == cluster]
    assert empty["load_assignment"]["endpoints"] == []
    assert problems(snapshot) == [
        f"VirtualService prod/shop: http[0].route.[1]: {problem}: its share of the requests gets 503"
    ]


@pytest.mark.parametrize(
    ("called", "said", "expected"),
    [
        pytest.param(81, {}, 81, id="the one that was called"),
        pytest.param(81, {"port": {"number": 80}}, 80, id="the one that the rule names"),
    ],
)
def test_the_port_of_a_destination(called: int, said: Tree, expected: int) -> None:
    two = service("two", {"port": 80}, {"port": 81})
    rule = virtual_service("shop", to({"destination": {"host": "two", **said}}), hosts=["two"])
    [found] = routes(mesh(two, rule), f"two.prod:{called}")
    assert (
        found["route"]["weighted_clusters"]["clusters"][0]["name"] == f"outbound|{expected}||two.prod.svc.cluster.local"
    )


def test_a_destination_with_one_port_gets_the_requests_of_every_port() -> None:
    two = service("two", {"port": 8000}, {"port": 9000})
    rule = virtual_service("shop", split({"stable": 100}), hosts=["two"])
    assert shares(routes(mesh(two, rule), "two.prod:9000")[0]["route"]) == {"stable": 100}


# ---- Conditions


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param({}, {"prefix": "/"}, id="none"),
        pytest.param({"uri": {"exact": "/a"}}, {"path": "/a"}, id="path"),
        pytest.param({"uri": {"prefix": "/a"}}, {"prefix": "/a"}, id="prefix"),
        pytest.param({"uri": {"regex": "/a/\\d+"}}, {"safe_regex": {"regex": "/a/\\d+"}}, id="expression"),
        pytest.param({"uri": {"exact": "/a"}, "ignoreUriCase": True}, {"path": "/a", "case_sensitive": False},
                     id="in any case"),
        pytest.param({"method": {"exact": "GET"}},
                     {"prefix": "/", "headers": [{"name": ":method", "string_match": {"exact": "GET"}}]}, id="method"),
        pytest.param({"authority": {"prefix": "shop."}},
                     {"prefix": "/", "headers": [{"name": ":authority", "string_match": {"prefix": "shop."}}]},
                     id="authority"),
        pytest.param({"scheme": {"exact": "http"}},
                     {"prefix": "/", "headers": [{"name": ":scheme", "string_match": {"exact": "http"}}]}, id="scheme"),
        pytest.param({"headers": {"x-user": {"regex": "a.*"}}},
                     {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"safe_regex": {"regex": "a.*"}}}]},
                     id="header"),
        pytest.param({"headers": {"x-user": {}}},
                     {"prefix": "/", "headers": [{"name": "x-user", "present_match": True}]},
                     id="that a header is there"),
        pytest.param({"headers": {"x-user": {"prefix": ""}}},
                     {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"safe_regex": {"regex": ".*"}}}]},
                     id="a header with any value"),
        pytest.param({"withoutHeaders": {"x-user": {"exact": "a"}}},
                     {"prefix": "/", "headers": [{"name": "x-user", "string_match": {"exact": "a"},
                                                  "treat_missing_header_as_empty": True, "invert_match": True}]},
                     id="another value, or none"),
        pytest.param({"withoutHeaders": {"x-user": {}}},
                     {"prefix": "/", "headers": [{"name": "x-user", "present_match": True, "invert_match": True}]},
                     id="that a header is not there"),
        pytest.param({"queryParams": {"v": {"exact": "2"}, "debug": {}}},
                     {"prefix": "/", "query_parameters": [{"name": "v", "string_match": {"exact": "2"}},
                                                          {"name": "debug", "present_match": True}]},
                     id="parameters"),
        pytest.param({"port": 80}, {"prefix": "/"}, id="the port that is called"),
        pytest.param({"name": "n", "statPrefix": "s", "gateways": ["mesh"]}, {"prefix": "/"},
                     id="what decides nothing"),
    ],
)  # fmt: skip
def test_a_condition(condition: Tree, expected: Tree) -> None:
    http, found = _translated(split(match=[condition]))
    assert [item["match"] for item in http] == [expected]
    assert found == []


def test_each_alternative_is_a_route() -> None:
    http, _other = _translated(split(match=[{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}]))
    assert [item["match"] for item in http] == [{"prefix": "/a"}, {"prefix": "/b"}]


def test_the_order_stays_and_what_matches_nothing_gets_404() -> None:
    """The controller puts its managed routes first."""
    managed = split({"canary": 100}, name="header-route", match=[{"headers": {"x": {"exact": "1"}}}])
    http = routes(mesh(virtual_service("shop", managed, split(match=[{"uri": {"prefix": "/a"}}]))))
    assert [(item.get("name"), shares(item["route"])) for item in http] == [
        ("header-route", {"canary": 100}),
        (None, BOTH),
    ]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        pytest.param({"uri": {"regex": "(?!a)b"}},
                     "the regular expression '(?!a)b' uses what RE2 does not have; no request meets this condition",
                     id="looking ahead"),
        pytest.param({"headers": {"x": {"regex": "("}}},
                     "'(' is no regular expression: missing ), unterminated subpattern at position 0; "
                     "no request meets this condition", id="no expression"),
        pytest.param({"uri": {"suffix": "x"}},
                     "one of exact, prefix, regex is wanted, not suffix; no request meets this condition",
                     id="no kind"),
        pytest.param({"sourceLabels": {"app": "a"}},
                     "sourceLabels is not supported by the lab's mesh, whose clients live nowhere; "
                     "no request meets this condition", id="where it comes from"),
    ],
)  # fmt: skip
def test_a_condition_that_can_never_be_met(condition: Tree, problem: str) -> None:
    http, found = _translated(split(match=[condition]))
    assert http == []
    assert found == [f"http[0].match[0]: {problem}"]


def test_an_unknown_condition_is_said() -> None:
    _other, found = _translated(split(match=[{"clientIp": "10.0.0.1", "serverPort": None}]))
    assert found == ["http[0].match[0]: clientIp is not supported by the lab's mesh and has no effect"]


@pytest.mark.parametrize("text", ["a+", r"/api/v\d+(/.*)?", r"(?i)x", r"(?P<name>x)", r"\(\?=", r"a\++", "[a-z]{2,3}"])
def test_expressions_that_envoy_takes(text: str) -> None:
    assert usable_regex(text) == text


@pytest.mark.parametrize("text", ["(?=a)", "(?<!a)b", r"(a)\1", "a++", "(?>a)", "(?P=n)", "(?#c)", "[", "*"])
def test_expressions_that_it_refuses(text: str) -> None:
    with pytest.raises(Unusable):
        usable_regex(text)


# ---- Other things that a route can say


def _retries(number: int, causes: str, **other: Any) -> Tree:
    return {"num_retries": number, "retry_on": causes, **other}


USUAL = "connect-failure,refused-stream,unavailable,cancelled"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, _retries(2, USUAL), id="nothing"),
        pytest.param({"retries": {"attempts": 3}}, _retries(3, USUAL), id="how often"),
        pytest.param({"retries": {"attempts": 0}}, None, id="never"),
        pytest.param({"retries": {"attempts": 1, "retryOn": "5xx,503, 429", "perTryTimeout": "250ms"}},
                     _retries(1, "5xx,retriable-status-codes", retriable_status_codes=[503, 429],
                              per_try_timeout="0.25s"), id="on what"),
        pytest.param({"retries": {"attempts": 1, "retryOn": "retriable-status-codes,503"}},
                     _retries(1, "retriable-status-codes", retriable_status_codes=[503]), id="on codes"),
        pytest.param({"retries": {"attempts": 1, "perTryTimeout": "soon"}}, _retries(1, USUAL), id="no duration"),
    ],
)  # fmt: skip
def test_retries(said: Tree, expected: Tree | None) -> None:
    found = action(split(**said)).get("retry_policy")
    if found:
        predicate = found.pop("retry_host_predicate")
        assert predicate[0]["name"] == "envoy.retry_host_predicates.previous_hosts"
        assert found.pop("host_selection_retry_max_attempts") == 5
    assert found == expected


@pytest.mark.parametrize(("said", "other_pods"), [({}, False), ({"retryIgnorePreviousHosts": True}, True)])
def test_with_affinity_the_same_pod_is_tried_again(said: Tree, other_pods: bool) -> None:
    cookie = {"consistentHash": {"httpCookie": {"name": "user"}}}
    rule = destination_rule("shop", "stable", trafficPolicy={"loadBalancer": cookie})
    found = action(split(retries={"attempts": 2, **said}), rule)["retry_policy"]
    assert ("retry_host_predicate" in found) is other_pods


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, "0s"), ({"timeout": "1.5s"}, "1.5s"), ({"timeout": "1m"}, "60s"), ({"timeout": "x"}, "0s")],
)
def test_the_timeout(said: Tree, expected: str) -> None:
    assert action(split(**said))["timeout"] == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("0.1s", "0.1s"), ("1h", "3600s"), ("10us", "0.00001s"), ("0s", "0s"), ("-1s", None)]
)
def test_durations(text: str, expected: str | None) -> None:
    problems = Problems()
    notes = problems.about("X", {"metadata": {"name": "x"}})
    assert envoy_duration(text, notes) == expected
    assert bool(problems.found) is (expected is None)


def _part(parts: int) -> Tree:
    return {"numerator": parts, "denominator": "MILLION"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"mirror": {"host": "canary"}}, {"canary": 1_000_000}, id="all"),
        pytest.param({"mirror": {"host": "canary"}, "mirrorPercentage": {"value": 12.5}}, {"canary": 125_000},
                     id="part"),
        pytest.param({"mirror": {"host": "canary"}, "mirror_percent": 10}, {"canary": 100_000}, id="old name"),
        pytest.param({"mirror": {"host": "canary"}, "mirrorPercent": 0}, {"canary": 0}, id="none"),
        pytest.param({"mirrors": [{"destination": {"host": "canary"}, "percentage": {"value": 5}},
                                  {"destination": {"host": "stable", "subset": "new"}}]},
                     {"canary": 50_000, "stable/new": 1_000_000}, id="several"),
    ],
)  # fmt: skip
def test_mirrors(said: Tree, expected: dict[str, int]) -> None:
    found = action(split(**said), SUBSETS)["request_mirror_policies"]
    assert {short(item["cluster"]): item["runtime_fraction"]["default_value"] for item in found} == {
        name: _part(parts) for name, parts in expected.items()
    }


FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"delay": {"fixedDelay": "2s", "percentage": {"value": 10}}},
                     {"delay": {"fixed_delay": "2s", "percentage": _part(100_000)}}, id="delay"),
        pytest.param({"abort": {"httpStatus": 500, "percentage": {"value": 0.1}}},
                     {"abort": {"http_status": 500, "percentage": _part(1000)}}, id="abort"),
        pytest.param({"abort": {"httpStatus": 500, "percent": 50}},
                     {"abort": {"http_status": 500, "percentage": _part(500_000)}}, id="old name"),
        pytest.param({"abort": {"httpStatus": 500}}, {"abort": {"http_status": 500, "percentage": _part(0)}},
                     id="no share is none"),
    ],
)  # fmt: skip
def test_faults(said: Tree, expected: Tree) -> None:
    [found], said_problems = _translated(split(fault=said))
    assert found["typed_per_filter_config"] == {"envoy.filters.http.fault": {"@type": FAULT, **expected}}
    assert said_problems == []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        pytest.param({"delay": {"fixedDelay": "soon"}}, "fault.delay.fixedDelay: 'soon' is no duration such as 2s or "
                     "100ms, and has no effect", id="no duration"),
        pytest.param({"abort": {"httpStatus": 99}}, "fault.abort: httpStatus 99 cannot be answered; nothing is aborted",
                     id="no status"),
        pytest.param({"abort": {}, "delay": {}}, None, id="nothing"),
    ],
)  # fmt: skip
def test_a_fault_that_cannot_be(said: Tree, problem: str | None) -> None:
    [found], said_problems = _translated(split(fault=said))
    assert "typed_per_filter_config" not in found
    assert said_problems == ([f"http[0].{problem}"] if problem else [])


def _set(key: str, value: str, how: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Tree:
    return {"header": {"key": key, "value": value}, "append_action": how}


HEADERS = {
    "request": {"set": {"x-a": "1"}, "add": {"x-b": "50%"}, "remove": ["x-c", "host"]},
    "response": {"set": {":status": "200"}, "remove": ["server"]},
}
CHANGED = {
    "request_headers_to_add": [_set("x-a", "1"), _set("x-b", "50%%", "APPEND_IF_EXISTS_OR_ADD")],
    "request_headers_to_remove": ["x-c"],
    "response_headers_to_remove": ["server"],
}


def test_headers_of_a_route() -> None:
    [found], said = _translated(split(headers=HEADERS))
    assert {key: value for key, value in found.items() if "headers_to" in key} == CHANGED
    untouched = "cannot be changed here (rewrite.authority does that) and is left alone"
    assert said == [f"http[0].headers.request: host {untouched}", f"http[0].headers.response: :status {untouched}"]


def test_headers_of_a_destination() -> None:
    found = action(to(destination("stable", weight=100, headers=HEADERS)))["weighted_clusters"]["clusters"]
    assert {key: value for key, value in found[0].items() if "headers_to" in key} == CHANGED


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"uri": "/v2"}, {"prefix_rewrite": "/v2"}, id="path"),
        pytest.param({"authority": "x.test"}, {"host_rewrite_literal": "x.test"}, id="host"),
        pytest.param({"uriRegexRewrite": {"match": "/a/(.*)", "rewrite": "/b/\\1"}},
                     {"regex_rewrite": {"pattern": {"regex": "/a/(.*)"}, "substitution": "/b/\\1"}}, id="expression"),
    ],
)  # fmt: skip
def test_rewrites(said: Tree, expected: Tree) -> None:
    found = action(split(rewrite=said))
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({"redirect": {"uri": "/new", "authority": "x.test", "redirectCode": 302}},
                     {"redirect": {"response_code": "FOUND", "path_redirect": "/new", "host_redirect": "x.test"}},
                     id="away"),
        pytest.param({"redirect": {"scheme": "https", "port": 8443}},
                     {"redirect": {"response_code": "MOVED_PERMANENTLY", "scheme_redirect": "https",
                                   "port_redirect": 8443}}, id="to https"),
        pytest.param({"redirect": {"redirectCode": 304}},
                     {"direct_response": {"status": 503, "body": {
                         "inline_string": "redirectCode 304 is none of 301, 302, 303, 307, 308"}}}, id="no redirect"),
        pytest.param({"directResponse": {"status": 418, "body": {"string": "tea"}}},
                     {"direct_response": {"status": 418, "body": {"inline_string": "tea"}}}, id="answer"),
        pytest.param({"directResponse": {"status": 204}}, {"direct_response": {"status": 204}}, id="empty answer"),
        pytest.param({"delegate": {"name": "x"}},
                     {"direct_response": {"status": 503, "body": {
                         "inline_string": "has no route, redirect or directResponse"}}}, id="delegate"),
        pytest.param({"route": [destination("stable")], "rewrite": {"uriRegexRewrite": {"match": "(?=a)"}}},
                     {"direct_response": {"status": 503, "body": {
                         "inline_string": "the regular expression '(?=a)' uses what RE2 does not have"}}},
                     id="no expression"),
    ],
)  # fmt: skip
def test_what_is_no_forwarding(said: Tree, expected: Tree) -> None:
    [found], _other = _translated(said)
    assert found == {"match": {"prefix": "/"}, **expected}


def test_what_has_no_effect_is_said() -> None:
    http = split(corsPolicy={"allowOrigins": [{"exact": "x"}]}, retries={"attempts": 1, "backoff": "1s"})
    _other, found = _translated(http)
    no_effect = "is not supported by the lab's mesh and has no effect"
    assert found == [f"http[0]: corsPolicy {no_effect}", f"http[0].retries: backoff {no_effect}"]
