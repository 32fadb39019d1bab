# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the lab's data plane dies in the middle of a canary: that is missing evidence, and never a promotion.

It has a lab of its own, because it breaks it. One Rollout goes from version to version under load.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._lab.lab import Lab as Record
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus.client import Prometheus

from tests.integration.client import Client
from tests.integration.kit import Object, Stage, canary, service
from tests.integration.release import Release
from tests.integration.shop import VIRTUAL_SERVICE, split, virtual_service
from tests.integration.support import eventually, lab_down, lab_up, own_lab, play, run_playbook

PARTS = ("envoy", "prometheus", "mesh-translator", "pod-simulator")
# What the release says about a dead part. Without Prometheus nothing can be asked, whatever else lives.
SAID = {
    "envoy": 'up{job="envoy"} gives 0',
    "prometheus": "has no answer:",
    "mesh-translator": 'up{job="mesh-translator"} gives 0',
    "pod-simulator": 'up{job="cadvisor"} gives 0',
}
ROUTING: Object = {"istio": {"virtualService": {"name": "shop", "routes": ["primary"]}}}
SERVICES = {"stableService": "stable", "canaryService": "canary", "trafficRouting": ROUTING}
STEPS: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 100}]
USERS = [play(roles=["progressive.delivery.traffic"])]


@dataclass
class Shop:
    """The Rollout, its users, and the role that releases it."""

    stage: Stage
    release: Release
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def requests(self, services: str) -> str:
        """PromQL for the requests in `$window` to those of these Services, a regular expression."""
        called = f'destination_service_name=~"{services}",destination_service_namespace="{self.stage.namespace}"'
        return f"sum(increase(istio_requests_total{{{called}}}[$window]))"

    def calls_of_the_canary(self) -> float:
        """In the last seconds."""
        query = self.requests("canary").replace("$window", "3s") + " or vector(0)"
        return Prometheus(self.stage.lab.record["addresses"]["prometheus"]).instant(query).samples[0].value

    def demand(self, version: str) -> dict[str, Any]:
        """The role's variables for that version: it wants requests."""
        return {
            "images": {"app": f"shop:{version}"},
            "requests": {"canary": self.requests("canary")},
            "min_requests": 20,
            "evidence_timeout": 30,
        }

    def next_version(self) -> str:
        return f"{next(self.versions)}.0.0"

    def set_image(self, version: str) -> None:
        """It stands at its gate then."""
        self.stage.ok("rollout_set_image", images={"app": f"shop:{version}"}, wait_until="paused")

    def weights(self) -> list[int]:
        """Of the stable and of the new version, as the controller wants them."""
        found = self.stage.cluster.get(VIRTUAL_SERVICE, self.stage.namespace, "shop")
        return [each["weight"] for each in found["spec"]["http"][0]["route"]]

    def step(self) -> int:
        return int(self.stage.get()["status"]["currentStepIndex"])

    def answering(self) -> set[str]:
        """The versions that users get; empty unless all requests succeed."""
        answers = Client(self.stage.lab, f"stable.{self.stage.namespace}").many(40)
        return {answer.version for answer in answers} if all(answer.status == 200 for answer in answers) else set()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, lab = tmp_path_factory.mktemp("play"), lab_up(own_lab("evidence"))
    stage = Stage(lab, "shop")
    stage.kubectl("create", "namespace", stage.namespace)
    stage.apply(service("stable"), service("canary"), virtual_service(split(100)))
    stage.deploy(canary(steps=STEPS, strategy=SERVICES))
    users = folder / "users.yml"
    users.write_text(yaml.safe_dump(USERS))
    load = {"traffic_url": f"http://stable.{stage.namespace}", "traffic_rate": 50, "traffic_duration": "1h"}
    run_playbook(users, {"progressive_lab": lab.name, **load}).succeeded()
    yield Shop(stage, Release(stage, folder))
    lab_down(lab.name)


def kill(shop: Shop, part: str) -> None:
    record = Record.load(shop.stage.lab.name)
    os.kill(record.process(part).pid, signal.SIGKILL)
    eventually(lambda: not record.running(part))


def test_a_release_begins_only_with_users(shop: Shop) -> None:
    """Asked of what users send, not of the canary, which nobody can have reached yet."""
    stable, version = shop.answering().pop(), shop.next_version()
    refused = shop.release.fails(**shop.demand(version), traffic=shop.requests("nobody"))
    assert f"not known whether anybody sends requests to Rollout {shop.stage.namespace}/shop" in refused
    assert "gives nothing" in refused
    assert shop.answering() == {stable}

    done = shop.release.run(**shop.demand(version), traffic=shop.requests("stable|canary"), in_lab=True).succeeded()
    assert "promoted past 1 gate(s), each on evidence" in shop.release.said(done)
    eventually(lambda: shop.answering() == {version})


@pytest.mark.parametrize("part", PARTS)
def test_what_dies_at_the_gate_is_missing_evidence(shop: Shop, part: str) -> None:
    stable, version = shop.stage.ok("rollout_info", name="shop")["rollouts"][0]["images"]["app"], shop.next_version()
    demand = shop.demand(version)
    # The role prometheus says by itself what must be alive in a lab, but it wants to find a Prometheus.
    signals: dict[str, Any] = {"signals": ['up{job="envoy"}']} if part == "prometheus" else {"in_lab": True}
    shop.set_image(version)
    kill(shop, part)

    held = shop.release.fails(**demand, **signals)
    for words in ("is not promoted past its gate at step 1", "evidence is missing", SAID[part], "It stays where it is"):
        assert words in held
    assert (shop.step(), shop.weights()) == (1, [80, 20])

    aborted = shop.release.fails(**demand, **signals, on_missing_evidence="abort")
    for words in ("evidence is missing", SAID[part], "aborted revision", "where the requests really go is not known"):
        assert words in aborted
    assert shop.weights() == [100, 0]
    assert shop.stage.get()["status"]["abort"] is True

    lab_up(shop.stage.lab.name)
    eventually(lambda: shop.answering() == {stable.partition(":")[2]})
    done = shop.release.run(**demand, in_lab=True, retry=True).succeeded()
    assert "promoted past 1 gate(s), each on evidence" in shop.release.said(done)
    eventually(lambda: shop.answering() == {version})


def test_weights_that_nobody_carries_out_bring_no_requests(shop: Shop) -> None:
    """Even where nobody asks whether the translator lives: the new version stays without users."""
    version = shop.next_version()
    # Envoy keeps what it was told last, so that has to be that nobody goes to the canary.
    eventually(lambda: shop.weights() == [100, 0] and shop.calls_of_the_canary() == 0)
    kill(shop, "mesh-translator")
    shop.set_image(version)
    held = shop.release.fails(**{**shop.demand(version), "evidence_timeout": 4}, signals=[])
    assert "evidence is missing: canary: sum(increase(istio_requests_total" in held
    assert (shop.step(), shop.weights()) == (1, [80, 20])

    lab_up(shop.stage.lab.name)
    shop.release.run(**shop.demand(version), in_lab=True).succeeded()
    eventually(lambda: shop.answering() == {version})
