"""Every format is detected by content and decoded without distortion or delay."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_files import (
    FORMATS,
    AudioFormat,
    Samples,
    amr_wb,
    chirp,
    riff,
    stereo,
    voice,
    with_pyav,
    with_soundfile,
)
from tests.support.paths import SHARED
from webui.audio.decode import DecodeLimits, Recording, decode

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
CASES = [(form, channels) for form in FORMATS for channels in (1, 2) if channels <= form.channels]
SHARED = SHARED / "data"


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in recording.warnings]


def delay_of(waveform: Samples, reference: Samples) -> int:
    """Returns the delay of ``waveform`` in samples, from the peak of the correlation."""
    correlation = np.correlate(np.pad(waveform, (len(reference), 0)), reference, mode="full")
    return int(correlation.argmax()) - (2 * len(reference) - 1)


def snr_db(waveform: Samples, reference: Samples) -> float:
    noise = waveform - reference
    return float(10 * np.log10(np.sum(reference**2) / max(float(np.sum(noise**2)), 1e-30)))


@pytest.mark.parametrize(("form", "channels"), CASES, ids=[f"{form.label}-{channels}ch" for form, channels in CASES])
def test_every_format_is_complete_and_without_delay(form: AudioFormat, channels: int) -> None:
    mono = chirp(1.0, form.rate)
    recording = decode(form.make(mono if channels == 1 else stereo(mono, mono), form.rate), limits=LIMITS)

    assert recording.source.format == form.expected
    assert recording.source.channels == channels
    assert recording.source.sample_rate_hz == form.rate
    assert recording.source.duration_s == pytest.approx(1.0, abs=0.1)
    assert codes(recording) == (["audio.narrow_band"] if form.rate < 16_000 else [])
    assert recording.sample_rate == 16_000
    assert recording.waveform.dtype == np.float32
    assert recording.waveform.ndim == 1
    reference = chirp(1.0, 16_000)
    assert abs(delay_of(recording.waveform, reference) - form.delay) <= 1
    start = max(form.delay, 0)
    aligned = recording.waveform[start : start + 16_000]
    reference = reference[max(-form.delay, 0) :][: len(aligned)]
    assert snr_db(aligned[: len(reference)], reference) > form.min_snr_db


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_paths_and_bytes_give_the_same_result_for_any_name(form: AudioFormat, tmp_path: Path) -> None:
    data = form.make(voice(0.5, form.rate), form.rate)
    path = tmp_path / "录音 of a voice.txt"
    path.write_bytes(data)

    from_path = decode(path, limits=LIMITS)
    from_bytes = decode(data, limits=LIMITS, file_name="/some/folder/clip.bin")

    np.testing.assert_array_equal(from_path.waveform, from_bytes.waveform)
    assert from_path.source.file_name == "录音 of a voice.txt"
    assert from_bytes.source.file_name == "clip.bin"
    assert from_path.source.size_bytes == from_bytes.source.size_bytes == len(data)
    assert from_path.source.format == from_bytes.source.format == form.expected


@pytest.mark.parametrize("make", ["wav", "flac", "mkv"])
def test_16_khz_mono_16_bit_is_bit_exact(make: str) -> None:
    values = np.random.default_rng(5).integers(-32_768, 32_768, size=50_000).astype("<i2")
    values[:2] = -32_768, 32_767
    expected = values.astype(np.float32) / np.float32(32_768)
    if make == "wav":
        data = riff(values.tobytes())
    elif make == "flac":
        data = with_soundfile(values, 16_000, format="FLAC", subtype="PCM_16")
    else:
        data = with_pyav(expected, 16_000, container="matroska", codec="pcm_s16le")

    waveform = decode(data, limits=LIMITS).waveform

    np.testing.assert_array_equal(waveform[: len(expected)], expected)
    assert len(waveform) == len(expected)


def test_16_khz_mono_24_bit_and_float_are_bit_exact() -> None:
    values = np.random.default_rng(6).integers(-(2**23), 2**23, size=20_000)
    expected = (values / 2**23).astype(np.float32)
    for subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        data = with_soundfile(expected, 16_000, format="WAV", subtype=subtype)
        np.testing.assert_array_equal(decode(data, limits=LIMITS).waveform, expected, err_msg=subtype)


def test_amr_wide_band_is_decoded_at_16_khz() -> None:
    recording = decode(amr_wb(1.0), limits=LIMITS)

    assert recording.source.format == "amr/amr_wb"
    assert recording.source.sample_rate_hz == 16_000
    assert len(recording.waveform) == 16_000
    assert "audio.narrow_band" not in codes(recording)
    assert 0.01 < recording.waveform.std() < 1.0


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("webm", "libopus"), ("matroska", "pcm_f32le")])
def test_eight_channels_are_mixed(container: str, codec: str) -> None:
    mono = chirp(1.0, 48_000)
    data = with_pyav(np.stack([mono] * 8, axis=1), 48_000, container=container, codec=codec)

    recording = decode(data, limits=LIMITS)

    assert recording.source.channels == 8
    # The codec keeps only low frequencies in the LFE channel, so seven of eight channels remain.
    assert np.dot(recording.waveform[:16_000], chirp(1.0, 16_000)) / np.sum(chirp(1.0, 16_000) ** 2) > 0.8


def test_mp4_in_fragments_and_mp4_with_its_index_in_front(tmp_path: Path) -> None:
    speech = voice(4.0, 44_100)
    fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}
    plain = decode(with_pyav(speech, 44_100, container="mp4", codec="aac"), limits=LIMITS)

    in_fragments = decode(with_pyav(speech, 44_100, container="mp4", codec="aac", options=fragments), limits=LIMITS)
    in_front = tmp_path / "front.mp4"
    with_pyav(speech, 44_100, container="mp4", codec="aac", options={"movflags": "faststart"}, path=in_front)

    np.testing.assert_array_equal(decode(in_front, limits=LIMITS).waveform, plain.waveform)
    assert in_fragments.source.duration_s == pytest.approx(plain.source.duration_s, abs=0.05)
    assert codes(in_fragments) == []


@pytest.mark.parametrize("label", ["ogg-vorbis", "ogg-opus", "mp3", "adts"])
def test_concatenated_files_are_read_to_the_end(label: str) -> None:
    form = next(form for form in FORMATS if form.label == label)
    first, second = (form.make(voice(1.0, form.rate, seed=seed), form.rate) for seed in (1, 2))

    assert decode(first + second, limits=LIMITS).source.duration_s == pytest.approx(2.0, abs=0.2)


def test_mp3_with_tags_cover_and_junk_around_it() -> None:
    plain = with_pyav(voice(2.0, 44_100), 44_100, container="mp3", codec="libmp3lame")
    frames = plain[plain.index(b"\xff\xfb") :]
    picture = b"\0image/jpeg\0\3\0\xff\xd8\xff\xe0" + bytes(range(1, 255)) * 120
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    expected = decode(plain, limits=LIMITS).waveform

    tagged = decode(b"ID3\3\0\0" + size + frame + frames + b"TAG" + b"x" * 125, limits=LIMITS)

    np.testing.assert_array_equal(tagged.waveform, expected)
    assert codes(tagged) == []
    junk = np.random.default_rng(3).bytes(3_000)
    assert decode(junk + frames, limits=LIMITS).source.duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\\b\\c.wav", "c.wav"),
        ("x\ny.wav", "x\N{REPLACEMENT CHARACTER}y.wav"),
        ("", "recording"),
        (None, "recording"),
        ("录音.m4a", "录音.m4a"),
    ],
)
def test_file_names_are_sanitised_for_logs(name: str | None, expected: str) -> None:
    data = riff(np.zeros(16_000, dtype="<i2").tobytes())

    assert decode(data, limits=LIMITS, file_name=name).source.file_name == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data next to this checkout")
def test_real_recordings() -> None:
    jfk = decode(SHARED / "clips" / "jfk.flac", limits=LIMITS)
    assert (jfk.source.format, jfk.source.duration_s, len(jfk.waveform)) == ("flac/flac", 11.0, 176_000)
    assert codes(jfk) == []

    clips = sorted((SHARED / "speech").rglob("*.opus"))[::250]
    for clip in clips:
        recording = decode(clip, limits=LIMITS)
        assert recording.source.format == "ogg/opus"
        assert codes(recording) == [], clip
