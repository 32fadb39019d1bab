# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of `rollout_lint`: which files it reads, what it asks the apiserver, and what it returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils import _module as frame
from ansible_collections.progressive.delivery.plugins.module_utils._cluster import connect as connection
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotInstalled,
    Transient,
)
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import READ_TIMEOUT
from ansible_collections.progressive.delivery.plugins.module_utils._engine import lint as engine
from ansible_collections.progressive.delivery.plugins.module_utils._engine.lint import SECONDS, SECONDS_EACH
from ansible_collections.progressive.delivery.plugins.module_utils._engine.retry import FIRST_CONTACT_SECONDS
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.unit.fakes import FakeClock, FakeCluster
from tests.unit.lint.bundles import SEEDS, Tree, changed

GOOD = SEEDS["blue_green"]()
BROKEN = changed(GOOD, [("0.spec.minReadySeconds", 900)])
DOUBTFUL = changed(SEEDS["canary"](), [("0.spec.replicas", 5)])
BOTH = changed(DOUBTFUL, [("0.spec.minReadySeconds", 900)])
DEFAULTS: Tree = {
    "files": None,
    "objects": None,
    "rollout": None,
    "fail_on": "error",
    "ignore": [],
    "online": False,
    "namespace": "default",
}


class Apiserver:
    """Answers each creation with the next of its answers, and then lets everything pass."""

    def __init__(self, *answers: ClusterError | None) -> None:
        self._answers = list(answers)
        self.clock = FakeClock()
        self.asked: list[tuple[str, Tree, bool]] = []

    def create(self, resource: Any, body: Tree, *, dry_run: bool = False, timeout: float = READ_TIMEOUT) -> Tree:
        self.asked.append((resource.plural, json.loads(json.dumps(body["metadata"])), dry_run))
        answer = self._answers.pop(0) if self._answers else None
        if answer is not None:
            raise answer
        return body


def lint(cluster: Any = None, **given: Any) -> Tree:
    def connect() -> Any:
        assert cluster is not None, "nothing is asked without online"
        return cluster

    return run_task("rollout_lint", {**DEFAULTS, **given}, connect, clock=cluster and cluster.clock)


def write(folder: Path, **files: Any) -> None:
    """Files by their names, __ for a slash and _ for the last dot; trees as JSON."""
    for name, content in files.items():
        stem, _sep, ending = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else "\n---\n".join(json.dumps(tree, indent=1) for tree in content)
        path.write_text(text, encoding="utf-8")


# -- the result


def test_nothing_wrong() -> None:
    assert lint(objects=GOOD) == {
        "changed": False,
        "failed": False,
        "reason": "ok",
        "msg": "4 documents checked, nothing found.",
        "findings": [],
        "documents": 4,
        "summary": {"errors": 0, "warnings": 0},
    }


def test_what_checks_nothing_of_argo_rollouts_says_so() -> None:
    result = lint(objects=GOOD[1:3])

    assert (result["reason"], result["msg"]) == ("ok", "2 documents (none of Argo Rollouts) checked, nothing found.")


def test_a_finding_in_a_file(tmp_path: Path) -> None:
    write(tmp_path, shop_yml=[BROKEN[0]])
    file = str(tmp_path / "shop.yml")

    result = lint(files=[file])

    (finding,) = result["findings"]
    line = finding["line"]
    assert (tmp_path / "shop.yml").read_text().splitlines()[line - 1].strip() == '"minReadySeconds": 900'
    text = "progressDeadlineSeconds (600) is not greater than minReadySeconds (900)"
    assert finding == {
        "rule": "progress-deadline",
        "severity": "error",
        "file": file,
        "line": line,
        "path": "spec.minReadySeconds",
        "object": "Rollout prod/shop",
        "message": text,
        "remedy": "Make progressDeadlineSeconds greater than minReadySeconds.",
    }
    assert result["msg"] == (
        f"1 error in 1 document. {file}:{line}: Rollout prod/shop: {text} (progress-deadline). "
        "Make progressDeadlineSeconds greater than minReadySeconds."
    )
    assert (result["failed"], result["reason"], result["documents"]) == (True, "findings", 1)


@pytest.mark.parametrize(
    ("objects", "fail_on", "failed"),
    [
        (BROKEN, "error", True),
        (BROKEN, "warning", True),
        (BROKEN, "never", False),
        (DOUBTFUL, "error", False),
        (DOUBTFUL, "warning", True),
        (DOUBTFUL, "never", False),
        (GOOD, "warning", False),
    ],
)
def test_what_fails_is_a_choice(objects: Any, fail_on: str, failed: bool) -> None:
    assert lint(objects=objects, fail_on=fail_on)["failed"] is failed


def test_the_message_begins_with_the_worst() -> None:
    result = lint(objects=BOTH)

    assert result["summary"] == {"errors": 1, "warnings": 1}
    assert result["msg"].startswith(
        "1 error, 1 warning in 6 documents. objects[0]: Rollout prod/shop: progressDeadline"
    )


def test_rules_can_be_ignored() -> None:
    result = lint(objects=BOTH, ignore=["progress-deadline", "replicas-with-autoscaler"])

    assert (result["reason"], result["findings"]) == ("ok", [])


def test_a_file_that_is_no_yaml_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, a_yml="a: [\n", b_yml="a: 1\na: 2\n")

    result = lint(files=[str(tmp_path)])

    found = [(Path(finding["file"]).name, finding["rule"], finding["line"]) for finding in result["findings"]]
    assert found == [("a.yml", "syntax", 2), ("b.yml", "duplicate-key", 2)]
    assert result["msg"].startswith(f"2 errors in 0 documents. {tmp_path}/a.yml:2: this is no YAML")


# -- which files


def test_directories_patterns_and_files_are_read_once_and_in_order(tmp_path: Path) -> None:
    one = [GOOD[3]]
    write(tmp_path, deploy__b_yml=one, deploy__a_yaml=one, deploy__inner__c_json=one, deploy__readme_md="# words")
    write(tmp_path, deploy__hidden_yml="a: 1", other__d_yml=one)
    (tmp_path / "deploy" / ".git").mkdir()
    (tmp_path / "deploy" / ".git" / "x.yml").write_text("a: [", encoding="utf-8")
    (tmp_path / "deploy" / ".x.yml").write_text("a: [", encoding="utf-8")
    deploy = str(tmp_path / "deploy")

    result = lint(files=[f"{deploy}/b.yml", deploy, f"{tmp_path}/oth*", f"{tmp_path}/**/*.json"], fail_on="never")

    assert result["documents"] == 4
    assert [Path(finding["file"]).name for finding in result["findings"]] == ["a.yaml", "c.json", "d.yml"]
    assert {finding["rule"] for finding in result["findings"]} == {"duplicate-object"}
    assert "b.yml, line 1" in result["findings"][0]["message"]


def test_files_and_objects_are_one_bundle(tmp_path: Path) -> None:
    write(tmp_path, services_yml=GOOD[1:3])

    assert lint(files=[str(tmp_path)], objects=[GOOD[0], GOOD[3]])["documents"] == 4


def test_a_list_is_its_items() -> None:
    assert lint(objects=[{"apiVersion": "v1", "kind": "List", "items": GOOD}])["documents"] == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "files is missing; give files, objects or a rollout"),
        ({"files": [], "objects": []}, "files is missing; give files, objects or a rollout"),
        ({"files": ["absent.yml"]}, "files: 'absent.yml' is not usable; there is no such file or directory"),
        ({"files": ["absent*.yml"]}, "files: 'absent*.yml' is not usable; no file matches it"),
        ({"objects": [{"a": 1}]}, "objects[0]: {'a': 1} is not usable; give an object with apiVersion and kind"),
        (
            {"objects": [{"kind": "List", "items": []}]},
            "objects: [{'kind': 'List', 'items': []}] is not usable; there is no object of Kubernetes in it, "
            "so nothing was checked",
        ),
        (
            {"objects": GOOD, "ignore": ["weight-decrease"]},
            "ignore: 'weight-decrease' is not usable; there is no such rule; the nearest is weight-decreases",
        ),
    ],
)
def test_what_cannot_be_acted_on(given: Tree, message: str) -> None:
    result = lint(**given)

    assert (result["failed"], result["reason"], result["msg"]) == (True, "invalid_request", message)


def test_a_directory_without_objects_checks_nothing_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, values_yml="replicas: 3")

    result = lint(files=[str(tmp_path)])

    assert (result["failed"], result["reason"]) == (True, "invalid_request")
    assert "nothing was checked" in result["msg"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, a_yml="a: 1")
    loop = tmp_path / "loop.yml"
    loop.symlink_to(loop)

    result = lint(files=[f"{tmp_path}/*.yml"])

    assert result["reason"] == "invalid_request"
    assert "loop.yml' is not usable; it cannot be read: Too many levels of symbolic links" in result["msg"]


# -- the apiserver

TAKEN, ABSENT = Conflict("shop already exists", 409), NotFound("there is no namespace", 404)
REFUSED = Invalid('Rollout "shop" is invalid: spec.strategy.blueGreen.activeService: Required value', 422)


def test_each_object_of_ours_is_created_in_a_dry_run() -> None:
    given = {
        "resourceVersion": "5",
        "uid": "u",
        "creationTimestamp": "x",
        "managedFields": [],
        "annotations": {"a": "b"},
    }
    seen = [
        tree if position else {**tree, "metadata": {**tree["metadata"], **given}} for position, tree in enumerate(GOOD)
    ]
    cluster = Apiserver()

    result = lint(cluster, objects=seen, online=True)

    assert result["reason"] == "ok"
    assert cluster.asked == [
        ("rollouts", {"name": "shop", "namespace": "prod", "annotations": {"a": "b"}}, True),
        ("analysistemplates", {"name": "errors", "namespace": "prod"}, True),
    ]


def test_a_namespace_is_only_given_to_what_has_none() -> None:
    objects = changed(SEEDS["basic"](), [("0.metadata.namespace", ""), ("2.metadata", {"name": "errors"})])
    cluster = Apiserver()

    lint(cluster, objects=objects, online=True, namespace="test")

    assert [(plural, metadata["namespace"]) for plural, metadata, _dry in cluster.asked] == [
        ("rollouts", "test"),
        ("clusteranalysistemplates", ""),
        ("analysistemplates", "test"),
    ]


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (TAKEN, {"generateName": "shop-", "namespace": "prod"}),
        (ABSENT, {"name": "shop", "namespace": "default"}),
    ],
)
def test_what_is_there_and_where_nothing_is_yet_are_asked_otherwise(answer: ClusterError, again: Tree) -> None:
    cluster = Apiserver(answer)

    assert lint(cluster, objects=[GOOD[0]], online=True)["reason"] == "ok"
    assert cluster.asked[1:] == [("rollouts", again, True)]


@pytest.mark.parametrize(
    ("answers", "again"),
    [
        (
            (ABSENT, TAKEN),
            [{"name": "shop", "namespace": "default"}, {"generateName": "shop-", "namespace": "default"}],
        ),
        (
            (TAKEN, ABSENT),
            [{"generateName": "shop-", "namespace": "prod"}, {"generateName": "shop-", "namespace": "default"}],
        ),
    ],
)
def test_the_namespace_that_stands_in_may_have_an_object_of_that_name(
    answers: tuple[ClusterError, ...], again: list[Tree]
) -> None:
    cluster = Apiserver(*answers)

    assert lint(cluster, objects=[GOOD[0]], online=True)["reason"] == "ok"
    assert [metadata for _plural, metadata, _dry in cluster.asked[1:]] == again


def test_what_is_refused_where_another_of_its_name_is_is_a_finding() -> None:
    result = lint(Apiserver(ABSENT, TAKEN, REFUSED), objects=[GOOD[0]], online=True)

    assert [finding["rule"] for finding in result["findings"]] == ["schema"]


def test_a_name_that_the_apiserver_makes_stays_so() -> None:
    objects = [{**GOOD[0], "metadata": {"generateName": "shop-", "namespace": "prod"}}]
    cluster = Apiserver(ABSENT, TAKEN)

    assert lint(cluster, objects=objects, online=True)["reason"] == "ok"
    assert {metadata["generateName"] for _plural, metadata, _dry in cluster.asked} == {"shop-"}


@pytest.mark.parametrize(
    ("error", "path"),
    [
        (REFUSED, "spec.strategy.blueGreen.activeService"),
        (Invalid('strict decoding error: unknown field "spec.template.spec.containers[0].x"', 400),
         "spec.template.spec.containers[0].x"),
        (Invalid("spec.template.spec.containers[7].name: Required value", 422), "spec.template.spec.containers.name"),
        (Invalid("no more than this", 400), ""),
        (Forbidden("refused to create: a webhook says no", 403), ""),
    ],
)  # fmt: skip
def test_what_the_apiserver_refuses_is_a_finding(error: ClusterError, path: str) -> None:
    result = lint(Apiserver(error), objects=[GOOD[0]], online=True)

    (finding,) = result["findings"]
    assert (finding["rule"], finding["path"], finding["message"]) == ("schema", path, str(error))
    assert result["failed"]


@pytest.mark.parametrize("metadata", [None, 5])
def test_an_object_without_metadata_is_for_the_apiserver_to_refuse(metadata: Any) -> None:
    result = lint(Apiserver(REFUSED), objects=[{**GOOD[3], "metadata": metadata}], online=True, fail_on="never")

    assert "schema" in [finding["rule"] for finding in result["findings"]]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotInstalled("does not serve rollouts"), "not_installed"),
        (Forbidden("user anna may not create rollouts in namespace prod"), "forbidden"),
    ],
)
def test_an_apiserver_that_cannot_be_asked_fails_the_task(error: ClusterError, reason: str) -> None:
    result = lint(Apiserver(error), objects=GOOD, online=True, fail_on="never")

    assert (result["failed"], result["reason"], result["msg"]) == (True, reason, str(error))


# -- an apiserver that is away for a moment


@pytest.mark.parametrize(
    "error",
    [
        Transient("too many requests", 429, retry_after=2.0),
        Transient("the apiserver is starting", 503),
        Transient("connection reset by peer"),
    ],
)
def test_what_passes_is_waited_for(error: Transient) -> None:
    cluster = FakeCluster()
    cluster.fail("create", error, times=3)

    assert lint(cluster, objects=GOOD, online=True)["reason"] == "ok"
    assert cluster.asked == ["create rollouts/shop dry run"] * 4 + ["create analysistemplates/errors dry run"]
    assert cluster.clock.elapsed >= 3 * (error.retry_after or 0.1)


def test_the_second_question_about_an_object_is_as_patient() -> None:
    cluster = Apiserver(Conflict("shop already exists", 409), Transient("connection reset by peer"))

    assert lint(cluster, objects=[GOOD[0]], online=True)["reason"] == "ok"
    assert len(cluster.asked) == 3


def test_a_refusal_is_an_answer_and_what_follows_is_an_interruption() -> None:
    cluster = FakeCluster()
    cluster.fail("create", REFUSED)
    cluster.fail("create", Transient("connection refused"), times=1000)

    result = lint(cluster, objects=GOOD, online=True)

    assert (result["reason"], result["msg"]) == ("unreachable", "connection refused")
    assert cluster.clock.elapsed > FIRST_CONTACT_SECONDS


@pytest.mark.parametrize(
    ("error", "most"),
    [
        (Transient("cannot reach https://cluster.test"), FIRST_CONTACT_SECONDS),
        (Transient("the apiserver is starting", 503), SECONDS + 2 * SECONDS_EACH),
    ],
)
def test_nothing_is_waited_for_without_end(error: Transient, most: float) -> None:
    cluster = FakeCluster()
    cluster.fail("create", error, times=1000)

    result = lint(cluster, objects=GOOD, online=True, fail_on="never")

    assert (result["failed"], result["reason"]) == (True, "unreachable")
    assert result["msg"].startswith(f"{error}; ")
    assert cluster.clock.elapsed < most


# -- without the libraries of a cluster


def test_a_rollout_of_the_cluster_is_checked_as_it_is_there() -> None:
    head = {**BROKEN[0]["metadata"], "namespace": "prod", "resourceVersion": "7"}
    result = lint(FakeCluster({**BROKEN[0], "metadata": head}), rollout=head["name"], namespace="prod")
    assert (result["failed"], result["documents"], result["findings"][0]["file"]) == (True, 1, "the cluster")
    assert [found["rule"] for found in result["findings"]] == [
        found["rule"] for found in lint(objects=[BROKEN[0]])["findings"]
    ]
    assert lint(FakeCluster(), rollout="nobody")["reason"] == "not_found"


@pytest.mark.parametrize("names", [{"rollout": "../x"}, {"rollout": "shop", "namespace": "a/b"}])
def test_a_rollout_of_the_cluster_has_a_name_that_there_can_be(names: Tree) -> None:
    cluster = FakeCluster()
    assert (lint(cluster, **names)["reason"], cluster.asked) == ("invalid_request", [])


def test_only_online_needs_the_kubernetes_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MISSING", ImportError("No module named 'kubernetes'"))

    def run(**given: Any) -> Tree:
        return frame.run("rollout_lint", {**DEFAULTS, "objects": GOOD, **given}, check_mode=False, diff=False)

    assert run()["reason"] == "ok"
    with pytest.raises(ImportError, match="kubernetes"):
        run(online=True)


def test_without_a_parser_of_yaml_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MISSING", ImportError("No module named 'yaml'"))

    with pytest.raises(ImportError, match="yaml"):
        lint(objects=GOOD)
