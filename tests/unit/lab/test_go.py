# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a Go that is new enough, and telling why a build failed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import go
from ansible_collections.progressive.delivery.plugins.module_utils._lab.errors import LabError
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.27.3", (1, 27, 3)),
        ("go1.26.10\n", (1, 26, 10)),
        ("1.26", (1, 26, 0)),
        ("go1.27rc1", None),
        ("devel go1.28-abcdef", None),
        ("", None),
    ],
)
def test_parse_version(text: str, version: go.Version | None) -> None:
    assert go.parse_version(text) == version


def test_versions_compare_by_number() -> None:
    assert (go.parse_version("go1.26.8") or ()) < (go.parse_version("go1.26.10") or ())


def test_the_highest_go_line_decides(tmp_path: Path) -> None:
    for name, line in {"a": "1.26.0", "b": "1.26.10", "c": "1.9"}.items():
        (tmp_path / name).write_text(f"module {name}\n\ngo {line}\n\ntoolchain go1.99.0\n")
    assert go.required_version([tmp_path / name for name in "abc"]) == (1, 26, 10)


def test_a_go_mod_without_a_go_line(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n")
    with pytest.raises(LabError, match=r"go\.mod has no readable 'go' line"):
        go.required_version([tmp_path / "go.mod"])


def fake_go(folder: Path, version: str) -> str:
    program = folder / "go"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return str(program)


def test_go_on_path_is_taken_when_it_is_new_enough(tmp_path: Path) -> None:
    program = fake_go(tmp_path / "path", "go1.27.0")
    found = go.find((1, 26, 10), Cache(tmp_path / "cache"), {"PATH": str(tmp_path / "path")}, print)
    assert found.program == program


def test_the_one_in_the_cache_is_taken_when_that_on_path_is_too_old(tmp_path: Path) -> None:
    fake_go(tmp_path / "path", "go1.26.8")
    cache = Cache(tmp_path / "cache")
    own = fake_go(cache.go / "toolchain" / "bin", "go1.27.3")
    assert go.find((1, 26, 10), cache, {"PATH": str(tmp_path / "path")}, print).program == own


@pytest.mark.parametrize(
    ("tail", "cause"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("dial tcp: lookup proxy: no such host", "a download failed"),
        ("ERROR: Could not find a version that satisfies the requirement", "a download failed"),
        ("main.go:1:1: undefined: x", "the command failed"),
    ],
)
def test_a_failure_is_told_by_its_cause_its_tool_and_its_log(tail: str, cause: str) -> None:
    text = go.explain_failure("kwok", tail, Path("/cache/logs/kwok.log"))
    assert text.startswith(f"kwok: {cause}")
    assert "/cache/logs/kwok.log" in text
    assert text.endswith(tail)


def test_a_failing_command_keeps_its_log(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    command = [sys.executable, "-c", "import sys; print('out'); sys.exit('it broke')"]
    with pytest.raises(LabError, match=r"demo: the command failed(.|\n)*it broke"):
        go.run("demo", command, cache, print, {})
    assert cache.build_log("demo").read_text() == "it broke\nout\n"


def test_a_command_returns_its_output_without_its_chatter(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; print('{}'); print('chatter', file=sys.stderr)"]
    assert go.run("demo", command, Cache(tmp_path), print, {}) == "{}\n"


def test_too_little_space_is_told_with_figures(tmp_path: Path) -> None:
    go.check_space(tmp_path / "not" / "there", 0)
    with pytest.raises(LabError, match="needs about 10000000 GB"):
        go.check_space(tmp_path, 10_000_000)
