# Copyright: Contributors to the progressive.delivery collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of the lab: what there is to build, whether it is built, and building it.

Each group of tools has a go.mod and go.sum of its own, because their dependencies disagree. What is
built lands in `bin/<group>-<key>/`; the key is a hash of everything that decides the result, so a warm
cache is recognised by looking for files, and two checkouts of different age do not disturb each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import go
from .errors import LabError
from .files import locked, write_atomically
from .go import Go, Progress
from .paths import Cache

_BUILD_DATE = "1970-01-01T00:00:00Z"  # a build of the same sources is the same program


@dataclass(frozen=True)
class Patch:
    """One literal of one source file that is replaced while building. Nothing upstream is stored."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Group:
    """Tools that share a go.mod.

    `module` gives the version. `packages`: tool -> package path. `stamps`: variables that the linker
    sets (`{version}` as in go.mod, `{major}`, `{minor}`, `{release}`). `manifests`: globs below the
    module's folder that are kept beside the tools, without the first folder of their path. `gigabytes`: disk
    space that a cold build takes.
    """

    name: str
    module: str
    packages: Mapping[str, str]
    stamps: tuple[str, ...] = ()
    tags: str = ""
    patch: Patch | None = None
    manifests: tuple[str, ...] = ()
    gigabytes: int = 3


_ROLLOUTS = "github.com/argoproj/argo-rollouts"
_ROLLOUTS_VERSION = f"{_ROLLOUTS}/utils/version"
_KUBERNETES_STAMPS = tuple(
    f"{package}.{variable}"
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for variable in (
        "gitVersion={version}",
        "gitMajor={major}",
        "gitMinor={minor}",
        "gitTreeState=clean",
        "gitCommit=unknown",
        f"buildDate={_BUILD_DATE}",
    )
)

GROUPS = {
    group.name: group
    for group in (
        Group(
            name="argo_rollouts",
            module=_ROLLOUTS,
            packages={
                "rollouts-controller": f"{_ROLLOUTS}/cmd/rollouts-controller",
                "kubectl-argo-rollouts": f"{_ROLLOUTS}/cmd/kubectl-argo-rollouts",
            },
            stamps=(
                f"{_ROLLOUTS_VERSION}.version={{release}}",
                f"{_ROLLOUTS_VERSION}.gitTreeState=clean",
                f"{_ROLLOUTS_VERSION}.gitCommit=unknown",
                f"{_ROLLOUTS_VERSION}.buildDate={_BUILD_DATE}",
            ),
            # Its metrics and health ports listen on every address and no flag changes that; whatever
            # runs in the lab listens on loopback only.
            patch=Patch("controller/controller.go", '"0.0.0.0:%d"', '"127.0.0.1:%d"'),
            manifests=("manifests/install.yaml", "manifests/crds/*-crd.yaml"),
        ),
        Group(
            name="kubernetes",
            module="k8s.io/kubernetes",
            packages={
                "etcd": "go.etcd.io/etcd/server/v3",
                "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
                "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
                "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
                "kubectl": "k8s.io/kubernetes/cmd/kubectl",
            },
            stamps=_KUBERNETES_STAMPS,
            gigabytes=4,
        ),
        Group(
            name="kwok",
            module="sigs.k8s.io/kwok",
            packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
            stamps=("sigs.k8s.io/kwok/pkg/consts.Version={version}",),
            gigabytes=2,
        ),
        Group(
            name="prometheus",
            module="github.com/prometheus/prometheus",
            packages={"prometheus": "github.com/prometheus/prometheus/cmd/prometheus"},
            stamps=(
                "github.com/prometheus/common/version.Version={release}",
                f"github.com/prometheus/common/version.BuildDate={_BUILD_DATE}",
            ),
            # Discovery by file and by Kubernetes is what the lab uses; the others weigh 100 MB.
            tags="remove_all_sd,enable_kubernetes_sd",
        ),
        # The load generator.
        Group(
            name="k6",
            module="go.k6.io/k6",
            packages={"k6": "go.k6.io/k6"},
            gigabytes=2,
        ),
        # The CRDs alone: the lab's mesh needs no istiod.
        Group(
            name="istio",
            module="istio.io/api",
            packages={},
            manifests=("kubernetes/customresourcedefinitions.gen.yaml",),
            gigabytes=0,
        ),
        # For the provider of that name; an embedded lab does without.
        Group(
            name="kind",
            module="sigs.k8s.io/kind",
            packages={"kind": "sigs.k8s.io/kind"},
            gigabytes=1,
        ),
        # For charts in a cluster with nodes. Version 3, which every kubernetes.core that we allow can call.
        Group(
            name="helm",
            module="helm.sh/helm/v3",
            packages={"helm": "helm.sh/helm/v3/cmd/helm"},
            stamps=("helm.sh/helm/v3/internal/version.version={version}",),
            gigabytes=2,
        ),
    )
}

EMBEDDED_LAB = tuple(name for name in GROUPS if name not in ("kind", "helm"))
"""The groups that a lab without containers is made of."""


def module_version(go_mod: str, module: str) -> str:
    """The version (`v1.36.3`) at which the text of a go.mod requires `module`."""
    match = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if match is None:
        raise LabError(f"go.mod does not require {module}")
    return match[1]


def release_of(module: str, version: str) -> str:
    """The version that people know: Prometheus publishes release 3.N.P as module v0.3NN.P."""
    if module != "github.com/prometheus/prometheus":
        return version.removeprefix("v")
    _zero, middle, patch = version.removeprefix("v").split(".", 2)
    return f"{int(middle) // 100}.{int(middle) % 100}.{patch}"


@dataclass(frozen=True)
class GroupPlan:
    """A group at the version and in the state that a cache holds it.

    `version` is the module's (`v0.314.0`); `shown` has the one that people know for the group, and for
    each tool that is a module of its own, such as etcd.
    """

    group: Group
    source: Path
    target: Path
    version: str
    shown: Mapping[str, str]
    missing: tuple[str, ...]

    @property
    def manifests(self) -> Path:
        return self.target / "manifests"

    @property
    def lacks_manifests(self) -> bool:
        return bool(self.group.manifests) and not self.manifests.is_dir()

    def tool(self, name: str) -> Path:
        return self.target / name


def plan(name: str, source: Path, cache: Cache) -> GroupPlan:
    """Look at what there is of group `name`. `source` holds a folder with go.mod for each group."""
    if name not in GROUPS:
        raise LabError(f"there is no group of tools {name!r}; there are {', '.join(GROUPS)}")
    group = GROUPS[name]
    folder = source / name
    go_mod = folder / "go.mod"
    if not go_mod.is_file():
        raise LabError(f"{go_mod} is missing")
    text = go_mod.read_text(encoding="utf-8")
    version = module_version(text, group.module)
    target = cache.bin / f"{name}-{_key(group, folder, version)}"
    missing = tuple(tool for tool in group.packages if not (target / tool).is_file())
    return GroupPlan(group, folder, target, version, _shown_versions(group, text), missing)


def _shown_versions(group: Group, go_mod: str) -> dict[str, str]:
    own_modules = {tool: package for tool, package in group.packages.items() if f"{package} v" in go_mod}
    modules = {group.name: group.module, **own_modules}
    return {name: f"v{release_of(module, module_version(go_mod, module))}" for name, module in modules.items()}


def _key(group: Group, folder: Path, version: str) -> str:
    """12 hexadecimal digits that stand for everything that decides what is built."""
    digest = hashlib.sha256()
    for path in (folder / "go.mod", folder / "go.sum"):
        digest.update(path.read_bytes())
    flags = [_build_flags(group, version), group.patch, group.manifests, dict(group.packages)]
    digest.update(repr((flags, platform.system(), platform.machine())).encode())
    return digest.hexdigest()[:12]


def _build_flags(group: Group, version: str) -> list[str]:
    major, minor = version.removeprefix("v").split(".")[:2]
    values = {
        "version": version,
        "major": major,
        "minor": minor,
        "release": release_of(group.module, version),
    }
    stamps = " ".join(f"-X {stamp.format(**values)}" for stamp in group.stamps)
    tags = [f"-tags={group.tags}"] if group.tags else []
    return ["-trimpath", f"-ldflags=-s -w {stamps}".rstrip(), *tags]


ARGUMENT_SPEC: dict[str, Any] = {
    "source": {"type": "path", "required": True},
    "groups": {
        "type": "list",
        "elements": "str",
        "choices": list(GROUPS),
        "default": list(EMBEDDED_LAB),
    },
    "manifests_only": {"type": "bool", "default": False},
    "keep_caches": {"type": "bool", "default": False},
}
"""Options of the module `lab_tools`; its action plugin reads them too."""


@dataclass(frozen=True)
class Request:
    """What to have: all tools of `groups`, or their manifests only."""

    source: Path
    groups: Sequence[str] = EMBEDDED_LAB
    manifests_only: bool = False
    keep_caches: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Request:
        """From validated `ARGUMENT_SPEC` values."""
        return cls(**{**arguments, "source": Path(arguments["source"])}, environ=environ)


@dataclass(frozen=True)
class Result:
    """Where everything is. `changed`: something was built or fetched (or would be, in check mode)."""

    changed: bool
    bin: Mapping[str, str]
    manifests: Mapping[str, str]
    versions: Mapping[str, str]


def provide(request: Request, cache: Cache, progress: Progress, check_mode: bool = False) -> Result:
    """Build and fetch what the cache lacks. Starts no process at all when it lacks nothing."""
    if not _lacking(request, cache):
        _link_tools(_plans(request, cache), cache)
        return _result(request, cache, changed=False)
    if check_mode:
        return _result(request, cache, changed=True)
    waited = Waiting(progress)
    with locked(cache.bin / ".lock", waited.tell):
        lacking = _lacking(request, cache)  # the one before us may have built it
        if lacking:
            _build_all(request, lacking, cache, progress)
        _link_tools(_plans(request, cache), cache)
    return _result(request, cache, changed=bool(lacking))


class Waiting:
    """Says once a minute that another run holds the lock."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._next = 0.0

    def tell(self) -> None:
        if time.monotonic() >= self._next:
            self._progress("another run is building the tools: waiting for it")
            self._next = time.monotonic() + 60


def _plans(request: Request, cache: Cache) -> list[GroupPlan]:
    return [plan(name, request.source, cache) for name in request.groups]


def _lacking(request: Request, cache: Cache) -> list[GroupPlan]:
    return [
        item for item in _plans(request, cache) if item.lacks_manifests or (item.missing and not request.manifests_only)
    ]


def _build_all(request: Request, lacking: Sequence[GroupPlan], cache: Cache, progress: Progress) -> None:
    _check_space(request, lacking, cache)
    required = go.required_version([item.source / "go.mod" for item in lacking])
    toolchain = go.find(required, cache, request.environ, progress)
    report = Report(progress, sum(len(item.missing) for item in lacking))
    for item in lacking:
        item.target.mkdir(mode=0o755, parents=True, exist_ok=True)
        if item.lacks_manifests:
            _fetch_manifests(item, toolchain, progress)
        if not request.manifests_only:
            _build_group(item, toolchain, report)
    if not request.keep_caches:
        progress("removing the Go caches")
        go.remove_caches(cache)


def _check_space(request: Request, lacking: Sequence[GroupPlan], cache: Cache) -> None:
    if request.manifests_only:
        go.check_space(cache.root, 1)
    elif (cache.go / "build").is_dir():
        go.check_space(cache.root, 3)  # goes on after an interruption: most of it is there
    else:
        go.check_space(cache.root, sum(item.group.gigabytes for item in lacking))


class Report:
    """Counts and times what is built."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress = progress
        self._total = total
        self._number = 0
        self._started = time.monotonic()

    def begin(self, label: str) -> None:
        self._number += 1
        elapsed = int(time.monotonic() - self._started)
        self.progress(f"building {label} ({self._number} of {self._total}, {elapsed // 60}:{elapsed % 60:02} elapsed)")


def _build_group(item: GroupPlan, toolchain: Go, report: Report) -> None:
    flags = _build_flags(item.group, item.version)
    if item.group.patch and item.missing:
        flags += _patched(item, toolchain, report.progress)
    for tool in item.missing:
        report.begin(f"{tool} {item.shown.get(tool, item.shown[item.group.name])}")
        unfinished = item.target / f".{tool}.unfinished"
        output = ["-o", str(unfinished), item.group.packages[tool]]
        toolchain.run(tool, ["build", *flags, *output], item.source, report.progress)
        # Only now it counts as built: an interrupted run resumes at this tool.
        os.replace(unfinished, item.tool(tool))


def _patched(item: GroupPlan, toolchain: Go, progress: Progress) -> list[str]:
    """Flags that have Go compile a patched copy of the group's module in place of the original.

    Go refuses to overlay files below its module cache, hence the copy, and a go.mod that points at it.
    """
    if item.group.patch is None:
        raise AssertionError("only what has a patch is asked for")
    copy = toolchain.cache.go / "patched" / item.group.name
    if copy.exists():
        shutil.rmtree(copy)
    shutil.copytree(_module_folder(item, toolchain, progress), copy, copy_function=shutil.copyfile)
    file = copy / item.group.patch.file
    write_atomically(file, apply_patch(item.group.patch, file.read_text(encoding="utf-8")))
    go_mod = copy.with_suffix(".mod")
    text = (item.source / "go.mod").read_text(encoding="utf-8")
    # A quoted path may hold spaces.
    write_atomically(go_mod, f"{text}\nreplace {item.group.module} => {json.dumps(str(copy))}\n")
    shutil.copyfile(item.source / "go.sum", copy.with_suffix(".sum"))
    return [f"-modfile={go_mod}"]


def apply_patch(patch: Patch, text: str) -> str:
    """The text with the literal replaced; LabError unless it occurs exactly once."""
    count = text.count(patch.old)
    if count != 1:
        raise LabError(
            f"{patch.file} holds {patch.old} {count} times instead of once: this version of its module "
            "needs another patch (GROUPS in the lab's tools.py)"
        )
    return text.replace(patch.old, patch.new)


def _module_folder(item: GroupPlan, toolchain: Go, progress: Progress) -> Path:
    """Where Go keeps the sources of the group's module; fetched and verified by go.sum."""
    label = f"{item.group.name}-sources"
    answer = toolchain.run(label, ["mod", "download", "-json", item.group.module], item.source, progress)
    folder: dict[str, Any] = json.loads(answer)
    return Path(folder["Dir"])


def _fetch_manifests(item: GroupPlan, toolchain: Go, progress: Progress) -> None:
    progress(f"fetching the manifests of {item.group.name} {item.shown[item.group.name]}")
    module = _module_folder(item, toolchain, progress)
    with tempfile.TemporaryDirectory(dir=item.target, prefix=".manifests.") as scratch:
        complete = Path(scratch) / "manifests"
        for pattern in item.group.manifests:
            for path in sorted(module.glob(pattern)):
                copy = complete / Path(*path.relative_to(module).parts[1:])
                copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        os.replace(complete, item.manifests)


def _link_tools(plans: Sequence[GroupPlan], cache: Cache) -> None:
    """Point `bin/<tool>` at what is built, for people's PATH."""
    for item in plans:
        for tool in item.group.packages:
            link, aim = cache.bin / tool, os.path.relpath(item.tool(tool), cache.bin)
            if item.tool(tool).is_file() and not (link.is_symlink() and os.readlink(link) == aim):
                fresh = cache.bin / f".{tool}.{os.getpid()}"
                fresh.symlink_to(aim)
                os.replace(fresh, link)


def _result(request: Request, cache: Cache, changed: bool) -> Result:
    plans = _plans(request, cache)
    wanted = [] if request.manifests_only else plans
    return Result(
        changed=changed,
        bin={tool: str(item.tool(tool)) for item in wanted for tool in item.group.packages},
        manifests={item.group.name: str(item.manifests) for item in plans if item.group.manifests},
        versions={name: version for item in plans for name, version in item.shown.items()},
    )
