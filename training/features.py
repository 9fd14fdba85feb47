"""Every recording as the network sees it, several times over, each time through another microphone, room or line.

Playing the recordings through microphones and rooms costs more than a training step. So it is done once, and every
epoch draws one of the ``variants`` of a recording; what is cheap (masks, shifts, mixing) is done anew each time.
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
from training.not_speech import EPSILON, not_speech
from webui.engine.builtin.frontend import FrontEnd, FrontEndConfig
from webui.units import SPEECH_RATE

RECIPE: Final = 2  # raised when the same options give other features
NOT_SPEECH_S: Final = 4.0
FEW: Final = 2000  # images that are made before other processes have started
CHUNK: Final = 64  # images that a process makes at a time
MP3_LEVEL: Final = 0.85  # libsndfile's compression level: about 32 kbit/s of mono speech at 16 kHz
SHARES: Final = {"padding": 0.3, "filter": 0.6, "noise": 0.45, "telephone": 0.12, "mp3": 0.08}


@dataclass(frozen=True, slots=True, kw_only=True)
class BankSizes:
    """How many images there are.

    Attributes:
        variants: of each recording; the first is the recording as it is.
        not_speech: signals that are not speech.
        seed: of everything that is drawn.
    """

    variants: int
    not_speech: int = 160
    seed: int = 20_240_101  # the same images for every run, whatever its own seed


@dataclass(frozen=True, slots=True)
class FeatureBank:
    """Both images of all recordings, then of signals that are not speech.

    Attributes:
        frames: of all variants joined, shape ``(total frames, mels + lags)``, float16.
        offsets: where each image starts and how long it is, shape ``(recordings + not speech, variants, 2)``; of length
            0 for a recording that was not asked for.
        mels: how many of the columns are the mel spectrogram.
        not_speech: how many of the last rows are no speech.
    """

    frames: NDArray[np.float16]
    offsets: NDArray[np.int64]
    mels: int
    not_speech: int

    def image(self, row: int, variant: int) -> NDArray[np.float16]:
        """Returns one variant of one recording, shape ``(frames, mels + lags)``."""
        start, length = self.offsets[row, variant]
        return self.frames[start : start + length]


def build_bank(cache: WaveformCache, config: FrontEndConfig, rows: Sequence[int], sizes: BankSizes) -> FeatureBank:
    """Makes the images of ``rows`` beside the cached recordings, or opens what was made there before.

    What is there may hold more recordings than are asked for: an image does not depend on which others are made.
    """
    known = [int(row) for row in rows]
    wanted = {"recipe": RECIPE, "rows": known, "sizes": asdict(sizes), "front_end": asdict(config)}
    folder = cache.directory / "features"
    index_path = folder / "index.json"
    if not _holds(index_path, wanted):
        folder.mkdir(parents=True, exist_ok=True)
        index_path.unlink(missing_ok=True)
        _write_bank(cache, config, folder, known, sizes)
        index_path.write_text(json.dumps(wanted), encoding="utf-8")
    frames = np.load(folder / "frames.npy", mmap_mode="r")
    return FeatureBank(frames, np.load(folder / "offsets.npy"), config.mels, sizes.not_speech)


def _holds(index_path: Path, wanted: Mapping[str, Any]) -> bool:
    if not index_path.is_file():
        return False
    there = json.loads(index_path.read_text(encoding="utf-8"))
    return bool({**there, "rows": None} == {**wanted, "rows": None} and set(wanted["rows"]) <= set(there["rows"]))


def _write_bank(cache: WaveformCache, config: FrontEndConfig, folder: Path, rows: list[int], sizes: BankSizes) -> None:
    recordings = len(cache.paths)
    every = (*rows, *range(recordings, recordings + sizes.not_speech))
    jobs = [(row, variant) for row in every for variant in range(sizes.variants)]
    if len(jobs) < FEW:
        images = _make_images(cache, config, sizes.seed, jobs)
    else:
        chunks = [jobs[start : start + CHUNK] for start in range(0, len(jobs), CHUNK)]
        make = partial(_make_images_apart, cache.directory, config, sizes.seed)
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            images = [image for made in pool.map(make, chunks) for image in made]
    lengths = np.array([len(image) for image in images], dtype=np.int64)
    offsets = np.zeros((recordings + sizes.not_speech, sizes.variants, 2), dtype=np.int64)
    offsets[tuple(np.array(jobs).T)] = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1)
    np.save(folder / "frames.npy", np.concatenate(images))
    np.save(folder / "offsets.npy", offsets)


def _make_images_apart(
    cache_dir: Path, config: FrontEndConfig, seed: int, jobs: list[tuple[int, int]]
) -> list[NDArray[np.float16]]:
    torch.set_num_threads(1)
    return _make_images(open_cache(cache_dir), config, seed, jobs)


def _make_images(
    cache: WaveformCache, config: FrontEndConfig, seed: int, jobs: list[tuple[int, int]]
) -> list[NDArray[np.float16]]:
    """Returns the image of each (row, variant)."""
    front_end = FrontEnd(config).eval()
    drawn = ((row, variant, np.random.default_rng([seed, row, variant])) for row, variant in jobs)
    return [to_image(front_end, _waveform(cache, row, variant, random)) for row, variant, random in drawn]


def _waveform(cache: WaveformCache, row: int, variant: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Returns a recording as it is (variant 0), or as somebody else recorded somebody else."""
    if row >= len(cache.paths):
        return not_speech(int(NOT_SPEECH_S * SPEECH_RATE), random)
    if variant == 0:
        return cache.waveform(row)
    return disguise(cache.waveform(row, int(random.integers(len(cache.samples)))), random)


def disguise(waveform: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Returns ``waveform`` with pauses around it, through another microphone, room, noise and line."""
    if random.random() < SHARES["padding"]:
        before, after = (random.uniform(0.0, 1.0, 2) * SPEECH_RATE).astype(int)
        waveform = augment.fit_length(waveform, waveform.size + int(before) + int(after), random)
    batch = augment.normalise(torch.from_numpy(waveform.copy()).unsqueeze(0))
    batch = augment.filter_randomly(batch, random, share=SHARES["filter"])
    wave = augment.add_noise(augment.normalise(batch), random, share=SHARES["noise"])[0].numpy()
    if random.random() < SHARES["telephone"]:
        wave = telephone(wave)
    elif random.random() < SHARES["mp3"]:
        wave = mp3(wave)
    return wave


def telephone(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns ``waveform`` (variance about 1) as a telephone line passes it on: 300 to 3400 Hz, mu-law of 8 bits."""
    spectrum = np.fft.rfft(waveform)
    hz = np.fft.rfftfreq(waveform.size, 1 / SPEECH_RATE)
    band = 1 / (1 + np.exp(-(hz - 300) / 30)) / (1 + np.exp((hz - 3400) / 60))
    narrow = np.fft.irfft(spectrum * band, waveform.size)
    loud = np.abs(narrow).max() + EPSILON
    pressed = np.sign(narrow) * np.log1p(255 * np.abs(narrow) / loud) / np.log(256)
    rounded = np.round(pressed * 127) / 127
    back = np.sign(rounded) * (256 ** np.abs(rounded) - 1) / 255 * loud
    return np.asarray(back, dtype=np.float32)


def mp3(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns ``waveform`` after MP3 of about 32 kbit/s."""
    loud = float(np.abs(waveform).max()) + EPSILON
    file = io.BytesIO()
    options = {"compression_level": MP3_LEVEL, "bitrate_mode": "CONSTANT"}
    soundfile.write(file, waveform * (0.5 / loud), SPEECH_RATE, format="MP3", **options)
    file.seek(0)
    back, _ = soundfile.read(file, dtype="float32")
    return np.asarray(back[: waveform.size] * (loud / 0.5), dtype=np.float32)


@torch.inference_mode()
def to_image(front_end: FrontEnd, waveform: NDArray[np.float32]) -> NDArray[np.float16]:
    """Returns both images of a recording side by side, shape ``(frames, mels + lags)``."""
    mel, pitch = front_end(augment.normalise(torch.from_numpy(waveform.copy()).unsqueeze(0)))
    return np.asarray(torch.cat([mel[0, 0], pitch[0, 0]]).T.numpy(), dtype=np.float16)
