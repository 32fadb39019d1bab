# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test needs: the collection tree of the virtual environment that runs pytest.

So `.venv/bin/pytest` does the same as `make test`, from any folder and with any ~/.ansible.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

os.environ["PATH"] = f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ['PATH']}"
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(Path(sys.prefix, "collections"))
os.environ["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
# Output that is compared must not be coloured or wrapped.
os.environ["ANSIBLE_NOCOLOR"] = "1"
