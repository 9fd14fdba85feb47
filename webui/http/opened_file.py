"""A response that sends a file, opened before the response starts."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class OpenedFileResponse(FileResponse):
    """Sends a whole file even if it is deleted in the meantime.

    Starlette's ``FileResponse`` opens the file after the route has returned. If it was deleted by then, the response is
    status 500 or has no body.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: the file doesn't exist.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        super().__init__(path, filename=path.name, stat_result=os.fstat(self._file.fileno()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the response."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        yield anyio.wrap_file(self._file)
