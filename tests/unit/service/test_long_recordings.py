"""Recordings cut into windows by the service: results, files, progress, cancelling."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.audio_files import voice
from tests.support.fake_model import FakeModel, FakeRegistry
from webui.engine.protocol import Window
from webui.errors import ModelError, OutputError
from webui.labels import Emotion, LabelSet
from webui.results import Granularity
from webui.service import RecognitionService, RecognizeOptions, Stage
from webui.service.recognition import result_builder as answer_module
from webui.service.recognition.scores import Smoothing, emotion_scores, smooth
from webui.settings import Settings
from webui.storage import faults
from webui.texts import Language

RATE = 16_000
SECONDS = 200.0  # more than a spool keeps in memory


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.flac"
    soundfile.write(path, voice(SECONDS), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def service(tmp_path: Path) -> RecognitionService:
    settings = Settings(outputs_dir=tmp_path / "outputs", max_json_rows=500)
    return RecognitionService(settings, FakeRegistry(settings))


@pytest.fixture(scope="module")
def whole(recording: Path) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of the whole recording at once."""
    samples, _ = soundfile.read(recording, dtype="float32")
    window = Window(samples, float(samples.mean(dtype=np.float64)), float(samples.var(dtype=np.float64)))
    prediction = FakeModel().predict([window], with_features=True)[0]
    assert prediction.features is not None
    return prediction.logits, prediction.features


def left_behind(service: RecognitionService) -> list[Path]:
    folder = service.settings.outputs_dir
    return list(folder.iterdir()) if folder.exists() else []


def test_scores_and_embedding_equal_those_of_a_single_window(
    service: RecognitionService, recording: Path, whole: tuple[np.ndarray, np.ndarray]
) -> None:
    recognition = service.recognize(recording, RecognizeOptions(extract_embedding=True))
    expected = emotion_scores(whole[0].mean(axis=0, dtype=np.float64), FakeModel())
    np.testing.assert_allclose([recognition.result.scores[emotion] for emotion in Emotion], expected, atol=1e-6)
    embedding = np.load(recognition.folder / "embedding.npy")
    np.testing.assert_allclose(embedding, whole[1].mean(axis=0), atol=1e-5)
    audio, rate = soundfile.read(recognition.folder / "processed_audio.wav", dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(audio, soundfile.read(recording, dtype="int16")[0])


def test_the_result_mentions_the_windows(service: RecognitionService, recording: Path) -> None:
    recognition = service.recognize(recording)
    (notice,) = [line for line in recognition.result.warnings if line.code == "windows.cut"]
    assert dict(notice.values) == {"windows": 7, "window_s": 30.0, "context_s": 0.0}
    assert "7 windows of at most 30 s" in notice.message()
    assert "7 个窗口" in notice.message(Language.ZH)
    document = json.loads((recognition.folder / "result.json").read_text("utf-8"))
    assert document["warnings"][0]["code"] == "windows.cut"
    assert notice in recognition.log


def test_frames_are_written_to_files_in_groups(
    service: RecognitionService,
    recording: Path,
    whole: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(answer_module, "GROUP_ROWS", 300)
    options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True, window_s=1.0, hop_s=0.1)
    recognition = service.recognize(recording, options)
    frames = recognition.result.frames
    assert frames is not None
    assert (frames.rows, frames.file, frames.scores) == (2_000, "frames.parquet", None)
    file = pq.ParquetFile(recognition.folder / "frames.parquet")
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [300] * 6 + [200]
    smoothed = smooth(whole[0], Smoothing.from_seconds(1.0, 0.1, frame_rate=50.0))
    table = file.read()
    expected = emotion_scores(smoothed.logits, FakeModel())
    for column, emotion in enumerate(Emotion):
        np.testing.assert_allclose(table[emotion.value].to_numpy(), expected[:, column], atol=1e-6)
    np.testing.assert_allclose(table["start_s"].to_numpy(), smoothed.first / 50)
    np.testing.assert_allclose(table["end_s"].to_numpy(), smoothed.stop / 50)
    embedding = np.load(recognition.folder / "embedding.npy", mmap_mode="r")
    assert recognition.result.embedding is not None
    assert recognition.result.embedding.shape == embedding.shape == (9_999, 4)
    np.testing.assert_allclose(embedding, whole[1], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 9, 133, 1_001])
@pytest.mark.parametrize("smoothing", [Smoothing(1, 1), Smoothing(50, 10), Smoothing(49, 5), Smoothing(200, 10)])
def test_smoothing_in_groups_gives_the_same_rows(frames: int, smoothing: Smoothing) -> None:
    logits = np.random.default_rng(frames).normal(size=(frames, 9)).astype(np.float32)
    together = smooth(logits, smoothing)
    rows = len(together.first)
    for size in (1, 7, 64):
        parts = [smooth(logits, smoothing, first_row=i, stop_row=min(i + size, rows)) for i in range(0, rows, size)]
        np.testing.assert_allclose(np.concatenate([part.logits for part in parts]), together.logits, atol=1e-12)
        np.testing.assert_array_equal(np.concatenate([part.first for part in parts]), together.first)
        np.testing.assert_array_equal(np.concatenate([part.stop for part in parts]), together.stop)


def test_progress_is_reported_often(service: RecognitionService, recording: Path) -> None:
    seen: list[tuple[float, Stage]] = []
    service.recognize(recording, progress=lambda fraction, stage: seen.append((fraction, stage)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    decoding = [fraction for fraction, stage in seen if stage is Stage.PREPROCESSING and fraction <= 0.2]
    assert len(decoding) >= 20
    assert sum(stage is Stage.INFERENCE for _, stage in seen) == 8  # the start and seven windows


@pytest.mark.parametrize("at", [0.0, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.8, 0.9])
def test_stopped_anywhere_leaves_nothing(service: RecognitionService, recording: Path, at: float) -> None:
    def stop(fraction: float, _stage: Stage) -> None:
        if fraction >= at:
            raise KeyboardInterrupt

    options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True, raw_frames=True)
    with pytest.raises(KeyboardInterrupt):
        service.recognize(recording, options, progress=stop)
    assert left_behind(service) == []


@pytest.mark.parametrize(("free_mb", "needed_mb"), [(10.0, 19), (30.0, 33)])
def test_too_little_space_for_the_spool_or_for_the_embedding(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: float, needed_mb: int
) -> None:
    """The disk reports ``free_mb``: 200 s need 19 MB for the spool and the WAV, then 33 MB for features."""

    class Wide(FakeModel):
        embedding_dim = 820

    monkeypatch.setattr(faults, "_free_mb", lambda _folder: free_mb)
    settings = Settings(outputs_dir=tmp_path / "outputs")
    service = RecognitionService(settings, FakeRegistry(settings, Wide()))
    options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True)
    with pytest.raises(OutputError, match=f"about {needed_mb} MB more, {free_mb:.0f} MB are free") as caught:
        service.recognize(recording, options)
    assert caught.value.code == "storage.too_little_space"
    assert left_behind(service) == []


def test_unmapped_labels_are_detected_before_the_model_runs(tmp_path: Path, recording: Path) -> None:
    model = FakeModel(LabelSet.from_tokens(["calm", "开心/happy"]))
    settings = Settings(outputs_dir=tmp_path / "outputs")
    with pytest.raises(ModelError, match="calm"):
        RecognitionService(settings, FakeRegistry(settings, model)).recognize(recording)
    assert model.window_lengths == []
