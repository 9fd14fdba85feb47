"""Sends the progress of a download to the parent process, as lines of JSON."""

import json
import threading
import time
from typing import Final, TextIO

from webui.engine.hub.repository_files import HubFile

REPORT_S: Final = 0.25  # shortest time between two reports


class ProgressReporter:
    """Writes messages to the parent process and adds up the bytes of all files.

    Args:
        stream: the stream that messages are written to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._reported_at = 0.0

    def start(self, files: list[HubFile]) -> None:
        """Reports the total size of the files to download."""
        self._sizes = {file.path: file.size_bytes for file in files}
        self.write(total_bytes=sum(self._sizes.values()))

    def update(self, path: str, done_bytes: int) -> None:
        """Records how much of a file has been downloaded, and reports the sum over all files from time to time."""
        with self._lock:
            self._done[path] = min(max(0, done_bytes), self._sizes.get(path, 0))
            now = time.monotonic()
            if now - self._reported_at < REPORT_S:
                return
            self._reported_at = now
            total = sum(self._done.values())
        self.write(done_bytes=total)

    def finish(self) -> None:
        """Reports that all files are complete."""
        self.write(done_bytes=sum(self._sizes.values()))
        self.write(done=True)

    def write(self, **values: object) -> None:
        """Writes one message."""
        self._stream.write(json.dumps(values) + "\n")
        self._stream.flush()
