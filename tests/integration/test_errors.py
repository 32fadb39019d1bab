# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tired person reads when something is wrong.

Whatever the cause, a task fails with a stable reason and with a sentence or two which name the option or the object,
its value and what to do; it writes nothing, and neither a traceback nor a secret gets into what is shown.

All of it is asked of the engine in-process, with the modules' own argument specifications; some of it also through
Ansible, as a user sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.kit import Object, Result, arm, canary
from tests.integration.scene import TOKEN, Scene, set_scene
from tests.integration.support import Lab, run_module, run_playbook

Given = Object | Callable[[Scene], Object]


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong. `given`: options, or how to make them; `says`: what the message must contain."""

    module: str
    given: Given
    reason: str
    says: tuple[str, ...]

    def options(self, scene: Scene) -> Object:
        return self.given(scene) if callable(self.given) else self.given


# -- bad values


def bad(module: str, given: Object, *says: str) -> Wrong:
    return Wrong(module, given, "invalid_request", says)


def bad_image(image: str, *says: str) -> Wrong:
    return bad("rollout_set_image", {"images": {"app": image}}, f"images[app]: {image!r}", *says)


def bad_timeout(module: str, timeout: str) -> Wrong:
    return bad(module, {"wait_timeout": timeout}, f"wait_timeout: {timeout!r}", "such as 300", "5m")


def bad_name(module: str, option: str, name: str) -> Wrong:
    return bad(module, {option: name}, f"{option}: {name!r}", "lower-case letters")


def bad_definition(definition: Object, *says: str) -> Wrong:
    return bad("rollout", {"definition": definition}, f"definition.{says[0]}", *says[1:])


METRIC: Object = {"name": "value", "provider": {"web": {"url": "{{args.host}}"}}}
# An Experiment with the stable version of a Rollout.
STABLE: Object = {"templates": [{"name": "old", "specRef": "stable"}]}
ARM: Object = {"templates": [arm("new", "shop:2.0.0")]}

VALUES: Mapping[str, Wrong] = {
    "no images": bad("rollout_set_image", {"images": {}}, "images is missing", "container: image"),
    "no image": bad_image("", "lower-case letters"),
    "upper case": bad_image("Shop:2", "lower-case letters"),
    "empty tag": bad_image("shop:", "a tag after ':'"),
    "blank": bad_image("shop:2 ", "a tag has at most 128"),
    "container": bad(
        "rollout_set_image", {"images": {"ap": "shop:2"}}, "images", "no container named ap", "it has app"
    ),
    "negative step": bad("rollout_promote", {"expected_step": -1}, "expected_step: -1", "counted from 0"),
    "step past the last": bad("rollout_promote", {"expected_step": 6}, "expected_step", "no step 6", "are 0 to 5"),
    "step ahead": Wrong(
        "rollout_promote", {"expected_step": 2}, "unexpected_step", ("step 1 of 6 (pause)", "expected step 2")
    ),
    "skip without a step": bad("rollout_promote", {"mode": "skip_step"}, "mode: 'skip_step'", "expected_step"),
    "other revision": Wrong(
        "rollout_promote", {"expected_revision": 7}, "unexpected_revision", ("expected_revision is 7", "at revision 0")
    ),
    "other image": Wrong(
        "rollout_promote",
        {"expected_images": {"app": "shop:3"}},
        "unexpected_images",
        ("expected_images", "app runs shop:1.0.0", "nothing was promoted"),
    ),
    "revision 0": bad("rollout_undo", {"to_revision": 0}, "to_revision: 0", "1 or more"),
    "revision": Wrong("rollout_undo", {"to_revision": 99}, "no_revision", ("to_revision", "no revision 99")),
    "time in words": bad_timeout("rollout_wait", "soon"),
    "time with a blank": bad_timeout("rollout_abort", "5 m"),
    "days": bad_timeout("rollout_retry", "1d"),
    "negative time": bad_timeout("rollout_promote", "-5"),
    "no time": bad_timeout("rollout_undo", ""),
    "time is no number": bad_timeout("rollout_wait", "nan"),
    "until step": bad("rollout_wait", {"until": "step"}, "step is missing", "until: step needs it"),
    "until weight": bad("rollout_wait", {"until": "weight"}, "weight is missing", "until: weight needs it"),
    "until step -1": bad("rollout_wait", {"until": "step", "step": -1}, "step: -1", "0 or more"),
    "no analysis named": bad("analysis_wait", {}, "analysis_run is missing", "or rollout with kind"),
    "no name": bad_name("rollout_promote", "name", ""),
    "title as a name": bad_name("rollout_abort", "name", "Shop Front"),
    "path as a name": bad_name("rollout_wait", "name", "../shop"),
    "no namespace": bad_name("rollout_retry", "namespace", ""),
    "pause, time in words": bad_timeout("rollout_pause", "later"),
    "restart, word": bad(
        "rollout_restart", {"not_before": "yesterday"}, "not_before: 'yesterday'", "2026-01-31T12:00:00Z"
    ),
    "restart, no zone": bad("rollout_restart", {"not_before": "2026-01-31T12:00:00"}, "with its zone"),
    "nothing to declare": bad("rollout", {}, "definition is missing", "from_deployment with strategy"),
    "declaration, other name": bad_definition(
        {**canary(), "metadata": {"name": "shoop"}}, "metadata.name: 'shoop'", "shop"
    ),
    "declaration, other kind": bad_definition({**canary(), "kind": "Deployment"}, "kind: 'Deployment'", "Rollout"),
    "declaration, mistyped": bad_definition({**canary(), "sepc": {}}, "sepc", "no such field"),
    "declaration, no strategy": bad_definition({"replicas": 1}, "spec.strategy is missing", "canary and blueGreen"),
    "declaration, type": bad(
        "rollout",
        {"definition": canary(steps=[{"setWeight": "a lot"}])},
        "refused to patch Rollout",
        "/shop: spec.strategy.canary.steps[0].setWeight: expected numeric",
    ),
    "deployment, title": bad_name("rollout", "from_deployment", "Shop Front"),
    "deployment, no strategy": bad(
        "rollout", {"from_deployment": "shop"}, "strategy is missing", "canary and blueGreen"
    ),
    "run of nothing": bad("analysis_run", {}, "templates is missing", "give metrics"),
    "run without a value": bad("analysis_run", {"metrics": [METRIC]}, "args.host is missing", "give it in args"),
    "run, mistyped value": bad(
        "analysis_run", {"metrics": [METRIC], "args": {"hots": "b"}}, "args.hots: 'b'", "the templates take host"
    ),
    "run, retention": bad(
        "analysis_run", {"measurement_retention": {"a": "all"}}, "measurement_retention.a: 'all'", "whole number"
    ),
    "run, mistyped field": bad(
        "analysis_run",
        {"metrics": [{"nome": "a"}]},
        "refused to create AnalysisRun",
        'unknown field "spec.metrics[0].nome"',
    ),
    "experiment of nothing": bad("experiment", {}, "definition is missing", "needs its spec"),
    "experiment without pods": bad("experiment", {"definition": {"duration": "5m"}}, "definition.templates is missing"),
    "experiment, whose version": bad("experiment", {"definition": STABLE}, "rollout is missing", "specRef"),
    "experiment, other kind": bad("experiment", {"definition": canary()}, "definition.kind: 'Rollout'", "Experiment"),
    "experiment, type": bad(
        "experiment", {"definition": {"templates": "a"}}, "refused to create Experiment", "spec.templates in body"
    ),
    "traffic, path as a name": bad_name("traffic_info", "name", "../shop"),
    "tree, title as a name": bad_name("rollout_info", "name", "Shop Front"),
    "lint, no file": bad("rollout_lint", {"files": ["/nowhere/deploy"]}, "files: '/nowhere/deploy'", "no such file"),
    "lint, no objects": bad("rollout_lint", {"objects": []}, "files is missing", "files, objects or a rollout"),
    "lint, no rule": bad(
        "rollout_lint", {"objects": [canary()], "ignore": ["set-wieght"]}, "ignore: 'set-wieght'", "is set-weight"
    ),
    "name and selector": bad("rollout_info", {"name": "shop", "label_selectors": ["a=b"]}, "name: 'shop'", "leave it"),
    "selector": bad("rollout_info", {"label_selectors": ["app in (("]}, "label_selectors", "'app in (('", "unable to"),
}


# -- things that are not there


def missing(module: str, given: Object, *says: str) -> Wrong:
    return Wrong(module, given, "not_found", ("there is no ", "check the name, the namespace and the context", *says))


def no_api(module: str, resource: str = "rollouts", **given: object) -> Wrong:
    says = (f"does not serve argoproj.io/v1alpha1 {resource}", "install", "progressive.delivery.argo_rollouts")
    return Wrong(module, lambda scene: {**given, **scene.page("without_crds")}, "not_installed", says)


def no_namespace(module: str, kind: str, definition: Object) -> Wrong:
    """Reading there finds nothing, so it is the write that tells."""
    options = {"namespace": "prodd", "definition": definition}
    return Wrong(module, options, "not_found", (f"no namespace prodd for {kind} prodd/shop", "create it, or check"))


MISSING: Mapping[str, Wrong] = {
    "rollout, set image": missing("rollout_set_image", {"name": "shoop", "images": {"app": "a"}}, "Rollout", "/shoop"),
    "rollout, promote": missing("rollout_promote", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, abort": missing("rollout_abort", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, retry": missing("rollout_retry", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, undo": missing("rollout_undo", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, wait": missing("rollout_wait", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, analysis": missing("analysis_wait", {"rollout": "shoop"}, "Rollout", "/shoop"),
    "run": missing("analysis_wait", {"analysis_run": "shop-1"}, "AnalysisRun", "/shop-1"),
    "rollout, pause": missing("rollout_pause", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, resume": missing("rollout_pause", {"name": "shoop", "state": "resumed"}, "Rollout", "/shoop"),
    "rollout, restart": missing("rollout_restart", {"name": "shoop", "token": "a"}, "Rollout", "/shoop"),
    "rollout, traffic": missing("traffic_info", {"name": "shoop"}, "Rollout", "/shoop"),
    "rollout, experiment": missing("experiment", {"definition": STABLE, "rollout": "shoop"}, "Rollout", "/shoop"),
    "version": Wrong(
        "experiment",
        {"definition": STABLE, "rollout": "shop"},
        "not_found",
        ("/shop has no ReplicaSet of its stable version", "deploy it first"),
    ),
    "deployment": Wrong(
        "rollout",
        {"name": "other", "from_deployment": "shop", "strategy": {"canary": {}}},
        "not_found",
        ("/other: from_deployment: there is no Deployment", "/shop", "check the name and the namespace"),
    ),
    "template": Wrong(
        "analysis_run", {"templates": [{"name": "valeu"}]}, "not_found", ("no AnalysisTemplate valeu in namespace",)
    ),
    "template of the cluster": Wrong(
        "analysis_run",
        {"templates": [{"name": "valeu", "cluster_scope": True}]},
        "not_found",
        ("no ClusterAnalysisTemplate valeu, which the option templates names", "cluster_scope"),
    ),
    "run to end": Wrong("analysis_run", {"state": "terminated"}, "not_found", ("no AnalysisRun", "/shop to terminate")),
    "experiment to end": Wrong(
        "experiment", {"state": "terminated"}, "not_found", ("no Experiment", "/shop to terminate")
    ),
    "namespace, declaration": no_namespace("rollout", "Rollout", canary()["spec"]),
    "namespace, experiment": no_namespace("experiment", "Experiment", ARM),
    "namespace": missing("rollout_promote", {"namespace": "prodd"}, "Rollout prodd/shop"),
    "analysis": Wrong("analysis_wait", {"rollout": "shop"}, "no_analysis", ("shop declares no step analysis", "kind")),
    "CRDs, promote": no_api("rollout_promote"),
    "CRDs, info": no_api("rollout_info"),
    "CRDs, tree": no_api("rollout_info", tree=True),
    "CRDs, declaration": no_api("rollout", definition=canary()),
    "CRDs, run": no_api("analysis_run", "analysistemplates", templates=[{"name": "value"}]),
    "CRDs, experiment": no_api("experiment", "experiments", definition=ARM),
    "CRDs, lint": no_api("rollout_lint", objects=[canary()], online=True),
}


# -- servers that do not answer, or that are no apiservers


def server(page: str, *says: str, scheme: str = "") -> Wrong:
    """A task that is sent to a page of the scene and has a second."""

    def given(scene: Scene) -> Object:
        options = {**scene.page(page), "wait_timeout": "1s"}
        return {**options, "host": re.sub("^https?", scheme, options["host"])} if scheme else options

    return Wrong("rollout_promote", given, "unreachable", ("://127.0.0.1:", *says))


def elsewhere(host: Callable[[Scene], str], reason: str, *says: str) -> Wrong:
    def given(scene: Scene) -> Object:
        return {"host": host(scene), "api_key": TOKEN, "wait_timeout": "1s"}

    return Wrong("rollout_promote", given, reason, says)


CHECK_ADDRESS = "check host or the context of the kubeconfig"
NO_APISERVER = ("does not answer as a Kubernetes apiserver does", CHECK_ADDRESS)
LOOK = "look at the apiserver"

SERVERS: Mapping[str, Wrong] = {
    "closed port": server("closed", "cannot reach", "Connection refused", CHECK_ADDRESS),
    "silence": server("mute", "cannot reach", "no answer in time", CHECK_ADDRESS),
    "website": server("website", "'Welcome to our intranet'", *NO_APISERVER),
    "website, 404": server("website_404", "'404 Not Found'", *NO_APISERVER),
    "website, 403": server("website_403", "'Access denied'", *NO_APISERVER),
    "redirection": server("login", "status 302", *NO_APISERVER),
    "other API": server("other_api", "hello", *NO_APISERVER),
    "bad gateway": server("gateway", "answered 502: 502 Bad Gateway", LOOK),
    "overloaded": server("overloaded", "answered 429: Too many requests", LOOK),
    "unavailable": server("unavailable", "answered 503; ", LOOK),
    "HTTPS to HTTP": server("website", "it does not speak TLS", "http://", scheme="https"),
    "HTTP to HTTPS": elsewhere(
        lambda scene: scene.address.replace("https", "http"), "unreachable", "HTTP request to an HTTPS server"
    ),
    "unknown name": elsewhere(
        lambda _scene: "https://apiserver.invalid:6443", "unreachable", "https://apiserver.invalid:6443", CHECK_ADDRESS
    ),
    "no scheme": elsewhere(lambda _scene: "prod:6443", "bad_configuration", "host: 'prod:6443'", "https://name:6443"),
    "closed port, no hurry": Wrong("rollout_promote", lambda scene: scene.page("closed"), "unreachable", ("refused",)),
}


# -- kubeconfigs and credentials


def unusable(given: Given, *says: str) -> Wrong:
    return Wrong("rollout_promote", given, "bad_configuration", says)


def written(name: str, content: bytes, *says: str) -> Wrong:
    """A kubeconfig with this content."""
    return unusable(lambda scene: {"kubeconfig": scene.file(name, content)}, *says)


def altered(name: str, alter: Callable[[Object, Object], None], *says: str) -> Wrong:
    """The lab's kubeconfig with this done to its cluster and user."""
    return unusable(lambda scene: {"kubeconfig": scene.altered(name, alter)}, *says)


def with_login(*command: str) -> Callable[[Object, Object], None]:
    """The user has to log in by this command, as with the clouds' helpers."""

    def alter(_cluster: Object, user: Object) -> None:
        login = {"command": command[0], "args": command[1:], "interactiveMode": "Never"}
        user.clear()
        user["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", **login}

    return alter


NO_CERTIFICATE = "bm8gY2VydGlmaWNhdGU="

KUBECONFIGS: Mapping[str, Wrong] = {
    "no file": unusable({"kubeconfig": "/nowhere/prod.yaml"}, "kubeconfig: there is no file prod.yaml in /nowhere"),
    "folder": unusable(lambda scene: {"kubeconfig": str(scene.folder)}, "kubeconfig: there is no file"),
    "no YAML": written(
        "no-yaml", b"clusters: [\nusers: }\n", "kubeconfig: it is not YAML (line 2)", "correct the file"
    ),
    "no text": written("no-text", b"caf\xe9", "kubeconfig: it is not YAML", "correct the file"),
    "no mapping": written("list", b"[1, 2]", "kubeconfig", "not have the form of a kubeconfig", "kubectl config view"),
    "empty": written("empty", b"", "kubeconfig", "empty", "kubectl config view"),
    "no context": written("no-context", b"{}", "kubeconfig", "current-context", "kubectl config view"),
    "unknown context": unusable(
        lambda scene: {"kubeconfig": str(scene.stage.lab.kubeconfig), "context": "prod"},
        "context",
        "no context 'prod'",
        "kubectl config get-contexts",
    ),
    "its text": unusable(
        lambda scene: {"kubeconfig": Path(scene.account("viewer")).read_text()}, "kubeconfig", "the path", "from_yaml"
    ),
    "no server": altered("no-server", lambda cluster, _: cluster.pop("server"), "host: ''", "server in the kubeconfig"),
    "no authority": altered(
        "no-authority",
        lambda cluster, _: cluster.update({"certificate-authority-data": NO_CERTIFICATE}),
        "kubeconfig: cannot use its certificate-authority",
        "holds no certificate",
    ),
    "no login command": altered("no-login", with_login("no-such-helper"), "login command", "'no-such-helper'", "exec"),
    "failed login": altered(
        "failed-login",
        with_login("sh", "-c", "echo your session is over >&2; exit 3"),
        "your session is over",
        "log in",
    ),
    "host alone": unusable(lambda scene: {"host": scene.address}, "host", "set api_key", "client_cert and client_key"),
}


def token(**other: str) -> Callable[[Scene], Object]:
    """A token that the apiserver does not know; `other` options instead of the right ones."""
    return lambda scene: {"host": scene.address, "api_key": TOKEN, "ca_cert": scene.authority("ca"), **other}


def untrusted(given: Given) -> Wrong:
    return unusable(given, "the certificate that https://127.0.0.1:", "is not trusted", "set ca_cert")


UNAUTHORIZED = ("https://127.0.0.1:", "refused the credentials", "renew it")

CREDENTIALS: Mapping[str, Wrong] = {
    "token, promote": Wrong("rollout_promote", token(), "unauthorized", UNAUTHORIZED),
    "token, info": Wrong("rollout_info", token(), "unauthorized", UNAUTHORIZED),
    "none": Wrong(
        "rollout_promote",
        lambda scene: {"kubeconfig": scene.altered("anonymous", lambda _, user: user.clear())},
        "unauthorized",
        ("no credentials", "token or certificate"),
    ),
    "other authority": untrusted(lambda scene: {**token()(scene), "ca_cert": scene.authority("etcd-ca")}),
    "authorities of the system": untrusted(lambda scene: {"host": scene.address, "api_key": TOKEN}),
    "no authority": unusable(token(ca_cert="/nowhere/ca.crt"), "ca_cert: cannot use /nowhere/ca.crt", "No such file"),
    "authority is none": unusable(token(ca_cert=__file__), f"ca_cert: cannot use {__file__}", "holds no certificate"),
    "no certificate": unusable(
        lambda scene: {"host": scene.address, "client_cert": "/nowhere/me.crt", "client_key": "/nowhere/me.key"},
        "client_cert and client_key: cannot use /nowhere/me.crt",
        "No such file",
    ),
}


# -- rights


def denied(module: str, account: str, right: str, resource: str, **options: object) -> Wrong:
    """`account` lacks one right."""
    group = "apps" if resource in ("replicasets", "deployments") else "argoproj.io"
    where = "in namespace" if options.get("namespace") is None else "in all namespaces"
    text = f":{account} may not {right} {resource} {where}"
    return Wrong(
        module,
        lambda scene: {"kubeconfig": scene.account(account), **options},
        "forbidden",
        (text, f"grant it the right {right} on {resource} (API group {group})"),
    )


RIGHTS: Mapping[str, Wrong] = {
    "promote as a stranger": denied("rollout_promote", "stranger", "get", "rollouts"),
    "info as a stranger": denied("rollout_info", "stranger", "list", "rollouts"),
    "info of all": denied("rollout_info", "viewer", "list", "rollouts", namespace=""),
    "promote without the status": denied("rollout_promote", "editor", "patch", "rollouts/status"),
    "promote fully without the status": denied("rollout_promote", "editor", "patch", "rollouts/status", mode="full"),
    "abort without the status": denied("rollout_abort", "editor", "patch", "rollouts/status"),
    "set image by looking": denied("rollout_set_image", "viewer", "patch", "rollouts", images={"app": "shop:3"}),
    "undo without history": denied("rollout_undo", "editor", "list", "replicasets"),
    "pause by looking": denied("rollout_pause", "viewer", "patch", "rollouts"),
    "restart by looking": denied("rollout_restart", "viewer", "patch", "rollouts", token="a"),
    "declare by looking": denied("rollout", "viewer", "patch", "rollouts", definition=canary("shop:2.0.0")),
    "declare a deployment": denied(
        "rollout", "viewer", "get", "deployments", from_deployment="shop", strategy={"canary": {}}
    ),
    "remove as an editor": denied("rollout", "editor", "delete", "rollouts", state="absent"),
    "run without templates": denied(
        "analysis_run", "viewer", "get", "analysistemplates", templates=[{"name": "value"}]
    ),
    "run without runs": denied("analysis_run", "viewer", "get", "analysisruns", state="terminated"),
    "experiment without experiments": denied("experiment", "viewer", "get", "experiments", definition=ARM),
    "experiment without versions": denied(
        "experiment", "viewer", "list", "replicasets", definition=STABLE, rollout="shop"
    ),
    "traffic as a stranger": denied("traffic_info", "stranger", "get", "rollouts"),
    "tree without pods": denied("rollout_info", "viewer", "list", "replicasets", tree=True, name="shop"),
    "lint without creating": denied("rollout_lint", "viewer", "create", "rollouts", objects=[canary()], online=True),
    "analysis without runs": denied("analysis_wait", "editor", "get", "analysisruns", analysis_run="shop-1"),
}
NOT_WATCHING = denied("rollout_wait", "blind", "watch", "rollouts")

EVERYTHING: Mapping[str, Wrong] = {
    f"{group}: {name}": wrong
    for group, table in (
        ("value", VALUES),
        ("missing", MISSING),
        ("server", SERVERS),
        ("kubeconfig", KUBECONFIGS),
        ("credentials", CREDENTIALS),
        ("rights", {**RIGHTS, "wait without watching": NOT_WATCHING}),
    )
    for name, wrong in table.items()
}


# -- reading with tired eyes

# The insides of Python, urllib3 and OpenSSL, half sentences, doubled words.
NOISE = re.compile(
    r"Traceback|Errno|Exception|urllib3|HTTPS?Connection|Max retries|object at 0x|_ssl\.c|\bb'|<\w+|\\n|\n"
    r"|None|\{\}|\[\]|\(\)|  |[.?!:;,] ?[.?!:;,]|[.;:,] ?$|\b(\w+) \1\b"
)
LONGEST = 330


def read(message: str, wrong: Wrong) -> None:
    """Fail unless the message is to the point, plain and short."""
    assert [words for words in wrong.says if words not in message] == [], message
    noise = NOISE.search(re.sub(r"'[^']*'", "it", message))
    assert noise is None, f"{noise[0]!r} in: {message}"
    assert len(message) <= LONGEST, message
    assert message.count(". ") <= 1, message


def failed_harmlessly(result: Result, wrong: Wrong, scene: Scene) -> None:
    assert (result["failed"], result["changed"], result["reason"]) == (True, False, wrong.reason), result["msg"]
    read(result["msg"], wrong)
    assert "diff" not in result
    assert [secret for secret in scene.secrets() if secret in json.dumps(result)] == []
    assert not scene.written()


@pytest.fixture(scope="module")
def scene(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with set_scene(lab, tmp_path_factory.mktemp("errors")) as made:
        yield made


@pytest.mark.parametrize("wrong", EVERYTHING.values(), ids=EVERYTHING)
def test_a_task_that_cannot_work_says_why(scene: Scene, wrong: Wrong) -> None:
    failed_harmlessly(scene.run(wrong.module, wrong.options(scene)), wrong, scene)


@pytest.mark.parametrize("wrong", RIGHTS.values(), ids=RIGHTS)
def test_check_mode_foresees_missing_rights(scene: Scene, wrong: Wrong) -> None:
    failed_harmlessly(scene.run(wrong.module, wrong.options(scene), check=True), wrong, scene)


def test_a_connection_keeps_nothing_of_the_one_before(scene: Scene) -> None:
    """The kubernetes client shares a default configuration in the process, with the last user's certificate in it."""
    assert not scene.run("rollout_info", {"name": "shop"})["failed"]

    failed_harmlessly(scene.run("rollout_promote", token()(scene)), CREDENTIALS["token, promote"], scene)


# -- through Ansible

THROUGH_ANSIBLE = (
    "value: container",
    "missing: rollout, abort",
    "missing: CRDs, promote",
    "server: closed port",
    "kubeconfig: no file",
    "credentials: token, promote",
    "rights: promote as a stranger",
    "rights: abort without the status",
)

# What Ansible itself finds wrong in a task: (module, options, what it says).
TYPING_ERRORS: tuple[tuple[str, Object, tuple[str, ...]], ...] = (
    ("rollout_promote", {"mode": "later"}, ("mode", "gate, full, skip_step", "later")),
    ("rollout_wait", {"until": "step"}, ("until is step", "step")),
    ("rollout_wait", {"fail_on": ["boredom"]}, ("fail_on", "aborted", "boredom")),
    ("rollout_undo", {"to_revision": "the last"}, ("to_revision", "int")),
    ("rollout_restart", {}, ("one of the following is required", "not_before", "token")),
    ("rollout_restart", {"not_before": "2026-01-01T12:00:00Z", "token": "a"}, ("mutually exclusive", "not_before")),
    ("rollout_set_image", {"images": "shop:2"}, ("images", "dict")),
    ("rollout_retry", {"namspace": "prod"}, ("Unsupported parameters", "namspace", "namespace")),
    ("analysis_wait", {}, ("one of the following is required", "analysis_run", "rollout")),
    ("analysis_wait", {"analysis_run": "a", "rollout": "b"}, ("mutually exclusive", "analysis_run", "rollout")),
)


@pytest.fixture(scope="module")
def through_ansible(scene: Scene) -> tuple[list[Result], str]:
    """The results of a playbook that does all of this wrong, and what it prints."""
    wrongs = [EVERYTHING[name] for name in THROUGH_ANSIBLE]
    asked = [(wrong.module, wrong.options(scene)) for wrong in wrongs]
    asked += [(module, options) for module, options, _says in TYPING_ERRORS]
    tasks: list[Object] = [
        {
            f"progressive.delivery.{module}": scene.options(module, options),
            "register": f"result_{number}",
            "ignore_errors": True,
        }
        for number, (module, options) in enumerate(asked)
    ]
    results = scene.folder / "results.json"
    collected = ", ".join(f"result_{number}" for number in range(len(asked)))
    tasks.append({"ansible.builtin.copy": {"content": f"{{{{ [{collected}] | to_json }}}}", "dest": str(results)}})
    variables = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
    run = run_playbook(Path(scene.file("wrong.yml", json.dumps([play]).encode()))).succeeded()
    return json.loads(results.read_text()), run.output


def test_ansible_shows_the_same(scene: Scene, through_ansible: tuple[list[Result], str]) -> None:
    results, _output = through_ansible

    for name, result in zip(THROUGH_ANSIBLE, results, strict=False):
        failed_harmlessly(result, EVERYTHING[name], scene)


def test_ansible_names_the_option_that_is_mistyped(through_ansible: tuple[list[Result], str]) -> None:
    results, _output = through_ansible

    for (_module, _options, says), result in zip(TYPING_ERRORS, results[len(THROUGH_ANSIBLE) :], strict=True):
        assert result["failed"]
        assert [words for words in says if words not in result["msg"]] == [], result["msg"]


def test_a_playbook_prints_neither_tracebacks_nor_secrets(
    scene: Scene, through_ansible: tuple[list[Result], str]
) -> None:
    _results, output = through_ansible

    assert [words for words in ("Traceback (most", *scene.secrets()) if words in output] == []


def test_an_ad_hoc_command_says_which_right_is_missing(scene: Scene) -> None:
    wrong = RIGHTS["promote without the status"]

    result = run_module(wrong.module, scene.options(wrong.module, wrong.options(scene)))

    failed_harmlessly(result, wrong, scene)
