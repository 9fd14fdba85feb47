"""Augmentation: shapes, levels, and signals without speech."""

import numpy as np
import pytest
import torch

from training import augment
from training.nonspeech import background, nonspeech


def test_augmentation_keeps_level_and_shape() -> None:
    random = np.random.default_rng(0)
    waveforms = torch.from_numpy(random.standard_normal((6, 20_000)).astype(np.float32)) * 0.01
    changed = augment.add_noise(augment.filter_randomly(waveforms, random, probability=1.0), random, probability=1.0)
    normal = augment.normalise(changed)
    assert normal.shape == (6, 20_000)
    assert not torch.allclose(normal, augment.normalise(waveforms), atol=0.1)
    torch.testing.assert_close(normal.std(dim=1), torch.ones(6), atol=1e-3, rtol=0)
    assert torch.equal(augment.normalise(torch.zeros(1, 100)), torch.zeros(1, 100))


def test_cutting_and_padding() -> None:
    random = np.random.default_rng(0)
    waveform = np.arange(1000, dtype=np.float32)
    cut = augment.fit_length(waveform, 300, random)
    assert cut.size == 300
    assert np.all(np.diff(cut) == 1)
    padded = augment.fit_length(np.ones(1000, dtype=np.float32), 3000, random)
    assert padded.size == 3000
    assert (padded > 0.5).sum() == 1000


def test_nonspeech_is_finite_and_varied() -> None:
    random = np.random.default_rng(0)
    signals = [nonspeech(8000, random) for _ in range(80)]
    assert all(np.isfinite(signal).all() and signal.shape == (8000,) for signal in signals)
    assert len({round(float(signal.std()), 4) for signal in signals}) > 40
    assert any(not signal.any() for signal in signals)  # silence
    again = nonspeech(8000, np.random.default_rng(0))
    np.testing.assert_array_equal(again, signals[0])


def test_backgrounds_have_variance_1() -> None:
    random = np.random.default_rng(0)
    levels = [float(background(8000, random).std()) for _ in range(40)]
    assert levels == pytest.approx([1.0] * 40, abs=1e-3)
