"""Measures the highest level of a recording while it is decoded."""

import math
from typing import Final

import numpy as np

from webui.arrays import FloatArray
from webui.audio.limits import MIN_SAMPLES

LOWEST_DBFS: Final = -120.0  # the level reported for digital silence; JSON has no infinity


class LevelMeter:
    """Level of the loudest 25 ms of all samples added so far, at 16 kHz, in blocks of any size.

    The mean of each 25 ms is removed first, so a constant offset counts as silence. Even soft speech has moments above
    -65 dB; a muted microphone, or an open one without a voice, does not.
    """

    def __init__(self) -> None:
        self._loudest = 0.0  # variance
        self._rest = np.empty(0, dtype=np.float32)  # samples that don't fill 25 ms yet
        self._tail = np.empty(0, dtype=np.float32)  # the last 25 ms, which may overlap two pieces

    def add(self, samples: FloatArray) -> None:
        """Adds samples, ``(samples,)``, at least one."""
        pending = np.concatenate([self._rest, samples])
        whole = len(pending) // MIN_SAMPLES * MIN_SAMPLES
        pieces = pending[:whole].reshape(-1, MIN_SAMPLES).astype(np.float64)  # (pieces, 400)
        self._loudest = max(self._loudest, float(pieces.var(axis=1).max(initial=0.0)))
        self._rest = pending[whole:].copy()  # a view would keep the whole block
        self._tail = np.concatenate([self._tail, samples[-MIN_SAMPLES:]])[-MIN_SAMPLES:]

    @property
    def level_dbfs(self) -> float:
        """Level of the loudest 25 ms, in dB relative to full scale (a full-scale square wave has 0 dB)."""
        last = float(self._tail.astype(np.float64).var()) if len(self._tail) else 0.0
        loudest = max(self._loudest, last)
        return max(LOWEST_DBFS, 10.0 * math.log10(loudest)) if loudest > 0.0 else LOWEST_DBFS
