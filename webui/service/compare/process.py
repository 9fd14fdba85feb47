"""Controls a model that runs in its own process; ``child.py`` is the program of that process."""

import json
import subprocess
import sys
from typing import IO, Any, Final

from webui.settings import PROJECT_DIR

QUIT_S: Final = 10.0


class ModelProcess:
    """A model in its own process.

    Args:
        name: name of the model.
        settings: settings as plain values.

    Attributes:
        about: description of the loaded model, see ``child.py``; only ``error`` if loading failed.
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
        self._requests = _pipe(self._process.stdin)
        self._replies = _pipe(self._process.stdout)
        self.about = self.request({"name": name, "settings": settings})

    def request(self, message: dict[str, Any]) -> dict[str, Any]:
        """Sends a request and returns the reply, which has the key ``error`` if the process has ended."""
        try:
            self._requests.write(json.dumps(message) + "\n")
            self._requests.flush()
            line = self._replies.readline()
        except OSError:
            line = ""
        if not line:
            return {"error": f"its process ended with code {self._process.wait(QUIT_S)}"}
        reply: dict[str, Any] = json.loads(line)
        return reply

    def close(self) -> None:
        """Ends the process."""
        self._requests.close()
        try:
            self._process.wait(QUIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._replies.close()


def _pipe(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the process was started without pipes")
    return stream
