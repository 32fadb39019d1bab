# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role helm_release says is to be done about what Helm says."""

from __future__ import annotations

import jinja2
import pytest

from tests.unit.roles.reading import ROLES

TEMPLATE = (ROLES / "helm_release" / "templates" / "remedy.j2").read_text()
FORBIDDEN = (
    'Error: secrets is forbidden: User "ci" cannot list resource "secrets" in API group "" in the namespace "ops"'
)
REMEDIES = {
    "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress": "A run was cut short: ",
    "Error: Unable to continue with install: ... invalid ownership metadata": "Something else has made these objects: ",
    "Error: INSTALLATION FAILED: context deadline exceeded": "Look at `kubectl -n ops get pods` ",
    FORBIDDEN: "Use a user who may do this, or grant the right.",
    "Error: values don't meet the specifications of the schema(s)": "Correct helm_release_values",
    "Error: execution error at (x/templates/a.yaml:1:2): give a name": "Correct helm_release_values",
    "Error: YAML parse error on x/templates/a.yaml": "Correct helm_release_values",
    "Error: looks like https://charts.test is not a valid chart repository": "Without a way to https://charts.test, ",
}


def remedy(said: str, file: bool = False) -> str:
    facts = {
        "said": said,
        "file": file,
        "reference": "/charts/x" if file else "x",
        "repository": "" if file else "https://charts.test",
    }
    names = {f"__helm_release_{name}": value for name, value in facts.items()}
    text = jinja2.Template(TEMPLATE).render(helm_release_name="x", helm_release_namespace="ops", **names)
    return text.strip()


@pytest.mark.parametrize(("said", "beginning"), REMEDIES.items())
def test_what_is_to_be_done(said: str, beginning: str) -> None:
    assert remedy(said).startswith(beginning)
    assert "\n" not in remedy(said)


@pytest.mark.parametrize(
    ("said", "beginning"),
    [
        ("Error: path /charts/x not found", "The chart is to be at /charts/x on the machine that runs Ansible."),
        (FORBIDDEN, "Use a user who may do this"),
    ],
)
def test_of_a_chart_in_a_folder(said: str, beginning: str) -> None:
    assert remedy(said, file=True).startswith(beginning)
