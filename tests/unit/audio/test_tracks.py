"""Which of several audio tracks is used, and the warnings about it."""

import numpy as np
import pytest

from tests.support.audio_files import Samples, pcm16, riff, voice
from tests.support.track_files import with_tracks, with_unknown_codec
from webui.audio.decode import DecodeLimits, Recording, decode
from webui.audio.options import DecodeOptions
from webui.errors import AudioDecodeError

LIMITS = DecodeLimits(max_bytes=50_000_000, max_duration_s=60)
RATE = 48_000
SILENCE = np.zeros(RATE, np.float32)
SPEECH = voice(1.0, RATE)
OTHER = voice(1.0, RATE, seed=1, level=0.05)
CONTAINERS = [
    ("matroska", "aac"),
    ("mov", "aac"),
    ("mp4", "aac"),
    ("mov", "pcm_s16le"),
    ("ogg", "libopus"),
    ("ogg", "flac"),
    ("webm", "libopus"),
]


def decoded(data: bytes, track: int | None = None) -> tuple[Recording, dict[str, dict[str, object]]]:
    recording = decode(data, limits=LIMITS, options=DecodeOptions(track=track))
    return recording, {warning.code: dict(warning.values) for warning in recording.warnings}


def level(waveform: Samples) -> float:
    return float(np.abs(waveform).max())


def test_a_track_that_cannot_be_decoded_is_skipped() -> None:
    whole = with_tracks([SPEECH, OTHER], RATE, container="mov", default=0)

    recording, notes = decoded(with_unknown_codec(whole, 1))

    assert notes == {"audio.several_tracks": {"tracks": 2, "used": 2}}
    assert level(recording.waveform) == pytest.approx(0.05, abs=0.01)
    np.testing.assert_array_equal(recording.waveform, decoded(whole, 2)[0].waveform)


@pytest.mark.parametrize("track", [None, 1])
def test_a_file_without_a_decodable_track_is_refused(track: int | None) -> None:
    data = with_unknown_codec(with_tracks([SPEECH], RATE, container="mov"), 1)

    with pytest.raises(AudioDecodeError) as caught:
        decoded(data, track)

    assert caught.value.code == "audio.unknown_codec"


def test_a_chosen_track_that_cannot_be_decoded_is_refused() -> None:
    data = with_unknown_codec(with_tracks([SPEECH, OTHER], RATE, container="mov", default=0), 1)

    with pytest.raises(AudioDecodeError) as caught:
        decoded(data, 1)

    assert caught.value.code == "audio.unknown_codec"


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
def test_a_silent_track_is_skipped(container: str, codec: str) -> None:
    data = with_tracks([SILENCE, SILENCE, SPEECH], RATE, container=container, codec=codec, default=0)

    recording, notes = decoded(data)

    assert notes == {"audio.silent_track": {"tracks": 3, "silent": 1, "used": 3}}
    assert level(recording.waveform) == pytest.approx(0.3, abs=0.1)
    np.testing.assert_array_equal(recording.waveform, decoded(data, 3)[0].waveform)


def test_if_every_track_is_silent_the_first_is_kept() -> None:
    recording, notes = decoded(with_tracks([SILENCE, SILENCE], RATE, default=0))

    assert list(notes) == ["audio.no_speech", "audio.several_tracks"]
    assert notes["audio.several_tracks"] == {"tracks": 2, "used": 1}
    assert level(recording.waveform) < 1e-3


def test_the_default_track_is_used() -> None:
    recording, notes = decoded(with_tracks([OTHER, SPEECH, OTHER], RATE, default=1))

    assert notes == {"audio.several_tracks": {"tracks": 3, "used": 2}}
    assert level(recording.waveform) > 0.2


@pytest.mark.parametrize(("container", "codec"), CONTAINERS)
@pytest.mark.parametrize("track", [1, 2])
def test_the_chosen_track_is_used(container: str, codec: str, track: int) -> None:
    data = with_tracks([SPEECH, OTHER], RATE, container=container, codec=codec, default=0)

    recording, notes = decoded(data, track)

    assert notes == {"audio.several_tracks": {"tracks": 2, "used": track}}
    assert level(recording.waveform) == pytest.approx({1: 0.3, 2: 0.05}[track], rel=0.3)


def test_the_chosen_track_is_kept_although_it_is_silent() -> None:
    _, notes = decoded(with_tracks([SILENCE, SPEECH], RATE, default=0), 1)

    assert list(notes) == ["audio.no_speech", "audio.several_tracks"]


@pytest.mark.parametrize(
    ("data", "track", "tracks"),
    [
        (with_tracks([SPEECH, OTHER], RATE), 3, 2),
        (with_tracks([SPEECH], RATE, container="ogg", codec="libopus"), 2, 1),
        (riff(pcm16(voice(1.0))), 2, 1),
        (riff(pcm16(voice(1.0))) * 2, 1_000, 1),
    ],
)
def test_a_track_that_does_not_exist(data: bytes, track: int, tracks: int) -> None:
    with pytest.raises(AudioDecodeError) as caught:
        decoded(data, track)

    assert caught.value.code == "audio.no_such_track"
    assert caught.value.values["track"] == track
    assert caught.value.values["tracks"] == tracks


def test_the_only_track_can_be_chosen() -> None:
    data = riff(pcm16(voice(1.0)))

    recording, notes = decoded(data, 1)

    assert notes == {}
    np.testing.assert_array_equal(recording.waveform, decode(data, limits=LIMITS).waveform)
