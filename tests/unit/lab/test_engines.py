# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container engine can carry a kind cluster, and what is said of one that cannot.

The clients are stand-ins (`programs`); the last tests have the real Docker client, where there is one, ask a small
engine on a unix socket.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import engines
from ansible_collections.progressive.delivery.plugins.module_utils._lab.engines import Engine, Host, Need

from tests.unit.lab.programs import DOCKER_INFO, PODMAN_INFO, Answer, Programs, docker, podman

HERE = Host("6.12.0", {"max_user_instances": 512, "max_user_watches": 524288}, free=50_000_000_000)
GOOD = Engine("docker", "29.1.0", cpus=8, memory=16_000_000_000, root="/var/lib/docker", kernel="6.12.0")


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


# ---- Judging


def test_a_good_engine_has_no_problem() -> None:
    assert engines.problems(GOOD, Need(), HERE) == []
    assert engines.warnings(GOOD, HERE) == []


@pytest.mark.parametrize(
    ("changes", "problem", "remedy"),
    [
        ({"failure": "it is down: start it"}, "it is down", "start it"),
        ({"system": "windows"}, "windows containers", "switch it"),
        ({"remote": True, "endpoint": "ssh://build"}, "another machine (ssh://build)", "run the playbook there"),
        ({"cgroup": 1}, "cgroup v1", "systemd.unified_cgroup_hierarchy=1"),
        ({"rootless": True, "controllers": frozenset({"memory"})}, "cannot limit cpu, pids", "Delegate=yes"),
        ({"cpus": 1}, "1 processors", "give it more"),
        ({"memory": 2_000_000_000}, "2.0 GB of memory", "give it more"),
    ],
)
def test_what_is_in_the_way_is_told_with_its_remedy(changes: dict[str, object], problem: str, remedy: str) -> None:
    (found,) = engines.problems(replace(GOOD, **changes), Need(), HERE)  # type: ignore[arg-type]
    assert problem in found
    assert remedy in found


def test_all_that_is_in_the_way_is_told_at_once() -> None:
    assert len(engines.problems(replace(GOOD, cgroup=1, cpus=1, memory=1), Need(), HERE)) == 3


@pytest.mark.parametrize(
    ("engine", "free", "found"),
    [
        (GOOD, 5_000_000_000, 1),
        (GOOD, None, 0),
        (replace(GOOD, kernel="of a virtual machine"), 5_000_000_000, 0),
    ],
)
def test_the_disk_counts_where_the_engine_is_on_this_machine(engine: Engine, free: int | None, found: int) -> None:
    assert len(engines.problems(engine, Need(), replace(HERE, free=free))) == found


def test_few_inotify_instances_are_a_warning_with_the_setting() -> None:
    tight = replace(HERE, inotify={"max_user_instances": 128, "max_user_watches": 524288})
    (warning,) = engines.warnings(GOOD, tight)
    assert "is 128" in warning
    assert "sysctl fs.inotify.max_user_instances=512" in warning
    assert engines.warnings(replace(GOOD, kernel="of a virtual machine"), tight) == []
    assert engines.warnings(replace(GOOD, failure="down"), tight) == []


def test_a_limit_that_cannot_be_read_is_no_warning() -> None:
    assert engines.warnings(GOOD, replace(HERE, inotify={})) == []


def test_this_machine(tmp_path: Path) -> None:
    host = Host.here(str(tmp_path / "closed" / "to" / "others"))
    assert host.kernel == platform.release()
    assert host.free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
    assert Host.here("").free is None


# ---- Reading what the clients print


def test_docker_as_its_client_tells_it() -> None:
    engine = engines.read_docker(DOCKER_INFO, "unix:///var/run/docker.sock")
    assert (engine.version, engine.rootless, engine.cgroup, engine.cpus) == ("29.1.0", False, 2, 8)
    assert not engine.remote


@pytest.mark.parametrize(
    ("changes", "granted"),
    [
        ({}, {"cpu", "memory", "pids"}),
        ({"CPUShares": False}, {"memory", "pids"}),
        ({"CgroupDriver": "none"}, set()),
    ],
)
def test_controllers_of_rootless_docker(changes: dict[str, object], granted: set[str]) -> None:
    info = DOCKER_INFO | {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]} | changes
    engine = engines.read_docker(info)
    assert engine.rootless
    assert engine.controllers == granted


def test_docker_with_rights_needs_no_controllers_handed_to_it() -> None:
    assert engines.problems(engines.read_docker(DOCKER_INFO | {"CPUShares": False}), Need(), HERE) == []


@pytest.mark.parametrize(
    ("endpoint", "remote"),
    [
        ("", False),
        ("unix:///run/user/1000/docker.sock", False),
        ("npipe:////./pipe/docker_engine", False),
        ("tcp://127.0.0.1:2375", False),
        ("tcp://localhost:2375", False),
        ("tcp://build:2376", True),
        ("ssh://me@build", True),
    ],
)
def test_an_engine_elsewhere_is_known_by_its_endpoint(endpoint: str, remote: bool) -> None:
    assert engines.read_docker(DOCKER_INFO, endpoint).remote is remote


def test_podman_as_its_client_tells_it() -> None:
    engine = engines.read_podman(PODMAN_INFO)
    assert (engine.version, engine.rootless, engine.cgroup, engine.cpus) == ("5.4.0", True, 2, 8)
    assert engine.root.endswith("/storage")
    assert engines.problems(engine, Need(), HERE) == []


def test_podman_of_another_machine() -> None:
    host = {**PODMAN_INFO["host"], "serviceIsRemote": True}  # type: ignore[dict-item]
    assert engines.read_podman(PODMAN_INFO | {"host": host}).remote


# ---- Asking


def test_an_engine_without_a_client(programs: Programs) -> None:
    empty = {"PATH": str(programs.folder)}
    assert engines.look("docker", empty).failure == "there is no program docker on PATH"
    assert engines.look("podman", empty).failure == "there is no program podman on PATH"


def test_engines_that_answer(programs: Programs) -> None:
    programs.put("docker", docker())
    programs.put("podman", podman())
    assert engines.look("docker", programs.environ) == engines.read_docker(DOCKER_INFO, "unix:///var/run/docker.sock")
    assert engines.look("podman", programs.environ) == engines.read_podman(PODMAN_INFO)


def test_podman_under_the_name_of_docker_is_no_docker(programs: Programs) -> None:
    programs.put("docker", {"--version": Answer("podman version 5.4.0\n")})
    assert (
        "is not Docker's own client (it says: podman version 5.4.0)" in engines.look("docker", programs.environ).failure
    )


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", "systemctl start docker"),
        (
            "failed to connect to the docker API at unix:///x: dial unix: connect: no such file",
            "systemctl start docker",
        ),
        ("permission denied while trying to connect to the Docker daemon socket", "usermod -aG docker"),
        ("something\nnobody has seen", "docker info fails at unix:///x: nobody has seen"),
    ],
)
def test_a_docker_that_does_not_answer(programs: Programs, complaint: str, said: str) -> None:
    programs.put("docker", docker(endpoint="unix:///x") | {"info": Answer("{}", complaint, 1)})
    failure = engines.look("docker", programs.environ).failure
    assert said in failure
    assert "unix:///x" in failure


def test_errors_among_the_answer_count_although_the_client_ends_well(programs: Programs) -> None:
    errors = {"ServerErrors": ["permission denied while trying to connect"]}
    programs.put("docker", docker(errors))
    assert "usermod -aG docker" in engines.look("docker", programs.environ).failure


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("cannot find UID/GID for user me: no subuid ranges found in /etc/subuid", "usermod --add-subuids"),
        ('exec: "newuidmap": executable file not found', "usermod --add-subuids"),
        ("Cannot connect to Podman. Please verify your connection", "podman machine start"),
        ("a\nb", "podman info fails: b"),
    ],
)
def test_a_podman_that_does_not_answer(programs: Programs, complaint: str, said: str) -> None:
    programs.put("podman", {"info": Answer("", complaint, 125)})
    assert said in engines.look("podman", programs.environ).failure


@pytest.mark.parametrize("nonsense", ["", "[]", "no JSON", "{}"])
def test_an_answer_that_is_none(programs: Programs, nonsense: str) -> None:
    programs.put("docker", docker() | {"info": Answer(nonsense)})
    programs.put("podman", {"info": Answer(nonsense)})
    assert "no answer" in engines.look("docker", programs.environ).failure
    assert "no answer" in engines.look("podman", programs.environ).failure


def test_a_client_that_hangs_is_given_up(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_PATIENCE", 0.1)
    program = programs.folder / "podman"
    program.write_text("#!/bin/sh\nexec sleep 30\n")
    program.chmod(0o755)
    assert "no answer within 0.1 s" in engines.look("podman", programs.environ).failure


def test_a_client_that_cannot_be_run(programs: Programs) -> None:
    program = programs.folder / "podman"
    program.write_text("#!/no/such/shell\n")
    program.chmod(0o755)
    assert "podman info fails" in engines.look("podman", programs.environ).failure


# ---- The real Docker client


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def engine_at(path: Path, info: dict[str, object]) -> Iterator[None]:
    """As much of Docker's API as its client asks for with `docker info`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(info if self.path.endswith("/info") else {}).encode()
            self.send_response(200)
            self.send_header("Api-Version", "1.47")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: object) -> None: ...

    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def _client_is_docker_s() -> bool:
    """Podman may be there under the name of docker."""
    program = shutil.which("docker")
    return bool(program) and engines._Client(program or "", os.environ)("--version")[0].startswith("Docker version")


needs_client = pytest.mark.skipif(
    not _client_is_docker_s(), reason="there is no Docker client on this machine to ask the small engine with"
)


@needs_client
def test_the_real_client_and_an_engine_on_a_socket(tmp_path: Path) -> None:
    socket = tmp_path / "docker.sock"
    environ = {**os.environ, "DOCKER_HOST": f"unix://{socket}", "HOME": str(tmp_path)}
    with engine_at(socket, DOCKER_INFO):
        engine = engines.look("docker", environ)
    assert engine == engines.read_docker(DOCKER_INFO, f"unix://{socket}")


@needs_client
def test_the_real_client_and_no_engine(tmp_path: Path) -> None:
    environ = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "HOME": str(tmp_path)}
    failure = engines.look("docker", environ).failure
    assert f"no engine answers at unix://{tmp_path}/docker.sock" in failure
