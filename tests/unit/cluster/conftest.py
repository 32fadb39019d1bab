# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server and a cluster for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cluster import Cluster

from tests.unit.cluster.server import FakeServer, FakeTransport


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer().running() as running:
        yield running


@pytest.fixture
def cluster(server: FakeServer) -> Iterator[Cluster]:
    transport = FakeTransport(server.host)
    yield Cluster(transport)
    transport.pool.clear()
