# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables an entry point of a role reads, without running it.

Followed are task files that are included or imported, templates, and the variables of defaults/ and vars/ that stand in
what is read; not other roles, which say themselves what they read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, nodes

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = tuple(sorted(path.name for path in ROLES.iterdir()))
# Whose text is an expression without braces.
CONDITIONS = ("changed_when", "failed_when", "that", "until", "when")
INCLUDES = ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
JINJA = Environment()


class Loader(yaml.SafeLoader):
    """Ansible's own tag is no more than its text here."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@dataclass(frozen=True)
class Role:
    """The files of one role."""

    name: str

    @cached_property
    def defaults(self) -> dict[str, Any]:
        return self._load("defaults/main.yml")

    @cached_property
    def specs(self) -> dict[str, dict[str, Any]]:
        """Options by entry point."""
        entries = self._load("meta/argument_specs.yml")["argument_specs"]
        return {entry: spec["options"] for entry, spec in entries.items()}

    def reads(self, entry: str) -> set[str]:
        """What users may set of it: variables with the role's prefix, but not the facts that it sets itself."""
        found, facts = self._reached(entry)
        return {name for name in found if name.startswith(f"{self.name}_")} - facts

    def _reached(self, entry: str) -> tuple[set[str], set[str]]:
        """All names that are read from an entry point on, and the facts that are set there and are no defaults."""
        variables = {**self.defaults, **self._load("vars/main.yml")}
        names: set[str] = set()
        facts: set[str] = set()
        files: set[Path] = set()
        waiting: list[Any] = [self._folder / "tasks" / f"{entry}.yml"]
        while waiting:
            content = waiting.pop()
            if isinstance(content, Path):
                files.add(content)
                content = yaml.load(content.read_text(), Loader) if content.suffix == ".yml" else content.read_text()
                facts |= set(_facts(content))
            read = set().union(*map(_names, _texts(content)))
            waiting += [variables[name] for name in (read - names) & variables.keys()]
            waiting += set(self._followed(content)) - files
            names |= read
        return names, facts - self.defaults.keys()

    def _followed(self, content: Any) -> Iterator[Path]:
        """Task files and templates. `x_{{ y }}.yml` and `y ~ '.j2'` are each file that they can be; what is nothing
        but an expression is a file of the user's.
        """
        for key, value in _pairs(content):
            file = value.get("file", "{{") if isinstance(value, dict) else value
            if key in INCLUDES and not file.startswith("{{"):
                yield from (self._folder / "tasks").glob(re.sub(r"\{\{.*?\}\}", "*", file))
        for text in _texts(content):
            for name in re.findall(r"[\w.]+\.j2\b", text):
                yield from (self._folder / "templates").glob(f"*{name}" if name.startswith(".") else name)

    @property
    def _folder(self) -> Path:
        return ROLES / self.name

    def _load(self, path: str) -> Any:
        file = self._folder / path
        return yaml.load(file.read_text(), Loader) if file.exists() else {}


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """All keys with their values, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key), inner
            yield from _pairs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pairs(inner)


def _texts(value: Any, condition: bool = False) -> Iterator[str]:
    """All texts that Ansible templates, conditions as what they would be in braces."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner, key in CONDITIONS)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, condition)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if condition else value


def _facts(tasks: Any) -> Iterator[str]:
    for key, value in _pairs(tasks):
        if key == "ansible.builtin.set_fact":
            yield from value
        elif key == "register":
            yield value


def _names(text: str) -> set[str]:
    # A backslash in a text is one to Ansible, and the beginning of something else to Jinja.
    tree = JINJA.parse(text.replace("\\", "\\\\"))
    return {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
