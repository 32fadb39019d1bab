# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each word that the source gives as a reason is documented, and the shared list has none that nobody gives."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.doc_fragments.delivery import ModuleDocFragment
from ansible_collections.progressive.delivery.plugins.module_utils._engine import task

UTILS = Path(inspect.getfile(task)).parents[1]
MODULES = UTILS.parent / "modules"
LAYERS = ("_analysis", "_cluster", "_engine", "_prometheus", "_verbs")
# What carries a reason, and where: as which positional argument, if not as ``reason``.
CARRIERS = {"Stop": 0, "Refused": 0, "Ended": 0, "Reached": 0, "NotYet": 0, "Verdict": 0, "Outcome": 2}


def words(expression: ast.expr | None, known: dict[str, str]) -> Iterator[str]:
    """The words that an expression can be: written out, by a constant of the file, or one of two."""
    match expression:
        case ast.Constant(value=str(word)):
            yield word
        case ast.Name(id=name) if name in known:
            yield known[name]
        case ast.IfExp(body=one, orelse=other):
            yield from words(one, known)
            yield from words(other, known)


def carried(call: ast.Call) -> ast.expr | None:
    """The reason that a call is given."""
    place = CARRIERS.get(getattr(call.func, "id", ""))
    if place is None:
        return None
    named = next((keyword.value for keyword in call.keywords if keyword.arg == "reason"), None)
    return named or (call.args[place] if len(call.args) > place else None)


def returned(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a function hands out as a reason: by its name, or as the first of a verdict's two parts."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and function.name.endswith("_reason") and node.value is not None:
            yield node.value
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and _gives_verdict(function):
            yield node.value.elts[0]


def _gives_verdict(function: ast.FunctionDef) -> bool:
    return isinstance(function.returns, ast.Name) and function.returns.id == "Verdict"


def reasons(tree: ast.Module) -> Iterator[str]:
    """All of a file."""
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    known = {
        getattr(node.targets[0], "id", ""): node.value.value
        for node in assigned
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in assigned:
        if getattr(node.targets[0], "id", "") == "reason":
            yield from words(node.value, known)
    for node in ast.walk(tree):
        match node:
            case ast.Call():
                yield from words(carried(node), known)
            case ast.FunctionDef():
                for expression in returned(node):
                    yield from words(expression, known)


def given() -> dict[str, str]:
    """Each reason with a file that gives it."""
    files = [path for layer in LAYERS for path in sorted((UTILS / layer).glob("*.py"))]
    return {word: path.name for path in files for word in reasons(ast.parse(path.read_text()))}


GIVEN = given()


def texts(node: Any) -> Iterator[str]:
    """Each paragraph of a documentation."""
    match node:
        case str():
            yield node
        case list():
            for item in node:
                yield from texts(item)
        case dict():
            for item in node.values():
                yield from texts(item)


def values(text: str) -> set[str]:
    return set(re.findall(r"V\(([a-z_]+)\)", text))


SHARED = values(yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["notes"][0])


@cache
def documented() -> set[str]:
    """The shared list, and what modules say of reasons of their own."""
    found = set(SHARED)
    for path in MODULES.glob("[a-z]*.py"):
        module = importlib.import_module(f"ansible_collections.progressive.delivery.plugins.modules.{path.stem}")
        described = yaml.safe_load(module.RETURN).get("reason", {}).get("description", "")
        about = [text for text in texts(yaml.safe_load(module.DOCUMENTATION)) if "reason" in text.lower()]
        found |= set().union(*map(values, [*about, *texts(described)]))
    return found


@pytest.mark.parametrize("word", sorted(GIVEN))
def test_a_reason_is_documented(word: str) -> None:
    remedy = (
        "name it in plugins/doc_fragments/delivery.py, or in a sentence about reasons of the only module that has it"
    )
    assert word in documented(), f"{GIVEN[word]} gives the reason {word}: {remedy}"


@pytest.mark.parametrize("word", sorted(SHARED))
def test_a_word_of_the_shared_list_is_given(word: str) -> None:
    assert word in GIVEN


def test_the_walk_finds_what_there_is() -> None:
    """One of each kind: an error's class, a plan, a stop, a constant, one of two, a verdict, a function's."""
    assert GIVEN.keys() >= {"field_conflict", "unexpected_step", "reverted", "pdb_blocked"}
    assert GIVEN.keys() >= {"written", "insufficient", "progress_deadline"}
