"""The progress of uploads to the page, for the browser.

Memory is bounded, since a browser may never request the progress.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

MAX_TRACKED: Final = 256  # uploads; beyond that the oldest are dropped, and their progress bars stop
START_S: Final = 3.0  # the browser may request the progress before the upload begins
POLL_S: Final = 0.05


@dataclass(slots=True)
class _Upload:
    file_name: str = ""
    unreported_bytes: int = 0  # received since the last message to the browser
    done: bool = False


class UploadProgress:
    """Receives the progress from Gradio's parser, by the ids that the browser gives its uploads."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()

    def append(self, upload_id: str, filename: str, message_bytes: bytes) -> None:
        """Counts bytes of a file. Gradio's parser defines the names and order of the arguments."""
        upload = self._tracked(upload_id)
        if upload.file_name != filename:
            upload.file_name, upload.unreported_bytes = filename, 0
        upload.unreported_bytes += len(message_bytes)

    def set_done(self, upload_id: str) -> None:
        """Marks an upload as complete."""
        self._tracked(upload_id).done = True

    async def begun(self, upload_id: str) -> bool:
        """Waits up to ``START_S`` for an upload to begin; returns whether it has."""
        until = asyncio.get_running_loop().time() + START_S
        while upload_id not in self._uploads:
            if asyncio.get_running_loop().time() > until:
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def messages(self, upload_id: str) -> AsyncIterator[str]:
        """Yields server-sent events in Gradio's format, and removes the upload at the end."""
        while (upload := self._uploads.get(upload_id)) is not None:
            if upload.unreported_bytes:
                size = upload.unreported_bytes
                update = {"msg": "update", "orig_name": upload.file_name, "chunk_size": size}
                upload.unreported_bytes = 0
                yield f"data: {json.dumps(update)}\n\n"
            elif upload.done:
                del self._uploads[upload_id]
                yield 'data: {"msg": "done"}\n\n'
            else:
                await asyncio.sleep(POLL_S)

    def _tracked(self, upload_id: str) -> _Upload:
        upload = self._uploads.setdefault(upload_id, _Upload())
        if len(self._uploads) > MAX_TRACKED:
            self._uploads.popitem(last=False)
        return upload
