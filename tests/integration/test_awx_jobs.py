# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as AWX runs them: by ansible-runner, from a private data directory.

The credentials are in the environment, the answers of a survey are texts in the extra variables, no terminal is there,
and who watches reads events.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml

from tests.integration.kit import Gauge, Object, Stage, at_gate, canary
from tests.integration.support import end_workers

ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds for a whole job on a busy machine.
AT_MOST = 300

GATED: list[Object] = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
SECOND = "app=shop:2.0.0\n"
# What docs/awx.md says that the user needs, as (group, resources, verbs).
RIGHTS = (
    ("argoproj.io", ["rollouts"], ["get", "list", "watch", "patch"]),
    ("argoproj.io", ["rollouts/status"], ["patch"]),
    ("argoproj.io", ["analysisruns", "experiments"], ["get", "list", "watch"]),
    ("argoproj.io", ["experiments"], ["create"]),
    ("apps", ["replicasets"], ["get", "list", "watch"]),
    ("", ["pods"], ["get", "list", "watch"]),
)


@dataclass
class Job:
    """What is left of a run."""

    run: ansible_runner.Runner
    events: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.events = list(self.run.events)

    def succeeded(self) -> Job:
        assert (self.run.status, self.run.rc) == ("successful", 0), self.output[-3000:]
        return self

    def failed(self) -> Job:
        assert (self.run.status, self.run.rc) == ("failed", 2), self.output[-3000:]
        return self

    @property
    def output(self) -> str:
        return "\n".join(plain(event) for event in self.events)

    @property
    def said(self) -> str:
        """Without the line breaks of its layout."""
        return " ".join(self.output.split())

    @property
    def artifacts(self) -> dict[str, Any]:
        """What AWX hands on to the next nodes of a workflow."""
        stats = next(event for event in self.events if event["event"] == "playbook_on_stats")
        return dict(stats["event_data"].get("artifact_data") or {})

    @property
    def changed(self) -> int:
        stats = next(event for event in self.events if event["event"] == "playbook_on_stats")
        return sum(stats["event_data"]["changed"].values())


def plain(event: dict[str, Any]) -> str:
    """The text of an event without colours, which AWX forces."""
    return re.sub(r"\x1b\[[0-9;]*m", "", event["stdout"])


@dataclass
class Awx:
    """Makes private data directories as AWX does, for one namespace and one token."""

    stage: Stage
    folder: Path
    token: str
    count: int = 0

    def job(self, playbook: str, **answers: Any) -> Job:
        data = self.data(answers)
        return Job(ansible_runner.run(**self.options(data, playbook)))

    def options(self, data: Path, playbook: str) -> dict[str, Any]:
        return {
            "private_data_dir": str(data), "playbook": f"playbooks/{playbook}.yml", "quiet": True, "timeout": AT_MOST,
        }  # fmt: skip

    def data(self, answers: dict[str, Any]) -> Path:
        self.count += 1
        data = self.folder / f"job{self.count}"
        for part in ("env", "inventory"):
            (data / part).mkdir(parents=True)
        shutil.copytree(ROOT / "playbooks", data / "project" / "playbooks")
        # A survey's answers are marked, so that no braces in them are ever evaluated. JSON's strings are YAML's.
        given = {"rollout_name": "shop", "rollout_namespace": self.stage.namespace, **answers}
        marked = [f"{name}: !unsafe {json.dumps(answer)}\n" for name, answer in given.items()]
        (data / "env" / "extravars").write_text("---\n" + "".join(marked))
        (data / "env" / "envvars").write_text(yaml.safe_dump(self._environment(data)))
        host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        hosts = {"all": {"hosts": {"localhost": host}}}
        (data / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts))
        return data

    def _environment(self, data: Path) -> dict[str, str]:
        cluster = yaml.safe_load(self.stage.lab.kubeconfig.read_text())["clusters"][0]["cluster"]
        authority = data / "ca.crt"
        authority.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        home = data / "home"
        home.mkdir()
        return {
            "K8S_AUTH_HOST": cluster["server"],
            "K8S_AUTH_API_KEY": self.token,
            "K8S_AUTH_VERIFY_SSL": "True",
            "K8S_AUTH_SSL_CA_CERT": str(authority),
            # Nothing of the person who runs the tests: no kubeconfig is there.
            "HOME": str(home),
            "ANSIBLE_FORCE_COLOR": "True",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
        }


@pytest.fixture
def awx(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Awx:
    for name in ("KUBECONFIG", "K8S_AUTH_KUBECONFIG", "K8S_AUTH_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    rules = [{"apiGroups": [group], "resources": what, "verbs": verbs} for group, what, verbs in RIGHTS]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "awx"}, "rules": rules}
    stage.apply(role)
    stage.kubectl("create", "serviceaccount", "awx")
    stage.kubectl("create", "rolebinding", "awx", "--role=awx", f"--serviceaccount={stage.namespace}:awx")
    return Awx(stage, tmp_path, stage.kubectl("create", "token", "awx").strip())


def lines(job: Job, stage: Stage) -> list[dict[str, Any]]:
    """The events that are a line of a wait."""
    return [event for event in job.events if plain(event).startswith(f"  [localhost] {stage.namespace}/shop ")]


def status(stage: Stage) -> Object:
    found: Object = stage.get()["status"]
    return found


def test_a_workflow_by_its_jobs(stage: Stage, awx: Awx) -> None:
    """Set image, approval, promote: the gate that was approved is the one that is passed."""
    stage.deploy(canary(steps=GATED))
    survey = {"rollout_images": SECOND, "rollout_retry": "no", "rollout_wait_timeout": "3m"}
    first = awx.job("canary", **survey, rollout_at_gate="stop").succeeded()
    assert "The evidence for this gate is there" in first.said
    assert first.artifacts == {"rollout_expected_step": "1", "rollout_expected_revision": "2"}
    assert status(stage)["currentStepIndex"] == 1
    lines_are_events_while_a_wait_lasts(first, stage)
    assert awx.token not in json.dumps(first.events)

    handed = {"rollout_images": SECOND, **first.artifacts}
    promoted = awx.job("promote", **handed, rollout_promote_mode="gate").succeeded()
    assert promoted.changed == 1
    assert status(stage)["currentStepIndex"] == 3, "the next gate is another approval"
    again = awx.job("promote", **handed).succeeded()
    assert again.changed == 0, "an approval is for one gate"

    second = awx.job("canary", **survey, rollout_at_gate="stop").succeeded()
    assert second.artifacts == {"rollout_expected_step": "3", "rollout_expected_revision": "2"}
    awx.job("promote", **{**handed, **second.artifacts}).succeeded()
    assert status(stage)["stableRS"] == status(stage)["currentPodHash"]


def test_the_output_tells_the_evidence_to_whoever_approves(stage: Stage, awx: Awx, gauge: Gauge) -> None:
    """The file of a report would go with the container."""
    stage.apply(gauge.template("good", interval="1s", count=1))
    analysis: Object = {"analysis": {"templates": [{"templateName": "good"}]}}
    stage.deploy(canary(steps=[{"setWeight": 20}, analysis, {"pause": {}}, {"setWeight": 60}]))
    demand: Object = {
        "release_prometheus_address": stage.lab.record["addresses"]["prometheus"],
        "release_requests": {"canary": "vector(500)"},
        "release_min_requests": 100,
        "release_checks": [{"query": "vector(0.25)", "max": 1}],
    }
    job = awx.job("canary", rollout_images=SECOND, rollout_at_gate="stop", **demand).succeeded()
    _before, _name, told = job.said.partition("TASK [Tell what speaks for this gate]")
    for evidence in ("vector(500) gives 500", "vector(0.25) gives 0.25", " is Successful"):
        assert evidence in told.partition("TASK [")[0]


def lines_are_events_while_a_wait_lasts(job: Job, stage: Stage) -> None:
    told = lines(job, stage)
    assert len(told) >= 2
    assert {event["event"] for event in told} == {"verbose"}
    assert told[0]["created"] < max(event["created"] for event in job.events if event["event"] == "runner_on_ok")


def test_a_denied_release_is_aborted_and_red(stage: Stage, awx: Awx) -> None:
    at_gate(stage)
    others = awx.job("abort", rollout_images="app=shop:3.0.0", rollout_fail_after_abort="yes").failed()
    assert "so it was left alone" in others.said
    assert not status(stage).get("abort"), "the update of somebody else"
    denied = awx.job("abort", rollout_images=SECOND, rollout_fail_after_abort="yes").failed()
    assert "The release was given up." in denied.said
    assert status(stage)["abort"] is True
    undone = awx.job("undo", rollout_to_revision="").succeeded()
    assert undone.changed == 1
    assert stage.get()["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1.0.0"


def test_what_a_survey_has_wrong_is_told_before_anything_is_done(stage: Stage, awx: Awx) -> None:
    stage.deploy(canary(steps=GATED))
    job = awx.job("promote", rollout_expected_step="one").failed()
    assert "rollout_expected_step" in job.said
    job = awx.job("canary", rollout_images=SECOND, rollout_watch="soon").failed()
    assert "rollout_watch: 'soon' is not usable; give a number of seconds such as 300" in job.said
    job = awx.job("blue_green", rollout_images=SECOND).failed()
    assert "has the strategy canary: use the playbook canary.yml" in job.said
    # Braces in an answer are text.
    job = awx.job("canary", rollout_images="app={{ lookup('env', 'K8S_AUTH_API_KEY') }}").failed()
    assert "give container=image, such as app=shop:2.0.0" in job.said
    assert awx.token not in json.dumps(job.events)
    assert stage.get()["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1.0.0"


class Cancel:
    """Asks for the end of a job once an event fulfils a condition, as somebody does who reads along."""

    def __init__(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        self._condition = condition
        self.wanted = False

    def see(self, event: dict[str, Any]) -> bool:
        self.wanted = self.wanted or self._condition(event)
        return True  # keep the event

    def ask(self) -> bool:
        return self.wanted


def test_a_cancelled_job_leaves_the_rollout_as_it_is_and_the_next_goes_on(stage: Stage, awx: Awx) -> None:
    stage.deploy(canary(steps=[{"setWeight": 20}, {"pause": {"duration": "1h"}}, {"setWeight": 60}, {"pause": {}}]))
    # Left alone, it would wait for an hour.
    data = awx.data({"rollout_images": SECOND, "rollout_wait_timeout": "2h"})
    cancel = Cancel(lambda event: "paused: CanaryPauseStep until" in plain(event))
    run = ansible_runner.run(
        **awx.options(data, "canary"), event_handler=cancel.see, cancel_callback=cancel.ask,
        settings={"pexpect_timeout": 1},
    )  # fmt: skip
    # As the end of AWX' container does; runner ends one session only.
    end_workers(data)
    assert run.status == "canceled", Job(run).output[-3000:]

    # Nothing was taken back, nothing was half done: the controller holds it at its pause.
    held = status(stage)
    assert (held["currentStepIndex"], held.get("abort", False)) == (1, False)
    assert held["currentPodHash"] != held["stableRS"]
    assert stage.get()["spec"].get("paused") is None

    # The same job again adds no revision, and goes on from where the first was.
    stage.ok("rollout_promote", mode="skip_step", expected_step=1, wait_until="paused")
    again = awx.job("canary", rollout_images=SECOND, rollout_at_gate="stop").succeeded()
    assert again.artifacts == {"rollout_expected_step": "3", "rollout_expected_revision": "2"}


def test_the_status_is_shown_and_nothing_is_changed(stage: Stage, awx: Awx) -> None:
    at_gate(stage)
    before = written(stage)
    for name in ("shop", ""):
        job = awx.job("status", rollout_name=name).succeeded()
        assert job.changed == 0
        assert re.search(r"Name: +shop\b", job.output), job.output
        assert "CanaryPauseStep" in job.output
    job = awx.job("status", rollout_name="shopp").failed()
    assert f"There is no Rollout {stage.namespace}/shopp: correct rollout_name or rollout_namespace." in job.said
    assert written(stage) == before


def written(stage: Stage) -> Any:
    """What of the Rollout anybody but the controller has written, and when."""
    rollout = stage.get()
    fields = rollout["metadata"]["managedFields"]
    return rollout["spec"], [each for each in fields if each["manager"] != "rollouts-controller"]


def test_two_versions_side_by_side(stage: Stage, awx: Awx, gauge: Gauge) -> None:
    stage.apply(gauge.template("good", interval="1s", count=2))
    at_gate(stage)
    answers = {"experiment_name": "trial", "experiment_analyses": "good", "experiment_hash_argument": ""}
    (reports := awx.folder / "reports").mkdir()
    more = {"experiment_duration": "12s", "release_report_dir": str(reports), "awx_job_id": "7", "awx_user_name": "ada"}
    job = awx.job("experiment", **answers, **more).succeeded()
    assert job.changed == 1
    (kept,), (page,) = reports.glob("*.json"), reports.glob("*.html")
    found = json.loads(kept.read_text())
    assert (found["verdict"], found["by"]["user"], found["by"]["job"]["id"]) == ("passed", "ada", "7")
    assert found["by"]["playbook"] == "experiment.yml"
    (comparison,) = found["services"][0]["experiments"][0]["comparison"]
    assert [arm["count"] for arm in comparison["analyses"]] == [2, 2]
    assert "Experiment with" in page.read_text()
