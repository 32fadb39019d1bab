# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the lab's nodes and pods behave: the configuration of KWOK, which plays their kubelet.

For each change of an object KWOK plays one Stage out of those whose selector matches (jq queries),
by patching the object's status with a rendered Go template. Here at most one Stage of weight 1 matches
a pod at any time; `pod-address`, of weight 0, is played when no other matches.

A pod's behaviour is chosen by an annotation or by the end of its first container's image tag; the
README of the role `embedded_cluster` lists them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ANNOTATION = "lab.progressive.delivery"
BEHAVIOURS = ("never-ready", "slow-ready", "crash-loop", "image-pull-failure", "slow-termination")

# ---- jq: what a selector asks of an object

_TAG = '(.spec.containers[0].image | split("@")[0] | split(":")[-1])'
_BEHAVIOUR = (
    f'.metadata.annotations["{ANNOTATION}/pod"]'
    f' // ({_TAG} | capture("-(?<name>{"|".join(BEHAVIOURS)})$").name) // "normal"'
)
_JOB_RESULT = f'.metadata.annotations["{ANNOTATION}/job"] // ({_TAG} | capture("-(?<name>fail)$").name) // "complete"'
# Seconds of a Go duration such as 1m30s.
_SECONDS = '([scan("([0-9.]+)(ms|s|m|h)") | (.[0] | tonumber) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[.[1]]] | add)'
_READY_COMPUTED = (
    '([.spec.readinessGates[]?.conditionType] - [.status.conditions[]? | select(.status == "True") | .type]) == []'
)
_READY_SHOWN = 'any(.status.conditions[]?; .type == "Ready" and .status == "True")'


def _match(query: str, *values: str) -> dict[str, Any]:
    """The query yields one of `values`; without values: yields anything."""
    operator = {"operator": "In", "values": list(values)} if values else {"operator": "Exists"}
    return {"jq": {"key": query, **operator}}


def _no_match(query: str, *values: str) -> dict[str, Any]:
    operator = {"operator": "NotIn", "values": list(values)} if values else {"operator": "DoesNotExist"}
    return {"jq": {"key": query, **operator}}


def _phase(phase: str) -> dict[str, Any]:
    return _match(".status.phase", phase)


def _containers_ready(status: str) -> dict[str, Any]:
    return _match('.status.conditions[]? | select(.type == "ContainersReady") | .status', status)


def _waiting(reason: str) -> dict[str, Any]:
    return _match(".status.containerStatuses[]?.state.waiting.reason", reason)


_ALIVE = _no_match(".metadata.deletionTimestamp")
_GOING = _match(".metadata.deletionTimestamp")
_OF_A_JOB = _match(".metadata.ownerReferences[]?.kind", "Job")


def _is(*behaviours: str) -> dict[str, Any]:
    return _match(_BEHAVIOUR, *behaviours)


def _is_not(*behaviours: str) -> dict[str, Any]:
    return _no_match(_BEHAVIOUR, *behaviours)


def _until(seconds_since_epoch: str) -> dict[str, Any]:
    """A delay that ends at a point in time (jq). After a period would not do: each change of the pod,
    such as Argo's ephemeral metadata, starts the count anew."""
    return {"durationFrom": {"jq": {"expression": f"({seconds_since_epoch}) | todate"}}}


def _annotated_seconds(name: str) -> str:
    return f'(.metadata.annotations["{ANNOTATION}/{name}"] // "10s" | {_SECONDS})'


# ---- Go templates: what a patch writes into `status`. They see the whole object.

_NOW = "{{ $now := Now }}\n"
_START_TIME = "startTime: {{ $now | Quote }}\n"
_ADDRESSES = """\
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}
{{ $hostNetwork := or .spec.hostNetwork false }}
{{ with PodIPsWith .spec.nodeName $hostNetwork .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}
"""
_IDENTITY = """\
  imageID: {{ printf "%s@sha256:%s" .image (sha256sum .image) | Quote }}
  containerID: {{ printf "kwok://%s" (sha256sum (printf "%s/%s/%v" $uid .name $count)) | Quote }}
"""
_NO_IDENTITY = """\
  imageID: ""
"""
_INIT_CONTAINERS = """\
{{ $uid := .metadata.uid }}
{{ $count := 0 }}
initContainerStatuses:
{{ range .spec.initContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
@identity@
  restartCount: 0
  ready: true
  {{ if eq (or .restartPolicy "") "Always" }}
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}
""".replace("@identity@", _IDENTITY)
# The restart count goes on from the one before, by @restarts@; so do lastState and the time of the start.
_CONTAINERS = """\
{{ $uid := .metadata.uid }}
{{ $before := or .status.containerStatuses list }}
containerStatuses:
{{ range $index, $container := .spec.containers }}
{{ $known := dict }}
{{ if lt $index (len $before) }}{{ $known = index $before $index }}{{ end }}
{{ $count := add (int (or $known.restartCount 0)) @restarts@ }}
{{ $since := dig "state" "running" "startedAt" $now $known }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
@identity@
  restartCount: {{ $count }}
  ready: @ready@
  started: @started@
  state: @state@
  lastState: @last@
{{ end }}
"""
_RUNNING = "{running: {startedAt: {{ $since | Quote }}}}"
_RESTARTED = "{running: {startedAt: {{ $now | Quote }}}}"
_LAST_KEPT = "{{ or $known.lastState dict | toJson }}"


def _terminated(code: int, reason: str) -> str:
    times = "startedAt: {{ $since | Quote }}, finishedAt: {{ $now | Quote }}"
    return f"{{terminated: {{exitCode: {code}, reason: {reason}, {times}}}}}"


def _waits(reason: str, message: str) -> str:
    """`message`: what follows printf in a Go template; it sees the container."""
    return "{waiting: {reason: " + reason + ", message: {{ printf " + message + " | Quote }}}}"


def _containers(state: str, ready: bool = False, pulled: bool = True, restarts: int = 0, last: str = _LAST_KEPT) -> str:
    """`containerStatuses`, with every container of the pod in `state`."""
    values = {
        "state": state,
        "last": last,
        "ready": json.dumps(ready),
        "started": json.dumps(state in (_RUNNING, _RESTARTED)),
        "restarts": str(restarts),
        "identity": _IDENTITY if pulled else _NO_IDENTITY,
    }
    text = _CONTAINERS
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> str:
    return f"""\
- type: {kind}
  status: "{status}"
  reason: "{reason}"
  message: "{message}"
  lastTransitionTime: {{{{ $now | Quote }}}}
"""


_STARTED_CONDITIONS = _condition("PodReadyToStartContainers", "True") + _condition("Initialized", "True")
_NAMES = "{{ $names := list }}{{ range .spec.containers }}{{ $names = append $names .name }}{{ end }}\n"
_UNREADY_MESSAGE = "containers with unready status: {{ $names }}"
_UNREADY_CONDITIONS = (
    f"{_NAMES}conditions:\n{_STARTED_CONDITIONS}"
    + _condition("ContainersReady", "False", "ContainersNotReady", _UNREADY_MESSAGE)
    + _condition("Ready", "False", "ContainersNotReady", _UNREADY_MESSAGE)
)
# A pod is Ready when its containers are and each of its readiness gates is met.
_READY_CONDITION = (
    """\
{{ $met := dict }}
{{ range .status.conditions }}
{{ if eq .status "True" }}{{ $_ := set $met .type "" }}{{ end }}
{{ end }}
{{ $unmet := list }}
{{ range .spec.readinessGates }}
{{ if not (hasKey $met .conditionType) }}{{ $unmet = append $unmet .conditionType }}{{ end }}
{{ end }}
{{ if $unmet }}
"""
    + _condition("Ready", "False", "ReadinessGatesNotReady", "readiness gates not met: {{ $unmet }}")
    + "{{ else }}\n"
    + _condition("Ready", "True")
    + "{{ end }}\n"
)


def _ended(phase: str, state: str, reason: str) -> str:
    conditions = _condition("ContainersReady", "False", reason) + _condition("Ready", "False", reason)
    return f"{_NOW}phase: {phase}\n{_containers(state)}conditions:\n{conditions}"


# ---- Stages


def _stage(
    name: str,
    when: Sequence[dict[str, Any]],
    steps: Sequence[dict[str, Any]],
    delay: dict[str, Any] | None = None,
    weight: int = 1,
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": "v1", "kind": "Node" if name.startswith("node-") else "Pod"},
        "selector": {"matchExpressions": list(when)},
        "steps": list(steps),
        "weight": weight,
    }
    if delay:
        spec["delay"] = delay
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": spec,
    }


def _patch(template: str) -> dict[str, Any]:
    return {"patch": {"subresource": "status", "root": "status", "template": template}}


def _warn(reason: str, message: str) -> dict[str, Any]:
    return {"event": {"type": "Warning", "reason": reason, "message": message}}


_DELETE = {"delete": True}
# Those that run before they are ready, if ever.
_UNREADY = ("never-ready", "slow-ready", "crash-loop")


def _node_stages() -> list[dict[str, Any]]:
    ready = """\
{{ $now := Now }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ .metadata.name | Quote }}}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
"""
    # Its leases, which KWOK renews by itself, are the heartbeat.
    not_ready = _no_match('.status.conditions[]? | select(.type == "Ready") | .status', "True")
    return [_stage("node-ready", [not_ready], [_patch(ready)])]


def _starting_stages() -> list[dict[str, Any]]:
    head = f"{_NOW}phase: Running\n{_START_TIME}{_ADDRESSES}{_INIT_CONTAINERS}"
    ready = f"{_containers(_RUNNING, ready=True)}conditions:\n"
    containers_ready = _condition("ContainersReady", "True")
    ready_at = f"(.status.startTime | fromdate) + {_annotated_seconds('ready-after')}"
    gates_moved = _match(f"({_READY_COMPUTED}) == {_READY_SHOWN}", "false")
    return [
        _stage(
            "pod-start",
            [_ALIVE, _phase("Pending"), _is_not("image-pull-failure", *_UNREADY)],
            [_patch(f"{head}{ready}{_STARTED_CONDITIONS}{containers_ready}{_READY_CONDITION}")],
        ),
        _stage(
            "pod-start-unready",
            [_ALIVE, _phase("Pending"), _is(*_UNREADY)],
            [_patch(f"{head}{_containers(_RUNNING)}{_UNREADY_CONDITIONS}")],
        ),
        _stage(
            "pod-become-ready",
            [_ALIVE, _phase("Running"), _is("slow-ready"), _containers_ready("False")],
            [_patch(f"{_NOW}{ready}{containers_ready}{_READY_CONDITION}")],
            delay=_until(ready_at),
        ),
        _stage(
            "pod-readiness-gates",
            [_ALIVE, _phase("Running"), _containers_ready("True"), gates_moved],
            [_patch(f"{_NOW}conditions:\n{_READY_CONDITION}")],
        ),
    ]


def _failing_stages() -> list[dict[str, Any]]:
    no_image = _waits("ErrImagePull", '"failed to pull image %q: not found" .image')
    back_off = _waits("ImagePullBackOff", '"Back-off pulling image %q" .image')
    crashed = _waits("CrashLoopBackOff", '"back-off restarting failed container=%s" .name')
    # A kubelet's back-off grows to 5 minutes, ours to 10 seconds: a lab is for the impatient.
    restart_at = (
        "(.status.containerStatuses[0].lastState.terminated.finishedAt | fromdate)"
        " + ([2, 4, 8][.status.containerStatuses[0].restartCount] // 10)"
    )
    return [
        _stage(
            "pod-image-pull-failure",
            [_ALIVE, _is("image-pull-failure"), _no_match(".status.containerStatuses[]?")],
            [
                _patch(f"{_NOW}{_START_TIME}{_ADDRESSES}{_containers(no_image, pulled=False)}{_UNREADY_CONDITIONS}"),
                _warn("Failed", "Error: ErrImagePull"),
            ],
        ),
        _stage(
            "pod-image-pull-back-off",
            [_ALIVE, _is("image-pull-failure"), _waiting("ErrImagePull")],
            [
                _patch(f"{_NOW}{_containers(back_off, pulled=False)}"),
                _warn("Failed", "Error: ImagePullBackOff"),
            ],
            delay={"durationMilliseconds": 1000},
        ),
        _stage(
            "pod-crash",
            [_ALIVE, _is("crash-loop"), _match(".status.containerStatuses[]?.state.running")],
            [
                _patch(f"{_NOW}{_containers(crashed, last=_terminated(1, 'Error'))}"),
                _warn("BackOff", "Back-off restarting failed container"),
            ],
            delay={"durationMilliseconds": 1000},
        ),
        _stage(
            "pod-restart",
            [_ALIVE, _is("crash-loop"), _waiting("CrashLoopBackOff")],
            [_patch(f"{_NOW}{_containers(_RESTARTED, restarts=1)}")],
            delay=_until(restart_at),
        ),
    ]


def _ending_stages() -> list[dict[str, Any]]:
    ended = [_ALIVE, _OF_A_JOB, _phase("Running"), _containers_ready("True")]
    # deletionTimestamp is when the grace period ends; then even a slow one is killed.
    gone_at = (
        "(.metadata.deletionTimestamp | fromdate) as $end | "
        "[$end, $end - .metadata.deletionGracePeriodSeconds"
        f" + {_annotated_seconds('terminate-after')}] | min"
    )
    return [
        _stage(
            "pod-complete",
            [*ended, _no_match(_JOB_RESULT, "fail")],
            [_patch(_ended("Succeeded", _terminated(0, "Completed"), "PodCompleted"))],
        ),
        _stage(
            "pod-fail",
            [*ended, _match(_JOB_RESULT, "fail")],
            [_patch(_ended("Failed", _terminated(1, "Error"), "PodFailed"))],
        ),
        _stage("pod-delete", [_GOING, _is_not("slow-termination")], [_DELETE]),
        _stage("pod-delete-slowly", [_GOING, _is("slow-termination")], [_DELETE], delay=_until(gone_at)),
    ]


def _address_stage() -> dict[str, Any]:
    """Changes nothing. KWOK hands out pod addresses from a pool in its memory and notes the address of
    a pod whenever it plays a Stage; so a restarted KWOK learns which ones are in use."""
    template = "podIP: {{ .status.podIP | Quote }}\n"
    return _stage("pod-address", [_ALIVE, _match(".status.podIP")], [_patch(template)], weight=0)


def stages() -> list[dict[str, Any]]:
    """All Stages of the lab, as objects of kwok.x-k8s.io/v1alpha1."""
    return [
        *_node_stages(),
        *_starting_stages(),
        *_failing_stages(),
        *_ending_stages(),
        _address_stage(),
    ]


def configuration() -> str:
    """Text of KWOK's configuration file: YAML documents, each in JSON form."""
    options = {
        # A configuration file turns KWOK's defaults off. Without the first three it exits; without the
        # fourth, once restarted, it leaves alone all pods that exist by then.
        "podPlayStageParallelism": 8,
        "nodePlayStageParallelism": 4,
        "nodeLeaseParallelism": 4,
        "podsOnNodeSyncParallelism": 4,
        "enablePodsOnNodeSyncListPager": True,
        # Otherwise its port would offer exec and logs to everyone on this machine.
        "enableDebuggingHandlers": False,
    }
    head = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "metadata": {"name": "kwok"},
        "options": options,
    }
    return "---\n".join(json.dumps(document, indent=1) + "\n" for document in [head, *stages()])
