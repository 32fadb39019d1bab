# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page on a loopback address, for what the lab asks over HTTP: an analysis, or Prometheus."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.integration.support import Lab


class Page:
    """Answers every GET with what `content` gives then."""

    def __init__(self, content_type: str, content: Callable[[], str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = content().encode()
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Scraped(Page):
    """Metrics that the lab's Prometheus scrapes, with these labels, until they are closed."""

    def __init__(self, lab: Lab, name: str, labels: dict[str, str], content: Callable[[], str]) -> None:
        super().__init__("text/plain; version=0.0.4", content)
        self._targets = lab.folder / "prometheus" / "targets" / f"{name}.json"
        self._targets.write_text(json.dumps([{"targets": [self.address], "labels": labels}]))

    def close(self) -> None:
        self._targets.unlink(missing_ok=True)
        super().close()


@contextmanager
def held_address(*, listening: bool = False) -> Iterator[str]:
    """One that no other program gets meanwhile, and where at most the kernel says hello."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        if listening:
            holder.listen()
        yield f"127.0.0.1:{holder.getsockname()[1]}"
