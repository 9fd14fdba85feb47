"""A file as an answer, opened before the answer begins."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send


class OpenedFileResponse(FileResponse):
    """Sends a file whole even if it is deleted meanwhile.

    Starlette's own looks for the file after the route has answered: one that was deleted by then is status 500, or an
    answer without its body.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: it isn't there.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        super().__init__(path, filename=path.name, stat_result=os.fstat(self._file.fileno()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        yield anyio.wrap_file(self._file)
