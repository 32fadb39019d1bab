# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter of the role argo_rollouts: from a release's manifest to what is applied."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._model.images import split_host, split_tag

DOCUMENTATION = r"""
name: rollouts_manifest
short_description: Split and adapt the manifest of an Argo Rollouts release
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Splits the text of an C(install.yaml) into CRDs and other objects, puts the objects into a namespace and pins
    the image.
  - CRDs stay text, because parsing 3 MB of schemas takes longer than all the rest.
positional: _input
options:
  _input:
    description: Text of the manifest.
    type: str
    required: true
  namespace:
    description: Namespace that takes the place of C(argo-rollouts).
    type: str
    default: argo-rollouts
  version:
    description: Tag that takes the place of the manifest's tag.
    type: str
    required: true
  image:
    description: Whole image that takes the place of the manifest's one.
    type: str
    default: ""
  registry:
    description: Registry that takes the place of the one in the manifest's image; the image's path stays.
    type: str
    default: ""
  replicas:
    description: Number of controllers, of which one is at work. More than one are spread over nodes.
    type: int
    default: 1
  resources:
    description: Requests and limits that take the place of the manifest's ones.
    type: dict
    default: {}
  leave_out:
    description: Kinds that are left out of the objects.
    type: list
    elements: str
    default: []
  crds:
    description: Texts of manifests that hold the CRDs, instead of those in the manifest.
    type: list
    elements: str
    default: []
  label:
    description: Key of a label on each CRD whose value is a hash of all of them.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: See which objects a release has
  ansible.builtin.debug:
    msg: "{{ manifest.references | map(attribute='kind') | unique }}"
  vars:
    manifest: >-
      {{ lookup('ansible.builtin.file', 'install.yaml')
         | progressive.delivery.rollouts_manifest(version='v1.10.2', label='example.com/schemas') }}
"""

RETURN = r"""
_value:
  description:
    - C(crds), the text of the labelled CRDs, C(crds_count), and C(schemas), the label's value.
    - C(objects), the other objects, and C(references), the C(apiVersion), C(kind) and C(metadata.name) of each.
  type: dict
"""

MANIFEST_NAMESPACE = "argo-rollouts"
_SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)
_CRD = re.compile(r"^kind: CustomResourceDefinition\s*$", re.MULTILINE)
_TOP_METADATA = re.compile(r"^metadata:[ \t]*\n(?P<labels>(?:  .*\n)*?  labels:[ \t]*\n)?", re.MULTILINE)

Object = dict[str, Any]


def rollouts_manifest(
    text: str,
    *,
    version: str,
    label: str,
    namespace: str = MANIFEST_NAMESPACE,
    image: str = "",
    registry: str = "",
    replicas: int = 1,
    resources: Mapping[str, Any] | None = None,
    leave_out: Sequence[str] = (),
    crds: Sequence[str] = (),
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    wish = _Controller(version, image, registry, int(replicas), json.dumps(resources or {}, sort_keys=True))
    return _adapt(str(text), label, namespace, wish, tuple(leave_out), tuple(map(str, crds)))


@dataclass(frozen=True)
class _Controller:
    """What the controller's Deployment shall be; `resources` as JSON."""

    version: str
    image: str
    registry: str
    replicas: int
    resources: str


# A role's variables are evaluated wherever they are used; the same 3 MB need not be read each time.
@lru_cache(maxsize=4)
def _adapt(
    text: str, label: str, namespace: str, wish: _Controller, leave_out: tuple[str, ...], crds: tuple[str, ...]
) -> dict[str, Any]:
    documents = list(_documents(text))
    sources = [part for each in crds for part in _documents(each)] if crds else documents
    schemas = [document for document in sources if _CRD.search(document)]
    digest = hashlib.sha256("".join(schemas).encode()).hexdigest()[:40]  # a label holds 63 characters
    objects = [yaml.safe_load(document) for document in documents if not _CRD.search(document)]
    kept = [item for item in objects if item and item["kind"] not in leave_out]
    for item in kept:
        _move(item, namespace)
        _shape(item, wish)
    return {
        "crds": "\n---\n".join(_labelled(document, label, digest) for document in schemas),
        "crds_count": len(schemas),
        "schemas": digest,
        "objects": kept,
        "references": [_reference(item) for item in kept],
    }


def _documents(text: str) -> Iterator[str]:
    return (part.strip("\n") + "\n" for part in _SEPARATOR.split(text) if part.strip())


def _labelled(document: str, key: str, value: str) -> str:
    """The document with one more label, added to those that it has."""

    def add(found: re.Match[str]) -> str:
        head = found.group(0)
        return f"{head}{'' if found['labels'] else '  labels:' + chr(10)}    {key}: '{value}'\n"

    return _TOP_METADATA.sub(add, document, count=1)


def _move(item: Object, namespace: str) -> None:
    """Out of the manifest's own namespace: the object, and the accounts that a binding names."""
    for place in (item["metadata"], *(item.get("subjects") or ())):
        if place.get("namespace") == MANIFEST_NAMESPACE:
            place["namespace"] = namespace


def _shape(item: Object, wish: _Controller) -> None:
    """The containers' image at the version, and the controllers as many and as big as wished."""
    spec = item.get("spec") or {}
    pod = (spec.get("template") or {}).get("spec") or {}
    for container in pod.get("containers") or ():
        container["image"] = wish.image or _pinned(container["image"], wish)
        # The tag of a release does not move.
        container["imagePullPolicy"] = "IfNotPresent"
        container["resources"] = json.loads(wish.resources) or container.get("resources") or {}
    if item["kind"] == "Deployment" and wish.replicas > 1:
        spec["replicas"] = wish.replicas
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": spec["selector"],
            }
        ]


def _pinned(image: str, wish: _Controller) -> str:
    """The image at the version, from the wished registry or its own."""
    host, rest = split_host(image.partition("@")[0])
    path, _tag = split_tag(rest)
    return "/".join(part for part in (wish.registry or host, path) if part) + f":{wish.version}"


def _reference(item: Object) -> Object:
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "metadata": {"name": item["metadata"]["name"]},
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Filters by name."""
        return {"rollouts_manifest": rollouts_manifest}
