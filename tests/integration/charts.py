# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm, and charts of other projects, read at run time from their Go modules.

Helm takes minutes to build, so the tests use it where it is already (on PATH, or where `make test` or the role
helm_release has built it) and are skipped elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import go
from ansible_collections.progressive.delivery.plugins.module_utils._lab.files import locked
from ansible_collections.progressive.delivery.plugins.module_utils._lab.paths import Cache

MODULES = Path(__file__).parent / "charts"
ISTIO = "istio.io/istio"
INGRESS_NGINX = "k8s.io/ingress-nginx"
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"


def helm() -> str:
    """The program."""
    found = shutil.which("helm") or shutil.which(str(Cache.default().bin / "helm"))
    if not found:
        pytest.skip("there is no Helm: have the role helm_release build it, once")
    return found


def module(name: str) -> Path:
    """The sources of a Go module at the version in charts/go.mod, fetched once and verified by go.sum."""
    place = Cache(Cache.default().root / "test-charts")
    # As the lab's own programs are made: a toolchain and its output have one place in a cache.
    with locked(place.bin / ".lock"):
        toolchain = go.find(go.required_version([MODULES / "go.mod"]), place, os.environ, print)
        answer = toolchain.run(Path(name).name, ["mod", "download", "-json", name], MODULES, print)
    return Path(json.loads(answer)["Dir"])


def package(program: str, chart: Path, folder: Path) -> None:
    """Pack a chart as `helm pull` would leave it."""
    command = [program, "package", str(chart), "--destination", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
