"""Draws the clips of an epoch, in batches of similar length."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data import Clip


def clip_weights(clips: Sequence[Clip], corpus_weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Returns the probability of drawing each clip, shape ``(clips,)``, sum 1.

    The probability of a corpus is its weight and doesn't depend on its size. Within a corpus, the probability of a
    class is proportional to the square root of its size.
    """
    sizes = Counter((clip.corpus, clip.emotion) for clip in clips)
    weights = np.array([sizes[clip.corpus, clip.emotion] ** -0.5 for clip in clips])
    corpora = np.array([clip.corpus for clip in clips])
    for corpus in np.unique(corpora):
        inside = corpora == corpus
        weights[inside] *= corpus_weights.get(str(corpus), 1 / 3) / weights[inside].sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def draw_batches(
    lengths: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    clips: int,
    batch_size: int,
    random: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Yields batches of indices; the clips of a batch have similar lengths.

    Args:
        lengths: length of each clip, in any unit, shape ``(clips,)``.
        weights: probability of each clip, shape ``(clips,)``.
        clips: total number of clips to draw.
        batch_size: number of clips in a batch.
        random: source of random numbers.
    """
    drawn = random.choice(lengths.size, size=clips, p=weights)
    pool = batch_size * 8
    batches: list[NDArray[np.int64]] = []
    for start in range(0, clips - batch_size + 1, pool):
        part = drawn[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch_size] for i in range(0, part.size - batch_size + 1, batch_size)]
    for index in random.permutation(len(batches)):
        yield batches[index]
