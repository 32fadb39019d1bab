# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small helpers for files that others read while we write."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def private_folder(path: Path) -> Path:
    """Create `path` and its missing parents for their owner only (mkdir's mode is for the last one)."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path


def write_atomically(path: Path, content: bytes | str, mode: int = 0o600) -> None:
    """Write `content` so that a reader sees the old file or the new one, never half of it."""
    data = content.encode() if isinstance(content, str) else content
    private_folder(path.parent)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_if_changed(path: Path, content: bytes | str, mode: int = 0o600) -> bool:
    """Write `content` unless the file holds it already; tell whether it was written."""
    data = content.encode() if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == data:
        return False
    write_atomically(path, data, mode)
    return True


def last_lines(path: Path, count: int = 15, limit: int = 16_384) -> str:
    """The last `count` lines of a log; reads at most `limit` bytes; empty if there is no file."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - limit))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-count:])


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on `path`; call `waiting` once a second while another holds it.

    The kernel drops the lock when its holder dies, so there is no stale lock to clean up.
    """
    private_folder(path.parent)
    while True:
        with path.open("w") as stream:
            while not _try_lock(stream):
                waiting()
                time.sleep(1)
            if _still_at(path, stream):
                yield
                return


def _try_lock(stream: IO[str]) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_at(path: Path, stream: IO[str]) -> bool:
    """False if the former holder has removed the file: then others lock a new one."""
    try:
        return os.path.samestat(path.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False
