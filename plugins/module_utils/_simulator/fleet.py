# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pods answer where: the sockets of all pods of a lab, as the cluster changes."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .._lab.pod_network import address_of
from .libraries import web
from .pods import Pod
from .server import PodServer

log = logging.getLogger(__name__)

# Seconds until another try to listen where somebody else does, and that requests under way get at the end.
_RETRY = 1.0
_GRACE = 1.0
# Seconds; more than Envoy keeps an idle connection, so that it is never us who close one under a request.
_KEEPALIVE = 3900

Address = tuple[str, int]


class _Endpoint:
    """A listening socket. `occupant`: who answers there.

    It listens from the beginning, so that nobody is refused who has seen that the pod is ready; it answers once it is
    open. OSError if somebody else listens there.
    """

    def __init__(self, address: Address, occupant: PodServer) -> None:
        self.occupant = occupant
        self._connections = web.Server(self._answer, access_log=None, keepalive_timeout=_KEEPALIVE)
        self._server: asyncio.Server | None = None
        self._socket = socket.create_server(address)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connections, sock=self._socket)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        return await self.occupant.answer(request)

    def stop_listening(self) -> None:
        (self._server or self._socket).close()
        self._connections.pre_shutdown()  # closes those that are idle

    async def end(self) -> None:
        """Close the other connections, too."""
        await self._connections.shutdown(_GRACE)


@dataclass
class Seat:
    """A pod's place in the fleet. `leaves`: when it stops answering, None unless it is leaving."""

    server: PodServer
    leaves: float | None = None

    def answers(self, now: float) -> bool:
        return self.server.pod.ready or (self.leaves is not None and now < self.leaves)

    @property
    def state(self) -> str:
        if self.server.pod.ready:
            return "ready"
        return "unready" if self.leaves is None else "leaving"


class Fleet:
    """`network`: the first two octets of the pods' loopback addresses. `follows`: whether it has begun to.

    `drain`: seconds that a pod goes on answering after it has left: who sends to it has to hear of that first.
    """

    def __init__(self, network: str, drain: float = 5.0) -> None:
        self.follows = False
        self._network, self._drain = network, drain
        self._seats: dict[str, Seat] = {}
        self._endpoints: dict[Address, _Endpoint] = {}
        self._taken: dict[Address, str] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def seats(self) -> list[Seat]:
        return list(self._seats.values())

    def addresses(self, pod: Pod) -> list[Address]:
        """Where the pod is to be reached."""
        return [(address_of(self._network, pod.ip), port) for port in pod.ports] if pod.ip else []

    def problem(self, server: PodServer) -> str:
        """What keeps the pod from being as its annotations and its address want it; empty for nothing."""
        taken = [self._taken[address] for address in self.addresses(server.pod) if address in self._taken]
        return "; ".join(filter(None, [server.problem, *taken]))

    async def follow(self, pods: Iterable[Pod]) -> float | None:
        """Listen for what is ready, and no longer for what has left. Returns after how many seconds there is
        something to do although no pod has changed, None for never."""
        now = asyncio.get_running_loop().time()
        self._seat_all({pod.uid: pod for pod in pods if pod.running}, now)
        wanted = self._wanted(now)
        for address in [address for address in self._endpoints if address not in wanted]:
            self._close(address)
        self._taken = {address: why for address, why in self._taken.items() if address in wanted}
        new = [self._occupy(address, server) for address, server in wanted.items()]
        # Until here nobody could ask what state a pod is in: none is shown ready that refuses.
        for endpoint in filter(None, new):
            await endpoint.open()
        self.follows = True
        leaving = [seat.leaves - now for seat in self.seats if seat.leaves is not None]
        return min([*leaving, *([_RETRY] if self._taken else [])], default=None)

    def _seat_all(self, running: dict[str, Pod], now: float) -> None:
        for pod in running.values():
            self._seat(pod, now)
        for uid, seat in list(self._seats.items()):
            if uid not in running:
                self._seat(replace(seat.server.pod, running=False, ready=False), now)
                if not seat.answers(now):
                    del self._seats[uid]

    def _seat(self, pod: Pod, now: float) -> None:
        seat = self._seats.get(pod.uid)
        was_ready = seat is not None and seat.server.pod.ready
        if seat is None:
            seat = self._seats[pod.uid] = Seat(PodServer(pod))
        seat.server.update(pod)
        if pod.ready != was_ready:
            seat.leaves = None if pod.ready else now + self._drain
            self._tell(pod)
        elif not seat.answers(now):
            seat.leaves = None

    def _tell(self, pod: Pod) -> None:
        if pod.ready:
            places = " ".join(f"{host}:{port}" for host, port in self.addresses(pod))
            log.info("pod %s answers at %s (version %s)", pod.title, places, pod.version)
        else:
            log.info("pod %s leaves", pod.title)

    def _wanted(self, now: float) -> dict[Address, PodServer]:
        """An IP is used again soon after its pod has gone: then a port of both is the new pod's at once. The others
        stay with the pod that leaves, as if its IP were still its own: somebody may not have heard yet that it leaves.
        """
        candidates = [seat for seat in self.seats if seat.answers(now)]
        candidates.sort(key=lambda seat: (seat.server.pod.ready, seat.server.pod.started))
        return {address: seat.server for seat in candidates for address in self.addresses(seat.server.pod)}

    def _occupy(self, address: Address, server: PodServer) -> _Endpoint | None:
        """The endpoint if it has to be opened."""
        if address in self._endpoints:
            self._endpoints[address].occupant = server
            return None
        try:
            endpoint = _Endpoint(address, server)
        except OSError as error:
            if address not in self._taken:
                log.warning("pod %s: %s", server.pod.title, error.strerror)
            self._taken[address] = str(error.strerror)
            return None
        self._taken.pop(address, None)
        self._endpoints[address] = endpoint
        return endpoint

    def _close(self, address: Address) -> None:
        endpoint = self._endpoints.pop(address)
        endpoint.stop_listening()
        task = asyncio.create_task(endpoint.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        for address in list(self._endpoints):
            self._close(address)
        await asyncio.gather(*self._ending)
