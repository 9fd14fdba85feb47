"""Decoded recordings for models in separate processes; each is decoded once per sample rate, for all models."""

from contextlib import closing
from pathlib import Path
from typing import Final, Self

import numpy as np

from webui.arrays import Samples
from webui.audio.decode import DecodeLimits, decode_into
from webui.errors import OutputError, first_line
from webui.storage import Spool

BLOCK: Final = 1 << 20  # number of samples written at a time: 4 MB


class ClipDecodeError(Exception):
    """A clip can't be decoded; the message states the reason."""


class DecodedClip:
    """One clip as files of float32 samples, one per sample rate; they are deleted when the block ends.

    Args:
        path: path of the recording.
        folder: folder for the files of samples.
        limits: limits on the size and length of the recording.
    """

    def __init__(self, path: Path, folder: Path, limits: DecodeLimits) -> None:
        self._path = path
        self._folder = folder
        self._limits = limits
        self._files: dict[int, Path] = {}
        self._failure: ClipDecodeError | None = None

    def at(self, sample_rate: int) -> Path:
        """Returns the file with the samples at ``sample_rate`` Hz; decodes the clip if it does not exist yet.

        Raises:
            ClipDecodeError: the clip can't be decoded.
            OutputError: the samples can't be written.
        """
        if self._failure is not None:
            raise self._failure
        if sample_rate not in self._files:
            self._files[sample_rate] = self._decode(sample_rate)
        return self._files[sample_rate]

    def _decode(self, sample_rate: int) -> Path:
        target = self._folder / f"{sample_rate}.f32"
        try:
            recording = decode_into(self._spool, self._path, limits=self._limits, model_rate=sample_rate)
        except OutputError:
            raise
        except Exception as err:  # any failure is recorded as the result for this clip
            self._failure = ClipDecodeError(first_line(err))
            raise self._failure from err
        with closing(recording):
            try:
                _write_samples(target, recording.model.waveform)
            except OSError as err:
                raise OutputError("evaluate.not_written", folder=self._folder, reason=str(err)) from err
        return target

    def _spool(self) -> Spool:
        return Spool(self._folder, place=self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.unlink(missing_ok=True)


def _write_samples(path: Path, waveform: Samples) -> None:
    with path.open("wb") as file:
        for start in range(0, len(waveform), BLOCK):
            file.write(np.ascontiguousarray(waveform[start : start + BLOCK], dtype=np.float32).tobytes())
