"""The routes for uploads and downloads of the page, which replace Gradio's own.

Gradio's upload route leaves a temporary file behind when a request is cancelled or refused or has a file in an unknown
field, and it keeps form fields of any size in memory. Gradio's download route also fetches URLs.
"""

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Annotated, Final, cast

import gradio as gr
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response, StreamingResponse
from gradio.data_classes import DeveloperPath, UserProvidedPath
from gradio.exceptions import InvalidPathError
from gradio.route_utils import FileUploadProgress, GradioMultiPartParser, GradioUploadFile, file_fetch
from gradio.utils import safe_join
from gradio_client.utils import strip_invalid_filename_characters
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException

from webui.errors import AudioTooLongError, MalformedRequestError
from webui.http.access import caller_name
from webui.http.gradio_hardening import PREFIX
from webui.http.media_types import FORM, media_type_of
from webui.http.upload_quota import UploadQuota
from webui.ui.upload_progress import UploadProgress
from webui.units import BYTES_PER_MB

FIELD: Final = "files"
MAX_FILES: Final = 1000  # the most that the page sends in one request
MAX_ID: Final = 64
send_file: Callable[..., Response] = file_fetch  # Gradio's function has no type annotations
UploadId = Annotated[str, Query(min_length=1, max_length=MAX_ID)]


class PageFiles:
    """The routes.

    Args:
        page: the page; Gradio deletes its old uploads.
        cache_dir: Gradio's cache folder.
        quota: limits the disk space of uploads.
        max_audio_mb: largest file, in megabytes.
    """

    def __init__(self, page: gr.Blocks, cache_dir: Path, quota: UploadQuota, *, max_audio_mb: float) -> None:
        self._page = page
        self._cache_dir = cache_dir
        self._quota = quota
        self._max_audio_mb = max_audio_mb
        self._progress = UploadProgress()
        self.router = APIRouter(prefix=PREFIX, include_in_schema=False)
        add = self.router.add_api_route
        add("/upload", self.upload, methods=["POST"], response_model=list[str])
        add("/upload_progress", self.progress, response_class=StreamingResponse)
        add("/file={path:path}", self.file, methods=["GET", "HEAD"], response_class=Response)

    async def upload(self, request: Request, upload_id: UploadId | None = None) -> list[str]:
        """Stores files; returns their paths, which events then refer to."""
        media_type_of(request, FORM)
        self._cache_dir.mkdir(parents=True, exist_ok=True)
        announced = int(request.headers.get("content-length", 0))  # digits only: uvicorn refuses other values
        with self._quota.charged(caller_name(request), announced) as charge:
            parser = _Parser(
                request.headers,
                charge.counted(request.stream()),
                folder=self._cache_dir,
                max_bytes=int(self._max_audio_mb * BYTES_PER_MB),
                upload_id=upload_id,
                progress=self._progress,
            )
            try:
                form = await parser.parse()
                files = [part for part in form.getlist(FIELD) if isinstance(part, GradioUploadFile)]
                if len(files) < parser.files_begun:
                    raise MalformedRequestError("request.bad_upload", reason=f"no complete file in a field {FIELD}")
                return self._moved(files)
            except MultiPartException as err:
                if "maximum allowed size" in err.message:
                    raise AudioTooLongError("api.too_large", expected_mb=self._max_audio_mb) from err
                raise MalformedRequestError("request.bad_upload", reason=err.message) from err
            finally:
                parser.delete_temporary_files()  # while they are still charged to the quota

    async def progress(self, upload_id: UploadId) -> StreamingResponse:
        """Streams the progress of an upload."""
        if not await self._progress.begun(upload_id):
            raise HTTPException(404)
        return StreamingResponse(self._progress.messages(upload_id), media_type="text/event-stream")

    def file(self, path: str, request: Request) -> Response:
        """Sends a file in the cache folder; Gradio's function refuses other files with 403."""
        if not Path(path).is_absolute():  # for instance a URL, which this route does not fetch
            raise HTTPException(404)
        return send_file(path, request, self._page, str(self._cache_dir))

    def _moved(self, files: Iterable[GradioUploadFile]) -> list[str]:
        """Moves files from temporary names to where Gradio expects them: a folder named by the hash of the file."""
        moves: list[tuple[str, str]] = []
        for file in files:
            folder = self._cache_dir / file.sha.hexdigest()
            name = strip_invalid_filename_characters(Path(file.filename or "").name)
            temporary = str(file.file.name)
            try:
                target = safe_join(DeveloperPath(str(folder)), UserProvidedPath(name or Path(temporary).name))
            except InvalidPathError as err:
                raise MalformedRequestError("request.bad_upload", reason=f"file name {name}") from err
            moves.append((temporary, target))
            file.file.close()
        for temporary, target in moves:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, target)  # noqa: PTH105 - both are strings, as Gradio expects
            self._page.upload_file_set.add(target)
        return [target for _, target in moves]


class _Parser(GradioMultiPartParser):
    """Gradio's parser, but it refuses form fields, which Gradio would keep in memory whatever their size."""

    def __init__(
        self,
        headers: Headers,
        body: AsyncGenerator[bytes, None],
        *,
        folder: Path,
        max_bytes: int,
        upload_id: str | None,
        progress: UploadProgress,
    ) -> None:
        super().__init__(
            headers,
            body,
            max_files=MAX_FILES,
            max_fields=0,
            upload_dir=folder,
            upload_id=upload_id,
            upload_progress=cast("FileUploadProgress", progress) if upload_id else None,
            max_file_size=max_bytes,
        )

    @property
    def files_begun(self) -> int:
        """Number of files in the body, complete or not, in any field."""
        return len(self._files_to_close_on_error)

    def delete_temporary_files(self) -> None:
        """Deletes every file that the parser created and that has not been moved."""
        for file in self._files_to_close_on_error:
            file.close()
            Path(file.name).unlink(missing_ok=True)
        if self.upload_progress is not None and self.upload_id is not None:
            self.upload_progress.set_done(self.upload_id)
