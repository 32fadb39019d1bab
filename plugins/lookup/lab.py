# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an embedded lab, for roles that run in another play than the one that made it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab
short_description: Read the record of an embedded lab
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - Gives what the role P(progressive.delivery.embedded_cluster#role) hands on as C(embedded_cluster_lab), for a play
    that comes later. Among it are C(kubeconfig), C(addresses), C(ports), C(bin), C(versions) and C(processes).
options:
  _terms:
    description: Names of labs.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Say where the lab's Prometheus is
  ansible.builtin.debug:
    msg: "{{ lookup('progressive.delivery.lab', 'default').addresses.prometheus }}"
"""

RETURN = r"""
_list:
  description: The record of each lab; empty for a name that no lab has.
  type: list
  elements: dict
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        cache = Cache.default()
        return [_record(cache, str(name)) for name in terms]


def _record(cache: Cache, name: str) -> dict[str, Any]:
    try:
        path = cache.lab(name).record
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (LabError, FileNotFoundError):
        return {}
    except ValueError as error:
        raise AnsibleLookupError(
            f"{path} is damaged ({error}): destroy lab {name!r} with the playbook lab_destroy, and make it anew"
        ) from error
    return record
