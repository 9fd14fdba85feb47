"""The cached outputs of the frozen encoders: several augmented views of every recording, at 10 Hz, in half precision.

Encoding takes most of the time of a training run, so it is done once. The cache has one folder per view, with one file
per shard of recordings; a run that was stopped goes on with the missing shards.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

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
from training.pretrained import ENCODERS, load_pretrained
from webui.engine.builtin.encoder import LEVEL, SHORTEST_SAMPLES, SpeechEncoder, WhisperMel
from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.engine.builtin.statistics import LocalStatistics
from webui.files import replace_file
from webui.units import SPEECH_RATE

logger = logging.getLogger(__name__)

RECIPE: Final = 1  # version of this code; increase it if the same recordings give other outputs
SEED: Final = 20_260_101  # of the augmentation; all runs share the views
SHARD: Final = 128  # recordings in a file
GROUP_FRAMES: Final = 5  # frames that are averaged: 50 Hz become 10 Hz
STATISTICS_RADIUS: Final = 21  # groups: the statistics around a group cover 2.1 s on either side
STATISTICS_STEP: Final = 5  # groups: statistics change slowly, so only two of them are kept per second
SLOWEST, FASTEST = 0.88, 1.12  # playing speeds of the augmented views
FLOOR: Final = 1e-6  # added to the root mean square of a recording
NONSPEECH: Final = "nonspeech:"  # start of the name of a signal without speech
STATISTICS: Final = "statistics"


@dataclass(frozen=True, slots=True)
class EncodedShard:
    """The outputs for some recordings, concatenated over time.

    Attributes:
        lengths: number of groups of each recording, shape ``(recordings,)``.
        outputs: for each encoder, the outputs of its blocks, shape ``(groups, layers, width)``, float16.
        statistics: statistics around every ``STATISTICS_STEP``-th group, shape ``(total, size)``, float16.
    """

    lengths: NDArray[np.int64]
    outputs: dict[str, NDArray[np.float16]]
    statistics: NDArray[np.float16]


class Encoders:
    """The encoders, ready to encode recordings one at a time.

    Args:
        packages: folder of the distributions that carry the weights.
    """

    def __init__(self, packages: Path) -> None:
        self.mel = WhisperMel().eval()
        self.networks: dict[str, SpeechEncoder] = {
            name: load_pretrained(encoder, packages) for name, encoder in ENCODERS.items()
        }
        self.front_end = FrontEnd(FrontEndConfig()).eval()
        self.statistics = LocalStatistics(FrontEndConfig(), STATISTICS_RADIUS, GROUP_FRAMES).eval()

    @torch.inference_mode()
    def encode(self, waveform: NDArray[np.float32]) -> tuple[dict[str, NDArray[np.float16]], NDArray[np.float16]]:
        """Returns the outputs of each encoder ``(groups, layers, width)``, and the statistics ``(kept, size)``."""
        if waveform.size < SHORTEST_SAMPLES:
            waveform = np.pad(waveform, (0, SHORTEST_SAMPLES - waveform.size))
        frames = (waveform.size - SHORTEST_SAMPLES) // 320 + 1
        used = waveform[: (frames - 1) * 320 + SHORTEST_SAMPLES]
        unit = torch.from_numpy((used - waveform.mean()) / np.float32(waveform.std() + FLOOR)).unsqueeze(0)
        mel = self.mel(unit * LEVEL)
        with sdpa_kernel(SDPBackend.MATH):  # three times as fast as the fused one with products of bfloat16
            outputs = {name: _in_groups(network.encode(mel)[1:]) for name, network in self.networks.items()}
        statistics = self.statistics(*self.front_end(unit))[0].T[::STATISTICS_STEP]
        return outputs, np.asarray(statistics.numpy(), dtype=np.float16)


def _in_groups(layers: list[Tensor]) -> NDArray[np.float16]:
    stacked = torch.stack([layer[0] for layer in layers])  # (layers, T, width)
    pooled = F.avg_pool1d(stacked.transpose(1, 2), GROUP_FRAMES, ceil_mode=True)  # the last group may be shorter
    return np.asarray(pooled.permute(2, 0, 1).contiguous().numpy(), dtype=np.float16)


def view_of(path: Path, name: str, view: int) -> NDArray[np.float32]:
    """Returns a view of a recording: view 0 is unchanged, the others have another speed and channel.

    Args:
        path: path of the recording.
        name: name of the recording; with the number of the view it is the seed of the augmentation.
        view: number of the view.
    """
    random = np.random.default_rng([SEED, view, int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)])
    if name.startswith(NONSPEECH):
        return nonspeech(int(NONSPEECH_S * SPEECH_RATE), random)
    waveform = read_waveform(path)
    if view == 0:
        return waveform
    speed = float(random.uniform(SLOWEST, FASTEST))
    played = soxr.resample(waveform, SPEECH_RATE * speed, SPEECH_RATE, "MQ")
    return augment_channel(np.asarray(played, dtype=np.float32), random)


def encode_recordings(
    folder: Path, names: Sequence[str], cache_dir: Path, packages: Path, views: Sequence[int], processes: int
) -> None:
    """Encodes all recordings that are not in the cache yet.

    Args:
        folder: folder of the recordings.
        names: paths of the recordings, relative to ``folder``, or names of signals without speech.
        cache_dir: folder of the cache.
        packages: folder of the distributions that carry the encoders.
        views: numbers of the views to make.
        processes: number of processes.
    """
    check_index(cache_dir, names)
    count = -(-len(names) // SHARD)
    every = [(view, shard) for view in views for shard in range(count)]
    tasks = [(view, shard) for view, shard in every if not shard_path(cache_dir, view, shard).is_file()]
    if not tasks:
        return
    logger.info("encoding %d of %d shards", len(tasks), len(every))
    work = partial(_encode_shard, folder, tuple(names), cache_dir)
    pool_of = partial(ProcessPoolExecutor, mp_context=get_context("spawn"), initializer=_start, initargs=(packages,))
    with pool_of(processes) as pool:
        futures = [pool.submit(work, view, shard) for view, shard in tasks]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            logger.info("%d of %d shards", done, len(tasks))


def check_index(cache_dir: Path, names: Sequence[str]) -> None:
    """Writes which recordings the cache is for; files of another recipe or of other recordings are removed."""
    wanted = {
        "recipe": RECIPE,
        "seed": SEED,
        "encoders": {name: encoder.sha256 for name, encoder in ENCODERS.items()},
        "names": list(names),
    }
    path = cache_dir / "index.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) == wanted:
        return
    for old in cache_dir.glob("view*/*.npz"):
        old.unlink()
    cache_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted), encoding="utf-8")


def shard_path(cache_dir: Path, view: int, shard: int) -> Path:
    """Returns the path of a shard's file."""
    return cache_dir / f"view{view}" / f"{shard:04d}.npz"


_ENCODERS: list[Encoders] = []  # of this process


def _start(packages: Path) -> None:
    torch.set_num_threads(1)
    # Products of bfloat16, summed in fp32, are twice as fast where the CPU has them; the outputs differ by 0.5 %.
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]
    torch.backends.mkldnn.conv.fp32_precision = "bf16"  # type: ignore[attr-defined]
    _ENCODERS.append(Encoders(packages))


def _encode_shard(folder: Path, names: tuple[str, ...], cache_dir: Path, view: int, shard: int) -> None:
    encoded = [
        _ENCODERS[0].encode(view_of(folder / name, name, view)) for name in names[shard * SHARD : (shard + 1) * SHARD]
    ]
    content: dict[str, Any] = {
        name: np.concatenate([outputs[name] for outputs, _ in encoded]) for name in _ENCODERS[0].networks
    }
    content["lengths"] = np.array([len(next(iter(outputs.values()))) for outputs, _ in encoded], dtype=np.int64)
    content[STATISTICS] = np.concatenate([statistics for _, statistics in encoded])
    path = shard_path(cache_dir, view, shard)
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(draft: Path) -> None:
        with draft.open("wb") as file:
            np.savez(file, **content)

    replace_file(path, write)


def nonspeech_names(count: int) -> tuple[str, ...]:
    """Returns the names of ``count`` signals without speech."""
    return tuple(f"{NONSPEECH}{number}" for number in range(count))


def names_of(clips: Sequence[Clip], signals: int) -> tuple[str, ...]:
    """Returns the names of all recordings and of ``signals`` signals without speech, in a fixed random order.

    The order makes the files of an unfinished cache a random sample of all corpora.
    """
    names = (*(clip.path for clip in clips), *nonspeech_names(signals))
    return tuple(sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest()))
