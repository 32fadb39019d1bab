# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of the demo service: what its pods would report under an even load.

The lab's pods run no program, so somebody must answer for them. This looks at the pods that really are ready, shares
a fixed number of requests a second among them, lets the share of a version fail that --error-rate gives it, and
serves the counters as `demo_requests_total{version, pod_template_hash, code}` on /metrics. No random numbers: the
same pods give the same counters.
"""

from __future__ import annotations

import argparse
import base64
import json
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

HASH_LABEL = "rollouts-pod-template-hash"
Version = tuple[str, str]


class Pods:
    """Lists the pods of the service with the rights of a ServiceAccount."""

    def __init__(self, kubeconfig: Path, namespace: str, selector: str) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        query = urllib.parse.urlencode({"labelSelector": selector})
        self._request = urllib.request.Request(
            f"{cluster['server']}/api/v1/namespaces/{namespace}/pods?{query}",
            headers={"Authorization": f"Bearer {user['token']}", "Accept": "application/json"},
        )
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)

    def ready(self) -> Counter[Version]:
        """Number of ready pods by image tag and pod template hash."""
        with urllib.request.urlopen(self._request, context=self._tls, timeout=5) as answer:
            return Counter(_version(pod) for pod in json.load(answer)["items"] if _is_ready(pod))


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _version(pod: Mapping[str, Any]) -> Version:
    tag = pod["spec"]["containers"][0]["image"].rpartition(":")[2]
    return tag, pod["metadata"].get("labels", {}).get(HASH_LABEL, "")


class Load:
    """Counters that grow with time."""

    def __init__(self, rate: float, error_rates: Mapping[str, float]) -> None:
        self._rate, self._error_rates = rate, error_rates
        self._requests: defaultdict[Version, float] = defaultdict(float)
        self._errors: defaultdict[Version, float] = defaultdict(float)
        self._lock = threading.Lock()

    def pass_time(self, seconds: float, ready: Counter[Version]) -> None:
        """Count the requests of the last seconds."""
        share = self._rate * seconds / max(ready.total(), 1)
        with self._lock:
            for version, pods in ready.items():
                self._requests[version] += share * pods
                self._errors[version] += share * pods * self._error_rates.get(version[0], 0.0)

    def render(self) -> str:
        """The counters in Prometheus' text format."""
        lines = [
            "# HELP demo_requests_total Requests that the pods of a version answered.",
            "# TYPE demo_requests_total counter",
        ]
        with self._lock:
            for (tag, pod_hash), requests in sorted(self._requests.items()):
                errors = int(self._errors[tag, pod_hash])
                for code, count in (("200", int(requests) - errors), ("500", errors)):
                    labels = f'version="{tag}",pod_template_hash="{pod_hash}",code="{code}"'
                    lines.append(f"demo_requests_total{{{labels}}} {count}")
        return "\n".join(lines) + "\n"


def observe(pods: Pods, load: Load) -> None:
    """Follow the pods for ever; while the apiserver does not answer, no requests are counted."""
    last = time.monotonic()
    while True:
        time.sleep(0.5)
        now = time.monotonic()
        try:
            load.pass_time(now - last, pods.ready())
        except OSError as error:
            print(f"cannot list the pods: {error}", flush=True)
        last = now


def serve(port: int, load: Load) -> None:
    """Answer Prometheus on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = load.render().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A line each second would only fill the log."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _error_rate(text: str) -> tuple[str, float]:
    tag, _, rate = text.partition("=")
    return tag, float(rate)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--selector", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--error-rate", type=_error_rate, action="append", default=[], help="TAG=SHARE")
    options = parser.parse_args()
    load = Load(options.rate, dict(options.error_rate))
    pods = Pods(options.kubeconfig, options.namespace, options.selector)
    threading.Thread(target=observe, args=(pods, load), daemon=True).start()
    serve(options.port, load)


if __name__ == "__main__":
    main()
