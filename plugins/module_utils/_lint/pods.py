# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pod templates: the part of Kubernetes' validation that mistakes are made in.

Mirrors ``ValidatePodTemplateSpecForReplicaSet`` of Kubernetes for what is listed here; what it does not know is fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from .._model.quantity import parse_quantity
from .labels import check_labels, is_key, is_label, mismatch
from .places import Finding, Place

_RULE = "pod-template"
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_PAGES = "hugepages-"
_POLICIES = ("Always", "Never", "IfNotPresent")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")


def check_pods(template: Place, selector: Place) -> Iterator[Finding]:
    """The pod template of a Rollout or an Experiment, and that its selector selects its pods."""
    labels = template.at("metadata", "labels")
    missing = mismatch(selector, labels.texts)
    if missing:
        text = f"the labels of the pods do not match the selector: {missing}"
        yield labels.finding("selector-mismatch", text)
    yield from check_labels(labels)
    for entry in template.at("metadata", "annotations").entries():
        if not is_key(entry.key.lower()):
            yield entry.finding(_RULE, f"{entry.key!r} can be no key of an annotation")
    yield from _check_spec(template.at("spec"))


def _check_spec(spec: Place) -> Iterator[Finding]:
    if spec.at("restartPolicy").text not in ("", "Always"):
        yield spec.at("restartPolicy").finding(_RULE, "restartPolicy of a Rollout's pods can only be Always")
    if spec.at("activeDeadlineSeconds").given:
        yield spec.at("activeDeadlineSeconds").finding(_RULE, "activeDeadlineSeconds is not allowed here")
    if spec.at("dnsPolicy").text not in ("", *_DNS_POLICIES):
        yield spec.at("dnsPolicy").finding(_RULE, f"dnsPolicy is none of {', '.join(_DNS_POLICIES)}")
    yield from _check_volumes(spec.at("volumes"))
    yield from _check_containers(spec)


def _check_volumes(volumes: Place) -> Iterator[Finding]:
    yield from _check_names(volumes, "volume")
    for volume in volumes.items():
        sources = [entry.key for entry in volume.entries() if entry.key != "name" and entry.given]
        if len(sources) > 1:
            yield volume.finding(_RULE, f"a volume has one source, and this one has {' and '.join(sources)}")


def _check_containers(spec: Place) -> Iterator[Finding]:
    containers, first = spec.at("containers"), spec.at("initContainers")
    if not containers.items():
        yield containers.finding(_RULE, "the pods have no containers")
    taken: set[str] = set()
    for group in (first, containers):
        yield from _check_names(group, "container", taken)
    volumes = {volume.at("name").text for volume in spec.at("volumes").items()}
    for container in [*first.items(), *containers.items()]:
        yield from _check_container(container)
        yield from _check_mounts(container.at("volumeMounts"), volumes)


def _check_names(places: Place, what: str, taken: set[str] | None = None) -> Iterator[Finding]:
    taken = set() if taken is None else taken
    for place in places.items():
        name = place.at("name")
        if not is_label(name.text):
            yield name.finding(_RULE, f"a {what} needs a name of lower-case letters, digits and '-', not {name.text!r}")
        elif name.text in taken:
            yield name.finding(_RULE, f"another {what} is called {name.text} already")
        taken.add(name.text)


def _check_container(container: Place) -> Iterator[Finding]:
    if not container.at("image").text and container.at("image").value in ("", None):
        yield container.at("image").finding(_RULE, f"the container {container.at('name').text} has no image")
    if container.at("imagePullPolicy").text not in ("", *_POLICIES):
        yield container.at("imagePullPolicy").finding(_RULE, f"imagePullPolicy is none of {', '.join(_POLICIES)}")
    yield from _check_ports(container.at("ports"))
    yield from _check_environment(container.at("env"))
    yield from _check_resources(container.at("resources"))
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield from _check_probe(container.at(name))


def _check_ports(ports: Place) -> Iterator[Finding]:
    taken = set()
    for port in ports.items():
        number, name = port.at("containerPort"), port.at("name")
        if not number.given or not 1 <= number.number_or(1) <= 65535:
            yield number.finding(_RULE, "containerPort is a number from 1 to 65535")
        if name.text and not _PORT_NAME.fullmatch(name.text):
            text = "lower-case letters, digits and '-', at most 15, with a letter"
            yield name.finding(_RULE, f"{name.text!r} can be no name of a port: {text}")
        elif name.text in taken:
            yield name.finding(_RULE, f"another port is called {name.text} already")
        if port.at("protocol").text not in ("", "TCP", "UDP", "SCTP"):
            yield port.at("protocol").finding(_RULE, "protocol is none of TCP, UDP, SCTP")
        taken.add(name.text or None)


def _check_environment(variables: Place) -> Iterator[Finding]:
    for variable in variables.items():
        name = variable.at("name")
        if not _VARIABLE.fullmatch(name.text):
            yield name.finding(_RULE, f"{name.value!r} can be no name of an environment variable")
        if variable.at("value").text and variable.at("valueFrom").given:
            yield variable.finding(_RULE, "an environment variable has value or valueFrom, not both")


def _check_mounts(mounts: Place, volumes: set[str]) -> Iterator[Finding]:
    taken = set()
    for mount in mounts.items():
        name, path = mount.at("name"), mount.at("mountPath")
        if name.text not in volumes:
            yield name.finding(_RULE, f"there is no volume {name.text!r} to mount")
        if not path.text:
            yield path.finding(_RULE, "a volume mount has no mountPath")
        elif path.text in taken:
            yield path.finding(_RULE, f"another volume is mounted at {path.text} already")
        taken.add(path.text)


def _check_probe(probe: Place) -> Iterator[Finding]:
    if not probe.given:
        return
    handlers = [name for name in _HANDLERS if probe.at(name).given]
    if len(handlers) != 1:
        yield probe.finding(_RULE, f"a probe has one of {', '.join(_HANDLERS)}, and this one has {len(handlers)}")
    for name in handlers:
        if name != "exec":
            yield from _check_port(probe.at(name, "port"))
    threshold = probe.at("successThreshold")
    if probe.key != "readinessProbe" and (threshold.number or 1) != 1:
        yield threshold.finding(_RULE, f"successThreshold of a {probe.key} can only be 1")


def _check_port(port: Place) -> Iterator[Finding]:
    """A number, or the name of one of the container's ports."""
    named = bool(_PORT_NAME.fullmatch(port.text))
    if not named and not 1 <= (port.number or 0) <= 65535:
        yield port.finding(_RULE, f"a port is a number from 1 to 65535 or a name, not {port.value!r}")


def _check_resources(resources: Place) -> Iterator[Finding]:
    limits = dict(_amounts(resources.at("limits")))
    for group in ("limits", "requests"):
        for entry in resources.at(group).entries():
            if isinstance(entry.value, str) and parse_quantity(entry.value) is None:
                yield entry.finding(_RULE, f"{entry.value!r} is no quantity such as 500m or 128Mi")
            if "/" not in entry.key and entry.key not in _RESOURCES and not entry.key.startswith(_PAGES):
                yield entry.finding(_RULE, f"{entry.key} is none of {', '.join(_RESOURCES)}, nor has it a prefix")
    for name, amount in _amounts(resources.at("requests")):
        entry, limit = resources.at("requests", name), limits.get(name)
        if limit is not None and amount > limit:
            yield entry.finding(_RULE, f"{name} requests more ({entry.value}) than its limit")
        elif _is_exact(name) and amount != limit:
            yield entry.finding(_RULE, f"{name} cannot be shared, so its limit has to be there and equal")


def _amounts(group: Place) -> Iterator[tuple[str, Decimal]]:
    for entry in group.entries():
        amount = parse_quantity(entry.value)
        if amount is not None:
            yield entry.key, amount


def _is_exact(name: str) -> bool:
    """Whether a resource cannot be promised to more pods than there is of it (``IsOvercommitAllowed``)."""
    return name.startswith(_PAGES) or ("/" in name and "kubernetes.io/" not in name)
