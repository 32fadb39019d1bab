# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The simulator's own page: whether it works, which pods it plays, what a kubelet would measure of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .._lab.mirror import Mirror
from .behaviour import Stage
from .fleet import Fleet, Seat
from .libraries import web
from .metrics import CONTENT_TYPE, Cadvisor

# Seconds. The server says something at least once a minute.
_SILENCE = 120


class StatusPage:
    def __init__(self, fleet: Fleet, mirror: Mirror) -> None:
        self._fleet, self._mirror = fleet, mirror
        self._cadvisor = Cadvisor(
            lambda: (usage for seat in fleet.seats if seat.server.pod.running for usage in seat.server.usage())
        )

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/pods", self._pods)
        application.router.add_get("/metrics/cadvisor", self._kubelet)
        return application

    async def _healthz(self, _request: web.Request) -> web.Response:
        if not self._fleet.follows:
            return web.Response(status=503, text="the pods are not known yet\n")
        if self._mirror.silence > _SILENCE:
            return web.Response(status=503, text=f"the apiserver has been silent for {self._mirror.silence:.0f} s\n")
        return web.Response(text="ok\n")

    async def _pods(self, _request: web.Request) -> web.Response:
        seats = sorted(self._fleet.seats, key=lambda seat: seat.server.pod.title)
        return web.json_response([self._pod(seat) for seat in seats])

    def _pod(self, seat: Seat) -> dict[str, Any]:
        server, pod = seat.server, seat.server.pod
        addresses = self._fleet.addresses(pod)
        return {
            "pod": pod.name,
            "namespace": pod.namespace,
            "version": pod.version,
            "state": seat.state,
            "address": addresses[0][0] if addresses else "",
            "ports": [port for _other, port in addresses],
            "requests": server.served,
            "behaviour": _shown(server.stage),
            "problem": self._fleet.problem(server),
        }

    async def _kubelet(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._cadvisor.text(), headers={"Content-Type": CONTENT_TYPE})


def _shown(stage: Stage) -> dict[str, Any]:
    """With the keys of the annotation."""
    paths = {prefix: asdict(answers) for prefix, answers in stage.paths}
    return {**asdict(stage.answers), **asdict(stage.usage), "paths": paths}
