"""Decoding does not change the signal audibly."""

import math

import numpy as np
import pytest
import soxr

from tests.support.audio_files import Samples, chirp, pcm16, riff, stereo, tone, voice, with_pyav, with_soundfile
from webui.audio.decode import DecodeLimits, decode

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)


def wav(samples: Samples, rate: int, subtype: str = "FLOAT") -> bytes:
    return with_soundfile(samples, rate, format="WAV", subtype=subtype)


def level_db(waveform: Samples, reference: float) -> float:
    """Returns the level of the middle part (both ends have a click) relative to a sine with this peak."""
    middle = waveform[1_600:-1_600].astype(np.float64)
    return 20 * math.log10(math.sqrt(2 * float(np.mean(middle**2))) / reference + 1e-12)


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [9_000, 10_000])
def test_tones_above_8_khz_do_not_alias(rate: int, frequency_hz: int) -> None:
    assert level_db(decode(wav(tone(frequency_hz, 1.0, rate, level=0.9), rate), limits=LIMITS).waveform, 0.9) < -90


def test_12_khz_at_48_khz_is_removed() -> None:
    assert level_db(decode(wav(tone(12_000, 1.0, 48_000, level=0.9), 48_000), limits=LIMITS).waveform, 0.9) < -90


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("frequency_hz", [100, 1_000, 3_000])
def test_lower_tones_keep_their_level(rate: int, frequency_hz: int) -> None:
    waveform = decode(wav(tone(frequency_hz, 1.0, rate), rate), limits=LIMITS).waveform

    assert level_db(waveform, 0.5) == pytest.approx(0.0, abs=0.01)


def test_pyav_formats_go_through_the_same_filter() -> None:
    data = with_pyav(tone(12_000, 1.0, 48_000, level=0.9), 48_000, container="matroska", codec="pcm_s24le")

    assert level_db(decode(data, limits=LIMITS).waveform, 0.9) < -90


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 15_999, 16_001, 22_050, 44_100, 44_101, 48_000, 768_000])
def test_length_and_position_are_exact_to_a_sample(rate: int) -> None:
    impulse = np.zeros(rate, dtype=np.float32)
    impulse[rate // 2] = 0.9

    waveform = decode(wav(impulse, rate), limits=LIMITS).waveform

    assert len(waveform) == 16_000
    assert abs(int(np.abs(waveform).argmax()) - 16_000 * (rate // 2) / rate) <= 1


@pytest.mark.parametrize("container", ["wav", "mkv"])
def test_blocks_join_without_a_seam(container: str) -> None:
    sweep = chirp(12.0, 44_100)  # several blocks
    if container == "wav":
        data, same = wav(sweep, 44_100), sweep
    else:
        data = with_pyav(sweep, 44_100, container="matroska", codec="pcm_f32le")
        same = sweep

    waveform = decode(data, limits=LIMITS).waveform

    np.testing.assert_allclose(waveform, soxr.resample(same, 44_100, 16_000), atol=1e-6)


def test_downmix_is_the_mean_of_the_channels() -> None:
    left, right = voice(1.0, seed=1), voice(1.0, seed=2)
    silent = np.zeros_like(left)

    mixed = decode(wav(stereo(left, right), 16_000), limits=LIMITS).waveform
    of_four = decode(wav(np.stack([left, right, silent, silent], axis=1), 16_000), limits=LIMITS).waveform

    np.testing.assert_allclose(mixed, (left + right) / 2, atol=1e-7)
    np.testing.assert_allclose(of_four, (left + right) / 4, atol=1e-7)


def test_opposite_polarity_is_not_silence() -> None:
    speech = voice(1.0, seed=1)

    recording = decode(wav(stereo(0.5 * speech, -0.5 * speech), 16_000), limits=LIMITS)
    partly = decode(wav(stereo(0.5 * speech, -0.25 * speech), 16_000), limits=LIMITS)

    np.testing.assert_allclose(recording.waveform, 0.5 * speech, atol=1e-7)
    assert [(warning.code, dict(warning.values)) for warning in recording.warnings] == [
        ("audio.channels_cancel", {"channels": 2, "used": 1})
    ]
    np.testing.assert_allclose(partly.waveform, 0.125 * speech, atol=1e-7)
    assert partly.warnings == ()


def test_samples_above_full_scale_are_scaled_and_not_clipped() -> None:
    speech = voice(1.0, level=0.5)

    slightly = decode(wav(2.4 * speech, 16_000), limits=LIMITS)
    integers = decode(wav(np.round(32_767 * speech), 16_000), limits=LIMITS)

    for recording in (slightly, integers):
        assert np.abs(recording.waveform).max() == 1.0
        assert np.corrcoef(recording.waveform, speech)[0, 1] > 0.999_99
    assert slightly.warnings == ()  # 1.2: less than 3 dB
    assert [warning.code for warning in integers.warnings] == ["audio.above_full_scale"]
    assert integers.warnings[0].values["peak"] == pytest.approx(16_384, abs=1)


def test_overshoot_of_the_filter_stays_in_range() -> None:
    square = np.sign(tone(301, 1.0, 44_100)).astype(np.float32)

    waveform = decode(wav(square, 44_100), limits=LIMITS).waveform

    assert np.abs(waveform).max() == 1.0


def test_constant_offset_and_both_ends_of_the_scale_survive() -> None:
    data = riff(pcm16(np.full(16_000, -0.25, dtype=np.float32)))

    np.testing.assert_allclose(decode(data, limits=LIMITS).waveform, -0.25, atol=1e-4)
