# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule: what breaks it, and what does not. Each line is a bundle in which one thing is changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lint.rules import RULES

from tests.unit.lint.bundles import (
    GONE,
    LABELS,
    SEEDS,
    Tree,
    changed,
    findings,
    made,
    pods,
    rollout,
    route,
    rules,
    scaler,
    service,
    template,
    virtual_service,
)

C = "0.spec.strategy.canary"
STEPS = f"{C}.steps"
ROUTING = f"{C}.trafficRouting"
B = "0.spec.strategy.blueGreen"
POD = "0.spec.template.spec"
APP = f"{POD}.containers.0"
METRIC = "0.spec.metrics.0"
ARGS = "0.spec.args"
QUERY = f"{METRIC}.provider.prometheus.query"
SUCCESS, FAILURE = f"{METRIC}.successCondition", f"{METRIC}.failureCondition"
HEADERS = {"setHeaderRoute": {"name": "testers"}}
MIRROR = {"setMirrorRoute": {"name": "mirror"}}
OTHER = {"kind": "Deployment", "name": "other"}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
LENT = made("Deployment", "shop", {"selector": {"matchLabels": LABELS}, "template": pods()}, "apps/v1")
MESH, ROLE = f"{ROUTING}.istio", {"role": "x"}
# One host in all the ways to write it, in the namespace prod.
HOSTS = (
    "shop", "shop.prod", "shop.prod.svc", "shop.prod.svc.cluster.local", "shop.prod.svc.example.com",
    "*.prod.svc.cluster.local", "*",
)  # fmt: skip
NOWHERE = {
    **{f"{number}.metadata.namespace": GONE for number in range(3)},
    f"{ROUTING}.istio.virtualServices.0.name": "shop",
}
OWNER = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "u", "controller": True}
VARIANT, VARIANTS = "0.spec.templates.0", f"{STEPS}.9.experiment.templates"
PORT, SIDECAR, OWN = {"name": "http"}, {"name": "proxy", "image": "proxy:1"}, {"name": "own"}
WEIGHED = {
    "canaryService": "active",
    "stableService": "stable",
    "steps": [{"experiment": {"duration": "1m", "templates": [{"name": "a", "specRef": "canary", "weight": 1}]}}],
    "trafficRouting": {"istio": {"virtualService": {"name": "shop"}}},
}
RATIO = "sum(a) / sum(b) {{args.service}}"
PRE = f"{B}.prePromotionAnalysis"
FIELD, DRY_RUN = f"{PRE}.args.0.valueFrom.fieldRef.fieldPath", f"{PRE}.dryRun.0.metricName"
SECOND, OTHER_TEMPLATE = f"{PRE}.templates.1", {"templateName": "other"}


def also(bundle: Tree, **spec: Any) -> Tree:
    """The same object under another name."""
    return {**bundle, "metadata": {"name": "other", "namespace": "prod"}, "spec": {**bundle["spec"], **spec}}


def both_to(host: str) -> Tree:
    """A route to both subsets of a host."""
    return route({"host": host, "subset": "old"}, {"host": host, "subset": "new"})


# Rule, bundle, and what is changed in it.
BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("unknown-field", "canary", {"0.spec.strategi": {}}),
    ("unknown-field", "canary", {f"{STEPS}.1.setweight": 5}),
    ("unknown-field", "canary", {f"{APP}.imgae": "x"}),
    ("unknown-field", "canary", {"1.spec.selectors": {}}),
    ("unknown-field", "nginx", {"1.spec.rules.0.http.paths.0.backend.serviceName": "x"}),
    ("unknown-field", "run", {f"{METRIC}.provider.prometheus.querry": "x"}),
    ("wrong-type", "canary", {f"{STEPS}.1.setWeight": "20"}),
    ("wrong-type", "canary", {f"{STEPS}.1.setWeight": 20.5}),
    ("wrong-type", "canary", {"0.spec.minReadySeconds": True}),
    ("wrong-type", "canary", {"0.spec.paused": "true"}),
    ("wrong-type", "canary", {f"{C}.maxSurge": []}),
    ("wrong-type", "canary", {f"{C}.maxSurge": {}}),
    ("wrong-type", "canary", {f"{ROUTING}.managedRoutes.2": "x"}),
    ("wrong-type", "canary", {"0.metadata.annotations": {"a": 1}}),
    ("wrong-type", "canary", {"0.metadata.annotations": []}),
    ("wrong-type", "canary", {f"{POD}.tolerations": {}}),
    ("wrong-type", "canary", {f"{APP}.resources.limits.cpu": True}),
    ("wrong-type", "canary", {f"{APP}.ports.0.containerPort": "8080"}),
    ("wrong-type", "run", {FAILURE: b"x"}),
    ("missing-field", "canary", {f"{ROUTING}.istio.virtualService.name": GONE}),
    ("missing-field", "canary", {f"{STEPS}.2.setHeaderRoute.match.0.headerValue": GONE}),
    ("missing-field", "run", {f"{METRIC}.name": GONE}),
    ("missing-field", "run", {"0.kind": GONE}),
    ("missing-field", "run", {f"{METRIC}.provider": GONE}),
    ("missing-field", "experiment", {f"{VARIANT}.template": GONE}),
    ("missing-field", "experiment", {f"{VARIANT}.selector": GONE}),
    ("api-version", "run", {"0.apiVersion": "argoproj.io/v1beta1"}),
    ("api-version", "run", {"0.apiVersion": "argoproj.io"}),
    ("api-version", "run", {"0.apiVersion": "v1alpha1"}),
    ("api-version", "run", {"0.apiVersion": "argoprj.io/v1alpha1"}),
    ("api-version", "run", {"0.apiVersion": GONE}),
    ("api-version", "run", {"0.kind": "AnalysisRuns"}),
    ("api-version", "run", {"0.kind": "analysisrun"}),
    ("object-name", "run", {"0.metadata.name": GONE}),
    ("object-name", "run", {"0.metadata.name": "Shop_1"}),
    ("object-name", "run", {"0.metadata.name": "a" * 254}),
    ("duplicate-object", "blue_green", {"4": rollout({"blueGreen": {"activeService": "active"}})}),
    ("negative-number", "blue_green", {"0.spec.replicas": -1}),
    ("negative-number", "canary", {"0.spec.revisionHistoryLimit": -1}),
    ("progress-deadline", "canary", {"0.spec.minReadySeconds": 600}),
    ("progress-deadline", "canary", {"0.spec.progressDeadlineSeconds": 0}),
    ("progress-deadline", "canary", {"0.spec.minReadySeconds": 30, "0.spec.progressDeadlineSeconds": 30}),
    ("progress-deadline", "experiment", {f"{VARIANT}.minReadySeconds": 601}),
    ("progress-deadline", "experiment", {f"{VARIANT}.minReadySeconds": 9, "0.spec.progressDeadlineSeconds": 8}),
    ("selector", "canary", {"0.spec.selector": GONE}),
    ("selector", "canary", {"0.spec.selector": {}}),
    ("selector", "borrowed", {"0.spec.selector": {}, "0/spec/selector/matchLabels/a b": "x"}),
    ("selector", "canary", {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "Is"}]}),
    ("selector", "canary", {"0.spec.selector.matchExpressions": [{"key": "a//b", "operator": "DoesNotExist"}]}),
    ("selector", "canary", {"0.spec.selector.matchExpressions": [{"key": "b", "operator": "NotIn"}]}),
    (
        "selector",
        "canary",
        {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]},
    ),
    ("selector", "canary", {"0.spec.selector.matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["-"]}]}),
    ("selector", "borrowed", {"0.spec.selector": {}}),
    ("selector", "experiment", {f"{VARIANT}.selector": {"matchLabels": {}}}),
    ("selector-mismatch", "canary", {"0.spec.selector.matchLabels.color": "blue"}),
    ("selector-mismatch", "canary", {"0.spec.selector.matchExpressions": [{"key": "b", "operator": "Exists"}]}),
    ("selector-mismatch", "canary", {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
    (
        "selector-mismatch",
        "canary",
        {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]},
    ),
    (
        "selector-mismatch",
        "canary",
        {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["shop"]}]},
    ),
    ("selector-mismatch", "experiment", {f"{VARIANT}.selector.matchLabels.color": "blue"}),
    ("pod-template", "canary", {"0.spec.template.metadata.labels.version": "a b"}),
    ("pod-template", "canary", {"0/spec/template/metadata/labels/a b": "x"}),
    ("pod-template", "canary", {"0/spec/template/metadata/annotations/a b": "x"}),
    ("pod-template", "canary", {f"{POD}.restartPolicy": "Never"}),
    ("pod-template", "canary", {f"{POD}.activeDeadlineSeconds": 5}),
    ("pod-template", "canary", {f"{POD}.dnsPolicy": "Any"}),
    ("pod-template", "canary", {f"{POD}.containers": []}),
    ("pod-template", "canary", {f"{APP}.name": "App"}),
    ("pod-template", "canary", {f"{POD}.containers.1": {"name": "app", "image": "x"}}),
    ("pod-template", "canary", {f"{POD}.initContainers": [{"name": "app", "image": "x"}]}),
    ("pod-template", "canary", {f"{APP}.image": GONE}),
    ("pod-template", "canary", {f"{APP}.imagePullPolicy": "always"}),
    ("pod-template", "canary", {f"{APP}.ports.0.containerPort": 70000}),
    ("pod-template", "canary", {f"{APP}.ports.0.containerPort": GONE}),
    ("pod-template", "canary", {f"{APP}.ports.0.name": "http_server"}),
    ("pod-template", "canary", {f"{APP}.ports.0.protocol": "HTTP"}),
    ("pod-template", "blue_green", {f"{APP}.ports.1": {"name": "http", "containerPort": 1}}),
    ("pod-template", "canary", {f"{APP}.env.1": {"value": "x"}}),
    ("pod-template", "canary", {f"{APP}.env.0.name": "1ST"}),
    ("pod-template", "canary", {f"{APP}.env.0.valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
    ("pod-template", "canary", {f"{APP}.volumeMounts.0.name": "cash"}),
    ("pod-template", "canary", {f"{APP}.volumeMounts.0.mountPath": ""}),
    ("pod-template", "canary", {f"{APP}.volumeMounts.1": {"name": "cache", "mountPath": "/cache"}}),
    ("pod-template", "canary", {f"{POD}.volumes.0.secret": {"secretName": "x"}}),
    ("pod-template", "canary", {f"{APP}.readinessProbe.httpGet": GONE}),
    ("pod-template", "canary", {f"{APP}.readinessProbe.exec": {"command": ["x"]}}),
    ("pod-template", "canary", {f"{APP}.livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}}),
    ("pod-template", "canary", {f"{APP}.resources.requests.cpu": "1500m"}),
    ("pod-template", "canary", {f"{APP}.resources.requests.memory": "1.1e9"}),
    ("pod-template", "canary", {f"{APP}.resources.limits.memory": "1GB"}),
    ("pod-template", "canary", {f"{APP}.readinessProbe.httpGet.port": GONE}),
    ("pod-template", "canary", {f"{APP}.readinessProbe.httpGet.port": "8080"}),
    ("pod-template", "canary", {f"{APP}.resources.limits.gpu": 1}),
    ("pod-template", "canary", {f"{APP}.resources": {"requests": {"example.com/gpu": 1}}}),
    ("pod-template", "canary", {f"{APP}.resources": {"requests": {"hugepages-2Mi": "2Mi"}}}),
    ("workload-ref", "borrowed", {"0.spec.workloadRef.kind": "StatefulSet"}),
    ("workload-ref", "borrowed", {"0.spec.workloadRef.apiVersion": "v1"}),
    ("workload-ref", "borrowed", {"0.spec.workloadRef.name": GONE}),
    ("workload-ref-template", "borrowed", {"0.spec.template": {"metadata": {"labels": LABELS}}}),
    ("strategy", "canary", {"0.spec.strategy": {}}),
    ("strategy", "canary", {"0.spec.strategy": {"canary": None}}),
    ("strategy", "blue_green", {C: {}}),
    ("same-service", "blue_green", {f"{B}.previewService": "active"}),
    ("same-service", "canary", {f"{C}.canaryService": "stable"}),
    ("same-service", "ports", {f"{C}.pingPong.pongService": "ping"}),
    ("scale-down-limit", "blue_green", {f"{B}.scaleDownDelayRevisionLimit": 11}),
    ("scale-down-limit", "blue_green", {"0.spec.revisionHistoryLimit": 1}),
    ("anti-affinity", "blue_green", {f"{B}.antiAffinity": {}}),
    ("anti-affinity", "blue_green", {f"{B}.antiAffinity.requiredDuringSchedulingIgnoredDuringExecution": {}}),
    (
        "anti-affinity",
        "basic",
        {f"{C}.antiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": {"weight": 101}}},
    ),
    ("surge-and-unavailable", "canary", {f"{C}.maxSurge": 0, f"{C}.maxUnavailable": "0%"}),
    ("surge-and-unavailable", "canary", {f"{C}.maxSurge": "0", f"{C}.maxUnavailable": "none"}),
    ("services-required", "nginx", {f"{C}.canaryService": GONE}),
    ("services-required", "alb", {f"{C}.stableService": ""}),
    ("services-required", "basic", {ROUTING: {"smi": {}}, f"{C}.canaryService": "canary"}),
    ("ping-pong", "ports", {f"{C}.pingPong.pingService": "", ROUTING: GONE}),
    ("ping-pong", "alb", {f"{C}.pingPong": {"pingService": "a", "pongService": "b"}, f"{ROUTING}.alb.rootService": ""}),
    ("ping-pong", "nginx", {f"{C}.pingPong": {"pingService": "a", "pongService": "b"}}),
    ("needs-traffic-routing", "basic", {f"{C}.scaleDownDelaySeconds": 30}),
    ("needs-traffic-routing", "basic", {f"{C}.dynamicStableScale": True}),
    ("needs-traffic-routing", "basic", {f"{STEPS}.0": {"setCanaryScale": {"replicas": 2}}}),
    ("dynamic-stable-scale", "canary", {f"{C}.scaleDownDelaySeconds": 30, f"{C}.dynamicStableScale": True}),
    ("max-traffic-weight", "canary", {f"{ROUTING}.maxTrafficWeight": 1000}),
    ("no-effect", "basic", {f"{C}.abortScaleDownDelaySeconds": 30}),
    ("starting-step", "canary", {f"{C}.analysis.startingStep": 11}),
    ("step", "basic", {f"{STEPS}.1": {}}),
    ("step", "basic", {f"{STEPS}.1": {"pause": None}}),
    ("step", "basic", {f"{STEPS}.0.pause": {}}),
    ("set-weight", "canary", {f"{STEPS}.7.setWeight": 120}),
    ("set-weight", "basic", {f"{STEPS}.0.setWeight": -1}),
    ("set-weight", "nginx", {f"{STEPS}.0.setWeight": 1001}),
    ("weight-decreases", "canary", {f"{STEPS}.7.setWeight": 10}),
    ("pause-duration", "canary", {f"{STEPS}.4.pause.duration": "5 minutes"}),
    ("pause-duration", "canary", {f"{STEPS}.4.pause.duration": -5}),
    ("canary-scale", "canary", {f"{STEPS}.0.setCanaryScale": {}}),
    ("canary-scale", "canary", {f"{STEPS}.0.setCanaryScale.matchTrafficWeight": True}),
    ("canary-underscaled", "canary", {f"{STEPS}.0.setCanaryScale.weight": 5}),
    ("canary-underscaled", "canary", {f"{STEPS}.0.setCanaryScale": {"replicas": 0}}),
    ("header-route", "nginx", {f"{STEPS}.2": HEADERS, f"{ROUTING}.managedRoutes": [{"name": "testers"}]}),
    ("header-route", "basic", {f"{STEPS}.1": HEADERS}),
    ("mirror-route", "basic", {f"{STEPS}.1": MIRROR}),
    ("mirror-route", "alb", {f"{STEPS}.1": {"setMirrorRoute": {"name": "testers"}}}),
    ("managed-routes", "canary", {f"{ROUTING}.managedRoutes.0.name": "others"}),
    ("managed-routes", "alb", {f"{ROUTING}.managedRoutes": GONE}),
    ("route-match", "canary", {f"{STEPS}.2.setHeaderRoute.match.0.headerValue": {}}),
    ("route-match", "canary", {f"{STEPS}.2.setHeaderRoute.match.0.headerValue.regex": "x"}),
    ("route-match", "canary", {f"{STEPS}.3.setMirrorRoute.match.0.path": {}}),
    ("route-match", "alb", {f"{STEPS}.0.setHeaderRoute.match.0.headerValue": {"prefix": "x"}}),
    (
        "experiment-weight",
        "basic",
        {
            f"{STEPS}.1": {
                "experiment": {"duration": "1m", "templates": [{"name": "a", "specRef": "stable", "weight": 1}]}
            }
        },
    ),
    ("experiment-weights", "canary", {f"{STEPS}.9.experiment.templates.0.weight": 51}),
    ("experiment-template", "canary", {f"{STEPS}.9.experiment.templates.0.name": "new"}),
    ("experiment-template", "canary", {f"{STEPS}.9.experiment.templates.0.specRef": "old"}),
    ("experiment-template", "experiment", {"0.spec.templates": [], "0.spec.analyses": []}),
    (
        "experiment-template",
        "experiment",
        {"0.spec.templates.1": {"name": "", "selector": {"matchLabels": LABELS}, "template": pods()}},
    ),
    (
        "experiment-template",
        "experiment",
        {"0.spec.templates.1": {"name": "new", "selector": {"matchLabels": LABELS}, "template": pods()}},
    ),
    ("experiment-service", "canary", {f"{APP}.ports": GONE}),
    ("experiment-service", "canary", {f"{APP}.ports.1": {"name": "admin", "containerPort": 8080}}),
    ("experiment-service", "canary", {f"{POD}.containers.1": {**SIDECAR, "ports": [{"containerPort": 9000}]}}),
    ("experiment-service", "canary", {f"{POD}.containers.1": {**SIDECAR, "ports": [PORT | {"containerPort": 9000}]}}),
    ("experiment-service", "canary", {f"{VARIANTS}.0.weight": GONE, f"{VARIANTS}.1.service": {}, f"{APP}.ports": []}),
    ("experiment-service", "canary", {f"{VARIANTS}.0.service": {"name": "canary"}}),
    ("experiment-service", "canary", {f"{VARIANTS}.0.service": OWN, f"{VARIANTS}.1.service": OWN}),
    (
        "experiment-service",
        "borrowed",
        {C: WEIGHED, B: None, "1.spec.template.spec.containers.0.ports": GONE, "4": service("stable")},
    ),
    (
        "experiment-service",
        "experiment",
        {f"{VARIANT}.service": {}, f"{VARIANT}.template.spec.containers.0.ports": GONE},
    ),
    ("experiment-service", "experiment", {f"{VARIANT}.service": {"name": "shop"}, "2": service("shop")}),
    (
        "experiment-analysis",
        "experiment",
        {
            "0.spec.analyses.1": {
                "name": "errors",
                "templateName": "errors",
                "args": [{"name": "service", "value": "x"}],
            }
        },
    ),
    ("experiment-argument", "experiment", {"0.spec.analyses.0.args.0.value": "{{templates.old.podTemplateHash}}"}),
    ("endless-experiment", "canary", {f"{STEPS}.9.experiment.duration": GONE}),
    ("missing-service", "canary", {f"{C}.canaryService": "canari", "3.spec.http.0.route.1.destination.host": "canari"}),
    ("missing-service", "blue_green", {f"{B}.previewService": "other"}),
    ("missing-service", "alb", {"1": service("root-not"), "2": service("stable"), "3": service("canary")}),
    ("missing-ingress", "nginx", {f"{ROUTING}.nginx.stableIngress": "other"}),
    ("missing-virtual-service", "canary", {f"{ROUTING}.istio.virtualService.name": "other"}),
    ("missing-virtual-service", "subsets", {f"{ROUTING}.istio.virtualServices.0.name": "other.prod.cluster.local"}),
    ("missing-destination-rule", "subsets", {f"{ROUTING}.istio.destinationRule.name": "other"}),
    ("missing-workload", "borrowed", {"0.spec.workloadRef.name": "other"}),
    ("missing-template", "canary", {f"{C}.analysis.templates.0.templateName": "other"}),
    ("missing-template", "basic", {"1.spec.templates.1": {"templateName": "other", "clusterScope": True}}),
    ("service-selector", "canary", {"1.spec.selector.color": "blue"}),
    ("service-selector", "borrowed", {"3.spec.selector.app": "other"}),
    ("shared-service", "blue_green", {"4": also(rollout({"blueGreen": {"activeService": "active"}}))}),
    ("shared-service", "blue_green", {"1/metadata/annotations/argo-rollouts.argoproj.io~managed-by-rollouts": "other"}),
    ("ingress-names", "nginx", {f"{ROUTING}.nginx.stableIngresses": ["shop"]}),
    ("ingress-names", "alb", {f"{ROUTING}.alb.ingress": GONE}),
    ("ingress-backend", "nginx", {f"{C}.stableService": "other"}),
    ("ingress-backend", "nginx", {"1.spec.rules": []}),
    ("virtual-service-names", "canary", {f"{ROUTING}.istio.virtualService": GONE}),
    ("virtual-service-names", "canary", {f"{ROUTING}.istio.virtualServices": [{"name": "shop", "routes": ["main"]}]}),
    ("virtual-service-routes", "canary", {"3.spec.http": GONE}),
    ("virtual-service-routes", "canary", {f"{ROUTING}.istio.virtualService.routes": ["more"]}),
    ("virtual-service-routes", "canary", {f"{ROUTING}.istio.virtualService.routes": GONE}),
    ("virtual-service-routes", "canary", {"3.spec.http.0.route.1.destination.host": "other"}),
    ("virtual-service-routes", "subsets", {"1.spec.http.0.route.0.destination.subset": "other"}),
    ("virtual-service-routes", "ports", {f"{ROUTING}.istio.virtualService.tlsRoutes": GONE}),
    ("virtual-service-routes", "ports", {f"{ROUTING}.istio.virtualService.tlsRoutes.0.port": 1}),
    ("virtual-service-routes", "ports", {f"{ROUTING}.istio.virtualService.tlsRoutes.0.sniHosts": ["x"]}),
    ("virtual-service-routes", "ports", {"1.spec.tcp.0.route.0.destination.host": "other"}),
    (
        "virtual-service-routes",
        "subsets",
        {f"{MESH}.virtualServices.0.routes": ["more"], "1.spec.tls": [both_to("other")]},
    ),
    ("virtual-service-weights", "canary", {"3.spec.http.0.route.1.weight": 5}),
    ("destination-rule-subset", "subsets", {"2.spec.subsets.1.name": "next"}),
    (
        "destination-rule-subset",
        "subsets",
        {f"{ROUTING}.istio.destinationRule.canarySubsetName": "old"},
    ),
    ("destination-rule-host", "subsets", {"2.spec.host": "other"}),
    ("destination-rule-host", "subsets", {"2.spec.host": GONE}),
    ("destination-rule-host", "subsets", {"2.spec.host": "shop.test"}),
    ("destination-rule-host", "subsets", {"2.spec.host": "other.prod.svc.cluster.local"}),
    ("destination-rule-host", "subsets", {"2.spec.host": "shop.prod.example.com"}),
    ("destination-rule-host", "subsets", {"2.spec.host": "shop.test", "2.metadata.namespace": GONE}),
    (
        "destination-rule-host",
        "subsets",
        {f"{MESH}.virtualServices.0.name": "shop.mesh", "1.metadata.namespace": "mesh"},
    ),
    ("destination-rule-host", "subsets", {"1.spec.tls": [both_to("other")], "1.spec.http": GONE}),
    ("destination-rule-labels", "subsets", {"2.spec.subsets.1.labels": {"app": "other"}}),
    ("destination-rule-labels", "subsets", {"2.spec.subsets.0.labels": {"app": "shop", "version": "v1"}}),
    ("destination-rule-labels", "subsets", {f"{C}.canaryMetadata.labels": ROLE, "2.spec.subsets.0.labels": ROLE}),
    ("destination-rule-labels", "subsets", {f"{C}.stableMetadata.labels": ROLE, "2.spec.subsets.1.labels": ROLE}),
    (
        "destination-rule-labels",
        "subsets",
        {"0.spec.template": None, "0.spec.workloadRef": DEPLOYMENT, "3": LENT, "2.spec.subsets.0.labels": {"app": "x"}},
    ),
    ("endless-run", "run", {f"{METRIC}.count": GONE}),
    ("endless-run", "run", {f"{METRIC}.count": 0, f"{METRIC}.consecutiveSuccessLimit": 0}),
    ("endless-run", "run", {f"{METRIC}.count": GONE, f"{METRIC}.interval": "{{args.limit}}"}),
    ("autoscaler-target", "canary", {"5.spec.scaleTargetRef": DEPLOYMENT}),
    ("autoscaler-target", "canary", {"5.spec.scaleTargetRef.apiVersion": "apps/v1"}),
    ("autoscaler-target", "canary", {"5.spec.scaleTargetRef.apiVersion": GONE}),
    ("autoscaler-target", "borrowed", {"2.spec.scaleTargetRef": {"name": "shop"}}),
    ("autoscaler-missing", "canary", {"5.spec.scaleTargetRef.name": "other"}),
    ("replicas-with-autoscaler", "canary", {"0.spec.replicas": 5}),
    ("no-metrics", "run", {"0.spec.metrics": [], ARGS: []}),
    ("no-metrics", "basic", {"3": made("AnalysisTemplate", "x", {"metrics": []})}),
    ("no-metrics", "blue_green", {f"{B}.prePromotionAnalysis.templates": []}),
    ("metric-name", "run", {"0.spec.metrics.1": template()["spec"]["metrics"][0]}),
    ("metric-limits", "run", {f"{METRIC}.failureLimit": 4}),
    ("metric-limits", "run", {f"{METRIC}.failureLimit": -1}),
    ("metric-limits", "run", {f"{METRIC}.failureLimit": -2, f"{METRIC}.consecutiveSuccessLimit": 1}),
    ("metric-limits", "run", {f"{METRIC}.failureLimit": "2", f"{METRIC}.consecutiveSuccessLimit": "2"}),
    ("metric-limits", "run", {f"{METRIC}.consecutiveSuccessLimit": -1}),
    ("metric-limits", "run", {f"{METRIC}.inconclusiveLimit": -1}),
    ("metric-limits", "run", {f"{METRIC}.inconclusiveLimit": 4}),
    ("metric-limits", "run", {f"{METRIC}.consecutiveErrorLimit": -1}),
    ("metric-interval", "run", {f"{METRIC}.interval": GONE}),
    ("metric-provider", "run", {f"{METRIC}.provider": {}}),
    ("metric-provider", "run", {f"{METRIC}.provider.web": {"url": "http://x"}}),
    ("metric-provider", "run", {f"{METRIC}.provider": {"plugin": {"a": {}, "b": {}}}}),
    ("duration", "run", {f"{METRIC}.interval": "10"}),
    ("duration", "run", {f"{METRIC}.initialDelay": "soon"}),
    ("duration", "canary", {f"{STEPS}.9.experiment.duration": "5 m"}),
    ("duration", "experiment", {"0.spec.duration": "x"}),
    ("condition-syntax", "run", {SUCCESS: "result[0] >="}),
    ("condition-syntax", "run", {FAILURE: "result[0] = 5"}),
    ("condition-name", "run", {SUCCESS: "results[0] >= 0.95"}),
    ("condition-name", "run", {SUCCESS: "toFloat(result[0]) >= 0.95"}),
    ("no-condition", "run", {SUCCESS: GONE, ARGS: [{"name": "service", "value": "x"}]}),
    ("passes-on-no-data", "run", {SUCCESS: "len(result) == 0 || result[0] < {{args.limit}}"}),
    ("passes-on-no-data", "run", {SUCCESS: "isNaN(result[0]) || result[0] < {{args.limit}}", QUERY: RATIO}),
    ("cannot-fail", "run", {f"{METRIC}.failureLimit": 3}),
    ("cannot-fail", "run", {f"{METRIC}.inconclusiveLimit": 3}),
    ("error-limit", "run", {f"{METRIC}.consecutiveErrorLimit": 1000}),
    ("endless-metric", "blue_green", {"3.spec.metrics.0.count": GONE}),
    ("endless-metric", "blue_green", {"3.spec.metrics.0.count": 0}),
    ("endless-metric", "canary", {"4.spec.metrics.0.count": "0"}),
    (
        "endless-metric",
        "experiment",
        {"1.spec.metrics.0.count": GONE, "0.spec.duration": GONE, "0.spec.analyses.0.requiredForCompletion": True},
    ),
    ("dry-run-unmatched", "blue_green", {DRY_RUN: "latency"}),
    ("dry-run-unmatched", "blue_green", {DRY_RUN: "*"}),
    ("template-conflict", "blue_green", {"4": also(template()), SECOND: OTHER_TEMPLATE}),
    (
        "template-conflict",
        "blue_green",
        {"4": also(template("x"), args=[{"name": "service"}, {"name": "limit", "value": "7"}]), SECOND: OTHER_TEMPLATE},
    ),
    ("template-circle", "basic", {"2.spec.templates": [{"templateName": "all", "clusterScope": True}]}),
    ("argument-undeclared", "run", {QUERY: "{{args.servise}} {{args.service}}"}),
    ("argument-undeclared", "run", {QUERY: "{{ args.service }} {{ service }}"}),
    ("argument-undeclared", "basic", {"2.spec.metrics.0.provider.prometheus.query": "{{args.service}} {{args.x}}"}),
    ("argument-unresolved", "run", {f"{ARGS}.0.value": GONE}),
    ("argument-unresolved", "canary", {f"{C}.analysis.args": GONE}),
    ("argument-unresolved", "canary", {f"{STEPS}.5.analysis.args": []}),
    ("argument-value", "run", {f"{ARGS}.0.valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
    ("argument-unused", "basic", {"2.spec.args.2": {"name": "more", "value": "x"}}),
    ("argument-unexpected", "canary", {f"{C}.analysis.args.1": {"name": "servise", "value": "x"}}),
    ("field-ref", "blue_green", {FIELD: "metadata.owner"}),
    ("field-ref", "blue_green", {FIELD: "metadata.labels['a b']"}),
    ("field-ref", "blue_green", {f"{B}.prePromotionAnalysis.args.1.valueFrom.podTemplateHashValue": "latest"}),
    ("field-ref-path", "blue_green", {FIELD: "spec.template.metadata.labels.x"}),
    ("field-ref-path", "blue_green", {FIELD: "spec.template"}),
]

# Bundle, and what is changed in it without harm.
FINE: list[tuple[str, dict[str, Any]]] = [
    ("canary", {"0.spec.replicas": None, "0.status": {"phase": "Healthy"}, "0.metadata.creationTimestamp": None}),
    ("canary", {"0.spec.strategy.blueGreen": None, f"{C}.maxSurge": 0, f"{C}.maxUnavailable": 1}),
    ("canary", {f"{C}.maxSurge": "25%", f"{C}.maxUnavailable": 0, f"{C}.dynamicStableScale": True}),
    ("canary", {f"{C}.maxSurge": "1", f"{C}.abortScaleDownDelaySeconds": 30, f"{C}.scaleDownDelaySeconds": 30}),
    ("canary", {"2": GONE, "1": GONE}),
    ("canary", {f"{STEPS}.1.setWeight": 20.0}),
    ("canary", {f"{APP}.readinessProbe": {"exec": {"command": ["x"]}}, f"{APP}.startupProbe": {"grpc": {"port": 9}}}),
    ("canary", {f"{APP}.readinessProbe.httpGet.port": "http"}),
    (
        "canary",
        {
            "3": GONE,
            "1": made("Ingress", "x", {"rules": []}, "extensions/v1beta1"),
            "2": service("other"),
            "2.metadata.namespace": "test",
        },
    ),
    ("canary", {"4": GONE}),
    ("canary", {"5": scaler(OTHER)}),
    ("canary", {"5.spec.scaleTargetRef": DEPLOYMENT, "6": made("Deployment", "shop", {}, "apps/v1")}),
    ("canary", {"5.spec.scaleTargetRef": {"kind": "StatefulSet", "name": "shop"}}),
    ("canary", {"5.spec.scaleTargetRef": {}}),
    (
        "canary",
        {
            f"{STEPS}.0.setCanaryScale": {"replicas": 3},
            f"{STEPS}.7.setWeight": 100,
            f"{STEPS}.8.pause.duration": 60,
            f"{STEPS}.9": {"pause": {}},
        },
    ),
    ("canary", {f"{STEPS}.4.pause": {"duration": "90"}}),
    (
        "canary",
        {
            f"{STEPS}.2.setHeaderRoute.match": None,
            "3.spec.http.0.route.0.weight": GONE,
            "3.spec.http.0.route.1.weight": GONE,
        },
    ),
    ("canary", {f"{ROUTING}.istio.virtualService.routes": GONE, "3.spec.http.1": GONE}),
    ("canary", {f"{ROUTING}.istio.virtualService.routes": GONE, "3.spec.http.1.name": "testers"}),
    ("canary", {f"{ROUTING}.plugins": {"a/b": {}}, f"{ROUTING}.istio": GONE, f"{ROUTING}.maxTrafficWeight": 100}),
    ("canary", {f"{C}.analysis.templates.1": {"templateName": "elsewhere", "clusterScope": True}}),
    ("canary", {"4.spec.metrics.0.count": "{{args.limit}}"}),
    ("canary", {"4.spec.metrics.0.count": GONE, f"{STEPS}.5": {"pause": {}}}),
    (
        "canary",
        {f"{APP}.resources": {"limits": {"cpu": 1, "memory": "1e3"}, "requests": {"cpu": ".5", "memory": "1k"}}},
    ),
    (
        "canary",
        {f"{APP}.resources": {"limits": {"example.com/gpu": 1}, "requests": {"cpu": 0.25, "example.com/gpu": "1"}}},
    ),
    ("canary", {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "In", "values": ["shop", "x"]}]}),
    ("canary", {"0.spec.selector.matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}),
    ("canary", {"0.spec.selector.matchExpressions": [{"key": "app", "operator": "Exists"}]}),
    ("canary", {"0.spec.selector.matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["x"]}]}),
    ("canary", {"1/spec/selector/rollouts-pod-template-hash": "abc", "0.metadata.labels": {"a": "b"}}),
    ("ports", {f"{ROUTING}.istio.virtualService.tlsRoutes": GONE, "1.spec.tls.1": GONE}),
    ("subsets", {"0.metadata.namespace": "", "1.metadata.namespace": GONE}),
    ("subsets", {f"{ROUTING}.istio.virtualServices.0.name": "", "2": GONE}),
    ("subsets", {f"{ROUTING}.istio.destinationRule.name": ""}),
    *(("subsets", {"2.spec.host": host}) for host in HOSTS),
    *(("subsets", {"1.spec.http.0": both_to(host)}) for host in HOSTS if "*" not in host),
    ("subsets", {"1.spec.http.0": both_to("shop.prod"), "2.spec.host": "shop.prod.svc.cluster.local"}),
    ("subsets", {"1.spec.http.0": both_to("api.example.com"), "2.spec.host": "api.example.com"}),
    ("subsets", {"2.spec.host": "shop.web", **NOWHERE}),
    ("subsets", {"1.spec.http.0": both_to("shop.web"), **NOWHERE}),
    ("subsets", {"2.spec.host": "other", "1": GONE}),
    ("subsets", {"2.spec.host": "other", f"{MESH}.virtualServices.1": {"name": "far.mesh"}}),
    ("subsets", {"2.spec.host": "other", "1.spec.http": GONE, "1.spec.tls": [], f"{MESH}.virtualServices.0.name": ""}),
    ("subsets", {"1.spec.tls": [both_to("other")]}),
    ("subsets", {"2.spec.host": "other", "2.metadata.namespace": "test"}),
    ("subsets", {"2.spec.subsets.0.labels": LABELS, "2.spec.subsets.1.labels": LABELS}),
    ("subsets", {"2.spec.subsets.0.labels": {"rollouts-pod-template-hash": "abc"}, "2.spec.subsets.1.labels": None}),
    ("subsets", {"2.spec.subsets.0.labels": {"topology.istio.io/network": "a", "topology.kubernetes.io/zone": "b"}}),
    ("subsets", {f"{C}.canaryMetadata.labels": ROLE, "2.spec.subsets.1.labels": ROLE}),
    ("subsets", {f"{C}.stableMetadata.labels": {"app": "x"}, "2.spec.subsets.0.labels": {"app": "x"}}),
    ("subsets", {"2.spec.subsets.2": {"name": "other", "labels": {"app": "other"}}}),
    ("subsets", {"0.spec.template": None, "0.spec.workloadRef": DEPLOYMENT, "2.spec.subsets.0.labels": ROLE}),
    ("alb", {f"{C}.pingPong": {"pingService": "a", "pongService": "b"}, f"{C}.canaryService": GONE}),
    ("alb", {f"{ROUTING}.alb": {"ingresses": ["a", "b"], "servicePort": 80}, f"{STEPS}.0.setHeaderRoute.match": []}),
    (
        "nginx",
        {
            "1.apiVersion": "networking.k8s.io/v1beta1",
            "1.spec.rules.0.http.paths.0.backend": {"serviceName": "stable", "servicePort": 80},
        },
    ),
    ("basic", {f"{C}.dynamicStableScale": False}),
    (
        "basic",
        {f"{C}.analysis": {"templates": [{"templateName": "elsewhere"}], "startingStep": 3}, "2": GONE, "1": GONE},
    ),
    ("basic", {"2.spec.args.0": {"name": "service"}}),
    ("blue_green", {f"{B}.previewService": GONE, "0.spec.minReadySeconds": 10}),
    ("blue_green", {FIELD: "spec.template.spec.containers[0].image"}),
    ("blue_green", {FIELD: "status.phase"}),
    ("blue_green", {FIELD: "metadata.annotations['Example.com/x']"}),
    ("blue_green", {DRY_RUN: "(?P<x"}),
    ("blue_green", {SECOND: {"templateName": "errors"}}),
    ("blue_green", {"4": also(template("x"), args=[{"name": "limit"}, {"name": "service"}]), SECOND: OTHER_TEMPLATE}),
    ("blue_green", {"1/metadata/annotations/argo-rollouts.argoproj.io~managed-by-rollouts": "shop"}),
    ("blue_green", {"4": also(rollout({"blueGreen": {"activeService": "active"}})), "4.metadata.namespace": "test"}),
    ("borrowed", {"1": GONE}),
    (
        "borrowed",
        {
            "0.spec.workloadRef": {"apiVersion": "v1", "kind": "PodTemplate", "name": "shop"},
            "1": made("PodTemplate", "shop", {}, "v1", template=pods()),
        },
    ),
    ("borrowed", {"0.spec.selector": {"matchLabels": LABELS}, "0.spec.template": {"metadata": {}}}),
    (
        "experiment",
        {"0.spec.analyses.0.args.0": {"name": "service", "valueFrom": {"fieldRef": {"fieldPath": "spec.x"}}}},
    ),
    ("experiment", {"1.spec.metrics.0.count": GONE}),
    ("experiment", {f"{VARIANT}.minReadySeconds": 600}),
    ("experiment", {f"{VARIANT}.service": {"name": "own"}}),
    ("experiment", {f"{VARIANT}.template.spec.containers.0.ports": GONE}),
    ("canary", {f"{VARIANTS}.0.weight": GONE, f"{APP}.ports": GONE}),
    ("canary", {f"{APP}.ports.1": {"name": "dns", "containerPort": 8080, "protocol": "UDP"}}),
    ("canary", {f"{VARIANTS}.0.service": {"name": "own"}}),
    ("borrowed", {"1": GONE, C: WEIGHED, B: None, "3": service("stable")}),
    ("run", {f"{METRIC}.count": 1, f"{METRIC}.interval": GONE}),
    ("run", {f"{METRIC}.interval": "{{args.limit}}"}),
    ("run", {f"{METRIC}.count": "{{args.limit}}", SUCCESS: "result[0] < 5"}),
    ("run", {f"{METRIC}.count": GONE, f"{METRIC}.consecutiveSuccessLimit": 2}),
    ("run", {f"{METRIC}.count": GONE, f"{METRIC}.consecutiveSuccessLimit": "{{args.limit}}"}),
    ("run", {f"{METRIC}.count": GONE, "0.metadata.labels": {"rollout-type": "Background"}}),
    ("run", {f"{METRIC}.count": GONE, "0.metadata.ownerReferences": [OWNER]}),
    ("run", {f"{METRIC}.count": GONE, "0.spec.terminate": True}),
    ("run", {f"{METRIC}.failureLimit": -1, f"{METRIC}.consecutiveSuccessLimit": 2, f"{METRIC}.failureCondition": ""}),
    ("run", {f"{METRIC}.provider": {"web": {"url": "http://{{args.service}}/{{args.limit}}"}}, SUCCESS: GONE}),
    ("run", {f"{METRIC}.provider": {"plugin": {"a": {"x": ["{{args.service}}"]}}}}),
    (
        "run",
        {f"{METRIC}.provider": {"job": {"spec": {"template": {"metadata": {"labels": {"a": "{{args.service}}"}}}}}}},
    ),
    (
        "run",
        {"1": {"kind": "Kustomization"}, "2": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": 5}},
    ),
    ("run", {"1": made("Rollout", "x", {}, "rollouts.kruise.io/v1beta1"), "2": {"kind": "Experiment", "title": "x"}}),
    ("run", {"1": made("RolloutManager", "x", {}), "2": made("ClusterWorkflowTemplate", "x", {})}),
    ("run", {"0.metadata": {"generateName": "smoke-"}}),
    ("run", {"1": {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret"}, 5]}}),
]


@pytest.mark.parametrize("name", SEEDS)
def test_a_good_bundle_has_no_finding(name: str) -> None:
    assert [finding.message for finding in findings(SEEDS[name]())] == []


@pytest.mark.parametrize(("rule", "seed", "changes"), BROKEN)
def test_each_mistake_is_found_by_its_rule_alone(rule: str, seed: str, changes: dict[str, Any]) -> None:
    found = findings(changed(SEEDS[seed](), changes.items()))

    assert {finding.rule for finding in found} == {rule}, found
    for finding in found:
        assert finding.message
        assert finding.remedy
        assert finding.severity == RULES[rule].severity


@pytest.mark.parametrize(("seed", "changes"), FINE)
def test_what_is_allowed_has_no_finding(seed: str, changes: dict[str, Any]) -> None:
    assert findings(changed(SEEDS[seed](), changes.items())) == []


def test_every_rule_about_objects_is_here() -> None:
    elsewhere = {"syntax", "duplicate-key", "schema"}

    assert {rule for rule, _seed, _changes in BROKEN} == set(RULES) - elsewhere


def test_the_documentation_names_every_rule() -> None:
    text = (Path(__file__).parents[3] / "docs" / "lint.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*) \| (.*) \|$", text, re.MULTILINE)

    assert rows == [(rule.name, rule.severity, rule.what, rule.remedy) for rule in RULES.values()]


# -- where a finding is


@pytest.mark.parametrize(
    ("seed", "changes", "place"),
    [
        ("canary", {f"{STEPS}.7.setWeight": 120}, f"objects[0] Rollout prod/shop {STEPS[2:]}[7].setWeight"),
        ("canary", {"1.spec.selector.color": "x"}, "objects[1] Service prod/canary spec.selector.color"),
        ("canary", {"0/spec/template/metadata/labels/a.b~c d": "x"},
         "objects[0] Rollout prod/shop spec.template.metadata.labels['a.b/c d']"),
        ("run", {SUCCESS: "x >"}, "objects[0] AnalysisRun prod/shop spec.metrics[0].successCondition"),
        ("run", {"0.metadata": {"generateName": "x-"}, SUCCESS: "x >"},
         "objects[0] AnalysisRun x- spec.metrics[0].successCondition"),
        ("run", {"0.metadata": None}, "objects[0] AnalysisRun metadata.name"),
    ],
)  # fmt: skip
def test_a_finding_says_where_it_is(seed: str, changes: dict[str, Any], place: str) -> None:
    (finding,) = findings(changed(SEEDS[seed](), changes.items()))

    assert f"{finding.file} {finding.object} {finding.path}" == place
    assert finding.line is None


def test_the_remedy_names_the_field_that_was_meant() -> None:
    (finding,) = findings(changed(SEEDS["canary"](), [(f"{STEPS}.1.setweight", 5)]))

    assert finding.remedy == "Did you mean setWeight?"


def test_the_order_is_that_of_the_documents() -> None:
    broken = changed(SEEDS["canary"](), [(f"{STEPS}.7.setWeight", 120), ("0.spec.minReadySeconds", -1)])
    bundle = [*broken, *changed(SEEDS["run"](), [(SUCCESS, "x >")])]

    found = [(finding.file, finding.rule) for finding in findings(bundle)]

    assert found == sorted(found, key=lambda item: int(item[0][8:-1]))
    assert findings(bundle) == findings(bundle)


def test_two_uses_of_one_template_tell_its_fault_once() -> None:
    bundle = changed(SEEDS["canary"](), [("4.spec.dryRun", [{"metricName": "x"}])])

    assert rules(bundle) == ["dry-run-unmatched"]


def test_several_routes_can_be_chosen() -> None:
    ways = [{"host": "stable"}, {"host": "canary"}]
    service_ = virtual_service(route(*ways, name="a"), route(*ways, name="b"), route(name="c"))
    changes = [("3", service_), (f"{ROUTING}.istio.virtualService.routes", ["a", "b"])]

    assert findings(changed(SEEDS["canary"](), changes)) == []
