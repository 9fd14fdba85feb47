"""Recordings joined into one file, tags around them, and headers with missing or wrong values."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_files import (
    FORMATS,
    AudioFormat,
    Samples,
    pcm16,
    riff,
    stereo,
    tone,
    voice,
    with_pyav,
)
from tests.support.odd_files import (
    ape_tag,
    dts_as_pcm,
    id3v1,
    id3v2,
    ogg_pages,
    riff_chunk,
    with_entry,
    with_serial,
    with_short_format,
)
from webui.audio.containers.encoded_pcm import encoded_kind
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.audio.source import open_source
from webui.errors import AudioDecodeError
from webui.texts import Language

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=120)
BY_LABEL = {form.label: form for form in FORMATS}
SPEECH = voice(2.0)
WAV = riff(pcm16(SPEECH))
JUNK = b"\x01 neither a chunk nor a tag \x02" * 20


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in recording.warnings if warning.code != "audio.narrow_band"]


def encoded(label: str, seconds: float, seed: int = 0) -> bytes:
    form = BY_LABEL[label]
    return form.make(voice(seconds, form.rate, seed=seed), form.rate)


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_three_recordings_in_one_file_are_all_read(form: AudioFormat) -> None:
    files = [form.make(voice(seconds, form.rate, seed=seed), form.rate) for seed, seconds in enumerate((3.0, 1.5, 2.0))]
    parts = [decode(file, limits=LIMITS).waveform for file in files]

    recording = decode(b"".join(files), limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.format == form.expected
    delay_s = 0.2 if form.label.startswith("mp3") else 0.03  # an MP3's first frame is silent, and it has padding
    assert len(recording.waveform) == pytest.approx(sum(map(len, parts)), abs=delay_s * 16_000)
    for part, start in ((parts[0], 0), (parts[2], len(recording.waveform) - len(parts[2]))):
        late = range(-1_500, 1_501) if form.label.startswith("mp3") else (0,)
        pieces = (recording.waveform[start + 4_000 + by : start + 20_000 + by] for by in late)
        assert max(float(np.corrcoef(piece, part[4_000:20_000])[0, 1]) for piece in pieces) > 0.97


@pytest.mark.parametrize("label", ["wav-s16", "aiff", "caf", "au", "flac", "m4a", "mkv-video", "ogg-vorbis"])
def test_a_second_recording_may_have_another_rate_and_other_channels(label: str) -> None:
    form = BY_LABEL[label]
    first = form.make(voice(2.0, form.rate), form.rate)
    second = form.make(stereo(voice(3.0, 22_050, seed=1), voice(3.0, 22_050, seed=1)), 22_050)

    recording = decode(first + second, limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(5.0, abs=0.1)
    expected = decode(second, limits=LIMITS).waveform
    assert np.corrcoef(recording.waveform[-32_000:], expected[-32_000:])[0, 1] > 0.97


def test_two_chunks_of_samples_in_one_wav() -> None:
    more = voice(1.0, seed=3)
    for between in (b"", riff_chunk(b"LIST", b"INFOISFT"), riff_chunk(b"odd ", b"abc")):
        recording = decode(WAV + between + riff_chunk(b"data", pcm16(more)), limits=LIMITS)

        expected = np.concatenate(
            [decode(WAV, limits=LIMITS).waveform, decode(riff(pcm16(more)), limits=LIMITS).waveform]
        )
        np.testing.assert_array_equal(recording.waveform, expected)
        assert codes(recording) == []


def test_a_wav_of_odd_length_without_padding_may_be_joined() -> None:
    data = np.round(voice(1.0)[:15_001] * 127 + 128).astype("u1").tobytes()

    recording = decode(riff(data, bits=8) + riff(data, bits=8), limits=LIMITS)

    assert len(recording.waveform) == 2 * 15_001


def test_the_last_of_several_recordings_may_be_cut_off() -> None:
    recording = decode((WAV * 2)[:-16_000], limits=LIMITS)

    assert codes(recording) == ["audio.incomplete"]
    assert dict(recording.warnings[0].values) == {"kept_s": 3.5, "expected_s": 4.0}


def test_fragments_of_mp4_are_one_recording_if_their_timestamps_continue() -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}
    data = with_pyav(voice(4.0, 44_100), 44_100, container="mp4", codec="aac", options=options)
    header = data[: data.index(b"moof") - 4]
    middle = data.index(b"moof", len(data) // 2) - 4
    plain = decode(data, limits=LIMITS)

    again = decode(data[:middle] + header + data[middle:], limits=LIMITS)
    joined = decode(data + data, limits=LIMITS)

    np.testing.assert_array_equal(again.waveform, plain.waveform)
    assert len(joined.waveform) == pytest.approx(2 * len(plain.waveform), abs=2)


@pytest.mark.parametrize("label", ["wav-s16", "rf64", "w64", "aiff", "caf", "au", "m4a", "mov-video"])
@pytest.mark.parametrize("rest", [JUNK, WAV, encoded("amr-nb", 1.0)], ids=["junk", "wav", "amr"])
def test_unused_bytes_after_the_end_are_reported(label: str, rest: bytes) -> None:
    if rest is WAV and label in ("wav-s16", "rf64"):
        return
    data = encoded(label, 2.0)
    expected = decode(data, limits=LIMITS)

    recording = decode(data + rest, limits=LIMITS)

    assert codes(recording) == ["audio.trailing_bytes"]
    assert recording.warnings[0].values["unused_bytes"] == pytest.approx(len(rest), abs=1)
    assert f"{len(rest)} more bytes after its end that were not used" in recording.warnings[0].message()
    assert f"{len(rest)} 字节" in recording.warnings[0].message(Language.ZH)
    np.testing.assert_array_equal(recording.waveform, expected.waveform)


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_ordinary_trailers_have_no_warning(form: AudioFormat) -> None:
    data = form.make(voice(2.0, form.rate), form.rate)
    expected = decode(data, limits=LIMITS)
    for trailer in (id3v1(), ape_tag() + id3v1(), bytes(3_000)):
        if form.label.startswith(("flac", "amr", "ts", "wv", "ac3", "eac3")) and not any(trailer):
            continue  # zeros are damaged frames in these, and frames in AMR
        recording = decode(data + trailer, limits=LIMITS)
        assert codes(recording) == [], trailer[:4]
        assert len(recording.waveform) == pytest.approx(len(expected.waveform), abs=300)  # an MP3 also has its padding


def test_chunks_after_the_samples_cause_no_warning() -> None:
    for name in (b"LIST", b"id3 ", b"bext", b"iXML", b"cart"):
        assert decode(WAV + riff_chunk(name, b"x" * 301), limits=LIMITS).warnings == ()


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_id3_tags_in_front_of_any_format_are_skipped(form: AudioFormat) -> None:
    data = form.make(voice(1.0, form.rate), form.rate)
    expected = decode(data, limits=LIMITS)
    for tags in (id3v2(10), id3v2(3_000_000, version=3), id3v2(500, footer=True) + id3v2(70_000) + bytes(99)):
        recording = decode(tags + data, limits=LIMITS)

        np.testing.assert_array_equal(recording.waveform, expected.waveform)
        assert recording.source.format == form.expected
        assert recording.source.size_bytes == len(tags) + len(data)
        assert recording.warnings == expected.warnings


def test_a_text_with_a_tag_in_front_is_a_text() -> None:
    with pytest.raises(AudioDecodeError) as caught:
        decode(id3v2(300) + b"#EXTM3U\nhttp://example.org/a.mp3\n", limits=LIMITS)

    assert caught.value.code == "audio.playlist"


@pytest.mark.parametrize("label", ["mp3", "mp3-22k", "adts"])
def test_tags_between_joined_mpeg_files_are_not_damage(label: str) -> None:
    files = [encoded(label, seconds, seed) for seed, seconds in enumerate((3.0, 2.0, 2.5))]
    plain = decode(b"".join(files), limits=LIMITS)

    tagged = b"".join(id3v2(300_000, version=3) + file + ape_tag() + id3v1() for file in files)
    recording = decode(tagged, limits=LIMITS)

    assert codes(recording) == codes(plain) == []
    np.testing.assert_array_equal(recording.waveform, plain.waveform)


def test_an_mp3_with_missing_frames_is_still_reported_as_damaged() -> None:
    first, second = encoded("mp3", 3.0), bytearray(encoded("mp3", 3.0, 1))
    second[len(second) // 2 : len(second) // 2 + 600] = np.random.default_rng(2).bytes(600)

    recording = decode(first + id3v2(5_000) + bytes(second), limits=LIMITS)

    assert codes(recording) == ["audio.damaged_parts"]


@pytest.mark.parametrize("label", ["ogg-vorbis", "ogg-opus", "ogg-flac"])
@pytest.mark.parametrize("serials", [(1, 1, 1), (1, 2, 1), (1, 2, 3)])
def test_a_chained_ogg_is_read_to_its_end(label: str, serials: tuple[int, ...]) -> None:
    links = [with_serial(encoded(label, 2.0 + seed, seed), serial) for seed, serial in enumerate(serials)]
    assert len(ogg_pages(links[0])) > 2

    recording = decode(b"".join(links), limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(9.0, abs=0.05)
    last = decode(links[2], limits=LIMITS).waveform[-30_000:]
    assert np.corrcoef(recording.waveform[-30_000:], last)[0, 1] > 0.97


def test_a_chained_ogg_of_different_codecs() -> None:
    links = [with_serial(encoded("ogg-vorbis", 2.0), 1), with_serial(encoded("ogg-opus", 3.0), 2)]

    recording = decode(b"".join(links), limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(5.0, abs=0.01)


@pytest.mark.parametrize("size", [12, 14, 15])
@pytest.mark.parametrize(("bits", "channels"), [(16, 1), (16, 2), (8, 1)])
def test_a_short_format_chunk_is_completed(size: int, bits: int, channels: int) -> None:
    samples = np.repeat(SPEECH, channels)

    recording = decode(with_short_format(samples, size, bits=bits, channels=channels), limits=LIMITS)

    expected = decode(with_short_format(samples, 16, bits=bits, channels=channels), limits=LIMITS)
    np.testing.assert_array_equal(recording.waveform, expected.waveform)
    assert recording.source.channels == channels
    assert recording.source.format == expected.source.format == f"wav/pcm_{'s16le' if bits == 16 else 'u8'}"


def test_a_short_format_chunk_that_contradicts_itself_is_refused() -> None:
    data = with_short_format(SPEECH, 14)
    for changed in (data[:28] + struct.pack("<I", 40_000) + data[32:], with_short_format(SPEECH, 8)):
        with pytest.raises(AudioDecodeError) as caught:
            decode(changed, limits=LIMITS)
        assert caught.value.code == "audio.damaged_header"


@pytest.mark.parametrize("bits", [16, 14])
@pytest.mark.parametrize("little", [True, False])
def test_dts_in_a_wav_is_not_taken_for_pcm(bits: int, *, little: bool) -> None:
    with pytest.raises(AudioDecodeError) as caught:
        decode(dts_as_pcm(bits=bits, little=little), limits=LIMITS)

    assert caught.value.code == "audio.encoded_as_pcm"
    assert "DTS in a WAV" in str(caught.value)
    assert kind_of(dts_as_pcm(bits=bits, little=little)) == "DTS"


@pytest.mark.parametrize("container", ["ac3", "spdif"])
def test_ac_3_in_a_wav_is_decoded(container: str) -> None:
    rate = 48_000
    speech = voice(3.0, rate)
    data = with_pyav(stereo(speech, speech), rate, container=container, codec="ac3", bit_rate=448_000)

    recording = decode(riff(data, channels=2, rate=rate), limits=LIMITS)

    assert recording.source.format == "wav/ac3"
    assert recording.source.duration_s == pytest.approx(3.0, abs=0.05)
    in_samples_of_32_bits = b"".join(b"\0\0" + data[at : at + 2] for at in range(0, len(data), 2))
    if container == "spdif":
        with pytest.raises(AudioDecodeError) as caught:
            decode(riff(in_samples_of_32_bits, channels=2, rate=rate, bits=32), limits=LIMITS)
        assert caught.value.code == "audio.encoded_as_pcm"
        assert caught.value.values["kind"] == "AC-3"
        assert "AC-3 in a WAV" in str(caught.value)


def kind_of(wav: bytes) -> str | None:
    with open_source(wav, DecodeLimits(len(wav), 60), None) as source:
        return encoded_kind(source)


def test_pcm_is_never_taken_for_dts_or_ac_3() -> None:
    generator = np.random.default_rng(4)
    signals: list[Samples] = [
        voice(8.0),
        tone(1_000, 8.0, level=1.0),
        np.sign(tone(333, 8.0)),
        generator.normal(size=99_999),
    ]
    for period in range(2, 2_000, 29):
        signals.append(np.tile(generator.uniform(-1, 1, period), 60_000 // period))
    for signal in signals:
        assert kind_of(riff(pcm16(np.clip(signal, -1, 1)))) is None
    for word in (b"\x7f\xfe\x80\x01", b"\xff\x1f\x00\xe8", b"\x0b\x77", b"\x72\xf8\x1f\x4e"):
        for distance in (2, 512, 1_792, 2_048, 6_144):
            frame = word + generator.bytes(distance - len(word)) if distance > 4 else word
            assert kind_of(riff(frame * 100, channels=2)) is None


def test_encrypted_files_are_refused_as_protected(tmp_path: Path) -> None:
    plain = with_pyav(voice(1.0, 44_100), 44_100, container="ipod", codec="aac")
    encrypted = {name: with_entry(plain, name) for name in (b"enca", b"drms", b"aavd")}
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "00" * 16, "encryption_kid": "11" * 16}
    path = tmp_path / "cenc.mp4"
    encrypted[b"cenc"] = with_pyav(voice(1.0, 44_100), 44_100, container="mp4", codec="aac", options=options, path=path)
    encrypted[b"webm"] = encrypted_matroska(with_pyav(voice(1.0, 48_000), 48_000, container="webm", codec="libopus"))
    for data in encrypted.values():
        with pytest.raises(AudioDecodeError) as caught:
            decode(data, limits=LIMITS)
        assert caught.value.code == "audio.protected"
        assert "protected (DRM)" in str(caught.value)


def encrypted_matroska(data: bytes) -> bytes:
    """The WebM with a description of encryption in its only track."""
    encryption = b"\x50\x35" + b"\x85" + b"\x47\xe1\x82\x05\x00"
    encoding = b"\x50\x33\x81\x01" + encryption
    encodings = b"\x6d\x80" + bytes([0x80 | len(encoding) + 3]) + b"\x62\x40" + bytes([0x80 | len(encoding)]) + encoding
    tracks = data.rindex(b"\x16\x54\xae\x6b")  # the seek head contains the same identifier earlier
    track = data.index(b"\xae\x01", tracks + 4)
    content = data[track + 1 :]
    width = 9 - content[0].bit_length()
    size = int.from_bytes(content[:width], "big") & (1 << 7 * width) - 1
    new_track = b"\xae\x01" + (size + len(encodings)).to_bytes(7, "big") + encodings + content[width : width + size]
    rest = content[width + size :]
    return data[:tracks] + b"\x16\x54\xae\x6b\x01" + len(new_track).to_bytes(7, "big") + new_track + rest


def test_an_unencrypted_track_next_to_an_encrypted_one_is_read() -> None:
    data = with_pyav(voice(1.0, 44_100), 44_100, container="mp4", codec="aac", tracks=2)
    second = data.rindex(b"mp4a", 0, len(data))

    recording = decode(data[:second] + b"enca" + data[second + 4 :], limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(1.0, abs=0.1)


def test_up_to_a_thousand_recordings_in_one_file_are_read() -> None:
    part = with_pyav(voice(0.1, 48_000), 48_000, container="webm", codec="libopus")
    recording = decode(part * 300, limits=LIMITS)
    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(30.0, abs=0.1)

    wav = riff(pcm16(voice(0.05)))
    recording = decode(wav * 1_200, limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(50.0)
    assert [dict(warning.values) for warning in recording.warnings] == [{"unused_bytes": 200 * len(wav)}]
