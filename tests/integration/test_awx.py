# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx.yml asks of AWX, by the real modules of awx.awx up to their first request. There is no AWX server here.

Each module gets its arguments from Ansible, checks them by its own argument specification, and writes them down.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED = Path(os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")) / "ansible_collections" / "awx" / "awx"

pytestmark = pytest.mark.skipif(
    not INSTALLED.is_dir(), reason="the collection awx.awx is not installed; dev/bootstrap.py does it"
)

Params = dict[str, Any]

# A subclass of the same name, behind the real one: what the modules import is this.
_RECORDER = '''

import json as _json
import os as _os


class ControllerAPIModule(ControllerAPIModule):
    """Writes down what the real one has accepted."""

    def __init__(self, argument_spec, **kwargs):
        super().__init__(argument_spec, **kwargs)
        given = {name: value for name, value in self.params.items() if value is not None and name in argument_spec}
        with open(_os.environ["AWX_RECORD"], "a") as record:
            record.write(_json.dumps([self._name, given]) + "\\n")
        self.exit_json(changed=False)
'''


class Recorder:
    """A copy of the collection that asks no server."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "record"
        copy = folder / "ansible_collections" / "awx" / "awx"
        shutil.copytree(INSTALLED, copy)
        with (copy / "plugins" / "module_utils" / "controller_api.py").open("a") as file:
            file.write(_RECORDER)
        path = f"{folder}{os.pathsep}{os.environ['ANSIBLE_COLLECTIONS_PATH']}"
        ours = {"ANSIBLE_COLLECTIONS_PATH": path, "ANSIBLE_PIPELINING": "True", "AWX_RECORD": str(self.record)}
        self._environment = {**os.environ, **ours}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
            env=self._environment,
        )  # fmt: skip

    def asked(self) -> list[tuple[str, Params]]:
        lines = map(json.loads, self.record.read_text().splitlines())
        return [(name.rpartition(".")[2], params) for name, params in lines]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Params]]:
    """Modules and arguments in their order."""
    recorder = Recorder(tmp_path_factory.mktemp("awx"))
    given = {
        "awx_project_url": "https://git.example.com/releases.git",
        "awx_image": "registry.example.com/progressive:1.0.0",
        "awx_credentials": ["production"],
        "awx_release_variables": {"release_min_requests": 100},
    }
    done = recorder.run("ansible-playbook", "progressive.delivery.awx", "-e", json.dumps(given))
    assert done.returncode == 0, done.stdout + done.stderr
    return recorder.asked()


def of(kind: str, asked: list[tuple[str, Params]]) -> list[Params]:
    return [params for module, params in asked if module == kind]


@pytest.fixture(scope="module")
def jobs(asked: list[tuple[str, Params]]) -> dict[str, Params]:
    return {job["name"]: job for job in of("job_template", asked)}


def test_the_modules_refuse_what_is_no_option_of_theirs(tmp_path: Path) -> None:
    """Else the other tests would prove nothing."""
    done = Recorder(tmp_path).run(
        "ansible", "localhost", "-m", "awx.awx.project", "-a", "name=x organization=Default scm_type=tape"
    )
    assert done.returncode != 0
    assert "value of scm_type must be one of" in " ".join(done.stdout.split())


def test_the_modules_accept_each_task(asked: list[tuple[str, Params]]) -> None:
    assert Counter(module for module, _params in asked) == {
        "credential_type": 2,
        "execution_environment": 1,
        "project": 1,
        "inventory": 1,
        "host": 1,
        "job_template": 7,
        "workflow_job_template": 2,
        "workflow_job_template_node": 8,
    }


def test_all_have_the_prefix_and_the_organization(asked: list[tuple[str, Params]]) -> None:
    for module, params in asked:
        if "name" in params and module != "host":
            assert params["name"].startswith("Rollouts: ")
        if module not in ("credential_type", "host"):
            assert params["organization"] == "Default"


def test_what_runs_on_the_host_keeps_its_braces(asked: list[tuple[str, Params]]) -> None:
    (host,) = of("host", asked)
    assert host["variables"]["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"


# ---- Surveys


def test_each_job_runs_a_playbook_that_takes_what_its_survey_asks(jobs: dict[str, Params]) -> None:
    assert len(jobs) == 7
    for job in jobs.values():
        (play,) = yaml.load((ROOT / job["playbook"]).read_text(), Loader=Unsafe)
        wishes, required = set(play["vars"]["wishes"]), set(play["vars"]["wishes_required"])
        questions = job["survey_spec"]["spec"]
        assert {question["variable"] for question in questions} <= wishes, job["name"]
        assert {question["variable"] for question in questions if question["required"]} == required, job["name"]


class Unsafe(yaml.SafeLoader):
    """Ansible's own tag is no more than its text here."""


Unsafe.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def test_surveys_have_the_form_that_awx_wants(asked: list[tuple[str, Params]]) -> None:
    templates = [*of("job_template", asked), *of("workflow_job_template", asked)]
    assert len(templates) == 9
    for template in templates:
        assert template["survey_enabled"] is True
        survey = template["survey_spec"]
        assert survey.keys() == {"name", "description", "spec"}
        for question in survey["spec"]:
            assert question.keys() - {"choices"} == {
                "question_name", "question_description", "variable", "type", "required", "default",
            }  # fmt: skip
            assert question["type"] in {"text", "textarea", "multiplechoice"}
            assert ("choices" in question) == (question["type"] == "multiplechoice")
            assert question["default"] in question.get("choices", [question["default"]])
            assert isinstance(question["default"], str)
            assert all(isinstance(choice, str) for choice in question.get("choices", []))
        names = [question["variable"] for question in survey["spec"]]
        assert len(names) == len(set(names))


def test_releases_get_the_variables_that_are_no_questions(jobs: dict[str, Params]) -> None:
    with_variables = {name for name, job in jobs.items() if job["extra_vars"]}
    assert with_variables == {"Rollouts: canary", "Rollouts: blue_green"}
    assert jobs["Rollouts: canary"]["extra_vars"] == {"release_min_requests": 100}


def test_credentials_are_given_or_asked(jobs: dict[str, Params]) -> None:
    for job in jobs.values():
        assert (job["credentials"], job["ask_credential_on_launch"]) == (["production"], False)


# ---- Workflows


@pytest.mark.parametrize("strategy", ["canary", "blue_green"])
def test_the_workflow(asked: list[tuple[str, Params]], jobs: dict[str, Params], strategy: str) -> None:
    name = f"Rollouts: {strategy} with approval"
    nodes = {
        node["identifier"]: node
        for node in of("workflow_job_template_node", asked)
        if node["workflow_job_template"] == name
    }
    ways = {
        (start, kind, end)
        for start, node in nodes.items()
        for kind in ("success_nodes", "failure_nodes", "always_nodes")
        for end in node.get(kind, [])
    }
    assert ways == {
        ("set_image", "success_nodes", "approval"),
        ("set_image", "failure_nodes", "abort"),
        ("approval", "success_nodes", "promote"),
        ("approval", "failure_nodes", "abort"),
        ("promote", "failure_nodes", "abort"),
    }
    made = list(nodes)
    assert all(made.index(end) < made.index(start) for start, _kind, end in ways), "a node finds those it leads to"
    assert nodes["approval"]["approval_node"]["timeout"] == 86400
    assert nodes["set_image"]["unified_job_template"] == f"Rollouts: {strategy}"
    for node in nodes.values():
        if "approval_node" not in node:
            questions = jobs[node["unified_job_template"]]["survey_spec"]["spec"]
            choices = {question["variable"]: question.get("choices", []) for question in questions}
            for variable, answer in node.get("extra_data", {}).items():
                assert answer in choices[variable], "AWX takes nothing else"
    assert nodes["abort"]["extra_data"] == {"rollout_fail_after_abort": "yes"}
    assert nodes["set_image"]["extra_data"] == {"rollout_at_gate": "stop"}


# ---- Credentials


class Credential:
    """A credential of a type, as AWX hands it to a job: files, and variables rendered in a sandbox."""

    def __init__(self, made: Params, folder: Path, **values: str | bool) -> None:
        fields = {field["id"]: field["type"] for field in made["inputs"]["fields"]}
        assert set(made["inputs"]["required"]) <= values.keys() <= fields.keys()
        values = {name: False for name, kind in fields.items() if kind == "boolean"} | values
        sandbox = ImmutableSandboxedEnvironment()
        names: dict[str, str] = {}
        for key, text in made["injectors"]["file"].items():
            name = key.removeprefix("template.")
            names[name] = str(folder / name)
            (folder / name).write_text(sandbox.from_string(text).render(values))
        known = {**values, "tower": {"filename": names}}
        self.variables = {
            variable: sandbox.from_string(text).render(known) for variable, text in made["injectors"]["env"].items()
        }


@pytest.fixture
def credential_types(asked: list[tuple[str, Params]], monkeypatch: pytest.MonkeyPatch) -> dict[str, Params]:
    for name in [*os.environ]:
        if name.startswith("K8S_AUTH_"):
            monkeypatch.delenv(name)
    return {made["name"]: made for made in of("credential_type", asked)}


def test_templates_use_no_field_that_there_is_not(credential_types: dict[str, Params]) -> None:
    """As AWX checks it when the type is made, with all fields filled in."""
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for made in credential_types.values():
        fields = dict.fromkeys((field["id"] for field in made["inputs"]["fields"]), "EXAMPLE")
        files = {key.removeprefix("template."): "EXAMPLE" for key in made["injectors"]["file"]}
        for text in (*made["injectors"]["file"].values(), *made["injectors"]["env"].values()):
            assert sandbox.from_string(text).render({**fields, "tower": {"filename": files}})


@pytest.mark.parametrize(("trust", "warnings"), [({}, 0), ({"trust_any": False}, 0), ({"trust_any": True}, 1)])
def test_a_credential_by_token(
    credential_types: dict[str, Params],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trust: dict[str, bool],
    warnings: int,
) -> None:
    made = credential_types["Rollouts: cluster by token"]
    given = Credential(made, tmp_path, host="https://a.example:6443", api_key="of-awx", **trust)
    for name, value in given.variables.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    cluster = connect({}, said.append)
    assert cluster.host == "https://a.example:6443"
    assert cluster._transport.headers()["authorization"] == "Bearer of-awx"
    assert len(said) == warnings


def test_a_credential_by_kubeconfig(
    credential_types: dict[str, Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [{"name": "it", "cluster": {"server": "https://a.example:6443"}}],
        "users": [{"name": "me", "user": {"token": "of-the-file"}}],
    }
    made = credential_types["Rollouts: cluster by kubeconfig"]
    given = Credential(made, tmp_path, kubeconfig=yaml.safe_dump(config))
    for name, value in given.variables.items():
        monkeypatch.setenv(name, value)
    assert connect({})._transport.headers()["authorization"] == "Bearer of-the-file"


def test_no_secret_is_made(asked: list[tuple[str, Params]]) -> None:
    assert not {"credential", "token"} & {module for module, _params in asked}
