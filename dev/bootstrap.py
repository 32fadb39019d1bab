# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a virtual environment in which this checkout is an installed collection.

Standard library only; run it with the Python that the environment shall have. What it makes:

    .venv/                                               the locked packages of dev/requirements.lock
    .venv/collections/ansible_collections/
        progressive/delivery -> the checkout             wherever the checkout lies
        kubernetes/core, awx/awx                         out of `ansible` wheels
    .venv/lib/python3.*/site-packages/*.pth              so that plain Python imports find that tree, too

When nothing has changed since the last run it reads two files and ends.
"""

from __future__ import annotations

import argparse
import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "dev" / "requirements.lock"
MINIMUM = (3, 11)

# The `ansible` package carries collections, so the package index that serves everything else serves these, too, at
# fixed versions; a Galaxy server is asked for nothing.
# 12.3.0 has kubernetes.core 6.2.0 and awx.awx 24.6.1, 14.5.0 has 6.6.0 and awx.awx no more.
COLLECTIONS = {
    "kubernetes/core": "12.3.0" if sys.version_info < (3, 12) else "14.5.0",
    "awx/awx": "12.3.0",
}
TREE = "ansible_collections"


def main() -> None:
    if sys.prefix != sys.base_prefix:
        # An environment cannot make itself anew, and one made from another would die with it.
        base = os.path.join(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info))
        os.execv(base, [base, *sys.argv])
    parser = argparse.ArgumentParser(description="Make the virtual environment of this checkout.")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", metavar="FOLDER")
    folder = parser.parse_args().venv.absolute()
    if sys.version_info < MINIMUM:
        sys.exit(
            f"Python {'.'.join(map(str, MINIMUM))} or newer is needed, this is {sys.version.split()[0]}: "
            "name another one, as in `make PYTHON=python3.13 quickstart`."
        )
    if not is_current(folder):
        with locked():
            # Another run may have made it while this one waited for the lock.
            if not is_current(folder):
                make(folder)


def is_current(folder: Path) -> bool:
    stamp = folder / "stamp"
    return stamp.is_file() and stamp.read_text() == fingerprint(folder)


def fingerprint(folder: Path) -> str:
    """What the environment was made from: first line what cannot be changed in place, second its contents."""
    interpreter = f"{sys.version.split()[0]} {Path(sys.executable).resolve()}"
    contents = hashlib.sha256(LOCK.read_bytes() + Path(__file__).read_bytes()).hexdigest()
    return f"{interpreter} in {folder}\n{contents}\n"


@contextmanager
def locked() -> Iterator[None]:
    """Two runs of make at once must not build the same environment; the checkout's own folder is the lock."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make(folder: Path) -> None:
    stamp = folder / "stamp"
    reusable = stamp.is_file() and stamp.read_text().splitlines()[:1] == fingerprint(folder).splitlines()[:1]
    if not reusable:
        say(f"Python {sys.version.split()[0]} in {folder.name}")
        create_venv(folder)
    stamp.unlink(missing_ok=True)
    say(f"packages of {LOCK.relative_to(ROOT)} (half a minute the first time)")
    pip(folder, "install", "--quiet", "--requirement", str(LOCK))
    for name, version in COLLECTIONS.items():
        say(f"collection {name.replace('/', '.')} (of ansible {version})")
    make_collections(folder)
    stamp.write_text(fingerprint(folder))


def say(message: str) -> None:
    print(f"bootstrap: {message}", flush=True)


def create_venv(folder: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True, symlinks=True)
    except subprocess.CalledProcessError:
        sys.exit(f"{sys.executable} has no working venv and ensurepip; on Debian: apt-get install python3-venv.")


def pip(folder: Path, *arguments: str) -> None:
    command = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"pip {arguments[0]} failed, see above; run the same again when the package index answers.")


def make_collections(folder: Path) -> None:
    """Touches only what differs: somebody may be using the environment while its lock file changes."""
    tree = folder / "collections" / TREE
    for name, version in COLLECTIONS.items():
        there, wanted = tree / name, unpacked(folder, name, version)
        if not there.is_dir() or not filecmp.cmp(there / "MANIFEST.json", wanted / "MANIFEST.json"):
            shutil.rmtree(there, ignore_errors=True)
            shutil.copytree(wanted, there)
    ours = tree / "progressive" / "delivery"
    if not ours.is_symlink():
        ours.parent.mkdir(exist_ok=True)
        ours.symlink_to(ROOT)
    site_packages = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    Path(site_packages, "progressive_delivery.pth").write_text(f"{folder / 'collections'}\n")


def unpacked(folder: Path, name: str, version: str) -> Path:
    """The collection in the cache; 50 MB are downloaded once, 2 MB of them are kept."""
    cached = cache_folder() / "collections" / f"ansible-{version}" / TREE
    if not (cached / name).is_dir():
        cached.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
            # On any supported Python: what is taken out of the wheel is not installed as a package.
            pip(folder, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", scratch,
                f"ansible=={version}")  # fmt: skip
            wheel = next(Path(scratch).glob("*.whl"))
            for other in [name for name, its in COLLECTIONS.items() if its == version]:
                keep(wheel, other, cached, Path(scratch))
    return cached / name


def keep(wheel: Path, name: str, cached: Path, scratch: Path) -> None:
    """Put a collection of the wheel into the cache, unless it is there."""
    if (cached / name).is_dir():
        return
    extract(wheel, f"{TREE}/{name}/", scratch)
    (cached / name).parent.mkdir(exist_ok=True)
    # Renamed into place when complete: an interrupted run leaves nothing half done under this name.
    (scratch / TREE / name).rename(cached / name)


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "progressive-delivery"


def extract(wheel: Path, prefix: str, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        wanted = [name for name in archive.namelist() if name.startswith(prefix)]
        archive.extractall(target, [name for name in wanted if not name.startswith(f"{prefix}tests/")])


if __name__ == "__main__":
    main()
