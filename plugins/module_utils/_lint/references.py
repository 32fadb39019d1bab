# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Rollouts refer to: Services, Ingresses, workloads. Mirrors ``validation_references.go``.

An object that is not among the documents is only missed where others of its kind and namespace are: then the bundle is
meant to hold them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._model.rollout import HASH_LABEL
from .._model.traffic import MANAGED_BY
from .bundle import INGRESS, SERVICE, Bundle, Target, near
from .documents import OUR_GROUP
from .places import Finding, Place

# Services that the controller writes the hash of a version into.
_MANAGED_SERVICES = (
    ("canary", "canaryService"),
    ("canary", "stableService"),
    ("canary", "pingPong", "pingService"),
    ("canary", "pingPong", "pongService"),
    ("blueGreen", "activeService"),
    ("blueGreen", "previewService"),
)
_OTHER_SERVICES = (("alb", "rootService"), ("smi", "rootService"))
_WORKLOADS = {"Deployment": "apps", "ReplicaSet": "apps", "PodTemplate": ""}


def check_references(bundle: Bundle) -> Iterator[Finding]:
    for rollout in bundle.ours("Rollout"):
        yield from _check_workload(bundle, rollout)
        yield from _check_services(bundle, rollout)
        yield from _check_ingresses(bundle, rollout)
    yield from _check_sharing(bundle)


def missing(
    bundle: Bundle, target: Target, name: Place, namespace: str, rule: str, called: str = ""
) -> Iterator[Finding]:
    """A finding where the bundle should hold that object, and does not."""
    if bundle.find(target, namespace, called or name.text) is None and bundle.has(target, namespace):
        yield name.finding(rule, f"there is no {target.kind} {called or name.text} among these documents")


def managed_services(rollout: Place) -> list[Place]:
    """The places that name a Service which the controller manages."""
    places = [rollout.at("spec", "strategy", *keys) for keys in _MANAGED_SERVICES]
    return [place for place in places if place.text]


def pod_labels(bundle: Bundle, rollout: Place) -> dict[str, str] | None:
    """The labels of its pods; None where they are in a workload that is not here."""
    template = pod_template(bundle, rollout)
    return None if template is None else template.at("metadata", "labels").texts


def pod_template(bundle: Bundle, rollout: Place) -> Place | None:
    """What its pods are made of; None where that is in a workload that is not here."""
    if not rollout.at("spec", "workloadRef").given:
        return rollout.at("spec", "template")
    workload = _workload(bundle, rollout)
    if workload is None:
        return None
    return workload.at("template") if workload.document.kind == "PodTemplate" else workload.at("spec", "template")


def _workload(bundle: Bundle, rollout: Place) -> Place | None:
    reference = rollout.at("spec", "workloadRef")
    target = Target(reference.at("kind").text, (_WORKLOADS.get(reference.at("kind").text, ""),))
    return bundle.find(target, rollout.document.namespace, reference.at("name").text)


def _check_workload(bundle: Bundle, rollout: Place) -> Iterator[Finding]:
    reference = rollout.at("spec", "workloadRef")
    if not reference.given:
        return
    kind, name = reference.at("kind"), reference.at("name")
    group = reference.at("apiVersion").text.rpartition("/")[0]
    if kind.text not in _WORKLOADS or group != _WORKLOADS[kind.text]:
        text = f"workloadRef names {reference.at('apiVersion').text} {kind.text}"
        yield reference.finding("workload-ref", f"{text}, and the controller knows {', '.join(_WORKLOADS)}")
        return
    if not name.text:
        yield reference.finding("workload-ref", "workloadRef names no object")
    else:
        target = Target(kind.text, (group,))
        yield from missing(bundle, target, name, rollout.document.namespace, "missing-workload")


def _check_services(bundle: Bundle, rollout: Place) -> Iterator[Finding]:
    namespace = rollout.document.namespace
    labels = pod_labels(bundle, rollout)
    for name in managed_services(rollout):
        yield from missing(bundle, SERVICE, name, namespace, "missing-service")
        service = bundle.find(SERVICE, namespace, name.text)
        if service is not None:
            yield from _check_service(rollout, service, labels)
    for keys in _OTHER_SERVICES:
        name = rollout.at("spec", "strategy", "canary", "trafficRouting", *keys)
        if name.text:
            yield from missing(bundle, SERVICE, name, namespace, "missing-service")


def _check_service(rollout: Place, service: Place, labels: dict[str, str] | None) -> Iterator[Finding]:
    owner = service.at("metadata", "annotations", MANAGED_BY)
    if owner.text and owner.text != rollout.document.name:
        text = f"the Service says that the Rollout {owner.text} manages it, and {rollout.document.label} uses it"
        yield owner.finding("shared-service", text)
    if labels is None:
        return
    for entry in service.at("spec", "selector").entries():
        if entry.key != HASH_LABEL and labels.get(entry.key) != entry.text:
            text = f"the Service selects {entry.key}={entry.text}, which the pods of {rollout.document.label} are not"
            yield entry.finding("service-selector", text)


def _check_sharing(bundle: Bundle) -> Iterator[Finding]:
    """Two Rollouts that write their versions into one Service take it from each other."""
    first: dict[str, list[Place]] = {}
    for rollout in bundle.ours("Rollout"):
        for name in managed_services(rollout):
            others = first.setdefault(name.text, [])
            for other in others:
                strangers = other.document.name != rollout.document.name
                if strangers and near(other.document.namespace, rollout.document.namespace):
                    text = f"{other.document.label} uses the Service {name.text}, too"
                    yield name.finding("shared-service", text)
            others.append(name)


def _check_ingresses(bundle: Bundle, rollout: Place) -> Iterator[Finding]:
    canary = rollout.at("spec", "strategy", "canary")
    stable = canary.at("stableService").text
    nginx, alb = canary.at("trafficRouting", "nginx"), canary.at("trafficRouting", "alb")
    yield from _check_router(bundle, nginx, "stableIngress", "stableIngresses", stable)
    yield from _check_router(bundle, alb, "ingress", "ingresses", alb.at("rootService").text or stable)


def _check_router(bundle: Bundle, router: Place, one: str, many: str, service: str) -> Iterator[Finding]:
    if not router.given:
        return
    if bool(router.at(one).text) == router.at(many).given:
        yield router.finding("ingress-names", f"{router.key} needs exactly one of {one} and {many}")
    namespace = router.document.namespace
    for name in [router.at(one), *router.at(many).items()]:
        if not name.text:
            continue
        yield from missing(bundle, INGRESS, name, namespace, "missing-ingress")
        ingress = bundle.find(INGRESS, namespace, name.text)
        if ingress is not None and service not in _backends(ingress):
            text = f"the Ingress {name.text} has no rule for the Service {service}"
            yield name.finding("ingress-backend", text)


def _backends(ingress: Place) -> set[str]:
    paths = [path for rule in ingress.at("spec", "rules").items() for path in rule.at("http", "paths").items()]
    old = {path.at("backend", "serviceName").text for path in paths}
    return {path.at("backend", "service", "name").text for path in paths} | old


def check_duplicates(bundle: Bundle) -> Iterator[Finding]:
    """Two documents for one object: whichever is applied last wins."""
    seen: dict[tuple[str, str, str], Place] = {}
    for place in bundle.places:
        document = place.document
        if document.group != OUR_GROUP or not place.at("metadata", "name").text:
            continue
        first = seen.setdefault((document.kind, document.namespace, document.name), place)
        if first is not place:
            text = f"{first.document.label} is also in {first.document.file}, line {first.document.line()}"
            yield place.at("metadata", "name").finding("duplicate-object", text)
