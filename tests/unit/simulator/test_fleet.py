# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of simulated pods, real ones on loopback addresses that no lab of this machine uses."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from ansible_collections.progressive.delivery.plugins.module_utils._lab import pod_network
from ansible_collections.progressive.delivery.plugins.module_utils._lab.mirror import Mirror
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.behaviour import BEHAVIOUR
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.fleet import Fleet
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.pods import Pod, pod_of
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.status import StatusPage
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.simulator.objects import pod

DRAIN = 0.1
# The pod of tests.unit.simulator.objects.
PLACE = "1.7:8080"


class Bench:
    """A fleet, and a client of its pods."""

    def __init__(self, network: str, session: aiohttp.ClientSession) -> None:
        self.network = network
        self.fleet = Fleet(network, drain=DRAIN)
        self.session = session

    async def ask(self, path: str = "/", method: str = "GET", place: str = PLACE, **other: Any) -> Answer:
        url = f"http://{self.network}.{place}{path}"
        async with self.session.request(method, url, **other) as response:
            return Answer(response.status, dict(response.headers), await response.text())

    async def refuses(self, place: str = PLACE) -> bool:
        try:
            await self.ask(place=place)
        except aiohttp.ClientConnectorError:
            return True
        return False

    async def follow_until_quiet(self, *pods: Pod) -> None:
        """As the program does: once more whenever the fleet wants it."""
        again = await self.fleet.follow(pods)
        while again is not None:
            await asyncio.sleep(again)
            again = await self.fleet.follow(pods)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def network() -> str:
    return next(
        name for name in random.sample(pod_network.NETWORKS, len(pod_network.NETWORKS)) if pod_network.is_free(name)
    )


@pytest.fixture
def play(network: str) -> Callable[[Callable[[Bench], Awaitable[None]]], None]:
    """Runs a scene on a fleet, and closes the fleet."""

    async def whole(scene: Callable[[Bench], Awaitable[None]]) -> None:
        async with aiohttp.ClientSession() as session:
            bench = Bench(network, session)
            try:
                await scene(bench)
            finally:
                await bench.fleet.close()

    return lambda scene: asyncio.run(whole(scene))


Play = Callable[[Callable[[Bench], Awaitable[None]]], None]


def behaving(name: str = "shop-1", **wanted: Any) -> Pod:
    found = pod(name)
    found["metadata"]["annotations"] = {BEHAVIOUR: json.dumps(wanted)}
    return pod_of(found)


def unready() -> Pod:
    return pod_of(pod(conditions=[]))


# ---- Answers


def test_a_pod_says_who_it_is(play: Play) -> None:
    labelled = pod()
    labelled["metadata"]["labels"] = {"role": "canary"}

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(labelled)])
        answer = await bench.ask("/items/1?page=2")
        assert answer.status == 200
        assert answer.headers["x-version"] == "1.0.0"
        assert answer.headers["x-pod"] == "shop-1"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.body == {
            "pod": "shop-1", "namespace": "apps", "node": "worker", "version": "1.0.0", "image": "team/shop:1.0.0",
            "deployment": "canary", "path": "/items/1",
        }  # fmt: skip

    play(scene)


def test_without_a_label_there_is_no_deployment_in_the_answer(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        assert "deployment" not in (await bench.ask()).body

    play(scene)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/status/200", 200),
        ("/status/404", 404),
        ("/status/503/more", 503),
        ("/status/204", 204),
        ("/status/304", 304),
        ("/status/100", 200),
        ("/status/999", 200),
        ("/status/2000", 200),
        ("/status/", 200),
        ("/a/status/500", 200),
    ],
)
def test_a_status_can_be_asked_for(play: Play, path: str, status: int) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        answer = await bench.ask(path)
        assert answer.status == status
        assert bool(answer.text) == (status not in (204, 304))

    play(scene)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_every_method_is_answered_and_a_body_is_read(play: Play, method: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        for _twice in range(2):  # what is left of a body would spoil the next request
            answer = await bench.ask("/a", method, data=b"x" * 200_000)
            assert (answer.status, answer.body["path"]) == (200, "/a")

    play(scene)


def test_head_has_no_body(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        answer = await bench.ask("/", "HEAD")
        assert (answer.status, answer.text) == (200, "")
        assert answer.headers["x-version"] == "1.0.0"

    play(scene)


def test_errors_come_at_their_rate_and_again_in_the_same_order(play: Play) -> None:
    runs = []

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(error_rate=0.2, error_status=503, seed=4)])
        answers = [await bench.ask(f"/items/{number}") for number in range(100)]
        statuses = [answer.status for answer in answers]
        assert 18 <= statuses.count(503) <= 22
        assert statuses.count(200) == 100 - statuses.count(503)
        assert {answer.headers["x-version"] for answer in answers} == {"1.0.0"}
        runs.append(statuses)

    play(scene)
    play(scene)
    assert runs[0] == runs[1]


def test_a_path_has_errors_of_its_own(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(paths={"/error": {"error_rate": 1}})])
        assert {(await bench.ask("/error/x")).status for _turn in range(5)} == {500}
        assert {(await bench.ask("/ok")).status for _turn in range(5)} == {200}

    play(scene)


def test_an_error_goes_before_the_status_that_was_asked_for(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(error_rate=1)])
        assert (await bench.ask("/status/200")).status == 500

    play(scene)


def test_latency_holds_up_one_request_and_not_the_others(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(latency_ms=500)])
        clock = asyncio.get_running_loop().time
        start = clock()
        await asyncio.gather(*(bench.ask() for _turn in range(10)))
        assert 0.49 < clock() - start < 4.5  # one after the other they would take 5 seconds

    play(scene)


@pytest.mark.parametrize("path", ["/metrics", "/stats/prometheus", "/my/own"])
def test_a_pod_is_measured(play: Play, path: str) -> None:
    annotated = pod()
    annotated["metadata"]["annotations"] = {
        "prometheus.io/path": "/my/own", "prometheus.io/port": "9102", BEHAVIOUR: '{"error_rate": 1, "memory_mb": 100}',
    }  # fmt: skip

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(annotated)])
        for _turn in range(3):
            await bench.ask("/items")
        await bench.ask(path)
        text = (await bench.ask(path, place="1.7:9102")).text
        counted = {
            (sample.labels["handler"], sample.labels["code"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "http_requests_total"
        }
        assert counted == {("items", "500"): 3, ("metrics", "200"): 1}
        assert "process_resident_memory_bytes 1e+08" in text

    play(scene)


# ---- As the cluster changes


def test_a_pod_answers_while_it_is_ready_and_a_while_after(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        assert await bench.fleet.follow([unready()]) is None
        assert await bench.refuses()
        assert await bench.fleet.follow([pod_of(pod())]) is None
        assert (await bench.ask()).status == 200
        assert await bench.fleet.follow([unready()]) == pytest.approx(DRAIN)
        assert (await bench.ask()).status == 200
        await bench.follow_until_quiet(unready())
        assert await bench.refuses()
        assert [seat.state for seat in bench.fleet.seats] == ["unready"]
        await bench.fleet.follow([pod_of(pod())])
        assert (await bench.ask()).status == 200

    play(scene)


def test_a_pod_that_is_gone_is_forgotten_after_its_drain(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        await bench.fleet.follow([])
        assert (await bench.ask()).status == 200
        assert [seat.state for seat in bench.fleet.seats] == ["leaving"]
        await bench.follow_until_quiet()
        assert await bench.refuses()
        assert not bench.fleet.seats

    play(scene)


def test_a_pod_that_becomes_ready_again_while_it_leaves_just_stays(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        await bench.fleet.follow([unready()])
        assert await bench.fleet.follow([pod_of(pod())]) is None
        assert (await bench.ask()).status == 200

    play(scene)


def test_counters_go_on_when_a_pod_is_ready_again(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod())])
        await bench.ask("/items")
        await bench.follow_until_quiet(unready())
        await bench.fleet.follow([pod_of(pod())])
        await bench.ask("/items")
        assert 'handler="items",method="GET"} 2.0' in (await bench.ask("/metrics")).text

    play(scene)


def test_an_address_that_is_used_again_is_the_new_pods_at_once(play: Play) -> None:
    new = pod("shop-2")
    new["metadata"]["annotations"] = {"prometheus.io/port": "9102"}

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(pod("shop-1"))])
        assert (await bench.ask()).body["pod"] == "shop-1"
        await bench.fleet.follow([pod_of(new)])
        assert (await bench.ask()).body["pod"] == "shop-2"  # on the connection that is open already
        assert (await bench.ask(place="1.7:9102")).body["pod"] == "shop-2"

    play(scene)


@pytest.mark.parametrize("new_leaves", [False, True])
def test_a_pod_that_leaves_keeps_the_ports_that_the_next_pod_of_its_ip_has_not(play: Play, new_leaves: bool) -> None:
    old, new = pod("shop-1"), pod("shop-2", startTime="2026-01-01T12:05:00Z")
    old["spec"]["containers"][0]["ports"] = [{"containerPort": 8080}, {"containerPort": 7070}]

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(old), pod_of(new)])
        left = [] if new_leaves else [pod_of(new)]
        await bench.fleet.follow(left)
        assert (await bench.ask()).body["pod"] == "shop-2"
        assert (await bench.ask(place="1.7:7070")).body["pod"] == "shop-1"
        await bench.follow_until_quiet(*left)
        assert await bench.refuses("1.7:7070")
        assert await bench.refuses() is new_leaves

    play(scene)


def test_nobody_is_refused_who_has_seen_that_a_pod_is_ready(play: Play) -> None:
    """Whoever asks for the states does so where the fleet lets others work."""

    async def scene(bench: Bench) -> None:
        pods = [pod_of(pod(f"shop-{number}", podIP=f"10.244.1.{number}")) for number in range(1, 6)]
        following = asyncio.create_task(bench.fleet.follow(pods))
        while not bench.fleet.seats:
            await asyncio.sleep(0)
        assert [seat.state for seat in bench.fleet.seats] == ["ready"] * len(pods)
        connected = [socket.create_connection(bench.fleet.addresses(found)[0], timeout=5) for found in pods]
        await following
        for found, connection in zip(pods, connected, strict=True):
            reader, writer = await asyncio.open_connection(sock=connection)
            writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            assert f"x-pod: {found.name}".encode() in await reader.read()
            writer.close()

    play(scene)


def test_a_fleet_can_be_closed_before_its_pods_answer(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        following = asyncio.create_task(bench.fleet.follow([pod_of(pod())]))
        while not bench.fleet.seats:
            await asyncio.sleep(0)
        following.cancel()
        await bench.fleet.close()
        assert await bench.refuses()

    play(scene)


def test_of_two_ready_pods_with_one_address_the_newer_answers(play: Play) -> None:
    older, newer = pod("shop-1"), pod("shop-2", startTime="2026-01-01T12:05:00Z")

    async def scene(bench: Bench) -> None:
        for order in ([older, newer], [newer, older]):
            await bench.fleet.follow([pod_of(found) for found in order])
            assert (await bench.ask()).body["pod"] == "shop-2"

    play(scene)


def test_a_changed_annotation_or_label_is_in_force_at_once(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving()])
        assert (await bench.ask()).status == 200
        await bench.fleet.follow([behaving(error_rate=1)])
        assert (await bench.ask()).status == 500
        promoted = pod()
        promoted["metadata"]["labels"] = {"role": "stable"}
        await bench.fleet.follow([pod_of(promoted)])
        assert (await bench.ask()).body["deployment"] == "stable"

    play(scene)


def test_where_somebody_else_listens_is_told_and_tried_again(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(bench: Bench) -> None:
        address = f"{bench.network}.1.7"
        with socket.create_server((address, 8080)):
            assert await bench.fleet.follow([pod_of(pod())]) == 1
            assert await bench.fleet.follow([pod_of(pod())]) == 1
            [seat] = bench.fleet.seats
            assert address in bench.fleet.problem(seat.server)
        assert await bench.fleet.follow([pod_of(pod())]) is None
        assert bench.fleet.problem(seat.server) == ""
        assert (await bench.ask()).status == 200

    play(scene)
    assert len(caplog.records) == 1


def test_a_pod_with_a_bad_annotation_behaves_plainly_and_that_is_told(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(error_rate=2)])
        assert (await bench.ask()).status == 200
        [seat] = bench.fleet.seats
        assert "error_rate is 2: give a number from 0 to 1" in bench.fleet.problem(seat.server)
        await bench.fleet.follow([behaving(error_rate=1)])
        assert bench.fleet.problem(seat.server) == ""

    play(scene)
    assert "pod apps/shop-1 behaves plainly: annotation" in caplog.text


def test_a_request_under_way_is_answered_when_the_fleet_is_closed(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(latency_ms=100)])
        request = asyncio.create_task(bench.ask())
        [seat] = bench.fleet.seats
        while not seat.server._numbers:
            await asyncio.sleep(0.005)
        await bench.fleet.close()
        assert (await request).status == 200
        assert await bench.refuses()

    play(scene)


# ---- The simulator's own page


class FakeMirror(Mirror):
    silence = 0.0

    def __init__(self) -> None:
        """Copies nothing."""


async def page(bench: Bench, mirror: Mirror, path: str) -> Answer:
    """What the status page answers."""
    runner = web.AppRunner(StatusPage(bench.fleet, mirror).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, f"{bench.network}.0.1", 15001).start()
    try:
        return await bench.ask(path, place="0.1:15001")
    finally:
        await runner.cleanup()


def test_it_is_healthy_once_it_knows_the_pods_and_while_it_hears_of_them(play: Play) -> None:
    async def scene(bench: Bench) -> None:
        mirror = FakeMirror()
        answer = await page(bench, mirror, "/healthz")
        assert (answer.status, answer.text) == (503, "the pods are not known yet\n")
        await bench.fleet.follow([])
        assert (await page(bench, mirror, "/healthz")).status == 200
        mirror.silence = 121.0
        answer = await page(bench, mirror, "/healthz")
        assert (answer.status, answer.text) == (503, "the apiserver has been silent for 121 s\n")

    play(scene)


def test_the_page_shows_every_pod_that_runs(play: Play) -> None:
    other = pod("other", podIP="", conditions=[])

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([behaving(latency_ms=3, paths={"/a": {"error_rate": 1}}), pod_of(other)])
        await bench.ask()
        first, second = (await page(bench, FakeMirror(), "/pods")).body
        assert (first["pod"], first["state"], first["address"], first["ports"]) == ("other", "unready", "", [])
        assert second == {
            "pod": "shop-1", "namespace": "apps", "version": "1.0.0", "state": "ready",
            "address": f"{bench.network}.1.7", "ports": [8080], "requests": 1, "problem": "",
            "behaviour": {
                "error_rate": 0, "error_status": 500, "latency_ms": {"p50": 3, "p95": 3},
                "memory_mb": 64, "memory_growth_mb_per_minute": 0, "cpu": 0.01,
                "paths": {"/a": {"error_rate": 1, "error_status": 500, "latency_ms": {"p50": 3, "p95": 3}}},
            },
        }  # fmt: skip

    play(scene)


def test_the_page_has_the_containers_of_the_pods_that_run(play: Play) -> None:
    gone, two = pod("gone"), pod("two", podIP="10.244.1.8", conditions=[])
    two["spec"]["containers"] = [{"name": "app", "image": "shop:1"}, {"name": "side", "image": "side:9"}]
    two["metadata"]["annotations"] = {BEHAVIOUR: '{"memory_mb": 100}'}

    async def scene(bench: Bench) -> None:
        await bench.fleet.follow([pod_of(gone), pod_of(two)])
        await bench.fleet.follow([pod_of(two)])
        text = (await page(bench, FakeMirror(), "/metrics/cadvisor")).text
        memory = [line for line in text.splitlines() if line.startswith("container_memory_working_set_bytes")]
        labels = 'namespace="apps",pod="two"'
        assert memory == [
            f'container_memory_working_set_bytes{{container="app",image="shop:1",{labels}}} 1e+08',
            f'container_memory_working_set_bytes{{container="side",image="side:9",{labels}}} 6.4e+07',
        ]

    play(scene)
