# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load is checked before it is made."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest
from ansible_collections.progressive.delivery.plugins.module_utils._model.load import Load, Path

USUAL = {
    "name": "shop",
    "url": "http://shop.demo/status/200",
    "rate": 50,
    "max_rate": 1000,
    "max_requests": 1_000_000,
    "duration": "30s",
    "clients": 100,
    "timeout": "10s",
    "version_header": "x-version",
}


def load(**other: Any) -> Load:
    return Load.from_variables({**USUAL, **other})


def test_the_least_that_is_needed() -> None:
    assert load() == Load("shop", "http://shop.demo/status/200", rate=50, seconds=30, clients=100, timeout=10)


def test_numbers_may_be_texts_as_extra_variables_are() -> None:
    assert load(rate="7", duration="60", clients="3", max_rate="10") == load(rate=7, duration="1m", clients=3)


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("url", None, "is missing; give an address such as http://shop.demo/"),
        ("url", "shop.demo/cart", "give an address"),
        ("url", "ftp://shop.demo/", "give an address"),
        ("url", "http://", "give an address"),
        ("url", "http://shop:port/", "give an address"),
        ("url", "http://shop:0/", "give an address"),
        ("url", "http://shop/#part", "give an address"),
        ("name", "Shop", "use 1 to 24 lower-case letters, digits and hyphens"),
        ("name", "x" * 25, "use 1 to 24"),
        ("name", None, "is missing; use 1 to 24"),
        ("rate", 0, "give a whole number from 1 to 1000; traffic_max_rate sets this bound"),
        ("rate", 1001, "from 1 to 1000"),
        ("rate", 1.5, "whole number"),
        ("rate", "many", "whole number"),
        ("rate", "9" * 5000, "whole number"),
        ("duration", "soon", "a duration such as 5m"),
        ("duration", "2h", "give a time from 1s to 1h"),
        ("duration", 0, "give a time from 1s to 1h"),
        ("timeout", "61s", "give a time from 1s to 1m"),
        ("clients", 10_001, "from 1 to 10000"),
        ("method", "BREW", "give one of DELETE, GET"),
        ("address", "shop.demo", "give an IP address and a port"),
        ("address", "https://10.0.0.1:80", "give an IP address and a port"),
        ("paths", ["cart"], "give a path such as /cart"),
        ("paths", [3], "give a path such as /cart"),
        ("paths", [{"weight": 1}], "give a path such as /cart"),
        ("paths", [{"path": "/cart", "weight": 0}], "weight above 0"),
        ("paths", [{"path": "/cart", "weight": "inf"}], "weight above 0"),
        ("paths", [{"path": "/cart", "weight": "heavy"}], "weight above 0"),
        ("version_header", "x version", "give the name of a header"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(option: str, value: object, remedy: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^traffic_{option}.*{remedy}"):
        load(**{option: value})


def test_the_number_of_requests_is_bounded() -> None:
    assert load(rate=100, duration="1h", max_requests=360_000).seconds == 3600
    with pytest.raises(
        InvalidRequest, match=r"traffic_duration: '1h' .* at 100 a second this is more than 359999 requests"
    ):
        load(rate=100, duration="1h", max_requests=359_999)


def test_paths_may_have_weights() -> None:
    given = ["/a", {"path": "/b?x=1", "weight": 3}, "?q=1", {"path": ""}]
    assert load(paths=given).paths == (Path("/a"), Path("/b?x=1", 3), Path("?q=1"), Path(""))


def test_the_generator_is_told_what_it_needs() -> None:
    told = load(headers={"x-user": 7}, cookies={"beta": True}, method="post", body="{}", paths=["/a"]).parameters()
    assert told == {
        "name": "shop",
        "url": "http://shop.demo/status/200",
        "paths": [{"path": "/a", "weight": 1}],
        "method": "POST",
        "headers": {"x-user": "7"},
        "cookies": {"beta": "True"},
        "body": "{}",
        "rate": 50,
        "seconds": 30,
        "timeout": 10,
        "clients": 100,
        "in_flight": 100,
        "hosts": {},
        "version_header": "x-version",
    }


@pytest.mark.parametrize(("clients", "in_flight"), [(1, 1), (200, 200), (201, 200), (10_000, 200)])
def test_requests_under_way_are_bounded_by_the_clients_and_in_all(clients: int, in_flight: int) -> None:
    assert load(clients=clients).parameters()["in_flight"] == in_flight


@pytest.mark.parametrize(
    ("url", "address", "hosts"),
    [
        ("http://shop.demo/", "http://127.0.0.1:20001", {"shop.demo:80": "127.0.0.1:20001"}),
        ("http://shop.demo:8080/", "127.0.0.1:20001", {"shop.demo:8080": "127.0.0.1:20001"}),
        ("https://shop.demo/", "[::1]:443", {"shop.demo:443": "[::1]:443"}),
    ],
)
def test_the_host_is_led_to_the_address(url: str, address: str, hosts: dict[str, str]) -> None:
    assert load(url=url, address=address).parameters()["hosts"] == hosts
