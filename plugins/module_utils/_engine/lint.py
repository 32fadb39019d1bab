# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of ``rollout_lint``: read files and objects, apply the rules, and ask the apiserver if it may."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._cluster.errors import Conflict, Forbidden, Invalid, NotFound
from .._cluster.resources import (
    ANALYSIS_RUN,
    ANALYSIS_TEMPLATE,
    CLUSTER_ANALYSIS_TEMPLATE,
    EXPERIMENT,
    ROLLOUT,
    Object,
    Resource,
)
from .._lint.documents import MISSING, Document, Parsed, expand, parse
from .._lint.linter import flaws, is_ours, lint
from .._lint.places import Finding, Place
from .._lint.rules import ERROR, RULES, WARNING
from .._model.errors import InvalidRequest
from .ports import Clock, ClusterPort
from .retry import Patience

Params = Mapping[str, Any]
Result = dict[str, Any]

_ENDINGS = (".yml", ".yaml", ".json")
_RESOURCES: Mapping[str, Resource] = {
    resource.kind: resource
    for resource in (ROLLOUT, ANALYSIS_TEMPLATE, CLUSTER_ANALYSIS_TEMPLATE, ANALYSIS_RUN, EXPERIMENT)
}
# What the apiserver gives an object, and takes from nobody who creates one.
_GIVEN = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")
_PATH = re.compile(r"\b(spec|metadata)((?:\.[A-Za-z][A-Za-z0-9]*|\[[0-9]+\])*)")
# How long the apiserver may be away, and how long it may take for one document when it is not.
SECONDS, SECONDS_EACH = 30.0, 1.0
_FAILS_ON = {"error": (ERROR,), "warning": (ERROR, WARNING), "never": ()}


def lint_bundle(params: Params, cluster: Callable[[], ClusterPort], clock: Clock) -> Result:
    """The module's result. Raises InvalidRequest, ImportError without PyYAML, and a ClusterError when it asks."""
    if MISSING is not None:
        raise MISSING
    ignored = _ignored(params["ignore"])
    parsed = _read(params)
    if params["rollout"]:
        parsed.documents += expand("the cluster", _fetch(cluster(), clock, params["namespace"], params["rollout"]))
    documents = parsed.documents
    if not documents and not parsed.flaws:
        option = "files" if params["files"] else "objects"
        raise InvalidRequest(option, params[option], "there is no object of Kubernetes in it, so nothing was checked")
    findings = [*flaws(parsed.flaws), *lint(documents)]
    if params["online"]:
        findings += _ask(cluster(), clock, [found for found in documents if is_ours(found)], params["namespace"])
    findings = [finding for finding in findings if finding.rule not in ignored]
    return _result(findings, documents, _FAILS_ON[params["fail_on"]])


def _ignored(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in RULES:
            close = difflib.get_close_matches(name, RULES, n=1, cutoff=0)
            raise InvalidRequest("ignore", name, f"there is no such rule; the nearest is {close[0]}")
    return frozenset(names)


def _read(params: Params) -> Parsed:
    if not params["files"] and not params["objects"] and not params["rollout"]:
        raise InvalidRequest("files", params["files"], "give files, objects or a rollout")
    found = Parsed()
    for file in dict.fromkeys(file for pattern in params["files"] or () for file in _files(pattern)):
        try:
            parsed = parse(file.read_bytes(), str(file))
        except OSError as error:
            raise InvalidRequest("files", str(file), f"it cannot be read: {error.strerror}") from error
        found.documents += parsed.documents
        found.flaws += parsed.flaws
    for index, value in enumerate(params["objects"] or ()):
        documents = list(expand(f"objects[{index}]", value))
        if not documents and not str(value.get("kind", "")).endswith("List"):
            raise InvalidRequest(f"objects[{index}]", value, "give an object with apiVersion and kind")
        found.documents += documents
    return found


def _fetch(cluster: ClusterPort, clock: Clock, namespace: str, name: str) -> Object:
    """The Rollout as it is there."""
    return Patience(clock, SECONDS).call(lambda limit: cluster.get(ROLLOUT, namespace, name, limit))


def _files(pattern: str) -> list[Path]:
    """A file, those of a directory at any depth, or those that a pattern matches; in order."""
    path = Path(pattern)
    if path.is_dir():
        return _inside(path)
    if path.exists():
        return [path]
    if not glob.has_magic(pattern):
        raise InvalidRequest("files", pattern, "there is no such file or directory")
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
    if not found:
        raise InvalidRequest("files", pattern, "no file matches it")
    return [file for name in found for file in (_inside(name) if name.is_dir() else [name])]


def _inside(directory: Path) -> list[Path]:
    """Hidden files and directories are left out."""
    found = []
    for folder, inner, names in os.walk(directory):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        fitting = (name for name in sorted(names) if name.endswith(_ENDINGS) and not name.startswith("."))
        found += [Path(folder, name) for name in fitting]
    return found


def _ask(cluster: ClusterPort, clock: Clock, ours: Sequence[Document], namespace: str) -> Iterator[Finding]:
    """What the apiserver says to a dry run of each object of Argo Rollouts, within a time that grows with them."""
    patience = Patience(clock, SECONDS + SECONDS_EACH * len(ours))
    for document in ours:
        try:
            _dry_run(cluster, patience, document, namespace)
        except (Invalid, Forbidden) as error:
            # Forbidden by a webhook is about the object; without the right to create, nothing can be said.
            if isinstance(error, Forbidden) and "may not" in str(error):
                raise
            patience.answered()
            yield _place(document, str(error)).finding("schema", str(error))


def _dry_run(cluster: ClusterPort, patience: Patience, document: Document, namespace: str) -> None:
    """Under another name where the object is there, and in another namespace where its own is not there yet."""
    resource = _RESOURCES[document.kind]
    body = dict(document.object)
    metadata = body["metadata"] = dict(body["metadata"]) if isinstance(body.get("metadata"), Mapping) else {}
    for key in _GIVEN:
        metadata.pop(key, None)
    spread = resource is not CLUSTER_ANALYSIS_TEMPLATE
    metadata["namespace"] = (document.namespace or namespace) if spread else ""

    def create(limit: float) -> None:
        cluster.create(resource, body, dry_run=True, timeout=limit)

    def ask() -> None:
        """Under a name that cannot be taken where the object's own is."""
        try:
            patience.call(create)
        except Conflict:
            name = metadata.pop("name", "")
            if name:
                metadata["generateName"] = f"{name}-"
            patience.call(create)

    try:
        ask()
    except NotFound:
        # Another object may have its name there.
        metadata["namespace"] = "default"
        ask()


def _place(document: Document, message: str) -> Place:
    """The value that the apiserver speaks of, or the object."""
    place = Place(document, (), document.object)
    named = _PATH.search(message)
    for key, index in re.findall(r"([A-Za-z][A-Za-z0-9]*)|\[([0-9]+)\]", named[0] if named else ""):
        inner = dict(enumerate(place.items())).get(int(index)) if index else place.at(key)
        place = inner or place
    return place


def _result(findings: Sequence[Finding], documents: Sequence[Document], failing: tuple[str, ...]) -> Result:
    counts = {name: sum(finding.severity == name for finding in findings) for name in (ERROR, WARNING)}
    return {
        "changed": False,
        "failed": any(finding.severity in failing for finding in findings),
        "reason": "findings" if findings else "ok",
        "msg": _message(findings, documents, counts),
        "findings": [asdict(finding) for finding in findings],
        "documents": len(documents),
        "summary": {"errors": counts[ERROR], "warnings": counts[WARNING]},
    }


def _message(findings: Sequence[Finding], documents: Sequence[Document], counts: Mapping[str, int]) -> str:
    where = _many(len(documents), "document")
    if documents and not any(is_ours(document) for document in documents):
        where += " (none of Argo Rollouts)"
    if not findings:
        return f"{where} checked, nothing found."
    first = next((finding for finding in findings if finding.severity == ERROR), findings[0])
    place = first.file if first.line is None else f"{first.file}:{first.line}"
    about = f"{first.object}: " if first.object else ""
    said = ", ".join(_many(count, name) for name, count in counts.items() if count)
    return f"{said} in {where}. {place}: {about}{first.message} ({first.rule}). {first.remedy}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
