# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retries: as a VirtualService wants them, or Istio's own where it says nothing."""

from __future__ import annotations

import re

from .durations import envoy_duration
from .objects import Notes, Object, Tree

_KNOWN = ("attempts", "perTryTimeout", "retryOn", "retryRemoteLocalities", "retryIgnorePreviousHosts")
DEFAULT_CAUSES = "connect-failure,refused-stream,unavailable,cancelled"


def usual_retries(affinity: bool) -> Tree:
    """What Istio does where nobody says anything."""
    return _policy(2, DEFAULT_CAUSES, not affinity)


def retry_policy(raw: Object | None, affinity: bool, notes: Notes) -> Tree | None:
    """None for no retries. With affinity, another try goes to the same pod: it is the one that is meant."""
    if raw is None:
        return usual_retries(affinity)
    notes.unsupported(raw, _KNOWN)
    attempts = int(raw.get("attempts") or 0)
    if attempts <= 0:
        return None
    others = raw.get("retryIgnorePreviousHosts")
    policy = _policy(attempts, str(raw.get("retryOn") or DEFAULT_CAUSES), not affinity if others is None else others)
    if raw.get("perTryTimeout"):
        timeout = envoy_duration(raw["perTryTimeout"], notes.at("perTryTimeout"))
        policy |= {"per_try_timeout": timeout} if timeout else {}
    return policy


def _policy(attempts: int, causes: str, other_pods: bool) -> Tree:
    words = [word.strip() for word in causes.split(",") if word.strip()]
    codes = [int(word) for word in words if re.fullmatch(r"[1-5]\d\d", word)]
    words = [word for word in words if not word.isdigit()]
    if codes and "retriable-status-codes" not in words:
        words.append("retriable-status-codes")
    policy: Tree = {"num_retries": attempts, "retry_on": ",".join(words)}
    if codes:
        policy["retriable_status_codes"] = codes
    if other_pods:
        predicate = "envoy.retry_host_predicates.previous_hosts"
        kind = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
        policy["retry_host_predicate"] = [{"name": predicate, "typed_config": {"@type": kind}}]
        policy["host_selection_retry_max_attempts"] = 5
    return policy
