"""Stores results: run folders with their files, and the database of batch jobs."""

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
    channel_file,
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
    "channel_file",
    "open_draft",
    "write_embedding",
    "write_run",
    "write_wav",
]
