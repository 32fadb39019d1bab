# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object says that it is: its apiVersion, its kind and its name.

A misspelt one would otherwise pass for the object of somebody else, about which there is nothing to say.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from .documents import OUR_GROUP, OURS
from .labels import is_subdomain
from .places import Finding, Place

_VERSION = f"{OUR_GROUP}/v1alpha1"
# How much two words have to have in common to be meant as the same.
_CLOSE = 0.8


def check_identity(place: Place) -> Iterator[Finding]:
    document, kind = place.document, place.at("kind")
    if not document.kind:
        yield kind.finding("missing-field", "the object has no kind")
    elif document.kind in OURS:
        yield from _check_version(place)
        if document.group == OUR_GROUP:
            yield from _check_name(place)
    elif document.group == OUR_GROUP:
        # Other projects have kinds in this group, too.
        meant = _nearest(document.kind, OURS)
        if meant:
            text = f"{OUR_GROUP} has no kind {document.kind}"
            yield kind.finding("api-version", text, f"Did you mean {meant}?")


def _check_version(place: Place) -> Iterator[Finding]:
    """Other groups have kinds of these names; only one that is nearly ours is meant to be ours."""
    version, group = place.at("apiVersion"), place.document.group
    if version.text != _VERSION and (not group or _nearest(group, [OUR_GROUP])):
        said = f"its apiVersion is {version.text!r}" if version.text else "it has no apiVersion"
        yield version.finding("api-version", f"{said}, and Argo Rollouts has {_VERSION} only")


def _check_name(place: Place) -> Iterator[Finding]:
    name, prefix = place.at("metadata", "name"), place.at("metadata", "generateName")
    if not name.text and not prefix.text:
        yield name.finding("object-name", f"the {place.document.kind} has no name")
    elif name.text and not is_subdomain(name.text):
        yield name.finding("object-name", f"{name.text!r} can be no name")


def _nearest(word: str, words: Sequence[str]) -> str:
    """The word that was meant; empty when there is none like it."""
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=_CLOSE)), "")
