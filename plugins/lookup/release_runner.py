# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs a release, and with what, for its report."""

from __future__ import annotations

DOCUMENTATION = r"""
name: release_runner
short_description: Say who runs a release, and with what
version_added: 1.0.0
author:
  - Contributors to the progressive.delivery collection (@progressive-delivery)
description:
  - What P(progressive.delivery.release_report#filter) takes as C(by) and no variable of Ansible has. It starts no
    process.
options:
  _terms:
    description: Takes none.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say which version of the collection this is
  ansible.builtin.debug:
    msg: "{{ lookup('progressive.delivery.release_runner').collection }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary with C(user) and C(host) of the control node, C(playbook) (the file names of the playbooks on the
      command line, or their names in a collection), and C(collection) (the version of this one). What is not known is
      empty.
  type: list
  elements: dict
"""

import json
import socket
from collections.abc import Mapping, Sequence
from getpass import getuser
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.plugins.lookup import LookupBase

_COLLECTION = Path(__file__).parents[2]


class LookupModule(LookupBase):
    """Ansible's entry point."""

    def run(
        self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """See DOCUMENTATION."""
        return [
            {
                "user": _user(),
                "host": socket.gethostname(),
                "playbook": _playbook(),
                "collection": version_in(_COLLECTION),
            }
        ]


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):
        return ""


def _playbook() -> str:
    """Without folders: a report is shown to people whom they do not concern."""
    named = context.CLIARGS.get("args")
    return ", ".join(Path(name).name for name in named) if isinstance(named, (list, tuple)) else ""


def version_in(folder: Path) -> str:
    """The version of the collection in that folder, as installed or as a checkout; empty where it does not say."""
    try:
        if (manifest := folder / "MANIFEST.json").is_file():
            return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
        return str(yaml.safe_load((folder / "galaxy.yml").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ""
