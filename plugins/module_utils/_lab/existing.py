# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab on a cluster that somebody else has made: checks it and notes down where it is. Changes nothing there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._cluster.resources import Resource
from .errors import LabError
from .files import locked
from .paths import Cache, LabPaths
from .provider import EXISTING, decide_components
from .record import new_record, read_record, refuse_other_provider, write_record

# The oldest that the roles are for; their APIs are all there.
MINIMUM = (1, 27)
_REVIEW = Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews")


@dataclass(frozen=True)
class Right:
    """To do `verbs` with a resource, in every namespace."""

    group: str
    resource: str
    verbs: Sequence[str]

    @property
    def shown(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


_WRITE = ("get", "list", "create", "patch", "delete")
# A controller gets rights that whoever installs it need not have.
_GRANT = (*_WRITE, "escalate", "bind")
_CRDS = Right("apiextensions.k8s.io", "customresourcedefinitions", _WRITE)
_ROLES = (
    Right("rbac.authorization.k8s.io", "roles", _GRANT),
    Right("rbac.authorization.k8s.io", "rolebindings", _WRITE),
)
# Helm keeps its releases in Secrets, and looks at what a Deployment has made to see whether it is ready.
_HELM = (
    Right("", "secrets", ("update",)),
    Right("apps", "replicasets", ("list",)),
    Right("", "pods", ("list",)),
)
_DISRUPTIONS = Right("policy", "poddisruptionbudgets", _WRITE)
_CHECKS = Right("admissionregistration.k8s.io", "validatingwebhookconfigurations", _WRITE)
_COMMON = (
    Right("rbac.authorization.k8s.io", "clusterroles", _GRANT),
    Right("rbac.authorization.k8s.io", "clusterrolebindings", _WRITE),
    Right("", "namespaces", _WRITE),
    Right("", "serviceaccounts", _WRITE),
    Right("", "configmaps", _WRITE),
    Right("", "secrets", _WRITE),
    Right("", "services", _WRITE),
    Right("apps", "deployments", _WRITE),
)
_OWN = {
    "istio": (
        _CRDS,
        *_ROLES,
        *_HELM,
        _DISRUPTIONS,
        _CHECKS,
        Right("admissionregistration.k8s.io", "mutatingwebhookconfigurations", _WRITE),
        Right("autoscaling", "horizontalpodautoscalers", _WRITE),
        Right("apps", "daemonsets", _WRITE),
    ),
    "prometheus": (Right("apps", "statefulsets", ("list",)),),
    "ingress_nginx": (
        *_ROLES,
        *_HELM,
        _DISRUPTIONS,
        _CHECKS,
        Right("networking.k8s.io", "ingressclasses", _WRITE),
        Right("batch", "jobs", (*_WRITE, "watch")),
    ),
    "argo_rollouts": (
        _CRDS,
        Right("argoproj.io", "rollouts", (*_WRITE, "watch")),
        Right("argoproj.io", "analysisruns", ("list", "watch", "patch")),
    ),
}


def rights(components: Sequence[str]) -> list[Right]:
    """What the roles of the playbook `lab` need of a cluster: they install what every namespace can use.

    With the methods that are the lab's defaults; what kube-prometheus-stack needs, Helm tells.
    """
    return list(dict.fromkeys(right for group in (_COMMON, *map(_OWN.__getitem__, components)) for right in group))


class Asked(Protocol):
    """What is needed of `_cluster.Cluster`."""

    @property
    def host(self) -> str: ...

    def version(self) -> str: ...

    def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Connection:
    """How the user names the cluster; empty where kubernetes.core's variables and defaults do."""

    kubeconfig: str = ""
    context: str = ""


def adopt(
    name: str,
    cluster: Asked,
    connection: Connection,
    cache: Cache,
    check_mode: bool = False,
    wished: Sequence[str] | None = None,
) -> tuple[dict[str, Any], bool]:
    """The record of the lab, and whether it is new or other than it was. LabError where the cluster will not do.

    `wished`: what is to be installed, by default what was before.
    """
    paths = cache.lab(name)
    known = read_record(paths)
    _refuse_other_cluster(paths, known, cluster)
    version = cluster.version()
    check_version(version)
    components = decide_components(EXISTING, wished, (known or {}).get("components"))
    _check_rights(cluster, components)
    record = _record(paths, cluster.host, version, connection, components)
    if known is not None:
        record["created"] = known.get("created", record["created"])
    changed = known != record
    if changed and not check_mode:
        with locked(paths.lock):
            write_record(paths, record)
    return record, changed


def leave(name: str, cache: Cache, check_mode: bool = False) -> bool:
    """Forget the lab; False if there is none."""
    paths = cache.lab(name)
    if not paths.folder.exists():
        return False
    with locked(paths.lock):
        refuse_other_provider(paths, read_record(paths), EXISTING)
        if not check_mode:
            shutil.rmtree(paths.folder)
        paths.lock.unlink()
    return True


def _refuse_other_cluster(paths: LabPaths, known: dict[str, Any] | None, cluster: Asked) -> None:
    """A context may lead elsewhere than yesterday; what the lab has made is not there."""
    refuse_other_provider(paths, known, EXISTING)
    before = ((known or {}).get("addresses") or {}).get("apiserver", cluster.host)
    if before != cluster.host:
        raise LabError(
            f"lab {paths.name!r} is on the cluster at {before}, and progressive_kubeconfig and progressive_context now "
            f"lead to {cluster.host}: name the former again, or give the new lab another name (progressive_lab)"
        )


def _record(
    paths: LabPaths, host: str, version: str, connection: Connection, components: Sequence[str]
) -> dict[str, Any]:
    return new_record(
        paths,
        EXISTING,
        kubeconfig=connection.kubeconfig,
        context=connection.context,
        addresses={"apiserver": host},
        versions={"kubernetes": version},
        components=list(components),
    )


def check_version(version: str) -> None:
    """LabError if Kubernetes is too old; providers append words of their own (`v1.34.1-gke.100`)."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    if match is None or (int(match[1]), int(match[2])) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise LabError(
            f"the cluster is Kubernetes {version}, and the roles need {wanted} or newer: upgrade the cluster"
        )


def _check_rights(cluster: Asked, components: Sequence[str]) -> None:
    wanted = rights(components)
    missing = [f"{', '.join(verbs)} {right.shown}" for right in wanted if (verbs := _denied(cluster, right))]
    if missing:
        raise LabError(
            f"in the cluster at {cluster.host} you may not {'; '.join(missing)}: use a user with the ClusterRole "
            "cluster-admin, or have these rights granted"
        )


def _denied(cluster: Asked, right: Right) -> list[str]:
    return [verb for verb in right.verbs if not _allowed(cluster.create(_REVIEW, review(right, verb)))]


def review(right: Right, verb: str) -> dict[str, Any]:
    """The question to the apiserver, which answers it for whoever asks and keeps nothing."""
    attributes = {"group": right.group, "resource": right.resource, "verb": verb}
    return {
        "apiVersion": _REVIEW.api_version,
        "kind": _REVIEW.kind,
        "metadata": {"namespace": ""},
        "spec": {"resourceAttributes": attributes},
    }


def _allowed(answer: dict[str, Any]) -> bool:
    return bool((answer.get("status") or {}).get("allowed"))
