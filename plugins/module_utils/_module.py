# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of an ordinary module: arguments in, the engine's result out."""

from __future__ import annotations

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

# What is missing is reported by run_module, so that the argument specification can be read without it.
IMPORT_ERROR: str | None = None
AUTH_ARG_SPEC: dict[str, Any] = {}
try:
    from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

    from ._cluster.connect import connect
    from ._engine.task import run_task
    from ._prometheus.client import Prometheus, secrets_in
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

Spec = dict[str, Any]

AUTH: Spec = dict(AUTH_ARG_SPEC)
WAITING: Spec = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "str", "default": "5m"},
    "progress": {"type": "bool", "default": True},
}
WAIT: Spec = {
    **AUTH,
    **WAITING,
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
}
FORWARD: Spec = {
    **WAIT,
    "wait_until": {"type": "str", "choices": ["observed", "paused", "healthy"], "default": "observed"},
}
BACK: Spec = {
    **WAIT,
    "wait_until": {"type": "str", "choices": ["observed", "restored"], "default": "observed"},
}


def run_module(name: str, argument_spec: Spec, limits: Spec | None = None) -> None:
    """Run the engine's task of that name and exit; ``limits`` are AnsibleModule's, such as required_if."""
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True, **(limits or {}))
    if IMPORT_ERROR is not None:
        library = missing_required_lib("kubernetes and urllib3", reason="and the collection kubernetes.core")
        module.fail_json(msg=library, exception=IMPORT_ERROR)
    options = module.params.get("prometheus") or {}
    module.no_log_values.update(secrets_in(options.get("headers", {})))
    result = run_task(
        name,
        module.params,
        lambda: connect(module.params),
        check_mode=module.check_mode,
        prometheus=lambda address, timeout: Prometheus.of({**options, "address": address, "timeout": timeout}),
    )
    if not module._diff:
        result.pop("diff", None)
    if result.pop("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
