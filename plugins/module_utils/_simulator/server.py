# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers for one pod."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator

from . import behaviour
from .behaviour import BadBehaviour, Behaviour, Stage
from .libraries import web
from .metrics import CONTENT_TYPE, ContainerUsage, PodMetrics, Usage
from .pods import Pod

log = logging.getLogger(__name__)

_ASKED_STATUS = re.compile(r"/status/([2-5][0-9]{2})(?:/|$)")
_BODILESS = (204, 304)
_METRICS_PATHS = ("/metrics", "/stats/prometheus")


class PodServer:
    """Kept for as long as there is the pod, ready or not: its counters go on.

    `problem`: why the pod behaves plainly although its annotations ask for more; empty if it does not.
    """

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.served = 0
        self.problem = ""
        self._numbers: Counter[str] = Counter()
        self._metrics = PodMetrics(lambda: _usage(self._behaviour, self._age))
        self._describe()
        self._obey()

    def update(self, pod: Pod) -> None:
        """The pod has changed: other labels, other annotations, another condition."""
        if pod == self.pod:
            return
        before, self.pod = self.pod, pod
        self._describe()
        if (pod.annotations, pod.version) != (before.annotations, before.version):
            self._obey()

    def _describe(self) -> None:
        """Prepare what is the same in all answers."""
        pod = self.pod
        facts = {
            "pod": pod.name,
            "namespace": pod.namespace,
            "node": pod.node,
            "version": pod.version,
            "image": pod.containers[0].image,
            **({"deployment": pod.track} if pod.track else {}),
        }
        self._facts = json.dumps(facts).removesuffix("}")
        self._headers = {"x-version": pod.version, "x-pod": pod.name}
        self._metrics_paths = frozenset({*_METRICS_PATHS, pod.metrics_path})

    def _obey(self) -> None:
        try:
            self._behaviour = behaviour.parse(self.pod.annotations, self.pod.version, self.pod.seed)
            self.problem = ""
        except BadBehaviour as error:
            self._behaviour = behaviour.PLAIN
            self.problem = str(error)
            log.warning("pod %s behaves plainly: %s", self.pod.title, error)

    @property
    def stage(self) -> Stage:
        """How it behaves at its present age."""
        return self._behaviour.stage(self._age)

    def usage(self) -> Iterator[ContainerUsage]:
        """Of each container. The behaviour is that of the first; the others use up the usual little."""
        behaviours = [self._behaviour, *[behaviour.PLAIN] * (len(self.pod.containers) - 1)]
        for container, its in zip(self.pod.containers, behaviours, strict=True):
            yield ContainerUsage(self.pod.namespace, self.pod.name, container, _usage(its, self._age))

    @property
    def _age(self) -> float:
        return max(0.0, time.time() - self.pod.started)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        start = time.perf_counter()
        path = request.path
        measures = path in self._metrics_paths
        response = self._measured() if measures else await self._behaved(path)
        self.served += 1
        seconds = time.perf_counter() - start
        self._metrics.count("/metrics" if measures else path, response.status, request.method, seconds)
        return response

    def _measured(self) -> web.Response:
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def _behaved(self, path: str) -> web.Response:
        rule, answers = self.stage.for_path(path)
        # Counted for each rule, so that its error rate holds whatever else the pod is asked meanwhile.
        number = self._numbers[rule]
        self._numbers[rule] += 1
        delay = self._behaviour.delay(number, answers.latency_ms)
        if delay:
            await asyncio.sleep(delay)
        fails = self._behaviour.fails(number, answers.error_rate)
        return self._response(path, answers.error_status if fails else _asked_status(path))

    def _response(self, path: str, status: int) -> web.Response:
        if status in _BODILESS:
            return web.Response(status=status, headers=self._headers)
        body = f'{self._facts}, "path": {json.dumps(path)}}}\n'.encode()
        return web.Response(body=body, status=status, headers=self._headers, content_type="application/json")


def _usage(its: Behaviour, age: float) -> Usage:
    return Usage(its.memory_bytes(age), its.cpu_seconds(age))


def _asked_status(path: str) -> int:
    """What `/status/<code>` asks for; 200 for any other path."""
    match = _ASKED_STATUS.match(path)
    return int(match[1]) if match else 200
