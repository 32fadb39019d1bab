# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of direct execution that need no Ansible around them; tests/integration/test_direct.py is the whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.plugin_utils import _direct, _local


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `bin` of an environment whose Python runs us, with a link of another name beside it."""
    base = tmp_path / "base" / "python3.11"
    base.parent.mkdir()
    base.touch(mode=0o755)
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3.11").symlink_to(base)
    (folder / "python").symlink_to("python3.11")
    monkeypatch.setattr(sys, "executable", str(folder / "python3.11"))
    return folder


def test_this_python_by_all_of_its_names(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("python", "python3.11"):
        assert _direct._same_python(str(environment / name))
    (environment.parent.parent / "link").symlink_to(environment)
    assert _direct._same_python(str(environment.parent.parent / "link" / "python"))
    monkeypatch.setenv("PATH", str(environment))
    assert _direct._same_python("python")


def test_the_same_binary_without_the_environment_is_another_python(environment: Path) -> None:
    assert not _direct._same_python(str((environment / "python").resolve()))


def test_what_is_not_there_is_another_python(environment: Path) -> None:
    assert not _direct._same_python(str(environment / "python2"))
    assert not _direct._same_python(f"{environment}/python -B")


def test_arguments_become_what_json_makes_of_them() -> None:
    assert _direct._as_sent({"images": {1: "a"}, "list": ("a", 2), "none": None}) == {
        "images": {"1": "a"},
        "list": ["a", 2],
        "none": None,
    }


def test_what_is_hidden_is_hidden_everywhere_and_flags_stay() -> None:
    result = {"changed": True, "rollout": None, "msg": "token: True secret", "list": [{"a": "secret"}]}
    assert _direct._censored(result, {"secret", "True"}) == {
        "changed": True,
        "rollout": None,
        "msg": "token: ******** ********",
        "list": [{"a": "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"}],
    }


@pytest.mark.parametrize(
    ("callback", "reads"),
    [("default", False), ("awx_display", False), ("json", True), ("ansible.posix.jsonl", True), ("my.own.yaml", False)],
)
def test_who_reads_stdout(callback: str, reads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_local.C.config, "get_config_value", lambda _name: callback)
    assert _local._machine_reads_stdout() is reads
