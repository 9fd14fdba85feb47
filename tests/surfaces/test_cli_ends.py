"""Commands that end early: Ctrl-C, termination, a closed pipe, an error in the program."""

import fcntl
import signal
import subprocess
import sys
import termios
import wave
from pathlib import Path
from typing import IO

import httpx
import numpy as np
import pytest

from tests.support.cli_process import EXAMPLE, LIMIT_S, ROOT, CommandLine, read_until
from tests.support.server_process import free_port
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty minutes of noise, so that there is time to interrupt."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    samples = np.random.default_rng(0).integers(-9000, 9000, 16_000 * 60, dtype=np.int16).tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(20):
            file.writeframes(samples)
    return path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_while_recognizing(
    command_line: CommandLine, long_recording: Path, number: signal.Signals, code: int
) -> None:
    process = command_line.start("recognize", long_recording, EXAMPLE, "--verbose", "--json")
    read_until(process, b"[model]")
    process.send_signal(number)
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert (b"Interrupted." in err) == (number == signal.SIGINT)
    assert command_line.runs() == []  # and no draft


def test_stopped_while_reading_stdin(command_line: CommandLine) -> None:
    process = command_line.start("recognize", "-")
    assert process.stdin is not None
    process.stdin.write(b"RIFF")
    process.stdin.flush()
    wait_until(lambda: not unread_bytes(process.stdin))
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, err.strip()) == (130, b"Interrupted.")


def unread_bytes(pipe: IO[bytes]) -> int:
    """Returns how many bytes in a pipe the other side has not read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_a_closed_pipe_after_the_first_result(command_line: CommandLine) -> None:
    process = command_line.start("recognize", EXAMPLE, EXAMPLE, EXAMPLE, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b'{"emotion"')
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(LIMIT_S) == 141
    assert b"Traceback" not in err
    assert b"Exception" not in err
    assert b"BrokenPipe" not in err


def test_a_closed_pipe_before_the_help(command_line: CommandLine) -> None:
    process = command_line.start("--help")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize("arguments", [["serve"], []])
def test_serve_until_ctrl_c(command_line: CommandLine, arguments: list[str]) -> None:
    port = free_port()
    process = command_line.start(*arguments, SPEECH_EMOTION_PORT=str(port))
    assert process.stdout is not None
    assert process.stdout.readline() == f"Running on local URL: http://localhost:{port}\n".encode()
    assert httpx.get(f"http://localhost:{port}/", timeout=120).status_code == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out) == (0, b"")
    assert b"Starting the page" in err
    assert b"Traceback" not in err


def test_options_of_serve_override_the_environment(command_line: CommandLine) -> None:
    ended = command_line.run("serve", "--host", "192.0.2.1", "--port", "7999", SPEECH_EMOTION_PORT="7998")
    assert ended.code == 2
    assert "can't listen on 192.0.2.1:7999" in ended.err


FAILING = """
import sys
from webui.cli import main
from webui.service import RecognitionService

real = RecognitionService.recognize

def recognize(self, source, *arguments, **options):
    if source.name == "failing.wav":
        raise ZeroDivisionError("by zero")
    return real(self, source, *arguments, **options)

RecognitionService.recognize = recognize
sys.exit(main())
"""


def test_an_unexpected_error_does_not_stop_other_files(command_line: CommandLine, tmp_path: Path) -> None:
    program = tmp_path / "failing.py"
    program.write_text(FAILING)
    process = command_line.start(
        "recognize", "failing.wav", EXAMPLE, "--json", program=str(program), PYTHONPATH=str(ROOT)
    )
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 6
    first, second = out.decode().splitlines()
    assert '"code":"cli.unexpected"' in first
    assert '"exit_code":1' in first
    assert '"emotion"' in second
    assert b"ZeroDivisionError: by zero" in err  # the traceback, for the report
    assert b"Please report it" in err


def test_without_packages_the_error_explains_how_to_install_them(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run(["python3", "-m", "venv", "--without-pip", bare], check=True)
    done = subprocess.run([bare / "bin" / "python", ROOT / "app.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Start with bash run.sh" in done.stderr
    assert "Traceback" not in done.stderr
