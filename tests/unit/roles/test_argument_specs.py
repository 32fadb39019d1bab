# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specification of each entry point names what it reads, with the defaults that hold."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.roles.reading import NAMES, ROLES, Role

FOR_REAL_CLUSTERS = ("argo_rollouts", "demo", "ingress_nginx", "istio", "prometheus")
THINGS = ["install", "configure", "upgrade", "uninstall"]
ENTRIES = [(Role(name), entry) for name in NAMES for entry in Role(name).specs]
IDS = [f"{role.name}-{entry}" for role, entry in ENTRIES]


@pytest.mark.parametrize(("role", "entry"), ENTRIES, ids=IDS)
def test_its_options_are_what_it_reads(role: Role, entry: str) -> None:
    assert role.specs[entry].keys() == role.reads(entry)


@pytest.mark.parametrize(("role", "entry"), ENTRIES, ids=IDS)
def test_a_default_is_that_of_the_role(role: Role, entry: str) -> None:
    told = {name: option["default"] for name, option in role.specs[entry].items() if "default" in option}
    fixed = {name for name in role.specs[entry] if not reckoned(role.defaults.get(name, "{{"))}
    demanded = {name for name, option in role.specs[entry].items() if option.get("required")}
    assert told == {name: role.defaults[name] for name in fixed - demanded} | {
        name: role.defaults[name] for name in told.keys() - fixed
    }


def reckoned(default: Any) -> bool:
    """Whether it depends on something, so that only words can tell it."""
    return isinstance(default, str) and "{{" in default


@pytest.mark.parametrize("name", NAMES)
def test_each_default_can_be_given_somewhere(name: str) -> None:
    role = Role(name)
    assert role.defaults.keys() <= set().union(*(options.keys() for options in role.specs.values()))


@pytest.mark.parametrize("name", FOR_REAL_CLUSTERS)
def test_the_readme_tells_how_to_do_each_thing(name: str) -> None:
    text = (ROLES / name / "README.md").read_text()
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in text.splitlines() if row.startswith("| ")]
    told = {thing: re.findall(r"`(\w+)`", entry) for thing, entry in rows if thing in THINGS}
    assert list(told) == THINGS
    assert {entry for entries in told.values() for entry in entries} == Role(name).specs.keys()
