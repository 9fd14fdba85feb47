"""Which clips an epoch hears, in batches of about equal length."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.data import Clip


def clip_weights(clips: Sequence[Clip], corpus_shares: Mapping[str, float]) -> NDArray[np.float64]:
    """Returns how often each clip should be drawn, shape ``(clips,)``, sum 1.

    A corpus gets its share whatever its size; inside it, a class is drawn as often as the root of its size asks.
    """
    sizes = Counter((clip.corpus, clip.emotion) for clip in clips)
    weights = np.array([sizes[clip.corpus, clip.emotion] ** -0.5 for clip in clips])
    corpora = np.array([clip.corpus for clip in clips])
    for corpus in np.unique(corpora):
        inside = corpora == corpus
        weights[inside] *= corpus_shares.get(str(corpus), 1 / 3) / weights[inside].sum()
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def draw_batches(
    lengths: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    clips: int,
    batch: int,
    random: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    """Yields batches of indices; inside a batch the clips are of similar length.

    Args:
        lengths: of each clip, in samples.
        weights: probability of each clip.
        clips: how many to draw in all.
        batch: how many in one batch.
        random: source of the draw.
    """
    drawn = random.choice(lengths.size, size=clips, p=weights)
    pool = batch * 8
    batches: list[NDArray[np.int64]] = []
    for start in range(0, clips - batch + 1, pool):
        part = drawn[start : start + pool]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches += [part[i : i + batch] for i in range(0, part.size - batch + 1, batch)]
    for index in random.permutation(len(batches)):
        yield batches[index]
