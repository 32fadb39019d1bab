# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod in one word, as kubectl and the plugin print it (``info/pod_info.go`` of Argo Rollouts v1.10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]


def pod_result(pod: Raw) -> dict[str, Any]:
    """``name``, ``status``, ``ready`` (as ``1/2``), ``restarts`` and ``created``."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason, ready, restarts = _state(spec, status)
    if pod["metadata"].get("deletionTimestamp"):
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return {
        "name": pod["metadata"]["name"],
        "status": reason,
        "ready": f"{ready}/{len(spec.get('containers') or ())}",
        "restarts": restarts,
        "created": pod["metadata"].get("creationTimestamp") or "",
    }


def _state(spec: Raw, status: Raw) -> tuple[str, int, int]:
    """Word, ready containers and restarts."""
    starting = _starting(spec, status)
    if starting is not None:
        return starting[0], 0, starting[1]
    word = status.get("reason") or status.get("phase") or ""
    containers = status.get("containerStatuses") or ()
    stopped = [text for text in map(_stopped, containers) if text]
    word = stopped[0] if stopped else word
    ready = sum(bool(item.get("ready") and (item.get("state") or {}).get("running") is not None) for item in containers)
    restarts = sum(int(item.get("restartCount") or 0) for item in containers)
    return "Running" if word == "Completed" and ready else word, ready, restarts


def _stopped(container: Raw) -> str:
    """Why a container does not run; empty for one that does, or of which nothing is said."""
    state = container.get("state") or {}
    waiting = str((state.get("waiting") or {}).get("reason") or "")
    return waiting or (_ended(state["terminated"]) if state.get("terminated") is not None else "")


def _ended(terminated: Raw) -> str:
    number = terminated.get("signal")
    by_number = f"Signal:{number}" if number else f"ExitCode:{terminated.get('exitCode') or 0}"
    return str(terminated.get("reason") or by_number)


def _starting(spec: Raw, status: Raw) -> tuple[str, int] | None:
    """Word and restarts while an init container is not done; None once all of them are."""
    containers = spec.get("initContainers") or ()
    sidecars = {item.get("name") for item in containers if item.get("restartPolicy") == "Always"}
    restarts = 0
    for index, item in enumerate(status.get("initContainerStatuses") or ()):
        restarts += int(item.get("restartCount") or 0)
        if item.get("name") in sidecars and item.get("started"):
            continue
        if not _succeeded(item):
            reason = _stopped(item)
            counted = f"{index}/{len(containers)}"
            return f"Init:{counted if reason in ('', 'PodInitializing') else reason}", restarts
    return None


def _succeeded(container: Raw) -> bool:
    terminated = (container.get("state") or {}).get("terminated")
    return terminated is not None and not terminated.get("exitCode")
