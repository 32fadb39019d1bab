# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Direct execution and the ordinary module: which way a task takes, and that the result is the same.

One playbook runs every task of the matrix. At verbosity 3 Ansible tells each command that it starts, so the way that
was taken can be read from its output.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.integration.kit import Stage, arguments, canary, new_namespace
from tests.integration.proxy import Proxy
from tests.integration.support import COLLECTION, Lab, PlaybookRun

CONNECTIONS = Path(__file__).resolve().parent / "connections"
PASSWORD = "only for tests"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Task = dict[str, Any]

DIRECT, MODULE = "direct", "module"


@dataclass(frozen=True)
class Cell:
    """The circumstances of a task, and the way that it takes in them."""

    way: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    # Arguments instead of the kubeconfig, or beside it.
    arguments: Mapping[str, Any] = field(default_factory=dict)
    # The operations that are run in them.
    operations: tuple[str, ...] = ("read",)
    missing: str = ""
    # Whether the same task is run again as an ordinary module; otherwise the plain one is what it is compared with.
    twin: bool = True


def _without(reason: str, present: object) -> str:
    return "" if present else reason


ALL = ("read", "plan", "refusal", "query")
NO_KUBECONFIG = {"kubeconfig": None}


def _python(path: str) -> Task:
    return {"vars": {"ansible_python_interpreter": path}}


CELLS: dict[str, Cell] = {
    "local connection": Cell(DIRECT, operations=(*ALL, "declare")),
    "connection of another kind": Cell(
        MODULE, {"vars": {"ansible_connection": "elsewhere"}}, operations=(*ALL, "declare")
    ),
    "become": Cell(
        MODULE,
        {"become": True, "become_method": "ansible.builtin.su"},
        operations=ALL,
        missing=_without("becoming root by su needs root here", os.geteuid() == 0 and shutil.which("su")),
    ),
    "async": Cell(MODULE, {"async": 120, "poll": 1}, operations=ALL),
    "async with a vaulted kubeconfig": Cell(MODULE, {"async": 120, "poll": 1}, {"kubeconfig": "{{ vaulted }}"}),
    "this interpreter": Cell(DIRECT, _python("{{ ansible_playbook_python }}"), twin=False),
    "interpreter to be discovered": Cell(DIRECT, _python("auto_silent"), twin=False),
    "another interpreter": Cell(MODULE, _python("{{ wrapper }}"), operations=ALL),
    "environment": Cell(DIRECT, {"environment": {"K8S_AUTH_KUBECONFIG": "{{ kubeconfig }}"}}, NO_KUBECONFIG),
    "environment with PROMETHEUS_ADDRESS": Cell(
        DIRECT, {"environment": {"PROMETHEUS_ADDRESS": "{{ prometheus }}"}}, {"address": None}, ("query",)
    ),
    "environment with KUBECONFIG": Cell(DIRECT, {"environment": {"KUBECONFIG": "{{ kubeconfig }}"}}, NO_KUBECONFIG),
    "environment with HOME": Cell(DIRECT, {"environment": {"HOME": "{{ home }}"}}, NO_KUBECONFIG),
    "environment with HOME, path in it": Cell(
        DIRECT, {"environment": {"HOME": "{{ home }}"}}, {"kubeconfig": "~/.kube/config"}
    ),
    "kubeconfig beside the playbook": Cell(DIRECT, {}, {"kubeconfig": "beside.yml"}),
    "vaulted kubeconfig": Cell(DIRECT, {}, {"kubeconfig": "{{ vaulted }}"}),
    "vaulted kubeconfig, become": Cell(
        MODULE,
        {"become": True, "become_method": "ansible.builtin.su"},
        {"kubeconfig": "{{ vaulted }}"},
        missing=_without("becoming root by su needs root here", os.geteuid() == 0 and shutil.which("su")),
    ),
    "kubeconfig as a dictionary": Cell(DIRECT, {}, {"kubeconfig": "{{ lookup('file', kubeconfig) | from_yaml }}"}),
    "host and certificates": Cell(
        DIRECT,
        {},
        {
            **NO_KUBECONFIG,
            "host": "{{ host }}",
            "ca_cert": "{{ files }}/ca.crt",
            "client_cert": "{{ files }}/me.crt",
            "client_key": "{{ files }}/me.key",
        },
    ),
    "host, and certificates beside the playbook": Cell(
        DIRECT,
        {},
        {**NO_KUBECONFIG, "host": "{{ host }}", "ca_cert": "ca.crt", "client_cert": "me.crt", "client_key": "me.key"},
    ),
    "inside a cluster": Cell(
        DIRECT,
        {"environment": "{{ pod_environment }}"},
        NO_KUBECONFIG,
        missing=_without(
            f"needs root and no {SERVICE_ACCOUNT}", os.geteuid() == 0 and not SERVICE_ACCOUNT.parents[1].exists()
        ),
    ),
    "delegate_to a local host": Cell(DIRECT, {"delegate_to": "near"}),
    "delegate_to a remote host": Cell(MODULE, {"delegate_to": "far"}),
    "loop": Cell(DIRECT, {"loop": ["shop", "absent"]}, {"name": "{{ item }}"}),
    "until": Cell(DIRECT, {"until": "RESULT.attempts == 2", "retries": 5, "delay": 0}),
    "until, never true": Cell(
        DIRECT, {"until": "RESULT is succeeded", "retries": 1, "delay": 0}, operations=("refusal",)
    ),
    "changed_when and failed_when": Cell(
        DIRECT,
        {"changed_when": "RESULT.reason == 'invalid_request'", "failed_when": "RESULT.rollout is defined"},
        operations=("refusal",),
    ),
    "timeout": Cell(DIRECT, {"timeout": 100}, twin=False),
    "run_once": Cell(DIRECT, {"run_once": True}, twin=False),
    "module_defaults": Cell(
        DIRECT,
        {"module_defaults": {f"group/{COLLECTION}.delivery": {"kubeconfig": "{{ kubeconfig }}"}}},
        NO_KUBECONFIG,
    ),
    "an alias of an option": Cell(DIRECT, {}, {"verify_ssl": True}),
}
AVAILABLE = {name: cell for name, cell in CELLS.items() if not cell.missing}

CONDITIONS = ("until", "changed_when", "failed_when")

# The same task once more, as an ordinary module.
FORCED = _python("{{ wrapper }}")
FORCED_NAME = "forced: "


def _task(operation: str, arguments: Mapping[str, Any]) -> Task:
    """What is done: it can be done any number of times with the same result."""
    place = {"address": "{{ prometheus }}"} if operation == "query" else {"kubeconfig": "{{ kubeconfig }}"}
    common = {key: value for key, value in {**place, **arguments}.items() if value is not None}
    if operation == "query":  # with a warning of the server
        asked = {"query": "quantile(2, vector(1))", "allow_nan": True, "headers": {"X-Token": "top-secret"}}
        return {f"{COLLECTION}.prometheus_query": {**common, **asked}}
    common["namespace"] = "{{ where }}"
    if operation == "read":
        return {f"{COLLECTION}.rollout_info": common}
    if operation == "declare":
        declared = {"name": "shop", "definition": canary(), "labels": {"team": "shop"}}
        return {f"{COLLECTION}.rollout": {**common, **declared}, "check_mode": True, "diff": True}
    wish = {"app": "shop:2.0.0"} if operation == "plan" else {"web": "shop:2.0.0"}
    return {
        f"{COLLECTION}.rollout_set_image": {**common, "name": "shop", "images": wish, "api_key": "top-secret"},
        "check_mode": operation == "plan",
        "diff": True,
        "ignore_errors": True,
    }


def _tasks() -> Iterator[Task]:
    number = 0
    for name, cell in AVAILABLE.items():
        for operation in cell.operations:
            for prefix in ("", FORCED_NAME):
                if prefix and not (cell.way == DIRECT and cell.twin):
                    continue
                task = {**_task(operation, cell.arguments), **cell.keywords, **(FORCED if prefix else {})}
                yield {"name": f"{prefix}{name}, {operation}", **_registered(task, f"result_{number}")}
                number += 1


def _registered(task: Task, variable: str) -> Task:
    """Its conditions are about RESULT."""
    conditions = {key: task[key].replace("RESULT", variable) for key in CONDITIONS if key in task}
    return {**task, **conditions, "register": variable}


@dataclass(frozen=True)
class Report:
    """What one run of all tasks gave, by their names: results, and the parts of the output."""

    results: Mapping[str, Any]
    output: Mapping[str, str]
    left: list[Path]

    def way(self, task: str) -> str:
        """By the commands that Ansible started for it: none, not even one to find a Python or to make a folder."""
        started = re.findall(r"\bEXEC\b|\bPUT\b|Using module file", self.output[task])
        return MODULE if started else DIRECT


@dataclass
class Ground:
    """Files and variables of a run."""

    stage: Stage
    folder: Path

    def run(self, tasks: list[Task], *options: str, **environment: str) -> PlaybookRun:
        playbook = self.folder / "play.yml"
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        playbook.write_text(json.dumps([play]))
        variables = self.folder / "variables.json"
        variables.write_text(json.dumps(self.variables))
        done = subprocess.run(
            [
                "ansible-playbook", str(playbook), "--inventory", str(self.folder / "hosts.yml"),
                "--extra-vars", f"@{variables}", "--vault-password-file", str(self.folder / "password"), *options,
            ],
            env={**os.environ, **self.environment, **environment},
            capture_output=True, text=True, timeout=500, check=False,
        )  # fmt: skip
        return PlaybookRun(done.returncode, done.stdout + done.stderr, 0.0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "temporary" / "control"),
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "temporary" / "module"),
            "TMPDIR": str(self.folder / "temporary"),
        }

    @property
    def variables(self) -> dict[str, Any]:
        address = urlsplit(self.cluster["server"])
        return {
            "where": self.stage.namespace,
            "kubeconfig": str(self.stage.lab.kubeconfig),
            "files": str(self.folder),
            "vaulted": str(self.folder / "vaulted.yml"),
            "wrapper": str(self.folder / "python"),
            "home": str(self.folder / "home"),
            "host": self.cluster["server"],
            "prometheus": self.stage.lab.record["addresses"]["prometheus"],
            "pod_environment": {
                "KUBERNETES_SERVICE_HOST": address.hostname,
                "KUBERNETES_SERVICE_PORT": str(address.port),
                "HOME": str(self.folder),
            },
        }

    @property
    def cluster(self) -> dict[str, str]:
        return yaml.safe_load(self.stage.lab.kubeconfig.read_text())["clusters"][0]["cluster"]

    def prepare(self) -> None:
        """A kubeconfig in every form, another Python, and hosts to delegate to."""
        config = yaml.safe_load(self.stage.lab.kubeconfig.read_text())
        user = config["users"][0]["user"]
        (self.folder / "temporary").mkdir()
        _decoded(self.folder / "ca.crt", self.cluster["certificate-authority-data"])
        _decoded(self.folder / "me.crt", user["client-certificate-data"])
        _decoded(self.folder / "me.key", user["client-key-data"])
        home = self.folder / "home" / ".kube"
        home.mkdir(parents=True)
        shutil.copy(self.stage.lab.kubeconfig, home / "config")
        (self.folder / "files").mkdir()
        shutil.copy(self.stage.lab.kubeconfig, self.folder / "files" / "beside.yml")
        (self.folder / "password").write_text(PASSWORD)
        shutil.copy(self.stage.lab.kubeconfig, self.folder / "vaulted.yml")
        encrypt = ["ansible-vault", "encrypt", "--vault-password-file", self.folder / "password"]
        subprocess.run([*encrypt, self.folder / "vaulted.yml"], capture_output=True, check=True, timeout=60)
        wrapper = self.folder / "python"
        wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        wrapper.chmod(0o755)
        python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        far = {"ansible_connection": "elsewhere", **python}
        hosts = {"near": {"ansible_connection": "local", **python}, "far": far}
        (self.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))


def _decoded(path: Path, text: str) -> None:
    path.write_bytes(base64.b64decode(text))


@pytest.fixture(scope="module")
def ground(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with new_namespace(lab, f"direct-{os.getpid()}") as stage:
        made = Ground(stage, tmp_path_factory.mktemp("direct"))
        made.prepare()
        stage.deploy(canary())
        yield made


@pytest.fixture(scope="module")
def report(ground: Ground) -> Report:
    tasks = list(_tasks())
    collected = {task["name"]: f"{{{{ {task['register']} }}}}" for task in tasks}
    target = ground.folder / "results.json"
    keep: Task = {"ansible.builtin.copy": {"content": "{{ all | to_json }}", "dest": str(target), "mode": "0600"}}
    with _service_account(ground):
        done = ground.run([*tasks, {"name": "the end", **keep, "vars": {"all": collected}}], "-vvv")
    assert target.exists(), done.output[-5000:]
    parts = re.split(r"^TASK \[([^]]*)\] \**$", done.output, flags=re.MULTILINE)
    output = dict(zip(parts[1::2], parts[2::2], strict=True))
    left = [path for path in (ground.folder / "temporary").rglob("*") if path.is_file()]
    return Report(json.loads(target.read_text()), output, left)


@contextmanager
def _service_account(ground: Ground) -> Iterator[None]:
    """What a pod finds; where nothing is in the way of it."""
    if "inside a cluster" not in AVAILABLE:
        yield
        return
    stage = ground.stage
    stage.kubectl("create", "serviceaccount", "deployer")
    account = f"--serviceaccount={stage.namespace}:deployer"
    stage.kubectl("create", "rolebinding", "deployer", "--clusterrole=cluster-admin", account)
    token = stage.kubectl("create", "token", "deployer")
    top = min(path for path in SERVICE_ACCOUNT.parents if not path.exists())
    try:
        SERVICE_ACCOUNT.mkdir(parents=True)
        (SERVICE_ACCOUNT / "token").write_text(token.strip())
        shutil.copy(ground.folder / "ca.crt", SERVICE_ACCOUNT / "ca.crt")
        yield
    finally:
        shutil.rmtree(top)


# What tells one run from the next, and what Ansible adds for a task that it runs asynchronously.
ASYNC = ("ansible_job_id", "finished", "started", "results_file", "stdout", "stdout_lines", "stderr", "stderr_lines")
VOLATILE = ("time", *ASYNC)


def _lasting(result: Any) -> Any:
    """What two runs of the same task have in common."""
    if isinstance(result, list):
        return [_lasting(item) for item in result]
    if not isinstance(result, dict):
        return result
    return {key: _lasting(value) for key, value in result.items() if key not in VOLATILE}


def _cases() -> Iterator[Any]:
    for name, cell in CELLS.items():
        for operation in cell.operations:
            marks = [pytest.mark.skip(reason=cell.missing)] if cell.missing else []
            yield pytest.param(name, operation, marks=marks, id=f"{name}, {operation}")


@pytest.mark.parametrize(("name", "operation"), [*_cases()])
def test_the_way_is_the_one_that_is_meant_and_the_result_is_the_same(report: Report, name: str, operation: str) -> None:
    task = f"{name}, {operation}"
    assert report.way(task) == CELLS[name].way, report.output[task]
    other = _counterpart(name, operation)
    assert report.way(other) != CELLS[name].way, report.output[other]
    assert _lasting(report.results[task]) == _lasting(report.results[other])


def _counterpart(name: str, operation: str) -> str:
    """The task that took the other way."""
    cell = CELLS[name]
    plain = f"local connection, {operation}"
    return plain if cell.way == MODULE else FORCED_NAME + (f"{name}, {operation}" if cell.twin else plain)


def test_the_operations_do_what_they_are_meant_to(report: Report) -> None:
    read = report.results["local connection, read"]
    assert [rollout["name"] for rollout in read["rollouts"]] == ["shop"]
    plan = report.results["local connection, plan"]
    assert (plan["changed"], plan["failed"]) == (True, False)
    assert "shop:2.0.0" in json.dumps(plan["diff"])
    refusal = report.results["local connection, refusal"]
    assert (refusal["changed"], refusal["failed"], refusal["reason"]) == (False, True, "invalid_request")
    declared = report.results["local connection, declare"]
    assert (declared["changed"], declared["reason"]) == (True, "written")
    assert declared["diff"]["after"] == {"metadata": {"labels": {"team": "shop"}}}
    query = report.results["local connection, query"]
    assert (query["reason"], query["attempts"], len(query["warnings"])) == ("ok", 1, 1)


def test_each_attempt_at_a_task_is_one_of_its_way(report: Report) -> None:
    again = report.results["until, read"]
    assert (again["attempts"], again["failed"], len(again["rollouts"])) == (2, False, 1)
    given_up = report.results["until, never true, refusal"]
    assert (given_up["attempts"], given_up["failed"], given_up["reason"]) == (1, True, "invalid_request")
    for task in ("until, read", "until, never true, refusal"):
        assert report.output[task].count("FAILED - RETRYING") == 1


def test_secrets_are_shown_in_neither_way(report: Report) -> None:
    assert not any("top-secret" in output.replace('"api_key": "top-secret"', "") for output in report.output.values())


def test_no_key_stays_on_the_disk(report: Report) -> None:
    assert [path for path in report.left if b"PRIVATE KEY" in path.read_bytes()] == []


# -- for real


def test_an_act_and_its_wait_give_the_same_in_both_ways(ground: Ground, stage: Stage) -> None:
    """One way in each of two namespaces, on rollouts of the same name."""
    with new_namespace(stage.lab, f"{stage.namespace}-m") as other:
        results = _released(ground, {DIRECT: (stage, {}), MODULE: (other, FORCED)})
    assert [act["changed"] for act in results[DIRECT]] == [True, False, True]
    for one, two in zip(results[DIRECT], results[MODULE], strict=True):
        assert _comparable(one) == _comparable(two)


def _released(ground: Ground, ways: Mapping[str, tuple[Stage, Task]]) -> dict[str, list[dict[str, Any]]]:
    """The results of each way: of a release, of the same again, and of an abort."""
    results: dict[str, list[dict[str, Any]]] = {}
    for way, (where, keywords) in ways.items():
        where.deploy(canary())
        released = {**where.shop, "images": {"app": "shop:2.0.0"}, "wait_until": "paused"}
        acts = {
            "release": {f"{COLLECTION}.rollout_set_image": released},
            "again": {f"{COLLECTION}.rollout_set_image": released},
            "abort": {f"{COLLECTION}.rollout_abort": {**where.shop, "wait": False}},
        }
        tasks = [{"name": name, **task, **keywords, "register": name} for name, task in acts.items()]
        target = ground.folder / f"{way}.json"
        kept = "{{ [release, again, abort] | to_json }}"
        tasks.append({"ansible.builtin.copy": {"content": kept, "dest": str(target), "mode": "0600"}})
        ground.run(tasks).succeeded()
        results[way] = json.loads(target.read_text().replace(where.namespace, "NAMESPACE"))
    return results


def _comparable(result: dict[str, Any]) -> Any:
    """Without what differs from one rollout to another, and the steps that a watch may or may not have seen."""
    rollout = {key: value for key, value in result["rollout"].items() if not key.endswith(("uid", "_hash"))}
    rollout["paused"] = rollout["paused"] and {**rollout["paused"], "since": "then"}
    return {**result, "rollout": rollout, "timeline": [set(entry) for entry in result["timeline"][-1:]]}


def test_an_act_without_a_wait_is_one_get_and_one_patch(ground: Ground, stage: Stage) -> None:
    stage.deploy(canary())
    with Proxy(stage.lab.kubeconfig).running() as proxy:
        options = {**proxy.options, "namespace": stage.namespace, "name": "shop", "wait": False}
        task = {f"{COLLECTION}.rollout_set_image": {**options, "images": {"app": "shop:2.0.0"}}}
        assert ground.run([task]).succeeded().changed == 1
        assert [request.method for request in proxy.requests] == ["GET", "PATCH"]


# What a worker does after the fork; before it the strategy has loaded the class of the action.
WORKER = """
import importlib, json, sys
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
module, params = sys.argv[1], json.loads(sys.argv[2])
importlib.import_module(f"ansible_collections.progressive.delivery.plugins.action.{module}")
from ansible_collections.progressive.delivery.plugins.module_utils._module import run
before = set(sys.modules)
result = run(module, params, check_mode=False, diff=False)
assert not result["failed"], result
print(sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("rollout_info", {}),
        ("rollout_set_image", {"images": {"app": "shop:2.0.0"}, "wait": False}),
        ("rollout_set_image", {"images": {"app": "shop:2.0.0"}, "wait_until": "paused"}),
        ("rollout_undo", {}),
        ("traffic_info", {}),
    ],
)
def test_a_worker_imports_nothing(stage: Stage, module: str, options: Task) -> None:
    """All that a task needs is loaded once, for all tasks of a playbook."""
    stage.deploy(canary())
    params = json.dumps(arguments(module, {**stage.shop, **options}))
    done = subprocess.run(
        [sys.executable, "-c", WORKER, module, params], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_timeout_of_a_task_ends_a_wait(ground: Ground, stage: Stage) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": "1h"}}]))
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")
    task = {f"{COLLECTION}.rollout_wait": {**stage.shop, "until": "healthy", "wait_timeout": "2h"}, "timeout": 3}
    after = {"ansible.builtin.debug": {"msg": "failed is {{ result.failed }}"}}
    done = ground.run([{**task, "register": "result", "ignore_errors": True}, after]).succeeded()
    assert re.search(r"timed out after 3 second", done.output, re.IGNORECASE)
    assert "failed is True" in done.output


def test_a_python_without_the_libraries_says_what_is_missing_where_it_is_needed(ground: Ground) -> None:
    bare = ground.folder / "bare"
    venv.create(bare, with_pip=False)
    tasks = [_task("read", {}), {f"{COLLECTION}.rollout_lint": {"objects": [canary()]}}]
    python = _python(str(bare / "bin" / "python"))
    done = ground.run([{**task, **python, "ignore_errors": True} for task in [*tasks, _task("query", {})]])
    words = "Failed to import the required Python library (kubernetes, PyYAML and urllib3)"
    assert " ".join(done.output.split()).count(f"changed: false msg: {words}") == 2, done.output
    assert done.succeeded().output.count("...ignoring") == 2, "a query needs neither"


def test_unknown_options_are_refused_in_the_same_words(ground: Ground) -> None:
    task = {f"{COLLECTION}.rollout_info": {"nmae": "shop"}, "ignore_errors": True}
    done = ground.run([{"name": "one", **task}, {"name": "other", **task, **FORCED}]).succeeded()
    words = f"Unsupported parameters for ({COLLECTION}.rollout_info) module: nmae. Supported parameters include: "
    assert " ".join(done.output.split()).count(f"msg: '{words}") == 2
