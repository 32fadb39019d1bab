# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Envoy takes what the translation gives it: its own check, on objects that use everything there is."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.bootstrap import bootstrap
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.listeners import listeners
from ansible_collections.progressive.delivery.plugins.module_utils._mesh.snapshot import Snapshot

from tests.unit.mesh.support import (
    Tree,
    destination,
    destination_rule,
    ingress,
    mesh,
    path,
    pod,
    problems,
    service,
    split,
    to,
    virtual_service,
)

ENVOY = Path(sys.executable).with_name("envoy")
COOKIE = {"name": "user", "ttl": "1h", "path": "/"}
HASHES = [{"httpCookie": COOKIE}, {"httpHeaderName": "x"}, {"httpQueryParameterName": "u"}, {"useSourceIp": True}]


def _balanced(**balancer: object) -> Tree:
    return {"trafficPolicy": {"loadBalancer": balancer}}


def _everything() -> list[Tree]:
    names = [f"s{number}" for number in range(len(HASHES))]
    matches = [
        {"uri": {"exact": "/a"}, "ignoreUriCase": True, "method": {"exact": "GET"}},
        {
            "uri": {"regex": "/b/\\d+"},
            "headers": {"x": {}, "y": {"prefix": ""}},
            "withoutHeaders": {"z": {"exact": "1"}},
        },
        {"queryParams": {"v": {"regex": "\\d"}, "w": {}}, "authority": {"prefix": "s"}, "scheme": {"exact": "http"}},
    ]
    headers = {side: {"set": {"a": "%"}, "add": {"b": "1"}, "remove": ["c"]} for side in ("request", "response")}
    http = [
        split(
            {"stable/old": 60, "stable/new": 20, "nobody": 20},
            name="all", match=matches, headers=headers, timeout="1s", rewrite={"uri": "/c", "authority": "x"},
            retries={"attempts": 2, "retryOn": "5xx,503", "perTryTimeout": "100ms"},
            fault={"delay": {"fixedDelay": "1s", "percentage": {"value": 0.01}},
                   "abort": {"httpStatus": 500, "percentage": {"value": 50}}},
            mirrors=[{"destination": {"host": "canary"}, "percentage": {"value": 12.34}}],
        ),
        to(destination("canary", headers=headers), rewrite={"uriRegexRewrite": {"match": "/(.*)", "rewrite": "/x/\\1"}},
           match=[{"uri": {"prefix": "/r"}}]),
        {"redirect": {"uri": "/", "authority": "x.test", "port": 81, "scheme": "https"},
         "match": [{"uri": {"exact": "/m"}}]},
        {"directResponse": {"status": 418, "body": {"string": "tea"}}, "match": [{"uri": {"exact": "/t"}}]},
        split({"stable": 0, "canary": 0}),
    ]  # fmt: skip
    subsets = [
        {"name": "old", "labels": {"v": "1"}},
        {"name": "new", **_balanced(consistentHash={**HASHES[0], "maglev": {}})},
    ]
    canary = {
        "canary": "true", "canary-weight": "20", "canary-by-header": "x", "canary-by-header-pattern": "a|b",
        "canary-by-cookie": "who.am.i",
    }  # fmt: skip
    return [
        *(service(name) for name in names),
        *(
            destination_rule(name, name, **_balanced(consistentHash=how))
            for name, how in zip(names, HASHES, strict=True)
        ),
        *(virtual_service(name, split({name: 50, "canary": 50}), hosts=[name]) for name in names),
        service("web", {"name": "a", "port": 80}, {"name": "b", "port": 81}, namespace="default"),
        pod("one", "10.244.1.1", app="stable", v="1"),
        pod("two", "10.244.1.2", app="canary"),
        destination_rule("shop", "stable", *subsets, **_balanced(simple="ROUND_ROBIN")),
        virtual_service("shop", *http, hosts=["stable", "shop.example.com"], gateways=["mesh", "edge"]),
        virtual_service("wild", split(), hosts=["*.example.com", "*"], gateways=["edge"]),
        ingress("shop", path("stable"), path("canary", "/exact", "Exact"), host="shop.test"),
        ingress("shop-canary", path("canary"), host="shop.test", annotations=canary),
    ]


def _static(snapshot: Snapshot) -> Tree:
    """What Envoy otherwise reads from files, in one: its check looks at nothing else."""
    found = copy.deepcopy(listeners({"mesh": 10001, "ingress": 10002}, {"mesh": "/m", "ingress": "/i"}))
    for listener in found:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"] = snapshot.routes[listener["name"]]
        manager["route_config"]["validate_clusters"] = True
        del manager["rds"]
    resources = {"listeners": found, "clusters": list(snapshot.clusters.values())}
    for item in (*found, *resources["clusters"], *snapshot.routes.values()):
        item.pop("@type")
    start = bootstrap(Path("/c"), Path("/l"), 10003)
    del start["dynamic_resources"]
    return {**start, "static_resources": resources}


@pytest.mark.skipif(not ENVOY.exists(), reason="requirements-lab.txt brings Envoy for Linux on x86_64 only")
@pytest.mark.parametrize("objects", [_everything(), []], ids=["everything", "nothing"])
def test_envoy_takes_it(objects: list[Tree], tmp_path: Path) -> None:
    config = tmp_path / "envoy.json"
    config.write_text(json.dumps(_static(mesh(*objects))))
    command = [str(ENVOY), "--mode", "validate", "--config-path", str(config), "--log-level", "warn"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_all_of_that_is_supported() -> None:
    found = problems(mesh(*_everything()))
    assert not [text for text in found if "not supported" in text or "no effect" in text]
