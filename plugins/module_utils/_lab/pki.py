# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and certificates of a lab: three authorities, as kubeadm has them; strict X.509.

Python 3.13 verifies strictly: an authority needs basicConstraints and keyUsage, a leaf needs the
authority and subject key identifiers.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import write_atomically

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

_VALID = datetime.timedelta(days=3650)
_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for: Kubernetes reads CN as the user and O as the groups."""

    name: str
    groups: tuple[str, ...] = ()
    server: bool = False
    client: bool = False


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as files in PEM form."""

    certificate: Path
    key: Path

    @classmethod
    def at(cls, folder: Path, name: str) -> Pair:
        return cls(folder / f"{name}.crt", folder / f"{name}.key")

    @property
    def complete(self) -> bool:
        return self.certificate.is_file() and self.key.is_file()


# The file name of each leaf, and whom it is for. A separate authority for etcd: a client certificate
# of the cluster must not open its database.
CLUSTER_LEAFS = {
    "apiserver": Subject("kube-apiserver", server=True),
    "controller-manager-server": Subject("kube-controller-manager", server=True),
    "scheduler-server": Subject("kube-scheduler", server=True),
    "admin": Subject("lab-admin", ("system:masters",), client=True),
    "controller-manager": Subject("system:kube-controller-manager", client=True),
    "scheduler": Subject("system:kube-scheduler", client=True),
    "kwok": Subject("lab:kwok", client=True),
}
ETCD_LEAFS = {
    # etcd dials itself, so its one certificate is for both sides.
    "etcd": Subject("etcd", server=True, client=True),
    "apiserver-etcd-client": Subject("kube-apiserver", client=True),
}


# The apiserver's identity towards aggregated API servers, whose users it vouches for; were it from the
# cluster's authority, each client could vouch for anyone.
FRONT_PROXY_LEAFS = {"front-proxy-client": Subject("front-proxy-client", client=True)}


def ensure_pki(folder: Path) -> None:
    """Make what is missing: the authorities with their leafs, and the service-account key pair."""
    _ensure_family(folder, "ca", "progressive.delivery lab", CLUSTER_LEAFS, service_ip="10.96.0.1")
    _ensure_family(folder, "etcd-ca", "progressive.delivery lab etcd", ETCD_LEAFS)
    _ensure_family(folder, "front-proxy-ca", "progressive.delivery lab front proxy", FRONT_PROXY_LEAFS)
    key = folder / "service-account.key"
    if not key.is_file():
        _require_cryptography()
        private = ec.generate_private_key(ec.SECP256R1())
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_atomically(folder / "service-account.pub", public)
        write_atomically(key, _private_pem(private))


def _ensure_family(folder: Path, name: str, title: str, leafs: dict[str, Subject], service_ip: str = "") -> None:
    authority = Pair.at(folder, name)
    if not authority.complete:
        _write_authority(authority, title)
    for leaf, subject in leafs.items():
        pair = Pair.at(folder, leaf)
        if not pair.complete:
            write_leaf(authority, pair, subject, service_ip)


def _write_authority(pair: Pair, title: str) -> None:
    _require_cryptography()
    key = ec.generate_private_key(ec.SECP256R1())
    name = _distinguished_name(Subject(title))
    builder = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
    )
    _write(pair, builder.sign(key, hashes.SHA256()), key)


def write_leaf(authority: Pair, pair: Pair, subject: Subject, service_ip: str = "") -> None:
    """Sign a certificate for `subject`, good on 127.0.0.1 and localhost if it serves."""
    _require_cryptography()
    issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    signer = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise AssertionError("an authority of ours has a key on a curve")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_distinguished_name(subject), issuer.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_purposes(subject)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if subject.server:
        builder = builder.add_extension(_alternative_names(service_ip), critical=False)
    _write(pair, builder.sign(signer, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))  # clocks that disagree a little
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _distinguished_name(subject: Subject) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, subject.name)])


def _purposes(subject: Subject) -> list[x509.ObjectIdentifier]:
    server = [ExtendedKeyUsageOID.SERVER_AUTH] if subject.server else []
    return server + ([ExtendedKeyUsageOID.CLIENT_AUTH] if subject.client else [])


def _alternative_names(service_ip: str) -> x509.SubjectAlternativeName:
    addresses = ["127.0.0.1", *([service_ip] if service_ip else [])]
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in _SERVER_NAMES),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
        ]
    )


def _key_usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_atomically(pair.key, _private_pem(key))
    write_atomically(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _require_cryptography() -> None:
    if not HAS_CRYPTOGRAPHY:
        raise LabError("the Python library 'cryptography' is missing; ansible-core brings it: use its Python")
