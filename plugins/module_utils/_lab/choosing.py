# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at the machine for what `provider` decides by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import engines
from .engines import Host, Need
from .errors import LabError
from .paths import LabPaths
from .provider import Candidate, Choice, Wish, decide, decide_components, decide_removal, needs_engine
from .record import read_record


def choose(
    wish: Wish, need: Need, paths: LabPaths, environ: Mapping[str, str] | None = None
) -> tuple[Choice, list[Candidate]]:
    """The provider, and the engines that were asked."""
    record = read_record(paths) or {}
    recorded = str(record.get("provider", ""))
    candidates = _candidates(wish, need, record, environ) if needs_engine(wish, recorded) else []
    return decide(wish, recorded, candidates), candidates


def components(provider: str, wished: Sequence[str] | None, paths: LabPaths) -> tuple[str, ...]:
    """What is to be installed there. A lab on somebody's cluster keeps what it was asked for."""
    return decide_components(provider, wished, (read_record(paths) or {}).get("components"))


def choose_removal(wish: Wish, paths: LabPaths) -> Choice:
    """The same for taking a lab down, also half a lab."""
    try:
        record = read_record(paths) or {}
    except LabError:
        record = {}  # damaged: only the user can know whose it was
    return decide_removal(wish, str(record.get("provider", "")))


def warnings(choice: Choice, candidates: list[Candidate]) -> list[str]:
    """What the user should know of the engine that was chosen."""
    chosen = [candidate.engine for candidate in candidates if candidate.engine.name == choice.engine]
    return [warning for engine in chosen for warning in engines.warnings(engine, Host.here(engine.root))]


def _candidates(
    wish: Wish, need: Need, record: Mapping[str, Any], environ: Mapping[str, str] | None
) -> list[Candidate]:
    """The engine asked for, or the one that the lab is on, or all."""
    used = str((record.get("shape") or {}).get("engine", ""))
    names = [wish.engine or used] if wish.engine or used else list(engines.NAMES)
    # A cluster that is there has what it needs.
    wanted = Need(0, 0, 0) if record.get("complete") else need
    asked = [engines.look(name, environ) for name in names]
    return [Candidate(engine, engines.problems(engine, wanted, Host.here(engine.root))) for engine in asked]
