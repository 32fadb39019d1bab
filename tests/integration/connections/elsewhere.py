# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to this machine that is none of Ansible's local ones, as one by ssh would be."""

from __future__ import annotations

from ansible.plugins.connection.local import DOCUMENTATION as LOCAL
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = LOCAL.replace("name: local", "name: elsewhere")


class Connection(Local):
    """For Ansible a remote machine."""

    transport = "elsewhere"
