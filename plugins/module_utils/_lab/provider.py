# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a lab's cluster comes from (`kind`, `existing` or `embedded`), and what is installed there.

Pure: everything that counts is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .engines import Engine
from .errors import LabError

KIND, EXISTING, EMBEDDED = "kind", "existing", "embedded"
AUTO = "auto"

COMPONENTS = ("istio", "prometheus", "ingress_nginx", "argo_rollouts")
"""Roles, in the order of installation. The Rollouts controller is last, because it looks for Istio's CRDs when it
starts; so it is the first to go, and refuses that while there are Rollouts, before anything else is gone."""

_WHOLE = ("istio", "prometheus", "argo_rollouts")
# What is put into somebody's cluster beyond the controller is for them to say.
DEFAULT_COMPONENTS = {KIND: _WHOLE, EXISTING: ("argo_rollouts",), EMBEDDED: _WHOLE}


@dataclass(frozen=True)
class Wish:
    """What the user says. `connection`: a kubeconfig or a context is named; `engine`: empty for either."""

    lab: str
    provider: str = AUTO
    connection: bool = False
    engine: str = ""


@dataclass(frozen=True)
class Candidate:
    """An engine, and why it cannot be used (empty if it can)."""

    engine: Engine
    problems: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.engine.name}: {'; '.join(self.problems)}"

    @property
    def short(self) -> str:
        """Without the remedies, for a line that is no error."""
        return f"{self.engine.name}: {'; '.join(problem.partition(': ')[0] for problem in self.problems)}"


@dataclass(frozen=True)
class Choice:
    """A provider, why it is that one, and for kind the engine."""

    provider: str
    reason: str
    engine: str = ""


def decide_components(
    provider: str, wished: Sequence[str] | None, recorded: Sequence[str] | None = None
) -> tuple[str, ...]:
    """What the lab is to have, in the order of installation. `recorded`: what it was asked for before."""
    unknown = [name for name in wished or () if name not in COMPONENTS]
    if unknown:
        raise LabError(
            f"progressive_components has {', '.join(map(repr, unknown))}: it can have {', '.join(COMPONENTS)}"
        )
    # Without nodes there is no choice: its processes belong together, and Envoy obeys Ingresses.
    kept = recorded if wished is None else wished
    chosen = DEFAULT_COMPONENTS[provider] if kept is None or provider == EMBEDDED else kept
    return tuple(name for name in COMPONENTS if name in chosen)


def needs_engine(wish: Wish, recorded: str) -> bool:
    """Whether the choice depends on a container engine: asking one that hangs takes a while."""
    provider = _decided(wish, recorded)
    return provider == KIND or (not provider and not wish.connection)


def _decided(wish: Wish, recorded: str) -> str:
    """The provider that is wished for, else that of the lab; empty while there is neither."""
    return wish.provider if wish.provider != AUTO else recorded


def decide(wish: Wish, recorded: str, candidates: Sequence[Candidate]) -> Choice:
    """The provider. `recorded`: that of the lab of this name, empty if there is none; `candidates`: engines, best
    first. LabError, with the way out, if the wish cannot be met."""
    _check_connection(wish, recorded)
    if wish.provider != AUTO:
        _check_recorded(wish, recorded)
        return _taken(wish.provider, f"progressive_provider is {wish.provider}", candidates)
    if recorded:
        return _taken(recorded, f"there is a lab {wish.lab!r} and it is {recorded}", candidates)
    if wish.connection:
        return Choice(EXISTING, "progressive_kubeconfig or progressive_context names a cluster")
    usable = _usable(candidates)
    if usable is not None:
        return Choice(KIND, f"{_shown(usable)} can carry it", usable.name)
    why = "; ".join(candidate.short for candidate in candidates)
    return Choice(EMBEDDED, f"no container engine can carry kind ({why})")


def decide_removal(wish: Wish, recorded: str) -> Choice:
    """Whose lab is to be taken down; nothing has to work for that. Without a record, as every lab once was."""
    if wish.provider != AUTO:
        _check_recorded(wish, recorded)
        return Choice(wish.provider, f"progressive_provider is {wish.provider}")
    if recorded:
        return Choice(recorded, f"lab {wish.lab!r} is {recorded}")
    return Choice(EMBEDDED, f"there is no record of a lab {wish.lab!r}")


def _check_connection(wish: Wish, recorded: str) -> None:
    """Both would be taken for the cluster to work on; better none is than the wrong one."""
    provider = _decided(wish, recorded)
    if wish.connection and provider not in ("", EXISTING):
        said = f"progressive_provider is {provider}" if wish.provider != AUTO else f"lab {wish.lab!r} is {provider}"
        raise LabError(
            f"progressive_kubeconfig or progressive_context names an existing cluster, but {said}: leave the cluster "
            "out, or choose progressive_provider=existing with another progressive_lab"
        )


def _check_recorded(wish: Wish, recorded: str) -> None:
    if recorded not in ("", wish.provider):
        raise LabError(
            f"progressive_provider is {wish.provider}, but there is a lab {wish.lab!r} and it is {recorded}: give the "
            "new lab another name (progressive_lab), or take the old one down first (playbook lab_destroy)"
        )


def _taken(provider: str, reason: str, candidates: Sequence[Candidate]) -> Choice:
    """The provider that is decided already; what kind needs has to be there."""
    return Choice(provider, reason, _required(candidates).name if provider == KIND else "")


def _required(candidates: Sequence[Candidate]) -> Engine:
    usable = _usable(candidates)
    if usable is None:
        raise LabError(
            f"the provider kind needs a container engine: {'; '.join(map(str, candidates))}. Without one, the provider "
            "embedded runs the same lab as processes (progressive_provider=embedded)"
        )
    return usable


def _usable(candidates: Sequence[Candidate]) -> Engine | None:
    return next((candidate.engine for candidate in candidates if not candidate.problems), None)


def _shown(engine: Engine) -> str:
    rootless = "rootless " if engine.rootless else ""
    return f"{rootless}{engine.name.capitalize()} {engine.version}"
