"""Facts about the machine: cores, memory, graphics cards, installed packages, free ports, writable folders."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from webui.settings import PROJECT_DIR
from webui.units import BYTES_PER_MB

NVIDIA_SMI_TIMEOUT_S: Final = 10
BYTES_PER_KIB: Final = 1024  # the unit that /proc/self/status calls kB
_QUERY: Final = "--query-gpu=name,memory.total,driver_version"
LITE: Final = "requirements-lite.txt"
_REQUIREMENT: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def cpu_cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> float | None:
    """Returns the machine's memory, or None if the operating system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / BYTES_PER_MB
    except (ValueError, OSError, AttributeError):
        return None


def nvidia_gpus() -> tuple[str, ...]:
    """Returns name, memory and driver version of each NVIDIA card, as reported by ``nvidia-smi``."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        done = subprocess.run(
            [tool, _QUERY, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=NVIDIA_SMI_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())


def resident_mb() -> float | None:
    """Returns the resident memory of this process; None if the system has no ``/proc``."""
    return _status_mb("VmRSS")


def peak_resident_mb() -> float | None:
    """Returns the highest resident memory of this process so far; None if the system has no ``/proc``.

    ``resource.getrusage`` is no substitute: on Linux its ``ru_maxrss`` includes the process that started this one.
    """
    return _status_mb("VmHWM")


def _status_mb(field: str) -> float | None:
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    line = next(line for line in status.read_text("utf-8").splitlines() if line.startswith(field))
    return int(line.split()[1]) * BYTES_PER_KIB / BYTES_PER_MB


def package_versions() -> dict[str, str | None]:
    """Returns the installed version of every package in requirements.txt, None if it is missing."""
    return {name: version_of(name) for name in _required("requirements.txt")}


def has_only_lite(packages: Mapping[str, str | None]) -> bool:
    """Returns whether the packages of requirements-lite.txt are installed, and neither PyTorch nor Gradio.

    Args:
        packages: installed versions by name, as from ``package_versions``.
    """
    lite = _required(LITE)
    if packages.get("torch") or packages.get("gradio") or not lite:
        return False
    return all(packages.get(name) is not None for name in lite)


def _required(file: str) -> list[str]:
    """Returns the names of the packages in a file of requirements; none if there is no such file, as in an image."""
    path = PROJECT_DIR / file
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [found.group() for line in lines if (found := _REQUIREMENT.match(line))]


def version_of(name: str) -> str | None:
    """Returns the installed version of a package, None if it is missing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_port_free(host: str, port: int) -> bool:
    """Returns whether a server could listen on this host and port."""
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
    return next(path for path in (absolute, *absolute.parents) if path.exists())


def why_not_writable(folder: Path) -> str | None:
    """Returns why ``folder`` is not writable, or None if it is; the folder need not exist yet."""
    try:
        with tempfile.TemporaryFile(dir=existing_parent(folder)):
            return None
    except OSError as err:
        return err.strerror or str(err)
