# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pods of a lab are to be reached."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import lab as labs
from ansible_collections.progressive.delivery.plugins.module_utils._lab import pod_network
from ansible_collections.progressive.delivery.plugins.module_utils._lab.control_plane import POD_CIDR
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache
from hypothesis import given
from hypothesis import strategies as st

IPS = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(lambda octets: "10.244.{}.{}".format(*octets))
NETWORKS = st.sampled_from(pod_network.NETWORKS)


def test_an_address_keeps_the_end_of_the_pods_ip() -> None:
    assert POD_CIDR == "10.244.0.0/16"
    assert pod_network.address_of("127.71", "10.244.1.7") == "127.71.1.7"


@given(NETWORKS, IPS)
def test_every_address_is_loopback_and_none_is_the_machines_own(network: str, ip: str) -> None:
    address = ip_address(pod_network.address_of(network, ip))
    assert address.is_loopback
    assert address not in (ip_address("127.0.0.1"), ip_address("127.0.1.1"))


@given(NETWORKS, NETWORKS, IPS, IPS)
def test_no_two_pods_share_an_address(one: str, other: str, first: str, second: str) -> None:
    same = pod_network.address_of(one, first) == pod_network.address_of(other, second)
    assert same == ((one, first) == (other, second))


@pytest.mark.parametrize(
    ("container_port", "port"), [(1, 20001), (80, 20080), (443, 20443), (1023, 21023), (1024, 1024), (65535, 65535)]
)
def test_a_port_that_takes_a_privilege_is_lifted(container_port: int, port: int) -> None:
    assert pod_network.port_of(container_port) == port


@pytest.fixture
def network() -> str:
    return next(name for name in reversed(pod_network.NETWORKS) if pod_network.is_free(name))


def test_a_network_is_taken_while_its_guard_is_up(network: str) -> None:
    with socket.create_server(pod_network.guard_address(network)):
        assert not pod_network.is_free(network)
    assert pod_network.is_free(network)


def test_two_labs_of_a_cache_have_networks_of_their_own(
    network: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = next(name for name in pod_network.NETWORKS if name != network and pod_network.is_free(name))
    monkeypatch.setattr(pod_network, "NETWORKS", (network, other))
    made = []
    for name in ("blue", "green"):
        lab = labs.Lab(cache.lab(name), labs._new_record(cache.lab(name)))
        lab._save()
        made.append(lab.record["network"])
    assert set(made) == {network, other}
    with pytest.raises(LabError, match="all 2 networks for pods are taken"):
        labs._new_record(cache.lab("red"))


def test_labs_of_different_caches_see_each_other_by_the_guard(
    network: str, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_network, "NETWORKS", (network,))
    with (
        socket.create_server(pod_network.guard_address(network)),
        pytest.raises(LabError, match="networks for pods are taken by other labs; destroy some"),
    ):
        labs._new_record(cache.lab("blue"))


def test_a_lab_of_an_older_version_is_given_a_network(cache: Cache) -> None:
    record = labs._new_record(cache.lab("blue"))
    del record["network"]
    old = labs.Lab(cache.lab("blue"), record)
    labs._complete(old)
    assert record["network"] in pod_network.NETWORKS


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))
