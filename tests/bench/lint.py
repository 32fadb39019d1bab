# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many documents `rollout_lint` reads and checks in a second."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from ansible_collections.progressive.delivery.plugins.module_utils._engine.task import run_task

from tests.integration.kit import arguments
from tests.integration.support import Lab
from tests.unit.lint.bundles import SEEDS, Tree

TURNS = 3
# Of each of the bundles of the unit tests, each in a namespace of its own: some 1,000 documents.
COPIES = 36


def documents_per_second(_lab: Lab) -> dict[str, float]:
    """From files of YAML to the result, medians: of ten documents and of a thousand, by turns."""
    with TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        sizes = {path: _write(path, copies) for path, copies in ((small, 1), (large, COPIES))}
        turns = [{path: _rate(path) for path in sizes} for _turn in range(TURNS)]
    return {str(sizes[path]): statistics.median(turn[path] for turn in turns) for path in sizes}


def _write(folder: Path, copies: int) -> int:
    """One file for each bundle; the number of documents."""
    folder.mkdir()
    count = 0
    for number, bundle in enumerate(_bundles(copies)):
        Path(folder, f"{number}.yml").write_text(yaml.safe_dump_all(bundle), encoding="utf-8")
        count += len(bundle)
    return count


def _bundles(copies: int) -> Iterator[list[Tree]]:
    for copy in range(copies):
        for name, seed in SEEDS.items():
            bundle = json.loads(json.dumps(seed()))
            for tree in bundle:
                tree["metadata"]["namespace"] = f"{name.replace('_', '-')}-{copy}"
            yield bundle


def _rate(folder: Path) -> float:
    def nobody() -> None:
        raise AssertionError("nothing is asked offline")

    given = arguments("rollout_lint", {"files": [str(folder)]})
    began = time.perf_counter()
    result = run_task("rollout_lint", given, nobody)
    seconds = time.perf_counter() - began
    return float(result["documents"]) / seconds
