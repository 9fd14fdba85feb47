"""Segments of speech and their scores, and scores restricted to some emotions."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.paths import EXAMPLE, SHARED
from webui.audio import vad as speech_module
from webui.audio.decode import DecodeLimits, decode
from webui.audio.vad import SpeechSpan, detect_speech
from webui.errors import RequestError
from webui.labels import Emotion, LabelSet
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions
from webui.service.recognition.options import parse_labels
from webui.service.recognition.scores import emotion_scores
from webui.service.recognition.segments import build_segments
from webui.settings import Settings

RATE = 16_000
SHARED = SHARED / "data"


def speech() -> np.ndarray:
    """A voice that silero-vad detects, from a file of the repository."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    assert rate == RATE
    return samples[: round(0.9 * RATE)]  # the rest is detected less reliably


def silence(seconds: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(scale=1e-4, size=round(seconds * RATE))
    return noise.astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_concatenated_clips_are_found_at_their_positions() -> None:
    clip = speech()
    (single,) = detect_speech(np.concatenate([silence(1.0), clip, silence(1.0)]), longest_s=30.0)
    inside = (single.start - RATE, single.stop - RATE)
    starts, parts, at = [], [], 0
    for gap_s in (1.0, 2.5, 20.0, 0.8):
        parts += [silence(gap_s), clip]
        starts.append(at + round(gap_s * RATE))
        at = starts[-1] + len(clip)
    found = detect_speech(np.concatenate([*parts, silence(1.0)]), longest_s=30.0)
    assert len(found) == 4
    for span, start in zip(found, starts, strict=True):
        assert span.start == pytest.approx(start + inside[0], abs=0.2 * RATE)
        assert span.stop == pytest.approx(start + inside[1], abs=0.2 * RATE)


def test_silence_and_noise_contain_no_speech() -> None:
    assert detect_speech(silence(5.0), longest_s=15.0) == []
    loud = np.random.default_rng(2).normal(scale=0.1, size=5 * RATE).astype(np.float32)
    assert detect_speech(loud, longest_s=15.0) == []
    assert detect_speech(silence(0.0), longest_s=15.0) == []


def test_a_long_segment_is_cut() -> None:
    clip = np.concatenate([silence(1.0), *[speech()] * 5])
    (uncut,) = detect_speech(clip, longest_s=30.0)
    cut = detect_speech(clip, longest_s=1.5)
    assert len(cut) >= 3
    assert max(span.stop - span.start for span in cut) <= 1.5 * RATE
    assert cut[0].start == uncut.start
    assert cut[-1].stop == pytest.approx(uncut.stop, abs=0.5 * RATE)
    assert all(before.stop == after.start for before, after in itertools.pairwise(cut)), "part of the segment is lost"
    assert (cut[0].start, cut[-1].stop) == (uncut.start, uncut.stop)


def test_a_long_segment_is_cut_where_it_is_quietest() -> None:
    first, pause = speech(), silence(0.2)
    clip = np.concatenate([silence(1.0), first, first, pause, first, first, silence(1.0)])
    assert len(detect_speech(clip, longest_s=30.0)) == 1, "the pause is too short to end a segment"
    before, _after = detect_speech(clip, longest_s=3.0)
    begun = RATE + 2 * len(first)
    assert begun - 0.05 * RATE <= before.stop <= begun + len(pause) + 0.1 * RATE


def test_the_block_size_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    waveform = np.concatenate([silence(0.7), speech(), silence(1.3), speech()])
    whole = detect_speech(waveform, longest_s=30.0)
    monkeypatch.setattr("webui.audio.vad.BLOCK_FRAMES", 7)
    assert detect_speech(waveform, longest_s=30.0) == whole


def test_pytorch_keeps_its_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        detect_speech(silence(1.0), longest_s=15.0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared recordings next to this checkout")
def test_real_speech_is_detected() -> None:
    clips = sorted((SHARED / "speech").rglob("*.opus"))[::500]
    assert clips
    limits = DecodeLimits(max_bytes=100_000_000, max_duration_s=60.0)
    for clip in clips:
        waveform = decode(clip, limits=limits).waveform
        detected = sum(span.stop - span.start for span in detect_speech(waveform, longest_s=15.0))
        assert detected > 0.3 * len(waveform), clip.name


def logits_of(*leaders: int) -> np.ndarray:
    """Returns one second (50 frames) of logits per leading emotion."""
    rows = np.random.default_rng(3).normal(scale=0.1, size=(50 * len(leaders), 9)).astype(np.float32)
    for number, leader in enumerate(leaders):
        rows[50 * number : 50 * (number + 1), leader] += 3.0
    return rows


def test_scores_of_a_segment_follow_from_its_frames() -> None:
    model = FakeModel()
    logits = logits_of(0, 3, 3)
    spans = [SpeechSpan(0, RATE), SpeechSpan(RATE, 2 * RATE), SpeechSpan(2 * RATE, 3 * RATE)]
    segments = build_segments(spans, logits, model)
    assert [segment.emotion for segment in segments] == [Emotion.ANGRY, Emotion.HAPPY, Emotion.HAPPY]
    expected = softmax(logits[50:100].mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(list(segments[1].scores.values()), expected, atol=1e-12)
    assert (segments[2].start_s, segments[2].end_s) == (2.0, 3.0)
    (whole,) = build_segments([SpeechSpan(0, 3 * RATE)], logits, model)
    np.testing.assert_allclose(list(whole.scores.values()), emotion_scores(logits.mean(0), model), atol=1e-6)


def test_neighbours_of_one_emotion_are_joined_unless_they_are_far_apart() -> None:
    model = FakeModel()
    logits = logits_of(0, 3, 3, 3)
    spans = [
        SpeechSpan(0, RATE),
        SpeechSpan(RATE, 2 * RATE),
        SpeechSpan(2 * RATE + 8000, 3 * RATE),
        SpeechSpan(3 * RATE, 4 * RATE),
    ]
    joined = build_segments(spans, logits, model, merge_gap_s=1.0)
    assert [(segment.start_s, segment.end_s) for segment in joined] == [(0.0, 1.0), (1.0, 4.0)]
    detected = np.concatenate([logits[50:100], logits[125:150], logits[150:200]])
    np.testing.assert_allclose(list(joined[1].scores.values()), softmax(detected.mean(0, dtype=np.float64)), atol=1e-12)
    near = build_segments(spans, logits, model, merge_gap_s=0.1)
    assert [(segment.start_s, segment.end_s) for segment in near] == [(0.0, 1.0), (1.0, 2.0), (2.5, 4.0)]
    assert build_segments([], logits, model, merge_gap_s=1.0) == ()


def test_every_segment_has_at_least_one_frame() -> None:
    segments = build_segments([SpeechSpan(100, 101), SpeechSpan(16_050, 16_060)], logits_of(4), FakeModel())
    assert [segment.emotion for segment in segments] == [Emotion.NEUTRAL, Emotion.NEUTRAL]


def test_scores_restricted_to_some_emotions() -> None:
    logits = np.random.default_rng(4).normal(size=(7, 9))
    some = (Emotion.ANGRY, Emotion.SAD)
    order = list(Emotion)
    scores = emotion_scores(logits, FakeModel(), some)
    columns = [order.index(emotion) for emotion in some]
    for row, expected in zip(scores, logits, strict=True):
        np.testing.assert_allclose(row[columns], softmax(expected[columns]), atol=1e-12)
    assert np.delete(scores, columns, axis=1).max() == 0.0


def test_invalid_labels() -> None:
    assert parse_labels(" Sad, angry") == (Emotion.ANGRY, Emotion.SAD)
    assert parse_labels(["sad", "angry,happy"]) == (Emotion.ANGRY, Emotion.HAPPY, Emotion.SAD)
    for given in ("angry,joyful", "", ","):
        with pytest.raises(RequestError, match="choose from: angry, disgusted"):
            parse_labels(given)
    model = FakeModel()
    model.labels = LabelSet.from_emotions([Emotion.ANGRY, Emotion.HAPPY])
    with pytest.raises(RequestError, match="has none of the requested emotions sad"):
        emotion_scores(np.zeros(2), model, (Emotion.SAD,))


@pytest.fixture
def service(tmp_path: Path) -> RecognitionService:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    return RecognitionService(settings, FakeRegistry(settings))


def test_the_result_has_segments(service: RecognitionService, tmp_path: Path) -> None:
    clip = tmp_path / "talk.wav"
    soundfile.write(clip, np.concatenate([speech(), silence(2.0), speech()]), RATE)
    options = RecognizeOptions(granularity=Granularity.SEGMENT, labels=(Emotion.HAPPY, Emotion.NEUTRAL))
    result = service.recognize(clip, options).result
    assert result.segments is not None
    assert len(result.segments) == 2
    assert result.labels == (Emotion.HAPPY, Emotion.NEUTRAL)
    for scores in (result.scores, *(segment.scores for segment in result.segments)):
        assert sum(scores.values()) == pytest.approx(1.0)
        assert scores[Emotion.HAPPY] + scores[Emotion.NEUTRAL] == pytest.approx(1.0)
    plain = service.recognize(clip).result
    assert (plain.segments, plain.labels) == (None, None)


def test_silence_gives_a_result_with_a_warning(service: RecognitionService, tmp_path: Path) -> None:
    clip = tmp_path / "quiet.wav"
    soundfile.write(clip, silence(2.0), RATE)
    result = service.recognize(clip, RecognizeOptions(granularity=Granularity.SEGMENT)).result
    assert result.segments == ()
    assert "request.no_speech" in [warning.code for warning in result.warnings]


def test_segments_without_the_package_are_refused_immediately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    settings = Settings(outputs_dir=tmp_path / "outputs")
    service = RecognitionService(settings, FakeRegistry(settings, model))
    options = RecognizeOptions(granularity=Granularity.SEGMENT)
    with monkeypatch.context() as lacking:
        speech_module._session.cache_clear()
        lacking.setattr(speech_module, "find_spec", lambda _name: None)
        with pytest.raises(RequestError, match="package silero-vad"):
            service.recognize(EXAMPLE, options)
    assert model.window_lengths == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared recordings next to this checkout")
def test_boundaries_of_real_speech_are_found() -> None:
    clips = sorted((SHARED / "speech" / "nemo").rglob("*.opus"))
    limits = DecodeLimits(max_bytes=100_000_000, max_duration_s=60.0)
    parts, truth, at = [], [], 0
    for clip in clips[:: max(1, len(clips) // 20)][:20]:
        spoken = loud_part(decode(clip, limits=limits).waveform)
        parts += [silence(2.0), spoken]
        truth.append((at + 2 * RATE, at + 2 * RATE + len(spoken)))
        at = truth[-1][1]
    found = detect_speech(np.concatenate([*parts, silence(2.0)]), longest_s=60.0)
    off = []
    for start, stop in truth:
        own = [span for span in found if span.start < stop + RATE and span.stop > start - RATE]
        off += [(own[0].start - start) / RATE, (own[-1].stop - stop) / RATE]
    assert np.median(np.abs(off)) < 0.1
    assert np.mean(np.abs(off) <= 0.1) > 0.8


def loud_part(waveform: np.ndarray) -> np.ndarray:
    """Returns the part from the first to the last 10 ms within 35 dB of the loudest."""
    hop = RATE // 100
    energies = np.square(waveform[: len(waveform) // hop * hop].reshape(-1, hop)).mean(axis=1)
    loud = np.flatnonzero(energies > energies.max() * 10**-3.5)
    return waveform[loud[0] * hop : (loud[-1] + 1) * hop]


def test_segments_shorter_than_a_second_are_refused() -> None:
    for given in (0.0, -1.0, float("nan")):
        with pytest.raises(RequestError, match="Invalid longest segment"):
            RecognizeOptions.of(granularity=Granularity.SEGMENT, max_segment_s=given)
