# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PodDisruptionBudgets: which pods they are about, and whether they let one go."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.disruption import Budget

LABELS = {"app": "shop", "tier": "web"}


def budget(selector: dict[str, Any] | None, **status: int) -> Budget:
    metadata = {"name": "keep", "namespace": "prod"}
    return Budget.parse({"metadata": metadata, "spec": {"selector": selector}, "status": status})


@pytest.mark.parametrize(
    ("found", "refuses", "for_good"),
    [
        (budget({}, disruptionsAllowed=0, currentHealthy=5, desiredHealthy=5, expectedPods=5), True, True),
        (budget({}, disruptionsAllowed=0, currentHealthy=4, desiredHealthy=4, expectedPods=5), True, False),
        (budget({}, disruptionsAllowed=1, currentHealthy=5, desiredHealthy=4, expectedPods=5), False, False),
        (budget({"matchLabels": {"app": "other"}}, currentHealthy=1, desiredHealthy=1, expectedPods=1), False, True),
        (budget(None), False, False),
        (Budget.parse({}), False, False),
    ],
    ids=["never", "until a pod is back", "lets one go", "of other pods", "of no pods", "empty"],
)
def test_whether_it_lets_a_pod_go(found: Budget, refuses: bool, for_good: bool) -> None:
    assert (found.refuses(LABELS), found.for_good) == (refuses, for_good)


def test_it_is_named_with_its_numbers() -> None:
    text = str(budget({}, disruptionsAllowed=0, currentHealthy=4, desiredHealthy=4, expectedPods=5))
    assert text == "PodDisruptionBudget prod/keep lets no pod go: 4 of 5 are healthy and it wants 4"
