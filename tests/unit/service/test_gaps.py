"""Recordings with missing packets: the result, the saved audio and the segments agree with the complete recording."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.support.audio_files import Samples, pcm16, riff, with_pyav
from tests.support.odd_files import late_sound, remuxed
from tests.support.paths import EXAMPLE
from webui.audio.decode import DecodeLimits, decode
from webui.labels import Emotion
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.recognition.service import Recognition
from webui.settings import Settings

pytestmark = pytest.mark.model  # the speech finder needs PyTorch


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> RecognitionService:
    return RecognitionService(Settings(outputs_dir=tmp_path_factory.mktemp("outputs"), model="builtin"))


def speech(rate: int) -> Samples:
    """Speech, eight seconds of silence, the same speech again."""
    recording = decode(EXAMPLE, limits=DecodeLimits(10_000_000, 60))
    spoken = soxr.resample(recording.waveform, recording.sample_rate, rate)[: 5 * rate]
    spoken = np.pad(spoken, (0, 5 * rate - len(spoken))).astype(np.float32)
    return np.concatenate([spoken, np.zeros(8 * rate, np.float32), spoken])


def scores(recognition: Recognition) -> list[float]:
    return [recognition.result.scores[emotion] for emotion in Emotion]


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("matroska", "pcm_s16le", 16_000),
        ("webm", "libopus", 48_000),
        ("mp4", "aac", 48_000),
        ("ogg", "libopus", 48_000),
    ],
)
def test_a_gap_gives_the_result_of_the_complete_recording(
    service: RecognitionService, container: str, codec: str, rate: int
) -> None:
    whole = with_pyav(speech(rate), rate, container=container, codec=codec)
    options = RecognizeOptions(granularity=Granularity.SEGMENT)
    expected = service.recognize(whole, options)

    found = service.recognize(remuxed(whole, container, without=(5.5, 12.5)), options)

    np.testing.assert_allclose(scores(found), scores(expected), atol=1e-3)
    codes = [warning.code for warning in found.result.warnings]
    assert "audio.gap" in codes
    assert "audio.incomplete" not in codes
    saved = soundfile.info(io.BytesIO((found.folder / "processed_audio.wav").read_bytes()))
    assert saved.duration == pytest.approx(18.0, abs=0.05)
    assert found.result.source.duration_s == pytest.approx(saved.duration, abs=0.001)
    times = [[(part.start_s, part.end_s) for part in run.result.segments or ()] for run in (found, expected)]
    np.testing.assert_allclose(times[0], times[1], atol=0.07)


def test_a_lossless_gap_gives_the_result_of_the_wav(service: RecognitionService) -> None:
    samples = speech(16_000)
    data = with_pyav(samples, 16_000, container="matroska", codec="pcm_s16le")
    with_gap = remuxed(data, "matroska", without=(5.5, 12.5))

    found, expected = service.recognize(with_gap), service.recognize(riff(pcm16(samples)))

    np.testing.assert_allclose(scores(found), scores(expected), atol=1e-3)


def test_segments_of_late_sound_have_the_times_of_the_video(service: RecognitionService, tmp_path: Path) -> None:
    spoken = speech(48_000)[: 5 * 48_000]
    options = RecognizeOptions(granularity=Granularity.SEGMENT)
    without_delay = service.recognize(with_pyav(spoken, 48_000, container="mp4", codec="aac"), options)
    video = tmp_path / "video.mp4"
    video.write_bytes(late_sound(spoken, 48_000, container="mp4", codec="aac", late_by_s=3.0))

    late = service.recognize(video, options)

    starts = [[part.start_s for part in run.result.segments or ()] for run in (without_delay, late)]
    np.testing.assert_allclose(np.add(starts[0], 3.0), starts[1], atol=0.1)
    assert [warning.code for warning in late.result.warnings] == [
        warning.code for warning in without_delay.result.warnings
    ]
