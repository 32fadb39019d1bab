# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`rollout_info` says what `kubectl argo rollouts` says, of every state that a Rollout can be in.

Some hundreds of Rollouts are made up: each begins as a healthy one and is then bent by a few of the functions below.
They are stored on the lab's apiserver, where no controller touches them, and the real plugin and our module read them.

Where we differ on purpose, and the comparison therefore does not look:

* An object with both strategies, which the controller refuses, is not made up: the plugin calls it Canary in a table
  and judges it as blue-green.
* Without a traffic router the plugin reads the actual weight off the ReplicaSets, which do not exist here.
* With a router the plugin says 0 as long as no pod is available, and ignores an abort past the last step.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.kit import Stage, new_namespace
from tests.integration.support import Lab

Tree = dict[str, Any]
Random = random.Random

SEED = 20250321
CASES = 420
# The plugin reads every Rollout of a namespace to say something about one.
NAMESPACES = 7
# Two cores have to do for the plugin, the apiserver and whatever else the lab runs.
PARALLEL = 3

STABLE, CANARY_HASH = "6b5c9d7f44", "58d4b9fc7c"
MORNING, MORNING_ELSEWHERE, NOON = "2025-03-21T08:00:00Z", "2025-03-21T10:00:00+02:00", "2025-03-21T12:00:00Z"

# Everything that the plugin says of its own accord (GetRolloutPhase and CalculateRolloutPhase), by its beginning.
SENTENCES = (
    "Progressing - waiting for rollout spec update to be observed",
    "Progressing - waiting for rollout to unpause",
    "Degraded - InvalidSpec: ",
    "Degraded - RolloutAborted: ",
    "Degraded - ProgressDeadlineExceeded: ",
    "Paused - manually paused",
    "Paused - CanaryPauseStep",
    "Paused - BlueGreenPause",
    "Paused - InconclusiveAnalysisRun",
    "Progressing - rollout is restarting",
    "Progressing - more replicas need to be updated",
    "Progressing - updated replicas are still becoming available",
    "Progressing - active service cutover pending",
    "Progressing - waiting for analysis to complete",
    "Progressing - waiting for post-promotion verification to complete",
    "Progressing - old replicas are pending termination",
    "Progressing - waiting for all steps to complete",
    "Progressing - said by the controller",
    "Healthy - ",
)


# -- made-up rollouts


@dataclass
class Case:
    """One made-up Rollout. `generation` 2 means that its spec is changed once after it was created."""

    name: str
    spec: Tree
    status: Tree
    generation: int

    def object(self, **more: object) -> Tree:
        """Without its status; `more` goes to the spec."""
        # A controller without --instance-id leaves objects with this label alone.
        labels = {"argo-rollouts.argoproj.io/controller-instance-id": "nobody"}
        metadata = {"name": self.name, "labels": labels}
        spec = {**self.spec, **more}
        return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}

    @property
    def strategy(self) -> str:
        return next(iter(self.spec["strategy"]), "")

    @property
    def canary(self) -> Tree:
        return self.spec["strategy"].get("canary", {})

    @property
    def steps(self) -> list[Tree]:
        return self.canary.get("steps") or []

    @property
    def desired(self) -> int:
        return self.spec.get("replicas", 1)


def make_case(rng: Random, number: int) -> Case:
    make_strategy = rng.choices((canary, blue_green, no_strategy), weights=(60, 30, 10))[0]
    spec: Tree = {"strategy": make_strategy(rng), "selector": {"matchLabels": {"app": "shop"}}}
    replicas = rng.choice((None, 0, 1, 1, 2, 5, 10))
    if replicas is not None:
        spec["replicas"] = replicas
    if rng.random() < 0.04:
        spec["workloadRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    else:
        pod = {"containers": [{"name": "shop", "image": "registry.example/shop:1"}]}
        spec["template"] = {"metadata": {"labels": {"app": "shop"}}, "spec": pod}
    case = Case(f"parity-{number:03}", spec, {}, generation=rng.choice((1, 1, 2)))
    if rng.random() < 0.95:  # the others are new: no controller has seen them
        make_healthy(case)
        for bend in rng.sample(BENDS + OWN_BENDS[case.strategy], rng.choice((1, 1, 2, 2, 3, 4))):
            bend(rng, case)
    return case


def canary(rng: Random) -> Tree:
    body: Tree = {}
    if rng.random() < 0.85:
        body["steps"] = [rng.choice(STEPS)(rng) for _turn in range(rng.randrange(7))]
    router = rng.choice((None, None, {"nginx": {"stableIngress": "shop"}}, {"plugins": {"some/router": {}}}, {}))
    if router is not None:
        limit = rng.choice((None, None, 100, 1000, 7, 0))
        body["trafficRouting"] = router if limit is None else {**router, "maxTrafficWeight": limit}
    return {"canary": body}


def blue_green(rng: Random) -> Tree:
    body: Tree = {"activeService": "shop"}
    if rng.random() < 0.7:
        body["postPromotionAnalysis"] = {"templates": [{"templateName": "errors"}]}
    if rng.random() < 0.5:
        body["autoPromotionEnabled"] = rng.random() < 0.5
    return {"blueGreen": body}


def no_strategy(_rng: Random) -> Tree:
    return {}


STEPS: tuple[Callable[[Random], Tree], ...] = (
    lambda rng: {"setWeight": rng.choice((0, 1, 20, 50, 99, 100, 1000))},
    lambda rng: {"setWeight": rng.choice((5, 33, 66))},
    lambda _rng: {"pause": {}},
    lambda rng: {"pause": {"duration": rng.choice((30, "30", "5m", "1h30m"))}},
    lambda _rng: {"analysis": {"templates": [{"templateName": "errors"}]}},
    lambda _rng: {"setCanaryScale": {"replicas": 2}},
    lambda _rng: {"setHeaderRoute": {"name": "testers"}},
    lambda _rng: {"plugin": {"name": "some/step"}},
)


def make_healthy(case: Case) -> None:
    count = case.desired
    case.status = {
        "observedGeneration": str(case.generation),
        "currentPodHash": STABLE,
        "stableRS": STABLE,
        **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count),
        "conditions": [condition("Available", "AvailableReason", "Rollout has minimum availability")],
    }
    if case.steps:
        case.status["currentStepIndex"] = len(case.steps)
    if case.strategy == "blueGreen":
        case.status["blueGreen"] = {"activeSelector": STABLE, "previewSelector": STABLE}


def condition(kind: str, reason: str, message: str) -> Tree:
    times = {"lastTransitionTime": MORNING, "lastUpdateTime": MORNING}
    return {"type": kind, "status": "True", "reason": reason, "message": message, **times}


def updating(rng: Random, case: Case) -> None:
    case.status["currentPodHash"] = CANARY_HASH
    case.status["stableRS"] = rng.choice((STABLE, STABLE, ""))


def cut_over(rng: Random, case: Case) -> None:
    updating(rng, case)
    case.status["blueGreen"]["activeSelector"] = CANARY_HASH


def not_cut_over(rng: Random, case: Case) -> None:
    case.status["blueGreen"]["activeSelector"] = rng.choice(("", CANARY_HASH))


def post_promotion(rng: Random, case: Case) -> None:
    cut_over(rng, case)
    phase = rng.choice(("", "Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"))
    case.status["blueGreen"]["postPromotionAnalysisRunStatus"] = {"name": "shop-post", "status": phase}


def at_some_step(rng: Random, case: Case) -> None:
    case.status["currentStepIndex"] = rng.choice((None, 0, *range(len(case.steps)), len(case.steps), 9))


def routed(rng: Random, case: Case) -> None:
    weight = rng.choice((0, 10, 50, 100))
    case.status["canary"] = {"weights": {"canary": {"weight": weight}, "stable": {"weight": 100 - weight}}}


def seen_generation(rng: Random, case: Case) -> None:
    """Late, early, or no number at all; Go's strconv.Atoi decides what is one."""
    case.status["observedGeneration"] = rng.choice(
        (
            str(case.generation - 1), str(case.generation + 1), "0", "-1", f"+{case.generation}", f"0{case.generation}",
            "", None, "7d4f5b9c", "1.0", "1e0", "0x0", "0_1", " 0", "0 ", "²", "٠", "-", "+",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "0" * 5000,
        )
    )  # fmt: skip


def late(_rng: Random, case: Case) -> None:
    case.status["observedGeneration"] = str(case.generation - 1)


def conditions(rng: Random, case: Case) -> None:
    case.status["conditions"] = rng.sample(CONDITIONS, rng.randint(1, 3))


def aborted(rng: Random, case: Case) -> None:
    case.status["abort"] = True
    if rng.random() < 0.7:
        case.status["abortedAt"] = MORNING
        case.status["conditions"].append(CONDITIONS[1])
        case.status["currentStepIndex"] = 0


def paused(rng: Random, case: Case) -> None:
    reasons = ("CanaryPauseStep", "BlueGreenPause", "InconclusiveAnalysisRun", "InconclusiveExperiment")
    chosen = rng.sample(reasons, rng.choice((1, 1, 1, 2)))
    case.status["pauseConditions"] = [{"reason": reason, "startTime": MORNING} for reason in chosen]
    case.status["controllerPause"] = rng.random() < 0.8


def unpausing(rng: Random, case: Case) -> None:
    case.status["controllerPause"] = True
    case.status["pauseConditions"] = rng.choice((None, []))


def held(_rng: Random, case: Case) -> None:
    case.spec["paused"] = True


def restarting(rng: Random, case: Case) -> None:
    case.spec["restartAt"] = MORNING
    case.status["restartedAt"] = rng.choice((None, MORNING, MORNING_ELSEWHERE, NOON))


def promoting_fully(_rng: Random, case: Case) -> None:
    case.status["promoteFull"] = True


def other_counts(rng: Random, case: Case) -> None:
    for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"):
        case.status[name] = rng.choice((None, 0, case.desired, case.desired, case.desired + 1, rng.randrange(12)))


def surplus(_rng: Random, case: Case) -> None:
    case.status["replicas"] = case.desired + 2


def unavailable(_rng: Random, case: Case) -> None:
    case.status["availableReplicas"] = 0


def phase_by_controller(rng: Random, case: Case) -> None:
    case.status["phase"] = rng.choice(("Healthy", "Progressing", "Paused", "Degraded"))
    case.status["message"] = "" if case.status["phase"] == "Healthy" else "said by the controller"


CONDITIONS: tuple[Tree, ...] = (
    condition("InvalidSpec", "InvalidSpec", 'The Rollout "shop" is invalid: spec.strategy: Required value'),
    condition(
        "Progressing",
        "RolloutAborted",
        "Rollout aborted update to revision 7: metric \u201cerrors\u201d assessed Failed",
    ),
    condition("Progressing", "ProgressDeadlineExceeded", 'ReplicaSet "shop-58d4b9fc7c" has timed out progressing.'),
    condition("Progressing", "ReplicaSetUpdated", "ReplicaSet is progressing."),
    condition("Paused", "RolloutPaused", "Rollout is paused"),
    condition("Completed", "RolloutCompleted", "Rollout completed update"),
)

BENDS: tuple[Callable[[Random, Case], None], ...] = (
    updating, updating, seen_generation, late, conditions, conditions, conditions, aborted, paused, paused, unpausing,
    held, restarting, promoting_fully, other_counts, unavailable, phase_by_controller, phase_by_controller,
)  # fmt: skip
OWN_BENDS: Mapping[str, tuple[Callable[[Random, Case], None], ...]] = {
    "canary": (at_some_step, at_some_step, routed, surplus),
    "blueGreen": (cut_over, cut_over, not_cut_over, post_promotion, post_promotion),
    "": (),
}


def make_cases() -> list[Case]:
    rng = random.Random(SEED)
    return [make_case(rng, number) for number in range(CASES)]


def store(stage: Stage, cases: Sequence[Case]) -> None:
    """Put them on the apiserver as a user and a controller would: the spec, its later change, the status."""
    apply = ("apply", "--server-side", "--force-conflicts", "--filename=-")
    stage.kubectl(*apply, given=listed(case.object() for case in cases))
    changed = [case.object(minReadySeconds=3) for case in cases if case.generation == 2]
    stage.kubectl(*apply, given=listed(changed))
    seen = [{**case.object(), "status": without_nulls(case.status)} for case in cases if case.status]
    stage.kubectl(*apply, "--subresource=status", "--field-manager=controller", given=listed(seen))


def listed(items: Iterable[Tree]) -> Tree:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def without_nulls(tree: Tree) -> Tree:
    return {key: value for key, value in tree.items() if value is not None}


# -- the plugin


@dataclass(frozen=True)
class Plugin:
    """The real kubectl-argo-rollouts, on one namespace."""

    program: Path
    kubeconfig: Path
    namespace: str

    @classmethod
    def on(cls, stage: Stage) -> Plugin:
        return cls(Path(stage.lab.record["bin"]["kubectl-argo-rollouts"]), stage.lab.kubeconfig, stage.namespace)

    def run(self, *arguments: str) -> tuple[str, str]:
        """Output and errors."""
        result = subprocess.run(
            [self.program, "--kubeconfig", self.kubeconfig, "--namespace", self.namespace, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return result.stdout, result.stderr

    def about(self, name: str, *command: str) -> tuple[str, str]:
        """Output and errors of a command on one Rollout.

        These commands do not wait until they have read the Rollouts, and so may find theirs missing
        (viewcontroller.go: the informer of Rollouts is not among the caches that are waited for).
        """
        for _turn in range(20):
            output, errors = self.run(*command, name)
            if f'"{name}" not found' not in errors:
                break
        return output, errors

    def list(self) -> dict[str, list[str]]:
        """The table's rows, by name."""
        output, _errors = self.run("list", "rollouts")
        rows = [line.split() for line in output.splitlines()[1:]]
        return {row[0]: row[1:] for row in rows}

    def status(self, name: str) -> str:
        """What `status` says, as one line. Of a healthy Rollout it does not show the message."""
        output, errors = self.about(name, "status", "--watch=false")
        match = re.search(r"^Error: The rollout is in a degraded state with message: (.*)", errors, re.MULTILINE)
        return f"Degraded - {match[1]}" if match else output.strip() or errors

    def get(self, name: str) -> dict[str, str]:
        """The head of what `get rollout` shows, by its own words."""
        output, errors = self.about(name, "get", "rollout", "--no-color")
        assert output, errors
        head = output.partition("\n\n")[0].splitlines()
        pairs = (line.strip().partition(":") for line in head)
        return {word: value.strip() for word, _colon, value in pairs}


@dataclass
class Views:
    """Every Rollout as each side shows it. The plugin was asked for one half in sentences and for one in details."""

    cases: dict[str, Case]
    ours: dict[str, Tree]
    table: dict[str, list[str]]
    sentences: dict[str, str]
    details: dict[str, dict[str, str]]

    def differences(self, theirs: Mapping[str, Any], rendered: Callable[[Case, Tree], Any]) -> str:
        """One paragraph for each Rollout of `theirs` that `rendered` shows differently; empty when all agree."""
        return "\n".join(
            f"{name}\n  plugin: {answer}\n  ours:   {wanted}\n  spec:   {json.dumps(case.spec)}\n"
            f"  status: {json.dumps(case.status)}, generation {case.generation}"
            for name, answer in theirs.items()
            if (wanted := rendered(case := self.cases[name], self.ours[name])) != answer
        )

    def add(self, other: Views) -> None:
        for mine, more in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.update(more)


@pytest.fixture(scope="module")
def views(lab: Lab) -> Views:
    together = Views({}, {}, {}, {}, {})
    cases = make_cases()
    for number in range(NAMESPACES):
        with new_namespace(lab, f"parity-{number}-{os.getpid()}") as stage:
            together.add(view(stage, cases[number::NAMESPACES]))
    return together


def view(stage: Stage, cases: Sequence[Case]) -> Views:
    """Store these Rollouts and look at them from both sides."""
    store(stage, cases)
    plugin = Plugin.on(stage)
    # Of a Rollout with a workloadRef these commands say nothing without its Deployment.
    single = [case.name for case in cases if "workloadRef" not in case.spec]
    with ThreadPoolExecutor(PARALLEL) as pool:
        sentences = dict(zip(single[::2], pool.map(plugin.status, single[::2]), strict=True))
        details = dict(zip(single[1::2], pool.map(plugin.get, single[1::2]), strict=True))
    ours = {item["name"]: item for item in stage.run("rollout_info")["rollouts"]}
    return Views({case.name: case for case in cases}, ours, plugin.list(), sentences, details)


# -- the comparison


def test_list_shows_the_same_columns(views: Views) -> None:
    assert set(views.table) == set(views.ours) == set(views.cases)
    assert views.differences(views.table, row) == ""


def test_status_says_the_same_phase_and_message(views: Views) -> None:
    assert views.differences(views.sentences, sentence) == ""


def test_get_shows_the_same_details(views: Views) -> None:
    comparable = {
        name: {word: value for word, value in shown.items() if word in detail(views.cases[name], views.ours[name])}
        for name, shown in views.details.items()
    }

    assert views.differences(comparable, detail) == ""


def test_every_sentence_of_the_plugin_was_compared(views: Views) -> None:
    said = [f"{shown['Status'][2:]} - {shown.get('Message', '')}" for shown in views.details.values()]

    for by_list, by_one in ((SENTENCES, said), (set(SENTENCES) - {"Healthy - "}, views.sentences.values())):
        assert [sentence for sentence in by_list if not any(each.startswith(sentence) for each in by_one)] == []


def row(_case: Case, ours: Tree) -> list[str]:
    """A row of `list rollouts`."""
    replicas, set_weight = ours["replicas"], ours["weight"]["set"]
    return [
        {"canary": "Canary", "blueGreen": "BlueGreen", "": "unknown"}[ours["strategy"]],
        ours["phase"],
        step(ours) or "-",
        "-" if set_weight is None else str(set_weight),
        f"{replicas['ready']}/{replicas['current']}",
        *(str(replicas[name]) for name in ("desired", "updated", "available")),
    ]


def sentence(_case: Case, ours: Tree) -> str:
    """The line of `status`."""
    if ours["phase"] == "Healthy":
        return "Healthy"
    return f"{ours['phase']} - {ours['message']}"


def detail(case: Case, ours: Tree) -> dict[str, str]:
    """The head of `get rollout`."""
    phase, replicas = ours["phase"], ours["replicas"]
    icons = {"Progressing": "◌", "Paused": "॥", "Healthy": "✔", "Degraded": "✖"}
    shown = {
        "Name": ours["name"],
        "Namespace": ours["namespace"],
        "Status": f"{icons[phase]} {phase}",
        "Strategy": {"canary": "Canary", "blueGreen": "BlueGreen", "": ""}[ours["strategy"]],
        **{name.capitalize(): str(count) for name, count in replicas.items()},
    }
    if ours["message"]:
        shown["Message"] = ours["message"]
    if ours["strategy"] == "canary":
        shown |= {"Step": step(ours), "SetWeight": str(ours["weight"]["set"])}
        if actual_weight_is_comparable(case):
            shown["ActualWeight"] = str(ours["weight"]["actual"])
    return shown


def step(ours: Tree) -> str:
    index, total = ours["step"]["index"], ours["step"]["total"]
    return "" if index is None or not total or ours["strategy"] != "canary" else f"{index}/{total}"


def actual_weight_is_comparable(case: Case) -> bool:
    """See the top of this file."""
    past_the_end = (case.status.get("currentStepIndex") or 0) >= len(case.steps)
    if past_the_end:
        return not case.status.get("abort")
    return "trafficRouting" in case.canary and bool(case.status.get("availableReplicas"))
