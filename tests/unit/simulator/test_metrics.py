# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus reads."""

from __future__ import annotations

from ansible_collections.progressive.delivery.plugins.module_utils._simulator.metrics import (
    Cadvisor,
    ContainerUsage,
    PodMetrics,
    Usage,
)
from ansible_collections.progressive.delivery.plugins.module_utils._simulator.pods import Container
from prometheus_client.parser import text_string_to_metric_families


def samples(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, values of the labels in the order of their names) -> value."""
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(value for _other, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def fresh() -> PodMetrics:
    return PodMetrics(lambda: Usage(memory=64e6, cpu=1.5))


def test_requests_are_counted_by_handler_code_and_method() -> None:
    metrics = fresh()
    for path, status, method in [
        ("/items/1", 200, "GET"), ("/items/2", 200, "GET"), ("/items", 500, "POST"), ("/", 200, "GET"),
        ("/metrics", 200, "GET"), ("/items", 200, "BREW"), ("*", 200, "OPTIONS"),
    ]:  # fmt: skip
        metrics.count(path, status, method, 0.001)
    counted = {
        labels: value for (name, labels), value in samples(metrics.text()).items() if name == "http_requests_total"
    }
    assert counted == {
        ("200", "items", "GET"): 2,
        ("500", "items", "POST"): 1,
        ("200", "root", "GET"): 1,
        ("200", "metrics", "GET"): 1,
        ("200", "items", "other"): 1,
        ("200", "*", "OPTIONS"): 1,
    }


def test_durations_fall_into_their_buckets() -> None:
    metrics = fresh()
    for seconds in (0.004, 0.3, 0.45, 30):
        metrics.count("/a", 200, "GET", seconds)
    found = samples(metrics.text())
    bounds = ("0.005", "0.3", "0.5", "10.0", "+Inf")
    assert [found["http_request_duration_seconds_bucket", ("a", bound)] for bound in bounds] == [1, 2, 3, 3, 4]
    assert found["http_request_duration_seconds_count", ("a",)] == 4


def test_a_client_cannot_make_series_without_end() -> None:
    metrics = fresh()
    for number in range(100):
        metrics.count(f"/path-{number}", 200, "GET", 0.001)
    metrics.count("/path-3", 200, "GET", 0.001)
    found = samples(metrics.text())
    assert len([key for key in found if key[0] == "http_requests_total"]) == 21
    assert found["http_requests_total", ("200", "other", "GET")] == 80
    assert found["http_requests_total", ("200", "path-3", "GET")] == 2


def test_a_pod_tells_what_its_process_uses() -> None:
    found = samples(fresh().text())
    assert found["process_resident_memory_bytes", ()] == 64e6
    assert found["process_cpu_seconds_total", ()] == 1.5


def test_there_is_no_time_of_creation_for_each_series() -> None:
    metrics = fresh()
    metrics.count("/a", 200, "GET", 0.001)
    assert b"_created" not in metrics.text()


def test_containers_are_told_as_a_kubelet_tells_them() -> None:
    usage = [
        ContainerUsage("apps", "shop-1", Container("app", "shop:1"), Usage(1e8, 3)),
        ContainerUsage("apps", "shop-1", Container("side", "side:9"), Usage(64e6, 0.5)),
    ]
    found = samples(Cadvisor(lambda: usage).text())
    labels = ("app", "shop:1", "apps", "shop-1")
    assert found["container_memory_working_set_bytes", labels] == 1e8
    assert found["container_memory_usage_bytes", labels] == 1e8
    assert found["container_cpu_usage_seconds_total", labels] == 3
    assert found["container_cpu_usage_seconds_total", ("side", "side:9", "apps", "shop-1")] == 0.5
