# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From auth options to a connection: which credentials are sent, and what is said of unusable ones."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.progressive.delivery.plugins.module_utils import _module as frame
from ansible_collections.progressive.delivery.plugins.module_utils._cluster import rehearsal
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.connect import IN_MEMORY, connect
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.errors import BadConfiguration
from ansible_collections.progressive.delivery.plugins.module_utils._cluster.resources import ROLLOUT
from ansible_collections.progressive.delivery.plugins.module_utils._lab import pki
from kubernetes.config import kube_config

from tests.unit.cluster.server import FakeServer, says
from tests.unit.support import Tree, canary, merged

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No kubeconfig and no variables of the person who runs the tests."""
    for name in list(os.environ):
        if name.startswith("K8S_AUTH_") or name == "KUBECONFIG":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def kubeconfig(host: str, user: Tree | None = None, **changes: Any) -> Tree:
    base: Tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
        "clusters": [{"name": "lab", "cluster": {"server": host}}],
        "users": [{"name": "me", "user": user or {"token": "of-the-file"}}],
    }
    result: Tree = merged(base, changes)
    return result


def sent(server: FakeServer, **options: Any) -> dict[str, str]:
    """The headers of a request with these options."""
    server.then(says(200, canary()))
    cluster = connect(options)
    assert cluster.get(ROLLOUT, "prod", "shop") == canary()
    cluster._transport.pool.clear()
    return {name.lower(): value for name, value in server.received[-1].headers.items()}


def refusal(**options: Any) -> str:
    with pytest.raises(BadConfiguration) as caught:
        connect(options)
    assert caught.value.reason == "bad_configuration"
    return str(caught.value)


# -- what is sent


def test_host_and_api_key(server: FakeServer) -> None:
    headers = sent(server, host=server.host, api_key="secret")
    assert headers["authorization"] == "Bearer secret"
    assert headers["user-agent"] == "progressive.delivery"


def test_other_options_and_nulls_are_not_auth_options(server: FakeServer) -> None:
    headers = sent(server, host=server.host, api_key="secret", name="shop", wait=True, context=None, kubeconfig=None)
    assert headers["authorization"] == "Bearer secret"


def test_username_and_password(server: FakeServer) -> None:
    headers = sent(server, host=server.host, username="me", password="pw")
    assert headers["authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()


def test_a_trailing_slash_of_the_host_does_not_matter(server: FakeServer) -> None:
    sent(server, host=f"{server.host}/", api_key="secret")
    assert server.received[-1].path.startswith("/apis/argoproj.io/")


def test_a_kubeconfig_by_its_path(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(server.host)))
    assert sent(server, kubeconfig=str(path))["authorization"] == "Bearer of-the-file"


def test_a_kubeconfig_as_a_dictionary(server: FakeServer) -> None:
    assert sent(server, kubeconfig=kubeconfig(server.host))["authorization"] == "Bearer of-the-file"


def test_a_kubeconfig_by_its_variable(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(kubeconfig(server.host)))
    monkeypatch.setenv("K8S_AUTH_KUBECONFIG", str(path))
    assert sent(server)["authorization"] == "Bearer of-the-file"


def test_host_and_api_key_by_their_variables(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K8S_AUTH_HOST", server.host)
    monkeypatch.setenv("K8S_AUTH_API_KEY", "of-the-variable")
    assert sent(server)["authorization"] == "Bearer of-the-variable"


def test_a_context_of_the_kubeconfig(server: FakeServer) -> None:
    both = kubeconfig("http://127.0.0.1:1")
    both["contexts"].append({"name": "there", "context": {"cluster": "there", "user": "me"}})
    both["clusters"].append({"name": "there", "cluster": {"server": server.host}})
    assert sent(server, kubeconfig=both, context="there")["authorization"] == "Bearer of-the-file"


def test_impersonation(server: FakeServer) -> None:
    headers = sent(
        server, host=server.host, api_key="secret", impersonate_user="ann", impersonate_groups=["dev", "ops"]
    )
    assert headers["impersonate-user"] == "ann"
    assert headers["impersonate-group"] == "dev, ops"


def test_one_connection_leaves_nothing_to_the_next(server: FakeServer) -> None:
    sent(server, kubeconfig=kubeconfig(server.host, {"token": "first"}))
    assert sent(server, host=server.host, username="me", password="pw")["authorization"].startswith("Basic ")


def test_a_kubeconfig_by_the_variable_as_it_is_now(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump(kubeconfig(server.host, {"token": name})))
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert sent(server)["authorization"] == f"Bearer {name}"


# -- certificates and keys in a kubeconfig


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.ensure_pki(folder)
    return folder


@pytest.fixture(params=[pytest.param(True, id="linux"), pytest.param(False, id="elsewhere")])
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """The folder for temporary files, where the machine has files in memory and where it has none."""
    monkeypatch.setattr(f"{connect.__module__}.IN_MEMORY", request.param and IN_MEMORY)
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def inline(folder: Path, server: str = "https://a.example:6443", **cluster: Any) -> Tree:
    """A kubeconfig that holds all that it needs."""
    authority, me = pki.Pair.at(folder, "ca"), pki.Pair.at(folder, "admin")
    user = {"client-certificate-data": _text(me.certificate), "client-key-data": _text(me.key)}
    named = {"server": server, "certificate-authority-data": _text(authority.certificate), **cluster}
    return kubeconfig(server, user, clusters=[{"name": "lab", "cluster": named}])


def _text(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def settings(options: Tree) -> Tree:
    """What the connections of the pool are made with."""
    pool = connect({"kubeconfig": options})._transport.pool
    found: Tree = pool.connection_pool_kw
    return found


def test_no_key_stays_on_the_disk(certificates: Path, temporary: Path) -> None:
    for _turn in range(2):
        connect({"kubeconfig": inline(certificates)})
        assert list(temporary.iterdir()) == []


def test_no_key_stays_on_the_disk_when_the_rest_is_wrong(certificates: Path, temporary: Path) -> None:
    wrong = inline(certificates)
    wrong["clusters"][0]["cluster"]["certificate-authority-data"] = base64.b64encode(b"nonsense").decode()
    assert refusal(kubeconfig=wrong).startswith("kubeconfig: cannot use its certificate-authority (it holds no ")
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(not IN_MEMORY, reason="this system has no files in memory")
def test_a_key_never_gets_to_the_disk(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(tempfile, "mkstemp")
    before = set(Path("/proc/self/fd").iterdir())
    connect({"kubeconfig": inline(certificates)})
    assert set(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.skipif(not IN_MEMORY, reason="this system has no files in memory")
def test_two_entries_of_the_same_content_leave_no_file_open(certificates: Path) -> None:
    both = inline(certificates)
    user = both["users"][0]["user"]
    both["clusters"][0]["cluster"]["certificate-authority-data"] = user["client-certificate-data"]
    before = set(Path("/proc/self/fd").iterdir())
    connect({"kubeconfig": both})
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_files_of_others_are_left_alone(certificates: Path, temporary: Path) -> None:
    other = Path(kube_config._create_temp_file_with_content("of somebody else"))
    connect({"kubeconfig": inline(certificates)})
    assert list(temporary.iterdir()) == [other]
    del kube_config._temp_files["of somebody else"]


def test_certificates_are_loaded_at_once(certificates: Path) -> None:
    found = settings(inline(certificates))
    assert found["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert found["ssl_context"].check_hostname
    assert found["ssl_context"].cert_store_stats()["x509_ca"] == 1
    assert (found["ca_certs"], found["cert_file"], found["key_file"]) == (None, None, None)


def test_a_proxy_with_tls_is_trusted_by_the_same_authority(certificates: Path) -> None:
    found = settings(inline(certificates, **{"proxy-url": "https://proxy.example:3128"}))
    assert found["ca_cert_data"] == pki.Pair.at(certificates, "ca").certificate.read_text()
    assert found["_proxy"].host == "proxy.example"


def test_another_server_name_and_no_verification(certificates: Path) -> None:
    named = settings(inline(certificates, **{"tls-server-name": "b.example"}))
    assert named["server_hostname"] == "b.example"
    trusting = settings(inline(certificates, **{"insecure-skip-tls-verify": True}))
    assert trusting["cert_reqs"] == ssl.CERT_NONE
    assert trusting["ssl_context"].verify_mode == ssl.CERT_NONE


def test_without_an_authority_those_of_the_system_are_trusted() -> None:
    pool = connect({"host": "https://a.example:6443", "api_key": "x"})._transport.pool
    system = ssl.create_default_context().cert_store_stats()
    assert pool.connection_pool_kw["ssl_context"].cert_store_stats() == system


# -- what is said of unusable options, before anything is sent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "kubeconfig: none is given, and there is none in ~/.kube/config"),
        ({"host": "10.0.0.1:6443", "api_key": "x"}, "host: '10.0.0.1:6443' is no address of an apiserver"),
        ({"host": "ftp://a", "api_key": "x"}, "host: 'ftp://a' is no address"),
        ({"host": "https://", "api_key": "x"}, "host: 'https://' is no address"),
        ({"host": "https://a:0", "api_key": "x"}, "host: 'https://a:0' is no address"),
        ({"host": "https://a:port", "api_key": "x"}, "host: 'https://a:port' is no address"),
        ({"host": "https://a"}, "host: an address alone is not enough; set api_key with it"),
        ({"kubeconfig": "/nowhere/config"}, "kubeconfig: there is no file config in /nowhere; correct the path"),
        ({"kubeconfig": "apiVersion: v1\nkind: Config\n"}, "kubeconfig: this is the text of a kubeconfig"),
        ({"kubeconfig": {"a": "b"}}, "kubeconfig: "),
        (
            {"kubeconfig": kubeconfig("https://a"), "context": "moon"},
            "context: the kubeconfig has no context 'moon'; correct the name",
        ),
        (
            {"kubeconfig": kubeconfig("https://a", clusters=[])},
            "kubeconfig: its context names a cluster 'lab' which it does not have",
        ),
        (
            {"host": "https://a", "api_key": "x", "ca_cert": "/nowhere/ca.pem"},
            "ca_cert: cannot use /nowhere/ca.pem (No such file or directory); ",
        ),
        (
            {"host": "https://a", "client_cert": "/nowhere/a.pem", "client_key": "/nowhere/b.pem"},
            "client_cert and client_key: cannot use /nowhere/a.pem",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(options: dict[str, Any], words: str) -> None:
    assert words in refusal(**options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "kubeconfig: it is not YAML (line "),
        ("", "kubeconfig: "),
        ("[]", "kubeconfig: "),
        ("just words", "kubeconfig: "),
        ("contexts: 7", "kubeconfig: "),
    ],
)
def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert words in refusal(kubeconfig=str(path))


def test_a_ca_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    message = refusal(host="https://a", api_key="x", ca_cert=str(path))
    assert message.startswith(f"ca_cert: cannot use {path} (it holds no certificate); ")


def test_a_login_command_that_fails() -> None:
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}
    message = refusal(kubeconfig=kubeconfig("https://a", {"exec": command}))
    assert message.startswith("kubeconfig: the login command of its user failed (")
    assert message.endswith("log in again, or correct the user's exec entry")


# -- what is said of a secret that goes to whoever answers


def warnings(**options: Any) -> list[str]:
    said: list[str] = []
    connect(options, said.append)
    return said


TRUSTING = {"host": "https://a.example:6443", "validate_certs": False}


def trusting(user: Tree, host: str = "https://a.example:6443") -> Tree:
    """A kubeconfig that verifies nothing."""
    return kubeconfig(
        host, user, clusters=[{"name": "lab", "cluster": {"server": host, "insecure-skip-tls-verify": True}}]
    )


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ({**TRUSTING, "api_key": "hunter2"}, "token"),
        ({**TRUSTING, "username": "ann", "password": "hunter2"}, "password"),
        ({"kubeconfig": trusting({"token": "hunter2"})}, "token"),
        ({"kubeconfig": trusting({"username": "ann", "password": "hunter2"})}, "token"),
        ({"kubeconfig": kubeconfig("https://a.example:6443"), "validate_certs": False}, "token"),
    ],
)
def test_a_secret_without_verification_is_warned_of(options: Tree, secret: str) -> None:
    (said,) = warnings(**options)
    assert said.startswith(f"The {secret} is sent to https://a.example:6443 without a look at its certificate")
    assert "set validate_certs to true, with the cluster's authority in ca_cert" in said
    assert "hunter2" not in said


def test_a_token_by_the_variables_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an AWX credential gives it."""
    monkeypatch.setenv("K8S_AUTH_HOST", "https://a.example:6443")
    monkeypatch.setenv("K8S_AUTH_API_KEY", "hunter2")
    for value, count in (("no", 1), ("False", 1), ("yes", 0)):
        monkeypatch.setenv("K8S_AUTH_VERIFY_SSL", value)
        assert len(warnings()) == count


@pytest.mark.parametrize(
    "options",
    [
        {"host": "https://a.example:6443", "api_key": "x"},
        {"kubeconfig": kubeconfig("https://a.example:6443")},
        {"host": "http://127.0.0.1:8001", "api_key": "x", "validate_certs": False},
    ],
)
def test_nothing_is_said_where_verification_is_on_or_there_is_no_tls(options: Tree) -> None:
    assert warnings(**options) == []


def test_nothing_is_said_of_a_client_certificate(certificates: Path) -> None:
    me = pki.Pair.at(certificates, "admin")
    user = {"client-certificate-data": _text(me.certificate), "client-key-data": _text(me.key)}
    assert warnings(kubeconfig=trusting(user)) == []


def test_a_task_warns_once_however_often_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(_name: str, _params: Tree, cluster: Callable[[], Cluster], **_others: Any) -> Tree:
        cluster()
        cluster()
        return {"changed": False, "failed": False, "warnings": ["of the task"]}

    monkeypatch.setattr(frame, "run_task", task)
    result = frame.run("rollout_wait", {**TRUSTING, "api_key": "x"}, check_mode=False, diff=False)
    first, second = result["warnings"]
    assert (first.split()[:2], second) == (["The", "token"], "of the task")


def test_an_api_key_is_in_no_message() -> None:
    assert "hunter2" not in refusal(host="nonsense", api_key="hunter2")


def test_the_connection_is_a_cluster() -> None:
    cluster = connect({"host": "https://a.example:6443/", "api_key": "x"})
    assert isinstance(cluster, Cluster)
    assert cluster.host == "https://a.example:6443"


# -- what is made and tried before the workers are


@pytest.mark.parametrize("verify", [True, False])
def test_a_spare_context_is_as_any_other_and_used_once(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, verify: bool
) -> None:
    monkeypatch.setattr(rehearsal, "_SPARE", [])
    rehearsal.rehearse()
    first, second = (
        connect({"host": "https://127.0.0.1:1", "api_key": "x", "validate_certs": verify})._transport
        for _turn in range(2)
    )
    contexts = [each.pool.connection_pool_kw["ssl_context"] for each in (first, second)]
    assert contexts[0] is not contexts[1]
    assert {(each.verify_mode, each.check_hostname, each.options, each.minimum_version) for each in contexts} == {
        (ssl.CERT_REQUIRED if verify else ssl.CERT_NONE, verify, contexts[1].options, contexts[1].minimum_version)
    }
    assert contexts[0].cert_store_stats() == contexts[1].cert_store_stats()
    rehearsal.rehearse()
    assert sent(server, host=server.host, api_key="secret")["authorization"] == "Bearer secret"


def test_a_rehearsal_asks_nobody_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_address: object, **_options: object) -> None:
        raise AssertionError("it has left this process")

    monkeypatch.setattr(rehearsal, "_SPARE", [])
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    before = sorted(os.listdir("/proc/self/fd"))
    rehearsal.rehearse()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_rehearsal_that_cannot_be_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError("no sockets here")

    monkeypatch.setattr(rehearsal, "_SPARE", [])
    monkeypatch.setattr(socket, "socketpair", refused)
    rehearsal.rehearse()
    assert len(rehearsal._SPARE) == 1


def test_without_the_library_there_is_no_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_SPARE", [])
    monkeypatch.setattr(rehearsal, "MISSING", ImportError("urllib3"))
    monkeypatch.setattr(rehearsal, "create_urllib3_context", object)
    rehearsal.rehearse()
    assert rehearsal._SPARE == []
