# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for `make docs`, whose sources dev/docs.py lays out in build/docs/rst."""

from __future__ import annotations

from typing import Any

project = "progressive.delivery"
html_title = "progressive.delivery"
copyright = "Contributors to the progressive.delivery collection"

extensions = ["sphinx_antsibull_ext", "myst_parser"]
myst_heading_anchors = 4
highlight_language = "YAML+Jinja"
pygments_style = "ansible"

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_index = False
html_copy_source = False

# What generated pages refer to and another site has: pages of ansible-core, and of other collections.
ELSEWHERE = (
    "action_plugins", "ansible_configuration_settings", "common_return_values",
    "ansible_collections.ansible.", "ansible_collections.community.", "ansible_collections.kubernetes.",
)  # fmt: skip


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", elsewhere)


def elsewhere(app: Any, env: Any, node: Any, content: Any) -> Any:
    """The text alone for what is elsewhere, as no build asks the network; None, which is an error, for the rest."""
    return content if node.get("reftarget", "").startswith(ELSEWHERE) else None
