# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took to the file that the variable DURATIONS names, as JSON lines."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: durations
    type: aggregate
    short_description: Durations of tasks, for the benchmarks
    description: From the start of the task to its result, on the control node.
"""


class CallbackModule(CallbackBase):
    """For one host: tasks do not overlap."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "durations"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task starts."""
        self._name, self._started = task.name, time.perf_counter()

    def v2_runner_on_ok(self, result: Any) -> None:
        """It has ended."""
        seconds = time.perf_counter() - self._started
        entry = {"task": self._name, "seconds": seconds, "changed": bool(result._result.get("changed"))}
        with open(os.environ["DURATIONS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
