# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the apiserver as they go over the wire, and its answers sorted by what can be done about them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Expired,
    FieldConflict,
    Forbidden,
    Invalid,
    NotFound,
    NotInstalled,
    Transient,
    Unauthorized,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import (
    JSON_PATCH,
    MERGE_PATCH,
    ROLLOUT,
    WORKLOADS,
)

from tests.unit.cluster.server import Exchange, FakeServer, FakeTransport, Script, says, status, streams
from tests.unit.support import Tree, canary

pytestmark = pytest.mark.timeout(60)

SHOP = "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts/shop"
DENIED = 'rollouts.argoproj.io "shop" is forbidden: User "ci" cannot patch resource "rollouts/status" in API group '
ANONYMOUS = 'rollouts is forbidden: User "system:anonymous" cannot list resource "rollouts" in API group "argoproj.io"'
HELD = [
    {"reason": "FieldManagerConflict", "message": message, "field": field}
    for message, field in (
        ('conflict with "kubectl" with subresource "scale" using argoproj.io/v1alpha1', ".spec.replicas"),
        ('conflict with "argocd" using argoproj.io/v1alpha1', ".spec.paused"),
        ("words that nobody knows", ".spec"),
    )
]
REJECTED = "the server rejected our request due to an error in our request"


def get(cluster: Cluster) -> object:
    return cluster.get(ROLLOUT, "prod", "shop")


def listing(cluster: Cluster) -> object:
    return cluster.list(ROLLOUT, "")


def patch(cluster: Cluster) -> object:
    return cluster.patch(ROLLOUT, "prod", "shop", {}, content_type=MERGE_PATCH, subresource="status")


def json_patch(cluster: Cluster) -> object:
    return cluster.patch(ROLLOUT, "prod", "shop", [], content_type=JSON_PATCH)


def watch(cluster: Cluster) -> object:
    with cluster.watch(ROLLOUT, "prod", "shop", "100", 5) as response:
        return response


CALLS = [get, listing, patch, json_patch, watch]
Call = Callable[[Cluster], object]


def failure(call: Call, cluster: Cluster) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        call(cluster)
    return caught.value


# -- requests


def test_a_get(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(200, canary()))
    assert get(cluster) == canary()
    (request,) = server.received
    assert (request.method, request.path, request.query, request.body) == ("GET", SHOP, {}, b"")
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["Accept"] == "application/json"


def test_the_version_of_kubernetes(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(200, {"major": "1", "gitVersion": "v1.36.3"}))
    assert cluster.version() == "v1.36.3"
    assert server.received[0].path == "/version"


def test_a_version_that_may_not_be_asked_for(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(403, status(403, "forbidden: User cannot get path")))
    with pytest.raises(Forbidden, match="version"):
        cluster.version()


def test_a_list(server: FakeServer, cluster: Cluster) -> None:
    found: Tree = {"kind": "RolloutList", "metadata": {"resourceVersion": "7"}, "items": [canary()]}
    server.then(says(200, found))
    assert cluster.list(ROLLOUT, "prod", {"labelSelector": "a=b,c!=d"}) == found
    assert server.received[0].path == "/apis/argoproj.io/v1alpha1/namespaces/prod/rollouts"
    assert server.received[0].query == {"labelSelector": "a=b,c!=d"}


def test_a_list_of_all_namespaces(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(200, {"items": []}))
    cluster.list(ROLLOUT, "")
    assert server.received[0].path == "/apis/argoproj.io/v1alpha1/rollouts"


@pytest.mark.parametrize(
    ("subresource", "content_type", "dry_run"),
    [("status", MERGE_PATCH, False), ("", MERGE_PATCH, True), ("", JSON_PATCH, False)],
)
def test_a_patch(server: FakeServer, cluster: Cluster, subresource: str, content_type: str, dry_run: bool) -> None:
    body = [{"op": "test", "path": "/x", "value": "ü"}]
    server.then(says(200, canary()))
    found = cluster.patch(
        ROLLOUT, "prod", "shop", body, content_type=content_type, subresource=subresource, dry_run=dry_run
    )
    assert found == canary()
    (request,) = server.received
    assert (request.method, request.path) == ("PATCH", SHOP + (f"/{subresource}" if subresource else ""))
    assert request.query == {"fieldManager": "progressive.delivery"} | ({"dryRun": "All"} if dry_run else {})
    assert request.headers["Content-Type"] == content_type
    assert json.loads(request.body) == body


@pytest.mark.parametrize(("force", "dry_run"), [(False, False), (True, True)])
def test_a_server_side_apply(server: FakeServer, cluster: Cluster, force: bool, dry_run: bool) -> None:
    server.then(says(201, canary()))
    assert cluster.apply(ROLLOUT, canary(), force=force, dry_run=dry_run) == canary()
    (request,) = server.received
    assert (request.method, request.path) == ("PATCH", SHOP)
    assert request.query == {
        "fieldManager": "progressive.delivery",
        "fieldValidation": "Strict",
        "force": "true" if force else "false",
        **({"dryRun": "All"} if dry_run else {}),
    }
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert json.loads(request.body) == canary()


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_creation(server: FakeServer, cluster: Cluster, dry_run: bool) -> None:
    server.then(says(201, canary()))
    assert cluster.create(ROLLOUT, canary(), dry_run=dry_run) == canary()
    (request,) = server.received
    assert (request.method, request.path) == ("POST", SHOP.removesuffix("/shop"))
    assert request.query == {
        "fieldManager": "progressive.delivery",
        "fieldValidation": "Strict",
        **({"dryRun": "All"} if dry_run else {}),
    }
    assert json.loads(request.body) == canary()


def test_a_creation_that_is_denied_names_the_verb_and_the_object(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(422, status(422, "spec: Required value")))
    refused = failure(lambda cluster: cluster.create(ROLLOUT, canary()), cluster)
    assert "refused to create Rollout prod/shop: spec: Required value" in str(refused)


@pytest.mark.parametrize("write", ["create", "apply"])
def test_a_write_into_a_namespace_that_is_not_there_names_the_namespace(
    server: FakeServer, cluster: Cluster, write: str
) -> None:
    server.then(says(404, status(404, 'namespaces "prod" not found', name="prod", kind="namespaces")))
    missing = failure(lambda cluster: getattr(cluster, write)(ROLLOUT, canary()), cluster)
    assert isinstance(missing, NotFound)
    assert str(missing).startswith("there is no namespace prod for Rollout prod/shop; create it, or check the name")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_deletion(server: FakeServer, cluster: Cluster, dry_run: bool) -> None:
    server.then(says(200, {"kind": "Status", "metadata": {}}))
    cluster.delete(ROLLOUT, "prod", "shop", dry_run=dry_run)
    (request,) = server.received
    assert (request.method, request.path) == ("DELETE", SHOP)
    said = json.loads(request.body)
    assert said == {"propagationPolicy": "Background", **({"dryRun": ["All"]} if dry_run else {})}


def test_a_deletion_of_what_belongs_to_it_first(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(200, {"kind": "Status", "metadata": {}}))
    cluster.delete(ROLLOUT, "prod", "shop", foreground=True)
    assert json.loads(server.received[0].body) == {"propagationPolicy": "Foreground"}


def test_a_deletion_of_one_object_and_of_no_later_one_with_its_name(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(409, status(409, "the UID in the precondition does not match", name="shop")))
    with pytest.raises(Conflict):
        cluster.delete(ROLLOUT, "prod", "shop", uid="one")
    (request,) = server.received
    assert json.loads(request.body)["preconditions"] == {"uid": "one"}


def test_requests_share_a_connection(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(200, canary()), says(404, status(404, "gone", name="shop")), says(200, canary()))
    get(cluster)
    failure(get, cluster)
    get(cluster)
    assert len({request.connection for request in server.received}) == 1


def test_a_redirect_is_not_followed_with_our_credentials(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(302, b"", {"Location": "/elsewhere"}))
    assert isinstance(failure(get, cluster), Transient)
    assert len(server.received) == 1


# -- answers


@pytest.mark.parametrize(
    ("call", "answer", "kind", "reason", "words"),
    [
        pytest.param(
            get,
            says(404, status(404, 'rollouts.argoproj.io "shop" not found', name="shop", kind="rollouts")),
            NotFound,
            "not_found",
            "there is no Rollout prod/shop; check the name, the namespace and the context of the kubeconfig",
            id="no such object",
        ),
        pytest.param(
            listing,
            says(404, b"404 page not found\n"),
            NotInstalled,
            "not_installed",
            "does not serve argoproj.io/v1alpha1 rollouts; install Argo Rollouts",
            id="no such API",
        ),
        pytest.param(
            patch,
            says(404, b"404 page not found\n"),
            NotInstalled,
            "not_installed",
            "does not serve argoproj.io/v1alpha1 rollouts; install Argo Rollouts",
            id="no such API for a patch of the status",
        ),
        pytest.param(
            get,
            says(404, status(404, "the server could not find the requested resource")),
            NotInstalled,
            "not_installed",
            "install Argo Rollouts",
            id="no such API, as a Status without details",
        ),
        pytest.param(
            patch,
            says(403, status(403, DENIED + '"argoproj.io" in the namespace "prod"', name="shop")),
            Forbidden,
            "forbidden",
            "user ci may not patch rollouts/status in namespace prod; "
            "grant it the right patch on rollouts/status (API group argoproj.io)",
            id="no right",
        ),
        pytest.param(
            listing,
            says(403, status(403, 'x is forbidden: User "ci" cannot list resource "podtemplates" in API group ""')),
            Forbidden,
            "forbidden",
            "user ci may not list podtemplates in all namespaces; grant it the right list on podtemplates "
            "(API group core)",
            id="no right in the whole cluster",
        ),
        pytest.param(
            patch,
            says(403, status(403, 'admission webhook "freeze.example.com" denied the request: frozen until Monday')),
            Forbidden,
            "forbidden",
            "refused to patch Rollout prod/shop: admission webhook \"freeze.example.com\" denied the request: frozen",
            id="a webhook",
        ),
        pytest.param(
            listing,
            says(403, status(403, f"{ANONYMOUS} at the cluster scope")),
            Unauthorized,
            "unauthorized",
            "was sent no credentials that it knows",
            id="nobody",
        ),
        pytest.param(
            get,
            says(401, status(401, "Unauthorized")),
            Unauthorized,
            "unauthorized",
            "refused the credentials (Unauthorized); the token or certificate is missing, wrong or expired: renew it",
            id="wrong credentials",
        ),
        pytest.param(get, says(401, b""), Unauthorized, "unauthorized", "(Unauthorized)", id="401 without words"),
        pytest.param(
            patch,
            says(409, status(409, "the object has been modified", name="shop")),
            Conflict,
            "conflict",
            "the object has been modified",
            id="a stale lock",
        ),
        pytest.param(
            patch,
            says(409, status(409, "Apply failed with 2 conflicts", causes=HELD)),
            FieldConflict,
            "field_conflict",
            "Rollout prod/shop has other values from other field managers: .spec.replicas is set by kubectl/scale; "
            ".spec.paused is set by argocd; .spec is set by words that nobody knows",
            id="fields of others",
        ),
        pytest.param(
            patch,
            says(500, status(500, "failed to create typed patch object (prod/shop; v1): .spec.a: not declared")),
            Invalid,
            "invalid_request",
            "refused to patch Rollout prod/shop: spec.a: not declared",
            id="an apply against the schema",
        ),
        pytest.param(
            json_patch, says(422, status(422, REJECTED)), Conflict, "conflict", REJECTED, id="a test that failed"
        ),
        pytest.param(
            patch,
            says(422, status(422, REJECTED)),
            Invalid,
            "invalid_request",
            f"refused to patch Rollout prod/shop: {REJECTED}",
            id="a merge patch that was rejected",
        ),
        pytest.param(
            json_patch,
            says(422, status(422, 'Rollout.argoproj.io "shop" is invalid: spec.replicas: Invalid value: -1')),
            Invalid,
            "invalid_request",
            "spec.replicas: Invalid value: -1",
            id="a JSON patch that makes an invalid object",
        ),
        pytest.param(
            listing,
            says(400, status(400, "unable to parse requirement")),
            Invalid,
            "invalid_request",
            "refused to list rollouts in all namespaces: unable to parse requirement",
            id="a bad request",
        ),
        pytest.param(
            watch,
            says(410, status(410, "too old resource version")),
            Expired,
            "expired",
            "too old resource version",
            id="an old version",
        ),
        pytest.param(
            get, says(429, status(429, "too many")), Transient, "unreachable", "answered 429: too many", id="busy"
        ),
        pytest.param(
            get, says(503, status(503, "starting")), Transient, "unreachable", "answered 503: starting", id="starting"
        ),
        pytest.param(get, says(500, b""), Transient, "unreachable", "answered 500", id="500 without words"),
        pytest.param(
            get,
            says(502, b"<html><head><title>502 Bad\nGateway</title></head><body><h1>nginx</h1></body></html>"),
            Transient,
            "unreachable",
            "answered 502: 502 Bad Gateway",
            id="a proxy's page",
        ),
        pytest.param(
            get,
            says(200, b"<html><body>please <b>log in</b></body></html>"),
            Transient,
            "unreachable",
            "does not answer as a Kubernetes apiserver does, but with status 200 and 'please log in'",
            id="a login page",
        ),
        pytest.param(
            get, says(200, [1, 2]), Transient, "unreachable", "does not answer as a Kubernetes apiserver", id="a list"
        ),
        pytest.param(
            get, says(200, {"items": []}), Transient, "unreachable", "does not answer as", id="no object"
        ),
        pytest.param(
            listing, says(200, canary()), Transient, "unreachable", "does not answer as", id="an object for a list"
        ),
        pytest.param(get, says(200, b"\xff\xfe"), Transient, "unreachable", "does not answer as", id="no text"),
        pytest.param(
            get, says(404, b"not here"), Transient, "unreachable", "with status 404 and 'not here'", id="another 404"
        ),
        pytest.param(
            patch, says(403, b"blocked by the firewall"), Transient, "unreachable", "blocked by", id="another 403"
        ),
        pytest.param(patch, says(409, b""), Transient, "unreachable", "but with status 409", id="another 409"),
        pytest.param(get, says(400, "null"), Transient, "unreachable", "but with status 400", id="JSON of no object"),
    ],
)  # fmt: skip
def test_what_an_answer_means(
    server: FakeServer,
    cluster: Cluster,
    call: Call,
    answer: Script,
    kind: type[ClusterError],
    reason: str,
    words: str,
) -> None:
    server.then(answer)
    error = failure(call, cluster)
    assert error.__class__ is kind
    assert error.reason == reason
    assert words in str(error)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "kind"), [(401, Unauthorized), (404, NotInstalled), (410, Expired), (429, Transient), (503, Transient)]
)
def test_an_answer_means_the_same_to_every_request(
    server: FakeServer, cluster: Cluster, call: Call, code: int, kind: type[ClusterError]
) -> None:
    server.then(says(code, status(code, "words")))
    error = failure(call, cluster)
    assert error.__class__ is kind
    assert error.status == code


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0", 0.0), ("", None), ("soon", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("\xb2", None)],
)
def test_how_long_the_server_wants_to_be_left_alone(
    server: FakeServer, cluster: Cluster, header: str, seconds: float | None
) -> None:
    server.then(says(429, status(429, "busy"), {"Retry-After": header}))
    error = failure(get, cluster)
    assert isinstance(error, Transient)
    assert error.retry_after == seconds


def test_messages_are_short(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(502, b"x " * 100_000))
    assert len(str(failure(get, cluster))) < 250


def test_the_workload_that_is_not_there_is_named(server: FakeServer, cluster: Cluster) -> None:
    server.then(says(404, status(404, "not found", name="pods")))
    with pytest.raises(NotFound, match="there is no Deployment prod/pods"):
        cluster.get(WORKLOADS["Deployment"], "prod", "pods")


# -- no answers


@pytest.mark.parametrize("call", CALLS)
def test_nobody_is_there(call: Call) -> None:
    with FakeServer().running() as server:
        host = server.host
    transport = FakeTransport(host)
    error = failure(call, Cluster(transport))
    transport.pool.clear()
    assert isinstance(error, Transient)
    assert str(error) == f"cannot reach {host}: Connection refused"


def test_a_host_that_does_not_exist() -> None:
    transport = FakeTransport("http://no-such-host.invalid:1")
    error = failure(get, Cluster(transport))
    transport.pool.clear()
    assert isinstance(error, Transient)
    assert str(error).startswith("cannot reach http://no-such-host.invalid:1: ")


def test_no_answer_in_time(server: FakeServer, cluster: Cluster) -> None:
    server.then(Exchange.hold)
    before = time.monotonic()
    with pytest.raises(Transient, match=r"^cannot reach http://127\.0\.0\.1:\d+: no answer in time$"):
        cluster.get(ROLLOUT, "prod", "shop", timeout=0.2)
    assert 0.2 <= time.monotonic() - before < 5


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Exchange.cut, id="before the answer"),
        pytest.param(streams(b'{"metadata"', end=Exchange.cut), id="within it"),
    ],
)
@pytest.mark.parametrize("call", [get, listing, patch, json_patch])
def test_a_connection_that_breaks(server: FakeServer, cluster: Cluster, call: Call, script: Script) -> None:
    server.then(script)
    error = failure(call, cluster)
    assert isinstance(error, Transient)
    assert str(error).startswith(f"cannot reach {server.host}: ")


def test_a_write_is_sent_once(server: FakeServer, cluster: Cluster) -> None:
    """Whether it was done is unknown; only the engine can decide whether to send it again."""
    server.then(Exchange.cut, says(200, canary()))
    assert isinstance(failure(patch, cluster), Transient)
    assert len(server.received) == 1


def test_a_connection_that_breaks_within_a_refusal(server: FakeServer, cluster: Cluster) -> None:
    def half(exchange: Exchange) -> None:
        exchange.answer(503, b"starting", {"Content-Length": "100"})
        exchange.cut()

    server.then(half)
    assert isinstance(failure(watch, cluster), Transient)


def test_a_watch_hands_out_the_stream(server: FakeServer, cluster: Cluster) -> None:
    server.then(streams(b"one\n", b"two\n", end=Exchange.finish))
    with cluster.watch(ROLLOUT, "prod", "shop", "100", 240) as response:
        assert b"".join(response.stream(amt=None)) == b"one\ntwo\n"


# -- the apiserver's clock


def test_the_servers_clock_is_known_from_its_last_answer(
    server: FakeServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.time() is None
    for date, shown in (("Sat, 21 Nov 2026 14:49:22 GMT", "2026-11-21T14:49:"), ("soon", "None"), ("", "None")):
        monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda _handler, date=date: date)
        server.then(says(200, canary()))
        get(cluster)
        told = cluster.time()
        assert (told.isoformat() if told else "None").startswith(shown)
