# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Prometheus reads: of each pod what an instrumented service tells, of all together what a kubelet tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .libraries import (
    CONTENT_TYPE_LATEST,
    Collector,
    CollectorRegistry,
    Counter,
    CounterMetricFamily,
    GaugeMetricFamily,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from .pods import Container

# A time for each series beside its value: nobody asks for it, and it doubles the text.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = CONTENT_TYPE_LATEST

# Seconds. 0.3 and 0.5 are what gates on the 95th percentile usually compare with.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0)
# Clients choose paths and methods, and each is a series.
_MOST_HANDLERS = 20
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Usage:
    """Memory in bytes, processor time in seconds since the start."""

    memory: float
    cpu: float


class PodMetrics:
    """The metrics of one pod. `usage` is asked at each scrape."""

    def __init__(self, usage: Callable[[], Usage]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ["handler", "code", "method"], registry=self._registry
        )
        self._durations = Histogram(
            "http_request_duration_seconds",
            "Seconds from a request to its answer.",
            ["handler"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_Process(usage))
        self._handlers: set[str] = set()
        # Finding a series by its labels costs more than all else here.
        self._counters: dict[tuple[str, int, str], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def count(self, path: str, status: int, method: str, seconds: float) -> None:
        handler = self._handler(path)
        key = (handler, status, method if method in _METHODS else "other")
        if key not in self._counters:
            self._counters[key] = self._requests.labels(handler, str(status), key[2])
        self._counters[key].inc()
        if handler not in self._histograms:
            self._histograms[handler] = self._durations.labels(handler)
        self._histograms[handler].observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def _handler(self, path: str) -> str:
        """The first segment of the path, `root` for none; `other` for what comes after twenty different ones."""
        segment = path.lstrip("/").partition("/")[0] or "root"
        if segment in self._handlers:
            return segment
        if len(self._handlers) >= _MOST_HANDLERS:
            return "other"
        self._handlers.add(segment)
        return segment


class _Process(Collector):
    def __init__(self, usage: Callable[[], Usage]) -> None:
        self._usage = usage

    def collect(self) -> Iterator[Metric]:
        usage = self._usage()
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory in use.", usage.memory)
        yield CounterMetricFamily("process_cpu_seconds", "Processor time used.", usage.cpu)


@dataclass(frozen=True)
class ContainerUsage:
    namespace: str
    pod: str
    container: Container
    usage: Usage


class Cadvisor(Collector):
    """The containers of all pods, by the names that a kubelet uses."""

    def __init__(self, look: Callable[[], Iterable[ContainerUsage]]) -> None:
        self._look = look
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        labels = ("namespace", "pod", "container", "image")
        working = GaugeMetricFamily("container_memory_working_set_bytes", "Memory that is in use.", labels=labels)
        memory = GaugeMetricFamily("container_memory_usage_bytes", "Memory, caches included.", labels=labels)
        cpu = CounterMetricFamily("container_cpu_usage_seconds", "Processor time used.", labels=labels)
        for found in self._look():
            values = (found.namespace, found.pod, found.container.name, found.container.image)
            working.add_metric(values, found.usage.memory)
            memory.add_metric(values, found.usage.memory)
            cpu.add_metric(values, found.usage.cpu)
        yield from (working, memory, cpu)
