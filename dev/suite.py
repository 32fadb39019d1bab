# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole test suite (``make test``), or its static checks alone (``make lint``).

Every check runs, also after one has failed, so that one run tells everything. The last line counts the tests; a
check that is no test run counts as one. What could not be covered on this machine is said above that line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "build" / "reports"
COLLECTION = "ansible_collections.progressive.delivery"
TYPED_LAYERS = (
    "_model", "_verbs", "_engine", "_cluster", "_lab",
    "_analysis", "_lint", "_prometheus", "_mesh", "_simulator", "_report",
)  # fmt: skip

TOOLS_MODULE = "progressive.delivery.lab_tools"
TOOLS = ROOT / "roles" / "embedded_cluster" / "files" / "tools"
# What an embedded lab is made of, and Helm (3 minutes of processor time), for no test to be skipped.
TOOL_GROUPS = "argo_rollouts,helm,istio,k6,kubernetes,kwok,prometheus"
# They mostly wait, for pauses and for pods: two at a time, each with a lab of its own, a file never divided.
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=loadfile")

# What the collection promises to run on: the oldest ansible-core, and the newest.
SUPPORTED = {"3.11": "ansible-core 2.19", "3.13": "the newest ansible-core"}

# Seconds. CI ends a run after 5400; a second pass over the integration tests starts only when it will fit.
BUDGET = 4200
CHECK_TIMEOUT = 3600


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Tally) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Environment:
    """One virtual environment made by bootstrap.py."""

    folder: Path
    python: str

    def variables(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder / "collections"),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        }


@dataclass
class Suite:
    started: float = field(default_factory=time.monotonic)
    tally: Tally = field(default_factory=Tally)
    lines: list[str] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def check(self, environment: Environment, title: str, *command: str) -> bool:
        """Run a command that passes or fails as a whole."""
        ok, seconds = self._run(environment, title, command)
        self._note(title, Tally(passed=int(ok), failed=int(not ok)), ok, seconds)
        return ok

    def tests(self, environment: Environment, folder: str, *options: str) -> float:
        """Run pytest over a folder and return how many seconds that took."""
        title = f"{folder} on Python {environment.python}"
        report = REPORTS / f"{Path(folder).name}-{environment.python}.xml"
        report.unlink(missing_ok=True)
        command = ("pytest", folder, f"--junitxml={report}", *options)
        ok, seconds = self._run(environment, title, command)
        self._note(title, counted(report, ok), ok, seconds)
        return seconds

    def close(self) -> int:
        print("\n" + "\n".join(self.lines))
        for line in self.uncovered:
            print(f"not covered: {line}")
        print(f"{self.elapsed():.0f} s in all")
        print(self.tally, flush=True)
        return int(self.tally.failed > 0)

    def _run(self, environment: Environment, title: str, command: tuple[str, ...]) -> tuple[bool, float]:
        print(f"\n=== {title}", flush=True)
        start = time.monotonic()
        variables = environment.variables()
        # Looked up in the environment's own folder: a tool that happens to be on PATH is another version.
        program = shutil.which(command[0], path=variables["PATH"]) or command[0]
        try:
            result = subprocess.run(
                [program, *command[1:]],
                cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, timeout=CHECK_TIMEOUT, check=False,
            )  # fmt: skip
            ok = result.returncode == 0
        except subprocess.TimeoutExpired:
            print(f"given up after {CHECK_TIMEOUT} s")
            ok = False
        return ok, time.monotonic() - start

    def _note(self, title: str, tally: Tally, ok: bool, seconds: float) -> None:
        self.tally.add(tally)
        self.lines.append(f"{'ok    ' if ok else 'FAILED'} {seconds:7.1f} s  {title}")


def counted(report: Path, ok: bool) -> Tally:
    """The counts of a JUnit file; a failure that no test stands for (coverage, a crash) counts as one."""
    tally = Tally()
    if report.is_file():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            tally.add(Tally(int(suite.get("tests", 0)) - failed - skipped, failed, skipped))
    if not ok and not tally.failed:
        tally.failed = 1
    return tally


def static_checks(suite: Suite, here: Environment) -> None:
    suite.check(here, "ruff check", "ruff", "check", "--quiet")
    suite.check(here, "ruff format", "ruff", "format", "--check")
    suite.check(here, "mypy --strict", "mypy", *typed_packages())
    suite.check(here, "yamllint", "yamllint", "--strict", ".")
    suite.check(here, "ansible-lint", "ansible-lint", "-q", "--nocolor")
    suite.check(here, "changelog fragments", "antsibull-changelog", "lint")
    nox = ("nox", "--no-venv", "--session", "license-check", "extra-checks")
    suite.check(here, "antsibull-nox license-check, extra-checks", "python", "dev/checkout.py", *nox)


def gates(suite: Suite, here: Environment) -> None:
    """What Galaxy and the documentation's builders want of a collection, as far as it takes more than seconds."""
    nox = ("nox", f"--envdir={ROOT / 'build' / 'nox'}", "--session")
    suite.check(here, "antsibull-nox docs-check", *nox, "docs-check")
    # As a release is, because Galaxy wants a changelog.
    suite.check(here, "antsibull-nox build-import-check", "python", "dev/checkout.py", *nox, "build-import-check")
    suite.check(here, "documentation site", "python", "dev/docs.py")
    # On the oldest Python only: it takes minutes, and it is what the collection promises that it looks at.
    suite.check(here, "ansible-test sanity", "python", "dev/sanity.py")


def typed_packages() -> Iterator[str]:
    for layer in TYPED_LAYERS:
        if any((ROOT / "plugins" / "module_utils" / layer).glob("*.py")):
            yield f"--package={COLLECTION}.plugins.module_utils.{layer}"


def all_tests(suite: Suite, here: Environment) -> None:
    gates(suite, here)
    suite.tests(here, "tests/unit", "--cov", "--cov-report=term")
    # Before the tests that need them, because it takes minutes where the cache is cold, and tells how far it is.
    wish = f"source={TOOLS} groups={TOOL_GROUPS}"
    suite.check(here, "the lab's programs", "ansible", "localhost", "-m", TOOLS_MODULE, "-a", wish)
    seconds = suite.tests(here, "tests/integration", *SIDE_BY_SIDE)
    suite.check(here, "molecule", "molecule", "test", "--all")
    for version, core in SUPPORTED.items():
        if version != here.python:
            other_python(suite, version, core, seconds)


def other_python(suite: Suite, version: str, core: str, seconds: float) -> None:
    """The tests on another supported Python; `seconds` is what the integration tests took on the first."""
    there = Environment(ROOT / f".venv-{version}", version)
    python = find_python(version)
    if python is None:
        suite.uncovered.append(f"{core} on Python {version} (no such Python found)")
        return
    if not suite.check(
        there, f"bootstrap on Python {version}", python, "dev/bootstrap.py", "--venv", str(there.folder)
    ):
        return
    suite.tests(there, "tests/unit")
    if suite.elapsed() + 1.2 * seconds < BUDGET:
        suite.tests(there, "tests/integration", *SIDE_BY_SIDE)
    else:
        suite.tests(there, "tests/integration", "-m", "smoke", *SIDE_BY_SIDE)
        suite.uncovered.append(f"the longer integration tests on Python {version} (no time left)")


def find_python(version: str) -> str | None:
    """A working interpreter of that version, on PATH or among pyenv's (whose shims may be there and fail)."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    return next((candidate for candidate in candidates if candidate and works(candidate)), None)


def works(python: str) -> bool:
    result = subprocess.run([python, "-c", "import venv, ensurepip, ssl"], capture_output=True, check=False)
    return result.returncode == 0


def main() -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    suite = Suite()
    here = Environment(Path(sys.prefix), "{}.{}".format(*sys.version_info))
    static_checks(suite, here)
    if sys.argv[1:] != ["lint"]:
        all_tests(suite, here)
    return suite.close()


if __name__ == "__main__":
    sys.exit(main())
