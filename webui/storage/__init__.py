"""Results that go out: run folders and the files in them."""

from webui.storage.run_folder import RunDraft, draft_run_folder
from webui.storage.writers import (
    AUDIO_FILE,
    EMBEDDING_FILE,
    FRAMES_FILE,
    LOG_FILE,
    RESULT_FILE,
    write_embedding,
    write_parquet,
    write_text,
    write_wav,
)

__all__ = [
    "AUDIO_FILE",
    "EMBEDDING_FILE",
    "FRAMES_FILE",
    "LOG_FILE",
    "RESULT_FILE",
    "RunDraft",
    "draft_run_folder",
    "write_embedding",
    "write_parquet",
    "write_text",
    "write_wav",
]
