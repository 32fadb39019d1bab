# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule: its name, how bad it is, what it finds, and what helps. ``docs/lint.md`` is made of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Rule:
    """An error is refused by the apiserver or the controller, or makes a release go wrong; a warning may be meant."""

    name: str
    severity: str
    what: str
    remedy: str


def _error(name: str, what: str, remedy: str) -> Rule:
    return Rule(name, ERROR, what, remedy)


def _warning(name: str, what: str, remedy: str) -> Rule:
    return Rule(name, WARNING, what, remedy)


_FILES = (
    _error("syntax", "A file that is no YAML or JSON.", "Correct the text at this line."),
    _error("duplicate-key", "A key that a mapping has twice.", "Remove one of them."),
    _error(
        "unknown-field", "A field that Argo Rollouts v1.10 or Kubernetes v1.34 does not know.", "Correct or remove it."
    ),
    _error("wrong-type", "A value of another type than its field's.", "Write a value of the right type."),
    _error(
        "api-version",
        "An apiVersion or a kind that Argo Rollouts does not have.",
        "Write apiVersion: argoproj.io/v1alpha1.",
    ),
    _error(
        "object-name",
        "An object of Argo Rollouts without a name, or with one that Kubernetes refuses.",
        "Give a name of lower-case letters, digits, '-' and '.'.",
    ),
    _error("missing-field", "A field that the CRD requires and that is not there.", "Add it."),
    _error(
        "schema", "What the installed CRDs or the apiserver refuse (only with online).", "Do as the apiserver says."
    ),
    _warning(
        "duplicate-object",
        "Two documents for the same object of Argo Rollouts.",
        "Remove one of them, or give only the files that are applied together.",
    ),
)
_ROLLOUTS = (
    _error("negative-number", "A count or a number of seconds below 0.", "Write 0 or more."),
    _error(
        "progress-deadline",
        "progressDeadlineSeconds (600 if not given) that pods cannot meet because of minReadySeconds.",
        "Make progressDeadlineSeconds greater than minReadySeconds.",
    ),
    _error("selector", "A selector that is missing, empty or not valid.", "Select the pods by their labels."),
    _error(
        "selector-mismatch",
        "A selector that does not match the labels of the pod template.",
        "Give the pod template the labels that the selector asks for.",
    ),
    _error("pod-template", "A pod template that Kubernetes refuses.", "Correct the pod template."),
    _error(
        "workload-ref", "A workloadRef to a kind that the controller does not know.", "Refer to an apps/v1 Deployment."
    ),
    _error(
        "workload-ref-template", "A pod template beside a workloadRef.", "Remove spec.template or spec.workloadRef."
    ),
    _error("strategy", "No strategy, or two.", "Give exactly one of blueGreen and canary."),
    _error("same-service", "One Service in both roles.", "Give each role a Service of its own."),
    _error(
        "scale-down-limit",
        "scaleDownDelayRevisionLimit above revisionHistoryLimit (10 if not given).",
        "Lower the one or raise the other.",
    ),
    _error(
        "anti-affinity", "antiAffinity with none or both of its kinds, or a wrong weight.", "Give exactly one kind."
    ),
    _error(
        "surge-and-unavailable",
        "maxSurge and maxUnavailable that are both 0.",
        "Allow at least one of them.",
    ),
    _error(
        "services-required",
        "A traffic router that sends to Services, without canaryService or stableService.",
        "Name both Services.",
    ),
    _error(
        "ping-pong",
        "pingPong with a router that cannot do it, or without its Services.",
        "Complete or remove pingPong.",
    ),
    _error(
        "needs-traffic-routing",
        "scaleDownDelaySeconds, dynamicStableScale or setCanaryScale in a canary without a traffic router.",
        "Remove it or add trafficRouting.",
    ),
    _error(
        "dynamic-stable-scale",
        "dynamicStableScale together with scaleDownDelaySeconds.",
        "Remove one of them.",
    ),
    _error("max-traffic-weight", "maxTrafficWeight with another router than nginx or plugins.", "Remove it."),
    _warning("no-effect", "A field that does nothing here.", "Remove it."),
    _warning("starting-step", "A background analysis that starts behind the last step.", "Give a step that there is."),
)
_STEPS = (
    _error("step", "A step without a type, or with two that exclude each other.", "Write one type for each step."),
    _error("set-weight", "A weight below 0, or above 100 or maxTrafficWeight.", "Write a weight within these limits."),
    _warning(
        "weight-decreases", "A weight below that of an earlier step.", "Put the steps in the order of their weights."
    ),
    _error("pause-duration", "A pause of no valid duration.", "Write seconds (30) or a duration (30s, 5m, 1h30m)."),
    _warning(
        "canary-scale",
        "setCanaryScale with none or several of weight, replicas and matchTrafficWeight.",
        "Give exactly one of them.",
    ),
    _warning(
        "canary-underscaled",
        "A setWeight above the weight that setCanaryScale has made pods for.",
        "Put setCanaryScale with matchTrafficWeight or a greater weight before it.",
    ),
    _error("header-route", "setHeaderRoute with a router that cannot do it.", "Remove the step or change the router."),
    _error("mirror-route", "setMirrorRoute with a router that cannot do it.", "Remove the step or change the router."),
    _error(
        "managed-routes",
        "A route of a step that managedRoutes does not name.",
        "Add it to trafficRouting.managedRoutes.",
    ),
    _error("route-match", "A match without, or with several of, exact, regex and prefix.", "Give exactly one of them."),
    _error(
        "experiment-weight",
        "A weight in an experiment without a router that can do it.",
        "Remove the weight or change the router.",
    ),
    _error(
        "experiment-weights",
        "Weights of an experiment that are more than all together with the canary's.",
        "Lower the weights so that something is left for the stable version.",
    ),
    _error(
        "experiment-template", "Templates of an experiment without a name, or with one name twice.", "Correct them."
    ),
    _error(
        "experiment-service",
        "A weight or a service of an experiment's template that the controller can make no Service for.",
        "Give the containers ports, each with a name of its own if there are several, and leave service.name out.",
    ),
    _error("experiment-analysis", "Analyses of an experiment with one name twice.", "Rename one of them."),
    _error(
        "experiment-argument",
        "An argument that speaks of a template that the experiment does not have.",
        "Name one of the experiment's templates, as in {{templates.canary.podTemplateHash}}.",
    ),
    _warning("endless-experiment", "An experiment as a step that does not end by itself.", "Give it a duration."),
)
_REFERENCES = (
    _error(
        "missing-service", "A Service that is not among the documents while others are.", "Add it or correct the name."
    ),
    _error(
        "missing-ingress", "An Ingress that is not among the documents while others are.", "Add it or correct the name."
    ),
    _error(
        "missing-virtual-service",
        "A VirtualService that is not among the documents while others are.",
        "Add it or correct the name.",
    ),
    _error(
        "missing-destination-rule",
        "A DestinationRule that is not among the documents while others are.",
        "Add it or correct the name.",
    ),
    _warning(
        "missing-workload",
        "The object of a workloadRef that is not among the documents while others of its kind are.",
        "Add it or correct the name.",
    ),
    _warning(
        "missing-template",
        "A template of an analysis that is not among the documents while others of its kind are.",
        "Add it, correct the name, or set clusterScope.",
    ),
    _error(
        "service-selector",
        "A Service whose selector does not match the pods of the Rollout that uses it.",
        "Select by labels that the pod template has.",
    ),
    _error("shared-service", "A Service that two Rollouts write into.", "Give each Rollout Services of its own."),
    _error("ingress-names", "None or both of the two ways to name Ingresses.", "Give exactly one of them."),
    _error(
        "ingress-backend", "An Ingress without a rule for the stable (or root) Service.", "Add a rule for that Service."
    ),
    _error(
        "virtual-service-names",
        "None or both of virtualService and virtualServices.",
        "Give exactly one of them.",
    ),
    _error(
        "virtual-service-routes",
        "A VirtualService without the routes or destinations that the canary needs.",
        "Give the route a destination for the canary and one for the stable version, and name it if there are several.",
    ),
    _warning("virtual-service-weights", "Weights of a route that do not add up to 100.", "Make them 100 in all."),
    _error(
        "destination-rule-subset",
        "A subset that the DestinationRule does not have, or one for both versions.",
        "Add the subset or correct its name.",
    ),
    _error(
        "destination-rule-host",
        "A DestinationRule for another host than the routes of the Rollout send to, so that its subsets do nothing.",
        "Name the host that the routes name.",
    ),
    _error(
        "destination-rule-labels",
        "A subset for the canary or the stable version whose labels the pods of the Rollout do not have.",
        "Select by labels that the pod template has, or by none; the controller adds the hash.",
    ),
    _error(
        "autoscaler-target",
        "A HorizontalPodAutoscaler or ScaledObject of KEDA that points at a Deployment in the Rollout's place.",
        "Point it at apiVersion argoproj.io/v1alpha1, kind Rollout.",
    ),
    _warning(
        "autoscaler-missing",
        "An autoscaler of a Rollout that is not among the documents while others are.",
        "Add it or correct the name.",
    ),
    _warning(
        "replicas-with-autoscaler",
        "spec.replicas of a Rollout that an autoscaler owns.",
        "Remove spec.replicas from the manifest.",
    ),
)
_ANALYSIS = (
    _error("no-metrics", "An analysis that measures nothing.", "Add a metric or a template."),
    _error("metric-name", "Two metrics of one name.", "Rename one of them."),
    _error("metric-limits", "Limits of a metric that the controller refuses.", "Correct the limits or the count."),
    _error("metric-interval", "A count above 1 without an interval.", "Add an interval."),
    _error("metric-provider", "A metric with none or several providers.", "Give exactly one provider."),
    _error("duration", "A duration that cannot be read.", "Write a duration such as 30s, 5m or 1h30m."),
    _error("condition-syntax", "A condition that expr-lang cannot read.", "Correct the expression."),
    _error(
        "condition-name",
        "A condition with a name that does not exist in it.",
        "Use result and the functions of expr-lang, asInt, asFloat, isNaN, isInf, isNil or default.",
    ),
    _warning("no-condition", "A metric that measures a value and judges it by nothing.", "Add a successCondition."),
    _warning(
        "passes-on-no-data",
        "A gate that passes when there was nothing to measure.",
        "Let silence fail or be an error: drop that part of the condition, and give requests a metric of their own.",
    ),
    _warning(
        "cannot-fail",
        "A limit as great as the count, so that the metric passes whatever it measures.",
        "Lower the limit below the count.",
    ),
    _warning("error-limit", "A consecutiveErrorLimit that accepts hours of silence.", "Lower it; the default is 4."),
    _error(
        "endless-metric",
        "A metric with an interval and no count in an analysis that has to end.",
        "Give it a count, or use it in the background.",
    ),
    _warning(
        "endless-run",
        "A metric with an interval and no count in an AnalysisRun that no Rollout or Experiment stops.",
        "Give it a count or a consecutiveSuccessLimit.",
    ),
    _error(
        "dry-run-unmatched",
        "A dry-run rule that matches no metric.",
        "Write a regular expression such as .* or a name.",
    ),
    _error(
        "template-conflict",
        "Templates that are used together and contradict each other.",
        "Rename one of them, or use only one of the templates.",
    ),
    _error("template-circle", "Templates that take each other in.", "Take one of the references out."),
    _error(
        "argument-undeclared", "A placeholder that nothing resolves.", "Declare the argument, and write {{args.name}}."
    ),
    _error("argument-unresolved", "An argument without a value.", "Give it in args, or a value in the template."),
    _error("argument-value", "An argument with both value and valueFrom.", "Remove one of them."),
    _warning("argument-unused", "An argument that no metric uses.", "Remove it."),
    _warning("argument-unexpected", "An argument that no template takes.", "Remove it or correct its name."),
    _error("field-ref", "A reference to metadata or a hash that does not exist.", "Correct the reference."),
    _warning("field-ref-path", "A reference to a field that the Rollout does not have.", "Correct the path."),
)
RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*_FILES, *_ROLLOUTS, *_STEPS, *_REFERENCES, *_ANALYSIS)}
