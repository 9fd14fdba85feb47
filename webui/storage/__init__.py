"""Results that go out: run folders and the files in them."""

from webui.storage.embedding_rows import EmbeddingRows
from webui.storage.run_folder import RunDraft, open_draft
from webui.storage.spool import Spool
from webui.storage.writers import (
    AUDIO_FILE,
    EMBEDDING_FILE,
    FRAMES_FILE,
    LOG_FILE,
    RESULT_FILE,
    RunContent,
    write_embedding,
    write_run,
    write_wav,
)

__all__ = [
    "AUDIO_FILE",
    "EMBEDDING_FILE",
    "FRAMES_FILE",
    "LOG_FILE",
    "RESULT_FILE",
    "EmbeddingRows",
    "RunContent",
    "RunDraft",
    "Spool",
    "open_draft",
    "write_embedding",
    "write_run",
    "write_wav",
]
