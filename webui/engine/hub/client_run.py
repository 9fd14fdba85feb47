"""Runs a hub's client in a separate process and receives its messages."""

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Final

from webui.engine.catalog import ModelCard, ModelFiles
from webui.engine.hub.hubs import Hub
from webui.errors import DownloadCancelledError
from webui.settings import PROJECT_DIR

POLL_S: Final = 0.2  # interval of checks for cancellation
TERMINATE_S: Final = 5.0  # the process is killed if it takes longer to terminate


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """The progress of a download.

    Attributes:
        hub: the hub that the files come from.
        done_bytes: the number of bytes that have been downloaded.
        total_bytes: the size of all files; 0 while it isn't known.
    """

    hub: Hub
    done_bytes: int = 0
    total_bytes: int = 0


OnDownload = Callable[[DownloadProgress], None]
Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """A download of one model.

    Attributes:
        card: the model's card.
        files: which files make up the model.
        target: the folder that the files are written to.
        on_progress: called with the progress of the download.
        cancelled: called several times a second; the download ends when it returns True.
    """

    card: ModelCard
    files: ModelFiles
    target: Path
    on_progress: OnDownload
    cancelled: Cancelled


class ClientRun:
    """One run of a hub's client in a separate process.

    Args:
        request: what to download.
        hub: the hub to download from.

    Attributes:
        most_bytes: the largest number of downloaded bytes that was reported.
    """

    def __init__(self, request: DownloadRequest, hub: Hub) -> None:
        self._request = request
        self._hub = hub
        self._total_bytes = 0
        self.most_bytes = 0

    def run(self) -> dict[str, Any] | None:
        """Returns the process's message about a problem, or None if the download succeeded.

        Raises:
            DownloadCancelledError: the download was cancelled.
        """
        request, hub = self._request, self._hub
        request.on_progress(DownloadProgress(hub))
        arguments = [hub.value, hub.repository(request.card), str(request.target), request.files.to_json()]
        with tempfile.TemporaryFile() as printed, _client_process(arguments, printed) as output:
            for message in self._messages(output):
                if "problem" in message:
                    return message
                if message.get("done"):
                    return None
                self._total_bytes = message.get("total_bytes", self._total_bytes)
                done_bytes = int(message.get("done_bytes", 0))
                self.most_bytes = max(self.most_bytes, done_bytes)
                request.on_progress(DownloadProgress(hub, done_bytes, self._total_bytes))
            printed.seek(0)
            last = printed.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            return {"problem": "network", "reason": f"the client ended early: {' '.join(last)[:300]}"}

    def _messages(self, output: IO[str]) -> Iterator[dict[str, Any]]:
        """Yields the messages of the process until it ends; checks for cancellation while waiting."""
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(output, lines), name="download", daemon=True).start()
        while True:
            if self._request.cancelled():
                raise DownloadCancelledError("download.cancelled", model=self._request.card.name)
            try:
                line = lines.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if line is None:
                return
            yield json.loads(line)


def _read_lines(output: IO[str], lines: "queue.Queue[str | None]") -> None:
    """Puts all lines into the queue, and None at the end."""
    for line in output:
        lines.put(line)
    lines.put(None)


@contextmanager
def _client_process(arguments: list[str], printed: BinaryIO) -> Iterator[IO[str]]:
    """Runs the client's process and yields its stdout; the process is ended at the end of the block.

    Args:
        arguments: arguments of ``client_process``.
        printed: file that receives everything else that the process prints.
    """
    command = [sys.executable, "-m", "webui.engine.hub.client_process", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdin=pipe, stdout=pipe, stderr=printed, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the client's process was started without a pipe for its messages")
            yield process.stdout
        finally:
            process.terminate()
            try:
                process.wait(TERMINATE_S)
            except subprocess.TimeoutExpired:
                process.kill()
