"""Classifiers of transformers: the pipeline's numbers, frames, labels, and where they are found."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tests.support.checkpoints import make_clip
from tests.support.parity_pairs import softmax, whole
from tests.support.transformers_checkpoints import KINDS, SUPERB, write_classifier
from webui.engine.registry import ModelRegistry
from webui.engine.transformers.model import TransformersModel, load_transformers
from webui.errors import CheckpointError, InferenceError, ModelError, ModelNotFoundError
from webui.labels import Emotion
from webui.service import RecognitionService, RecognizeOptions
from webui.service.recognition.windows import predict_recording
from webui.settings import PROJECT_DIR, Device, Settings

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_numbers_equal_those_of_the_pipeline(tmp_path: Path, kind: str, weighted: bool) -> None:
    folder = write_classifier(tmp_path, kind, weighted=weighted)
    pipe = transformers.pipeline("audio-classification", model=str(folder), device="cpu")
    model = load_transformers("peer", folder, license="none", device=Device.CPU)
    tops = set()
    for number, seconds in enumerate((0.1, 1.0, 3.3)):
        clip = make_clip(number, seconds)
        theirs = {answer["label"]: answer["score"] for answer in pipe(clip, top_k=4)}
        (answer,) = model.predict([whole(clip)], with_features=True)
        ours = softmax(answer.logits.mean(axis=0))
        np.testing.assert_allclose(ours, [theirs[SUPERB[number]] for number in range(4)], atol=1e-5)
        assert answer.logits.shape == ((len(clip) - 400) // 320 + 1, 4)
        assert answer.features is not None
        assert answer.features.shape == (len(answer.logits), model.embedding_dim)
        tops.add(int(ours.argmax()))
    with torch.inference_mode():
        given = pipe.feature_extractor(clip, sampling_rate=16_000, return_tensors="pt").input_values
        last = pipe.model.base_model(given).last_hidden_state[0]
    np.testing.assert_allclose(answer.features, last.numpy(), atol=2e-5)


def test_a_batch_gives_the_same_as_its_members(tmp_path: Path) -> None:
    model = load_transformers(
        "peer", write_classifier(tmp_path, "wav2vec2", weighted=True), license="none", device=Device.CPU
    )
    windows = [whole(make_clip(number, seconds)) for number, seconds in enumerate((0.5, 2.0, 0.025))]
    together = model.predict(windows)
    for answer, window in zip(together, windows, strict=True):
        np.testing.assert_array_equal(answer.logits, model.predict([window])[0].logits)
    assert predict_recording(model, make_clip(1, 70.0)).windows == 4
    with pytest.raises(InferenceError):
        model.predict([whole(make_clip(1, 0.02))])


def test_labels_are_mapped_to_the_nine_emotions(tmp_path: Path) -> None:
    named = {0: "Anger", 1: "happiness", 2: "Disgust", 3: "fear", 4: "surprised", 5: "calm"}
    model = load_transformers(
        "peer", write_classifier(tmp_path, "wav2vec2", weighted=False, labels=named), license="none"
    )
    assert model.labels.emotions[:5] == (
        Emotion.ANGRY,
        Emotion.HAPPY,
        Emotion.DISGUSTED,
        Emotion.FEARFUL,
        Emotion.SURPRISED,
    )
    assert model.labels.unmapped() == ("calm",)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return Settings(models_dir=tmp_path / "models", outputs_dir=tmp_path / "outputs", device=Device.CPU)


def test_a_classifier_is_found_under_models_and_in_the_hub_s_cache(settings: Settings, tmp_path: Path) -> None:
    registry = ModelRegistry(settings)
    assert not {status.name: status.ready for status in registry.listings()}["hubert_large_superb"]
    with pytest.raises(ModelNotFoundError, match="superb/hubert-large-superb-er"):
        registry.load("hubert_large_superb")
    write_classifier(
        tmp_path / "hub" / "models--superb--hubert-large-superb-er" / "snapshots" / "abc", "hubert-large", weighted=True
    )
    write_classifier(settings.models_dir / "my_own", "wav2vec2", weighted=False)
    assert isinstance(registry.load("hubert_large_superb"), TransformersModel)
    ready = {status.name for status in registry.listings() if status.ready}
    assert ready == {"builtin", "hubert_large_superb", "my_own"}
    assert registry.names()[-1] == "my_own"


@pytest.mark.parametrize("name", ["..", "../models/my_own", "/etc", "", ".hidden", "my_own/", "missing"])
def test_names_cannot_leave_the_folder(settings: Settings, name: str) -> None:
    write_classifier(settings.models_dir / "my_own", "wav2vec2", weighted=False)
    with pytest.raises(ModelNotFoundError):
        ModelRegistry(settings).load(name)
    with pytest.raises(ModelNotFoundError):
        ModelRegistry(settings).choose(name)


def test_a_classifier_is_used_by_the_service(settings: Settings) -> None:
    write_classifier(settings.models_dir / "my_own", "wav2vec2", weighted=True)
    service = RecognitionService(settings)
    result = service.recognize(EXAMPLE, RecognizeOptions(model="my_own", extract_embedding=True)).result
    assert (result.model.name, result.model.engine) == ("my_own", "transformers")
    assert result.embedding is not None
    assert result.embedding.shape == (48,)
    assert sum(result.scores[emotion] for emotion in (Emotion.NEUTRAL, Emotion.HAPPY, Emotion.ANGRY, Emotion.SAD)) == (
        pytest.approx(1.0)
    )
    write_classifier(settings.models_dir / "unknown_labels", "wav2vec2", weighted=True, labels={0: "calm", 1: "ang"})
    with pytest.raises(ModelError, match="calm"):
        service.recognize(EXAMPLE, RecognizeOptions(model="unknown_labels"))


@pytest.mark.parametrize("rate", [1, 0, -16_000, 10_000_000, 16_000.0, "16000", None, True])
def test_an_invalid_sample_rate_is_refused(settings: Settings, rate: object) -> None:
    write_classifier(settings.models_dir / "odd", "wav2vec2", weighted=False, sample_rate=rate)
    registry = ModelRegistry(settings)
    for call in (registry.load, registry.sample_rate):
        with pytest.raises(CheckpointError, match=r"preprocessor_config\.json") as caught:
            call("odd")
        assert caught.value.code == "checkpoint.bad_sample_rate"
    with pytest.raises(CheckpointError, match="odd"):
        RecognitionService(settings).recognize(EXAMPLE, RecognizeOptions(model="odd"))


@pytest.mark.parametrize("content", ["[]", "{", "\udcff"])
def test_an_invalid_preprocessor_file_is_refused(settings: Settings, content: str) -> None:
    folder = write_classifier(settings.models_dir / "odd", "wav2vec2", weighted=False)
    (folder / "preprocessor_config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match="odd"):
        ModelRegistry(settings).load("odd")


def test_files_that_are_not_a_classifier_are_refused(settings: Settings) -> None:
    folder = write_classifier(settings.models_dir / "broken", "wav2vec2", weighted=True)
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="broken"):
        ModelRegistry(settings).load("broken")
    text = settings.models_dir / "text"
    text.mkdir()
    (text / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (text / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="text"):
        ModelRegistry(settings).load("text")
