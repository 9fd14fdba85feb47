"""A program runs in a warm process as it does in an interpreter of its own."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import warm_python

pytestmark = pytest.mark.server  # the process with the libraries takes seconds to start

REPORT = """
import os, sys
print(sys.argv[1:], sys.path[0], os.getcwd(), os.environ.get("SPEECH_EMOTION_PORT"), __name__)
print("语音", sys.stdin.read())
print("late", file=sys.stderr)
raise SystemExit(7)
"""
PIPE = subprocess.PIPE


def report(program: list[str], folder: Path) -> tuple[int, str, str]:
    environment = {**os.environ, "LANG": "C.UTF-8", "SPEECH_EMOTION_PORT": "1"}
    process = warm_python.start(program, cwd=folder, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
    assert type(process) is (subprocess.Popen if os.environ.get(warm_python.SWITCH) else warm_python.Forked)
    out, err = process.communicate("given")
    return process.returncode, out, err


def test_both_kinds_of_start_are_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "folder" / "script.py"
    script.parent.mkdir()
    script.write_text(REPORT, "utf-8")
    programs = [["-c", REPORT, "-a", "b c"], [str(script), "-a", "b c"]]
    warm = [report(program, tmp_path) for program in programs]
    monkeypatch.setenv(warm_python.SWITCH, "1")
    assert warm == [report(program, tmp_path) for program in programs]
    assert {code for code, _, _ in warm} == {7}


def test_a_program_is_ended_by_signals(tmp_path: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        program = "import time; print(1, flush=True); time.sleep(600)"
        process = warm_python.start(["-c", program], cwd=tmp_path, env=os.environ, stdout=PIPE, stderr=PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        return process

    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        process = start()
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        process.communicate()
        assert process.returncode == -number


def test_a_variable_that_libraries_read_starts_a_new_interpreter(tmp_path: Path) -> None:
    for changed in ({"HF_HOME": str(tmp_path)}, {"LANG": "zh_CN.GBK"}):
        process = warm_python.start(["-c", ""], cwd=tmp_path, env={**os.environ, **changed})
        assert type(process) is subprocess.Popen
        assert process.wait() == 0
