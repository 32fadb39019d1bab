# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container image references."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidRequest

_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?")
# An equals sign is no part of the distribution grammar, but private registries accept it and the
# kubectl plugin cannot pass it; a cluster that refuses it says so by itself.
_PATH = re.compile(r"[a-z0-9=]+(?:(?:\.|_{1,2}|-+)[a-z0-9=]+)*(?:/[a-z0-9=]+(?:(?:\.|_{1,2}|-+)[a-z0-9=]+)*)*")


@dataclass(frozen=True)
class Image:
    """An image reference in its parts; ``str()`` gives back the text that was parsed."""

    host: str
    path: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str, option: str = "image") -> Image:
        """Parse ``[host[:port]/]path[:tag][@digest]``; raises InvalidRequest that names ``option``."""
        if not isinstance(text, str):  # YAML makes a number of an unquoted 1.20, and null of an empty value
            raise InvalidRequest(option, text, "give an image reference as a text, such as team/app:1.20")
        rest, _sep, digest = text.partition("@")
        host, path = split_host(rest)
        path, tag = split_tag(path)
        image = cls(host=host, path=path, tag=tag, digest=digest)
        remedy = _why_unusable(image, text)
        if remedy:
            raise InvalidRequest(option, text, remedy)
        return image

    def __str__(self) -> str:
        text = f"{self.host}/{self.path}" if self.host else self.path
        text += f":{self.tag}" if self.tag else ""
        return text + (f"@{self.digest}" if self.digest else "")


def split_host(text: str) -> tuple[str, str]:
    """The registry host, if the first part looks like one (a dot, a port or localhost), and the rest."""
    first, slash, rest = text.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    return (first, rest) if is_host else ("", text)


def split_tag(path: str) -> tuple[str, str]:
    """The tag is what follows the last colon after the last slash."""
    head, colon, tag = path.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (path, "")


def _why_unusable(image: Image, text: str) -> str:
    """The remedy for a reference that no container runtime would pull; empty when it is fine."""
    if text != str(image):  # an empty tag or digest was dropped by the parse
        return "give a tag after ':' and a digest after '@', or leave the sign out"
    if image.host and not _HOST.fullmatch(image.host):
        return "the registry must be a host name with an optional port"
    if not _PATH.fullmatch(image.path):
        return "the repository must be lower-case letters, digits and single separators, such as team/app"
    if image.tag and not _TAG.fullmatch(image.tag):
        return "a tag has at most 128 letters, digits, '_', '.', '-' and does not start with '.' or '-'"
    if image.digest and not _DIGEST.fullmatch(image.digest):
        return "a digest reads algorithm:hex, such as sha256: and 64 hexadecimal digits"
    return ""
