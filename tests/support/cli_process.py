"""Runs commands in separate processes, with the real service and the built-in model."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support import warm_python
from tests.support.paths import ROOT
from tests.support.warm_python import LIMIT_S

EXAMPLE: Final = ROOT / "examples" / "example_synthetic.wav"


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8")

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Stdout as JSON Lines; any other output is an error."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class CommandLine:
    """Runs commands with a separate outputs folder, in English by default."""

    outputs_dir: Path

    def start(self, *arguments: object, program: str | Path = "app.py", **environment: str) -> subprocess.Popen[bytes]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "SPEECH_"))
        }
        own = {"SPEECH_EMOTION_OUTPUTS_DIR": str(self.outputs_dir), "LANG": "C.UTF-8"}
        own["SPEECH_EMOTION_AUTO_DOWNLOAD"] = "false"
        return warm_python.start(
            [ROOT / program, *map(str, arguments)],
            env=inherited | own | environment,
            cwd=self.outputs_dir.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: object, given: bytes = b"", program: str | Path = "app.py", **environment: str) -> Ended:
        process = self.start(*arguments, program=program, **environment)
        out, err = process.communicate(given, timeout=LIMIT_S)
        return Ended(process.returncode, out, err.decode("utf-8"))

    def runs(self) -> list[Path]:
        """Everything in the outputs folder, drafts included."""
        return sorted(self.outputs_dir.iterdir()) if self.outputs_dir.exists() else []


def read_until(process: subprocess.Popen[bytes], word: bytes) -> bytes:
    """Reads stderr up to the line that contains ``word``."""
    assert process.stderr is not None
    read = b""
    deadline = time.monotonic() + LIMIT_S
    while word not in read:
        line = process.stderr.readline()
        assert line, f"ended before it printed {word!r}: {read!r}"
        assert time.monotonic() < deadline
        read += line
    return read
