"""How well the embedding tells emotions apart across speakers."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.data import Clip

BLOCK: Final = 512  # clips that are compared with all others at a time


def neighbour_share(vectors: NDArray[np.float32], clips: Sequence[Clip]) -> float:
    """Returns the share of clips whose nearest neighbour has the same emotion.

    The neighbour is the clip of another speaker, of any corpus, with the largest cosine similarity.

    Args:
        vectors: the embedding of each clip, shape ``(clips, size)``.
        clips: the clips.
    """
    unit = vectors - vectors.mean(0)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    speakers = np.array([clip.speaker for clip in clips])
    emotions = np.array([clip.emotion.value for clip in clips])
    same = []
    for start in range(0, len(clips), BLOCK):
        rows = slice(start, start + BLOCK)
        likeness = unit[rows] @ unit.T
        likeness[speakers[rows, np.newaxis] == speakers] = -np.inf
        same.append(emotions[likeness.argmax(axis=1)] == emotions[rows])
    return float(np.concatenate(same).mean())
