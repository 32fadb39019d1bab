# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of every module of this collection shares."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragments: the default one, ``rollout``, ``wait``, ``forward``, ``gitops`` and ``silence``."""

    DOCUMENTATION = r"""
options:
  namespace:
    description: Namespace of the object.
    type: str
    default: default
notes:
  - RV(ignore:reason) is a word for machines. When a task fails, one of V(aborted), V(analysis_failed),
    V(bad_configuration), V(conflict), V(controller_absent), V(deleted), V(dropped), V(error), V(expired),
    V(field_conflict), V(forbidden), V(inconclusive), V(invalid_request), V(invalid_spec), V(managed), V(no_stable),
    V(not_found), V(not_installed), V(paused), V(progress_deadline), V(reverted), V(superseded), V(timeout),
    V(unauthorized), V(unreachable), or a word that the module documents. A task that must not wait before it acts
    fails with V(not_at_step), V(not_observed), V(not_paused) or V(not_restored). When a task succeeds, what it has
    waited for, which is one of V(healthy), V(observed), V(paused), V(restarted), V(restored), V(step) and V(weight),
    or V(written) where it did not wait.
requirements:
  - python >= 3.11
  - kubernetes >= 31.0.0
  - urllib3 >= 2.3
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would change, without changing it.
    support: full
  diff_mode:
    description: Returns details on what has changed (or would change in C(check_mode)), in diff mode.
    support: full
  idempotent:
    description: When run twice in a row without another actor's change in between, the second run reports no change.
    support: full
  action_group:
    description: Use C(group/progressive.delivery.delivery) in C(module_defaults) to set options for all its modules.
    support: full
    membership:
      - progressive.delivery.delivery
"""

    ROLLOUT = r"""
options:
  name:
    description: Name of the Rollout.
    type: str
    required: true
notes:
  - Every write carries a lock (the resource version, or a test of the old value). When the object changed
    in between, the module decides again from a fresh view, it never overwrites.
  - Never writes C(spec.replicas), which may belong to an autoscaler.
"""

    WAIT = r"""
options:
  wait:
    description:
      - Whether to wait until the controller has acted.
      - Without waiting a task makes one GET and at most one PATCH per changed object, and a verb that must
        wait before it may act fails with the reason why. Only that the controller observes the change before,
        which takes it a fraction of a second, is waited for in any case, for 10 seconds at most.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long the task may take in all, as a number of seconds (V(300)) or a duration (V(5m), V(1h30m)).
      - The deadline is exact. A state that cannot heal by itself fails the task at once.
    type: str
    default: 5m
  progress:
    description:
      - Whether to print a line for each transition while the task waits, and one each minute when nothing changes.
      - Lines can only be printed where the task runs in the control process, that is on a local connection without
        C(become) and C(async).
    type: bool
    default: true
"""

    FORWARD = r"""
options:
  wait_until:
    description:
      - V(observed) waits until the controller has acted on the change.
      - V(paused) waits until the rollout pauses (at a gate, or for a time) or is through.
      - V(healthy) waits until the new version is the stable one and healthy.
    type: str
    choices: [observed, paused, healthy]
    default: observed
"""

    GITOPS = r"""
options:
  gitops:
    description:
      - What to do before a field of a spec is written that a GitOps tool keeps as it is in Git. Argo CD and Flux are
        recognised by their tracking annotations and labels, and by their names in C(metadata.managedFields).
      - V(warn) writes it and says in RV(ignore:warnings) which tool may put the old value back, and what to do about
        that. V(refuse) fails before it writes anything, with the reason V(managed). V(ignore) says nothing.
      - A field that the tool has left out of its own writes, such as C(spec.paused) where Git does not say it, is
        written without a warning. For an image that it was told to ignore, choose V(ignore).
      - Whatever is chosen, a task that waits notices when somebody puts the old value back. It then fails with the
        reason V(reverted) and the name of who wrote it, and never writes it again.
    type: str
    choices: [warn, refuse, ignore]
    default: warn
"""

    SILENCE = r"""
options:
  accept_silence:
    description:
      - Names of metrics for which no data is a good sign, such as one that lists the alerts that fire.
      - Every other metric must have measured a value. A metric that measures numbers and no data by turns has; with
        a C(consecutiveSuccessLimit) only the successes that reached it count. Dry runs do not matter beside others.
      - A Job and a metric plugin judge by themselves and need no value, and neither does a web metric without
        conditions, of which only an answer was asked.
    type: list
    elements: str
    default: []
"""
