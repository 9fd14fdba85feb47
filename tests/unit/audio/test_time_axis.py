"""The signal follows the timestamps of the container: missing parts are silent, and time 0 is as in a player."""

import itertools
import time

import numpy as np
import pytest

from tests.support.audio_files import FORMATS, Samples, pcm16, riff, voice, with_pyav, with_soundfile
from tests.support.odd_files import late_sound, ogg_pages, remuxed
from webui.audio.decode import DecodeLimits, Recording, decode, decode_into
from webui.audio.sample_store import MemoryStore
from webui.errors import AudioTooLongError
from webui.texts import Language

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=120)
CONTAINERS = [
    ("webm", "libopus", 48_000),
    ("matroska", "aac", 44_100),
    ("matroska", "pcm_s16le", 16_000),
    ("matroska", "libmp3lame", 44_100),
    ("mp4", "aac", 48_000),
    ("mov", "aac", 44_100),
    ("ipod", "alac", 44_100),
    ("3gp", "libopencore_amrnb", 8_000),
    ("ogg", "libopus", 48_000),
    ("ogg", "flac", 16_000),
    ("flac", "flac", 16_000),
]
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}


def codes(recording: Recording) -> list[str]:
    return [warning.code for warning in recording.warnings if warning.code != "audio.narrow_band"]


def two_voices(rate: int, between_s: float = 8.0) -> Samples:
    """Three seconds of a voice, silence, three seconds of another voice."""
    silence = np.zeros(round(between_s * rate), np.float32)
    return np.concatenate([voice(3.0, rate), silence, voice(3.0, rate, seed=1)])


def lag(waveform: Samples, reference: Samples, start_s: float, stop_s: float) -> int:
    """Returns the delay of a part in samples, from the highest correlation within 30 ms, which must exceed 0.98."""
    start, stop = round(start_s * 16_000), round(stop_s * 16_000)
    part = reference[start:stop]
    found = {by: float(np.corrcoef(waveform[start + by : stop + by], part)[0, 1]) for by in range(-480, 481)}
    best = max(found, key=found.__getitem__)
    assert found[best] > 0.98
    return best


@pytest.mark.parametrize(("container", "codec", "rate"), CONTAINERS, ids=[f"{c}-{codec}" for c, codec, _ in CONTAINERS])
def test_missing_seconds_are_silence_and_everything_after_is_on_time(container: str, codec: str, rate: int) -> None:
    data = with_pyav(two_voices(rate), rate, container=container, codec=codec)
    expected = decode(data, limits=LIMITS)

    recording = decode(remuxed(data, container, without=(4.0, 10.0)), limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(expected.source.duration_s, abs=0.05)
    assert codes(recording) == ["audio.gap"]
    gap = next(warning for warning in recording.warnings if warning.code == "audio.gap")
    assert gap.values["gap_s"] == pytest.approx(6.0, abs=0.15)
    assert gap.values["gaps"] == 1
    assert abs(lag(recording.waveform, expected.waveform, 11.2, 13.8)) <= 24  # 1.5 ms: Matroska counts milliseconds
    assert np.abs(recording.waveform[round(5.0 * 16_000) : round(9.0 * 16_000)]).max() < 1e-3


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_missing_pages_of_an_ogg_are_silence(codec: str) -> None:
    rate = 48_000
    pages = ogg_pages(with_soundfile(two_voices(rate), rate, format="OGG", subtype=codec))
    third = len(pages) // 3
    whole = decode(b"".join(pages), limits=LIMITS)

    recording = decode(b"".join(pages[:third] + pages[third + 5 :]), limits=LIMITS)

    assert len(recording.waveform) == pytest.approx(len(whole.waveform), abs=400)
    assert codes(recording) == ["audio.gap"]
    np.testing.assert_allclose(recording.waveform[-24_000:], whole.waveform[-24_000:], atol=0.02)


def test_lossless_samples_around_a_gap_are_exact() -> None:
    samples = two_voices(16_000)
    data = with_pyav(samples, 16_000, container="matroska", codec="pcm_s16le")
    expected = decode(data, limits=LIMITS).waveform

    recording = decode(remuxed(data, "matroska", without=(4.0, 10.0)), limits=LIMITS)

    np.testing.assert_array_equal(recording.waveform, expected)


def test_several_gaps_are_counted() -> None:
    data = with_pyav(voice(12.0, 48_000), 48_000, container="webm", codec="libopus")
    data = remuxed(remuxed(data, "webm", without=(2.0, 3.5)), "webm", without=(7.0, 9.0))

    recording = decode(data, limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(12.0, abs=0.05)
    assert recording.warnings[0].values["gaps"] == 2
    assert recording.warnings[0].values["gap_s"] == pytest.approx(3.5, abs=0.1)
    assert "3.5 s are missing in the middle" in recording.warnings[0].message()
    assert "缺少 3.5 秒" in recording.warnings[0].message(Language.ZH)


@pytest.mark.parametrize(("shift_s", "silence_s"), [(0.05, 0.0), (0.09, 0.0), (0.15, 0.15), (1.0, 1.0)])
def test_less_than_a_tenth_of_a_second_is_jitter(shift_s: float, silence_s: float) -> None:
    data = with_pyav(voice(4.0, 48_000), 48_000, container="matroska", codec="libopus")
    expected = decode(data, limits=LIMITS).source.duration_s

    recording = decode(remuxed(data, "matroska", late_from_s=2.0, late_by_s=shift_s), limits=LIMITS)

    assert recording.source.duration_s == pytest.approx(expected + silence_s, abs=0.02)
    assert codes(recording) == (["audio.gap"] if silence_s else [])


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("mov", "pcm_s16le"), ("matroska", "libopus")])
def test_sound_that_starts_later_than_the_picture(container: str, codec: str) -> None:
    rate = 48_000
    speech = voice(4.0, rate)
    expected = decode(with_pyav(speech, rate, container=container, codec=codec), limits=LIMITS).waveform

    data = late_sound(speech, rate, container=container, codec=codec, late_by_s=3.0)
    recording = decode(data, limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(7.0, abs=0.1)
    assert np.abs(recording.waveform[: round(2.9 * 16_000)]).max() < 1e-3
    assert abs(lag(recording.waveform[48_000:], expected, 0.5, 3.5)) <= 40  # 2.5 ms


@pytest.mark.parametrize(
    ("container", "codec", "rate", "options"),
    [*((*case, None) for case in CONTAINERS if case[0] != "flac"), ("mp4", "aac", 44_100, FRAGMENTS)],
)
def test_a_recording_whose_first_timestamp_is_a_minute_begins_at_zero(
    container: str, codec: str, rate: int, options: dict[str, str] | None
) -> None:
    data = with_pyav(voice(5.0, rate), rate, container=container, codec=codec)
    expected = decode(data, limits=LIMITS)

    late = remuxed(data, container, late_by_s=60.0, options=options)
    recording = decode(late, limits=LIMITS)

    assert codes(recording) == []
    assert recording.source.duration_s == pytest.approx(expected.source.duration_s, abs=0.1)
    if container in ("webm", "matroska"):
        cut = decode(late[: len(late) * 2 // 3], limits=LIMITS)
        assert codes(cut) == ["audio.incomplete"]
        assert cut.warnings[0].values["expected_s"] == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize("late_by_s", [200.0, 1e6, 1e12])
@pytest.mark.parametrize("codec", ["libopus", "pcm_s16le"])
def test_a_gap_beyond_the_limit_is_refused_before_it_is_written(codec: str, late_by_s: float) -> None:
    data = with_pyav(voice(4.0, 48_000), 48_000, container="matroska", codec=codec)
    hostile = remuxed(data, "matroska", late_from_s=2.0, late_by_s=late_by_s)
    stores: list[MemoryStore] = []
    longest = 0

    class CountingStore(MemoryStore):
        def append(self, samples: Samples) -> None:
            nonlocal longest
            super().append(samples)
            longest = max(longest, len(self))

    def new_store() -> MemoryStore:
        stores.append(CountingStore())
        return stores[-1]

    started = time.perf_counter()
    with pytest.raises(AudioTooLongError) as caught:
        decode_into(new_store, hostile, limits=LIMITS)

    assert caught.value.code == "audio.too_many_seconds"
    assert time.perf_counter() - started < 1.0
    assert longest <= 2.2 * 16_000  # the sound before the gap, and nothing of the gap


def test_a_gap_counts_towards_the_limit() -> None:
    data = with_pyav(voice(8.0, 48_000), 48_000, container="webm", codec="libopus")
    gap = remuxed(data, "webm", without=(2.0, 6.0))

    assert decode(gap, limits=DecodeLimits(len(gap), 8.1)).source.duration_s == pytest.approx(8.0, abs=0.05)
    with pytest.raises(AudioTooLongError):
        decode(gap, limits=DecodeLimits(len(gap), 7.5))


def test_packets_that_cannot_be_decoded_are_silence_and_not_a_gap() -> None:
    data = with_pyav(voice(8.0, 48_000), 48_000, container="mp4", codec="aac")
    at = data.index(b"mdat") + len(data) // 2
    damaged = data[:at] + b"\xff" * 8_000 + data[at + 8_000 :]
    whole = decode(data, limits=LIMITS)

    recording = decode(damaged, limits=LIMITS)

    assert codes(recording) == ["audio.damaged_parts"]
    assert recording.source.duration_s == pytest.approx(whole.source.duration_s, abs=0.1)
    assert recording.warnings[0].values["kept_s"] < 7.7
    assert lag(recording.waveform, whole.waveform, 6.5, 7.5) == 0


def test_joined_files_begin_a_new_time_axis() -> None:
    for container, codec in (("webm", "libopus"), ("matroska", "flac")):
        part = with_pyav(voice(4.0, 48_000), 48_000, container=container, codec=codec)
        recording = decode(part * 3, limits=LIMITS)
        assert codes(recording) == []
        assert recording.source.duration_s == pytest.approx(12.0, abs=0.1)


def test_damaged_parts_are_silence_and_do_not_count_as_kept() -> None:
    data = bytearray(with_pyav(voice(8.0, 16_000), 16_000, container="flac", codec="flac"))
    whole = decode(bytes(data), limits=LIMITS)
    at = len(data) // 2
    data[at : at + 8_000] = bytes(8_000)

    recording = decode(bytes(data), limits=LIMITS)

    assert codes(recording) == ["audio.damaged_parts", "audio.gap"]
    assert recording.source.duration_s == pytest.approx(8.0, abs=0.001)
    np.testing.assert_allclose(recording.waveform[-40_000:], whole.waveform[-40_000:], atol=1e-6)
    silent = max(len(list(run)) for zero, run in itertools.groupby(recording.waveform == 0) if zero) / 16_000
    assert silent > 0.1
    assert recording.warnings[0].values["kept_s"] == pytest.approx(8.0 - silent, abs=0.01)


def test_ordinary_files_have_no_gap() -> None:
    for form in FORMATS:
        data = form.make(voice(6.0, form.rate), form.rate)
        assert codes(decode(data, limits=LIMITS)) == [], form.label


def test_formats_without_timestamps_are_decoded_unchanged() -> None:
    samples = two_voices(16_000)
    recording = decode(riff(pcm16(samples)), limits=LIMITS)
    np.testing.assert_array_equal(recording.waveform, np.round(samples * 32_767).astype(np.float32) / 32_768)
