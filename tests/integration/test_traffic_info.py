# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`traffic_info` beside what the controller does, and `rollout_tree` beside what the plugin prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import identities
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as LabRecord
from ansible_collections.progressive.delivery.plugins.module_utils._model.tree import render

from tests.integration.kit import ANALYSIS_STEP, Gauge, Object, Stage, blue_green, canary, service
from tests.integration.shop import destination_rule, split, virtual_service
from tests.integration.support import eventually, play, run_module, run_playbook
from tests.integration.test_plugin_parity import Plugin

GATE: Object = {"pause": {}}
SERVICES: Object = {"canaryService": "canary", "stableService": "stable"}
TESTERS: Object = {"name": "testers", "match": [{"headerName": "x-tester", "headerValue": {"exact": "yes"}}]}
COPY: Object = {"name": "copy", "percentage": 30, "match": [{"path": {"prefix": "/"}}]}
BY_SERVICE: Object = {
    "istio": {"virtualService": {"name": "shop", "routes": ["primary"]}},
    "managedRoutes": [{"name": "testers"}, {"name": "copy"}],
}
BY_SUBSET: Object = {
    "istio": {
        "virtualService": {"name": "shop"},
        "destinationRule": {"name": "shop", "canarySubsetName": "new", "stableSubsetName": "old"},
    }
}


def routed(routing: Object, *steps: Object, **strategy: Any) -> Object:
    return canary(steps=[*steps, GATE], replicas=2, strategy={**strategy, "trafficRouting": routing})


def shares(result: Object) -> dict[str, float | None]:
    return {item["version"]: item["weight"] for item in result["traffic"]["versions"]}


def agreed(stage: Stage, expected: dict[str, float | None]) -> Object:
    """The result once it agrees: the controller writes its objects one after the other."""

    def look() -> Object | None:
        result = stage.run("traffic_info")
        return result if result["reason"] == "agree" and shares(result) == expected else None

    return eventually(look, timeout=60, what=f"the traffic is not {expected}")


def release(stage: Stage) -> None:
    done = stage.run("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    assert done["reason"] == "paused", done["msg"]


def test_a_canary_behind_a_virtual_service(stage: Stage) -> None:
    steps = ({"setWeight": 20}, {"setHeaderRoute": TESTERS}, {"setMirrorRoute": COPY})
    stage.deploy(
        routed(BY_SERVICE, *steps, **SERVICES), service("canary"), service("stable"), virtual_service(split(100))
    )
    agreed(stage, {"stable": 100})
    release(stage)
    result = agreed(stage, {"stable": 80, "canary": 20})
    roles = {route["name"]: route for route in result["traffic"]["routes"]}
    assert {name: route["role"] for name, route in roles.items()} == {
        "primary": "weighted",
        "testers": "header",
        "copy": "mirror",
    }
    assert roles["testers"]["destinations"][0]["version"] == "canary"
    assert (roles["copy"]["mirror"]["version"], roles["copy"]["mirror"]["weight"]) == ("canary", 30)
    assert [item["pods"]["ready"] for item in result["traffic"]["versions"]] == [2, 1]
    assert not stage.run("rollout_abort", wait_until="restored")["failed"]
    agreed(stage, {"stable": 100, "canary": 0})


def test_the_arm_of_an_experiment(stage: Stage) -> None:
    experiment = {"experiment": {"templates": [{"name": "baseline", "specRef": "stable", "weight": 10}]}}
    rollout = routed(BY_SERVICE, {"setWeight": 20}, experiment, **SERVICES)
    # The controller makes the arm's Service of the ports that its pods declare.
    rollout["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"containerPort": 8080}]
    stage.deploy(rollout, service("canary"), service("stable"), virtual_service(split(100)))
    assert not stage.run("rollout_set_image", images={"app": "shop:2.0.0"})["failed"]
    result = agreed(stage, {"stable": 70, "canary": 20, "experiment/baseline": 10})
    assert result["traffic"]["versions"][2]["pods"] == {"desired": 1, "ready": 1}


def test_a_canary_behind_subsets(stage: Stage) -> None:
    subsets = [{"name": name, "labels": {"app": "shop"}} for name in ("old", "new")]
    route = [
        {"destination": {"host": "shop", "subset": name}, "weight": weight}
        for name, weight in (("old", 100), ("new", 0))
    ]
    rule = destination_rule(host="shop", subsets=subsets)
    shop = virtual_service({"route": route})
    stage.deploy(routed(BY_SUBSET, {"setWeight": 30}), service("shop"), rule, shop)
    release(stage)
    result = agreed(stage, {"stable": 70, "canary": 30})
    assert [item["subset"] for item in result["traffic"]["versions"]] == ["old", "new"]


def test_a_canary_behind_an_ingress(stage: Stage) -> None:
    backend = {"service": {"name": "stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": f"{stage.namespace}.test", "http": {"paths": paths}}]},
    }
    routing = {"nginx": {"stableIngress": "web"}}
    stage.deploy(routed(routing, {"setWeight": 40}, **SERVICES), service("canary"), service("stable"), ingress)
    release(stage)
    agreed(stage, {"stable": 60, "canary": 40})


def test_without_a_router(stage: Stage) -> None:
    stage.deploy(canary(steps=[{"setWeight": 25}, GATE], replicas=4, strategy={"maxSurge": 0, "maxUnavailable": 1}))
    release(stage)
    assert agreed(stage, {"stable": 75, "canary": 25})["traffic"]["router"] == "none"


def test_blue_green(stage: Stage) -> None:
    rollout, *services = blue_green()
    stage.deploy(rollout, *services)
    agreed(stage, {"active": 100})
    release(stage)
    result = agreed(stage, {"active": 100, "preview": 0})
    assert [item["service"] for item in result["traffic"]["versions"]] == ["active", "preview"]


def test_what_somebody_else_has_written_and_what_may_not_be_read(stage: Stage, tmp_path: Path) -> None:
    stage.deploy(routed(BY_SERVICE, {"setWeight": 20}, **SERVICES), service("canary"), service("stable"),
                 virtual_service(split(100)))  # fmt: skip
    release(stage)
    stable = agreed(stage, {"stable": 80, "canary": 20})["traffic"]["versions"][0]["hash"]
    # A controller without --instance-id leaves objects with this label alone.
    stage.kubectl("label", "rollout", "shop", "argo-rollouts.argoproj.io/controller-instance-id=nobody")
    stage.apply(virtual_service(split(50)))
    selector = {"spec": {"selector": {"rollouts-pod-template-hash": stable}}}
    stage.kubectl("patch", "service", "canary", "--patch", json.dumps(selector))
    result = run_module("traffic_info", stage.shop)
    assert (result["failed"], result["changed"], result["reason"]) == (False, False, "disagree")
    found = [(item["what"], item["expected"], item["found"]) for item in result["traffic"]["disagreements"]]
    assert found[:2] == [("weight", 80, 50), ("weight", 20, 50)]
    assert ("selector", stable) == (found[2][0], found[2][2])
    assert "sends 50 % to stable (Service stable), but status.canary.weights" in result["msg"]
    assert "last written by kubectl" in result["msg"]
    assert shares(result) == {"stable": 100, "canary": 0}

    limited = eve(stage, tmp_path)
    assert (limited["failed"], limited["reason"]) == (False, "disagree")
    (missed,) = limited["traffic"]["not_read"]
    assert (missed["object"], missed["reason"]) == (f"VirtualService {stage.namespace}/shop", "forbidden")
    assert "user system:serviceaccount:" in missed["message"]


def eve(stage: Stage, folder: Path) -> Object:
    """The result for a user who may read everything but VirtualServices."""
    resources = "rollouts.argoproj.io,services,replicasets.apps"
    stage.kubectl("create", "serviceaccount", "eve")
    stage.kubectl("create", "role", "eve", "--verb=get,list", f"--resource={resources}")
    stage.kubectl("create", "rolebinding", "eve", "--role=eve", f"--serviceaccount={stage.namespace}:eve")
    kubeconfig = folder / "eve"
    identities.service_account(LabRecord.load(stage.lab.name), stage.namespace, "eve", kubeconfig, seconds=3600)
    return stage.through(kubeconfig=str(kubeconfig)).run("traffic_info")


# -- rollout_tree

# Both AnalysisRuns, after their two measurements.
MEASURED = re.compile(r"AnalysisRun +✔ Successful +\S+ +✔ 2$", re.MULTILINE)
ROW = re.compile(r"^[│├└─ ]*[⟳#⧉□Σα⊞] (\S+) *(\w*) *(?:(\S) (\S+))?")


def rows(text: str) -> set[tuple[str, ...]]:
    """Name, kind, icon and status of each line of the table."""
    lines = text.partition("\n\n")[2].splitlines()[1:]
    return {match.groups(default="") for match in map(ROW.match, lines) if match}


def head(text: str) -> list[str]:
    return [line.rstrip() for line in text.partition("\n\n")[0].splitlines()]


@pytest.mark.smoke
def test_the_tree_is_that_of_the_plugin(stage: Stage, gauge: Gauge) -> None:
    experiment = {"templates": [{"name": "baseline", "specRef": "stable"}, {"name": "new", "specRef": "canary"}]}
    experiment["analyses"] = [{"name": "compare", "templateName": "value"}]
    measured = gauge.template(count=2, interval="1s")
    # Without a duration the experiment stays, and so do its pods.
    stage.deploy(canary(steps=[{"setWeight": 50}, ANALYSIS_STEP, {"experiment": experiment}], replicas=2), measured)
    assert not stage.run("rollout_set_image", images={"app": "shop:2.0.0"})["failed"]
    plugin = Plugin.on(stage)

    def both() -> str | None:
        theirs, _errors = plugin.about("shop", "get", "rollout", "--no-color")
        ours = render(stage.run("rollout_info", name="shop", tree=True))
        same = (rows(theirs), head(theirs)) == (rows(ours), head(ours))
        return ours if same and len(MEASURED.findall(ours)) == 2 else None

    ours = eventually(both, timeout=120, what="the texts differ")
    assert {kind for _name, kind, *_others in rows(ours)} == {
        "", "Rollout", "ReplicaSet", "Pod", "AnalysisRun", "Experiment",
    }  # fmt: skip
    assert "(stable, Σ:baseline)" in ours


def test_the_filter_in_a_playbook(stage: Stage, tmp_path: Path) -> None:
    stage.deploy(canary(replicas=1))
    read = {
        "name": "Read",
        "progressive.delivery.rollout_info": {
            "kubeconfig": str(stage.lab.kubeconfig),
            "namespace": stage.namespace,
            "tree": True,
        },
        "register": "found",
    }
    show = {
        "name": "Show",
        "ansible.builtin.debug": {"msg": "{{ (found | progressive.delivery.rollout_tree).splitlines() }}"},
    }
    playbook = tmp_path / "show.yml"
    playbook.write_text(json.dumps([play(tasks=[read, show])]))
    output = run_playbook(playbook).succeeded().output
    assert "Status:          ✔ Healthy" in output
    assert re.search(r"└──□ shop-\S+ +Pod +✔ Running", output)
