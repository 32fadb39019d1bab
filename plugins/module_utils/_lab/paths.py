# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the lab keeps its files, and what a lab may be called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


def cache_root(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_CACHE_HOME/progressive-delivery`, else `~/.cache/progressive-delivery`.

    The XDG specification says that a relative value is to be ignored.
    """
    environ = os.environ if environ is None else environ
    configured = environ.get("XDG_CACHE_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    base = Path(configured) if os.path.isabs(configured) else home / ".cache"
    return base / "progressive-delivery"


def checked_name(name: str, what: str = "lab") -> str:
    """Return `name` if it can name a lab, or a process in one; raise LabError if not.

    It becomes a folder and part of node names, hence a DNS label; 32 leaves room for suffixes.
    """
    if not _NAME.fullmatch(name):
        raise LabError(
            f"{name!r} cannot name a {what}: use 1 to 32 lower-case letters, digits and hyphens, "
            "beginning and ending with a letter or a digit"
        )
    return name


@dataclass(frozen=True)
class Cache:
    """The layout of the cache folder: `bin/`, `go/`, `labs/<name>/`, `logs/` (of builds)."""

    root: Path

    @classmethod
    def default(cls) -> Cache:
        return cls(cache_root())

    def build_log(self, label: str) -> Path:
        return self.root / "logs" / f"{label}.log"

    @property
    def bin(self) -> Path:
        """Built tools: one folder for each group and key, and a link for each tool."""
        return self.root / "bin"

    @property
    def go(self) -> Path:
        """Go's own caches and toolchain; needed while building only."""
        return self.root / "go"

    @property
    def labs(self) -> Path:
        return self.root / "labs"

    def lab(self, name: str) -> LabPaths:
        return LabPaths(self.labs / checked_name(name))


@dataclass(frozen=True)
class LabPaths:
    """The layout of one lab's folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def record(self) -> Path:
        return self.folder / "lab.json"

    @property
    def lock(self) -> Path:
        """Beside the folder, not in it: it must outlive the removal of the folder."""
        return self.folder.parent / f".{self.name}.lock"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def prometheus(self) -> Path:
        """`targets/*.json` (file_sd) and `scrape/*.yml` (whole jobs), for other roles to fill."""
        return self.folder / "prometheus"

    def log(self, process: str) -> Path:
        return self.logs / f"{checked_name(process, 'process')}.log"
