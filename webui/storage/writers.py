"""Writers for the files of a run folder, and the table of the files that are written from a finished result.

The writers don't catch OSError; ``RunDraft.writing`` translates it.
"""

import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from webui.arrays import FloatArray, Samples
from webui.results import Notice, RecognitionResult

RESULT_FILE: Final = "result.json"
AUDIO_FILE: Final = "processed_audio.wav"
LOG_FILE: Final = "log.txt"
EMBEDDING_FILE: Final = "embedding.npy"
FRAMES_FILE: Final = "frames.parquet"
MAX_CHANNEL_FILES: Final = 8  # as many channels as are recognized separately

_INT16_SCALE: Final = 32768.0
_WAV_BLOCK: Final = 1 << 20  # samples per block

Columns = Mapping[str, Sequence[float] | NDArray[np.float64]]


def channel_file(file_name: str, channel: int) -> str:
    """Returns the name of a channel's file: ``embedding_channel_0.npy`` for ``embedding.npy`` and channel 0."""
    stem, _, suffix = file_name.rpartition(".")
    return f"{stem}_channel_{channel}.{suffix}"


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
    """Writes a 16-bit PCM wav file; samples that were decoded from 16 bits are written back bit for bit.

    Args:
        path: path of the file.
        waveform: signal values in [-1, 1], shape ``(samples,)``, read in blocks; values outside are clipped.
        sample_rate: sample rate in Hz.
        on_progress: called with the fraction done after each block.
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
    """Writes an embedding, ``(dim,)`` or ``(frames, dim)``, as float32 for ``np.load``."""
    with path.open("wb") as file:
        np.save(file, np.asarray(embedding, dtype=np.float32), allow_pickle=False)


def write_parquet_groups(path: Path, groups: Iterable[Columns]) -> None:
    """Writes named columns as float64, zstd-compressed, one row group after the other.

    Args:
        path: path of the file.
        groups: at least one group of rows, whose columns have equal lengths. Only one group at a time is in memory.
    """
    import pyarrow as pa  # imported late: it takes half a second, and most runs don't need it
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


@dataclass(frozen=True, slots=True)
class RunContent:
    """The content of the files of a run folder.

    Attributes:
        result: the result document.
        log: lines of the processing log.
        frame_groups: row groups of the frame scores if they are written to a separate file; otherwise None.
        channel_frame_groups: the same for channels, by index, without those that need no file.
    """

    result: RecognitionResult
    log: Sequence[Notice]
    frame_groups: Iterable[Columns] | None
    channel_frame_groups: Mapping[int, Iterable[Columns]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunWriter:
    """One file of a run folder that is written from a finished result.

    Attributes:
        file_name: name of the file.
        applies: returns whether a run has this file.
        write: writes the file to a path.
    """

    file_name: str
    applies: Callable[[RunContent], bool]
    write: Callable[[Path, RunContent], None]


def _write_frames(path: Path, content: RunContent) -> None:
    write_parquet_groups(path, content.frame_groups or ())


def _has_channel_frames(channel: int, content: RunContent) -> bool:
    return channel in content.channel_frame_groups


def _write_channel_frames(channel: int, path: Path, content: RunContent) -> None:
    write_parquet_groups(path, content.channel_frame_groups[channel])


def _write_result(path: Path, content: RunContent) -> None:
    write_text(path, content.result.to_json())


def _write_log(path: Path, content: RunContent) -> None:
    write_text(path, "\n".join(line.message() for line in content.log))


# Add new output formats here. processed_audio.wav and embedding.npy, and those of channels, are written earlier, during
# recognition.
RUN_WRITERS: Final = (
    RunWriter(FRAMES_FILE, lambda content: content.frame_groups is not None, _write_frames),
    *(
        RunWriter(
            channel_file(FRAMES_FILE, channel),
            partial(_has_channel_frames, channel),
            partial(_write_channel_frames, channel),
        )
        for channel in range(MAX_CHANNEL_FILES)
    ),
    RunWriter(RESULT_FILE, lambda _content: True, _write_result),
    RunWriter(LOG_FILE, lambda _content: True, _write_log),
)


def write_run(folder: Path, content: RunContent) -> None:
    """Writes every file of ``RUN_WRITERS`` that applies into ``folder``."""
    for writer in RUN_WRITERS:
        if writer.applies(content):
            writer.write(folder / writer.file_name, content)
