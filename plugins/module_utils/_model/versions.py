# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of a Rollout as templates of an Experiment; mirrors ``GetExperimentFromTemplate`` of the controller."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from .errors import InvalidRequest

Tree = dict[str, Any]

STABLE, CANARY = VERSIONS = ("stable", "canary")
# What a template with specRef may have, as in the experiment step of a Rollout; weights need a Rollout's traffic.
_KEPT = ("name", "replicas", "service")
_KNOWN = frozenset({*_KEPT, "specRef", "selector", "metadata"})


def versions_in(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Which versions the templates ask for. Raises InvalidRequest for what no Rollout has."""
    wanted = tuple(dict.fromkeys(item["specRef"] for item in spec["templates"] if "specRef" in item))
    strange = next((version for version in wanted if version not in VERSIONS), None)
    if strange is not None:
        raise InvalidRequest("specRef", strange, f"use {' or '.join(VERSIONS)}")
    return wanted


def with_versions(spec: Mapping[str, Any], replica_set: Callable[[str], Mapping[str, Any]]) -> Tree:
    """The spec with the pods of these ReplicaSets (``spec`` of each) in the place of each ``specRef``."""
    templates = [
        _template(item, replica_set(item["specRef"])) if "specRef" in item else item for item in spec["templates"]
    ]
    return {**spec, "templates": templates}


def _template(asked: Mapping[str, Any], found: Mapping[str, Any]) -> Tree:
    unknown = sorted(set(asked) - _KNOWN)
    if unknown:
        remedy = f"a template with specRef has no {unknown[0]}; it can have {', '.join(sorted(_KNOWN))}"
        raise InvalidRequest(f"definition.templates.{unknown[0]}", asked[unknown[0]], remedy)
    pods, selector = copy.deepcopy(dict(found["template"])), dict(asked.get("selector") or found["selector"])
    meta, more = dict(pods.get("metadata") or {}), asked.get("metadata") or {}
    labels = {**(meta.get("labels") or {}), **(more.get("labels") or {})}
    annotations = {**(meta.get("annotations") or {}), **(more.get("annotations") or {})}
    pods["metadata"] = {"labels": labels, **({"annotations": annotations} if annotations else {})}
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **(more.get("labels") or {})}
    made = {key: asked[key] for key in _KEPT if key in asked}
    ready = {"minReadySeconds": found["minReadySeconds"]} if found.get("minReadySeconds") else {}
    return {**made, **ready, "selector": selector, "template": pods}
