"""The files of a run folder. Each writer lets OSError through: ``draft_run_folder`` translates it."""

import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

RESULT_FILE: Final = "result.json"
AUDIO_FILE: Final = "processed_audio.wav"
LOG_FILE: Final = "log.txt"
EMBEDDING_FILE: Final = "embedding.npy"
FRAMES_FILE: Final = "frames.parquet"

_INT16_SCALE: Final = 32768.0


def write_text(path: Path, content: str) -> None:
    """Writes ``content`` as UTF-8 with a newline at the end."""
    path.write_text(content.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def write_wav(path: Path, waveform: NDArray[np.float32], *, sample_rate: int) -> None:
    """Writes a 16-bit PCM wav; samples that came from 16 bits come back bit for bit.

    Args:
        path: where to.
        waveform: signal values in [-1, 1], shape ``(samples,)``; what lies outside is clipped.
        sample_rate: in Hz.
    """
    block = 1 << 20
    with path.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        for start in range(0, len(waveform), block):
            scaled = np.rint(waveform[start : start + block] * _INT16_SCALE)
            wav.writeframes(np.clip(scaled, -32768, 32767).astype("<i2").tobytes())


def write_embedding(path: Path, embedding: NDArray[np.float32]) -> None:
    """Writes float32 ``(dim,)`` or ``(frames, dim)`` for ``np.load``."""
    with path.open("wb") as file:
        np.save(file, np.asarray(embedding, dtype=np.float32), allow_pickle=False)


def write_parquet(path: Path, columns: Mapping[str, Sequence[float] | NDArray[np.float64]]) -> None:
    """Writes named columns of equal length as float64, zstd-compressed."""
    import pyarrow as pa  # imported late: half a second, and most runs write none
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(values, type=pa.float64()) for name, values in columns.items()})
    pq.write_table(table, path, compression="zstd")
