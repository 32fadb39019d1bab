# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's arguments to its result: what modules call, and what can be called in-process."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._analysis.errors import PrometheusError
from .._analysis.evidence import Demand
from .._cluster.errors import ClusterError, Invalid
from .._model.durations import parse_span, parse_timeout
from .._model.errors import InvalidRequest
from .._model.manifest import Conversion
from .._model.manifest import Definition as RolloutDefinition
from .._model.templates import Given, TemplateRef
from .._verbs.abort import Abort
from .._verbs.analysis import KINDS
from .._verbs.goals import Goal, Until, parse_until
from .._verbs.pause import Pause
from .._verbs.plan import Verb
from .._verbs.promote import Promote
from .._verbs.restart import Restart, parse_moment
from .._verbs.retry import Retry
from .._verbs.set_image import SetImage
from .._verbs.undo import Undo
from .._verbs.wait import Wait
from .analysis import AnalysisWait
from .analysis_run import RunRequest, run_analysis
from .census import Census, Connect
from .clock import ClusterClock, SystemClock
from .declare import Declaration, Declared, remove
from .experiment import Definition, ExperimentRequest, run_experiment
from .gitops import WARN
from .info import read_rollouts
from .outcome import Outcome
from .ports import Clock, ClusterPort
from .query import run_query
from .runner import Options, Runner
from .timeline import Listener
from .traffic import read_traffic

Params = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """What a task is run with, beside its arguments."""

    cluster: Callable[[], ClusterPort]
    check_mode: bool
    clock: Clock
    listener: Listener | None
    prometheus: Connect | None


_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")

FORWARD = (Until.OBSERVED, Until.PAUSED, Until.HEALTHY)
BACK = (Until.OBSERVED, Until.RESTORED)
RESTART = (Until.OBSERVED, Until.RESTARTED)
WAIT = (Until.OBSERVED, Until.PAUSED, Until.STEP, Until.WEIGHT, Until.HEALTHY, Until.DEGRADED)


def run_task(
    module: str,
    params: Params,
    cluster: Callable[[], ClusterPort],
    *,
    check_mode: bool = False,
    clock: Clock | None = None,
    listener: Listener | None = None,
    prometheus: Connect | None = None,
) -> Result:
    """The result of the module of that name, ``failed`` included. Raises nothing that a task can cause.

    ``params`` are the module's options with their defaults filled in; ``cluster`` is asked for the
    connection once the arguments are known to be good. ``prometheus`` is only needed by who gives min_requests.
    """
    time = ClusterClock(clock or SystemClock())
    around = Surroundings(time.connected(cluster), check_mode, time, listener, prometheus)
    try:
        return _TASKS[module](params, around)
    except InvalidRequest as error:
        return Outcome(False, True, "invalid_request", str(error)).as_result()
    except (ClusterError, PrometheusError) as error:
        return Outcome(False, True, error.reason, str(error)).as_result()


def make_verb(module: str, params: Params) -> Verb:
    """The typed request of a verb's module. Raises InvalidRequest."""
    return _VERBS[module](params)


def _goal(params: Params, allowed: tuple[Until, ...]) -> Goal:
    return Goal(parse_until("wait_until", params["wait_until"], allowed))


def _by_container(images: Mapping[Any, str] | None) -> dict[str, str]:
    """YAML makes a number of an unquoted container name like 1."""
    return {str(container): image for container, image in (images or {}).items()}


def _promote(params: Params) -> Promote:
    return Promote(
        goal=_goal(params, FORWARD),
        mode=params["mode"],
        expected_step=params["expected_step"],
        expected_revision=params["expected_revision"],
        expected_images=_by_container(params["expected_images"]),
        pass_timed_pause=params["pass_timed_pause"],
        pass_inconclusive=params["pass_inconclusive"],
    )


def _wait(params: Params) -> Wait:
    goal = Goal(
        until=parse_until("until", params["until"], WAIT),
        step=params["step"],
        weight=params["weight"],
        fail_on=frozenset(params["fail_on"]),
        healthy_is_enough=False,
    )
    return Wait(goal)


def _restart(params: Params) -> Restart:
    # An aborted or paused update restarts as any other: only a spec that is not looked at cannot.
    goal = Goal(parse_until("wait_until", params["wait_until"], RESTART), fail_on=frozenset({"invalid_spec"}))
    moment = params["not_before"]
    return Restart(goal, parse_moment("not_before", moment) if moment else None, params["token"] or "")


_VERBS: Mapping[str, Callable[[Params], Verb]] = {
    "rollout_set_image": lambda params: SetImage(_by_container(params["images"]), _goal(params, FORWARD)),
    "rollout_pause": lambda params: Pause(_goal(params, FORWARD), params["state"]),
    "rollout_promote": _promote,
    "rollout_restart": _restart,
    "rollout_abort": lambda params: Abort(_goal(params, BACK)),
    "rollout_retry": lambda params: Retry(_goal(params, FORWARD)),
    "rollout_undo": lambda params: Undo(_goal(params, FORWARD), params["to_revision"]),
    "rollout_wait": _wait,
}


def _options(params: Params, check_mode: bool) -> Options:
    timeout = parse_timeout("wait_timeout", params["wait_timeout"])
    return Options(
        check_mode=check_mode, wait=params.get("wait", True), timeout=timeout, gitops=params.get("gitops", WARN)
    )


def _check_names(params: Params, *options: str) -> None:
    """Raise InvalidRequest for what no object can be called, before a URL is made of it."""
    for option in options:
        if not _NAME.fullmatch(params[option]):
            remedy = "a name is made of lower-case letters, digits, '-' and '.'"
            raise InvalidRequest(option, params[option], remedy)


def _act(module: str) -> Callable[..., Result]:
    def task(params: Params, around: Surroundings) -> Result:
        verb, options = make_verb(module, params), _options(params, around.check_mode)
        _check_names(params, "namespace", "name")
        cluster = around.cluster()
        runner = Runner(cluster, around.clock, params["namespace"], params["name"], options, around.listener)
        return runner.run(verb).as_result()

    return task


def _analysis(params: Params, around: Surroundings) -> Result:
    if params["kind"] not in KINDS:
        raise InvalidRequest("kind", params["kind"], f"use one of {', '.join(KINDS)}")
    if bool(params["analysis_run"]) == bool(params["rollout"]):
        remedy = "give either analysis_run, or rollout with kind"
        raise InvalidRequest("analysis_run", params["analysis_run"], remedy)
    _check_names(params, "namespace", "analysis_run" if params["analysis_run"] else "rollout")
    census = _census(params, around)
    wait = AnalysisWait(
        around.cluster(),
        around.clock,
        params["namespace"],
        _options(params, around.check_mode),
        run_name=params["analysis_run"] or "",
        rollout=params["rollout"] or "",
        kind=params["kind"],
        accept_silence=params["accept_silence"],
        census=census,
        listener=around.listener,
    )
    return wait.run()


def _census(params: Params, around: Surroundings) -> Census | None:
    demand = Demand.parse(params["min_requests"], params["requests"])
    if demand is None:
        return None
    given = params["prometheus"]
    if not given["address"] and any(given[option] for option in _CREDENTIALS):
        remedy = "give the address that these credentials are for; the address in the analysis is somebody else's word"
        raise InvalidRequest("prometheus.address", given["address"], remedy)
    if around.prometheus is None:
        raise AssertionError("whoever lets a user give min_requests also connects to a Prometheus")
    census = Census(
        demand,
        around.prometheus,
        address=given["address"] or "",
        timeout=parse_span("prometheus.timeout", given["timeout"]),
    )
    if census.address:
        census.connect(census.address, census.timeout)  # what cannot work is said before the wait
    return census


_CREDENTIALS = ("headers", "bearer_token", "username", "password")


def _info(params: Params, around: Surroundings) -> Result:
    name, selectors = params["name"] or "", params["label_selectors"] or params["field_selectors"]
    if name and selectors:
        raise InvalidRequest("name", name, "leave it out when you select by labels or fields")
    _check_names(params, *(["namespace"] if name or params["namespace"] else []), *(["name"] if name else []))
    labels, fields = tuple(params["label_selectors"] or ()), tuple(params["field_selectors"] or ())
    try:
        rollouts = read_rollouts(
            around.cluster(), around.clock, params["namespace"], name, labels, fields, tree=params["tree"]
        )
    except Invalid as error:
        raise InvalidRequest("label_selectors or field_selectors", [*labels, *fields], str(error)) from error
    return {"changed": False, "failed": False, "rollouts": rollouts}


def _traffic(params: Params, around: Surroundings) -> Result:
    _check_names(params, "namespace", "name")
    found = read_traffic(around.cluster(), around.clock, params["namespace"], params["name"])
    return {"changed": False, "failed": False, **found}


def _analysis_run(params: Params, around: Surroundings) -> Result:
    _check_names(params, "namespace", "name")
    given = Given(
        metrics=params["metrics"],
        args={str(name): value for name, value in params["args"].items()},
        dry_run=params["dry_run_metrics"],
        retention=_limits("measurement_retention", params["measurement_retention"]),
    )
    wanted = RunRequest(
        namespace=params["namespace"],
        name=params["name"],
        state=params["state"],
        templates=tuple(TemplateRef(item["name"], item["cluster_scope"]) for item in params["templates"]),
        given=given,
        labels=params["labels"],
        recreate=params["recreate"],
        accept_silence=params["accept_silence"],
    )
    options = _options(params, around.check_mode)
    return run_analysis(around.cluster(), around.clock, wanted, options, around.listener)


def _experiment(params: Params, around: Surroundings) -> Result:
    _check_names(params, "namespace", "name")
    name, namespace, state = params["name"], params["namespace"], params["state"]
    definition = Definition({}, {})
    if state == "present":
        if params["rollout"]:
            _check_names(params, "rollout")
        definition = Definition.parse(params["definition"], name, namespace, params["rollout"] or "")
    wanted = ExperimentRequest(namespace, name, state, definition, params["recreate"], params["accept_silence"])
    options = _options(params, around.check_mode)
    return run_experiment(around.cluster(), around.clock, wanted, options, around.listener)


def _rollout(params: Params, around: Surroundings) -> Result:
    _check_names(params, "namespace", "name")
    name, namespace, options = params["name"], params["namespace"], _options(params, around.check_mode)
    if params["state"] == "absent":
        return remove(around.cluster(), around.clock, namespace, name, options, around.listener)
    source = _source(params)
    keep = params["keep_images"]
    wanted = Declared(
        namespace=namespace,
        name=name,
        source=source,
        labels=params["labels"],
        annotations=params["annotations"],
        keep_images=isinstance(source, Conversion) if keep is None else keep,
        force=params["force_conflicts"],
        goal=_goal(params, FORWARD),
    )
    return Declaration(around.cluster(), around.clock, wanted, options, around.listener).run().as_result()


def _source(params: Params) -> RolloutDefinition | Conversion:
    definition, deployment = params["definition"], params["from_deployment"]
    if (definition is None) == (deployment is None):
        raise InvalidRequest("definition", definition, "give either a definition, or from_deployment with strategy")
    if deployment is None:
        if params["strategy"] is not None:
            raise InvalidRequest("strategy", params["strategy"], "put it into the definition, at spec.strategy")
        return RolloutDefinition.parse(definition, params["name"], params["namespace"])
    _check_names(params, "from_deployment")
    return Conversion(deployment, params["strategy"] or {}, params["mode"], params["scale_down"])


def _query(params: Params, around: Surroundings) -> Result:
    connect = around.prometheus
    if connect is None:
        raise AssertionError("whoever lets a user ask a Prometheus also connects to it")
    return run_query(params, lambda: connect(params["address"], parse_span("timeout", params["timeout"])), around.clock)


def _lint(params: Params, around: Surroundings) -> Result:
    # The only task that reads YAML: the others run without PyYAML, and without this much code to load.
    from .lint import lint_bundle

    if params["rollout"]:
        _check_names(params, "namespace", "rollout")
    return lint_bundle(params, around.cluster, around.clock)


def _limits(option: str, values: Mapping[Any, Any]) -> dict[str, int]:
    """Whole numbers, which a template of a playbook may have made texts of."""
    for name, value in values.items():
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise InvalidRequest(f"{option}.{name}", value, "give a whole number")
    return {str(name): int(value) for name, value in values.items()}


_TASKS: Mapping[str, Callable[..., Result]] = {
    **{module: _act(module) for module in _VERBS},
    "analysis_run": _analysis_run,
    "analysis_wait": _analysis,
    "experiment": _experiment,
    "prometheus_query": _query,
    "rollout": _rollout,
    "rollout_info": _info,
    "rollout_lint": _lint,
    "traffic_info": _traffic,
}
