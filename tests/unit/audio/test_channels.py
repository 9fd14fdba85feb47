"""Several channels: mixed, separate, one by its number; opposite polarity, independent speakers, dual mono."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.audio_files import Samples, stereo, voice, with_pyav, with_soundfile
from webui.audio.decode import DecodeLimits, StoredRecording, decode, decode_into
from webui.audio.options import ChannelMode, DecodeOptions
from webui.audio.sample_store import MemoryStore
from webui.errors import AudioDecodeError, AudioTooLongError

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
SEPARATE = DecodeOptions(channels=ChannelMode.SEPARATE)
RATE = 16_000


def wav(samples: Samples, rate: int = RATE, subtype: str = "FLOAT") -> bytes:
    return with_soundfile(samples, rate, format="WAV", subtype=subtype)


def separate(data: bytes, model_rate: int = RATE) -> StoredRecording:
    return decode_into(MemoryStore, data, limits=LIMITS, model_rate=model_rate, options=SEPARATE)


def codes(data: bytes, options: DecodeOptions | None = None) -> list[str]:
    return [warning.code for warning in decode(data, limits=LIMITS, options=options or DecodeOptions()).warnings]


def noise(seconds: float, level: float, seed: int) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def turns(seconds: float = 12.0) -> Samples:
    """Two speakers who take turns of 1.5 s, ``(samples, 2)``."""
    speaking = (np.arange(round(seconds * RATE)) // (1.5 * RATE)) % 2 == 0
    return stereo(voice(seconds, seed=1) * speaking, voice(seconds, seed=2) * ~speaking).astype(np.float32)


def delayed(samples: Samples, count: int) -> Samples:
    return np.concatenate([np.zeros(count, np.float32), samples[:-count]])


@pytest.mark.parametrize("model_rate", [16_000, 24_000])
@pytest.mark.parametrize("source_rate", [8_000, 16_000, 44_100])
def test_every_channel_equals_its_own_mono_file(source_rate: int, model_rate: int) -> None:
    left, right = voice(9.0, source_rate, seed=1), 2.4 * voice(9.0, source_rate, seed=2)  # several blocks

    both = separate(wav(stereo(left, right), source_rate), model_rate)

    assert len(both.channels) == 2
    for channel, samples in zip(both.channels, (left, right), strict=True):
        own = decode_into(MemoryStore, wav(samples, source_rate), limits=LIMITS, model_rate=model_rate)
        np.testing.assert_allclose(channel.model.waveform[:], own.model.waveform[:], atol=1e-6)
        np.testing.assert_allclose(channel.speech.waveform[:], own.speech.waveform[:], atol=1e-6)
        assert channel.model.mean == pytest.approx(own.model.mean, abs=1e-9)
        assert channel.model.variance == pytest.approx(own.model.variance, rel=1e-6)
        assert channel.warnings == own.warnings
    mixed = decode_into(MemoryStore, wav(stereo(left, right), source_rate), limits=LIMITS, model_rate=model_rate)
    np.testing.assert_array_equal(both.speech.waveform[:], mixed.speech.waveform[:])
    np.testing.assert_array_equal(both.model.waveform[:], mixed.model.waveform[:])
    assert [store is both.speech.waveform for store in both.stores].count(True) == (2 if model_rate == RATE else 1)


def test_one_channel_by_its_number() -> None:
    left, right = voice(1.0, seed=1), voice(1.0, seed=2)
    for index, expected in enumerate((left, right)):
        recording = decode(wav(stereo(left, right)), limits=LIMITS, options=DecodeOptions(channels=index))
        np.testing.assert_array_equal(recording.waveform, expected)
        assert (recording.source.channels, recording.source.channel) == (2, index)
        assert recording.warnings == ()
    assert decode(wav(left), limits=LIMITS, options=DecodeOptions(channels=0)).source.channel is None


def test_a_missing_channel_is_refused_with_the_number_of_channels() -> None:
    with pytest.raises(AudioDecodeError, match=r"has 2 channel\(s\) and therefore no channel 3 \(number 2") as refused:
        decode(wav(turns(1.0)), limits=LIMITS, options=DecodeOptions(channels=2))
    assert refused.value.code == "audio.no_such_channel"


@pytest.mark.parametrize("channels", [8, 9])
def test_at_most_eight_are_separate(channels: int) -> None:
    data = wav(np.stack([voice(0.5, seed=seed) for seed in range(channels)], axis=1))
    if channels == 8:
        assert len(separate(data).channels) == 8
        return
    stores: list[MemoryStore] = []
    with pytest.raises(AudioDecodeError, match="has 9 channels; at most 8") as refused:
        decode_into(lambda: stores.append(MemoryStore()) or stores[-1], data, limits=LIMITS, options=SEPARATE)
    assert refused.value.code == "audio.too_many_channels"
    assert sum(map(len, stores)) == 0


def test_six_channels_of_a_codec() -> None:
    columns = np.stack([voice(2.0, 48_000, seed=seed) for seed in range(6)], axis=1)
    data = with_pyav(columns, 48_000, container="matroska", codec="flac")
    recording = separate(data)
    assert recording.source.channels == len(recording.channels) == 6
    for index, channel in enumerate(recording.channels):
        own = decode(with_pyav(columns[:, index], 48_000, container="matroska", codec="flac"), limits=LIMITS)
        np.testing.assert_allclose(channel.speech.waveform[:], own.waveform, atol=1e-6)


def test_separate_channels_of_a_mono_file_need_no_second_copy() -> None:
    stores: list[MemoryStore] = []
    recording = decode_into(
        lambda: stores.append(MemoryStore()) or stores[-1], wav(voice(1.0)), limits=LIMITS, options=SEPARATE
    )
    assert len(recording.channels) == len(stores) == 1
    assert recording.channels[0].speech is recording.speech
    assert recording.warnings == ()


def test_only_the_silent_channel_has_a_warning() -> None:
    recording = separate(wav(stereo(voice(3.0), np.zeros(3 * RATE, np.float32))))
    assert [[warning.code for warning in channel.warnings] for channel in recording.channels] == [
        [],
        ["audio.no_speech"],
    ]
    assert recording.warnings == ()


def test_40_db_between_the_channels() -> None:
    loud, quiet = voice(3.0, seed=1), 0.01 * voice(3.0, seed=2)
    recording = separate(wav(stereo(loud, quiet)))
    np.testing.assert_array_equal(recording.channels[1].speech.waveform[:], quiet)
    assert recording.channels[1].model.variance == pytest.approx(np.var(quiet, dtype=np.float64), rel=1e-9)
    assert [channel.warnings for channel in recording.channels] == [(), ()]


def test_the_stores_of_separate_channels_are_closed_when_the_recording_is_too_long() -> None:
    class Closing(MemoryStore):
        closed = 0

        def close(self) -> None:
            Closing.closed += 1
            super().close()

    made: list[Closing] = []
    limits = DecodeLimits(max_bytes=10**8, max_duration_s=4.0)
    with pytest.raises(AudioTooLongError):
        decode_into(
            lambda: made.append(Closing()) or made[-1],
            wav(turns(20.0)),
            limits=limits,
            options=SEPARATE,
            model_rate=8_000,
        )
    assert Closing.closed == len(made) == 6


@pytest.mark.parametrize("own_noise", [0.0, 0.003, 0.01, 0.02])
@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_opposite_polarity_is_found_in_noise(own_noise: float, gain: float) -> None:
    speech = voice(4.0, seed=5)
    data = wav(stereo(speech + noise(4.0, own_noise, 1), -gain * speech + noise(4.0, own_noise, 2)), subtype="PCM_16")
    recording = decode(data, limits=LIMITS)
    if gain == 0.7 and own_noise == 0.0:  # the mean is only quieter: its shape is that of the speech
        assert recording.warnings == ()
        return
    assert abs(np.corrcoef(recording.waveform, speech)[0, 1]) > 0.97
    if gain == 1.0 or own_noise >= 0.01:
        assert [warning.code for warning in recording.warnings] == ["audio.channels_cancel"]
        assert recording.source.channel in ((0, 1) if gain == 1.0 else (0,))


def test_opposite_polarity_with_separate_channels_takes_one_pass() -> None:
    speech = voice(4.0, seed=5)
    data = wav(stereo(0.9 * speech + noise(4.0, 0.01, 1), -speech + noise(4.0, 0.01, 2)))
    progress: list[float] = []
    recording = decode_into(MemoryStore, data, limits=LIMITS, options=SEPARATE, on_progress=progress.append)
    assert progress == sorted(progress)
    assert [warning.code for warning in recording.warnings] == ["audio.channels_cancel"]
    assert recording.speech is recording.channels[1].speech
    np.testing.assert_array_equal(
        recording.channels[0].speech.waveform[:], (0.9 * speech + noise(4.0, 0.01, 1)).astype(np.float32)
    )


MIXED: dict[str, Callable[[], Samples]] = {
    "two independent speakers": lambda: stereo(voice(4.0, seed=1), voice(4.0, seed=2)),
    "speakers who take turns": turns,
    "dual mono": lambda: stereo(voice(4.0), voice(4.0)),
    "two microphones": lambda: stereo(
        voice(4.0) + noise(4.0, 0.01, 1), 0.6 * delayed(voice(4.0), 12) + noise(4.0, 0.01, 2)
    ),
    "one silent": lambda: stereo(voice(4.0), np.zeros(4 * RATE, np.float32)),
    "one of four in use": lambda: np.stack([voice(4.0), *3 * [np.zeros(4 * RATE, np.float32)]], axis=1),
    "six speakers": lambda: np.stack([voice(4.0, seed=seed) for seed in range(6)], axis=1),
    "opposite but of unequal level": lambda: stereo(voice(4.0), -0.5 * voice(4.0)),
    "noise of opposite polarity that is inaudible": lambda: stereo(noise(4.0, 1e-4, 1), -noise(4.0, 1e-4, 1)),
}


@pytest.mark.parametrize("kind", MIXED)
def test_recordings_that_stay_mixed(kind: str) -> None:
    samples = MIXED[kind]().astype(np.float32)
    recording = decode(wav(samples), limits=LIMITS)
    assert "audio.channels_cancel" not in [warning.code for warning in recording.warnings]
    assert recording.source.channel is None
    np.testing.assert_allclose(recording.waveform, samples.mean(axis=1), atol=2e-7)


def test_channels_that_differ_have_a_warning() -> None:
    assert codes(wav(turns())) == ["audio.channels_differ"]
    louder = turns() * np.array([1.0, 0.02], np.float32)
    assert codes(wav(louder)) == ["audio.channels_differ"], "34 dB between them"
    crosstalk = turns() @ np.array([[1.0, 0.1], [0.1, 1.0]], np.float32)
    assert codes(wav(crosstalk + 0.001 * np.stack([noise(12.0, 1.0, 1), noise(12.0, 1.0, 2)], axis=1))) == [
        "audio.channels_differ"
    ]
    assert codes(wav(turns()), SEPARATE) == []
    assert codes(wav(turns()), DecodeOptions(channels=0)) == []
    third = np.concatenate([turns(), np.zeros((12 * RATE, 1), np.float32)], axis=1)
    assert codes(wav(third)) == ["audio.channels_differ"]


@pytest.mark.parametrize("kind", ["dual mono", "two microphones", "one silent", "opposite but of unequal level"])
def test_other_stereo_has_no_warning(kind: str) -> None:
    assert codes(wav(MIXED[kind]())) == []


def test_speech_and_a_channel_of_noise_have_no_warning() -> None:
    assert codes(wav(stereo(voice(6.0), noise(6.0, 0.01, 3)))) == []


def test_separate_channels_of_dual_mono_have_a_warning() -> None:
    data = wav(stereo(voice(3.0), voice(3.0)))
    assert codes(data, SEPARATE) == ["audio.dual_mono"]
    assert separate(data).same_channels
    lossy = with_pyav(stereo(voice(3.0, 48_000), voice(3.0, 48_000)), 48_000, container="mp3", codec="mp3")
    assert codes(lossy, SEPARATE) == ["audio.dual_mono"]
    assert not separate(wav(turns())).same_channels
    assert not separate(wav(voice(1.0))).same_channels
