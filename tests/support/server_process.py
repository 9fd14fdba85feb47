"""Starts servers in separate processes, each with its own outputs folder, the real service and a real model."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support import warm_python
from tests.support.paths import ROOT
from webui.units import BYTES_PER_MB

PROGRAM = "from webui.server.process import serve; from webui.settings import Settings; serve(Settings())"
ADDRESS = re.compile(r"^Running on local URL: (https?://localhost:(\d+))$")
STOP_S = 60


@dataclass(frozen=True)
class RunningServer:
    url: str
    outputs_dir: Path
    errors: Path  # stderr of the server
    process: subprocess.Popen[str]
    lines: tuple[str, ...]  # stdout up to the line with the address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_server(outputs_dir: Path, *, program: str = PROGRAM, **settings: object) -> Iterator[RunningServer]:
    settings = {"port": free_port(), "outputs_dir": outputs_dir, **settings}
    environment = {key: value for key, value in os.environ.items() if key != "GRADIO_TEMP_DIR"}
    environment |= {f"SPEECH_EMOTION_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    errors = outputs_dir.parent / "errors.txt"
    with errors.open("wb") as file:
        process = warm_python.start(
            ["-c", program], env=environment, cwd=outputs_dir.parent, stdout=subprocess.PIPE, stderr=file, text=True
        )
    try:
        lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if found := ADDRESS.match(lines[-1]):
                yield RunningServer(found[1], outputs_dir, errors, process, tuple(lines))
                break
        else:
            raise AssertionError(f"The server ended before it was ready: {lines} {errors.read_text()}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert process.stdout is not None
        process.stdout.close()


def rss_mb(server: RunningServer) -> float | None:
    """Returns the resident memory of a server from its metrics; None if the system does not report it."""
    shown = httpx.get(f"{server.url}/metrics").text
    found = re.search(r"^process_resident_memory_bytes (\S+)", shown, re.MULTILINE)
    return float(found[1]) / BYTES_PER_MB if found else None
