"""The cached outputs of the frozen encoders: several augmented views of every recording, at 10 Hz, in half precision.

Encoding takes most of the time of a training run, so it is done once. The cache has one folder per source (an encoder,
or the statistics) and view, with one file per shard of recordings; a run that was stopped goes on with the missing
shards. The order of the recordings is such that an unfinished cache already has every speaker in every emotion.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.cache import read_waveform
from training.data import Clip
from training.features import NONSPEECH_S, augment_channel
from training.nonspeech import nonspeech
from training.pretrained import ENCODERS, Pretrained, load_pretrained, shorten
from webui.engine.builtin.encoder import FRAME_SAMPLES, LEVEL, SHORTEST_SAMPLES, WhisperMel
from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.engine.builtin.statistics import LocalStatistics
from webui.files import replace_file
from webui.units import SPEECH_RATE

logger = logging.getLogger(__name__)

RECIPE: Final = 3  # version of this code; increase it if the same recordings give other outputs
SEED: Final = 20_260_101  # of the augmentation; all runs share the views
SHARD: Final = 128  # recordings in a file
GROUP_FRAMES: Final = 5  # frames that are averaged: 50 Hz become 10 Hz
STATISTICS_RADIUS: Final = 21  # groups: the statistics around a group cover 2.1 s on either side
SLOWEST, FASTEST = 0.88, 1.12  # playing speeds of the augmented views
FLOOR: Final = 1e-6  # added to the root mean square of a recording
NONSPEECH: Final = "nonspeech:"  # start of the name of a signal without speech
NONSPEECH_PER_RANK: Final = 64  # signals without speech for each clip that every speaker has of every emotion
STATISTICS: Final = "statistics"

Encode = Callable[[Tensor], Tensor]  # maps samples (1, samples) of variance 1 to outputs (groups, size)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedStore:
    """Where recordings are, and where their encoded views are kept.

    Attributes:
        data: folder of the recordings.
        names: paths of the recordings, relative to ``data``, and names of signals without speech.
        cache: folder of the cache.
        packages: folder of the distributions that carry the encoders.
        encoders: the encoders by name.
    """

    data: Path
    names: tuple[str, ...]
    cache: Path
    packages: Path
    encoders: Mapping[str, Pretrained] = field(default_factory=lambda: ENCODERS)

    @property
    def shards(self) -> int:
        """Number of files per source and view."""
        return -(-len(self.names) // SHARD)

    def path(self, source: str, view: int, shard: int) -> Path:
        """Returns the path of a shard's file."""
        return self.cache / source / f"view{view}" / f"{shard:04d}.npz"

    def names_of(self, shard: int) -> tuple[str, ...]:
        """Returns the names of the recordings in a shard."""
        return self.names[shard * SHARD : (shard + 1) * SHARD]

    def read(self, source: str, view: int, shard: int) -> list[NDArray[np.float16]] | None:
        """Returns the outputs of each recording of a shard, ``(groups, size)`` each; None if they are not made yet."""
        path = self.path(source, view, shard)
        if not path.is_file():
            return None
        with np.load(path) as content:
            outputs, lengths = content["outputs"], content["lengths"]
        return np.split(outputs, np.cumsum(lengths)[:-1])

    def check(self) -> None:
        """Writes which recordings the cache is for; files of another recipe or of other recordings are removed."""
        wanted = {
            "recipe": RECIPE,
            "seed": SEED,
            "encoders": {name: encoder.sha256 for name, encoder in self.encoders.items()},
            "names": list(self.names),
        }
        path = self.cache / "index.json"
        if path.is_file() and json.loads(path.read_text(encoding="utf-8")) == wanted:
            return
        for old in self.cache.glob("*/view*/*.npz"):
            old.unlink()
        self.cache.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted), encoding="utf-8")


def order_names(clips: Sequence[Clip], signals: int) -> tuple[str, ...]:
    """Returns the paths of ``clips`` and the names of ``signals`` signals without speech, in the order of encoding.

    First comes one clip of every speaker in every emotion, then the second one of each, and so on; which of them is the
    first is random, but always the same.
    """
    ranks: dict[str, tuple[int, str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for clip in sorted(clips, key=lambda clip: _hash(clip.path)):
        ranks[clip.path] = (counts[clip.speaker, clip.emotion], _hash(clip.path))
        counts[clip.speaker, clip.emotion] += 1
    for number in range(signals):
        name = f"{NONSPEECH}{number}"
        ranks[name] = (number // NONSPEECH_PER_RANK, _hash(name))
    return tuple(sorted(ranks, key=lambda name: ranks[name]))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def view_of(path: Path, name: str, view: int) -> NDArray[np.float32]:
    """Returns a view of a recording: view 0 is unchanged, the others have another speed and channel.

    Args:
        path: path of the recording.
        name: name of the recording; with the number of the view it is the seed of the augmentation.
        view: number of the view.
    """
    random = np.random.default_rng([SEED, view, int(_hash(name)[:8], 16)])
    if name.startswith(NONSPEECH):
        return nonspeech(int(NONSPEECH_S * SPEECH_RATE), random)
    waveform = read_waveform(path)
    if view == 0:
        return waveform
    speed = float(random.uniform(SLOWEST, FASTEST))
    played = soxr.resample(waveform, SPEECH_RATE * speed, SPEECH_RATE, "MQ")
    return augment_channel(np.asarray(played, dtype=np.float32), random)


def unit_samples(waveform: NDArray[np.float32]) -> Tensor:
    """Returns a recording with mean 0 and variance 1, cut to whole frames of the encoders, shape ``(1, samples)``."""
    if waveform.size < SHORTEST_SAMPLES:
        waveform = np.pad(waveform, (0, SHORTEST_SAMPLES - waveform.size))
    frames = (waveform.size - SHORTEST_SAMPLES) // FRAME_SAMPLES + 1
    used = waveform[: (frames - 1) * FRAME_SAMPLES + SHORTEST_SAMPLES]
    scaled = (used - waveform.mean()) / np.float32(waveform.std() + FLOOR)
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32)).unsqueeze(0)


def make_encode(store: EncodedStore, source: str) -> Encode:
    """Returns the function that encodes recordings for a source: an encoder, or the statistics."""
    if source == STATISTICS:
        front_end = FrontEnd(FrontEndConfig()).eval()
        statistics = LocalStatistics(FrontEndConfig(), STATISTICS_RADIUS, GROUP_FRAMES).eval()
        return lambda samples: statistics(*front_end(samples))[0].T
    mel, network = WhisperMel().eval(), shorten(load_pretrained(store.encoders[source], store.packages))

    def encode(samples: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):  # three times as fast as the fused one with products of bfloat16
            layers = network.encode(mel(samples * LEVEL))[1:]
        frames = torch.cat(layers, dim=2).transpose(1, 2)  # (1, layers * width, T)
        return F.avg_pool1d(frames, GROUP_FRAMES, ceil_mode=True)[0].T  # the last group may be shorter

    return encode


def encode_all(store: EncodedStore, sources: Sequence[str], views: Sequence[int], processes: int) -> None:
    """Encodes all recordings that are not in the cache yet, one source and view after the other."""
    store.check()
    every = [(source, view, shard) for view in views for source in sources for shard in range(store.shards)]
    tasks = [task for task in every if not store.path(*task).is_file()]
    if not tasks:
        return
    logger.info("%d of %d shards of recordings have to be encoded", len(tasks), len(every))
    if processes == 1:
        for task in tasks:
            _encode_shard(store, *task)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_use_one_thread) as pool:
        futures = [pool.submit(partial(_encode_shard, store, *task)) for task in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            logger.info("%d of %d shards", done, len(tasks))


def _use_one_thread() -> None:
    torch.set_num_threads(1)


_ENCODE: Final[dict[str, Encode]] = {}  # the function of the last source, in each process


@torch.inference_mode()
def _encode_shard(store: EncodedStore, source: str, view: int, shard: int) -> None:
    if source not in _ENCODE:
        _ENCODE.clear()
        _ENCODE[source] = make_encode(store, source)
    encode, matmul = _ENCODE[source], torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = matmul.fp32_precision
    # Products of bfloat16, summed in fp32, are twice as fast where the CPU has them; the outputs differ by 0.5 %.
    matmul.fp32_precision = "ieee" if source == STATISTICS else "bf16"
    try:
        views = (unit_samples(view_of(store.data / name, name, view)) for name in store.names_of(shard))
        outputs = [np.asarray(encode(samples).numpy(), dtype=np.float16) for samples in views]
    finally:
        matmul.fp32_precision = before
    path = store.path(source, view, shard)
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(draft: Path) -> None:
        with draft.open("wb") as file:
            np.savez(file, outputs=np.concatenate(outputs), lengths=np.array([len(one) for one in outputs]))

    replace_file(path, write)
