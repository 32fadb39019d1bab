# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A namespace of the lab to release things in, and the engine called in-process.

The modules are thin, so most tests call the engine as a module does, with the module's own argument
specification; test_modules.py proves that the way through Ansible gives the same.
"""

from __future__ import annotations

import copy
import importlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import connect
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ROLLOUT
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task
from ansible_collections.progressive.delivery.plugins.module_utils._prometheus.client import Prometheus

from tests.integration.page import Page
from tests.integration.support import Lab

Object = dict[str, Any]
Result = dict[str, Any]

# How long the lab may take for what takes it well under a second when the machine is idle.
PATIENCE = "60s"


@cache
def argument_spec(module: str) -> Mapping[str, Any]:
    """The argument specification that the module's file declares."""
    name = f"ansible_collections.progressive.delivery.plugins.modules.{module}"
    return importlib.import_module(name).ARGUMENT_SPEC


def arguments(module: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The module's parameters, defaults filled in as Ansible does."""
    validated = ArgumentSpecValidator(argument_spec(module)).validate(dict(given))
    assert not validated.error_messages, validated.error_messages
    return dict(validated.validated_parameters)


@dataclass
class Stage:
    """One namespace."""

    lab: Lab
    namespace: str
    cluster: Cluster = field(init=False)

    def __post_init__(self) -> None:
        self.cluster = connect({"kubeconfig": str(self.lab.kubeconfig)})

    def through(self, **connection: str) -> Stage:
        """The same namespace, where the engine uses these options to reach the apiserver."""
        made = copy.copy(self)
        made.cluster = connect(connection)
        return made

    # -- objects

    def kubectl(self, *words: str, given: object = None) -> str:
        """The output of kubectl in this namespace; `given` goes to its standard input as JSON."""
        kubectl = self.lab.record["bin"]["kubectl"]
        command = [kubectl, f"--kubeconfig={self.lab.kubeconfig}", f"--namespace={self.namespace}", *words]
        done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *objects: Object, manager: str = "kubectl") -> None:
        """Create or replace objects."""
        server_side = ("--server-side", "--force-conflicts", f"--field-manager={manager}")
        self.kubectl("apply", *server_side, "-f", "-", given=_list(objects))

    def get(self, name: str = "shop") -> Object:
        """The Rollout as it is."""
        return self.cluster.get(ROLLOUT, self.namespace, name)

    def deploy(self, rollout: Object, *others: Object) -> Object:
        """Create a Rollout and wait until its first version is healthy."""
        self.apply(*others, rollout)
        name = rollout["metadata"]["name"]
        ready = self.run("rollout_wait", name=name, until="healthy", wait_timeout=PATIENCE)
        assert not ready["failed"], ready["msg"]
        return self.get(name)

    # -- tasks of a playbook

    @property
    def shop(self) -> dict[str, str]:
        """The options that lead a task to `shop`."""
        return {"kubeconfig": str(self.lab.kubeconfig), "namespace": self.namespace, "name": "shop"}

    # -- the engine

    def run(self, module: str, check: bool = False, **given: Any) -> Result:
        """The result of a module, failed or not. The Rollout is `shop` unless the test names one."""
        known = arguments(module, self._complete(module, given))
        return run_task(module, known, lambda: self.cluster, check_mode=check, prometheus=_prometheus(known))

    def _complete(self, module: str, given: Mapping[str, Any]) -> dict[str, Any]:
        known = argument_spec(module)
        usual = {"namespace": self.namespace, "wait_timeout": PATIENCE}
        if known.get("name", {}).get("required"):
            usual["name"] = "shop"
        return {key: value for key, value in usual.items() if key in known} | dict(given)

    def ok(self, module: str, **given: Any) -> Result:
        """The result of a module that must succeed."""
        result = self.run(module, **given)
        assert not result["failed"], f"{result['reason']}: {result['msg']}\n{result['timeline']}"
        return result

    def await_timeline(self, condition: Callable[[Object], bool], module: str, **given: Any) -> Future[Result]:
        """Start a waiting module in a thread and return once an entry of its timeline meets the condition."""
        reached = threading.Event()
        known = arguments(module, self._complete(module, given))

        def listen(entry: Object) -> None:
            if condition(entry):
                reached.set()

        pool = ThreadPoolExecutor(max_workers=1)
        future = pool.submit(
            run_task, module, known, lambda: self.cluster, listener=listen, prometheus=_prometheus(known)
        )
        future.add_done_callback(lambda _: reached.set())
        assert reached.wait(60), "the wait did not get there"
        pool.shutdown(wait=False)
        return future


@contextmanager
def new_namespace(lab: Lab, name: str, *, wait: bool = False) -> Iterator[Stage]:
    """A namespace of this name; unless `wait` its deletion goes on while the next test runs."""
    made = Stage(lab, name)
    made.kubectl("create", "namespace", name)
    try:
        yield made
    finally:
        made.kubectl("delete", "namespace", name, f"--wait={str(wait).lower()}")


def _prometheus(known: Mapping[str, Any]) -> Callable[[str, float], Prometheus]:
    """As the modules' frame makes it of the option `prometheus`."""
    return lambda address, timeout: Prometheus.of({**known["prometheus"], "address": address, "timeout": timeout})


def _list(objects: tuple[Object, ...]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


# -- objects to release

GATED_STEPS: list[Object] = [
    {"setWeight": 20},
    {"pause": {}},
    {"setWeight": 40},
    {"pause": {"duration": 2}},
    {"setWeight": 60},
    {"pause": {}},
]


def template(image: str, app: str = "shop", **pod: Any) -> Object:
    """A pod template with one container."""
    containers = [{"name": "app", "image": image}]
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": containers, **pod}}


def canary(image: str = "shop:1.0.0", steps: list[Object] | None = None, **spec: Any) -> Object:
    """A canary of five pods; `strategy` in spec adds to its strategy."""
    strategy = {"steps": GATED_STEPS if steps is None else steps, **spec.pop("strategy", {})}
    return _rollout({"replicas": 5, "template": template(image), "strategy": {"canary": strategy}, **spec})


def blue_green(image: str = "shop:1.0.0", **strategy: Any) -> tuple[Object, Object, Object]:
    """A blue-green rollout with its two Services."""
    body = {"activeService": "active", "previewService": "preview", "autoPromotionEnabled": False, **strategy}
    rollout = _rollout({"replicas": 2, "template": template(image), "strategy": {"blueGreen": body}})
    return rollout, service("active"), service("preview")


def _rollout(spec: Object) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "shop"}}, **spec},
    }


def service(name: str) -> Object:
    """A Service in front of the shop's pods."""
    spec = {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def deployment(image: str = "shop:1.0.0", replicas: int = 0) -> Object:
    """A Deployment for a workloadRef."""
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "shop"}}, "template": template(image)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": spec}


def referring(kind: str = "Deployment", api_version: str = "apps/v1") -> Object:
    """A canary whose pod template lives in another object."""
    rollout = canary()
    del rollout["spec"]["template"]
    rollout["spec"]["workloadRef"] = {"apiVersion": api_version, "kind": kind, "name": "shop"}
    return rollout


def arm(name: str, image: str = "shop:1") -> Object:
    """A template of an Experiment, with one pod."""
    return {"name": name, "selector": {"matchLabels": {"app": name}}, "template": template(image, name)}


# -- states to begin with


def at_gate(stage: Stage) -> None:
    """The second version of a canary waits at its first gate."""
    stage.deploy(canary())
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")


def at_preview(stage: Stage) -> None:
    """The second version of a blue-green rollout waits to be promoted."""
    stage.deploy(*blue_green())
    stage.ok("rollout_set_image", images={"app": "shop:2.0.0"}, wait_until="paused")


# -- analysis


def analysis_template(name: str, cluster_scope: bool = False, **spec: Any) -> Object:
    kind = "ClusterAnalysisTemplate" if cluster_scope else "AnalysisTemplate"
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


class Gauge(Page):
    """A value for the analysis provider `web`."""

    def __init__(self) -> None:
        self.value = 1.0
        super().__init__("application/json", lambda: json.dumps({"value": self.value}))

    @property
    def url(self) -> str:
        return f"http://{self.address}/"

    def metric(self, name: str = "value", condition: str = "result >= 0.95", **more: Any) -> Object:
        """A metric that asks for the value."""
        web = {"url": self.url, "jsonPath": "{$.value}"}
        return {"name": name, "successCondition": condition, "provider": {"web": web}, **more}

    def template(self, name: str = "value", **metric: Any) -> Object:
        """An AnalysisTemplate that asks for the value."""
        return analysis_template(name, metrics=[self.metric(**metric)])


ANALYSIS_STEP: Object = {"analysis": {"templates": [{"templateName": "value"}]}}
# An analysis that goes on until somebody ends it.
ENDLESS: Object = {"count": 1000, "interval": "1s"}


def measured(entry: Object) -> bool:
    """Whether an entry of a timeline tells of a measurement."""
    return entry.get("reason") == "measured"
