# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides show is what is tested: each example is in the playbook that it is said to be from."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
QUOTED = re.compile(r"^From `(?P<path>[^`]+)`:\n\n```yaml\n(?P<text>.*?)\n```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")
GUIDES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_examples_are_in_their_playbooks(guide: Path) -> None:
    for found in QUOTED.finditer(guide.read_text()):
        source = (ROOT / found["path"]).read_text()
        first = re.escape(found["text"].splitlines()[0])
        indents = [len(match[1]) for match in re.finditer(rf"^( *){first}$", source, re.MULTILINE)]
        shown = {textwrap.indent(found["text"], " " * indent) for indent in indents}
        assert any(text in source for text in shown), f"{guide.name} shows what {found['path']} has not: {first}"


@pytest.mark.parametrize("guide", ["canary", "blue-green", "analysis", "migration-deployment"])
def test_the_guides_have_examples(guide: str) -> None:
    assert QUOTED.search((ROOT / "docs" / f"{guide}.md").read_text())


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_links_lead_somewhere(guide: Path) -> None:
    for path, anchor in LINK.findall(guide.read_text()):
        target = guide.parent / path
        assert target.exists(), f"{guide.name} links to {path}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{guide.name} links to {path}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
