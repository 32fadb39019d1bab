# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PodDisruptionBudgets, which may refuse the evictions of a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .selectors import selects


@dataclass(frozen=True)
class Budget:
    """The numbers are pods, as the disruption controller last counted them."""

    label: str
    allowed: int
    healthy: int
    needed: int
    expected: int
    selector: Mapping[str, Any] | None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Budget:
        """The view of a ``policy/v1`` PodDisruptionBudget."""
        meta, status = raw.get("metadata") or {}, raw.get("status") or {}
        return cls(
            label=f"PodDisruptionBudget {meta.get('namespace', '')}/{meta.get('name', '')}",
            allowed=int(status.get("disruptionsAllowed") or 0),
            healthy=int(status.get("currentHealthy") or 0),
            needed=int(status.get("desiredHealthy") or 0),
            expected=int(status.get("expectedPods") or 0),
            selector=(raw.get("spec") or {}).get("selector"),
        )

    def refuses(self, labels: Mapping[str, str]) -> bool:
        """Whether it lets no pod with these labels go, for now."""
        return self.allowed == 0 and self.selector is not None and selects(self.selector, labels)

    @property
    def for_good(self) -> bool:
        """Whether it cannot let one go until it is changed: no pod is missing that could come."""
        return self.allowed == 0 and self.healthy >= self.expected > 0

    def __str__(self) -> str:
        return f"{self.label} lets no pod go: {self.healthy} of {self.expected} are healthy and it wants {self.needed}"
