# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of this checkout, for tools that want a collection in a folder ansible_collections/NAMESPACE/NAME, or one with
its changelog, which only a release writes.

    .venv/bin/python dev/checkout.py nox --session build-import-check

runs a command in such a copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLED = Path(sys.prefix) / "collections" / "ansible_collections"


def copy(root: Path) -> Path:
    """All that git would know, below `root`, beside the collection that this one depends on."""
    tree = root / "ansible_collections"
    target = tree / "progressive" / "delivery"
    shutil.rmtree(tree, ignore_errors=True)
    # Else tools would ask the repository around build/, which ignores all that is in there.
    subprocess.run(("git", "init", "--quiet", target), check=True)
    for name in known():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    (tree / "kubernetes").symlink_to(INSTALLED / "kubernetes")
    return target


def known() -> Iterator[Path]:
    """All files below the checkout that .gitignore does not name: not each checkout is a clone with a repository."""
    ignored = ("/.git", *(ROOT / ".gitignore").read_text().split())
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:], files = (
            [name for name in names if not any(is_meant(here / name, line) for line in ignored)]
            for names in (folders, files)
        )
        yield from (here / name for name in files)


def is_meant(path: Path, line: str) -> bool:
    """By a line of .gitignore, of the kinds that are in there: names, and paths from the root."""
    return fnmatch(str(path) if line.startswith("/") else path.name, line.strip("/"))


def released(root: Path) -> Path:
    """The same as a release made today would be: with CHANGELOG.md, out of the fragments."""
    target = copy(root)
    command = ("antsibull-changelog", "release", "--date", datetime.now(UTC).date().isoformat())
    subprocess.run(command, cwd=target, env=variables(root), stdin=subprocess.DEVNULL, check=True)
    return target


def variables(root: Path) -> dict[str, str]:
    """The environment in which Ansible finds the copies, and nothing else."""
    own = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"}
    return {**own, "ANSIBLE_COLLECTIONS_PATH": str(root)}


def main() -> int:
    root = ROOT / "build" / "released"
    target = released(root)
    return subprocess.run(sys.argv[1:], cwd=target, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
