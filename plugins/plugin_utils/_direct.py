# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct execution: a module's task run in the control process, where its result is the same and its waits are seen.

The strategy loads an action's class before it forks the workers. What is imported here, with the engine and the
Kubernetes client behind it, is therefore imported once for all tasks of a playbook.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from ansible import constants as C  # noqa: N812 (everybody's name for it)
from ansible.errors import AnsibleFileNotFound
from ansible.module_utils.common.arg_spec import ModuleArgumentSpecValidator, ValidationResult
from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible_collections.progressive.delivery.plugins.module_utils import _module as frame
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.rehearsal import rehearse
from ansible_collections.progressive.delivery.plugins.module_utils._engine.progress import Progress
from ansible_collections.progressive.delivery.plugins.plugin_utils._local import Local

Variables = Mapping[str, Any]
Result = dict[str, Any]

# How a module gets its arguments.
_ENCODER = get_module_encoder("legacy", Direction.CONTROLLER_TO_MODULE)
_DECODER = get_module_decoder("legacy", Direction.CONTROLLER_TO_MODULE)


rehearse()


class Direct(Local):
    """A module's action. Without a reason to start another process, it runs in this one."""

    _supports_async = True
    # The module's file: its documentation and its arguments are also the action's.
    module: ClassVar[ModuleType]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """The module's result, wherever it runs."""
        variables = task_vars or {}
        result: Result = super().run(tmp, variables)
        with self._arguments() as arguments:
            if self._is_direct(variables):
                # Without a library the module is asked: another Python may have it, or it tells what is missing.
                # A path is as seen from the folder of the playbook, where Ansible starts modules.
                with suppress(ImportError), self._environment(), chdir(self._loader.get_basedir()):
                    return result | self._run_here(arguments, variables)
            return result | self._execute_module(
                module_args=arguments, task_vars=variables, wrap_async=bool(self._task.async_val)
            )

    def _is_direct(self, variables: Variables) -> bool:
        return self._is_here() and not self._task.async_val and self._is_this_python(variables)

    def _is_this_python(self, variables: Variables) -> bool:
        """Whether the task asks for no other Python. One that was to be discovered may as well be this one."""
        if self._task.delegate_to:
            variables = variables["ansible_delegated_vars"][self._task.delegate_to]
        setting = C.config.get_config_value("INTERPRETER_PYTHON", variables=variables)
        wanted = str(self._templar.template(setting) or "").strip()
        return not wanted or wanted in _TO_BE_DISCOVERED or _same_python(wanted)

    def _run_here(self, given: Result, variables: Variables) -> Result:
        """As AnsibleModule does it: validate, run, hide what must not be shown."""
        limits = getattr(self.module, "LIMITS", {})
        arguments = _as_sent(given)
        checked = ModuleArgumentSpecValidator(self.module.ARGUMENT_SPEC, **limits).validate(arguments)
        params = arguments | checked.validated_parameters
        hidden = set(checked._no_log_values)
        if checked.error_messages:
            result: Result = {"failed": True, "msg": self._complaint(checked)}
        else:
            hidden.update(frame.hidden_values(params))
            result = self._perform(params, self._listener(params, variables))
        if _tells_invocation(variables):
            result = result | {"invocation": {"module_args": params}}
        return _censored(result, hidden)

    def _perform(self, params: Result, listener: Callable[[Result], None] | None) -> Result:
        name = self.module.__name__.rpartition(".")[2]
        task = self._task
        result = frame.run(name, params, check_mode=task.check_mode, diff=task.diff, listener=listener)
        return result if result["failed"] else {key: value for key, value in result.items() if key != "failed"}

    def _complaint(self, checked: ValidationResult) -> str:
        text = str(checked.errors.msg)
        if isinstance(checked.errors[0], UnsupportedError):
            return f"Unsupported parameters for ({self._task.action}) module: {text}"
        return text

    def _listener(self, params: Mapping[str, Any], variables: Variables) -> Callable[[Result], None] | None:
        """Prints what happens while the task waits, for those who may see it."""
        if self._task.no_log or not params.get("progress"):
            return None
        name = next(filter(None, map(params.get, ("name", "rollout", "analysis_run"))), "")
        progress = Progress(f"{params.get('namespace')}/{name}")

        def tell(entry: Result) -> None:
            line = progress.line(entry)
            if line:
                self._show(f"[{variables.get('inventory_hostname')}] {line}")

        return tell

    # -- kubeconfig

    @contextmanager
    def _arguments(self) -> Iterator[Result]:
        """The task's arguments, with a kubeconfig on this machine as the collection kubernetes.core finds it.

        It looks where Ansible looks for files, and decrypts what is encrypted by Ansible Vault.
        """
        arguments: Result = dict(self._task.args)
        source = arguments.get("kubeconfig")
        if not source or not isinstance(source, str) or self._connection.transport != "local":
            yield arguments
            return
        with self._environment():  # for a path in ~
            files = [self._found(path) for path in source.split(os.pathsep)]
        try:
            yield arguments | {"kubeconfig": os.pathsep.join(map(self._within_reach, files))}
        finally:
            for file in files:
                self._loader.cleanup_tmp_file(file.path)

    def _found(self, path: str) -> _File:
        """What is not there is left for the engine, which says what is wrong with it."""
        try:
            found = self._find_needle("files", path)
        except AnsibleFileNotFound:
            return _File(path, decrypted=False)
        readable = self._loader.get_real_file(found)
        return _File(readable, decrypted=readable != found)

    def _within_reach(self, file: _File) -> str:
        """Its path, where the module can read it that runs as somebody else, or longer than the task."""
        if not file.decrypted or (self._is_here() and not self._task.async_val):
            return file.path
        shell = self._connection._shell
        if shell.tmpdir is None:
            self._make_tmp_path()
        target = str(shell.join_path(shell.tmpdir, "kubeconfig-" + Path(file.path).name))
        self._transfer_file(file.path, target)
        self._fixup_perms2([shell.tmpdir, target])
        return target


@dataclass(frozen=True)
class _File:
    """A kubeconfig on this machine; a decrypted one is a temporary file."""

    path: str
    decrypted: bool


_TO_BE_DISCOVERED = ("auto", "auto_silent", "auto_legacy", "auto_legacy_silent")


def _same_python(wanted: str) -> bool:
    """Whether that is the Python that runs us; a link into the folder of another environment is another Python."""
    if wanted == sys.executable:
        return True
    found = shutil.which(wanted)
    if found is None:
        return False
    one, other = Path(found), Path(sys.executable)
    return one.parent.resolve() == other.parent.resolve() and one.resolve() == other.resolve()


def _as_sent(arguments: Mapping[str, Any]) -> Result:
    """The arguments as a module gets them: JSON, without Ansible's marks on values."""
    return dict(json.loads(json.dumps(dict(arguments), cls=_ENCODER), cls=_DECODER))


def _tells_invocation(variables: Variables) -> bool:
    """Whether a result repeats the arguments: always, until ansible-core 2.21 made it a setting."""
    if C.config.get_configuration_definition("INJECT_INVOCATION") is None:
        return True
    return bool(C.config.get_config_value("INJECT_INVOCATION", variables=variables))


def _censored(result: Result, hidden: set[str]) -> Result:
    if not hidden:
        return result
    kept = {key: value for key, value in result.items() if value is None or isinstance(value, bool)}
    return {**remove_values(result, hidden), **kept}
