# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the pods of a lab can be reached: each has a loopback address that belongs to its IP.

A lab's pods have IPs of the same range as every other lab's, so the first two octets of the loopback
address tell the labs of a machine apart (`network` in lab.json, such as `127.71`).
"""

from __future__ import annotations

import socket

NETWORKS = tuple(f"127.{octet}" for octet in range(64, 254))

# Binding a port below this takes a privilege that the lab does without.
_FIRST_FREE_PORT = 1024
_LIFTED = 20000


def address_of(network: str, pod_ip: str) -> str:
    """`10.244.1.7` in the network `127.71` is `127.71.1.7`."""
    return ".".join([network, *pod_ip.split(".")[2:]])


def port_of(container_port: int) -> int:
    """The port that stands for a container's: the same, or 20000 more where it is below 1024."""
    return container_port if container_port >= _FIRST_FREE_PORT else container_port + _LIFTED


def guard_address(network: str) -> tuple[str, int]:
    """Where the simulator of the lab listens for as long as it runs: no pod has this address."""
    return f"{network}.255.254", 15000


def is_free(network: str) -> bool:
    """Whether no other lab of the machine, of whatever cache folder, runs its pods there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(guard_address(network))
        except OSError:
            return False
    return True
