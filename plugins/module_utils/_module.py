# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of an ordinary module: arguments in, the engine's result out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._cluster.connect import connect
from ._engine.task import run_task
from ._prometheus.client import Prometheus, secrets_in

# What is missing is told by who needs it, `connect`: others, and who reads an argument specification, can do without.
try:
    from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
except ImportError:
    AUTH_ARG_SPEC = {}

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
# For verbs that write a spec.
GITOPS: Spec = {"gitops": {"type": "str", "choices": ["warn", "refuse", "ignore"], "default": "warn"}}
# For modules that judge an analysis.
SILENCE: Spec = {"accept_silence": {"type": "list", "elements": "str", "default": []}}
# For objects of a task's own.
OWN: Spec = {
    **WAIT,
    **SILENCE,
    "state": {"type": "str", "choices": ["present", "terminated", "absent"], "default": "present"},
    "recreate": {"type": "str", "choices": ["never", "finished", "always"], "default": "never"},
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
    module.no_log_values.update(hidden_values(module.params))
    try:
        result = run(name, module.params, check_mode=module.check_mode, diff=module._diff)
    except ImportError as error:
        library = missing_required_lib("kubernetes, PyYAML and urllib3", reason="beside the collection kubernetes.core")
        module.fail_json(msg=library, exception=error)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    if result.pop("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def run(
    name: str,
    params: Mapping[str, Any],
    *,
    check_mode: bool,
    diff: bool,
    listener: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """What the task of that name returns, ``failed`` included; with ``diff`` as in Ansible's diff mode.

    Raises ImportError, before it does anything, when it needs a library that is not there.
    """
    options = _prometheus(params)
    warnings: list[str] = []
    result = run_task(
        name,
        params,
        lambda: connect(params, warnings.append),
        check_mode=check_mode,
        listener=listener,
        prometheus=lambda address, timeout: Prometheus.of({**options, "address": address, "timeout": timeout}),
    )
    if not diff:
        result.pop("diff", None)
    if warnings:
        # A task may connect more than once, and warns once.
        result["warnings"] = [*dict.fromkeys(warnings), *result.get("warnings", ())]
    return result


def hidden_values(params: Mapping[str, Any]) -> list[str]:
    """What must not be shown beside what the argument specification says: secrets in free headers."""
    return secrets_in(_prometheus(params).get("headers", {}))


def _prometheus(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where a Prometheus is: in an option of that name, or in the options of a module that is about nothing else."""
    given: Mapping[str, Any] = params.get("prometheus", params)
    return given
