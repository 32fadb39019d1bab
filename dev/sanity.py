# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` over this checkout, without containers.

    .venv/bin/python dev/sanity.py [--test NAME]

ansible-test wants the collection in a folder ansible_collections/NAMESPACE/NAME, and makes virtual environments in the
home folder: both are below build/sanity here. The Python and the ansible-core are those that run this file.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "{}.{}".format(*sys.version_info)
BUILD = ROOT / "build" / "sanity" / PYTHON
COLLECTIONS = BUILD / "ansible_collections"
CHECKOUT = COLLECTIONS / "progressive" / "delivery"
HOME = BUILD / "home"

# ansible-test would download a script of the pip project that does this.
GET_PIP = """\
import ensurepip

ensurepip.bootstrap(default_pip=True)
"""


def main() -> int:
    copy_checkout()
    prepare_pip()
    command = ("ansible-test", "sanity", "--local", "--python", PYTHON, "--color", "no", *sys.argv[1:])
    return subprocess.run(command, cwd=CHECKOUT, env=variables(), stdin=subprocess.DEVNULL, check=False).returncode


def copy_checkout() -> None:
    """All that git knows or would add, and the collection that this one depends on."""
    shutil.rmtree(COLLECTIONS, ignore_errors=True)
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # Else it would ask the repository around build/, which ignores all that is in there.
    subprocess.run(("git", "init", "--quiet", CHECKOUT), check=True)
    for name in filter(None, listed.split("\0")):
        if os.path.lexists(ROOT / name):
            (CHECKOUT / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, CHECKOUT / name, follow_symlinks=False)
    (COLLECTIONS / "kubernetes").symlink_to(Path(sys.prefix) / "collections" / "ansible_collections" / "kubernetes")


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
    }
    own = {name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"}
    return {**kept, **own, "HOME": str(HOME), "ANSIBLE_COLLECTIONS_PATH": str(BUILD)}


if __name__ == "__main__":
    sys.exit(main())
