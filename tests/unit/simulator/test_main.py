# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as such; that it works is proved on the lab."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import pod_network
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.main import main


def test_two_labs_cannot_have_their_pods_in_one_network() -> None:
    network = next(name for name in pod_network.NETWORKS if pod_network.is_free(name))
    words = ["--kubeconfig=/no/such/file", f"--network={network}", "--port=1"]
    with (
        socket.create_server(pod_network.guard_address(network)),
        pytest.raises(SystemExit, match=f"another lab runs its pods in {network}; destroy one of them"),
    ):
        main(words)
