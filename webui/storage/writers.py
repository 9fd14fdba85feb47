"""The files of a run folder. Each writer lets OSError through: the draft's ``writing`` translates it."""

import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray, Samples

RESULT_FILE: Final = "result.json"
AUDIO_FILE: Final = "processed_audio.wav"
LOG_FILE: Final = "log.txt"
EMBEDDING_FILE: Final = "embedding.npy"
FRAMES_FILE: Final = "frames.parquet"

_INT16_SCALE: Final = 32768.0
_WAV_BLOCK: Final = 1 << 20  # samples

Columns = Mapping[str, Sequence[float] | NDArray[np.float64]]


def write_text(path: Path, content: str) -> None:
    """Writes ``content`` as UTF-8 with a newline at the end."""
    path.write_text(content.rstrip("\n") + "\n", encoding="utf-8", newline="\n")


def write_wav(
    path: Path,
    waveform: Samples,
    *,
    sample_rate: int,
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> None:
    """Writes a 16-bit PCM wav; samples that came from 16 bits come back bit for bit.

    Args:
        path: where to.
        waveform: signal values in [-1, 1], shape ``(samples,)``; what lies outside is clipped. Read in blocks.
        sample_rate: in Hz.
        on_progress: told the fraction done after each block.
    """
    with path.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.setnframes(len(waveform))
        for start in range(0, len(waveform), _WAV_BLOCK):
            scaled = np.rint(waveform[start : start + _WAV_BLOCK] * _INT16_SCALE)
            wav.writeframesraw(np.clip(scaled, -32768, 32767).astype("<i2").tobytes())
            on_progress(min(1.0, (start + _WAV_BLOCK) / len(waveform)))


def write_embedding(path: Path, embedding: FloatArray) -> None:
    """Writes float32 ``(dim,)`` or ``(frames, dim)`` for ``np.load``."""
    with path.open("wb") as file:
        np.save(file, np.asarray(embedding, dtype=np.float32), allow_pickle=False)


def write_parquet(path: Path, columns: Columns) -> None:
    """Writes named columns of equal length as float64, zstd-compressed."""
    write_parquet_groups(path, [columns])


def write_parquet_groups(path: Path, groups: Iterable[Columns]) -> None:
    """Writes the rows of every group, at least one, below those before; in memory is one group at a time."""
    import pyarrow as pa  # imported late: half a second, and most runs write none
    import pyarrow.parquet as pq

    writer: pq.ParquetWriter | None = None
    try:
        for columns in groups:
            table = pa.table({name: pa.array(values, type=pa.float64()) for name, values in columns.items()})
            writer = writer if writer is not None else pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=max(1, table.num_rows))
    finally:
        if writer is not None:
            writer.close()
