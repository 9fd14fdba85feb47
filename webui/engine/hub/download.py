"""Downloads a published model into ``models/<name>/``, from ModelScope or else from Hugging Face, with their clients.

If a download is interrupted, the files that arrived are kept, and the next download resumes from there. If two
processes download the same model, the second one waits for the first.
"""

import logging
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from webui.engine.catalog import ModelCard, ModelFiles
from webui.engine.hub.client_run import (
    POLL_S,
    Cancelled,
    ClientRun,
    DownloadProgress,
    DownloadRequest,
    OnDownload,
)
from webui.engine.hub.hubs import REACH_S, Hub, reachable_hubs
from webui.errors import DownloadCancelledError, DownloadError, OutputError
from webui.files import default_mode
from webui.units import BYTES_PER_MB

__all__ = ["Cancelled", "DownloadProgress", "OnDownload", "download_weights"]

logger = logging.getLogger(__name__)

LOCK_FILE: Final = ".download.lock"
RETRIES_WITHOUT_PROGRESS: Final = 2  # retries that transfer at least one new byte are not limited
PRIVATE_MODE: Final = 0o600
PARTIAL_FILES: Final = ("*.incomplete", "*.parallel_tmp", "*.pt_*_*")  # how the clients name unfinished files


def download_weights(
    card: ModelCard,
    files: ModelFiles,
    target: Path,
    *,
    on_progress: OnDownload = lambda _progress: None,
    cancelled: Cancelled = lambda: False,
    is_complete: Callable[[], bool] = lambda: False,
) -> None:
    """Downloads the files of a model.

    Args:
        card: the model's card.
        files: which files make up the model.
        target: the folder that the files are written to.
        on_progress: called with the progress of the download.
        cancelled: called several times a second; when it returns True, the download ends, and files that arrived are
            kept.
        is_complete: called after waiting for other processes that download the same model; True if one of them has
            completed it, so that nothing is left to do.

    Raises:
        DownloadCancelledError: ``cancelled`` returned True.
        DownloadError: no hub could be reached, or the download failed from every hub.
        OutputError: the disk is full, or the folder can't be written.
    """
    with _download_lock(target, cancelled):
        if not is_complete():
            _download(DownloadRequest(card, files, target, on_progress, cancelled))
            _give_default_mode(target)
            for pattern in PARTIAL_FILES:
                for path in target.glob(pattern):
                    path.unlink(missing_ok=True)


def _give_default_mode(target: Path) -> None:
    """Gives files the mode that the umask gives: ModelScope's client creates them as private temporary files."""
    try:
        mode = default_mode(target)
        for path in target.rglob("*"):
            if path.is_file() and not path.name.startswith(".") and stat.S_IMODE(path.stat().st_mode) == PRIVATE_MODE:
                path.chmod(mode)
    except OSError as err:
        raise OutputError("download.not_written", folder=str(target), reason=str(err)) from err


class _HubFailedError(Exception):
    """The download from one hub failed; the next hub should be tried."""


def _download(request: DownloadRequest) -> None:
    """Tries the hubs in order until one of them succeeds."""
    hubs, problems = reachable_hubs()
    if not hubs:
        raise DownloadError(
            "download.unreachable",
            model=request.card.name,
            seconds=f"{REACH_S:g}",
            modelscope_reason=problems[Hub.MODELSCOPE],
            huggingface_reason=problems[Hub.HUGGINGFACE],
        )
    failures: list[str] = []
    for hub in hubs:
        try:
            _download_from(hub, request)
        except _HubFailedError as err:
            logger.warning("%s: download from %s failed: %s", request.card.name, hub.display_name, err)
            failures.append(f"{hub.display_name}: {err}")
        else:
            return
    failures += [f"{hub.display_name}: {why}" for hub, why in problems.items()]
    raise DownloadError("download.failed", model=request.card.name, reason="; ".join(failures))


def _download_from(hub: Hub, request: DownloadRequest) -> None:
    """Runs a hub's client, and repeats it after a network failure as long as each run makes progress.

    Raises:
        _HubFailedError: the hub doesn't have the model, or the connection fails without progress.
    """
    retries, most_bytes = 0, 0
    while True:
        client = ClientRun(request, hub)
        problem = client.run()
        if problem is None:
            return
        reason = str(problem.get("reason", ""))
        _check_folder(request.target, problem, reason)
        if problem["problem"] in {"absent", "content"}:
            raise _HubFailedError(reason)
        retries = 0 if client.most_bytes > most_bytes else retries + 1
        most_bytes = max(most_bytes, client.most_bytes)
        if most_bytes == 0 or retries >= RETRIES_WITHOUT_PROGRESS:  # the client itself has retried several times
            raise _HubFailedError(reason)
        name = hub.display_name
        logger.warning(
            "%s: connection to %s lost after %d bytes, resuming: %s", request.card.name, name, most_bytes, reason
        )


def _check_folder(target: Path, problem: dict[str, Any], reason: str) -> None:
    """Raises OutputError if the target folder is the problem, since another hub would not help."""
    folder = str(target)
    if problem["problem"] == "space":
        free_mb, needed_mb = problem["free_bytes"] / BYTES_PER_MB, problem["needed_bytes"] / BYTES_PER_MB
        raise OutputError("download.no_space", folder=folder, free_mb=free_mb, needed_mb=needed_mb)
    if problem["problem"] == "disk":
        raise OutputError("download.not_written", folder=folder, reason=reason)


@contextmanager
def _download_lock(target: Path, cancelled: Cancelled) -> Iterator[None]:
    """Holds the lock of a folder, so that only one process at a time downloads into it."""
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
