# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`rollout_lint` against what it has to be as good as: the real plugin's lint, and the apiserver with the real CRDs.

Where we differ from the plugin on purpose, and the comparison therefore does not look:

* It compares a Service with the pod template of a Rollout that has none, because its pods are a Deployment's.
* It reads a number where a text belongs as a text, and field names in any case; the apiserver does neither.
* It looks at no namespace, and only at Rollouts, Services, Ingresses and VirtualServices.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.kit import Stage, blue_green, canary, service
from tests.integration.support import Lab, eventually, run_module
from tests.unit.lint.bundles import SEEDS, Bundle, Tree, changed, findings, route, virtual_service
from tests.unit.lint.test_rules import BROKEN, FINE

# The rules that the plugin has, too.
SHARED = frozenset(
    {
        "anti-affinity", "dynamic-stable-scale", "experiment-weight", "header-route", "managed-routes",
        "max-traffic-weight", "mirror-route", "needs-traffic-routing", "negative-number", "pause-duration", "ping-pong",
        "pod-template", "progress-deadline", "route-match", "same-service", "scale-down-limit", "selector",
        "selector-mismatch", "service-selector", "services-required", "set-weight", "step", "strategy",
        "surge-and-unavailable", "unknown-field", "virtual-service-routes", "workload-ref-template", "wrong-type",
    }
)  # fmt: skip
# Each runs the plugin once; two cores have to do for everything.
EACH, PARALLEL = 2, 3


def cases() -> list[Bundle]:
    """The good bundles, some that are changed without harm, and some for each of the plugin's rules."""
    seeds = [name for name in SEEDS if name != "borrowed"]
    harmless = [changed(SEEDS[name](), changes.items()) for name, changes in FINE[::3] if name in seeds]
    broken: list[Bundle] = []
    for rule in sorted(SHARED):
        found = [(name, changes) for of, name, changes in BROKEN if of == rule and name in seeds]
        broken += [changed(SEEDS[name](), changes.items()) for name, changes in found[:EACH]]
    return [SEEDS[name]() for name in seeds] + harmless + broken


def test_what_the_plugin_refuses_is_an_error_and_nothing_else_is_one_of_its_rules(lab: Lab, tmp_path: Path) -> None:
    def refused(numbered: tuple[int, Bundle]) -> bool:
        number, bundle = numbered
        file = tmp_path / f"{number}.yml"
        file.write_text(yaml.safe_dump_all(json.loads(json.dumps(bundle))), encoding="utf-8")
        plugin = lab.record["bin"]["kubectl-argo-rollouts"]
        done = subprocess.run([plugin, "lint", "-f", file], capture_output=True, timeout=60, check=False)
        return done.returncode != 0

    bundles = cases()
    with ThreadPoolExecutor(PARALLEL) as pool:
        verdicts = list(pool.map(refused, enumerate(bundles)))

    ours = [findings(bundle) for bundle in bundles]
    missed = [
        bundle
        for bundle, verdict, found in zip(bundles, verdicts, ours, strict=True)
        if verdict and all(finding.severity == "warning" for finding in found)
    ]
    invented = [
        finding
        for verdict, found in zip(verdicts, ours, strict=True)
        for finding in ([] if verdict else found)
        if finding.rule in SHARED and not _is_stricter(finding.path)
    ]
    assert missed == []
    assert invented == []
    assert sum(verdicts) > len(SHARED)
    assert not all(verdicts)


def _is_stricter(path: str) -> bool:
    """A misspelt case of a field, a Service that is only meant by a name with a namespace."""
    return path.endswith(("setweight", "spec.http[0]")) or "querry" in path


# -- the controller


def with_weighted_experiment(ports: list[Tree]) -> Bundle:
    """A canary the first step of which is an experiment that gets a tenth of what Istio sends."""
    variant = {"name": "new", "specRef": "canary", "weight": 10}
    steps = [{"experiment": {"duration": "5m", "templates": [variant]}}]
    routing = {"istio": {"virtualService": {"name": "shop"}}}
    strategy = {"stableService": "stable", "canaryService": "canary", "trafficRouting": routing}
    rollout = canary(steps=steps, strategy=strategy, replicas=1)
    rollout["spec"]["template"]["spec"]["containers"][0]["ports"] = ports
    router = virtual_service(route({"host": "stable"}, {"host": "canary"}))
    del router["metadata"]["namespace"]
    return [rollout, service("stable"), service("canary"), router]


@pytest.mark.parametrize(
    ("ports", "findings_of", "ends"),
    [
        ([], ["experiment-service"], "a weight for nobody"),
        ([{"containerPort": 8080}, {"containerPort": 9090}], ["experiment-service"], "Error"),
        ([{"containerPort": 8080}], [], "a weight for its Service"),
    ],
)
def test_an_experiment_gets_its_weight_by_a_service_that_its_ports_allow(
    stage: Stage, ports: list[Tree], findings_of: list[str], ends: str
) -> None:
    bundle = with_weighted_experiment(ports)
    assert [finding.rule for finding in findings(bundle)] == findings_of

    rollout, *others = bundle
    stage.deploy(rollout, *others)
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"})

    def seen() -> str:
        objects = json.loads(stage.kubectl("get", "virtualservices,experiments", "-o", "json"))["items"]
        spec, phases = objects[0]["spec"], [found.get("status", {}).get("phase") for found in objects[1:]]
        more = {way["destination"]["host"] for way in spec["http"][0]["route"]} - {"stable", "canary"}
        if more:
            return (
                "a weight for its Service" if all(host.startswith("shop-") for host in more) else "a weight for nobody"
            )
        return "Error" if phases == ["Error"] else "nothing yet"

    eventually(lambda: seen() == ends, timeout=60)


# -- the installed CRDs


def lint(stage: Stage, objects: Iterable[Any], **given: Any) -> dict[str, Any]:
    return stage.run("rollout_lint", objects=list(objects), online=True, **given)


def test_the_apiserver_is_asked_and_nothing_is_created(stage: Stage) -> None:
    bundle = blue_green()

    assert lint(stage, bundle)["reason"] == "ok"
    assert json.loads(stage.kubectl("get", "rollouts,services", "-o", "json"))["items"] == []


def test_what_is_already_there_is_checked_as_well(stage: Stage) -> None:
    rollout, *services = blue_green()
    stage.apply(rollout, *services)
    stored = json.loads(stage.kubectl("get", "rollouts,services", "-o", "json"))

    assert lint(stage, [stored])["reason"] == "ok"


def test_what_the_crds_refuse_has_its_place(stage: Stage) -> None:
    rollout, *services = blue_green()
    rollout["spec"]["strategy"]["blueGreen"]["previewReplicas"] = 1
    rollout["spec"]["revisionHistoryLimit"] = "5"

    result = lint(stage, [rollout, *services], ignore=["unknown-field", "wrong-type"])

    assert result["failed"]
    assert {finding["rule"] for finding in result["findings"]} == {"schema"}
    assert "spec.strategy.blueGreen.previewReplicas" in result["msg"]


def test_a_namespace_that_is_not_there_yet_is_no_finding(stage: Stage) -> None:
    assert lint(stage, blue_green(), namespace="not-there-yet")["reason"] == "ok"


def test_the_module_itself(stage: Stage, tmp_path: Path) -> None:
    rollout, *services = blue_green()
    rollout["spec"]["minReadySeconds"] = 900
    file = tmp_path / "shop.yml"
    file.write_text(yaml.safe_dump_all([rollout, *services, service("other")]), encoding="utf-8")

    result = run_module("rollout_lint", {"files": [str(tmp_path)]})

    assert (result["failed"], result["changed"], result["reason"]) == (True, False, "findings")
    assert result["msg"].startswith(f"1 error in 4 documents. {file}:")
    assert [finding["rule"] for finding in result["findings"]] == ["progress-deadline"]
