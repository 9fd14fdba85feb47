"""Plain questions to the machine: cores, memory, graphics cards, packages, ports, folders."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Final

from webui.settings import PROJECT_DIR
from webui.units import BYTES_PER_MB

NVIDIA_SMI_S: Final = 10
_QUERY: Final = "--query-gpu=name,memory.total,driver_version"
_REQUIREMENT: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def cpu_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> float | None:
    """Returns the machine's memory, or None where the system doesn't say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / BYTES_PER_MB
    except (ValueError, OSError, AttributeError):
        return None


def nvidia_gpus() -> tuple[str, ...]:
    """Returns name, memory and driver of each NVIDIA card, as its driver's own tool says."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        answer = subprocess.run(
            [tool, _QUERY, "--format=csv,noheader"], capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())


def package_versions() -> dict[str, str | None]:
    """Returns the installed version of every package in requirements.txt, None if it is missing."""
    lines = (PROJECT_DIR / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [found.group() for line in lines if (found := _REQUIREMENT.match(line))]
    return {name: version_of(name) for name in names}


def version_of(name: str) -> str | None:
    """Returns the installed version of a package, None if it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_port_free(host: str, port: int) -> bool:
    """Returns whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def existing_parent(folder: Path) -> Path:
    """Returns ``folder``, or the nearest folder above it that exists."""
    absolute = folder.absolute()
    return next(place for place in (absolute, *absolute.parents) if place.exists())


def why_not_writable(folder: Path) -> str | None:
    """Returns why nothing can be written to ``folder``, which need not exist yet; None if it can."""
    try:
        with tempfile.TemporaryFile(dir=existing_parent(folder)):
            return None
    except OSError as err:
        return err.strerror or str(err)
