"""Starts Python programs in new processes that have the large libraries imported already.

Importing Gradio and PyTorch takes seconds of CPU time, and the tests start a hundred programs. Here one process imports
them once; each program runs in a fork of it, with an environment, a working folder and standard streams of its own. The
program's own modules, settings and models are loaded as after any other start.

    start(["-c", PROGRAM], env=environment, stdout=subprocess.PIPE)

Programs whose environment changes how the interpreter or a library starts run in an ordinary new interpreter, and so do
all programs where ``fork`` or ``pidfd_open`` is missing.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TextIO, cast

from tests.support.paths import ROOT

PRELOADED: Final = (
    "numpy",
    "scipy.signal",
    "gradio",
    "torch",
    "av",
    "soundfile",
    "uvicorn",
    "fastapi",
    "httpx",
    "prometheus_client",
    "soxr",
)
# Variables that may differ from those of the process with the libraries: none of them is read at an import.
FREE_PREFIXES: Final = ("SPEECH_EMOTION_", "PYTEST_", "LC_", "LANG")
FREE_NAMES: Final = frozenset({"PYTHONPATH", "PYTHONUNBUFFERED", "PWD", "OLDPWD", "TMPDIR", "GRADIO_TEMP_DIR"})
SWITCH: Final = "TESTS_COLD_STARTS"  # 1: ordinary interpreters only
LIMIT_S: Final = 300  # usually seconds are enough, but a busy machine may need minutes
MAX_REQUEST_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Program:
    """What a fork becomes.

    Attributes:
        arguments: those of the interpreter: ``-c`` and code, or a script; then the program's own.
        environment: all its variables.
        folder: its working folder.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str


def start(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | IO[bytes] | None = None,
    text: bool = False,
) -> subprocess.Popen[Any]:
    """Starts a Python program, in a fork of the process with the libraries where that makes no difference.

    Args:
        arguments: those after ``python``; either ``-c`` and code, or a script comes first.
        env, cwd, stdin, stdout, stderr, text: as in ``subprocess.Popen``.
    """
    words = [str(word) for word in arguments]
    if _suits(words, env):
        return Forked(words, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, text=text)
    command = [sys.executable, *words]
    return subprocess.Popen(
        command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, text=text, preexec_fn=_heed_interrupts
    )


def run(
    arguments: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a Python program to its end, with ``given`` as stdin."""
    pipe = subprocess.PIPE
    process = start(arguments, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    stdout, stderr = process.communicate(given, LIMIT_S)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def _heed_interrupts() -> None:
    """Lets Ctrl-C end the program although the tests' process may ignore it (``nohup ... &``)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _suits(words: Sequence[str], environment: Mapping[str, str]) -> bool:
    if not hasattr(os, "pidfd_open") or os.environ.get(SWITCH) == "1" or not words:
        return False
    if words[0].startswith("-") and words[0] != "-c":
        return False
    languages = [value for name, value in environment.items() if name.startswith(("LC_", "LANG")) and value]
    return _fixed(environment) == _source().environment and all(value.upper().endswith("UTF-8") for value in languages)


def _fixed(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(FREE_PREFIXES) and name not in FREE_NAMES
    }


class _Source:
    """The process with the libraries, as seen from the tests' process; it ends with the tests' process.

    Attributes:
        environment: the variables with which the libraries were imported.
    """

    def __init__(self) -> None:
        self.environment = _fixed(os.environ)
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from tests.support import warm_python as w; w.main({theirs.fileno()})"],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        atexit.register(self._ours.close)

    def spawn(self, program: Program, streams: Sequence[int]) -> int:
        """Returns the process id of a fork that runs the program."""
        request = {"arguments": program.arguments, "environment": program.environment, "folder": program.folder}
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(request).encode()], streams)
            return int(self._ours.recv(64))

    def status(self, pid: int) -> int | None:
        """Returns the wait status of a fork; None while it runs."""
        with self._lock:
            self._ours.send(json.dumps({"pid": pid}).encode())
            answer = self._ours.recv(64)
        return None if answer == b"running" else int(answer)


_sources: dict[int, _Source] = {}  # by process id: a process of pytest-xdist does not share its parent's


def _source() -> _Source:
    if os.getpid() not in _sources:
        _sources[os.getpid()] = _Source()
    return _sources[os.getpid()]


class Forked(subprocess.Popen[Any]):
    """A ``Popen`` whose process is started and reaped by the process with the libraries."""

    def _execute_child(self, *given: object) -> None:
        """Replaces the private method that starts the process; ``given`` is in the order of CPython 3.8 to 3.14."""
        words, folder = cast("list[str]", given[0]), str(given[5])
        environment, pipes = cast("Mapping[str, str]", given[6]), cast("tuple[int, ...]", given[10:16])
        streams = [
            own if theirs == -1 else theirs
            for own, theirs in zip((0, 1, 2), (pipes[0], pipes[3], pipes[5]), strict=True)
        ]
        try:
            self.pid = _source().spawn(Program(words, dict(environment), folder), streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined] # private as well

    def _internal_poll(self, *_given: object, **_named: object) -> int | None:
        if self.returncode is None:
            status = _source().status(self.pid)
            if status is not None:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def _wait(self, timeout: float | None) -> int | None:
        if self.returncode is None:
            descriptor = os.pidfd_open(self.pid)
            try:
                ended, _, _ = select.select([descriptor], [], [], timeout)
            finally:
                os.close(descriptor)
            if not ended:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            while self._internal_poll() is None:
                pass  # the process is a zombie now, its parent can reap it
        return self.returncode


def main(descriptor: int) -> None:
    """Imports the libraries, then forks until the tests' process closes its end; returns only in a fork, at its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal: the tests' process ends this one
    requests = socket.socket(fileno=descriptor)
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # the garbage collector of a fork does not touch, and so copy, this memory
    while True:
        received, streams, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
        if not received:
            os._exit(0)
        request = json.loads(received)
        if "pid" in request:
            pid, status = os.waitpid(request["pid"], os.WNOHANG)
            requests.send(b"running" if pid == 0 else str(status).encode())
            continue
        pid = os.fork()
        if pid == 0:
            requests.close()
            _become(Program(**request), streams)
            return
        requests.send(str(pid).encode())
        for stream in streams:
            os.close(stream)


def _open_streams(*, lines: bool) -> None:
    """Opens the standard streams anew, since those of the interpreter belong to other files."""
    sys.stdin = _stream(0, "r", "surrogateescape")
    sys.stdout = _stream(1, "w", "surrogateescape", buffering=1 if lines else -1)
    sys.stderr = _stream(2, "w", "backslashreplace", buffering=1)


def _stream(number: int, mode: str, errors: str, buffering: int = -1) -> TextIO:
    return cast("TextIO", os.fdopen(number, mode, buffering, encoding="utf-8", errors=errors, closefd=False))


def _become(program: Program, streams: Sequence[int]) -> None:
    """Turns a fork into the program and runs it; the interpreter ends as usual after it."""
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    os.closerange(3, 1024)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(program.environment)
    tempfile.tempdir = None  # a library may have asked for it, with another TMPDIR
    os.chdir(program.folder)
    _open_streams(lines="PYTHONUNBUFFERED" in program.environment)
    sys.path[1:1] = program.environment.get("PYTHONPATH", "").split(os.pathsep)
    if program.arguments[0] == "-c":
        sys.argv[:] = ["-c", *program.arguments[2:]]
        exec(compile(program.arguments[1], "<string>", "exec"), vars(sys.modules["__main__"]))
    else:
        sys.argv[:] = program.arguments
        sys.path[0] = str(Path(program.arguments[0]).parent)
        runpy.run_path(program.arguments[0], run_name="__main__")
