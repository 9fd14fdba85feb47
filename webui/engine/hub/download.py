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

from webui.engine.hub.hubs import REACH_S, Hub, reachable_hubs
from webui.engine.weights import KNOWN_MODELS, PEERS, KnownModel, Peer, published
from webui.errors import DownloadCancelledError, DownloadError, ModelNotFoundError, OutputError
from webui.settings import PROJECT_DIR

logger = logging.getLogger(__name__)

LOCK_FILE: Final = ".download.lock"
POLL_S: Final = 0.2
ATTEMPTS_WITHOUT_PROGRESS: Final = 2  # a line that brings bytes is asked on and on; one that doesn't, is given up
END_S: Final = 5.0
LEFTOVERS: Final = ("*.incomplete", "*.parallel_tmp", "*.pt_*_*")


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is.

    Attributes:
        hub: who is asked.
        done_bytes: what is here.
        total_bytes: of all files; 0 while that isn't known.
    """

    hub: Hub
    done_bytes: int = 0
    total_bytes: int = 0


OnDownload = Callable[[DownloadProgress], None]
Cancelled = Callable[[], bool]


def download_weights(
    name: str,
    target: Path,
    *,
    on_progress: OnDownload = lambda _progress: None,
    cancelled: Cancelled = lambda: False,
    complete: Callable[[], bool] = lambda: False,
) -> None:
    """Fetches the files of a model.

    Args:
        name: one of ``KNOWN_MODELS`` or ``PEERS``, or a repository ``owner/name`` with a classifier of transformers.
        target: the folder they are put into.
        on_progress: told how far it is.
        cancelled: asked several times a second; True ends the download, and what arrived stays.
        complete: asked once nobody else is at it: whether another process has brought the files meanwhile.

    Raises:
        ModelNotFoundError: no hub publishes a model of that name.
        DownloadCancelledError: ``cancelled`` said so.
        DownloadError: no hub could be reached, or none delivered.
        OutputError: no space, or not writable.
    """
    model = published(name)
    if model is None:
        known = ", ".join((*KNOWN_MODELS, *PEERS, "owner/name"))
        raise ModelNotFoundError("request.unknown_model", found=name, expected=known)
    with _alone(target, cancelled):
        if not complete():
            _from_any_hub(model, target, on_progress, cancelled)
            for pattern in LEFTOVERS:
                for path in target.glob(pattern):
                    path.unlink(missing_ok=True)


def _from_any_hub(model: KnownModel | Peer, target: Path, on_progress: OnDownload, cancelled: Cancelled) -> None:
    hubs, problems = reachable_hubs()
    if not hubs:
        raise DownloadError(
            "download.unreachable",
            model=model.name,
            seconds=f"{REACH_S:g}",
            modelscope_reason=problems[Hub.MODELSCOPE],
            huggingface_reason=problems[Hub.HUGGINGFACE],
        )
    failures: list[str] = []
    for hub in hubs:
        try:
            _from_hub(hub, model, target, on_progress, cancelled)
        except _HubFailedError as err:
            logger.warning("%s: download from %s failed: %s", model.name, hub.shown, err)
            failures.append(f"{hub.shown}: {err}")
        else:
            return
    failures += [f"{hub.shown}: {why}" for hub, why in problems.items()]
    raise DownloadError("download.failed", model=model.name, reason="; ".join(failures))


class _HubFailedError(Exception):
    """One hub didn't deliver; the next one may."""


def _from_hub(hub: Hub, model: KnownModel | Peer, target: Path, on_progress: OnDownload, cancelled: Cancelled) -> None:
    """Asks one hub, again as long as that brings anything.

    Raises:
        _HubFailedError: it doesn't deliver.
    """
    fruitless, most = 0, 0
    while True:
        attempt = _Attempt(hub, model, target, on_progress, cancelled)
        problem = attempt.run()
        if problem is None:
            return
        if problem["problem"] == "space":
            free_mb, needed_mb = problem["free_bytes"] / 1e6, problem["needed_bytes"] / 1e6
            raise OutputError("download.no_space", folder=str(target), free_mb=free_mb, needed_mb=needed_mb)
        reason = str(problem.get("reason", ""))
        if problem["problem"] == "disk":
            raise OutputError("download.not_written", folder=str(target), reason=reason)
        if problem["problem"] in {"absent", "content"}:
            raise _HubFailedError(reason)
        fruitless = 0 if attempt.most_bytes > most else fruitless + 1
        most = max(most, attempt.most_bytes)
        if most == 0 or fruitless >= ATTEMPTS_WITHOUT_PROGRESS:  # its client has tried several times already
            raise _HubFailedError(reason)
        logger.warning("%s: the line to %s broke at %d bytes, going on: %s", model.name, hub.shown, most, reason)


class _Attempt:
    """One run of a hub's client in a process of its own."""

    def __init__(
        self, hub: Hub, model: KnownModel | Peer, target: Path, on_progress: OnDownload, cancelled: Cancelled
    ) -> None:
        self._hub = hub
        self._arguments = [hub.value, hub.repository(model), str(target), model.kind.value]
        self._name = model.name
        self._on_progress = on_progress
        self._cancelled = cancelled
        self._total_bytes = 0
        self.most_bytes = 0

    def run(self) -> dict[str, Any] | None:
        """Returns what went wrong, or None.

        Raises:
            DownloadCancelledError: it was cancelled.
        """
        self._on_progress(DownloadProgress(self._hub))
        with tempfile.TemporaryFile() as chatter, _child(self._arguments, chatter) as child:
            for message in self._messages(child):
                if "problem" in message:
                    return message
                if message.get("done"):
                    return None
                self._total_bytes = message.get("total_bytes", self._total_bytes)
                done_bytes = int(message.get("done_bytes", 0))
                self.most_bytes = max(self.most_bytes, done_bytes)
                self._on_progress(DownloadProgress(self._hub, done_bytes, self._total_bytes))
            chatter.seek(0)
            last = chatter.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            return {"problem": "network", "reason": f"the client ended early: {' '.join(last)[:300]}"}

    def _messages(self, child: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_read_lines, args=(child, lines), name="download", daemon=True).start()
        while True:
            if self._cancelled():
                raise DownloadCancelledError("download.cancelled", model=self._name)
            try:
                line = lines.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if line is None:
                return
            yield json.loads(line)


def _read_lines(child: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line)
    lines.put(None)


@contextmanager
def _child(arguments: list[str], chatter: BinaryIO) -> Iterator["subprocess.Popen[str]"]:
    """Starts the client's process; at the end it is gone. What it prints besides its messages goes to ``chatter``."""
    command = [sys.executable, "-m", "webui.engine.hub.client_process", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT_DIR, stdin=pipe, stdout=pipe, stderr=chatter, text=True) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(END_S)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def _alone(target: Path, cancelled: Cancelled) -> Iterator[None]:
    """Waits until no other process fetches into ``target``."""
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
