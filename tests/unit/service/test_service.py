import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.fake_model import FakeModel, FakeRegistry
from webui.errors import AudioTooShortError, ModelNotFoundError, OutputError, RequestError
from webui.labels import Emotion
from webui.results import Granularity, Notice, RecognitionResult
from webui.service import Recognition, RecognitionService, RecognizeOptions, Stage
from webui.settings import Settings

RATE = 16_000
CONTRACT_KEYS = ["emotion", "confidence", "scores", "granularity", "timestamp"]


def voice_like(seconds: float, seed: int = 3) -> np.ndarray:
    """Returns a buzz with varying loudness at 16 kHz that does not count as silence."""
    times = np.arange(int(seconds * RATE)) / RATE
    buzz = np.sign(np.sin(2 * np.pi * (140 + 30 * np.sin(times * seed)) * times))
    return (0.2 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * times))).astype(np.float32)


def wav_bytes(seconds: float, seed: int = 3) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, voice_like(seconds, seed), RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(outputs_dir=tmp_path / "outputs")


@pytest.fixture
def service(settings: Settings) -> RecognitionService:
    return RecognitionService(settings, FakeRegistry(settings))


def read_document(recognition: Recognition) -> dict[str, object]:
    return json.loads((recognition.folder / "result.json").read_text(encoding="utf-8"))


def test_the_format_of_result_json(service: RecognitionService) -> None:
    recognition = service.recognize(wav_bytes(2.0), file_name="课堂.wav")
    document = read_document(recognition)
    assert list(document)[:5] == CONTRACT_KEYS
    assert list(document["scores"]) == [emotion.value for emotion in Emotion]
    assert sum(document["scores"].values()) == pytest.approx(1.0, abs=1e-5)
    assert document["confidence"] == document["scores"][document["emotion"]] == max(document["scores"].values())
    assert document["granularity"] == "utterance"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", document["timestamp"])
    assert document["model"]["name"] == "fake"
    assert document["source"]["file_name"] == "课堂.wav"
    assert document["source"]["duration_s"] == 2.0
    assert "frames" not in document
    assert "embedding" not in document
    assert RecognitionResult.model_validate_json((recognition.folder / "result.json").read_bytes())
    digits = re.fullmatch(r"outputs_(\d{8})_(\d{6})", recognition.folder.name)
    assert digits is not None
    assert "".join(digits.groups()) == re.sub(r"\D", "", document["timestamp"])


def test_files_of_a_run(service: RecognitionService) -> None:
    recognition = service.recognize(wav_bytes(1.0))
    assert [path.name for path in recognition.files] == ["log.txt", "processed_audio.wav", "result.json"]
    samples, rate = soundfile.read(recognition.folder / "processed_audio.wav", dtype="int16")
    expected, _ = soundfile.read(io.BytesIO(wav_bytes(1.0)), dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(samples, expected)
    log = (recognition.folder / "log.txt").read_text(encoding="utf-8")
    for part in ("[validation]", "[preprocessing]", "[model] fake", "[inference] 49 frame(s)", "[results]"):
        assert part in log


def test_utterance_scores_are_the_softmax_of_the_mean_logits(service: RecognitionService) -> None:
    model = service.load()
    recognition = service.recognize(wav_bytes(3.0))
    samples, _ = soundfile.read(recognition.folder / "processed_audio.wav", dtype="float32")
    features = _features(model, samples)
    logits = (features @ model.weights).mean(axis=0)
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(list(recognition.result.scores.values()), expected / expected.sum(), atol=1e-6)


def _features(model: FakeModel, samples: np.ndarray) -> np.ndarray:
    from webui.engine.protocol import Window

    window = Window(samples, float(samples.mean(dtype=np.float64)), float(samples.var(dtype=np.float64)))
    features = model.predict([window], with_features=True)[0].features
    assert features is not None
    return features


def test_embedding_of_the_utterance_is_the_mean_of_the_features(service: RecognitionService) -> None:
    recognition = service.recognize(wav_bytes(2.0), RecognizeOptions(extract_embedding=True))
    embedding = np.load(recognition.folder / "embedding.npy")
    samples, _ = soundfile.read(recognition.folder / "processed_audio.wav", dtype="float32")
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(embedding, _features(service.load(), samples).mean(axis=0), atol=1e-6)
    assert read_document(recognition)["embedding"] == {"file": "embedding.npy", "shape": [4]}


def test_frames_smoothed_by_default(service: RecognitionService) -> None:
    options = RecognizeOptions(granularity=Granularity.FRAME, extract_embedding=True)
    recognition = service.recognize(wav_bytes(4.0), options)
    frames = recognition.result.frames
    assert frames is not None
    assert (frames.frame_rate_hz, frames.window_s, frames.hop_s, frames.rows) == (50.0, 1.0, 0.2, 20)
    assert frames.start_s is not None
    assert frames.end_s is not None
    assert frames.scores is not None
    np.testing.assert_allclose(frames.start_s, np.arange(20) * 0.2)
    assert frames.end_s[-1] == pytest.approx(199 / 50)
    table = np.array([frames.scores[emotion] for emotion in Emotion]).T
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-9)
    lengths = np.array(frames.end_s) - np.array(frames.start_s)
    logits = np.average(np.log(table), axis=0, weights=lengths)
    scores = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(scores, list(recognition.result.scores.values()), atol=1e-6)
    assert np.load(recognition.folder / "embedding.npy").shape == (199, 4)


def test_raw_frames_and_other_smoothing(service: RecognitionService) -> None:
    raw = service.recognize(wav_bytes(1.0), RecognizeOptions(granularity=Granularity.FRAME, raw_frames=True))
    assert raw.result.frames is not None
    assert (raw.result.frames.rows, raw.result.frames.hop_s) == (49, 0.02)
    narrow = RecognizeOptions(granularity=Granularity.FRAME, window_s=0.1)
    frames = service.recognize(wav_bytes(1.0), narrow).result.frames
    assert frames is not None
    assert (frames.window_s, frames.hop_s) == (0.1, 0.1)


def test_many_rows_are_written_to_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    settings = Settings(outputs_dir=tmp_path, max_json_rows=40)
    service = RecognitionService(settings, FakeRegistry(settings))
    options = RecognizeOptions(granularity=Granularity.FRAME, raw_frames=True)
    recognition = service.recognize(wav_bytes(1.0), options)
    frames = read_document(recognition)["frames"]
    assert frames == {"frame_rate_hz": 50.0, "window_s": 0.02, "hop_s": 0.02, "rows": 49, "file": "frames.parquet"}
    table = pq.read_table(recognition.folder / "frames.parquet")
    assert table.num_rows == 49
    assert table.column_names == ["start_s", "end_s", *(emotion.value for emotion in Emotion)]


def test_two_runs_of_one_second_do_not_share_a_folder(service: RecognitionService) -> None:
    folders = {service.recognize(wav_bytes(0.5)).folder for _ in range(4)}
    assert len(folders) == 4


def test_simultaneous_requests_load_the_model_once(settings: Settings) -> None:
    registry = FakeRegistry(settings)
    service = RecognitionService(settings, registry)
    clips = [wav_bytes(0.5 + 0.1 * number, seed=number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(service.recognize, clips))
    assert registry.loads == 1
    for clip, recognition in zip(clips, together, strict=True):
        single = service.recognize(clip)
        assert recognition.result.scores == single.result.scores
        assert recognition.result.source.duration_s == single.result.source.duration_s


def test_one_model_runs_one_recording_at_a_time(settings: Settings) -> None:
    class Watched(FakeModel):
        inside = 0
        most = 0

        def predict(self, windows, *, with_features=False):  # noqa: ANN001, ANN202
            type(self).inside += 1
            type(self).most = max(self.most, self.inside)
            threading.Event().wait(0.02)
            type(self).inside -= 1
            return super().predict(windows, with_features=with_features)

    service = RecognitionService(settings, FakeRegistry(settings, Watched()))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(service.recognize, [wav_bytes(0.5)] * 4))
    assert Watched.most == 1


def test_progress_and_log_are_reported_immediately(service: RecognitionService) -> None:
    fractions: list[tuple[float, Stage]] = []
    lines: list[Notice] = []
    recognition = service.recognize(
        wav_bytes(1.0), progress=lambda fraction, stage: fractions.append((fraction, stage)), on_log=lines.append
    )
    assert [fraction for fraction, _ in fractions] == sorted(fraction for fraction, _ in fractions)
    assert fractions[-1] == (1.0, Stage.RESULTS)
    assert {stage for _, stage in fractions} == set(Stage)
    assert tuple(lines) == recognition.log


def test_a_run_stopped_by_its_progress_leaves_nothing(service: RecognitionService, settings: Settings) -> None:
    def stop(fraction: float, _stage: Stage) -> None:
        if fraction >= 0.9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.recognize(wav_bytes(1.0), progress=stop)
    assert not settings.outputs_dir.exists() or list(settings.outputs_dir.iterdir()) == []
    assert service.recognize(wav_bytes(1.0)).folder.is_dir()


def test_silence_gives_a_result_with_a_warning(service: RecognitionService) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(RATE), RATE, format="WAV")
    recognition = service.recognize(buffer.getvalue())
    assert any("No speech-like signal" in warning.message() for warning in recognition.result.warnings)
    assert any("No speech-like signal" in str(warning["message"]) for warning in read_document(recognition)["warnings"])
    assert "No speech-like signal" in (recognition.folder / "log.txt").read_text(encoding="utf-8")


def test_refused_recognitions_leave_nothing(service: RecognitionService, settings: Settings) -> None:
    with pytest.raises(ModelNotFoundError, match="no model named whisper; available: auto, fake"):
        service.recognize(wav_bytes(1.0), RecognizeOptions(model="whisper"))
    with pytest.raises(AudioTooShortError):
        service.recognize(wav_bytes(0.02))
    with pytest.raises(RequestError):
        service.recognize(wav_bytes(1.0), RecognizeOptions(window_s=0.1, hop_s=0.5))
    assert not settings.outputs_dir.exists() or list(settings.outputs_dir.iterdir()) == []


def test_an_outputs_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("")
    settings = Settings(outputs_dir=tmp_path / "outputs")
    with pytest.raises(OutputError, match="outputs_dir"):
        RecognitionService(settings, FakeRegistry(settings)).recognize(wav_bytes(1.0))
