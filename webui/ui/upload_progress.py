"""How far the uploads to the page are, for the browser that shows it. Bounded: the browser may never ask."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

MAX_TRACKED: Final = 256  # uploads; of more, the oldest are forgotten, and their bars stand still
START_S: Final = 3.0  # the browser may ask before its upload begins
LOOK_S: Final = 0.05


@dataclass(slots=True)
class _Upload:
    file_name: str = ""
    unsaid: int = 0  # bytes that arrived since the browser was told last
    done: bool = False


class UploadProgress:
    """What Gradio's parser reports to, under the ids that the browser gives its uploads."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[str, _Upload] = OrderedDict()

    def append(self, upload_id: str, filename: str, message_bytes: bytes) -> None:
        """Counts bytes of a file. Names and order of the arguments are Gradio's."""
        upload = self._tracked(upload_id)
        if upload.file_name != filename:
            upload.file_name, upload.unsaid = filename, 0
        upload.unsaid += len(message_bytes)

    def set_done(self, upload_id: str) -> None:
        """Notes that no more will arrive."""
        self._tracked(upload_id).done = True

    async def begun(self, upload_id: str) -> bool:
        """Waits a moment for an upload to begin; returns whether it has."""
        until = asyncio.get_running_loop().time() + START_S
        while upload_id not in self._uploads:
            if asyncio.get_running_loop().time() > until:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    async def messages(self, upload_id: str) -> AsyncIterator[str]:
        """Yields server-sent events in the form that Gradio's page reads, and forgets the upload at the end."""
        while (upload := self._uploads.get(upload_id)) is not None:
            if upload.unsaid:
                update = {"msg": "update", "orig_name": upload.file_name, "chunk_size": upload.unsaid}
                upload.unsaid = 0
                yield f"data: {json.dumps(update)}\n\n"
            elif upload.done:
                del self._uploads[upload_id]
                yield 'data: {"msg": "done"}\n\n'
            else:
                await asyncio.sleep(LOOK_S)

    def _tracked(self, upload_id: str) -> _Upload:
        upload = self._uploads.setdefault(upload_id, _Upload())
        if len(self._uploads) > MAX_TRACKED:
            self._uploads.popitem(last=False)
        return upload
