# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One more process in a lab, as a playbook asks for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import LabError
from .lab import Lab
from .processes import Process

_PORT = re.compile(r"\{port:([^}]*)\}")


@dataclass(frozen=True)
class ProcessRequest:
    """Options of the module `lab_process`; see its documentation."""

    name: str
    state: str = "started"
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    ready_url: str = ""
    ready_tcp: str = ""
    timeout: float = 60.0
    revive: bool = True

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> ProcessRequest:
        command = arguments["command"]
        return cls(
            name=arguments["name"],
            state=arguments["state"],
            command=tuple(command) if command else None,
            environment={key: str(value) for key, value in arguments["environment"].items()},
            ports=tuple(arguments["ports"]),
            ready_url=arguments["ready_url"] or "",
            ready_tcp=arguments["ready_tcp"] or "",
            timeout=arguments["ready_timeout"],
            revive=arguments["revive"],
        )


def with_ports(text: str, ports: Mapping[str, int]) -> str:
    """Replace each `{port:NAME}`; LabError for a name without a port."""

    def number(match: re.Match[str]) -> str:
        if match[1] not in ports:
            raise LabError(f"{match[0]} in {text!r}: no port of that name; list it in 'ports'")
        return str(ports[match[1]])

    return _PORT.sub(number, text)


def wanted_process(request: ProcessRequest, lab: Lab) -> Process:
    """What shall run: the request with its ports filled in, or what the lab knows by that name."""
    if request.command is None:
        return lab.process(request.name)
    ready = f"tcp://127.0.0.1:{{port:{request.ready_tcp}}}" if request.ready_tcp else request.ready_url
    return Process(
        name=request.name,
        command=tuple(with_ports(word, lab.ports) for word in request.command),
        environment={key: with_ports(value, lab.ports) for key, value in request.environment.items()},
        ready_url=with_ports(ready, lab.ports),
        log=str(lab.paths.log(request.name)),
        revive=request.revive,
    )


def apply(lab: Lab, request: ProcessRequest, check_mode: bool = False) -> dict[str, Any]:
    """Do it; return `changed`, `process` (its record), `running` and `ports`."""
    changed = _stop(lab, request, check_mode) if request.state == "stopped" else _start(lab, request, check_mode)
    known = lab.processes.get(request.name)
    return {
        "changed": changed,
        "process": known.record() if known else {},
        "running": known is not None and known.running,
        "ports": {name: lab.ports[name] for name in request.ports if name in lab.ports},
    }


def _stop(lab: Lab, request: ProcessRequest, check_mode: bool) -> bool:
    if request.name not in lab.processes:
        return False
    return lab.running(request.name) if check_mode else lab.stop(request.name)


def _start(lab: Lab, request: ProcessRequest, check_mode: bool) -> bool:
    restart = request.state == "restarted"
    if check_mode:
        unreserved = set(request.ports) - set(lab.ports)
        return restart or bool(unreserved) or lab.differs(wanted_process(request, lab))
    lab.reserve_ports(request.ports)
    return lab.ensure(wanted_process(request, lab), request.timeout, restart)
