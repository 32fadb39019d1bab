# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the lab's mesh and of its ingress. All load is bounded in rate and in number."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.integration.support import Lab

# Requests under way at once.
_PARALLEL = 32


@dataclass(frozen=True)
class Answer:
    """What came back, and when it was asked for. Without an answer at all, `status` is 0 and `body` says why."""

    status: int
    body: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    started: float

    @property
    def version(self) -> str:
        """Of the pod that answered; empty where none did."""
        return self.headers.get("x-version", "")


@dataclass
class Steady:
    """A load that goes on; `answers` grows."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def failures(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    @property
    def versions(self) -> Counter[str]:
        return Counter(answer.version for answer in self.answers)


@dataclass(frozen=True)
class Client:
    """Calls one host through the lab's Envoy; `listener`: mesh or ingress."""

    lab: Lab
    host: str
    listener: str = "mesh"

    @property
    def address(self) -> str:
        return str(self.lab.record["addresses"][self.listener])

    def get(self, path: str = "/", headers: Mapping[str, str] | None = None) -> Answer:
        return self.many(1, path, headers)[0]

    def many(self, count: int, path: str = "/", headers: Mapping[str, str] | None = None) -> list[Answer]:
        """The answers to this many requests, as fast as they come."""

        async def run() -> list[Answer]:
            answers: list[Answer] = []
            left = iter(range(count))

            async def worker(session: aiohttp.ClientSession) -> None:
                for _item in left:
                    answers.append(await self._ask(session, path, headers))  # noqa: PERF401 - others append meanwhile

            async with _session() as session:
                await asyncio.gather(*(worker(session) for _turn in range(min(_PARALLEL, count))))
            return answers

        return asyncio.run(run())

    @contextmanager
    def steadily(self, rate: int, at_most: float = 120.0) -> Iterator[Steady]:
        """This many requests a second, until the block ends or for `at_most` seconds."""
        steady, over = Steady(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._steadily(rate, at_most, steady, over)))
        thread.start()
        try:
            yield steady
        finally:
            over.set()
            thread.join()

    async def _steadily(self, rate: int, at_most: float, steady: Steady, over: threading.Event) -> None:
        async def one(session: aiohttp.ClientSession) -> None:
            steady.answers.append(await self._ask(session, "/", None))

        async with _session() as session, asyncio.TaskGroup() as group:
            start = time.monotonic()
            for number in range(int(rate * at_most)):
                await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
                if over.is_set():
                    return
                group.create_task(one(session))

    async def _ask(self, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str] | None) -> Answer:
        started = time.monotonic()
        try:
            async with session.get(self.address + path, headers={"Host": self.host, **(headers or {})}) as answer:
                status, body, given = answer.status, await answer.text(), answer.headers
                cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
        except (aiohttp.ClientError, TimeoutError) as error:
            status, body, given, cookies = 0, repr(error), {}, {}
        return Answer(status, body, given, cookies, started)


def _session() -> aiohttp.ClientSession:
    """Without a memory for cookies: each request is one of a new client."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_PARALLEL),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=15),
    )
