"""Limits are enforced while decoding, whatever the header claims, and memory stays bounded."""

import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio_files import FORMATS, AudioFormat, pcm16, riff, voice, with_pyav, with_soundfile
from tests.support.paths import ROOT
from webui.audio.decode import DecodeLimits, decode
from webui.errors import AudioDecodeError, AudioTooLongError

LIMITS = DecodeLimits(max_bytes=5_000_000, max_duration_s=60)


def silent_flac(hours: int) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 16_000, 1, "PCM_16", format="FLAC") as output:
        for _ in range(hours * 60):
            output.write(np.zeros(16_000 * 60, dtype=np.int16))
    return file.getvalue()


def claiming(flac: bytes, samples: int) -> bytes:
    """Returns the FLAC with another number of samples in its header (36 bits, 0: unknown)."""
    fields = int.from_bytes(flac[18:26], "big") >> 36 << 36 | samples
    return flac[:18] + fields.to_bytes(8, "big") + flac[26:]


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_too_many_seconds_in_every_format(form: AudioFormat) -> None:
    data = form.make(voice(1.5, form.rate), form.rate)

    with pytest.raises(AudioTooLongError) as caught:
        decode(data, limits=DecodeLimits(max_bytes=len(data), max_duration_s=1.0))

    assert caught.value.code == "audio.too_many_seconds"
    assert caught.value.values["expected_s"] == 1.0
    assert decode(data, limits=DecodeLimits(max_bytes=len(data), max_duration_s=1.75)).source.duration_s > 1.4


def test_a_recording_of_exactly_the_limit_is_accepted() -> None:
    for rate in (16_000, 44_100, 11_025):
        data = riff(pcm16(voice(3.0, rate)), rate=rate)
        assert decode(data, limits=DecodeLimits(len(data), 3.0)).source.duration_s == pytest.approx(3.0)
        with pytest.raises(AudioTooLongError):
            decode(data, limits=DecodeLimits(len(data), 2.99))


def test_an_hour_of_silence_in_half_a_megabyte_stops_at_the_limit() -> None:
    """Decodes in a separate process, to measure its memory."""
    program = """
import resource, sys
from webui.audio.decode import DecodeLimits, decode
from webui.errors import AudioDecodeError, AudioTooLongError
data = sys.stdin.buffer.read()
import av, soundfile, soxr
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode(data, limits=DecodeLimits(10_000_000, 60.0))
except AudioTooLongError as error:
    print(error.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    flac = silent_flac(1)
    assert len(flac) < 600_000

    answer = subprocess.run([sys.executable, "-c", program], input=flac, capture_output=True, cwd=ROOT, check=True)

    code, grown_mb = answer.stdout.split()
    assert code == b"audio.too_many_seconds"
    assert int(grown_mb) < 40  # an hour of samples would take 230 MB
    assert answer.stderr == b""


@pytest.mark.parametrize("claimed_samples", [0, 16_000 * 3_600 * 9, 2**36 - 1])
def test_a_flac_that_claims_hours_or_no_length(claimed_samples: int) -> None:
    flac = with_soundfile(voice(2.0), 16_000, format="FLAC", subtype="PCM_16")
    expected = decode(flac, limits=LIMITS)

    recording = decode(claiming(flac, claimed_samples), limits=LIMITS)

    np.testing.assert_array_equal(recording.waveform, expected.waveform)
    codes = [warning.code for warning in recording.warnings]
    assert codes == ([] if claimed_samples == 0 else ["audio.incomplete"])


@pytest.mark.parametrize("claimed", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_wav_written_to_a_pipe_has_no_length(claimed: int) -> None:
    recording = decode(riff(pcm16(voice(2.0)), claimed_bytes=claimed), limits=LIMITS)

    assert len(recording.waveform) == 32_000
    assert recording.warnings == ()


def test_a_wav_that_claims_hours() -> None:
    recording = decode(riff(pcm16(voice(2.0)), claimed_bytes=16_000 * 2 * 3_600 * 9), limits=LIMITS)

    assert len(recording.waveform) == 32_000
    assert [warning.code for warning in recording.warnings] == ["audio.incomplete"]
    assert dict(recording.warnings[0].values) == {"kept_s": 2.0, "expected_s": 32_400.0}


def test_an_mp4_that_claims_hours() -> None:
    data = with_pyav(voice(2.0, 48_000), 48_000, container="mp4", codec="aac")
    for box in (b"mvhd", b"mdhd"):  # time scale and duration are 12 and 16 bytes after the name
        at = data.index(box) + 20
        data = data[:at] + (2_000_000_000).to_bytes(4, "big") + data[at + 4 :]

    recording = decode(data, limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(2.0, abs=0.1)


def _be(value: int) -> bytes:
    return value.to_bytes(4, "big")


@pytest.mark.parametrize("box", ["stsz", "trun", "cmov"])
def test_an_mp4_that_claims_millions_of_samples_is_refused_early(box: str) -> None:
    """Without the check, FFmpeg needs ten seconds and two gigabytes for the first of these."""
    samples = 80_000_000
    fragments = {"movflags": "frag_keyframe+empty_moov"} if box == "trun" else None
    data = bytearray(with_pyav(voice(2.0, 44_100), 44_100, container="mp4", codec="aac", options=fragments))
    if box == "stsz":
        at = data.index(b"stsz") + 8
        data[at : at + 8] = _be(1) + _be(samples)
        at = data.index(b"stsc") + 8
        data[at : at + 16] = _be(1) + _be(1) + _be(samples) + _be(1)
        at = data.index(b"stts") + 12
        data[at : at + 4] = _be(samples)
    elif box == "trun":
        at = data.index(b"trun") + 4
        data[at : at + 8] = _be(0) + _be(samples)
    else:
        at = data.index(b"trak")
        data[at : at + 4] = b"cmov"

    started = time.process_time()
    with pytest.raises(AudioDecodeError) as caught:
        decode(bytes(data), limits=LIMITS)

    assert caught.value.code == "audio.damaged_header"
    assert time.process_time() - started < 2.0


def test_a_valid_truncated_mov_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "front.mov"
    speech = voice(20.0, 44_100)
    data = with_pyav(speech, 44_100, container="mov", codec="pcm_s16le", options={"movflags": "faststart"}, path=path)

    recording = decode(data[: len(data) // 4], limits=LIMITS)  # the index lists four times as many samples

    assert recording.source.duration_s == pytest.approx(5.0, abs=0.3)
    assert [warning.code for warning in recording.warnings] == ["audio.incomplete"]


def test_decoding_in_parallel_threads() -> None:
    files = [form.make(voice(1.0, form.rate, seed=index), form.rate) for index, form in enumerate(FORMATS)]
    expected = [decode(data, limits=LIMITS).waveform for data in files]
    together: dict[tuple[int, int], np.ndarray] = {}

    def run(worker: int) -> None:
        order = np.random.default_rng(worker).permutation(len(files))
        for index in order:
            together[worker, int(index)] = decode(files[index], limits=LIMITS).waveform

    workers = [threading.Thread(target=run, args=(worker,)) for worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(together) == 6 * len(files)
    for (_, index), waveform in together.items():
        np.testing.assert_array_equal(waveform, expected[index])


def test_importing_the_decoder_loads_no_large_library_and_prints_nothing() -> None:
    program = (
        "import webui.audio.decode, sys; print(*sorted({'av', 'torch', 'librosa', 'gradio'} & sys.modules.keys()))"
    )

    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=True)

    assert answer.stdout.strip() == b""
    assert answer.stderr == b""
