# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of YAML and JSON: objects, the lines of their values, and what is wrong with a file."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lint.documents import parse

from tests.unit.lint.bundles import ARGO

SHOP = f"""\
# two objects in one file
apiVersion: {ARGO}
kind: Rollout
metadata:
  name: shop
spec:
  replicas: 5
  strategy:
    canary:
      steps:
        - setWeight: 20
        - pause:
            duration: 30
---
{{"apiVersion": "v1", "kind": "List", "items": [
  {{"apiVersion": "v1", "kind": "Service",
    "metadata": {{"name": "a"}}}}
]}}
"""


def objects(text: str) -> list[Any]:
    return [document.object for document in parse(text.encode(), "x.yml").documents]


def value(text: str) -> Any:
    """What a scalar or another text of YAML stands for."""
    (found,) = objects(f"{{apiVersion: v1, kind: X, a: {text}}}")
    return found["a"]


@pytest.mark.parametrize(
    ("index", "path", "line"),
    [
        (0, (), 2),
        (0, ("kind",), 3),
        (0, ("spec", "replicas"), 7),
        (0, ("spec", "strategy", "canary", "steps", 1, "pause", "duration"), 13),
        (0, ("spec", "strategy", "canary", "steps", 1), 12),
        (0, ("spec", "strategy", "blueGreen", "activeService"), 8),
        (0, ("spec", "strategy", "canary", "steps", 7), 10),
        (0, ("spec", "replicas", "x"), 7),
        (1, ("metadata", "name"), 17),
        (1, (), 16),
    ],
)
def test_each_value_has_a_line_and_what_is_absent_that_of_what_is_around_it(index: int, path: Any, line: int) -> None:
    document = parse(SHOP.encode(), "x.yml").documents[index]

    assert document.line(path) == line


def test_a_list_is_its_items() -> None:
    parsed = parse(SHOP.encode(), "x.yml")

    assert [(document.kind, document.name, document.group) for document in parsed.documents] == [
        ("Rollout", "shop", "argoproj.io"),
        ("Service", "a", ""),
    ]
    assert parsed.flaws == []


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("0x1F", 31),
        ("010", 8),
        ("0o10", 8),
        ("-0o10", -8),
        ("0b11", 3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("1:30", "1:30"),
        ("0", 0),
        ("'5'", "5"),
        ('"1e3"', "1e3"),
        ("yes", True),
        ("off", False),
        ("'yes'", "yes"),
        ("!!bool maybe", "maybe"),
        ("!!int x", "x"),
        ("~", None),
        ("null", None),
        ("", None),
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("!vault abc", "abc"),
        ("!!binary aGk=", "aGk="),
        ("[1, a]", [1, "a"]),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
        ("{x: &one {b: 1}, y: *one}", {"x": {"b": 1}, "y": {"b": 1}}),
        ("{x: &one {b: 1, c: 2}, y: {<<: *one, c: 3}}", {"x": {"b": 1, "c": 2}, "y": {"b": 1, "c": 3}}),
        ("{<<: [{b: 1}, {b: 2, c: 3}]}", {"b": 1, "c": 3}),
        ("{<<: 5}", {}),
        ("0o9", "0o9"),
        ("0x_", "0x_"),
        ("!!int 1_", 1),
    ],
)
def test_values_are_those_that_kubernetes_reads(text: str, read: Any) -> None:
    assert value(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n---\n",
        "- name: a task\n  ansible.builtin.debug:\n",
        "just words",
        "replicas: 3",
        "kind: Kustomization",
        "{apiVersion: v1, kind: 5}",
        "{apiVersion: 1, kind: X}",
        "{apiVersion: v2, name: a chart of Helm}",
        "{apiVersion: v1, kind: List, items: [5, {a: b}]}",
    ],
)
def test_what_is_no_object_is_left_out(text: str) -> None:
    parsed = parse(text.encode(), "x.yml")

    assert (parsed.documents, parsed.flaws) == ([], [])


@pytest.mark.parametrize(
    ("data", "rule", "line"),
    [
        (b"a: 1\nb: [\n", "syntax", 3),
        (b"apiVersion: v1\nkind: {{ kind }}\n  x: y\n", "syntax", 3),
        (b"a: 1\nb: \xff", "syntax", 2),
        (b"a: \x00", "syntax", 1),
        (b"a: *nobody", "syntax", 1),
        (b"a: &me [*me]", "syntax", 1),
        (b"[" * 300 + b"]" * 300, "syntax", 1),
        (b"a: 1\nb: 2\na: 3\n", "duplicate-key", 3),
    ],
)
def test_a_file_that_cannot_be_read_says_where(data: bytes, rule: str, line: int) -> None:
    (flaw,) = parse(data, "x.yml").flaws

    assert (flaw.rule, flaw.file, flaw.line) == (rule, "x.yml", line)
    assert flaw.message


RENDER = "looks like that of a template; render it, and check what comes out"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a:\n\tb: 1\n", 2, "; a tab stands where only spaces may"),
        ("a:\n  b: 1\n  c: @\n", 3, "cannot start any token while scanning for the next token"),
        ("{{- if .Values.on }}\na: 1\n", 1, f"; line 1 {RENDER}"),
        ("a:\n  b: 1\n  {{ if .Values.on }}\n  c: 2\n  {{ end }}\n", 4, f"; line 3 {RENDER}"),
        ("a: {% if x %}3{% endif %}\n", 1, f"; line 1 {RENDER}"),
        ("a: 1\nb: {{ .Values.b }}\n", 2, f"this has a key that is no text, and {RENDER}"),
        ("a: 1\nb:\n- {{ .Values.b }}\n", 3, f"this has a key that is no text, and {RENDER}"),
        ("a: 1\nb: \x00\n", 2, "this is no YAML: control characters are not allowed"),
        ("a: [\r", 2, "this is no YAML"),
    ],
)
def test_the_usual_mistakes_have_words_of_their_own(text: str, line: int, message: str) -> None:
    (flaw,) = parse(text.encode(), "x.yml").flaws

    assert (flaw.rule, flaw.line) == ("syntax", line)
    assert message in flaw.message


def test_a_placeholder_in_quotes_is_a_text() -> None:
    assert value('"{{args.service}}"') == "{{args.service}}"


def test_what_is_before_the_broken_line_counts() -> None:
    parsed = parse(f"{SHOP}---\na: [\n".encode(), "x.yml")

    assert len(parsed.documents) == 2
    assert [flaw.line for flaw in parsed.flaws] == [SHOP.count("\n") + 3]


def test_a_byte_order_mark_is_no_flaw() -> None:
    assert len(parse(b"\xef\xbb\xbf" + SHOP.encode(), "x.yml").documents) == 2


def test_an_anchor_that_would_fill_the_memory_is_one_value() -> None:
    layers = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 60))
    (found,) = objects(f"apiVersion: v1\nkind: X\nl0: &l0 [x]\n{layers}\n")

    assert found["l59"][0] is found["l59"][8]
