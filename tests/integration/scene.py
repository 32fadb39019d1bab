# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things go wrong: a Rollout at a gate, people with too few rights, and servers that are no apiservers."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task
from ansible_collections.progressive.delivery.plugins.module_utils._lab import identities
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as LabRecord

from tests.integration.kit import Object, Result, Stage, argument_spec, arguments, canary, new_namespace
from tests.integration.page import held_address
from tests.integration.support import Lab

TOKEN = "s3cr3t-t0ken-that-nobody-may-see"

# Who has which rights in the namespace: ServiceAccount to (resources of argoproj.io, verbs).
ACCOUNTS: Mapping[str, tuple[list[str], list[str]]] = {
    "stranger": ([], []),
    "viewer": (["rollouts"], ["get", "list", "watch"]),
    "editor": (["rollouts"], ["get", "list", "watch", "patch"]),
    "blind": (["rollouts", "rollouts/status"], ["get", "list", "patch"]),
}


def _html(title: str) -> str:
    return f"<!DOCTYPE html>\n<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n"


# What may answer in an apiserver's place: (status, content type, body).
PAGES: Mapping[str, tuple[int, str, str]] = {
    "without_crds": (404, "text/plain; charset=utf-8", "404 page not found\n"),
    "website": (200, "text/html", _html("Welcome to our intranet")),
    "website_404": (404, "text/html", _html("404 Not Found")),
    "website_403": (403, "text/html", _html("Access denied")),
    "login": (302, "text/html", ""),
    "gateway": (502, "text/html", _html("502 Bad Gateway")),
    "overloaded": (429, "text/plain", "Too many requests, please try again later.\n"),
    "unavailable": (503, "text/plain", ""),
    "other_api": (200, "application/json", '{"hello": "world"}'),
}


@dataclass
class Scene:
    """A namespace with the Rollout `shop`, which waits at its first gate and which no controller touches.

    `pages`: the addresses of PAGES, and of `closed`, where nobody listens, and `mute`, who never says a word.
    """

    stage: Stage
    folder: Path
    pages: dict[str, str] = field(default_factory=dict)
    version: str = ""

    @property
    def address(self) -> str:
        """Of the real apiserver."""
        return self.stage.lab.record["addresses"]["apiserver"]

    def authority(self, name: str) -> str:
        """The certificate of one of the lab's authorities."""
        return str(self.stage.lab.folder / "pki" / f"{name}.crt")

    def page(self, name: str) -> Object:
        """The options that lead there."""
        return {"host": self.pages[name], "api_key": TOKEN}

    def account(self, name: str) -> str:
        """The kubeconfig of one of ACCOUNTS."""
        return str(self.folder / f"{name}.kubeconfig")

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def altered(self, name: str, alter: Callable[[Object, Object], None]) -> str:
        """A copy of the lab's kubeconfig; `alter` gets its cluster and its user to change."""
        config = json.loads(self.stage.lab.kubeconfig.read_text())
        alter(config["clusters"][0]["cluster"], config["users"][0]["user"])
        return self.file(name, json.dumps(config).encode())

    def options(self, module: str, given: Mapping[str, Any]) -> Object:
        """The options of a task, which works on `shop` as the administrator unless they say otherwise."""
        options: Object = {"namespace": self.stage.namespace, **given}
        if argument_spec(module).get("name", {}).get("required"):
            options.setdefault("name", "shop")
        if not {"host", "kubeconfig"} & set(options):
            options["kubeconfig"] = str(self.stage.lab.kubeconfig)
        return options

    def run(self, module: str, given: Mapping[str, Any], check: bool = False) -> Result:
        """The result of the task, run in-process."""
        params = arguments(module, self.options(module, given))
        return run_task(module, params, lambda: connect(params), check_mode=check)

    def written(self) -> bool:
        """Whether anything was written to the Rollout since the scene was set."""
        return self.stage.get()["metadata"]["resourceVersion"] != self.version

    def secrets(self) -> list[str]:
        """What must not be shown anywhere."""
        users = [json.loads(Path(self.account(name)).read_text())["users"][0]["user"] for name in ACCOUNTS]
        return [TOKEN, "PRIVATE KEY", "client-key-data", *(user["token"] for user in users)]


@contextmanager
def set_scene(lab: Lab, folder: Path) -> Iterator[Scene]:
    with new_namespace(lab, f"errors-{os.getpid()}") as stage, ExitStack() as stack:
        scene = Scene(stage, folder)
        for name, page in PAGES.items():
            scene.pages[name] = stack.enter_context(_server(*page))
        for name, listening in (("closed", False), ("mute", True)):
            scene.pages[name] = f"https://{stack.enter_context(held_address(listening=listening))}"
        stage.apply(*(item for name in ACCOUNTS for item in _account(name, stage.namespace)))
        for name in ACCOUNTS:
            identities.service_account(
                LabRecord.load(lab.name), stage.namespace, name, Path(scene.account(name)), seconds=3600
            )
        _raise_curtain(stage)
        scene.version = stage.get()["metadata"]["resourceVersion"]
        yield scene


def _raise_curtain(stage: Stage) -> None:
    """`shop` at the gate of its second version, as a controller would have left it."""
    rollout = canary()
    # A controller without --instance-id leaves objects with this label alone.
    rollout["metadata"]["labels"] = {"argo-rollouts.argoproj.io/controller-instance-id": "nobody"}
    stage.apply(rollout)
    status = {
        "observedGeneration": str(stage.get()["metadata"]["generation"]),
        "currentPodHash": "58d4b9fc7c",
        "stableRS": "6b5c9d7f44",
        "currentStepIndex": 1,
        "controllerPause": True,
        "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2025-03-21T08:00:00Z"}],
        "phase": "Paused",
        "message": "CanaryPauseStep",
        **dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), 5),
        "updatedReplicas": 1,
    }
    patch = json.dumps({"status": status})
    stage.kubectl("patch", "rollout", "shop", "--subresource=status", "--type=merge", "--patch", patch)


def _account(name: str, namespace: str) -> tuple[Object, Object, Object]:
    """A ServiceAccount and its rights."""
    resources, verbs = ACCOUNTS[name]
    rules = [{"apiGroups": ["argoproj.io"], "resources": resources, "verbs": verbs}] if verbs else []
    group, metadata = "rbac.authorization.k8s.io", {"name": name}
    reference = {"apiGroup": group, "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    binding = {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
    return (
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", **binding},
    )


@contextmanager
def _server(status: int, content_type: str, body: str) -> Iterator[str]:
    """The address of a server that answers every request like this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        do_PATCH = do_POST  # noqa: N815 (as the base class wants it)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
