"""The program's side of a model that runs in a process of its own; ``child.py`` is the other side."""

import json
import subprocess
import sys
from typing import Any, Final

from webui.settings import PROJECT_DIR

QUIT_S: Final = 10.0


class ModelProcess:
    """A model in its own process.

    Args:
        name: the model's name.
        settings: the settings as plain values.

    Attributes:
        about: what is loaded, and what loading took; only ``error`` if it failed.
    """

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "webui.service.compare.child"]
        self._process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.about = self.request({"name": name, "settings": settings})

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Returns the reply; one with ``error`` if the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            return {"error": f"its process ended with code {self._process.wait(QUIT_S)}"}
        reply: dict[str, Any] = json.loads(line)
        return reply

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
