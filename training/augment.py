"""Augmentation of batches of waveforms and of images: microphones, rooms, noise, masks, vocal tract length.

All random numbers are drawn from the generators passed as arguments, so that an epoch can be repeated exactly.
"""

import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.nonspeech import EPSILON, background
from webui.engine.builtin.frontend import MEL_SCALE
from webui.units import SPEECH_RATE

ROOM_S: Final = 0.8  # length of the room impulse responses
MEL_PER_DB: Final = math.log(10) / 10 / MEL_SCALE  # one decibel on the scale of the mel image


def fit_length(
    waveform: NDArray[np.float32], samples: int, random: np.random.Generator, *, center: bool = False
) -> NDArray[np.float32]:
    """Cuts a random part of ``samples`` samples out of ``waveform``, or pads it with near-silence to that length."""
    if waveform.size >= samples:
        spare = waveform.size - samples
        start = spare // 2 if center else int(random.integers(spare + 1))
        return waveform[start : start + samples]
    quiet = float(np.abs(waveform).mean()) * 10 ** float(random.uniform(-3.0, -1.5))
    filled = (quiet * random.standard_normal(samples)).astype(np.float32)
    start = int(random.integers(samples - waveform.size + 1))
    filled[start : start + waveform.size] += waveform
    return filled


def filter_randomly(waveforms: Tensor, random: np.random.Generator, probability: float) -> Tensor:
    """Filters rows of ``(B, samples)``: by a microphone with ``probability``, by a room with half of it.

    A microphone is a smooth curve with band limits, a room is a decaying random impulse response.
    """
    batch, samples = waveforms.shape
    echoes = int(ROOM_S * SPEECH_RATE)
    length = samples + echoes
    spectrum = torch.fft.rfft(waveforms, length)  # (B, bins)
    bins = spectrum.shape[1]
    frequency = np.linspace(0, 1, bins)  # in units of 8 kHz
    response = np.ones((batch, bins), dtype=np.complex64)
    for row in range(batch):
        if random.random() < probability:
            knots = np.linspace(0, 1, 7)
            curve_db = np.interp(frequency, knots, random.normal(0, 4.0, knots.size) + random.normal(0, 6.0) * knots)
            low, high = random.uniform(0, 0.03), random.uniform(0.42, 1.1)  # up to 240 Hz, from 3.4 kHz
            edges = 1 / (1 + np.exp(-(frequency - low) * 400)) / (1 + np.exp((frequency - high) * 80))
            response[row] *= 10 ** (curve_db / 20) * edges
        if random.random() < probability / 2:
            tail_s = float(random.uniform(0.05, 0.9))
            time_s = np.arange(echoes) / SPEECH_RATE
            echo = random.standard_normal(time_s.size) * 10 ** (-3 * time_s / tail_s)
            echo *= float(random.uniform(0.1, 1.2)) / np.sqrt((echo**2).sum())  # above 1: more echo than direct sound
            echo[0] = 1.0
            response[row] *= np.fft.rfft(echo, length)
    filtered: Tensor = torch.fft.irfft(spectrum * torch.from_numpy(response), length)[:, :samples]
    return filtered


def add_noise(waveforms: Tensor, random: np.random.Generator, probability: float) -> Tensor:
    """Adds noise or music to rows of ``(B, samples)`` with ``probability``, 5 to 40 dB below the signal."""
    noisy = waveforms.clone()
    for row in range(waveforms.shape[0]):
        if random.random() < probability:
            level = float(waveforms[row].std()) * 10 ** (-float(random.uniform(5, 40)) / 20)
            noisy[row] += level * torch.from_numpy(background(waveforms.shape[1], random))
    return noisy


def normalise(waveforms: Tensor) -> Tensor:
    """Normalises every row of ``(B, samples)`` to mean 0 and variance 1."""
    centered = waveforms - waveforms.mean(1, keepdim=True)
    return centered / torch.sqrt(centered.square().mean(1, keepdim=True) + EPSILON**2)


def mask_image(image: Tensor, random: np.random.Generator, rows: int, frames: int) -> Tensor:
    """Masks up to ``rows`` rows (twice) and up to ``frames`` frames (twice) of ``(B, 1, height, T)``, in place."""
    _, _, height, length = image.shape
    fill = image.mean(dim=(2, 3))
    for index in range(image.shape[0]):
        for _ in range(2):
            size = int(random.integers(rows + 1))
            start = int(random.integers(height - size + 1))
            image[index, 0, start : start + size] = fill[index]
            size = int(random.integers(min(frames, length) + 1))
            start = int(random.integers(length - size + 1))
            image[index, 0, :, start : start + size] = fill[index]
    return image


def warp_rows(image: Tensor, random: np.random.Generator, probability: float, *, shift: float, scale: float) -> Tensor:
    """Warps images ``(B, 1, height, T)`` with ``probability``, to simulate another pitch or vocal tract (VTLP).

    Args:
        image: mel or pitch image.
        random: source of random numbers.
        probability: probability that an image is changed.
        shift: standard deviation of the shift, in rows.
        scale: standard deviation of the relative stretch of the rows.
    """
    batch, _, height, _ = image.shape
    changed = random.random((batch, 1)) < probability
    moved = np.arange(height) * (1 + scale * random.standard_normal((batch, 1))) + shift * random.standard_normal(
        (batch, 1)
    )
    source = np.clip(np.where(changed, moved, np.arange(height)), 0, height - 1)  # (B, height)
    low = np.minimum(source.astype(np.int64), height - 2)
    part = torch.from_numpy(source - low).float().view(batch, 1, height, 1)
    index = torch.from_numpy(low).view(batch, 1, height, 1).expand_as(image)
    return image.gather(2, index) * (1 - part) + image.gather(2, index + 1) * part


def equalize_randomly(mel: Tensor, random: np.random.Generator, probability: float) -> Tensor:
    """Changes the level of ``(B, 1, mels, T)``, and with ``probability`` simulates a microphone."""
    batch, _, height, _ = mel.shape
    curves = 2.0 * random.standard_normal((batch, 1)) + np.zeros((batch, height))
    bands = np.linspace(0, 1, height)
    for row in np.flatnonzero(random.random(batch) < probability):
        curves[row] += np.interp(bands, np.linspace(0, 1, 6), random.normal(0, 3.5, 6))
    return mel + MEL_PER_DB * torch.from_numpy(curves).float().view(batch, 1, height, 1)
