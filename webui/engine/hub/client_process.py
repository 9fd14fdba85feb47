"""Fetches a model with a hub's own client, in a process of its own: ``python -m webui.engine.hub.client_process ...``.

A process, because the clients take seconds and 200 MB to import, print to stdout, start threads that can't be stopped,
and wait up to an hour: to cancel is to end the process. What arrived stays, and the next one goes on from there.

It writes lines of JSON to stdout: ``{"total_bytes": 1}``, ``{"done_bytes": 1}``, at the end ``{"done": true}`` or
``{"problem": "...", ...}``. It ends when its stdin does, so that it doesn't outlive the program that started it.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from webui.engine.catalog import ModelFiles
from webui.engine.hub.hubs import Hub
from webui.files import hash_file

REPORT_S: Final = 0.25
SPARE_BYTES: Final = 50_000_000  # of disk that a download leaves free
NO_SESSION: Final = "0" * 32  # as long as ModelScope's client makes one
LONGEST_S: Final = 24 * 3600  # ModelScope's client gives a file an hour, which a slow line exceeds
REVISION: Final = {Hub.MODELSCOPE: "master", Hub.HUGGINGFACE: "main"}


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub lists it.

    Attributes:
        path: the path in the repository.
        size_bytes: the size of the file.
        sha256: the digest of the file; empty where the hub doesn't state it, or its client checks it.
    """

    path: str
    size_bytes: int
    sha256: str = ""


class ProgressReporter:
    """Writes messages to the program that started the process; counts the bytes of all files.

    Args:
        stream: the stream that messages go to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._done: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._reported_at = 0.0

    def expect(self, files: list[HubFile]) -> None:
        """Reports how much there is to fetch."""
        self._sizes = {file.path: file.size_bytes for file in files}
        self.write(total_bytes=sum(self._sizes.values()))

    def set(self, path: str, done_bytes: int) -> None:
        """Records how much of a file is here, and reports the sum now and then."""
        with self._lock:
            self._done[path] = min(max(0, done_bytes), self._sizes.get(path, 0))
            now = time.monotonic()
            if now - self._reported_at < REPORT_S:
                return
            self._reported_at = now
            total = sum(self._done.values())
        self.write(done_bytes=total)

    def finish(self) -> None:
        """Reports that everything is here."""
        self.write(done_bytes=sum(self._sizes.values()))
        self.write(done=True)

    def write(self, **values: object) -> None:
        """Writes one message."""
        self._stream.write(json.dumps(values) + "\n")
        self._stream.flush()


class _UnusableError(Exception):
    """The hub doesn't hold what is needed, or holds something else."""


class _NoSpaceError(Exception):
    """The disk is too small."""


def main(arguments: list[str]) -> int:
    """Fetches what ``arguments`` name: hub, repository, target folder, which files."""
    reporter = ProgressReporter(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # the clients print
    threading.Thread(target=_end_with_parent, daemon=True).start()
    hub, repository, target = Hub(arguments[0]), arguments[1], Path(arguments[2])
    files = ModelFiles.from_json(arguments[3])
    fetch = _fetch_modelscope if hub is Hub.MODELSCOPE else _fetch_huggingface
    try:
        target.mkdir(parents=True, exist_ok=True)
        fetch(hub.endpoint, repository, target, files, reporter)
    except _NoSpaceError as err:
        needed, free = err.args
        reporter.write(problem="space", needed_bytes=needed, free_bytes=free)
        return 1
    except Exception as err:  # noqa: BLE001 - the process's edge: the program that started it gets every error
        reporter.write(problem=_problem(err), reason=_reason(err))
        return 1
    reporter.finish()
    return 0


def _fetch_modelscope(
    endpoint: str, repository: str, target: Path, wanted: ModelFiles, reporter: ProgressReporter
) -> None:
    os.environ.setdefault("MODELSCOPE_DOWNLOAD_TOTAL_TIMEOUT", str(LONGEST_S))
    from modelscope.hub.api import HubApi, get_default_config
    from modelscope.hub.callback import ProgressCallback
    from modelscope.hub.snapshot_download import snapshot_download

    # It would keep a number in ~/.modelscope, and send it along with every request from then on.
    type(get_default_config()).get_session_id = lambda self: NO_SESSION
    entries = HubApi(endpoint=endpoint).get_model_files(repository, revision=REVISION[Hub.MODELSCOPE], recursive=True)
    listed = [HubFile(str(entry["Path"]), int(entry["Size"])) for entry in entries]
    files = _choose(listed, target, wanted, reporter)

    class Count(ProgressCallback):  # type: ignore[misc]
        """Counts the chunks of one file; the client calls it for each."""

        def __init__(self, filename: str, file_size: int) -> None:
            super().__init__(filename, file_size)
            self._count = 0

        def update(self, size: int) -> None:
            self._count += size
            reporter.set(self.filename, self._count)

    snapshot_download(
        repository,
        revision=REVISION[Hub.MODELSCOPE],
        local_dir=str(target),
        allow_patterns=[file.path for file in files],
        progress_callbacks=[Count],
        endpoint=endpoint,
        max_workers=2,
    )
    _check(files, target)


def _fetch_huggingface(
    endpoint: str, repository: str, target: Path, wanted: ModelFiles, reporter: ProgressReporter
) -> None:
    os.environ.pop("HF_HUB_DISABLE_PROGRESS_BARS", None)  # its client reports progress through the bars alone
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.hf_api import RepoFile
    from huggingface_hub.utils._headers import build_hf_headers
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    api = HfApi(endpoint=endpoint)
    headers = build_hf_headers()
    revision = api.model_info(repository, revision=REVISION[Hub.HUGGINGFACE]).sha
    tree = api.list_repo_tree(repository, recursive=True, revision=revision)
    listed = [
        HubFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs is not None else "")
        for entry in tree
        if isinstance(entry, RepoFile)
    ]
    for file in _choose(listed, target, wanted, reporter):

        class Count(tqdm):  # type: ignore[misc]
            """A progress bar that is never shown: it only counts."""

            def __init__(self, *, initial: int = 0, _path: str = file.path, **_shown: object) -> None:
                super().__init__(disable=True)
                self._path, self._count = _path, initial

            def update(self, n: float | None = 1) -> None:
                self._count += int(n or 0)
                reporter.set(self._path, self._count)

        url = hf_hub_url(repository, file.path, revision=revision, endpoint=endpoint)
        path = target / file.path
        if not (path.is_file() and path.stat().st_size == file.size_bytes):
            _resume(partial(http_get, url, headers=headers, tqdm_class=Count), path, file.size_bytes)
        reporter.set(file.path, file.size_bytes)
        _check([file], target, hashed=True)


def _resume(get: Callable[..., None], path: Path, size_bytes: int) -> None:
    """Goes on with a file where an earlier process stopped. ``hf_hub_download`` itself starts anew in each process.

    Args:
        get: writes what is missing to an open file.
        path: the file; it appears once it is whole.
        size_bytes: the size of the whole file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{Hub.HUGGINGFACE}.incomplete")
    if part.is_file() and part.stat().st_size > size_bytes:
        part.unlink()
    with part.open("ab") as file:
        get(temp_file=file, resume_size=file.tell(), expected_size=size_bytes, displayed_filename=path.name)
    part.replace(path)


def _choose(listed: list[HubFile], target: Path, wanted: ModelFiles, reporter: ProgressReporter) -> list[HubFile]:
    """Returns the files to fetch, once there is room for them.

    Raises:
        _UnusableError: the hub doesn't list what a model is made of.
        _NoSpaceError: the disk is too small.
    """
    files = [file for file in listed if _matches(file.path, wanted.wanted)]
    names = {file.path for file in files}
    missing = sorted(set(wanted.needed) - names)
    formats = [name for name in wanted.one_of if name in names]
    if wanted.one_of and not formats:
        missing.append(wanted.one_of[0])
    if missing:
        raise _UnusableError(f"the repository has no {', '.join(missing)}")
    files = [file for file in files if file.path not in formats[1:]]
    reporter.expect(files)
    here = sum(
        path.stat().st_size
        for path in target.rglob("*")
        if path.is_file() and not _matches(path.name, wanted.made_here)
    )
    converted = int(wanted.converted_share * max(file.size_bytes for file in files))
    needed = sum(file.size_bytes for file in files) - here + converted + SPARE_BYTES
    free = shutil.disk_usage(target).free
    if free < needed:
        raise _NoSpaceError(needed, free)
    return files


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def _check(files: list[HubFile], target: Path, *, hashed: bool = False) -> None:
    """Compares what arrived with what was listed.

    Raises:
        _UnusableError: a file is not the listed one; it is removed then.
    """
    for file in files:
        path = target / file.path
        found = path.stat().st_size
        if found != file.size_bytes:
            path.unlink()
            raise _UnusableError(f"{file.path} has {found} bytes, {file.size_bytes} were listed")
        if hashed and file.sha256 and hash_file(path) != file.sha256:
            path.unlink()
            raise _UnusableError(f"{file.path} has another SHA-256 than the one listed")


def _problem(err: BaseException) -> str:
    """Returns what went wrong: ``disk``, ``content``, ``absent`` or ``network``."""
    for cause in _causes(err):
        name = type(cause).__name__
        if isinstance(cause, _UnusableError) or name in {"FileIntegrityError", "FileSizeMismatchError"}:
            return "content"
        if name in {"NotExistError", "RepositoryNotFoundError", "EntryNotFoundError", "RevisionNotFoundError"}:
            return "absent"
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status in {401, 403, 404}:
            return "absent"
        if type(cause) in {OSError, PermissionError, NotADirectoryError, IsADirectoryError} and cause.errno:  # type: ignore[attr-defined]
            return "disk"
    return "network"


def _causes(err: BaseException) -> list[BaseException]:
    """Returns an error, what it carries and what caused it, the innermost first."""
    chain: list[BaseException] = []
    pending: list[BaseException] = [err]
    while pending:
        cause = pending.pop()
        if cause in chain:
            continue
        chain.append(cause)
        failed: Mapping[str, BaseException] = getattr(cause, "failed_files", None) or {}
        pending += [each for each in (*failed.values(), cause.__cause__, cause.__context__) if each is not None]
    return chain[::-1]


def _reason(err: BaseException) -> str:
    failed: Mapping[str, BaseException] = getattr(err, "failed_files", None) or {}
    causes = [f"{path}: {type(each).__name__}: {each}" for path, each in failed.items()]
    return " ".join("; ".join(causes or [f"{type(err).__name__}: {err}"]).split())[:500]


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
