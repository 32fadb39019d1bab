# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing files that others read, and locks that outlive what they guard."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import files


def test_a_written_file_is_private_and_leaves_no_scratch(tmp_path: Path) -> None:
    target = tmp_path / "new" / "secret"
    files.write_atomically(target, "x")
    assert target.read_text() == "x"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["secret"]


def test_every_new_folder_on_the_way_is_private(tmp_path: Path) -> None:
    leaf = files.private_folder(tmp_path / "a" / "b" / "c")
    assert {folder.stat().st_mode & 0o777 for folder in (leaf, leaf.parent, leaf.parent.parent)} == {0o700}
    assert files.private_folder(leaf) == leaf


def test_an_unchanged_file_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "file"
    assert files.write_if_changed(target, "x")
    before = target.stat()
    assert not files.write_if_changed(target, b"x")
    assert target.stat().st_ino == before.st_ino
    assert files.write_if_changed(target, "y")


@pytest.mark.parametrize(("text", "expected"), [("", ""), ("a\nb\nc\n", "b\nc"), ("a", "a")])
def test_last_lines(tmp_path: Path, text: str, expected: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert files.last_lines(log, count=2) == expected


def test_last_lines_of_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert files.last_lines(tmp_path / "none") == ""


def test_a_lock_keeps_the_second_one_out_until_the_first_is_done(tmp_path: Path) -> None:
    order = []
    waits = threading.Event()

    def second() -> None:
        with files.locked(tmp_path / "lock", waits.set):
            order.append("second")

    with files.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_a_lock_that_was_removed_while_waiting_is_taken_anew(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    waits = threading.Event()

    def second() -> None:
        with files.locked(lock, waits.set):
            lock.with_name("proof").write_text("held" if lock.exists() else "lost")

    with files.locked(lock):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(5)
        lock.unlink()
    thread.join(5)
    assert (tmp_path / "proof").read_text() == "held"
