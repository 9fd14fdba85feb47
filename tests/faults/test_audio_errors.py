"""Errors of unusable audio: what was found, what was expected, what to do; no other exception and no output."""

import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_files import pcm16, riff, tone, video_only, voice, with_pyav, with_soundfile
from tests.support.paths import ROOT
from webui.audio.decode import DecodeLimits, decode
from webui.errors import (
    AudioDecodeError,
    AudioError,
    AudioFetchError,
    AudioTooLongError,
    AudioTooShortError,
    EmptyAudioError,
)
from webui.texts import TEXTS, Language

LIMITS = DecodeLimits(max_bytes=5_000_000, max_duration_s=60)
PACKAGE = ROOT / "webui"
SPEECH = riff(pcm16(voice(1.0)))


def error_of(given: Path | bytes, expected: type[AudioError], limits: DecodeLimits = LIMITS) -> AudioError:
    with pytest.raises(AudioError) as caught:
        decode(given, limits=limits)
    error = caught.value
    assert type(error) is expected
    for language in Language:
        message = error.message(language)
        assert len(message) > 15
        assert "{" not in message
    return error


def test_paths_that_lead_to_no_file(tmp_path: Path) -> None:
    loop = tmp_path / "loop.wav"
    loop.symlink_to(loop)
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    cases = {
        tmp_path / "nothing.wav": "audio.no_such_file",
        tmp_path / "null\0.wav": "audio.no_such_file",
        tmp_path: "audio.is_folder",
        pipe: "audio.not_a_file",
        Path("/dev/zero"): "audio.not_a_file",
        loop: "audio.unreadable",
        tmp_path / ("x" * 300): "audio.unreadable",
    }
    for path, code in cases.items():
        error = error_of(path, AudioFetchError)
        assert error.code == code, path
        assert str(path) in error.message(Language.EN)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root can read every file")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "private.wav"
    path.write_bytes(SPEECH)
    path.chmod(0)

    assert error_of(path, AudioFetchError).code == "audio.unreadable"


def test_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()

    assert error_of(path, EmptyAudioError).code == "audio.empty_file"
    assert error_of(b"", EmptyAudioError).code == "audio.empty_file"
    assert error_of(riff(b""), EmptyAudioError).code == "audio.no_samples"
    assert error_of(riff(b"", claimed_bytes=1_000_000), EmptyAudioError).code == "audio.no_samples"
    no_samples = with_soundfile(np.zeros(0, dtype=np.float32), 16_000, format="WAV", subtype="FLOAT")
    assert error_of(no_samples, EmptyAudioError).code == "audio.no_samples"


@pytest.mark.parametrize(("rate", "samples"), [(16_000, 1), (16_000, 399), (48_000, 1_190), (8_000, 199)])
def test_less_than_25_ms(rate: int, samples: int) -> None:
    error = error_of(riff(pcm16(tone(300, 1.0, rate)[:samples]), rate=rate), AudioTooShortError)

    assert error.code == "audio.too_short"
    assert error.values["found_ms"] == pytest.approx(1_000 * samples / rate, abs=0.1)
    assert error.values["expected_ms"] == 25.0
    assert "25 ms found" not in str(error)  # 24.9, not "25 found, 25 expected"


def test_a_file_that_is_too_large_is_refused_before_reading(tmp_path: Path) -> None:
    limits = DecodeLimits(max_bytes=len(SPEECH) - 1, max_duration_s=60)
    vast = tmp_path / "vast.wav"
    with vast.open("wb") as file:
        file.truncate(1 << 40)  # a sparse terabyte

    assert error_of(SPEECH, AudioTooLongError, limits).code == "audio.too_many_bytes"
    error = error_of(vast, AudioTooLongError)
    assert error.values["found_mb"] == pytest.approx(1_099_511, abs=1)
    assert error.values["expected_mb"] == 5.0
    exactly = DecodeLimits(max_bytes=len(SPEECH), max_duration_s=60)
    assert len(decode(SPEECH, limits=exactly).waveform) == 16_000


@pytest.mark.parametrize(
    ("data", "code", "kind"),
    [
        (b"This is not a song, it is a letter.\nYours, Anna\n", "audio.text", None),
        ("这是一封信，不是录音。\n".encode(), "audio.text", None),
        ("这是一封信，不是录音。\n".encode("gb18030"), "audio.text", None),
        ("这是一封信，不是录音。\n".encode("utf-16"), "audio.text", None),
        (b'{"emotion": "happy"}', "audio.text", None),
        (b"\x02#!SILK_V3\x28\x00" + bytes(range(200)), "audio.silk", None),
        (b"#!SILK_V3\x28\x00" + bytes(range(200)), "audio.silk", None),
        (("这" * 3_000).encode(), "audio.text", None),  # the examined part ends within a character
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "audio.image", "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500), "audio.image", "JPEG"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(500), "audio.image", "WebP"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(500), "audio.image", "HEIC"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(500), "audio.not_audio", "PDF"),
        (b"PK\x03\x04" + bytes(500), "audio.not_audio", "ZIP / Office"),
        (bytes(10_000), "audio.unknown_format", None),
        (np.random.default_rng(0).bytes(10_000), "audio.unknown_format", None),
        (b"\0", "audio.unknown_format", None),
    ],
)
def test_files_that_are_not_audio(data: bytes, code: str, kind: str | None, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(data)

    for given in (path, data):
        error = error_of(given, AudioDecodeError)
        assert error.code == code
        assert error.values.get("kind") == kind
    assert "song.mp3" in str(error_of(path, AudioDecodeError))


def test_video_without_sound() -> None:
    for container in ("mp4", "mov", "matroska"):
        assert error_of(video_only(container=container), AudioDecodeError).code == "audio.video_without_sound"


def test_an_unknown_codec() -> None:
    in_mov = with_pyav(voice(0.5, 44_100), 44_100, container="mov", codec="pcm_s16le").replace(b"sowt", b"zzzz")

    assert error_of(in_mov, AudioDecodeError).code == "audio.unknown_codec"
    assert error_of(riff(pcm16(voice(0.5)), tag=0x4242), AudioDecodeError).code == "audio.unknown_codec"


@pytest.mark.parametrize("channels", [0, 513, 65_535])
def test_invalid_channel_counts(channels: int) -> None:
    error = error_of(riff(pcm16(voice(0.5)), channels=channels), AudioDecodeError)

    assert error.code == "audio.bad_channels"
    assert error.values["channels"] == channels


@pytest.mark.parametrize("rate", [0, 1, 3_999, 768_001, 4_000_000_000])
def test_invalid_sample_rates(rate: int) -> None:
    error = error_of(riff(pcm16(voice(0.5)), rate=rate), AudioDecodeError)

    assert error.code == "audio.absurd_rate"
    assert error.values["found_hz"] == rate


def test_invalid_aiff_and_caf_headers() -> None:
    aiff = with_soundfile(voice(0.5), 16_000, format="AIFF", subtype="PCM_16")
    at = aiff.index(b"COMM") + 8
    assert error_of(aiff[:at] + b"\0\0" + aiff[at + 2 :], AudioDecodeError).code == "audio.bad_channels"
    rate = aiff[: at + 8] + b"\x7f\xff" + aiff[at + 10 :]  # the largest exponent
    assert error_of(rate, AudioDecodeError).code == "audio.absurd_rate"
    caf = with_soundfile(voice(0.5), 16_000, format="CAF", subtype="PCM_16")
    at = caf.index(b"desc") + 12
    for value in (0.0, -1.0, float("nan"), float("inf"), 1e300):
        data = caf[:at] + struct.pack(">d", value) + caf[at + 8 :]
        assert error_of(data, AudioDecodeError).code == "audio.absurd_rate"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("container", ["wav-float", "wav-double", "mkv"])
def test_samples_that_are_not_finite(value: float, container: str) -> None:
    samples = voice(2.0)
    samples[24_000] = value
    if container == "mkv":
        data = with_pyav(samples, 16_000, container="matroska", codec="pcm_f32le")
    else:
        data = with_soundfile(samples, 16_000, format="WAV", subtype=container.removeprefix("wav-").upper())

    error = error_of(data, AudioDecodeError)

    assert error.code == "audio.not_finite"
    assert error.values["at_s"] == pytest.approx(1.5, abs=0.001)


def test_values_beyond_float32() -> None:
    samples = voice(1.0).astype(np.float64)
    samples[8_000] = 1e300
    vast = voice(1.0, 44_100)
    vast[20_000:20_100] = 3e38  # finite values, but their sum in the resampler's filter is not finite

    double = with_soundfile(samples, 16_000, format="WAV", subtype="DOUBLE")
    assert error_of(double, AudioDecodeError).code == "audio.not_finite"
    assert (
        error_of(with_soundfile(vast, 44_100, format="WAV", subtype="FLOAT"), AudioDecodeError).code
        == "audio.not_finite"
    )


def test_a_library_error_is_kept_as_the_cause() -> None:
    error = error_of(SPEECH[:30], AudioDecodeError)

    assert error.code == "audio.damaged_header"
    assert error.__cause__ is not None


def test_every_text_is_used_and_every_code_has_a_text() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if PACKAGE / "texts" not in file.parents]
    sources = [file.read_text(encoding="utf-8") for file in files]
    used = {code for source in sources for code in re.findall(r'"(audio\.[a-z0-9_]+)"', source)}

    assert used == {code for code in TEXTS if code.startswith("audio.")}


def test_both_languages_have_the_same_placeholders() -> None:
    for code, words in TEXTS.items():
        if code.startswith("audio."):
            names = [set(re.findall(r"{([a-z_]+)", sentence)) for sentence in words]
            assert names[0] == names[1], code
