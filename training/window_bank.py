"""What the heads are trained on: means and deviations over windows of the cached outputs of the encoders.

They are computed as ``WindowStatistics`` of the network does, but only around every ``STEP``-th group.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data import TrainingDataError
from training.encoded import EncodedStore
from webui.engine.builtin.pooled import VARIANCE_FLOOR
from webui.files import replace_file

logger = logging.getLogger(__name__)

STEP: Final = 5  # groups between two windows: 0.5 s
RADIUS: Final = 20  # reach of a window to either side, in groups: 2 s


@dataclass(frozen=True)
class WindowBank:
    """Windows of all recordings that are encoded.

    Attributes:
        names: names of the recordings.
        values: for each view, the statistics of all windows, shape ``(windows, size)``, float16.
        starts: for each view, the first window of each recording, and the end of the last, ``(recordings + 1,)``.
    """

    names: tuple[str, ...]
    values: tuple[NDArray[np.float16], ...]
    starts: tuple[NDArray[np.int64], ...]

    @property
    def size(self) -> int:
        """Number of statistics of a window."""
        return int(self.values[0].shape[1])

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of each recording, by its name."""
        return {name: row for row, name in enumerate(self.names)}

    def windows(self, row: int, view: int = 0) -> NDArray[np.float32]:
        """Returns all windows of a recording, shape ``(windows, size)``."""
        start, stop = self.starts[view][row], self.starts[view][row + 1]
        return self.values[view][start:stop].astype(np.float32)

    def draw(self, rows: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float32]:
        """Returns one random window of each of ``rows``, of a random view, shape ``(rows, size)``."""
        views = random.integers(len(self.values), size=rows.size)
        found = np.empty((rows.size, self.size), dtype=np.float32)
        for view, (values, starts) in enumerate(zip(self.values, self.starts, strict=True)):
            inside = views == view
            first, stop = starts[rows[inside]], starts[rows[inside] + 1]
            found[inside] = values[first + (random.random(first.size) * (stop - first)).astype(np.int64)]
        return found


def window_statistics(groups: NDArray[np.float16], radius: int = RADIUS, step: int = STEP) -> NDArray[np.float16]:
    """Maps the outputs of a recording ``(groups, channels)`` to ``(windows, 2 * channels)``."""
    count, channels = groups.shape
    wide = groups.astype(np.float64)
    sums = np.zeros((2, count + 1, channels))
    np.cumsum(wide, axis=0, out=sums[0, 1:])
    np.cumsum(np.square(wide), axis=0, out=sums[1, 1:])
    positions = np.arange(0, count, step)
    first, stop = np.maximum(positions - radius, 0), np.minimum(positions + radius + 1, count)
    mean, square = (sums[:, stop] - sums[:, first]) / (stop - first)[:, np.newaxis]
    deviation = np.sqrt(np.maximum(square - np.square(mean), 0) + VARIANCE_FLOOR)
    return np.concatenate([mean, deviation], axis=1).astype(np.float16)


def load_bank(store: EncodedStore, sources: Sequence[str], views: Sequence[int]) -> WindowBank:
    """Returns the windows of all shards that are encoded by every encoder in ``sources`` and for all ``views``.

    Raises:
        TrainingDataError: No shard is.
    """
    shards = [
        shard
        for shard in range(store.shards)
        if all(store.path(source, view, shard).is_file() for source in sources for view in views)
    ]
    if not shards:
        raise TrainingDataError(f"{store.cache} has no encoded recordings; encode them first.")
    if len(shards) < store.shards:
        logger.info("only %d of %d shards of recordings are encoded", len(shards), store.shards)
    values, starts = [], []
    for view in views:
        columns, counts = [], np.zeros(0, dtype=np.int64)
        for source in sources:
            parts = [_shard_windows(store, source, view, shard) for shard in shards]
            columns.append(np.concatenate([windows for windows, _ in parts]))
            counts = np.concatenate([count for _, count in parts])
        # The network concatenates the encoders first, so the means of all of them come before the deviations.
        halves = [np.split(column, 2, axis=1) for column in columns]
        values.append(np.concatenate([half[kind] for kind in range(2) for half in halves], axis=1))
        starts.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
    names = tuple(name for shard in shards for name in store.names_of(shard))
    return WindowBank(names, tuple(values), tuple(starts))


def _shard_windows(
    store: EncodedStore, source: str, view: int, shard: int
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Returns the windows of a shard and their number for each recording; they are kept in a file of their own."""
    path = _windows_path(store, source, view, shard)
    if path.is_file():
        with np.load(path) as content:
            return content["windows"], content["counts"]
    recordings = store.read(source, view, shard)
    if recordings is None:
        raise TrainingDataError(f"{store.path(source, view, shard)} is missing.")
    of_each = [window_statistics(groups) for groups in recordings]
    windows, counts = np.concatenate(of_each), np.array([len(one) for one in of_each], dtype=np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(draft: Path) -> None:
        with draft.open("wb") as file:
            np.savez(file, windows=windows, counts=counts)

    replace_file(path, write)
    return windows, counts


def _windows_path(store: EncodedStore, source: str, view: int, shard: int) -> Path:
    path = store.path(source, view, shard)
    return path.with_name(f"{path.stem}-windows{RADIUS}.npz")
