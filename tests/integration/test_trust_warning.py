# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A token that is sent without verification is warned of, once a task, whichever way the task takes. Needs no lab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.support import COLLECTION

# Nobody listens there: the connection is made, and refused.
NOBODY = "https://127.0.0.1:1"


@pytest.fixture(params=["direct", "module"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Words for `ansible` by which the task runs in the control process, or by a Python of its own."""
    if request.param == "direct":
        return []
    other = tmp_path / "python3"
    other.write_text(f'#!/bin/sh\ntouch {tmp_path}/used\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    return ["--extra-vars", f"ansible_python_interpreter={other}"]


@pytest.mark.parametrize(("verify", "times"), [("false", 1), ("true", 0)])
def test_it_is_told_once(way: list[str], tmp_path: Path, verify: str, times: int) -> None:
    given = {"K8S_AUTH_HOST": NOBODY, "K8S_AUTH_API_KEY": "of-the-test", "K8S_AUTH_VERIFY_SSL": verify}
    module, options = f"{COLLECTION}.rollout_abort", "name=shop wait=false wait_timeout=2"
    done = subprocess.run(
        ["ansible", "localhost", "--module-name", module, "--args", options, *way],
        env={**os.environ, **given}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = " ".join((done.stdout + done.stderr).split())
    assert f"cannot reach {NOBODY}" in said
    assert said.count(f"The token is sent to {NOBODY} without a look at its certificate") == times
    assert "of-the-test" not in said
    assert (tmp_path / "used").exists() is bool(way)
