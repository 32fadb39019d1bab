# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks can be told is known, checked and documented; and what else names versions agrees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOKS = ROOT / "playbooks"
NAMES = ("abort", "blue_green", "canary", "experiment", "promote", "status", "undo")
DEFAULT_OF_A_ROLE = "release_*"


class Loader(yaml.SafeLoader):
    """Ansible's own tag is no more than its text here."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def load(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=Loader)


def wishes(name: str) -> list[str]:
    (play,) = load(PLAYBOOKS / f"{name}.yml")
    found: list[str] = play["vars"]["wishes"]
    assert set(play["vars"]["wishes_required"]) <= set(found)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_each_wish_is_checked(name: str) -> None:
    assert set(wishes(name)) <= load(PLAYBOOKS / "vars" / "wishes.yml")["wishes_known"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_a_playbook_has_each_wish_and_no_other(name: str) -> None:
    text = (PLAYBOOKS / f"{name}.yml").read_text()
    described = set(re.findall(r"^# ((?:rollout|experiment|release)_[a-z_*]+)  ", text, re.MULTILINE))
    assert described - {DEFAULT_OF_A_ROLE} == set(wishes(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_has_each_wish(name: str) -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs" / "awx.md").read_text().splitlines() if line.startswith("| `")]
    (row,) = [row for row in rows if f"`{name}.yml`" in row[0]]
    assert set(re.findall(r"`([a-z_]+)`", row[1])) == set(wishes(name))


def test_no_wish_is_left_over() -> None:
    known = load(PLAYBOOKS / "vars" / "wishes.yml")["wishes_known"].keys()
    assert known == {wish for name in NAMES for wish in wishes(name)}


@pytest.mark.parametrize("name", NAMES)
def test_the_survey_of_awx_asks_each_wish_as_it_is_checked(name: str) -> None:
    """So that nothing has to be given as an extra variable, and no answer is refused."""
    awx = load(PLAYBOOKS / "vars" / "awx.yml")
    (job,) = [job for job in awx["awx_jobs"] if job["playbook"] == name]
    named = awx["awx_release_questions"] if "awx_release_questions" in job["questions"] else job["questions"]
    questions = {awx["awx_questions"][key]["variable"]: awx["awx_questions"][key] for key in named}
    assert set(questions) == set(wishes(name))
    assert len(questions) == len(named)
    (play,) = load(PLAYBOOKS / f"{name}.yml")
    assert {wish for wish, question in questions.items() if question["required"]} == set(
        play["vars"]["wishes_required"]
    )
    known = load(PLAYBOOKS / "vars" / "wishes.yml")["wishes_known"]
    for wish, question in questions.items():
        choices = ["no", "yes"] if known[wish]["type"] == "bool" else known[wish].get("choices")
        assert question.get("choices") == choices, wish


def test_no_question_of_awx_is_left_over() -> None:
    awx = load(PLAYBOOKS / "vars" / "awx.yml")
    lists = [job["questions"] for job in awx["awx_jobs"] if isinstance(job["questions"], list)]
    assert awx["awx_questions"].keys() == {key for keys in [awx["awx_release_questions"], *lists] for key in keys}


def test_awx_documents_its_variables() -> None:
    text = (PLAYBOOKS / "awx.yml").read_text()
    (play,) = load(PLAYBOOKS / "awx.yml")
    described = set(re.findall(r"^# (awx_[a-z_]+)  ", text, re.MULTILINE))
    used = set(re.findall(r"\bawx_[a-z_]+", "\n".join(line for line in text.splitlines() if not line.startswith("#"))))
    data = load(PLAYBOOKS / "vars" / "awx.yml").keys()
    assert described >= {name for name in play["vars"] if name.startswith("awx_")}
    assert described - {"awx_release_variables", "awx_approval_timeout"} <= used
    assert used - data - {"awx_workflow"} <= described


def test_the_execution_environment_has_what_galaxy_yml_says() -> None:
    galaxy, image = load(ROOT / "galaxy.yml"), load(ROOT / "execution-environment.yml")
    ours, core = image["dependencies"]["galaxy"]["collections"]
    assert ours["name"] == f"collections/{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    assert core == {"name": "kubernetes.core", "version": galaxy["dependencies"]["kubernetes.core"]}
