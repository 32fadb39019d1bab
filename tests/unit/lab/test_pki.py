# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that strict verifiers accept, each for its purpose and no other."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from ansible_collections.progressive.delivery.plugins.module_utils._lab import pki
from ansible_collections.progressive.delivery.plugins.module_utils._lab.pki import Pair
from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki")
    pki.ensure_pki(path)
    return path


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(Pair.at(folder, name).certificate.read_bytes())


def policy(folder: Path, authority: str) -> PolicyBuilder:
    return PolicyBuilder().store(Store([certificate(folder, authority)])).time(datetime.now(UTC))


@pytest.mark.parametrize("authority", ["ca", "etcd-ca", "front-proxy-ca"])
def test_an_authority_says_what_it_is(folder: Path, authority: str) -> None:
    extensions = certificate(folder, authority).extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


@pytest.mark.parametrize("name", ["apiserver", "controller-manager-server", "scheduler-server"])
def test_a_server_is_known_by_its_addresses(folder: Path, name: str) -> None:
    """cryptography's verifier demands names, purposes and key identifiers as the WebPKI does."""
    for subject in (x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")):
        policy(folder, "ca").build_server_verifier(subject).verify(certificate(folder, name), [])


def test_the_apiserver_is_known_by_the_names_of_its_service(folder: Path) -> None:
    for subject in (x509.DNSName("kubernetes.default.svc"), x509.IPAddress(ip_address("10.96.0.1"))):
        policy(folder, "ca").build_server_verifier(subject).verify(certificate(folder, "apiserver"), [])


@pytest.mark.parametrize(
    ("name", "user", "groups"),
    [
        ("admin", "lab-admin", ["system:masters"]),
        ("controller-manager", "system:kube-controller-manager", []),
        ("scheduler", "system:kube-scheduler", []),
        ("kwok", "lab:kwok", []),
    ],
)
def test_a_client_is_a_user_with_groups(folder: Path, name: str, user: str, groups: list[str]) -> None:
    subject = certificate(folder, name).subject
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [user]
    assert [a.value for a in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == groups


@pytest.mark.parametrize("name", ["admin", "kwok", "apiserver"])
def test_the_cluster_does_not_open_the_database(folder: Path, name: str) -> None:
    localhost = x509.DNSName("localhost")
    with pytest.raises(VerificationError):
        policy(folder, "etcd-ca").build_server_verifier(localhost).verify(certificate(folder, name), [])
    assert certificate(folder, name).issuer != certificate(folder, "etcd-ca").subject


def test_a_client_certificate_does_not_serve(folder: Path) -> None:
    usage = certificate(folder, "admin").extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert [purpose._name for purpose in usage.value] == ["clientAuth"]


def test_keys_are_private_and_distinct(folder: Path) -> None:
    keys = list(folder.glob("*.key"))
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert len({key.read_bytes() for key in keys}) == len(keys)


def test_only_what_is_missing_is_made(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    lost = Pair.at(folder, "kwok")
    lost.key.unlink()
    pki.ensure_pki(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"kwok.key", "kwok.crt"}
