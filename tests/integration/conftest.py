# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all tests that only need some cluster, and others of their own for those that change one.

The lab of the session is destroyed at its end, unless PROGRESSIVE_TEST_LAB names it: then it stays, and the next run
finds it warm.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.integration.kit import Gauge, Stage, new_namespace
from tests.integration.support import Lab, lab_down, lab_up, own_lab, sweep_labs

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    """A run that was killed has left its labs up."""
    sweep_labs()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab that the tests of a session share; each test keeps to a namespace of its own."""
    kept = os.environ.get("PROGRESSIVE_TEST_LAB")
    name = kept or own_lab("shared")
    # Uncaptured: on a cold cache this builds for minutes, and silence would look like a hang.
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        up = lab_up(name, live=True)
    yield up
    if not kept:
        lab_down(name)


@pytest.fixture
def stage(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A namespace of the test's own; its deletion goes on while the next test runs."""
    with new_namespace(lab, f"t{next(_NUMBERS)}-{os.getpid()}") as made:
        yield made


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    """A value that an analysis can ask for."""
    made = Gauge()
    yield made
    made.close()
