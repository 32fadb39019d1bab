# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions share that may run in the control process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible import constants as C  # noqa: N812 (everybody's name for it)
from ansible.plugins.action import ActionBase

# Ansible writes to a pipe in blocks, and would show the lines of a wait when it is over. This is the control process:
# actions are loaded before the workers are forked, whose stdout is no file.
with suppress(AttributeError, ValueError):
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


class Local(ActionBase):
    """An action that knows its surroundings and can show lines as it goes."""

    _supports_check_mode = True

    def _is_here(self) -> bool:
        """Whether the task is to run on this machine as this user."""
        return self._connection.transport == "local" and self._connection.become is None

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """With the task's `environment` on top of our own, as a module would see it."""
        given: dict[str, Any] = {}
        self._compute_environment_string(given)
        before = {name: os.environ.get(name) for name in given}
        os.environ.update({name: str(value) for name, value in given.items()})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def _show(self, line: str) -> None:
        """One line for people; each is an event of its own to ansible-runner."""
        self._display.display(f"  {line}", stderr=_machine_reads_stdout())


def _machine_reads_stdout() -> bool:
    """Whether a callback writes JSON there, for a program to read."""
    callback = str(C.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))
    return callback.rpartition(".")[2].startswith("json")
