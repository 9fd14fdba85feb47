"""The files in ``models/builtin`` match each other, and the model is as accurate as its card says."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.support.paths import ROOT
from training.cache import build_cache
from training.card import render_card
from training.data import Clip, read_manifest
from training.evaluate import open_ensemble
from training.license import LICENSE_TEXT
from training.metrics import softmax
from training.predict import of_model
from training.record import EVALUATION_NAME, Evaluation, TrainingRecord
from training.splits import GROUPS, TEST_SPEAKERS
from webui.engine.builtin.checkpoint import read_config
from webui.engine.builtin.model import load_builtin
from webui.labels import Emotion
from webui.settings import Device

DIRECTORY = ROOT / "models" / "builtin"
DATA = ROOT.parent / "shared" / "data" / "speech"
SHA256 = "20281d9f802eb17b17f751b32529c588b783d40310e70a4c8aa8f5d3f7a3fd23"
SCORES = (0.0125, 0.0969, 0.0368, 0.0170, 0.4104, 0.3288, 0.0671, 0.0304)
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not on this machine")


def test_the_weights_are_the_measured_ones() -> None:
    assert hashlib.sha256((DIRECTORY / "model.safetensors").read_bytes()).hexdigest() == SHA256


def test_a_few_scores() -> None:
    random = np.random.default_rng(5)
    time_s = np.arange(32_000) / 16_000
    buzz = 2 * (np.cumsum(140 + 60 * np.sin(4.4 * time_s)) / 16_000 % 1.0) - 1
    wave = (0.2 * buzz * np.clip(np.sin(14 * time_s), 0, 1) + 0.005 * random.standard_normal(32_000)).astype(np.float32)
    scores = softmax(of_model(load_builtin(DIRECTORY, device=Device.CPU))(wave)[np.newaxis])[0]
    np.testing.assert_allclose(scores, SCORES, atol=2e-3)


def test_the_card_is_the_one_the_program_writes() -> None:
    card = (DIRECTORY / "README.md").read_text(encoding="utf-8")
    assert card == render_card(DIRECTORY)
    assert "It is not Emotion2Vec+" in card


def test_the_licence_names_its_sources() -> None:
    text = (DIRECTORY / "LICENSE").read_text(encoding="utf-8")
    assert text == LICENSE_TEXT
    for name in ("CC BY-NC-SA 4.0", "RAVDESS", "nEMO", "EMO-DB", "creativecommons.org/licenses/by-nc-sa/4.0"):
        assert name in text


def test_each_speaker_is_held_out_from_one_pair() -> None:
    record = TrainingRecord.model_validate(read_config(DIRECTORY).training)
    speakers = {speaker for group in GROUPS for speaker in group}
    held_out = [speakers - set(member.speakers) for member in record.members]
    assert sorted(map(sorted, held_out)) == sorted(sorted(group) for group in GROUPS for _ in range(2))
    assert [member.statistics_mlp for member in record.members].count(True) == len(GROUPS)
    assert set(record.calibration.speakers) == speakers


def test_the_measured_figures() -> None:
    found = Evaluation.model_validate_json((DIRECTORY / EVALUATION_NAME).read_bytes())
    assert found.labels == read_config(DIRECTORY).labels
    matrix = np.array(found.confusion)
    assert matrix.sum() == sum(found.clips.values())
    recalls = matrix.diagonal() / matrix.sum(axis=1)
    assert found.pooled.value == pytest.approx(recalls.mean())
    assert found.mean_of_corpora.value == pytest.approx(np.mean([f.value for f in found.corpora.values()]))
    assert found.pooled.value > 0.45
    assert found.pooled.over_clips[0] > 0.45


def sample_of_the_test_speakers() -> list[Clip]:
    """Returns up to three clips per emotion of each test speaker."""
    chosen: dict[tuple[str, Emotion], list[Clip]] = {}
    for clip in read_manifest(DATA):
        if clip.speaker in TEST_SPEAKERS:
            chosen.setdefault((clip.speaker, clip.emotion), []).append(clip)
    return [clip for clips in chosen.values() for clip in clips[:3]]


@with_data
def test_recall_of_held_out_speakers(tmp_path: Path) -> None:
    clips = sample_of_the_test_speakers()
    assert len(clips) > 140
    cache = build_cache(DATA, clips, tmp_path, speeds=(1.0,))
    found = open_ensemble(DIRECTORY).predict(cache, clips, read_labels())
    recalls = found.recalls()
    assert recalls["pooled"] >= 0.45
    for corpus, floor in (("emodb", 0.5), ("ravdess", 0.4), ("nemo", 0.3)):
        assert recalls[corpus] >= floor, corpus


def read_labels() -> tuple[Emotion, ...]:
    return tuple(Emotion(label) for label in read_config(DIRECTORY).labels)
