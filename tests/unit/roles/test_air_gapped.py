# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a role fetches can be told to come from elsewhere, and docs/air-gapped.md says by which variable."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jinja2 import Environment

from tests.unit.roles.reading import NAMES, ROLES, Role

PAGE = (ROLES.parent / "docs" / "air-gapped.md").read_text()
# What a role calls the places that it takes things from, behind its own name.
SOURCES = {
    "binary", "chart", "chart_repo", "charts", "crds", "image", "image_registry", "istioctl", "manifest", "mirrors",
    "release_url", "repo",
}  # fmt: skip
# A host outside of a cluster, or an image with its tag.
HOST = r"[\w.-]+\.(?:com|dev|io|net|org)"
ELSEWHERE = re.compile(rf"https?://{HOST}\b|\b(?:{HOST}|grafana|kindest)/[\w./-]+:(?:v?\d|\{{)")
MIRROR = "registry.example.com/mirror"


def sources(role: Role) -> set[str]:
    return {name for name in role.defaults if name.removeprefix(f"{role.name}_") in SOURCES}


def test_the_page_names_each_source() -> None:
    named = set(re.findall(r"`([a-z_]+)", "\n".join(row for row in PAGE.splitlines() if row.startswith("|"))))
    assert set().union(*(sources(Role(name)) for name in NAMES)) <= named


def test_the_page_names_nothing_that_no_role_knows() -> None:
    named = set(re.findall(rf"`((?:{'|'.join(NAMES)})_[a-z_]+)", PAGE))
    assert named <= {name for role in map(Role, NAMES) for options in role.specs.values() for name in options}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_names_a_place_elsewhere(name: str) -> None:
    """What is in vars/ stands there for one of these defaults."""
    role = Role(name)
    free = {key for key, value in role.defaults.items() if ELSEWHERE.search(str(value))}
    assert free <= sources(role)
    assert list(places(name)) == []


def places(name: str) -> Iterator[str]:
    for folder in ("tasks", "templates", "vars"):
        for file in sorted((ROLES / name / folder).glob("*")):
            text = re.sub(r"(?m)^\s*#.*$", "", file.read_text())
            yield from (f"{folder}/{file.name}: {found[0]}" for found in ELSEWHERE.finditer(text))


IMAGES = [name for name in NAMES if f"{name}_image_registry" in Role(name).defaults]


@pytest.mark.parametrize("name", [name for name in IMAGES if Role(name).defaults.get(f"{name}_image")])
def test_the_page_has_the_image_and_the_registry_takes_its_place(name: str) -> None:
    rows = [row for row in PAGE.splitlines() if row.startswith(f"| `{name}`")]
    assert any(image(name) in row for row in rows), image(name)
    assert image(name, progressive_image_registry=MIRROR).startswith(f"{MIRROR}/")
    assert image(name, **{f"{name}_image_registry": MIRROR}).startswith(f"{MIRROR}/")


@pytest.mark.parametrize("name", IMAGES)
def test_one_variable_is_the_registry_of_all_roles(name: str) -> None:
    assert Role(name).defaults[f"{name}_image_registry"] == "{{ progressive_image_registry | default('', true) }}"


def image(name: str, **given: Any) -> str:
    """The role's default with nothing else told; its version is that of the page."""
    role, render = Role(name), Environment().from_string
    known = {f"{name}_version": f"<{name}_version>", f"__{name}_embedded": False, **given}
    registry = f"{name}_image_registry"
    known.setdefault(registry, render(role.defaults[registry]).render(known))
    return render(role.defaults[f"{name}_image"]).render(known)
