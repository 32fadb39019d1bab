# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` over this checkout, without containers.

    .venv/bin/python dev/sanity.py [--test NAME]

It works on a copy of the checkout and makes virtual environments in the home folder: both are below build/sanity here.
The Python and the ansible-core are those that run this file.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import checkout

PYTHON = "{}.{}".format(*sys.version_info)
BUILD = checkout.ROOT / "build" / "sanity" / PYTHON
HOME = BUILD / "home"

# ansible-test would download a script of the pip project that does this.
GET_PIP = """\
import ensurepip

ensurepip.bootstrap(default_pip=True)
"""


def main() -> int:
    copied = checkout.copy(BUILD)
    prepare_pip()
    command = ("ansible-test", "sanity", "--local", "--python", PYTHON, "--color", "no", *sys.argv[1:])
    return subprocess.run(command, cwd=copied, env=variables(), stdin=subprocess.DEVNULL, check=False).returncode


def prepare_pip() -> None:
    """Put the script where ansible-test would save it, under the version of pip that it has in its source."""
    found = find_spec("ansible_test")
    if found is None or not found.submodule_search_locations:
        sys.exit("ansible-test is not here: run this with the Python of the virtual environment")
    source = Path(found.submodule_search_locations[0]) / "_internal" / "python_requirements.py"
    version = re.search(r"pip='([\d.]+)'", source.read_text(encoding="utf-8"))
    if version is None:
        sys.exit(f"{source} no longer says which pip it wants: correct {Path(__file__).name}")
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version[1].replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP, encoding="utf-8")


def variables() -> dict[str, str]:
    """The environment with another home, except for what is kept in the real one."""
    kept = {
        "PYENV_ROOT": str(Path.home() / ".pyenv"),
        "XDG_CACHE_HOME": str(Path.home() / ".cache"),
        # Where pip may have been told which index to ask.
        "XDG_CONFIG_HOME": str(Path.home() / ".config"),
    }
    return {**kept, **checkout.variables(BUILD), "HOME": str(HOME)}


if __name__ == "__main__":
    sys.exit(main())
