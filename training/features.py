"""The images that the network is trained on: several variants of each recording, with other microphones and rooms.

Simulating microphones, rooms and transmission takes more time than a training step. So it is done once, and every epoch
draws one of the ``variants`` of a recording; fast augmentation (masks, shifts, mixing) is computed again each time.
"""

import io
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from training import augment
from training.cache import WaveformCache, open_cache
from training.data import Clip
from training.log_progress import log_progress
from training.nonspeech import EPSILON, nonspeech
from training.options import TrainOptions
from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.units import SPEECH_RATE

RECIPE: Final = 2  # version of the code that makes the images; increase it if the same options give other images
NONSPEECH_S: Final = 4.0  # length of a signal without speech
FEW: Final = 2000  # fewer images are made in this process, because starting others would take longer
CHUNK: Final = 64  # number of images per task of a process
MP3_LEVEL: Final = 0.85  # libsndfile's compression level: about 32 kbit/s of mono speech at 16 kHz
PROBABILITIES: Final = {"padding": 0.3, "filter": 0.6, "noise": 0.45, "telephone": 0.12, "mp3": 0.08}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSizes:
    """Number of images, and the seed they are made with.

    Attributes:
        variants: number of variants of each recording; the first is unchanged.
        nonspeech: number of signals without speech.
        seed: seed of all random numbers.
    """

    variants: int
    nonspeech: int
    seed: int = 20_240_101  # not the seed of the run, so that all runs share the images


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Mel and pitch images of all recordings, then of signals without speech.

    Attributes:
        frames: frames of all images, concatenated, shape ``(total frames, mels + lags)``, float16.
        offsets: start and length of each image, shape ``(recordings + nonspeech, variants, 2)``; the length is 0 for a
            recording whose images were not made.
        mels: number of columns that belong to the mel spectrogram; the others are the pitch image.
        nonspeech: number of rows, at the end, that hold signals without speech.
    """

    frames: NDArray[np.float16]
    offsets: NDArray[np.int64]
    mels: int
    nonspeech: int

    def image(self, row: int, variant: int) -> NDArray[np.float16]:
        """Returns one variant of one recording, shape ``(frames, mels + lags)``."""
        start, length = self.offsets[row, variant]
        return self.frames[start : start + length]


def build_bank(
    cache: WaveformCache, config: FrontEndConfig, clips: Sequence[Clip], options: TrainOptions
) -> FeatureBank:
    """Makes the images of ``clips`` in the folder of the cache, or opens an existing bank that contains them.

    The existing bank may contain more recordings: an image does not depend on the others.
    """
    needed = sorted({int(row) for row in cache.rows_of(clips)})
    sizes = BankSizes(variants=options.variants, nonspeech=options.nonspeech_signals)
    wanted = {"recipe": RECIPE, "rows": needed, "sizes": asdict(sizes), "front_end": asdict(config)}
    folder = cache.directory / "features"
    index_path = folder / "index.json"
    if not _holds(index_path, wanted):
        folder.mkdir(parents=True, exist_ok=True)
        index_path.unlink(missing_ok=True)
        _write_bank(cache, config, folder, needed, sizes)
        index_path.write_text(json.dumps(wanted), encoding="utf-8")
    frames = np.load(folder / "frames.npy", mmap_mode="r")
    return FeatureBank(frames, np.load(folder / "offsets.npy"), config.mels, sizes.nonspeech)


def _holds(index_path: Path, wanted: Mapping[str, Any]) -> bool:
    if not index_path.is_file():
        return False
    index = json.loads(index_path.read_text(encoding="utf-8"))
    return bool({**index, "rows": None} == {**wanted, "rows": None} and set(wanted["rows"]) <= set(index["rows"]))


def _write_bank(cache: WaveformCache, config: FrontEndConfig, folder: Path, rows: list[int], sizes: BankSizes) -> None:
    recordings = len(cache.paths)
    every = (*rows, *range(recordings, recordings + sizes.nonspeech))
    tasks = [(row, variant) for row in every for variant in range(sizes.variants)]
    if len(tasks) < FEW:
        images = _make_images(cache, config, sizes.seed, tasks)
    else:
        chunks = [tasks[start : start + CHUNK] for start in range(0, len(tasks), CHUNK)]
        make = partial(_make_images_in_process, cache.directory, config, sizes.seed)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            made_in_turn = log_progress(pool.map(make, chunks), len(chunks), f"making images, {CHUNK} at a time")
            images = [image for made in made_in_turn for image in made]
    lengths = np.array([len(image) for image in images], dtype=np.int64)
    offsets = np.zeros((recordings + sizes.nonspeech, sizes.variants, 2), dtype=np.int64)
    offsets[tuple(np.array(tasks).T)] = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1)
    np.save(folder / "frames.npy", np.concatenate(images))
    np.save(folder / "offsets.npy", offsets)


def _make_images_in_process(
    cache_dir: Path, config: FrontEndConfig, seed: int, tasks: list[tuple[int, int]]
) -> list[NDArray[np.float16]]:
    torch.set_num_threads(1)
    return _make_images(open_cache(cache_dir), config, seed, tasks)


def _make_images(
    cache: WaveformCache, config: FrontEndConfig, seed: int, tasks: list[tuple[int, int]]
) -> list[NDArray[np.float16]]:
    """Returns the image of each (row, variant)."""
    front_end = FrontEnd(config).eval()
    generators = ((row, variant, np.random.default_rng([seed, row, variant])) for row, variant in tasks)
    return [to_image(front_end, _waveform(cache, row, variant, random)) for row, variant, random in generators]


def _waveform(cache: WaveformCache, row: int, variant: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Returns the unchanged recording for variant 0; otherwise at a random speed and with a random channel."""
    if row >= len(cache.paths):
        return nonspeech(int(NONSPEECH_S * SPEECH_RATE), random)
    if variant == 0:
        return cache.waveform(row)
    return augment_channel(cache.waveform(row, int(random.integers(len(cache.samples)))), random)


def augment_channel(waveform: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Returns ``waveform`` with random padding, microphone, room, noise and transmission (telephone or MP3)."""
    if random.random() < PROBABILITIES["padding"]:
        before, after = (random.uniform(0.0, 1.0, 2) * SPEECH_RATE).astype(int)
        waveform = augment.fit_length(waveform, waveform.size + int(before) + int(after), random)
    batch = augment.normalise(torch.from_numpy(waveform.copy()).unsqueeze(0))
    batch = augment.filter_randomly(batch, random, probability=PROBABILITIES["filter"])
    wave = augment.add_noise(augment.normalise(batch), random, probability=PROBABILITIES["noise"])[0].numpy()
    if random.random() < PROBABILITIES["telephone"]:
        wave = telephone(wave)
    elif random.random() < PROBABILITIES["mp3"]:
        wave = mp3(wave)
    return wave


def telephone(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns ``waveform`` (variance about 1) after a telephone line: 300 to 3400 Hz, 8-bit mu-law."""
    spectrum = np.fft.rfft(waveform)
    hz = np.fft.rfftfreq(waveform.size, 1 / SPEECH_RATE)
    band = 1 / (1 + np.exp(-(hz - 300) / 30)) / (1 + np.exp((hz - 3400) / 60))
    narrow = np.fft.irfft(spectrum * band, waveform.size)
    peak = np.abs(narrow).max() + EPSILON
    compressed = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / peak) / np.log(256)
    rounded = np.round(compressed * 127) / 127
    expanded = np.sign(rounded) * (256 ** np.abs(rounded) - 1) / 255 * peak
    return np.asarray(expanded, dtype=np.float32)


def mp3(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns ``waveform`` after MP3 compression at about 32 kbit/s."""
    peak = float(np.abs(waveform).max()) + EPSILON
    file = io.BytesIO()
    options = {"compression_level": MP3_LEVEL, "bitrate_mode": "CONSTANT"}
    soundfile.write(file, waveform * (0.5 / peak), SPEECH_RATE, format="MP3", **options)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float32")
    return np.asarray(decoded[: waveform.size] * (peak / 0.5), dtype=np.float32)


@torch.inference_mode()
def to_image(front_end: FrontEnd, waveform: NDArray[np.float32]) -> NDArray[np.float16]:
    """Returns both images of a recording side by side, shape ``(frames, mels + lags)``."""
    mel, pitch = front_end(augment.normalise(torch.from_numpy(waveform.copy()).unsqueeze(0)))
    return np.asarray(torch.cat([mel[0, 0], pitch[0, 0]]).T.numpy(), dtype=np.float16)
