# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation site into build/docs/html (``make docs``): the README, the guides of docs/, what the roles
say of themselves, and the pages that antsibull-docs makes of each module, plugin and role.

Any warning is an error; nothing is fetched.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import checkout

ROOT = checkout.ROOT
SITE = ROOT / "docs" / "docsite" / "site"
BUILD = ROOT / "build" / "docs"
SOURCES = BUILD / "rst"
COLLECTION = "progressive.delivery"


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    SOURCES.mkdir(parents=True, mode=0o755)
    shutil.copy(SITE / "index.rst", SOURCES)
    # Where they are in the checkout, so that their links to each other hold.
    released = checkout.released(BUILD / "released")
    top = (released / name for name in ("README.md", "CHANGELOG.md", "LICENSE"))
    for page in (*top, *released.glob("docs/*.md"), *released.glob("roles/*/README.md")):
        copy = SOURCES / page.relative_to(released)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, copy)
    reference = (
        "antsibull-docs", "collection", "--use-current", "--fail-on-error", "--no-breadcrumbs",
        "--no-add-antsibull-docs-version", "--dest-dir", str(SOURCES), COLLECTION,
    )  # fmt: skip
    html = ("sphinx-build", "-q", "-W", "--keep-going", "-c", str(SITE), str(SOURCES), str(BUILD / "html"))
    for command in (reference, html):
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            return 1
    print(f"Open {(BUILD / 'html' / 'index.html').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
