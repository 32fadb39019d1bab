# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program: python -m ansible_collections.progressive.delivery.plugins.module_utils._simulator.main --help"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .._lab.mirror import PODS, Mirror, Server
from .._lab.pod_network import guard_address
from .fleet import Fleet
from .libraries import MISSING, web
from .pods import pod_of
from .status import StatusPage

log = logging.getLogger(__name__)


def main(words: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(words)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    if MISSING is not None:
        raise MISSING
    with _guarded(options.network):
        asyncio.run(_simulate(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pod-simulator", description="Answers for the ready pods of a lab.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of an account that may list and watch pods")
    parser.add_argument("--network", required=True, help="first two octets of the pods' addresses, such as 127.71")
    parser.add_argument("--port", type=int, required=True, help="of the status page, on 127.0.0.1")
    return parser


def _guarded(network: str) -> socket.socket:
    """Keep other labs off the network for as long as this process lives."""
    host, port = guard_address(network)
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SystemExit(
            f"{host}:{port} is taken ({error.strerror}): another lab runs its pods in {network}; destroy one of them"
        ) from error


async def _simulate(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    changed, ended = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    def note() -> None:
        with suppress(RuntimeError):  # the mirror's threads live a little longer than the loop
            loop.call_soon_threadsafe(changed.set)

    mirror = Mirror(Server.of(options.kubeconfig), [PODS], note).start()
    fleet = Fleet(options.network)
    runner = web.AppRunner(StatusPage(fleet, mirror).application(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    following = asyncio.create_task(_follow(fleet, mirror, changed))
    stopping = asyncio.create_task(ended.wait())
    # The first never ends but by an error, which then is the program's.
    await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await asyncio.gather(fleet.close(), runner.cleanup())


async def _follow(fleet: Fleet, mirror: Mirror, changed: asyncio.Event) -> None:
    again: float | None = None
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), again)
        changed.clear()
        again = await fleet.follow([pod_of(found) for found in mirror.objects(PODS)])


if __name__ == "__main__":
    main()
