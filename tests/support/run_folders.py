"""Writes run folders without recognizing anything."""

from datetime import datetime
from pathlib import Path

import numpy as np

from webui import storage

STARTED = datetime(2024, 1, 4, 22, 30, 0).astimezone()


def write_run(outputs_dir: Path, seconds: float) -> Path:
    """Publishes a run folder with ``seconds`` of noise, and returns it."""
    waveform = np.random.default_rng(0).uniform(-1, 1, int(seconds * 16_000)).astype(np.float32)
    with storage.open_draft(outputs_dir, started=STARTED) as draft, draft.writing():
        storage.write_wav(draft.path / storage.AUDIO_FILE, waveform, sample_rate=16_000)
        (draft.path / storage.RESULT_FILE).write_text("{}\n")
        return draft.publish()
