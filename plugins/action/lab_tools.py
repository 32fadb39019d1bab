# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs `lab_tools` in the control process, so that ten minutes of building are not ten silent minutes."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from ansible_collections.progressive.delivery.plugins.module_utils._lab import tools
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache, cache_root
from ansible_collections.progressive.delivery.plugins.plugin_utils._local import Local


class ActionModule(Local):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        if not self._is_here():
            return result | self._execute_module(task_vars=task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=tools.ARGUMENT_SPEC)
        with self._environment():
            environ = dict(os.environ)
        request = tools.Request.from_arguments(arguments, environ)
        try:
            provided = tools.provide(request, Cache(cache_root(environ)), self._show, self._task.check_mode)
        except (LabError, OSError) as error:
            return result | {"failed": True, "msg": str(error)}
        return result | asdict(provided)
