# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's mesh: follows the cluster's objects and keeps Envoy's files as they say.

Run by the role istio. Its status site answers `/healthz` (200 once the first translation is there) and `/status`:
JSON with `generation`, `files` (version and time of each, and whether Envoy has taken it over), `problems` (a list
of object and problem), and `silence` (seconds since the apiserver said anything). `/metrics` has the figures that
Prometheus can tell a dead translator by.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
import traceback
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .._lab.mirror import PODS, SERVICES, Kind, Mirror, Server
from .publisher import Envoy, Ports, Publisher
from .snapshot import Objects, translate

VIRTUAL_SERVICES = Kind("apis/networking.istio.io/v1", "virtualservices", optional=True)
DESTINATION_RULES = Kind("apis/networking.istio.io/v1", "destinationrules", optional=True)
INGRESSES = Kind("apis/networking.k8s.io/v1", "ingresses")
KINDS = (SERVICES, PODS, VIRTUAL_SERVICES, DESTINATION_RULES, INGRESSES)

# Seconds. A deployment changes many pods at once: they go into one translation.
_GATHER = 0.01


class Translator:
    """Translates whenever something has changed."""

    def __init__(self, mirror: Mirror, publisher: Publisher, network: str) -> None:
        self._mirror, self._publisher, self._network = mirror, publisher, network
        self._problems: list[dict[str, str]] = []
        self._generation = 0
        self.ready = False

    def translate(self) -> None:
        """Bring Envoy's files up to date; keep them as they are, and say so, when that fails."""
        read = self._mirror.objects
        objects = Objects(
            services=read(SERVICES),
            pods=read(PODS),
            virtual_services=read(VIRTUAL_SERVICES),
            destination_rules=read(DESTINATION_RULES),
            ingresses=read(INGRESSES),
        )
        try:
            snapshot = translate(objects, self._network)
            self._publisher.publish(snapshot)
        except Exception as error:
            # One odd object must not end the mesh of all others.
            traceback.print_exc()
            self._problems = [{"object": "translator", "problem": f"keeps the state of before: {error!r}"}]
        else:
            self._problems = snapshot.problems
            self.ready = True
        self._generation += 1

    def status(self) -> dict[str, Any]:
        taken = self._publisher.envoy.versions()
        files = {
            name: {
                "version": version,
                "written": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
                "applied": None if taken is None else taken.get(name) == version,
            }
            for name, (version, moment) in self._publisher.written.items()
        }
        late = [
            {"object": "Envoy", "problem": f"has not taken over {name}.json: its log says why"}
            for name, file in files.items()
            if file["applied"] is False
        ]
        return {
            "generation": self._generation,
            "files": files,
            "problems": [*self._problems, *late],
            "silence": round(self._mirror.silence, 1),
        }

    def metrics(self) -> str:
        """For Prometheus, which comes each second: nothing here asks Envoy."""
        figures = {
            "mesh_translations_total": ("counter", self._generation),
            "mesh_problems": ("gauge", len(self._problems)),
            "mesh_silence_seconds": ("gauge", round(self._mirror.silence, 1)),
        }
        return "".join(f"# TYPE {name} {kind}\n{name} {value}\n" for name, (kind, value) in figures.items())


def serve(port: int, translator: Translator) -> None:
    """The status site, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200 if translator.ready else 503, {"ready": translator.ready})
            elif self.path == "/status":
                self._answer(200, translator.status())
            elif self.path == "/metrics":
                self._send(200, "text/plain; version=0.0.4", translator.metrics().encode())
            else:
                self._answer(404, {"error": "there are /healthz, /status and /metrics"})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            self._send(status, "application/json", json.dumps(content, indent=2).encode() + b"\n")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A line for each look would only fill the log."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()


def main(arguments: list[str]) -> None:
    """Entry point; returns only by a signal."""
    parser = argparse.ArgumentParser(prog="translator", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="of the files that Envoy reads")
    parser.add_argument("--network", required=True, help="first two octets of the pods' loopback addresses")
    for name in ("mesh", "ingress", "admin", "status"):
        parser.add_argument(f"--{name}-port", type=int, required=True)
    options = parser.parse_args(arguments)

    publisher = Publisher(options.folder, Envoy(options.admin_port))
    publisher.begin(Ports(options.mesh_port, options.ingress_port, options.admin_port))
    changed = threading.Event()
    mirror = Mirror(Server.of(options.kubeconfig), KINDS, changed.set).start()
    translator = Translator(mirror, publisher, options.network)
    serve(options.status_port, translator)
    while changed.wait():
        time.sleep(_GATHER)
        changed.clear()
        if mirror.synced:
            translator.translate()


if __name__ == "__main__":
    main(sys.argv[1:])
