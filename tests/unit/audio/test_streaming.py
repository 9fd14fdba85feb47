"""Decoding into a store gives the same samples and statistics as decoding into memory, in every format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio_files import FORMATS, AudioFormat, Samples, pcm16, riff, stereo, voice, with_soundfile
from webui.audio.decode import DecodeLimits, StoredRecording, decode, decode_into
from webui.audio.sample_store import MemoryStore
from webui.audio.signal.statistics import RunningStatistics, measure
from webui.errors import AudioError, AudioTooLongError
from webui.storage import Spool

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
IN_MEMORY = 1000  # bytes; every recording here goes to a file


class Spools:
    """Creates spools and records them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Spool] = []

    def __call__(self) -> Spool:
        self.made.append(Spool(self.folder, place=self.folder, memory_bytes=IN_MEMORY))
        return self.made[-1]

    def open(self) -> int:
        return sum(not spool._file.closed for spool in self.made)


@pytest.fixture
def spools(tmp_path: Path) -> Spools:
    return Spools(tmp_path)


def check_equal(data: bytes, spools: Spools) -> StoredRecording:
    """Decodes both ways and compares everything."""
    whole = decode(data, limits=LIMITS)
    stored = decode_into(spools, data, limits=LIMITS)
    np.testing.assert_array_equal(stored.speech.waveform[:], whole.waveform)
    assert (stored.source, stored.warnings) == (whole.source, whole.warnings)
    assert stored.speech.mean == pytest.approx(np.mean(whole.waveform, dtype=np.float64), rel=1e-9, abs=1e-15)
    assert stored.speech.variance == pytest.approx(np.var(whole.waveform, dtype=np.float64), rel=1e-9, abs=1e-15)
    assert spools.open() == 1
    stored.close()
    return stored


@pytest.mark.parametrize("form", FORMATS, ids=[form.label for form in FORMATS])
def test_sample_by_sample_in_every_format(form: AudioFormat, spools: Spools) -> None:
    mono = voice(9.3, form.rate, level=1.0)  # more than a block; codecs overshoot full scale
    check_equal(form.make(mono if form.channels == 1 else stereo(mono, 0.5 * mono), form.rate), spools)


def _loud() -> Samples:
    return np.concatenate([voice(3.0), 2.4 * voice(2.0, level=0.9)]).astype(np.float32)


def _cancelling() -> Samples:
    return stereo(voice(3.0), -voice(3.0))


@pytest.mark.parametrize(
    ("make", "warnings"),
    [(_loud, ["audio.above_full_scale"]), (_cancelling, ["audio.channels_cancel"])],
)
def test_a_second_pass_over_the_samples(make: Callable[[], Samples], warnings: list[str], spools: Spools) -> None:
    stored = check_equal(with_soundfile(make(), 16_000, format="WAV", subtype="FLOAT"), spools)
    assert [warning.code for warning in stored.warnings] == warnings


def test_the_better_of_two_readers_of_a_damaged_file_is_used(spools: Spools) -> None:
    data = bytearray(with_soundfile(voice(20.0), 16_000, format="FLAC", subtype="PCM_16"))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    stored = check_equal(bytes(data), spools)
    assert len(spools.made) == 2
    assert [warning.code for warning in stored.warnings] == ["audio.damaged_parts"]


NOT_FINITE = np.array([0.1] * 500_000 + [np.nan], dtype="<f4").tobytes()


@pytest.mark.parametrize(
    "data",
    [riff(b"\0" * 300), riff(pcm16(voice(61.0))), riff(NOT_FINITE, bits=32, tag=3), b"fLaC" + bytes(100)],
    ids=["too-short", "too-long", "not-finite", "no-header"],
)
def test_an_error_leaves_no_store_open(data: bytes, spools: Spools) -> None:
    with pytest.raises(AudioError):
        decode_into(spools, data, limits=LIMITS)
    assert spools.open() == 0
    assert list(spools.folder.iterdir()) == []


def test_a_store_receives_no_more_than_the_limit(spools: Spools) -> None:
    data = with_soundfile(np.zeros(50 * 16_000, dtype=np.float32), 16_000, format="FLAC", subtype="PCM_16")
    with pytest.raises(AudioTooLongError):
        decode_into(spools, data, limits=DecodeLimits(len(data), 20.0))
    assert 0 < len(spools.made[0]) <= 21 * 16_000


def test_progress_covers_the_file_and_can_stop_decoding(spools: Spools) -> None:
    data = riff(pcm16(voice(55.0)))
    seen: list[float] = []
    decode_into(spools, data, limits=LIMITS, on_progress=seen.append).close()
    assert len(seen) >= 6
    assert seen == sorted(seen)
    assert seen[0] < 0.2
    assert seen[-1] == 1.0

    def stop(fraction: float) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_into(spools, data, limits=LIMITS, on_progress=stop)
    assert spools.open() == 0


def test_the_expected_length_is_known_before_the_first_sample() -> None:
    expected: list[int] = []

    class Expecting(MemoryStore):
        def expect(self, samples: int) -> None:
            assert len(self) == 0
            expected.append(samples)

    flac = with_soundfile(voice(2.0), 16_000, format="FLAC", subtype="PCM_16")
    fields = int.from_bytes(flac[18:26], "big") >> 36 << 36 | 16_000 * 3_600 * 9
    decode_into(Expecting, flac[:18] + fields.to_bytes(8, "big") + flac[26:], limits=LIMITS)
    decode_into(Expecting, flac, limits=LIMITS)
    assert expected == [60 * 16_000, 2 * 16_000]  # nine hours exceed the limit, which is the maximum


@pytest.mark.parametrize("offset", [0.0, 0.9, -300.0])
@pytest.mark.parametrize("block", [1, 7, 4_096, 131_072])
def test_running_statistics(offset: float, block: int) -> None:
    count = 3_000 if block == 1 else 300_000
    samples = (np.random.default_rng(1).normal(scale=1e-3, size=count) + offset).astype(np.float32)
    samples[count // 2 :] += np.float32(0.01)
    statistics = RunningStatistics()
    assert (statistics.mean, statistics.variance) == (0.0, 0.0)
    for start in range(0, count, block):
        statistics.add(samples[start : start + block])
    statistics.add(samples[:0])
    assert statistics.mean == pytest.approx(np.mean(samples, dtype=np.float64), rel=1e-9)
    assert statistics.variance == pytest.approx(np.var(samples, dtype=np.float64), rel=1e-9)
    assert measure(samples).variance == pytest.approx(statistics.variance, rel=1e-9)
