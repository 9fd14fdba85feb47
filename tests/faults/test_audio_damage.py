"""Damaged and truncated files: the readable part is used with a warning, and the only exception is ``AudioError``."""

import random
import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_files import (
    FORMATS,
    AudioFormat,
    amr_wb,
    gsm,
    pcm16,
    riff,
    stereo,
    video_only,
    voice,
    with_pyav,
)
from tests.support.proofs import sizes
from webui.audio import source as source_module
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.errors import AudioDecodeError, AudioError, AudioFetchError, EmptyAudioError

LIMITS = DecodeLimits(max_bytes=5_000_000, max_duration_s=30)
BY_LABEL = {form.label: form for form in FORMATS}
INDEX_AT_END = ("m4a", "alac", "mp4", "mp4-video", "mov-video", "3gp-amr")  # unreadable without the end
SILENTLY_SHORT = ("w64", "au")  # the length in the header is not used
WITHOUT_LENGTH = ("ts", "ts-mp2", "mpg", "flv-mp3", "ac3", "eac3")  # so nothing shows that the end is missing


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in recording.warnings if warning.code != "audio.narrow_band"]


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_half_a_file_gives_half_the_recording_with_a_warning(form: AudioFormat) -> None:
    data = form.make(voice(8.0, form.rate), form.rate)
    half = data[: len(data) // 2]
    if form.label in INDEX_AT_END:
        with pytest.raises(AudioDecodeError) as caught:
            decode(half, limits=LIMITS)
        assert caught.value.code == "audio.damaged_header"
        return

    recording = decode(half, limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(4.0, abs=1.1)
    assert len(recording.waveform) == pytest.approx(recording.source.duration_s * 16_000, abs=1)
    if form.label not in (*SILENTLY_SHORT, *WITHOUT_LENGTH):
        warning = next(warning for warning in recording.warnings if warning.code.startswith(("audio.inc", "audio.dam")))
        assert warning.values["kept_s"] == round(recording.source.duration_s, 2)
        if warning.code == "audio.incomplete":
            assert warning.values["expected_s"] == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_a_complete_file_has_no_warning_about_damage(form: AudioFormat) -> None:
    for seconds in (0.1, 1.0, 7.3):
        recording = decode(form.make(voice(seconds, form.rate), form.rate), limits=LIMITS)
        assert codes(recording) == []


@pytest.mark.parametrize("label", ["flac", "m4a", "mkv-video", "adts"])
def test_damage_in_the_middle_affects_only_the_middle(label: str) -> None:
    form = BY_LABEL[label]
    intact = form.make(voice(8.0), 16_000)
    data = bytearray(intact)
    at = len(data) // 2
    data[at : at + 40] = bytes(range(40))

    recording = decode(bytes(data), limits=LIMITS)

    assert 7.5 < recording.source.duration_s < 8.2
    whole = decode(intact, limits=LIMITS).waveform
    np.testing.assert_allclose(recording.waveform[:40_000], whole[:40_000], atol=1e-6)
    assert np.corrcoef(recording.waveform[-40_000:], whole[-40_000:])[0, 1] > 0.98  # AAC fills parts with noise
    if label != "mkv-video":
        assert codes(recording) == ["audio.damaged_parts"]


def test_a_truncated_mp4_with_its_index_in_front_is_read(tmp_path: Path) -> None:
    path = tmp_path / "front.mp4"
    data = with_pyav(
        voice(8.0, 44_100), 44_100, container="mp4", codec="aac", options={"movflags": "faststart"}, path=path
    )

    recording = decode(data[: len(data) // 2], limits=LIMITS)

    assert 3.0 < recording.source.duration_s < 5.0
    assert codes(recording) == ["audio.incomplete"]
    assert recording.warnings[0].values["expected_s"] == pytest.approx(8.0, abs=0.1)


def test_a_tiny_part_of_a_file_is_an_error() -> None:
    for label in ("flac", "ogg-vorbis", "mp3", "adts"):
        form = BY_LABEL[label]
        data = form.make(voice(4.0, form.rate), form.rate)
        start = 200 if label in ("mp3", "adts") else 90
        with pytest.raises((AudioDecodeError, EmptyAudioError)):
            decode(data[:start], limits=LIMITS)


class _FailingFile:
    """A file on a disk that fails after ``good`` bytes."""

    def __init__(self, data: bytes, good: int) -> None:
        self._data, self._good, self._at = data, good, 0

    def __enter__(self) -> "_FailingFile":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def read(self, size: int = -1) -> bytes:
        if self._at + max(size, 0) > self._good:
            raise OSError(5, "Input/output error")
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._data))[whence]
        return self._at

    def tell(self) -> int:
        return self._at


@pytest.mark.parametrize("label", ["wav-s16", "flac", "mp3", "webm-opus"])
@pytest.mark.parametrize("good", [0, 20_000])
def test_a_disk_that_fails_while_reading(label: str, good: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form = BY_LABEL[label]
    data = form.make(voice(8.0, form.rate), form.rate)
    assert len(data) > 40_000
    monkeypatch.setattr(source_module, "_open_file", lambda _: _FailingFile(data, good))

    with pytest.raises(AudioFetchError) as caught:
        decode(Path("clip.wav"), limits=LIMITS)

    assert caught.value.code == "audio.unreadable"
    assert "Input/output error" in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def _mutated(data: bytes, rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.2:
        return data[: rng.randrange(1, len(data))]
    at = rng.randrange(len(data))
    if kind < 0.3:
        return data[:at] + data[at + rng.randrange(1, 200) :]
    if kind < 0.4:
        return data[:at] + rng.randbytes(rng.randrange(1, 200)) + data[at:]
    reach = 400 if kind < 0.7 else len(data)  # the header is damaged as often as the rest
    flipped = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16, 64))):
        flipped[rng.randrange(min(len(data), reach))] = rng.choice((0, 127, 128, 255, rng.randrange(256)))
    return bytes(flipped)


def _fuzz_seeds() -> dict[str, list[bytes]]:
    seeds = {}
    for form in FORMATS:
        mono = voice(0.4, form.rate)
        seeds[form.label] = [form.make(mono, form.rate)]
        if form.channels > 1:
            seeds[form.label].append(form.make(stereo(mono, voice(0.4, form.rate, seed=1)), form.rate))
    seeds["amr-wb"] = [amr_wb(0.4)]
    seeds["gsm"] = [gsm(0.4)]
    seeds["video"] = [video_only(), video_only(container="matroska")]
    eight = np.stack([voice(0.4, 48_000)] * 8, axis=1)
    seeds["eight channels"] = [with_pyav(eight, 48_000, container="ipod", codec="aac")]
    return seeds


@sizes("count", small=15, full=1000)
def test_mutations_give_a_recording_or_an_audio_error(capfd: pytest.CaptureFixture[str], count: int) -> None:
    """Every file gives a recording or an ``AudioError``: no other exception, output or numpy warning."""
    rng = random.Random(20_240_104)
    outcomes = {"recording": 0, "error": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for label, seeds in _fuzz_seeds().items():
            for turn in range(count):
                data = _mutated(rng.choice(seeds), rng)
                try:
                    recording = decode(data, limits=LIMITS)
                except AudioError:
                    outcomes["error"] += 1
                    continue
                outcomes["recording"] += 1
                assert np.isfinite(recording.waveform).all(), (label, turn)
                assert np.abs(recording.waveform).max() <= 1.0
                assert len(recording.waveform) >= 400
    assert min(outcomes.values()) > 100
    assert capfd.readouterr() == ("", "")


def test_wav_chunks_before_and_after_the_samples() -> None:
    speech = voice(1.0)
    plain = riff(pcm16(speech))
    extra = b"LIST" + (5).to_bytes(4, "little") + b"INFO\0" + b"\0"  # of odd length, so padded
    before = plain[:12] + extra + plain[12:]
    before = b"RIFF" + (len(before) - 8).to_bytes(4, "little") + before[8:]
    after = plain + extra

    for data in (before, after):
        recording = decode(data, limits=LIMITS)
        np.testing.assert_array_equal(recording.waveform, decode(plain, limits=LIMITS).waveform)
        assert recording.warnings == ()
