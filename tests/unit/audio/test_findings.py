"""Warnings about recordings: present when they apply, and only then."""

import numpy as np
import pytest

from tests.support.audio_files import Samples, riff, stereo, tone, voice, with_pyav, with_soundfile
from webui.audio.decode import DecodeLimits, decode
from webui.audio.signal.level import LevelMeter
from webui.results import Notice
from webui.texts import Language

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)


def warnings_of(samples: Samples, rate: int = 16_000, subtype: str = "PCM_16") -> dict[str, Notice]:
    data = with_soundfile(samples, rate, format="WAV", subtype=subtype)
    return {warning.code: warning for warning in decode(data, limits=LIMITS).warnings}


def test_good_speech_has_no_warning() -> None:
    for rate in (16_000, 44_100, 48_000):
        assert warnings_of(voice(1.0, rate), rate) == {}
    assert warnings_of(voice(1.0, level=1.0)) == {}
    assert warnings_of(tone(440, level=0.999)) == {}


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_digital_silence_gives_an_answer_with_a_warning(rate: int) -> None:
    found = warnings_of(np.zeros(rate, dtype=np.float32), rate)

    assert list(found) == ["audio.no_speech"]
    assert found["audio.no_speech"].values["level_dbfs"] == -120.0
    assert "No speech-like signal" in found["audio.no_speech"].message()
    assert "没有检测到类似语音的信号" in found["audio.no_speech"].message(Language.ZH)


def test_input_noise_counts_as_silence_and_a_whisper_does_not() -> None:
    noise = np.random.default_rng(1).normal(size=32_000).astype(np.float32)

    assert "audio.no_speech" in warnings_of(10 ** (-72 / 20) * noise, subtype="FLOAT")
    assert "audio.no_speech" in warnings_of(10 ** (-72 / 20) * noise + 0.5, subtype="FLOAT")
    assert warnings_of(10 ** (-58 / 20) * noise, subtype="FLOAT") == {}


def test_one_soft_syllable_in_a_long_silence_is_found_anywhere() -> None:
    for start in (0, 8_000, 30 * 16_000 - 3_200):
        samples = np.zeros(30 * 16_000, dtype=np.float32)
        samples[start : start + 3_200] = voice(0.2, level=0.01)
        assert warnings_of(samples, subtype="FLOAT") == {}, start


@pytest.mark.parametrize("seconds", [0.025, 0.5, 59.99, 60.0, 60.01, 125.0])
def test_level_counts_every_part_of_a_recording(seconds: float) -> None:
    waveform = np.zeros(round(seconds * 16_000), dtype=np.float32)
    waveform[-400:] = tone(1_000, 0.025, level=0.1)

    for block in (len(waveform), 131_072, 1_001):
        assert level_of(waveform, block) == pytest.approx(-23.0, abs=0.1)
        assert level_of(np.zeros_like(waveform), block) == -120.0


def level_of(waveform: Samples, block: int) -> float:
    meter = LevelMeter()
    for start in range(0, len(waveform), block):
        meter.add(waveform[start : start + block])
    return meter.level_dbfs


def test_telephone_band() -> None:
    found = warnings_of(voice(1.0, 8_000), 8_000)

    assert list(found) == ["audio.narrow_band"]
    assert dict(found["audio.narrow_band"].values) == {"found_hz": 8_000, "expected_hz": 16_000}


def test_clipping_is_distinguished_from_loudness() -> None:
    clipped = np.clip(4 * voice(1.0, 44_100, level=1.0), -1, 1).astype(np.float32)

    found = warnings_of(stereo(clipped, clipped), 44_100)

    assert list(found) == ["audio.clipped"]
    assert float(found["audio.clipped"].values["share"]) > 0.02


def test_several_tracks_give_a_warning() -> None:
    data = with_pyav(voice(1.0, 44_100), 44_100, container="mp4", codec="aac", tracks=2)

    recording = decode(data, limits=LIMITS)

    assert [warning.code for warning in recording.warnings] == ["audio.several_tracks"]
    assert recording.warnings[0].values["tracks"] == 2


def test_exactly_25_ms_are_enough() -> None:
    data = riff(np.full(400, 3_000, dtype="<i2").tobytes())

    assert len(decode(data, limits=LIMITS).waveform) == 400
