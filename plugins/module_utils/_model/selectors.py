# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors, as Kubernetes reads them (``LabelSelectorAsSelector``)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    equal = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    terms = selector.get("matchExpressions") or ()
    return equal and all(meets(labels, term["key"], term["operator"], term.get("values") or ()) for term in terms)


def meets(labels: Mapping[str, str], key: str, operator: str, values: Collection[str]) -> bool:
    """Whether labels meet one of ``matchExpressions``; none meet an operator that does not exist."""
    found = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return found.get(operator, False)
