"""A model gets samples at its own rate, resampled from the source together with the 16 kHz signal."""

from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.support.audio_files import FORMATS, AudioFormat, Samples, pcm16, riff, stereo, tone, voice, with_soundfile
from webui.audio.decode import DecodeLimits, decode, decode_into
from webui.audio.sample_store import MemoryStore
from webui.errors import AudioTooLongError, AudioTooShortError
from webui.storage import Spool

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
RATES = (8_000, 24_000, 44_100)
BOTH = pytest.mark.parametrize("rate", RATES)


def wav(samples: Samples, rate: int) -> bytes:
    return with_soundfile(samples, rate, format="WAV", subtype="FLOAT")


def resampled(samples: Samples, source_rate: int, rate: int) -> Samples:
    return np.asarray(soxr.resample(samples, source_rate, rate, quality="HQ"), dtype=np.float32)


@BOTH
def test_the_samples_are_those_of_the_source(rate: int) -> None:
    samples = voice(3.0, 48_000) * np.float32(0.5)
    stored = decode_into(MemoryStore, wav(samples, 48_000), limits=LIMITS, model_rate=rate)
    assert (stored.speech.sample_rate, stored.model.sample_rate) == (16_000, rate)
    np.testing.assert_allclose(stored.model.waveform[:], resampled(samples, 48_000, rate), atol=1e-6)
    np.testing.assert_array_equal(
        stored.model.waveform[:], decode(wav(samples, 48_000), limits=LIMITS, sample_rate=rate).waveform
    )
    for signal in (stored.speech, stored.model):
        assert signal.mean == pytest.approx(np.mean(signal.waveform[:], dtype=np.float64), abs=1e-9)
        assert signal.variance == pytest.approx(np.var(signal.waveform[:], dtype=np.float64), rel=1e-9)


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_the_16_khz_signal_does_not_depend_on_the_model(form: AudioFormat) -> None:
    mono = voice(2.3, form.rate, level=1.0)  # codecs overshoot full scale
    data = form.make(mono if form.channels == 1 else stereo(mono, 0.5 * mono), form.rate)
    one_rate = decode_into(MemoryStore, data, limits=LIMITS)
    two_rates = decode_into(MemoryStore, data, limits=LIMITS, model_rate=24_000)
    assert one_rate.model is one_rate.speech
    np.testing.assert_array_equal(two_rates.speech.waveform[:], one_rate.speech.waveform[:])
    assert (two_rates.speech.mean, two_rates.speech.variance) == (one_rate.speech.mean, one_rate.speech.variance)
    assert len(two_rates.model.waveform) == pytest.approx(1.5 * len(one_rate.speech.waveform), abs=2)


@pytest.mark.parametrize(("rate", "kept"), [(8_000, False), (16_000, True), (24_000, True)])
def test_a_tone_of_6_khz(rate: int, kept: bool) -> None:
    waveform = decode(wav(tone(6_000, 1.0, 48_000), 48_000), limits=LIMITS, sample_rate=rate).waveform
    level = float(np.sqrt(np.mean(np.square(waveform[rate // 10 : -rate // 10], dtype=np.float64))))
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.01) if kept else level < 1e-4


@BOTH
def test_a_source_at_the_model_s_rate_is_bit_exact(rate: int) -> None:
    samples = voice(1.0, rate) * np.float32(0.5)
    np.testing.assert_array_equal(decode(wav(samples, rate), limits=LIMITS, sample_rate=rate).waveform, samples)


def test_each_signal_is_scaled_by_its_own_peak() -> None:
    speech, high = tone(1_000, 1.0, 48_000, level=0.9), tone(6_000, 1.0, 48_000, level=2.0)
    stored = decode_into(MemoryStore, wav(speech + high, 48_000), limits=LIMITS, model_rate=8_000)
    middle = stored.model.waveform[800:-800]
    assert np.abs(middle).max() == pytest.approx(0.9, abs=0.01)  # the loud tone is beyond 4 kHz
    assert np.abs(stored.speech.waveform[:]).max() == 1.0
    assert [warning.code for warning in stored.warnings] == ["audio.above_full_scale"]
    loud = decode_into(MemoryStore, wav(2.4 * speech, 48_000), limits=LIMITS, model_rate=8_000)
    assert np.abs(loud.model.waveform[:]).max() == 1.0
    assert loud.model.variance == pytest.approx(np.var(loud.model.waveform[:], dtype=np.float64), rel=1e-9)


def test_cancelling_channels_are_left_out_of_both_signals() -> None:
    mono = voice(1.0, 48_000) * np.float32(0.5)
    stored = decode_into(MemoryStore, wav(stereo(mono, -mono), 48_000), limits=LIMITS, model_rate=24_000)
    assert [warning.code for warning in stored.warnings] == ["audio.channels_cancel"]
    np.testing.assert_allclose(stored.model.waveform[:], resampled(mono, 48_000, 24_000), atol=1e-6)
    np.testing.assert_allclose(stored.speech.waveform[:], resampled(mono, 48_000, 16_000), atol=1e-6)


@pytest.mark.parametrize(
    ("source_rate", "rate", "expected"), [(8_000, 8_000, None), (8_000, 16_000, 16_000), (16_000, 24_000, 24_000)]
)
def test_a_narrow_band_is_relative_to_the_model_s_rate(source_rate: int, rate: int, expected: int | None) -> None:
    warnings = decode(wav(voice(1.0, source_rate), source_rate), limits=LIMITS, sample_rate=rate).warnings
    assert [warning.values["expected_hz"] for warning in warnings] == ([expected] if expected is not None else [])


@BOTH
def test_25_ms_are_accepted_and_the_limit_is_enforced(rate: int, tmp_path: Path) -> None:
    short = riff(pcm16(voice(0.025)))
    assert len(decode(short, limits=LIMITS, sample_rate=rate).waveform) == pytest.approx(rate / 40, abs=1)
    with pytest.raises(AudioTooShortError):
        decode(riff(pcm16(voice(0.0249))), limits=LIMITS, sample_rate=rate)
    made: list[Spool] = []

    def spool() -> Spool:
        made.append(Spool(tmp_path, place=tmp_path, memory_bytes=1000))
        return made[-1]

    data = with_soundfile(np.zeros(50 * 16_000, dtype=np.float32), 16_000, format="FLAC", subtype="PCM_16")
    with pytest.raises(AudioTooLongError):
        decode_into(spool, data, limits=DecodeLimits(len(data), 20.0), model_rate=rate)
    assert len(made) == 2
    assert 0 < len(made[1]) <= 21 * rate
    assert all(store._file.closed for store in made)
    assert list(tmp_path.iterdir()) == []


def test_both_stores_are_announced_before_the_first_sample() -> None:
    announced: list[int] = []

    class Announced(MemoryStore):
        def expect(self, samples: int) -> None:
            assert len(self) == 0
            announced.append(samples)

    flac = with_soundfile(voice(2.0), 16_000, format="FLAC", subtype="PCM_16")
    decode_into(Announced, flac, limits=LIMITS, model_rate=8_000)
    assert announced == [2 * 16_000, 2 * (16_000 + 8_000)]  # the second includes the first: both need space
