# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input is named: the option, its value, and what to give instead."""

from __future__ import annotations

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._model.errors import InvalidRequest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("soon", "option: 'soon' is not usable; give a number"),
        (0, "option: 0 is not usable; give a number"),
        ("", "option: '' is not usable; give a number"),
        (False, "option: False is not usable; give a number"),
        (None, "option is missing; give a number"),
        ({}, "option is missing; give a number"),
        ([], "option is missing; give a number"),
    ],
)
def test_the_text_can_be_shown_as_it_is(value: object, text: str) -> None:
    error = InvalidRequest("option", value, "give a number")
    assert str(error) == text
    assert (error.option, error.value, error.remedy) == ("option", value, "give a number")
