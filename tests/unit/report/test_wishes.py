# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release cannot be meant to do is refused before anything is asked of a cluster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._report.wishes import faults

from tests.unit.report.support import Tree

CHECK = {"query": "errors", "min": 0, "max": 0.1}


def wish(**more: Any) -> Tree:
    """One service with what the role fills in."""
    return {
        "name": "shop",
        "images": {"app": "shop:2"},
        "namespace": "web",
        "wait_timeout": "10m",
        "min_requests": 0,
        "requests": {},
        "signals": [],
        "traffic": "",
        "checks": [],
        "accept_silence": [],
        "evidence_timeout": 60,
        "watch": "0s",
        "watch_interval": "10s",
        "hooks": {},
        **more,
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"images": {"*": "shop:2"}, "wait_timeout": 600, "watch": "5m", "watch_interval": "300"},
        # Extra variables are texts.
        {"min_requests": "5", "requests": {"canary": "hits"}, "evidence_timeout": "0"},
        {"checks": [CHECK, {"query": "up"}, {"query": "up", "min": "1"}], "signals": ["up"]},
        {"hooks": {"before": ["a.yml"], "gate": [], "after": None}},
        {"watch": "0s", "watch_interval": "1h"},
        {"traffic": "sum(increase(hits[$window]))"},
        {"traffic": None},
    ],
)
def test_what_can_be_done(more: Tree) -> None:
    assert faults([wish(**more)], "http://prometheus") == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"watch": "5m", "watch_interval": "0s"}, "release_watch_interval: '0s' is not usable; give more than 0"),
        ({"watch_interval": "-1s"}, "release_watch_interval: '-1s' is not usable; give a number of seconds"),
        ({"watch_interval": "soon"}, "release_watch_interval: 'soon' is not usable; give a number of seconds"),
        (
            {"watch": "5s"},
            "release_watch_interval is 10s, which is longer than release_watch (5s): nothing would be asked in that"
            " time; give a shorter one, or watch for longer",
        ),
        ({"watch": "-5m"}, "release_watch: '-5m' is not usable; give a number"),
        ({"watch": "5 minutes"}, "release_watch: '5 minutes' is not usable"),
        ({"wait_timeout": "0s"}, "release_wait_timeout: '0s' is not usable; give more than 0 seconds"),
        ({"wait_timeout": "10 m"}, "release_wait_timeout: '10 m' is not usable"),
        ({"evidence_timeout": -1}, "release_evidence_timeout is -1: give 0 or more"),
        ({"min_requests": "-5"}, "release_min_requests is -5: give 0 or more"),
        ({"min_requests": 5}, "release_min_requests is 5, but release_requests does not say how to count them"),
        ({"signals": "up"}, "release_signals is 'up': give a list"),
        ({"traffic": ["hits"]}, "release_traffic is ['hits']: give a text, the PromQL that counts"),
        ({"accept_silence": "errors"}, "release_accept_silence is 'errors': give a list"),
        ({"images": "app=shop:2"}, "release_images is 'app=shop:2': give a dictionary"),
        ({"requests": ["hits"]}, "release_requests is ['hits']: give a dictionary"),
        ({"hooks": {"gate": "smoke.yml"}}, "release_hooks.gate is 'smoke.yml': give a list"),
        ({"signals": ["up", " "]}, "release_signals has an entry without a query: take it out, or write its PromQL"),
        ({"requests": {"canary": None}}, "release_requests has an entry without a query"),
        ({"traffic": " "}, "release_traffic has an entry without a query"),
        ({"checks": [{"query": "", "max": 1}]}, "release_checks has an entry without a query"),
        (
            {"checks": [{"query": "errors", "min": 2, "max": "1"}]},
            "release_checks demands min 2 and max 1 of errors, which no value fulfils: correct them",
        ),
        ({"checks": [{"query": "errors", "max": ".nan"}]}, "release_checks has max .nan for errors: give a number"),
        ({"images": {"app": None}}, "release_images has no image for app: give one, such as shop:2.0.0, or leave it"),
        ({"images": {"app": " "}}, "release_images has no image for app"),
    ],
)
def test_what_cannot_be_done(more: Tree, said: str) -> None:
    (fault,) = faults([wish(), wish(name="till", **more)], "http://prometheus")
    assert fault.startswith("Rollout web/till: " + said)


@pytest.mark.parametrize("more", [{"name": ""}, {"images": {}}, {"images": None}])
def test_what_is_not_said(more: Tree) -> None:
    (fault,) = faults([wish(**more)], "")
    assert fault.startswith("Give release_name and release_images for one Rollout, or release_services")
    assert faults([], "") == [fault]


def test_a_service_that_is_named_twice() -> None:
    twice = [wish(), wish(name="till"), wish(images={"app": "shop:3"}), wish(namespace="other")]
    assert faults(twice, "") == [
        "release_services names Rollout web/shop twice: name it once, with all its images in one dictionary."
    ]


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"signals": ["up"]}, "release_signals asks"),
        ({"traffic": "hits"}, "release_traffic asks"),
        ({"checks": [CHECK], "requests": {"canary": "hits"}}, "release_requests and release_checks ask"),
    ],
)
def test_nobody_to_ask(more: Tree, names: str) -> None:
    (fault,) = faults([wish(), wish(name="till", **more)], "")
    assert fault.startswith(f"release_prometheus_address is empty, but {names} Prometheus: give its address")


def test_all_faults_are_told_at_once() -> None:
    assert len(faults([wish(watch="x", wait_timeout="0")], "")) == 2
