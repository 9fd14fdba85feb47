"""Less common containers: damaged, cut off, with false headers; no other file is opened."""

import random
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.support import file_watch
from tests.support.audio_files import FORMATS, AudioFormat, gsm, pcm16, riff, voice, with_pyav
from webui.audio.containers.sniff import detect_container
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.audio.readers.pyav_reader import DETECTED_FORMATS
from webui.errors import AudioDecodeError, AudioError

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
LABELS = ("wma", "wmv", "flv", "flv-mp3", "ts", "ts-mp2", "avi", "avi-mp3", "mpg", "vob", "wv", "tta", "ac3", "eac3")
LABELS += ("voc", "sph")
CONTAINERS = [form for form in FORMATS if form.label in LABELS]
MAX_GROWTH_MB = 150
MAX_S = 5.0
by_label = pytest.mark.parametrize("form", CONTAINERS, ids=[form.label for form in CONTAINERS])


def made(form: AudioFormat, seconds: float = 3.0) -> bytes:
    return form.make(voice(seconds, form.rate), form.rate)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def decode_hostile(data: bytes) -> Recording | None:
    """Decodes bytes that may be anything; any exception except AudioError fails the test, and so does slow decoding."""
    started = time.monotonic()
    try:
        recording = decode(data, limits=LIMITS)
    except AudioError:
        recording = None
    assert time.monotonic() - started < MAX_S
    if recording is not None:
        assert np.isfinite(recording.waveform).all()
        assert np.abs(recording.waveform).max() <= 1.0
    return recording


def test_every_container_that_is_detected_has_a_sample() -> None:
    detected = {detect_container(made(form, 0.5)) for form in CONTAINERS} | {detect_container(gsm(0.5))}

    assert detected | {"dts"} == set(DETECTED_FORMATS) | {"sph"}


def test_gsm_is_recognised_and_read() -> None:
    recording = decode(gsm(2.0), limits=LIMITS)

    assert recording.source.format == "gsm/gsm"
    assert recording.source.sample_rate_hz == 8_000
    assert recording.source.duration_s == pytest.approx(2.0)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no encoder of DTS without the ffmpeg program")
def test_dts(tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(riff(pcm16(voice(2.0, 48_000)), rate=48_000))
    encode = "ffmpeg -nostdin -v error -i speech.wav -ac 2 -c:a dca -strict -2 speech.dts"
    subprocess.run(encode.split(), cwd=tmp_path, check=True)

    recording = decode(tmp_path / "speech.dts", limits=LIMITS)

    assert recording.source.format == "dts/dts"
    assert recording.source.duration_s == pytest.approx(2.0, abs=0.05)


@by_label
def test_two_joined_files_are_read_to_the_end(form: AudioFormat) -> None:
    data = made(form)

    recording = decode(data * 2, limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(2 * decode(data, limits=LIMITS).source.duration_s, abs=0.1)
    assert recording.warnings == ()


@by_label
def test_a_file_cut_off_anywhere(form: AudioFormat) -> None:
    data = made(form, 1.0)
    for size in (*range(1, 200, 7), *range(200, len(data), max(1, len(data) // 20))):
        decode_hostile(data[:size])


@by_label
def test_bytes_changed_removed_and_inserted(form: AudioFormat) -> None:
    chance = random.Random(form.label)
    data = made(form, 3.0)
    decode_hostile(data)
    before = peak_mb()
    decoded = 0
    for turn in range(32):
        hostile = bytearray(data)
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(min(len(hostile), chance.choice((64, 1_024, len(hostile)))))
            match turn % 4:
                case 0:
                    hostile[at] = chance.randrange(256)
                case 1:
                    hostile[at : at + 32] = chance.randbytes(32)
                case 2:
                    del hostile[at : at + chance.randrange(1, 200)]
                case _:
                    hostile[at:at] = hostile[at : at + chance.randrange(1, 400)]
        decoded += decode_hostile(bytes(hostile)) is not None
    assert decoded >= 3
    assert peak_mb() - before < MAX_GROWTH_MB


@by_label
def test_headers_that_state_huge_numbers(form: AudioFormat) -> None:
    data = made(form, 0.5)
    decode_hostile(data)
    before = peak_mb()
    for at in range(4, 132, 4):
        for lie in (b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff"):
            decode_hostile(data[:at] + lie + data[at + 4 :])
    assert peak_mb() - before < MAX_GROWTH_MB


def test_streams_that_begin_late_in_an_mpeg_file() -> None:
    """Streams that begin late are not looked up beyond the memory that PyAV allocated for the first streams."""
    form = next(form for form in CONTAINERS if form.label == "mpg")
    data = bytearray(made(form))
    packs = [at for at in range(len(data) - 4) if data[at : at + 4] in (b"\0\0\1\xc0", b"\0\0\1\xe0")]
    for number, at in enumerate(packs[len(packs) // 2 :]):
        data[at + 3] = 0xC0 + number % 32  # the identifier of another audio stream

    decode_hostile(bytes(data))


@pytest.mark.parametrize(
    "magic", [b"FLV\x01", b"wvpk", b"TTA1", b"\x0b\x77", b"\0\0\1\xba", b"Creative Voice File\x1a"]
)
def test_a_file_with_only_the_first_bytes_of_a_format_is_refused(magic: bytes) -> None:
    with pytest.raises(AudioDecodeError) as caught:
        decode(magic + random.Random(1).randbytes(20_000), limits=LIMITS)

    assert caught.value.code in {"audio.damaged_header", "audio.video_without_sound", "audio.no_track", "audio.damaged"}


@pytest.mark.parametrize("size", [188, 192, 204])
def test_other_sizes_of_transport_packets(size: int) -> None:
    form = next(form for form in CONTAINERS if form.label == "ts")
    stream = made(form)
    packets = [stream[at : at + 188] for at in range(0, len(stream), 188)]
    before, after = {188: (b"", b""), 192: (b"\0\0\0\0", b""), 204: (b"", bytes(16))}[size]
    data = b"".join(before + packet + after for packet in packets)

    for whole in (data, data[100:]):  # a recorded broadcast may begin within a packet
        assert decode(whole, limits=LIMITS).source.format == "ts/aac"


@pytest.mark.skipif(not file_watch.supported(), reason="the openings of files are seen on Linux only")
@by_label
def test_no_other_file_is_opened(form: AudioFormat, tmp_path: Path) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    path = tmp_path / "recording"
    path.write_bytes(made(form, 0.5))
    (folder / "recording.wav").write_bytes(riff(pcm16(voice(1.0))))

    with file_watch.watching(folder) as watch:
        decode(path, limits=LIMITS)
        decode_hostile(path.read_bytes().replace(b"Lavf", str(folder / "recording.wav").encode()[:4]))
        assert watch.opened() == []


@pytest.mark.skipif(sys.platform != "linux", reason="the openings of files are seen on Linux only")
def test_a_mov_whose_samples_are_in_another_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mov"
    secret.write_bytes(with_pyav(voice(1.0), 16_000, container="mov", codec="pcm_s16le"))
    hostile = _referring(secret.read_bytes(), secret)

    with file_watch.watching(tmp_path) as watch:
        decode_hostile(hostile)
        assert watch.opened() == []


def _referring(mov: bytes, target: Path) -> bytes:
    """Replaces the reference to samples in the file itself with an alias of another file."""
    name = str(target).encode()
    record = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    record += bytes([len(target.name)]) + target.name.encode().ljust(63, b"\0") + bytes(16)
    record += struct.pack(">hh", 1, 1) + bytes(16)
    record += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">Hh", 0xFFFF, 0)
    alias = struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record
    data = bytearray(mov)
    at = data.index(b"dref") + 12
    old = struct.unpack_from(">I", data, at)[0]
    data[at : at + old] = alias
    position = 0
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        position = data.index(box, position)
        size = struct.unpack_from(">I", data, position - 4)[0]
        struct.pack_into(">I", data, position - 4, size + len(alias) - old)
    return bytes(data)
