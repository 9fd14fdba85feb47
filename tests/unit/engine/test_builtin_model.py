"""The shipped built-in model fulfils the engine protocol."""

import threading

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.paths import ROOT
from webui.arrays import FloatArray
from webui.engine.builtin.checkpoint import read_config
from webui.engine.builtin.family import BUILTIN
from webui.engine.builtin.model import load_builtin
from webui.engine.protocol import EmotionModel, Window
from webui.errors import DeviceUnavailableError, InferenceError
from webui.labels import Emotion
from webui.settings import Device

DIRECTORY = ROOT / "models" / "builtin"
RATE = 16_000


@pytest.fixture(scope="module")
def model() -> EmotionModel:
    return load_builtin(DIRECTORY, device=Device.CPU)


def voice(seconds: float, seed: int = 0) -> FloatArray:
    """Returns a buzz with varying pitch, pauses and noise, similar to speech."""
    random = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    time_s = np.arange(samples) / RATE
    pitch_hz = 140 + 60 * np.sin(2 * np.pi * 0.7 * time_s + seed) + 20 * np.sin(2 * np.pi * 3.1 * time_s)
    buzz = 2 * (np.cumsum(pitch_hz) / RATE % 1.0) - 1
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time_s + random.uniform(0, 6)), 0, 1)
    return np.asarray(0.2 * buzz * syllables + 0.005 * random.standard_normal(samples), dtype=np.float32)


def window_of(samples: FloatArray) -> Window:
    return Window(samples, float(np.mean(samples, dtype=np.float64)), float(np.var(samples, dtype=np.float64)))


def scores_of(model: EmotionModel, samples: FloatArray) -> np.ndarray:
    logits = model.predict([window_of(samples)])[0].logits.astype(np.float64).mean(axis=0)
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def test_description(model: EmotionModel) -> None:
    assert (model.info.name, model.info.engine, model.info.precision) == (BUILTIN, "builtin", "fp32")
    assert model.info.device == "cpu"
    assert model.info.license == "CC BY-NC-SA 4.0"
    assert model.labels.emotions == tuple(Emotion)[:8]
    assert model.info.labels == model.labels.names
    assert (model.sample_rate, model.frame_rate, model.min_samples) == (16_000, 50.0, 400)
    assert (model.max_batch_s, model.concurrency) == (0.0, 2)


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) <= 20_000_000


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (719, 1), (720, 2), (16_000, 49), (80_000, 249)])
def test_fifty_frames_a_second(model: EmotionModel, samples: int, frames: int) -> None:
    found = model.predict([window_of(voice(5)[:samples])], with_features=True)[0]
    assert found.logits.shape == (frames, 8)
    assert found.features is not None
    assert found.features.shape == (frames, model.embedding_dim)
    assert found.logits.dtype == found.features.dtype == np.float32


def test_features_only_on_request(model: EmotionModel) -> None:
    assert model.predict([window_of(voice(1))])[0].features is None
    assert model.predict([]) == []


def test_a_batch_gives_the_same_as_single_windows(model: EmotionModel) -> None:
    windows = [window_of(voice(s, n)) for n, s in enumerate((1.0, 3.2, 1.0, 0.5, 3.2, 1.0))]
    together = model.predict(windows, with_features=True)
    for window, found in zip(windows, together, strict=True):
        single = model.predict([window], with_features=True)[0]
        np.testing.assert_allclose(found.logits, single.logits, atol=1e-5, rtol=0)
        np.testing.assert_allclose(found.features, single.features, atol=1e-5, rtol=0)


def test_windows_with_context_give_the_same_as_the_whole(model: EmotionModel) -> None:
    samples, hop, piece = voice(21.3, 3), 320, 400
    whole = model.predict([window_of(samples)])[0].logits
    mean, variance = window_of(samples).mean, window_of(samples).variance
    context = -(-model.context_samples // hop)
    kept = []
    for first in range(0, len(whole), piece):
        left, right = max(0, first - context), min(len(whole), first + piece + context)
        cut = samples[left * hop : (right - 1) * hop + model.min_samples]
        kept.append(model.predict([Window(cut, mean, variance)])[0].logits[first - left :][:piece])
    assert len(kept) == 3
    np.testing.assert_allclose(np.concatenate(kept), whole, atol=1e-4, rtol=0)


def test_less_context_changes_the_result(model: EmotionModel) -> None:
    samples = voice(12, 3)
    whole = model.predict([window_of(samples)])[0].logits
    cut = Window(samples[: 300 * 320 + 80], window_of(samples).mean, window_of(samples).variance)
    assert np.abs(model.predict([cut])[0].logits[290:300] - whole[290:300]).max() > 1e-2


def test_the_head_is_linear_so_mean_logits_are_the_utterance_logits(model: EmotionModel) -> None:
    tensors = load_file(DIRECTORY / "model.safetensors")
    config = read_config(DIRECTORY)
    network = config.network
    assert network.statistics_members
    heads = [(f"members.{n}.head", (1 - network.statistics_share) / network.members) for n in range(network.members)]
    counting = network.statistics_members
    heads += [(f"counting.{n}.head", network.statistics_share / counting) for n in range(counting)]
    weight = np.concatenate([share * tensors[f"{name}.weight"].astype(np.float32) for name, share in heads], axis=1)
    bias = np.sum([share * tensors[f"{name}.bias"].astype(np.float32) for name, share in heads], axis=0)
    found = model.predict([window_of(voice(4, 9))], with_features=True)[0]
    assert found.features is not None
    pooled = (weight @ found.features.mean(axis=0) + bias) / config.temperature
    np.testing.assert_allclose(found.logits.mean(axis=0), pooled, atol=1e-5, rtol=0)
    powers = np.exp(pooled - pooled.max())
    np.testing.assert_allclose(scores_of(model, voice(4, 9)), powers / powers.sum(), atol=1e-5, rtol=0)


def test_results_are_repeatable_and_thread_safe(model: EmotionModel) -> None:
    windows = [window_of(voice(1.5, n)) for n in range(4)]
    expected = [model.predict([window])[0].logits for window in windows]
    found: dict[int, FloatArray] = {}

    def predict(number: int) -> None:
        for _ in range(3):
            found[number] = model.predict([windows[number]])[0].logits

    threads = [threading.Thread(target=predict, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, logits in enumerate(expected):
        np.testing.assert_allclose(found[number], logits, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(expected[0], model.predict([windows[0]])[0].logits)


@pytest.mark.parametrize("gain", [0.1, 0.01, 4.0])
def test_loudness_does_not_matter(model: EmotionModel, gain: float) -> None:
    samples = voice(3, 5)
    np.testing.assert_allclose(
        scores_of(model, samples * np.float32(gain)), scores_of(model, samples), atol=1e-3, rtol=0
    )


def test_an_offset_does_not_matter(model: EmotionModel) -> None:
    samples = voice(3, 5)
    np.testing.assert_allclose(
        scores_of(model, samples + np.float32(0.2)), scores_of(model, samples), atol=1e-3, rtol=0
    )


def no_speech() -> dict[str, np.ndarray]:
    """Returns four seconds each of signals without emotion, by name."""
    time_s = np.arange(4 * RATE) / RATE

    def tones(*hertz: float) -> np.ndarray:
        return 0.1 * np.sin(2 * np.pi * np.array(hertz)[:, np.newaxis] * time_s).sum(axis=0)

    pipes = [tones(*(k * np.array([196.0, 246.9, 293.7]))) / k for k in range(1, 6)]
    melody_hz = np.array([261.6, 293.7, 329.6, 392.0, 349.2, 293.7, 329.6, 261.6])[(2 * time_s).astype(int)]
    struck = np.exp(-(time_s % 0.5) / 0.2) * np.sin(2 * np.pi * melody_hz * time_s)
    return {
        "silence": np.zeros_like(time_s),
        "noise": 0.1 * np.random.default_rng(1).standard_normal(time_s.size),
        "A major": tones(220.0, 277.2, 329.6),
        "A minor": tones(220.0, 261.6, 329.6),
        "C major": tones(130.8, 164.8, 196.0),
        "D minor": tones(293.7, 349.2, 440.0),
        "organ": np.sum(pipes, axis=0),
        "tune": struck,
        "drum": np.sin(2 * np.pi * 55 * (time_s % 0.6)) * np.exp(-(time_s % 0.6) / 0.1),
    }


NO_SPEECH = no_speech()


@pytest.mark.parametrize("name", list(NO_SPEECH))
def test_signals_without_speech_get_no_confident_emotion(model: EmotionModel, name: str) -> None:
    scores = scores_of(model, NO_SPEECH[name].astype(np.float32))
    assert np.isfinite(scores).all()
    assert Emotion(model.labels.names[int(scores.argmax())]) in (Emotion.OTHER, Emotion.NEUTRAL)
    assert scores.max() < 0.6


def test_a_window_that_is_too_short(model: EmotionModel) -> None:
    with pytest.raises(InferenceError, match="399") as caught:
        model.predict([window_of(voice(1)), Window(voice(1)[:399], 0.0, 1.0)])
    assert caught.value.code == "engine.bad_window"
    assert "400" in str(caught.value)


def test_a_window_with_two_dimensions(model: EmotionModel) -> None:
    with pytest.raises(InferenceError, match="2x8000"):
        model.predict([Window(voice(1).reshape(2, -1), 0.0, 1.0)])


def test_values_that_are_not_finite(model: EmotionModel) -> None:
    broken = voice(1)
    broken[77] = np.nan
    with pytest.raises(InferenceError) as caught:
        model.predict([Window(broken, 0.0, 1.0)])
    assert caught.value.code == "engine.not_a_number"
    with pytest.raises(InferenceError) as caught:
        model.predict([window_of(broken)])
    assert caught.value.code == "engine.bad_statistics"


def test_an_unavailable_device() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(DeviceUnavailableError, match="cuda") as caught:
        load_builtin(DIRECTORY, device=Device.CUDA)
    assert "cpu" in str(caught.value)


def test_loading_keeps_random_state_and_threads() -> None:
    import torch

    torch.manual_seed(5)
    expected, threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    load_builtin(DIRECTORY, device=Device.AUTO)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    try:
        load_builtin(DIRECTORY, threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
