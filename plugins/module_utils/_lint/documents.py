# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of YAML and JSON as plain values, with the line of each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

# Told by who reads with it: every file of module_utils must be importable without it.
MISSING: ImportError | None = None
try:
    import yaml
except ImportError as error:  # pragma: no cover
    MISSING = error

Path: TypeAlias = "tuple[str | int, ...]"

OUR_GROUP = "argoproj.io"
OURS = ("Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun", "Experiment")

# Of Kubernetes' own objects the deepest is some 20 levels deep.
_DEEPEST = 200
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_TAG = "tag:yaml.org,2002:"
# Go's parser of YAML takes these as numbers, where PyYAML knows no 0o10 and 1e3, and numbers to the base 60.
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)")
_OCTAL = re.compile(r"[-+]?0o[0-7]+")
# What begins a line or a value where Helm or Jinja have still something to do.
_TEMPLATE = re.compile(rb"^[ \t-]*(?:[\w./-]+:[ \t]+)?\{[{%]", re.MULTILINE)
_TAB = re.compile(rb" *\t")
_RENDER = "looks like that of a template; render it, and check what comes out"
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Document:
    """One object of Kubernetes: the ``file`` that it is in, or the option; ``root`` is where in the file's document."""

    file: str
    object: Mapping[str, Any]
    root: Path = ()
    node: yaml.Node | None = None

    @cached_property
    def kind(self) -> str:
        return _text(self.object.get("kind"))

    @cached_property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return _text(self.object.get("apiVersion")).rpartition("/")[0]

    @cached_property
    def name(self) -> str:
        return self._metadata("name") or self._metadata("generateName")

    @cached_property
    def namespace(self) -> str:
        """Empty where the document leaves it to whoever applies it."""
        return self._metadata("namespace")

    @cached_property
    def label(self) -> str:
        """How messages name it: ``Rollout prod/shop``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}".rstrip()

    def line(self, path: Path = ()) -> int | None:
        """The line of a value, or of what is nearest around it; None where there is no file."""
        return None if self.node is None else _line(self.node, self.root + path)

    def _metadata(self, key: str) -> str:
        metadata = self.object.get("metadata")
        return _text(metadata.get(key)) if isinstance(metadata, Mapping) else ""


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a file before it is about objects: ``rule``, line and words."""

    rule: str
    file: str
    line: int
    message: str


@dataclass
class Parsed:
    documents: list[Document] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def parse(data: bytes, file: str) -> Parsed:
    """The objects of a file, and what is wrong with it. Documents that are no objects of Kubernetes are left out."""
    found = Parsed()
    # Written in C where PyYAML was built with libyaml; ten times as fast.
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for node in yaml.compose_all(data.decode("utf-8-sig"), Loader=loader):
            built = _Builder(file, found.flaws).build(node)
            found.documents += expand(file, built, node=node)
    except UnicodeDecodeError as error:
        line = _line_at(data, error.start)
        found.flaws.append(Flaw("syntax", file, line, f"the file is no UTF-8 text (byte {error.start})"))
    except yaml.YAMLError as error:
        found.flaws.append(_broken(file, data, error))
    return found


def expand(file: str, value: Any, root: Path = (), node: yaml.Node | None = None) -> Iterator[Document]:
    """The objects of one value: itself, or the items of a List.

    Without a kind only those of our group are meant, and without an apiVersion only those of our kinds.
    """
    if not isinstance(value, Mapping):
        return
    kind, version, items = _text(value.get("kind")), _text(value.get("apiVersion")), value.get("items")
    if kind.endswith("List") and isinstance(items, Sequence) and not isinstance(items, str):
        for index, item in enumerate(items):
            yield from expand(file, item, (*root, "items", index), node)
    elif (kind if version else kind in OURS and "spec" in value) or version.startswith(OUR_GROUP):
        yield Document(file, value, root, node)


class _Builder:
    """Values of nodes. An anchor that is used often is one value, however large it would be when written out."""

    def __init__(self, file: str, flaws: list[Flaw]) -> None:
        self._file = file
        self._flaws = flaws
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()

    def build(self, node: yaml.Node | None, depth: int = 0) -> Any:
        if node is None or isinstance(node, yaml.ScalarNode):
            return None if node is None else _scalar(node)
        if id(node) in self._built:
            return self._built[id(node)]
        if id(node) in self._open or depth > _DEEPEST:
            raise yaml.MarkedYAMLError(None, None, "this is nested too deep", node.start_mark)
        self._open.add(id(node))
        value: Any
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, depth)
        else:
            value = [self.build(item, depth + 1) for item in node.value]
        self._open.discard(id(node))
        self._built[id(node)] = value
        return value

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any] | None:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, item in node.value:
            value = self.build(item, depth + 1)
            if key.tag == f"{_TAG}merge":
                for source in reversed(value if isinstance(value, list) else [value]):
                    merged |= source if isinstance(source, dict) else {}
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._flaw("syntax", key, f"this has a key that is no text, and {_RENDER}")
                return None
            if key.value in own:
                self._flaw("duplicate-key", key, f"the key {key.value!r} is there twice, and only the last one counts")
            own[key.value] = value
        return merged | own

    def _flaw(self, rule: str, node: yaml.Node, text: str) -> None:
        self._flaws.append(Flaw(rule, self._file, node.start_mark.line + 1, text))


def _scalar(node: yaml.ScalarNode) -> Any:
    text, tag = str(node.value), node.tag.removeprefix(_TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLEANS.get(text.lower(), text)
    if not node.style and (tag == "int" or _OCTAL.fullmatch(text)) and _INTEGER.fullmatch(text):
        return _integer(text)
    if not node.style and (tag == "float" or "e" in text.lower()) and _FLOAT.fullmatch(text):
        return float(text)
    return text


def _integer(text: str) -> int | str:
    """A number as Go reads it: ``010`` and ``0o10`` are 8."""
    digits = text.replace("_", "")
    body = digits.lstrip("+-")
    if len(body) > 1 and body.isdigit() and body[0] == "0":
        digits = digits.replace("0", "0o", 1)
    try:
        return int(digits, 0)
    except ValueError:
        return text


def _broken(file: str, data: bytes, error: yaml.YAMLError) -> Flaw:
    mark, template = getattr(error, "problem_mark", None), _TEMPLATE.search(data)
    line = mark.line + 1 if mark else _line_at(data, getattr(error, "position", 0))
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    text = f"this is no YAML: {problem} {getattr(error, 'context', None) or ''}".rstrip()
    if template:
        text += f"; line {_line_at(data, template.start())} {_RENDER}"
    elif any(_TAB.match(found) for found in data.splitlines()[line - 1 : line]):
        text += "; a tab stands where only spaces may"
    return Flaw("syntax", file, line, text)


def _line_at(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _line(node: yaml.Node, path: Path) -> int:
    line = node.start_mark.line
    for key in path:
        found = _child(node, key)
        if found is None:
            break
        node, line = found
    return int(line) + 1


def _child(node: yaml.Node, key: str | int) -> tuple[yaml.Node, int] | None:
    """The node of a key or an index, and its line."""
    if isinstance(node, yaml.MappingNode):
        for name, item in reversed(node.value):
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return item, name.start_mark.line
    elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item, item.start_mark.line
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
