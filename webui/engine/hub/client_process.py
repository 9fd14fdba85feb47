"""Downloads a model with a hub's own client, in a separate process: ``python -m webui.engine.hub.client_process ...``.

The process is separate because the clients take seconds and 200 MB to import, print to stdout, start threads that
can't be stopped, and may block for up to an hour; ending the process cancels the download. Files that arrived are kept,
and the next process resumes the download.

The process writes lines of JSON to stdout: ``{"total_bytes": 1}``, ``{"done_bytes": 1}``, and as the last line
``{"done": true}`` or ``{"problem": "...", ...}``. It exits when its stdin is closed, so that it doesn't outlive its
parent process.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from webui.engine.catalog import ModelFiles
from webui.engine.hub.hubs import Hub
from webui.engine.hub.progress_reporter import ProgressReporter
from webui.engine.hub.repository_files import (
    HubFile,
    NoSpaceError,
    UnusableRepositoryError,
    check_files,
    check_space,
    choose_files,
)

NO_SESSION: Final = "0" * 32  # as long as the session numbers of ModelScope's client
TOTAL_TIMEOUT_S: Final = 24 * 3600  # ModelScope's default of one hour per file is too short for slow connections
REVISION: Final = {Hub.MODELSCOPE: "master", Hub.HUGGINGFACE: "main"}


def main(arguments: list[str]) -> int:
    """Downloads the files of a model and returns the exit status.

    Args:
        arguments: hub, repository, target folder, and ``ModelFiles`` as JSON.
    """
    reporter = ProgressReporter(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)  # the clients print to stdout: redirect that to stderr
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    hub, repository, target = Hub(arguments[0]), arguments[1], Path(arguments[2])
    files = ModelFiles.from_json(arguments[3])
    download = _download_from_modelscope if hub is Hub.MODELSCOPE else _download_from_huggingface
    try:
        target.mkdir(parents=True, exist_ok=True)
        download(hub.endpoint, repository, target, files, reporter)
    except NoSpaceError as err:
        reporter.write(problem="space", needed_bytes=err.needed_bytes, free_bytes=err.free_bytes)
        return 1
    except Exception as err:  # noqa: BLE001 - the outermost frame of the process: every error goes to the parent
        reporter.write(problem=_problem(err), reason=_reason(err))
        return 1
    reporter.finish()
    return 0


def _download_from_modelscope(
    endpoint: str, repository: str, target: Path, wanted: ModelFiles, reporter: ProgressReporter
) -> None:
    os.environ.setdefault("MODELSCOPE_DOWNLOAD_TOTAL_TIMEOUT", str(TOTAL_TIMEOUT_S))
    from modelscope.hub.api import HubApi, get_default_config
    from modelscope.hub.callback import ProgressCallback
    from modelscope.hub.snapshot_download import snapshot_download

    # The client would store a session number in ~/.modelscope and send it with every request from then on.
    type(get_default_config()).get_session_id = lambda self: NO_SESSION
    entries = HubApi(endpoint=endpoint).get_model_files(repository, revision=REVISION[Hub.MODELSCOPE], recursive=True)
    listed = [HubFile(str(entry["Path"]), int(entry["Size"])) for entry in entries]
    files = _prepare(listed, target, wanted, reporter)

    class Count(ProgressCallback):  # type: ignore[misc]
        """Counts the bytes of one file; the client creates one object per file."""

        def __init__(self, filename: str, file_size: int) -> None:
            super().__init__(filename, file_size)
            self._count = 0

        def update(self, size: int) -> None:
            self._count += size
            reporter.update(self.filename, self._count)

    snapshot_download(
        repository,
        revision=REVISION[Hub.MODELSCOPE],
        local_dir=str(target),
        allow_patterns=[file.path for file in files],
        progress_callbacks=[Count],
        endpoint=endpoint,
        max_workers=2,
    )
    check_files(files, target)


def _download_from_huggingface(
    endpoint: str, repository: str, target: Path, wanted: ModelFiles, reporter: ProgressReporter
) -> None:
    os.environ.pop("HF_HUB_DISABLE_PROGRESS_BARS", None)  # the client reports progress only through progress bars
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
    for file in _prepare(listed, target, wanted, reporter):

        class Count(tqdm):  # type: ignore[misc]
            """A progress bar that is not displayed and only counts bytes."""

            def __init__(self, *, initial: int = 0, _path: str = file.path, **_display: object) -> None:
                super().__init__(disable=True)
                self._path, self._count = _path, initial

            def update(self, n: float | None = 1) -> None:
                self._count += int(n or 0)
                reporter.update(self._path, self._count)

        url = hf_hub_url(repository, file.path, revision=revision, endpoint=endpoint)
        path = target / file.path
        if not (path.is_file() and path.stat().st_size == file.size_bytes):
            _resume(partial(http_get, url, headers=headers, tqdm_class=Count), path, file.size_bytes)
        reporter.update(file.path, file.size_bytes)
        check_files([file], target, with_hash=True)


def _prepare(listed: list[HubFile], target: Path, wanted: ModelFiles, reporter: ProgressReporter) -> list[HubFile]:
    """Returns the files to download, after reporting their size and checking that the disk has room for them."""
    files = choose_files(listed, wanted)
    reporter.start(files)
    check_space(files, target, wanted)
    return files


def _resume(download: Callable[..., None], path: Path, size_bytes: int) -> None:
    """Downloads a file, continuing where an earlier process stopped; ``hf_hub_download`` can't do that.

    Args:
        download: downloads what is missing into an open file.
        path: the path of the file; it exists only once it is complete.
        size_bytes: the size of the complete file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{Hub.HUGGINGFACE}.incomplete")
    if part.is_file() and part.stat().st_size > size_bytes:
        part.unlink()
    with part.open("ab") as file:
        download(temp_file=file, resume_size=file.tell(), expected_size=size_bytes, displayed_filename=path.name)
    part.replace(path)


def _problem(err: BaseException) -> str:
    """Returns the kind of failure: ``disk``, ``content``, ``absent`` or ``network``."""
    for cause in _causes(err):
        name = type(cause).__name__
        if isinstance(cause, UnusableRepositoryError) or name in {"FileIntegrityError", "FileSizeMismatchError"}:
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
    """Returns an error and everything that caused it, the innermost cause first.

    ModelScope's client collects the errors of single files in ``failed_files``.
    """
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


def _exit_with_parent() -> None:
    """Ends this process when its stdin is closed, which happens when the parent process ends."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
