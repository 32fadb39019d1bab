# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pod templates: what a person wrote, without what the apiserver and the controller added.

A ReplicaSet's template carries the API's defaults and the controller's injections; a Rollout's does
not. An undo must neither see a difference where there is none nor write those additions back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .rollout import HASH_LABEL, Rollout

Tree = dict[str, Any]

CONTAINER_GROUPS = ("initContainers", "containers")

_POD_DEFAULTS: Tree = {
    "restartPolicy": "Always",
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationGracePeriodSeconds": 30,
    "securityContext": {},
    "enableServiceLinks": True,
}
_CONTAINER_DEFAULTS: Tree = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE_DEFAULTS: Tree = {
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_VOLUME_SOURCES_WITH_MODE = ("configMap", "secret", "projected", "downwardAPI")


def same_template(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two pod templates mean the same pods."""
    return strip_defaults(one) == strip_defaults(other)


def authored_template(template: Mapping[str, Any], rollout: Rollout) -> Tree:
    """A ReplicaSet's pod template as its author wrote it: without defaults, hash and injections."""
    plain = strip_defaults(template)
    metadata = plain.get("metadata") or {}
    for field in ("labels", "annotations"):
        kept = _without(metadata.get(field), _injected_keys(rollout, field))
        metadata = {**metadata, field: kept} if kept else _without(metadata, {field})
    plain["metadata"] = metadata
    affinity = _without_injected_affinity(plain["spec"].get("affinity"), rollout) if "spec" in plain else None
    if "spec" in plain:
        plain["spec"] = {
            **_without(plain["spec"], {"affinity"}),
            **({"affinity": affinity} if affinity else {}),
        }
    return plain


def strip_defaults(template: Mapping[str, Any]) -> Tree:
    """A pod template without the hash label, nulls, and the values that the API fills in by itself."""
    plain: Tree = without_nulls(template)
    metadata = _without(plain.get("metadata"), {"creationTimestamp"})
    labels = _without(metadata.get("labels"), {HASH_LABEL})
    plain["metadata"] = {**_without(metadata, {"labels"}), **({"labels": labels} if labels else {})}
    if "spec" in plain:
        plain["spec"] = _strip_pod(plain["spec"])
    return plain


def without_nulls(value: Any) -> Any:
    """A deep copy without the keys whose value is null; tuples become lists."""
    if isinstance(value, Mapping):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list | tuple) else value


def _strip_pod(pod: Tree) -> Tree:
    pod = _drop_equal(pod, _POD_DEFAULTS)
    if pod.get("serviceAccount") == pod.get("serviceAccountName"):  # the deprecated alias that the API mirrors
        pod.pop("serviceAccount", None)
    for group in CONTAINER_GROUPS:
        if group in pod:
            pod[group] = [_strip_container(container) for container in pod[group]]
    if "volumes" in pod:
        pod["volumes"] = [_strip_volume(volume) for volume in pod["volumes"]]
    return pod


def _strip_container(container: Tree) -> Tree:
    plain = _drop_equal(container, {**_CONTAINER_DEFAULTS, "imagePullPolicy": _pull_policy(container)})
    if "ports" in plain:
        plain["ports"] = [_drop_equal(port, {"protocol": "TCP"}) for port in plain["ports"]]
    if "env" in plain:
        plain["env"] = [_strip_env(variable) for variable in plain["env"]]
    for probe in _PROBES:
        if probe in plain:
            plain[probe] = _strip_probe(plain[probe])
    if "lifecycle" in plain:
        plain["lifecycle"] = _strip_lifecycle(plain["lifecycle"])
    return plain


def _pull_policy(container: Mapping[str, Any]) -> str:
    """The default: Always for the tag latest, which is also that of a reference without tag and digest."""
    reference = str(container.get("image", ""))
    tag = reference.rpartition("/")[2].partition("@")[0].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or "@" in reference) else "IfNotPresent"


def _strip_env(variable: Tree) -> Tree:
    plain = {key: value for key, value in variable.items() if not (key == "value" and value == "")}
    if "valueFrom" in plain:
        plain["valueFrom"] = _strip_reference(plain["valueFrom"])
    return plain


def _strip_reference(holder: Tree) -> Tree:
    """References to the pod's own fields, as environment and downward API volumes have them."""
    plain = dict(holder)
    if "fieldRef" in plain:
        plain["fieldRef"] = _drop_equal(plain["fieldRef"], {"apiVersion": "v1"})
    if "resourceFieldRef" in plain:
        plain["resourceFieldRef"] = _drop_equal(plain["resourceFieldRef"], {"divisor": "0"})
    return plain


def _strip_lifecycle(lifecycle: Tree) -> Tree:
    return {hook: _strip_http(handler) for hook, handler in lifecycle.items()}


def _strip_probe(probe: Tree) -> Tree:
    plain: Tree = _strip_http(_drop_equal(probe, _PROBE_DEFAULTS))
    if "grpc" in plain:
        plain["grpc"] = _drop_equal(plain["grpc"], {"service": ""})
    return plain


def _strip_http(handler: Any) -> Any:
    """A probe or a lifecycle hook; a hook's ``stopSignal`` is no handler but a word."""
    if not isinstance(handler, dict) or "httpGet" not in handler:
        return handler
    return {**handler, "httpGet": _drop_equal(handler["httpGet"], {"scheme": "HTTP", "path": "/"})}


def _strip_volume(volume: Tree) -> Tree:
    plain = dict(volume)
    for source in _VOLUME_SOURCES_WITH_MODE:
        if source in plain:
            plain[source] = _drop_equal(plain[source], {"defaultMode": 420})
    if "hostPath" in plain:
        plain["hostPath"] = _drop_equal(plain["hostPath"], {"type": ""})
    if "downwardAPI" in plain:
        plain["downwardAPI"] = _strip_items(plain["downwardAPI"])
    if "projected" in plain:
        sources = plain["projected"].get("sources") or ()
        plain["projected"] = {**plain["projected"], "sources": [_strip_projection(source) for source in sources]}
    return plain


def _strip_projection(source: Tree) -> Tree:
    plain = dict(source)
    if "serviceAccountToken" in plain:
        plain["serviceAccountToken"] = _drop_equal(plain["serviceAccountToken"], {"expirationSeconds": 3600})
    if "downwardAPI" in plain:
        plain["downwardAPI"] = _strip_items(plain["downwardAPI"])
    return plain


def _strip_items(source: Tree) -> Tree:
    return {**source, "items": [_strip_reference(item) for item in source.get("items") or ()]}


def _injected_keys(rollout: Rollout, field: str) -> set[str]:
    """Keys of the ephemeral metadata that the controller puts on pods by their role."""
    roles = ("canaryMetadata", "stableMetadata", "previewMetadata", "activeMetadata")
    return {key for role in roles for key in (rollout.strategy_spec.get(role) or {}).get(field) or ()}


def _without_injected_affinity(affinity: Tree | None, rollout: Rollout) -> Tree:
    """Affinity without the anti-affinity term of ``strategy.*.antiAffinity`` (``CreateInjectedAntiAffinityRule``)."""
    if not affinity or rollout.strategy_spec.get("antiAffinity") is None:
        return dict(affinity or {})
    rules = dict(affinity.get("podAntiAffinity") or {})
    for key, terms in tuple(rules.items()):
        kept = [term for term in terms if not _is_injected(term.get("podAffinityTerm", term))]
        rules = {**rules, key: kept} if kept else _without(rules, {key})
    rest = _without(affinity, {"podAntiAffinity"})
    return {**rest, "podAntiAffinity": rules} if rules else rest


def _is_injected(term: Mapping[str, Any]) -> bool:
    expressions = (term.get("labelSelector") or {}).get("matchExpressions") or ()
    return any(expression.get("key") == HASH_LABEL for expression in expressions)


def _drop_equal(tree: Tree, defaults: Mapping[str, Any]) -> Tree:
    return {key: value for key, value in tree.items() if key not in defaults or value != defaults[key]}


def _without(tree: Mapping[str, Any] | None, keys: set[str]) -> Tree:
    return {key: value for key, value in (tree or {}).items() if key not in keys}
