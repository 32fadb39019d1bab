# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of a lab's control plane: their flags, their configuration files, their order.

Pure but for `write_configuration`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import kubeconfig, stages
from .files import private_folder, write_if_changed
from .paths import LabPaths
from .pki import Pair
from .processes import Process

TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "prometheus",
)
"""What a control plane needs; also the names of its processes."""

# Of the data plane: Envoy for calls between services, Envoy as ingress, Envoy's admin interface, and the
# status pages of the translator and of the pod simulator.
DATA_PLANE_PORTS = ("mesh", "ingress", "envoy-admin", "translator", "simulator")

PORTS = (
    "etcd",
    "etcd-peer",
    "etcd-health",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "prometheus",
    *DATA_PLANE_PORTS,
)

WAVES = (
    ("etcd",),
    ("kube-apiserver",),
    ("kube-controller-manager", "kube-scheduler", "kwok", "prometheus"),
)
"""Start order: all of a wave at once, the next when these are ready. An apiserver that starts
without etcd never becomes ready, and the last three give up without an apiserver."""

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"

# Go's collector halves its heaps at this setting for a few per cent of processor time; several
# labs have to fit side by side into a build machine.
_FRUGAL = {"GOGC": "50"}


def addresses(ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "apiserver": f"https://127.0.0.1:{ports['kube-apiserver']}",
        "prometheus": f"http://127.0.0.1:{ports['prometheus']}",
        **{name: f"http://127.0.0.1:{ports[name]}" for name in DATA_PLANE_PORTS},
    }


def processes(paths: LabPaths, ports: Mapping[str, int], tools: Mapping[str, str]) -> dict[str, Process]:
    """The processes of the control plane by name. `tools`: name -> path of the program."""
    flags = {
        "etcd": _etcd(paths, ports),
        "kube-apiserver": _apiserver(paths, ports),
        "kube-controller-manager": _controller_manager(paths, ports),
        "kube-scheduler": _scheduler(paths, ports),
        "kwok": _kwok(paths, ports),
        "prometheus": _prometheus(paths, ports),
    }
    ready = {
        "etcd": f"http://127.0.0.1:{ports['etcd-health']}/readyz",
        "kube-apiserver": f"https://127.0.0.1:{ports['kube-apiserver']}/readyz",
        "kube-controller-manager": f"https://127.0.0.1:{ports['kube-controller-manager']}/healthz",
        "kube-scheduler": f"https://127.0.0.1:{ports['kube-scheduler']}/readyz",
        "kwok": f"http://127.0.0.1:{ports['kwok']}/readyz",
        "prometheus": f"http://127.0.0.1:{ports['prometheus']}/-/ready",
    }
    return {
        name: Process(
            name=name,
            command=(tools[name], *flags[name]),
            environment=_FRUGAL,
            ready_url=ready[name],
            log=str(paths.log(name)),
        )
        for name in TOOLS
    }


def _flags(values: Mapping[str, object]) -> tuple[str, ...]:
    """`--name=value` of each; True stands for a flag without a value."""
    return tuple(f"--{name}" if value is True else f"--{name}={value}" for name, value in values.items())


def _etcd(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    client = f"https://127.0.0.1:{ports['etcd']}"
    peer = f"https://127.0.0.1:{ports['etcd-peer']}"
    own = Pair.at(paths.pki, "etcd")
    authority = paths.pki / "etcd-ca.crt"
    return _flags(
        {
            "name": "lab",
            "data-dir": paths.data / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"lab={peer}",
            # The other two ask for a client certificate.
            "listen-metrics-urls": f"http://127.0.0.1:{ports['etcd-health']}",
            "cert-file": own.certificate,
            "key-file": own.key,
            "trusted-ca-file": authority,
            "client-cert-auth": "true",
            "peer-cert-file": own.certificate,
            "peer-key-file": own.key,
            "peer-trusted-ca-file": authority,
            "peer-client-cert-auth": "true",
            # A lab may lose its last seconds when the machine does; waiting for the disk costs more.
            "unsafe-no-fsync": "true",
            # Milliseconds. It is alone, so it may elect itself at once.
            "heartbeat-interval": 20,
            "election-timeout": 200,
            "auto-compaction-mode": "periodic",
            "auto-compaction-retention": "30m",
            "quota-backend-bytes": 2 * 1024**3,
            "log-level": "warn",
        }
    )


def _apiserver(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    own = Pair.at(paths.pki, "apiserver")
    etcd = Pair.at(paths.pki, "apiserver-etcd-client")
    proxy = Pair.at(paths.pki, "front-proxy-client")
    return _flags(
        {
            "bind-address": "127.0.0.1",
            # Asked of the host's interfaces otherwise, and a sandbox may have none.
            "advertise-address": "127.0.0.1",
            # An Endpoints object may not hold a loopback address, so the kubernetes Service has none.
            "endpoint-reconciler-type": "none",
            "secure-port": ports["kube-apiserver"],
            "tls-cert-file": own.certificate,
            "tls-private-key-file": own.key,
            "client-ca-file": paths.pki / "ca.crt",
            "etcd-servers": f"https://127.0.0.1:{ports['etcd']}",
            "etcd-cafile": paths.pki / "etcd-ca.crt",
            "etcd-certfile": etcd.certificate,
            "etcd-keyfile": etcd.key,
            "proxy-client-cert-file": proxy.certificate,
            "proxy-client-key-file": proxy.key,
            "requestheader-client-ca-file": paths.pki / "front-proxy-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "authorization-mode": "Node,RBAC",
            "allow-privileged": "true",
            "service-cluster-ip-range": SERVICE_CIDR,
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": paths.pki / "service-account.pub",
            "service-account-signing-key-file": paths.pki / "service-account.key",
            "service-account-max-token-expiration": "8760h",
            "audit-policy-file": paths.config / "audit-policy.json",
            "audit-log-path": paths.logs / "audit.log",
            "audit-log-maxsize": 20,
            "audit-log-maxbackup": 2,
            "profiling": "false",
        }
    )


def _controller_manager(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    return _flags(
        {
            **_served(paths, ports, "controller-manager"),
            "leader-elect": "false",
            "use-service-account-credentials": "true",
            # It makes an account and a token for each of its controllers before the first one runs; at
            # its default pace (20 requests a second), that is most of the lab's start.
            "kube-api-qps": 500,
            "kube-api-burst": 1000,
            # How often it looks at new nodes.
            "node-monitor-period": "1s",
            "root-ca-file": paths.pki / "ca.crt",
            "cluster-signing-cert-file": paths.pki / "ca.crt",
            "cluster-signing-key-file": paths.pki / "ca.key",
            "service-account-private-key-file": paths.pki / "service-account.key",
        }
    )


def _scheduler(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    return _flags({**_served(paths, ports, "scheduler"), "leader-elect": "false"})


def _served(paths: LabPaths, ports: Mapping[str, int], name: str) -> dict[str, object]:
    """Flags that the controller-manager and the scheduler share: identity, and a guarded port."""
    own = Pair.at(paths.pki, f"{name}-server")
    config = paths.config / f"{name}.kubeconfig"
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        "bind-address": "127.0.0.1",
        "secure-port": ports[f"kube-{name}"],
        "tls-cert-file": own.certificate,
        "tls-private-key-file": own.key,
        "client-ca-file": paths.pki / "ca.crt",
        "profiling": "false",
    }


def _kwok(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    return _flags(
        {
            "kubeconfig": paths.config / "kwok.kubeconfig",
            "config": paths.config / "kwok.yaml",
            "manage-all-nodes": "true",
            "cidr": POD_CIDR,
            "node-ip": "127.0.0.1",
            # The heartbeat of the nodes. A restarted KWOK leaves them alone until the leases of the one
            # before it have run out, so they are short.
            "node-lease-duration-seconds": 4,
            "server-address": f"127.0.0.1:{ports['kwok']}",
        }
    )


def _prometheus(paths: LabPaths, ports: Mapping[str, int]) -> tuple[str, ...]:
    return _flags(
        {
            "config.file": paths.config / "prometheus.json",
            "storage.tsdb.path": paths.data / "prometheus",
            "storage.tsdb.retention.time": "6h",
            "storage.tsdb.retention.size": "256MB",
            "web.listen-address": f"127.0.0.1:{ports['prometheus']}",
            # So that a role which adds a scrape job can have it read: POST /-/reload.
            "web.enable-lifecycle": True,
            # How long a new target waits at most before it is scraped, beside the seconds that discovery may take.
            "scrape.discovery-reload-interval": "1s",
            "log.level": "warn",
        }
    )


def write_configuration(paths: LabPaths, ports: Mapping[str, int]) -> set[str]:
    """Write all configuration; return the names of the processes whose files have changed."""
    for folder in (paths.prometheus / "targets", paths.prometheus / "scrape"):
        private_folder(folder)
    server = addresses(ports)["apiserver"]
    files = {
        "kube-apiserver": (paths.config / "audit-policy.json", _json(audit_policy())),
        "kube-controller-manager": _client_config(paths, server, "controller-manager"),
        "kube-scheduler": _client_config(paths, server, "scheduler"),
        "kwok-identity": _client_config(paths, server, "kwok"),
        "kwok": (paths.config / "kwok.yaml", stages.configuration()),
        "prometheus": (paths.config / "prometheus.json", _json(prometheus_config(paths))),
    }
    changed = {name for name, (path, text) in files.items() if write_if_changed(path, text)}
    write_if_changed(paths.kubeconfig, _kubeconfig_text(paths, server, "admin"))
    return {name.removesuffix("-identity") for name in changed}


def _client_config(paths: LabPaths, server: str, name: str) -> tuple[Path, str]:
    return paths.config / f"{name}.kubeconfig", _kubeconfig_text(paths, server, name)


def _kubeconfig_text(paths: LabPaths, server: str, user: str) -> str:
    client = Pair.at(paths.pki, user)
    return kubeconfig.with_certificate(paths.name, server, paths.pki / "ca.crt", user, client)


def audit_policy() -> dict[str, Any]:
    """What the apiserver notes down: who changed what; bodies for what Argo Rollouts owns.

    Reads, leases, events and the control plane's own housekeeping would drown that.
    """
    reads = ["get", "list"]
    writes = ["create", "update", "patch", "delete", "deletecollection"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "verbs": ["watch"]},
            {"level": "None", "nonResourceURLs": ["/*"]},
            {"level": "None", "users": ["system:apiserver"]},
            # Users and groups of one rule must both match, hence two rules.
            {"level": "None", "verbs": reads, "users": ["system:kube-controller-manager", "system:kube-scheduler"]},
            {"level": "None", "verbs": reads, "userGroups": ["system:serviceaccounts:kube-system"]},
            {
                "level": "None",
                "resources": [
                    {"group": "coordination.k8s.io", "resources": ["leases"]},
                    {"group": "", "resources": ["events"]},
                    {"group": "events.k8s.io", "resources": ["events"]},
                    # Tokens and reviews: noise, and the former are secrets.
                    {"group": "", "resources": ["serviceaccounts/token"]},
                    {"group": "authentication.k8s.io"},
                    {"group": "authorization.k8s.io"},
                ],
            },
            {
                "level": "RequestResponse",
                "verbs": writes,
                "resources": [{"group": "argoproj.io"}],
            },
            {"level": "Metadata"},
        ],
    }


def prometheus_config(paths: LabPaths) -> dict[str, Any]:
    """Scrapes once a second what other roles put under `prometheus/` of the lab's folder."""
    targets = {"files": [str(paths.prometheus / "targets" / "*.json")], "refresh_interval": "2s"}
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "scrape_config_files": [str(paths.prometheus / "scrape" / "*.yml")],
        "scrape_configs": [{"job_name": "lab", "file_sd_configs": [targets]}],
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
