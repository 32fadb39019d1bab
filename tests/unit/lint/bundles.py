# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles in which nothing is wrong, and ways to break them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._lint.documents import expand
from ansible_collections.progressive.delivery.plugins.module_utils._lint.linter import lint
from ansible_collections.progressive.delivery.plugins.module_utils._lint.places import Finding

Tree = dict[str, Any]
Bundle = list[Tree]

# Takes a value away.
GONE: Any = object()
ARGO = "argoproj.io/v1alpha1"
LABELS = {"app": "shop"}


def made(kind: str, name: str, spec: Tree, api_version: str = ARGO, **more: Any) -> Tree:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": "prod"},
        "spec": spec,
        **more,
    }


def pods() -> Tree:
    container: Tree = {
        "name": "app",
        "image": "shop:1.0.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "MODE", "value": "on"}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5, "successThreshold": 2},
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "128Mi"}},
    }
    spec = {"containers": [container], "volumes": [{"name": "cache", "emptyDir": {}}]}
    return {"metadata": {"labels": LABELS, "annotations": {"example.com/Note": "x"}}, "spec": spec}


def rollout(strategy: Tree, **more: Any) -> Tree:
    spec = {"selector": {"matchLabels": LABELS}, "template": pods(), "strategy": strategy, **more}
    return made("Rollout", "shop", spec)


def service(name: str) -> Tree:
    return made("Service", name, {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]}, "v1")


def template(name: str = "errors", kind: str = "AnalysisTemplate") -> Tree:
    query = 'sum(rate(requests{code=~"5..", service="{{args.service}}"}[1m]))'
    metric = {
        "name": name,
        "interval": "10s",
        "count": 3,
        "successCondition": "result[0] < {{args.limit}}",
        "provider": {"prometheus": {"address": "http://prometheus.example", "query": query}},
    }
    args = [{"name": "service"}, {"name": "limit", "value": "5"}]
    return made(kind, name, {"args": args, "metrics": [metric]})


def analysis(name: str = "errors", **more: Any) -> Tree:
    return {"templates": [{"templateName": name}], "args": [{"name": "service", "value": "shop"}], **more}


def route(*destinations: Tree, **more: Any) -> Tree:
    weights = (100, 0)
    return {"route": [{"destination": to, "weight": w} for to, w in zip(destinations, weights, strict=False)], **more}


def virtual_service(*routes: Tree, name: str = "shop") -> Tree:
    spec = {"hosts": ["shop"], "http": list(routes)}
    return made("VirtualService", name, spec, "networking.istio.io/v1")


def scaler(target: Tree, kind: str = "HorizontalPodAutoscaler", api_version: str = "autoscaling/v2") -> Tree:
    return made(kind, "shop", {"scaleTargetRef": target}, api_version)


SHOP = {"apiVersion": ARGO, "kind": "Rollout", "name": "shop"}


def canary() -> Bundle:
    """0 a Rollout with Istio by hosts, 1 and 2 its Services, 3 its VirtualService, 4 its template, 5 its autoscaler."""
    steps: list[Tree] = [
        {"setCanaryScale": {"weight": 20}},
        {"setWeight": 20},
        {"setHeaderRoute": {"name": "testers", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}},
        {"setMirrorRoute": {"name": "mirror", "percentage": 10, "match": [{"method": {"exact": "GET"}}]}},
        {"pause": {"duration": "1m30s"}},
        {"analysis": analysis()},
        {"setCanaryScale": {"matchTrafficWeight": True}},
        {"setWeight": 50},
        {"pause": {}},
        {"experiment": experiment_step()},
    ]
    istio = {"virtualService": {"name": "shop", "routes": ["main"]}}
    routing = {"istio": istio, "managedRoutes": [{"name": "testers"}, {"name": "mirror"}]}
    strategy = {
        "canaryService": "canary",
        "stableService": "stable",
        "analysis": analysis(startingStep=1),
        "steps": steps,
        "trafficRouting": routing,
    }
    main = route({"host": "stable"}, {"host": "canary.prod.svc.cluster.local"}, name="main")
    found = [rollout({"canary": strategy}), service("canary"), service("stable")]
    return [*found, virtual_service(main, {"name": "other", "route": []}), template(), scaler(SHOP)]


def experiment_step() -> Tree:
    templates = [{"name": "baseline", "specRef": "stable", "weight": 5}, {"name": "new", "specRef": "canary"}]
    given = [{"name": "service", "value": "{{templates.new.podTemplateHash}}"}]
    analyses = [{"name": "errors", "templateName": "errors", "args": given}]
    return {"duration": "5m", "templates": templates, "analyses": analyses}


def subsets() -> Bundle:
    """0 a Rollout with Istio by subsets, 1 its VirtualService, 2 its DestinationRule."""
    istio = {
        "virtualServices": [{"name": "shop.prod"}],
        "destinationRule": {"name": "shop", "canarySubsetName": "new", "stableSubsetName": "old"},
    }
    only = route({"host": "shop", "subset": "old"}, {"host": "shop", "subset": "new"})
    rule = made(
        "DestinationRule",
        "shop",
        {"host": "shop", "subsets": [{"name": "old"}, {"name": "new"}]},
        "networking.istio.io/v1",
    )
    return [rollout({"canary": {"trafficRouting": {"istio": istio}}}), virtual_service(only), rule]


def ports() -> Bundle:
    """0 a Rollout with Istio by ports of TLS and TCP, 1 its VirtualService."""
    chosen = {"name": "shop", "tlsRoutes": [{"port": 443, "sniHosts": ["shop"]}], "tcpRoutes": [{"port": 5432}]}
    strategy = {
        "trafficRouting": {"istio": {"virtualService": chosen}},
        "pingPong": {"pingService": "ping", "pongService": "pong"},
    }
    ways = [{"host": "ping"}, {"host": "pong"}]
    spec = {
        "hosts": ["shop"],
        "tls": [route(*ways, match=[{"port": 443, "sniHosts": ["shop"]}]), {"match": [{"port": 1}, {"port": 2}]}],
        "tcp": [route(*ways, match=[{"port": 5432}])],
    }
    return [rollout({"canary": strategy}), made("VirtualService", "shop", spec, "networking.istio.io/v1")]


def nginx() -> Bundle:
    """0 a Rollout with nginx, 1 its Ingress."""
    strategy = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {"nginx": {"stableIngress": "shop"}, "maxTrafficWeight": 1000},
        "steps": [{"setWeight": 500}, {"pause": {"duration": 30}}, {"plugin": {"name": "a/b"}}],
    }
    backend = {"service": {"name": "stable", "port": {"number": 80}}}
    rules = [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    return [rollout({"canary": strategy}), made("Ingress", "shop", {"rules": rules}, "networking.k8s.io/v1")]


def alb() -> Bundle:
    """0 a Rollout with ALB."""
    header = {"name": "testers", "match": [{"headerName": "x", "headerValue": {"exact": "1"}}]}
    strategy = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {
            "alb": {"ingress": "shop", "servicePort": 80, "rootService": "root"},
            "managedRoutes": [{"name": "testers"}],
        },
        "steps": [{"setHeaderRoute": header}],
    }
    return [rollout({"canary": strategy})]


def basic() -> Bundle:
    """0 a canary without a router, 1 a template of the cluster that takes in another, 2 the other."""
    steps = [{"setWeight": 20}, {"pause": {"duration": "30"}}, {"analysis": analysis("all")}]
    steps[2]["analysis"]["templates"][0]["clusterScope"] = True
    outer = made("ClusterAnalysisTemplate", "all", {"templates": [{"templateName": "errors"}]})
    return [rollout({"canary": {"steps": steps}}, replicas=5), outer, template()]


def blue_green() -> Bundle:
    """0 a blue-green Rollout, 1 and 2 its Services, 3 its template."""
    field = {"name": "service", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}}
    color = {"name": "limit", "valueFrom": {"podTemplateHashValue": "Latest"}}
    strategy = {
        "activeService": "active",
        "previewService": "preview",
        "prePromotionAnalysis": {**analysis(), "args": [field, color], "dryRun": [{"metricName": "err.*"}]},
        "antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 50}},
        "scaleDownDelayRevisionLimit": 2,
    }
    return [rollout({"blueGreen": strategy}), service("active"), service("preview"), template()]


def borrowed() -> Bundle:
    """0 a Rollout with the pods of 1, a Deployment, 2 its autoscaler of KEDA, 3 its Service."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    lent = made("Deployment", "shop", {"selector": {"matchLabels": LABELS}, "template": pods()}, "apps/v1")
    strategy: Tree = {"blueGreen": {"activeService": "active"}}
    user = made("Rollout", "shop", {"workloadRef": reference, "strategy": strategy})
    return [user, lent, scaler(SHOP, "ScaledObject", "keda.sh/v1alpha1"), service("active")]


def experiment() -> Bundle:
    """0 an Experiment, 1 its template."""
    variant = {"name": "new", "selector": {"matchLabels": LABELS}, "template": pods()}
    given = [{"name": "service", "value": "{{ templates.new.replicaset.name }} at {{experiment.availableAt}}"}]
    analyses = [{"name": "errors", "templateName": "errors", "args": given}]
    return [made("Experiment", "shop", {"duration": "5m", "templates": [variant], "analyses": analyses}), template()]


def run() -> Bundle:
    """0 an AnalysisRun."""
    spec = template()["spec"]
    spec["args"][0]["value"] = "shop"
    return [made("AnalysisRun", "shop", spec)]


SEEDS = {
    seed.__name__: seed
    for seed in (canary, subsets, ports, nginx, alb, basic, blue_green, borrowed, experiment, run)
}  # fmt: skip


def changed(bundle: Bundle, changes: Iterable[tuple[str, Any]]) -> Bundle:
    """A copy with other values at paths such as ``0.spec.replicas``.

    Where a key has a dot in it, slashes divide the keys, and ~ is a slash in a key.
    """
    copied = json.loads(json.dumps(bundle))  # unlike deepcopy, this leaves nothing shared
    for path, value in changes:
        keys = [key.replace("~", "/") for key in path.split("/")] if "/" in path else path.split(".")
        _set(copied, keys, value)
    return copied


def _set(tree: Any, keys: list[str], value: Any) -> None:
    for position, key in enumerate(keys):
        at = int(key) if isinstance(tree, list) else key
        if position == len(keys) - 1:
            _put(tree, at, value)
        else:
            if isinstance(tree, dict) and tree.get(at) is None:
                tree[at] = {}
            tree = tree[at]


def _put(tree: Any, at: Any, value: Any) -> None:
    if value is GONE:
        del tree[at]
    elif isinstance(tree, list) and at == len(tree):
        tree.append(value)
    else:
        tree[at] = value


def findings(bundle: Iterable[Any]) -> list[Finding]:
    documents = [document for index, value in enumerate(bundle) for document in expand(f"objects[{index}]", value)]
    return lint(documents)


def rules(bundle: Iterable[Any]) -> list[str]:
    return [finding.rule for finding in findings(bundle)]
