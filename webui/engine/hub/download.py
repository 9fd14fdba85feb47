"""Brings a published model into ``models/<name>/``: ModelScope first, then Hugging Face, with their own clients.

What arrived stays when a download ends early, and the next one goes on from there. Two processes that want the same
model don't both fetch it: the second waits for the first.
"""

import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from filelock import FileLock, Timeout

from webui.engine.catalog import ModelCard, ModelFiles
from webui.engine.hub.hubs import REACH_S, Hub, reachable_hubs
from webui.errors import DownloadCancelledError, DownloadError, OutputError
from webui.settings import PROJECT_DIR
from webui.units import BYTES_PER_MB

logger = logging.getLogger(__name__)

LOCK_FILE: Final = ".download.lock"
POLL_S: Final = 0.2
RETRIES_WITHOUT_PROGRESS: Final = 2  # a line that brings bytes is tried again and again; one that doesn't is given up
END_S: Final = 5.0
LEFTOVERS: Final = ("*.incomplete", "*.parallel_tmp", "*.pt_*_*")


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is.

    Attributes:
        hub: the hub that the files come from.
        done_bytes: how much is here.
        total_bytes: the size of all files; 0 while that isn't known.
    """

    hub: Hub
    done_bytes: int = 0
    total_bytes: int = 0


OnDownload = Callable[[DownloadProgress], None]
Cancelled = Callable[[], bool]


def download_weights(
    card: ModelCard,
    files: ModelFiles,
    target: Path,
    *,
    on_progress: OnDownload = lambda _progress: None,
    cancelled: Cancelled = lambda: False,
    is_complete: Callable[[], bool] = lambda: False,
) -> None:
    """Fetches the files of a model.

    Args:
        card: the model.
        files: which files make it up.
        target: the folder they are put into.
        on_progress: called with how far it is.
        cancelled: called several times a second; True ends the download, and what arrived stays.
        is_complete: called once no other process downloads the model: whether one of them has finished it meanwhile.

    Raises:
        DownloadCancelledError: ``cancelled`` returned True.
        DownloadError: no hub could be reached, or none delivered.
        OutputError: no space, or not writable.
    """
    with _download_lock(target, cancelled):
        if not is_complete():
            _Download(card, files, target, on_progress, cancelled).run()
            for pattern in LEFTOVERS:
                for path in target.glob(pattern):
                    path.unlink(missing_ok=True)


class _HubFailedError(Exception):
    """One hub didn't deliver; the next one may."""


@dataclass(frozen=True, slots=True)
class _Download:
    """The download of one model from whichever hub delivers it."""

    card: ModelCard
    files: ModelFiles
    target: Path
    on_progress: OnDownload
    cancelled: Cancelled

    def run(self) -> None:
        """Tries the hubs in order."""
        hubs, problems = reachable_hubs()
        if not hubs:
            raise DownloadError(
                "download.unreachable",
                model=self.card.name,
                seconds=f"{REACH_S:g}",
                modelscope_reason=problems[Hub.MODELSCOPE],
                huggingface_reason=problems[Hub.HUGGINGFACE],
            )
        failures: list[str] = []
        for hub in hubs:
            try:
                self._fetch_from(hub)
            except _HubFailedError as err:
                logger.warning("%s: download from %s failed: %s", self.card.name, hub.display_name, err)
                failures.append(f"{hub.display_name}: {err}")
            else:
                return
        failures += [f"{hub.display_name}: {why}" for hub, why in problems.items()]
        raise DownloadError("download.failed", model=self.card.name, reason="; ".join(failures))

    def _fetch_from(self, hub: Hub) -> None:
        """Runs a hub's client, again as long as that brings anything.

        Raises:
            _HubFailedError: the hub doesn't deliver.
        """
        retries, most_bytes = 0, 0
        while True:
            client = _ClientRun(self, hub)
            problem = client.run()
            if problem is None:
                return
            reason = str(problem.get("reason", ""))
            self._check_folder(problem, reason)
            if problem["problem"] in {"absent", "content"}:
                raise _HubFailedError(reason)
            retries = 0 if client.most_bytes > most_bytes else retries + 1
            most_bytes = max(most_bytes, client.most_bytes)
            if most_bytes == 0 or retries >= RETRIES_WITHOUT_PROGRESS:  # its client has tried several times already
                raise _HubFailedError(reason)
            name = hub.display_name
            logger.warning(
                "%s: the line to %s broke at %d bytes, going on: %s", self.card.name, name, most_bytes, reason
            )

    def _check_folder(self, problem: dict[str, Any], reason: str) -> None:
        """Raises OutputError if the problem is that of the folder, which no other hub would solve."""
        folder = str(self.target)
        if problem["problem"] == "space":
            free_mb, needed_mb = problem["free_bytes"] / BYTES_PER_MB, problem["needed_bytes"] / BYTES_PER_MB
            raise OutputError("download.no_space", folder=folder, free_mb=free_mb, needed_mb=needed_mb)
        if problem["problem"] == "disk":
            raise OutputError("download.not_written", folder=folder, reason=reason)


class _ClientRun:
    """One run of a hub's client in a process of its own.

    Attributes:
        most_bytes: the most that was here at any time.
    """

    def __init__(self, download: _Download, hub: Hub) -> None:
        self._download = download
        self._hub = hub
        self._total_bytes = 0
        self.most_bytes = 0

    def run(self) -> dict[str, Any] | None:
        """Returns the message about what went wrong, or None.

        Raises:
            DownloadCancelledError: it was cancelled.
        """
        download, hub = self._download, self._hub
        download.on_progress(DownloadProgress(hub))
        arguments = [hub.value, hub.repository(download.card), str(download.target), download.files.to_json()]
        with tempfile.TemporaryFile() as printed, _client_process(arguments, printed) as process:
            for message in self._messages(process):
                if "problem" in message:
                    return message
                if message.get("done"):
                    return None
                self._total_bytes = message.get("total_bytes", self._total_bytes)
                done_bytes = int(message.get("done_bytes", 0))
                self.most_bytes = max(self.most_bytes, done_bytes)
                download.on_progress(DownloadProgress(hub, done_bytes, self._total_bytes))
            printed.seek(0)
            last = printed.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            return {"problem": "network", "reason": f"the client ended early: {' '.join(last)[:300]}"}

    def _messages(self, process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(process, lines), name="download", daemon=True).start()
        while True:
            if self._download.cancelled():
                raise DownloadCancelledError("download.cancelled", model=self._download.card.name)
            try:
                line = lines.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if line is None:
                return
            yield json.loads(line)


def _read_lines(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put(None)


@contextmanager
def _client_process(arguments: list[str], printed: BinaryIO) -> Iterator["subprocess.Popen[str]"]:
    """Runs the client's process for the block. What it prints besides its messages goes to ``printed``."""
    command = [sys.executable, "-m", "webui.engine.hub.client_process", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdin=pipe, stdout=pipe, stderr=printed, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _download_lock(target: Path, cancelled: Cancelled) -> Iterator[None]:
    """Holds the lock of a folder, which one process at a time downloads into."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target / LOCK_FILE)
        while True:
            try:
                lock.acquire(timeout=POLL_S)
                break
            except Timeout:
                if cancelled():
                    raise DownloadCancelledError("download.cancelled", model=target.name) from None
    except OSError as err:
        raise OutputError("download.not_written", folder=str(target), reason=str(err)) from err
    try:
        yield
    finally:
        lock.release()
