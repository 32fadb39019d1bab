# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of antsibull-nox.toml, for nox."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import antsibull_nox
import nox

nox.options.envdir = "build/nox"
# galaxy-importer reads the documentation with nothing but the built collection on Ansible's path. What that extends is
# in kubernetes.core, which is found on Python's path as beside any installed collection.
os.environ["PYTHONPATH"] = str(Path(sys.prefix) / "collections")

antsibull_nox.load_antsibull_nox_toml()
