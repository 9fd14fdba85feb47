"""Models for 8 and 24 kHz get audio at their rate from the service, the command line and a comparison."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.support.audio_files import Samples, tone, voice
from tests.support.cli_process import CommandLine
from tests.support.fake_model import FakeModel, FakeRegistry
from tests.support.parity_pairs import whole
from tests.support.transformers_checkpoints import write_classifier
from webui.audio.decode import StoredRecording, decode_into
from webui.engine.protocol import Prediction, Window
from webui.engine.registry import ModelRegistry
from webui.engine.transformers.model import TransformersModel
from webui.errors import AudioDecodeError
from webui.labels import Emotion
from webui.results import Granularity
from webui.service import Recognition, RecognitionService, RecognizeOptions
from webui.service.compare.child import _Worker
from webui.service.compare.run import compare
from webui.service.evaluate.manifest import LabelledClip
from webui.service.recognition.scores import emotion_scores
from webui.settings import PROJECT_DIR, Device, Settings

SOURCE_RATE = 48_000
RATES = {"narrow": 8_000, "wide": 24_000}
BOTH = pytest.mark.parametrize("name", RATES)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, rate in RATES.items():
        write_classifier(folder / name, "wav2vec2", weighted=True, sample_rate=rate)
    shutil.copytree(PROJECT_DIR / "models" / "builtin", folder / "mine")
    return folder


@pytest.fixture
def settings(models_dir: Path, tmp_path: Path) -> Settings:
    return Settings(models_dir=models_dir, outputs_dir=tmp_path / "outputs", device=Device.CPU, auto_download=False)


@pytest.fixture(scope="module")
def samples() -> Samples:
    """A voice, and a tone of 10 kHz, which sample rates of 8 and 16 kHz cannot represent."""
    return 0.5 * voice(3.0, SOURCE_RATE) + tone(10_000, 3.0, SOURCE_RATE, level=0.2)


@pytest.fixture
def clip(samples: Samples, tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "clip.wav", samples, SOURCE_RATE, subtype="FLOAT")
    return tmp_path / "clip.wav"


def at(rate: int, samples: Samples) -> Samples:
    return np.asarray(soxr.resample(samples, SOURCE_RATE, rate, quality="HQ"), dtype=np.float32)


def expected_scores(settings: Settings, name: str, samples: Samples) -> list[float]:
    model = ModelRegistry(settings).load(name)
    (prediction,) = model.predict([whole(at(RATES[name], samples))])
    scores: list[float] = emotion_scores(prediction.logits.mean(axis=0, dtype=np.float64), model).tolist()
    return scores


@contextmanager
def windows_of(model: type[TransformersModel] | type[FakeModel]) -> Iterator[list[Window]]:
    """Yields a list of the windows that a model predicts in the block."""
    seen: list[Window] = []
    predict = model.predict

    def remember(self: TransformersModel, windows: list[Window], *, with_features: bool = False) -> list[Prediction]:
        seen.extend(windows)
        return predict(self, windows, with_features=with_features)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "predict", remember)
        yield seen


def level_of(waveform: Samples, rate: int, frequency_hz: float) -> float:
    """Returns the amplitude of a frequency in the middle of a waveform."""
    middle = waveform[rate // 2 : rate // 2 + rate].astype(np.float64)
    return float(2 * abs(np.mean(middle * np.exp(-2j * np.pi * frequency_hz * np.arange(rate) / rate))))


@BOTH
def test_the_model_gets_the_source_at_its_own_rate(name: str, settings: Settings, clip: Path, samples: Samples) -> None:
    service = RecognitionService(settings)
    with windows_of(TransformersModel) as seen:
        recognition = service.recognize(clip, RecognizeOptions(model=name, extract_embedding=True))
    (window,) = seen
    np.testing.assert_allclose(window.samples, at(RATES[name], samples), atol=1e-6)
    assert window.mean == pytest.approx(np.mean(window.samples, dtype=np.float64), abs=1e-9)
    tone_level = level_of(window.samples, RATES[name], 10_000)
    assert tone_level == pytest.approx(0.2, rel=0.05) if name == "wide" else tone_level < 0.02
    scores = list(recognition.result.scores.values())
    np.testing.assert_allclose(scores, expected_scores(settings, name, samples), atol=1e-5)
    check_files(recognition, samples)
    assert f"[model] sample rate {RATES[name]} Hz" in (recognition.folder / "log.txt").read_text("utf-8")


def check_files(recognition: Recognition, samples: Samples) -> None:
    audio, rate = soundfile.read(recognition.folder / "processed_audio.wav", dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(audio, at(16_000, samples), atol=1e-4)
    assert recognition.result.source.sample_rate_hz == SOURCE_RATE
    assert recognition.result.warnings == ()


@BOTH
def test_times_are_seconds_of_the_recording(name: str, settings: Settings, tmp_path: Path) -> None:
    spoken, rate = soundfile.read(PROJECT_DIR / "examples" / "example_synthetic.wav", dtype="float32")
    quiet = np.zeros(2 * rate, dtype=np.float32)
    soundfile.write(tmp_path / "late.wav", np.concatenate([quiet, spoken, quiet]), rate)
    service, duration_s = RecognitionService(settings), 4.0 + len(spoken) / rate
    raw = RecognizeOptions(model=name, granularity=Granularity.FRAME, raw_frames=True)
    frames = service.recognize(tmp_path / "late.wav", raw).result.frames
    assert frames is not None
    assert frames.end_s is not None
    assert frames.frame_rate_hz == RATES[name] / 320
    assert frames.end_s[-1] == pytest.approx(duration_s, abs=400 / RATES[name])
    found = {}
    for model in (name, "builtin"):
        options = RecognizeOptions(model=model, granularity=Granularity.SEGMENT)
        segments = service.recognize(tmp_path / "late.wav", options).result.segments
        assert segments
        found[model] = [(segment.start_s, segment.end_s) for segment in segments]
    assert found[name] == found["builtin"], "speech is detected at 16 kHz for every model"
    assert found[name][0][0] == pytest.approx(2.0, abs=0.5)


def test_audio_is_decoded_once_at_the_rate_of_the_model(settings: Settings, clip: Path) -> None:
    with decodes("webui.service.recognition.service") as rates:
        RecognitionService(settings).recognize(clip, RecognizeOptions(model="builtin"))
        RecognitionService(settings).recognize(clip, RecognizeOptions(model="narrow"))
    assert rates == [16_000, 8_000], "the rate is known before decoding, from the model's files"


def test_audio_is_decoded_again_if_loading_shows_another_rate(tmp_path: Path, clip: Path, samples: Samples) -> None:
    settings = Settings(outputs_dir=tmp_path / "outputs")
    model = FakeModel()
    model.sample_rate, model.frame_rate = 24_000, 75.0
    service = RecognitionService(settings, FakeRegistry(settings, model))
    with decodes("webui.service.recognition.service") as rates, windows_of(FakeModel) as seen:
        service.recognize(clip)
        service.analyze(clip, RecognizeOptions())
    assert rates == [16_000, 24_000, 24_000], "after loading, the rate is known"
    for window in seen:
        np.testing.assert_allclose(window.samples, at(24_000, samples), atol=1e-6)


def test_a_bad_file_is_refused_before_the_model_is_loaded(settings: Settings) -> None:
    registry = FakeRegistry(settings)
    with pytest.raises(AudioDecodeError):
        RecognitionService(settings, registry).recognize(b"fLaC" + bytes(100))
    assert registry.loads == 0


@contextmanager
def decodes(module: str) -> Iterator[list[int]]:
    """Yields a list of the rates that a module decodes for in the block."""
    rates: list[int] = []

    def remember(*arguments: object, model_rate: int, **options: object) -> StoredRecording:
        rates.append(model_rate)
        return decode_into(*arguments, model_rate=model_rate, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{module}.decode_into", remember)
        yield rates


def test_the_command_line(settings: Settings, clip: Path, samples: Samples, tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path / "runs")
    environment = {"SPEECH_EMOTION_MODELS_DIR": str(settings.models_dir), "SPEECH_EMOTION_DEVICE": "cpu"}
    (document,) = command_line.run("recognize", clip, "--json", "--model", "narrow", **environment).documents
    assert document["model"]["name"] == "narrow"
    scores = [document["scores"][emotion.value] for emotion in Emotion]
    np.testing.assert_allclose(scores, expected_scores(settings, "narrow", samples), atol=2e-5)


class InThisProcess:
    """A worker of a comparison without its own process, because starting eight processes takes a minute."""

    def __init__(self, name: str, settings: dict[str, str]) -> None:
        self._worker = _Worker(name, settings)
        self.about = self._worker.about()

    def request(self, message: dict[str, object]) -> dict[str, object]:
        return self._worker.handle(message)

    def close(self) -> None:
        pass


def test_a_comparison_decodes_once_per_rate(
    settings: Settings, clip: Path, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.service.compare.run.ModelProcess", InThisProcess)
    names = ["builtin", "narrow", "mine", "wide"]
    clips = [LabelledClip(clip, Emotion.SAD), LabelledClip(tmp_path / "gone.wav", Emotion.SAD)]
    plain = {"models_dir": str(settings.models_dir), "device": "cpu"}
    with decodes("webui.service.compare.decoded_clips") as rates:
        found = compare(names, plain, clips, kept=tmp_path / "answers", lengths_s=(0.5,), rounds=1)
    assert rates == [16_000, 8_000, 24_000, 16_000], "files that cannot be decoded are tried only once"
    assert [model.error for model in found] == [None] * 4
    assert [model.about["sample_rate"] for model in found] == [16_000, 8_000, 16_000, 24_000]
    answers = {model.name: model.answers[str(clip)] for model in found}
    for name in RATES:
        np.testing.assert_allclose(answers[name]["scores"], expected_scores(settings, name, samples), atol=1e-5)
    assert answers["mine"]["scores"] == answers["builtin"]["scores"]
    assert all("gone.wav" in model.answers[str(clips[1].path)]["error"] for model in found)
    assert len((tmp_path / "answers" / "wide.jsonl").read_text("utf-8").splitlines()) == 2
    assert json.loads((tmp_path / "answers" / "times.json").read_text("utf-8")).keys() == set(names)
