# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading where a rollout's traffic goes."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._cluster.errors import ClusterError, NotFound, NotInstalled, Transient
from .._cluster.resources import REPLICA_SET, ROLLOUT, TRAFFIC, Object
from .._model.rollout import HASH_LABEL, Rollout
from .._model.routers import Ref, Sight, Unread, wanted
from .._model.traffic import DISAGREE, View, pods_by_hash, traffic_result
from .ports import Clock, ClusterPort
from .retry import Patience

# The objects cannot be read at one moment: what disagrees is looked at again while the rollout moves.
LOOKS = 3


def read_traffic(
    cluster: ClusterPort, clock: Clock, namespace: str, name: str, timeout: float = 30.0
) -> dict[str, Any]:
    """``traffic``, ``reason`` and ``msg``. Raises ClusterError for the Rollout itself."""
    look = _Look(cluster, Patience(clock, timeout), namespace, name)
    rollout = look.rollout()
    for _turn in range(LOOKS):
        result = look.around(rollout)
        if result["reason"] != DISAGREE:
            break
        before, rollout = rollout, look.rollout()
        if rollout.resource_version == before.resource_version:
            break
    return result


class _Look:
    def __init__(self, cluster: ClusterPort, patience: Patience, namespace: str, name: str) -> None:
        self._cluster, self._patience = cluster, patience
        self._namespace, self._name = namespace, name

    def rollout(self) -> Rollout:
        """As it is now."""
        return Rollout.parse(
            self._patience.call(lambda limit: self._cluster.get(ROLLOUT, self._namespace, self._name, limit))
        )

    def around(self, rollout: Rollout) -> dict[str, Any]:
        """What the objects around it say."""
        seen = {ref: self._read(ref) for ref in wanted(rollout)}
        unread = {ref: found for ref, found in seen.items() if isinstance(found, Unread)}
        replica_sets = self._replica_sets()
        if isinstance(replica_sets, Unread):
            unread[Ref(REPLICA_SET.kind, self._namespace, "")] = replica_sets
        pods = None if isinstance(replica_sets, Unread) else pods_by_hash(rollout, replica_sets)
        return traffic_result(View(Sight(rollout, seen), pods), unread)

    def _read(self, ref: Ref) -> Object | Unread | None:
        """Unread says why; None that there is no such object."""
        for resource in TRAFFIC[ref.kind]:
            try:
                return self._patience.call(partial(self._cluster.get, resource, ref.namespace, ref.name))
            except NotInstalled:
                continue
            except NotFound:
                return None
            except Transient:
                raise
            except ClusterError as error:
                return Unread(error.reason, f"{ref.label} could not be read: {error}")
        text = f"{self._cluster.host} serves no {ref.kind} that {ref.label} could be"
        return Unread(NotInstalled.reason, f"{text}; install what defines it")

    def _replica_sets(self) -> list[Object] | Unread:
        ours = {"labelSelector": HASH_LABEL}
        try:
            found: list[Object] = self._patience.call(
                lambda limit: self._cluster.list(REPLICA_SET, self._namespace, ours, limit)
            )["items"]
        except Transient:
            raise
        except ClusterError as error:
            return Unread(error.reason, f"the ReplicaSets could not be read: {error}")
        return found
