# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception of the lab."""

from __future__ import annotations


class LabError(Exception):
    """Something that the person at the keyboard has to know; the message says what and what next."""
