"""A complete training run with small sizes: audio in, weights out, in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.training_corpus import OPTIONS, SMALL, write_corpus
from training import train as loop
from training.cache import WaveformCache, build_cache, read_waveform
from training.card import write_card
from training.data import Clip, TrainingDataError, read_manifest
from training.evaluate import evaluate, open_ensemble
from training.export import export_runs, predict_held_out, read_member
from training.figures import recall_figure
from training.license import USER_LICENSE
from training.log_progress import log_progress
from training.pipeline import PipelineOptions, run_pipeline
from training.predict import ClipLogits, of_model, predict_clips
from training.record import Transfer, write_record
from training.robustness import conditions
from training.splits import TEST_SPEAKERS, Split, hold_out, plan_training
from training.state import OLD_OPTIONS, STATE_NAME, TrainState, read_run
from training.tasks import member_pair
from training.teacher import label_with_teacher
from training.train import learning_rate_at, train
from training.transfer import measure_transfer
from webui.engine.builtin.checkpoint import read_config
from webui.engine.builtin.model import load_builtin
from webui.engine.emotion2vec.torch_model import load_torch_model
from webui.engine.registry import ModelRegistry
from webui.labels import Emotion
from webui.service.recognition.scores import emotion_scores
from webui.service.recognition.windows import predict_recording
from webui.settings import Settings

LABELS = (Emotion.ANGRY, Emotion.NEUTRAL, Emotion.SAD)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[WaveformCache, Split]:
    folder = write_corpus(tmp_path_factory.mktemp("corpus"))
    clips = read_manifest(folder)
    cache = build_cache(folder, clips, tmp_path_factory.mktemp("cache"))
    return cache, hold_out(clips, ["a_2"])


@pytest.fixture(scope="module")
def run(corpus: tuple[WaveformCache, Split], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    before = torch.get_num_threads()
    train(*corpus, SMALL, OPTIONS, folder)
    assert torch.get_num_threads() == before
    return folder


def test_training_improves_the_model(run: Path) -> None:
    log = torch.load(run / STATE_NAME, weights_only=True)["log"]
    assert [row["epoch"] for row in log] == [1, 2, 3, 4, 5]
    assert log[-1]["loss"] < log[0]["loss"] - 0.1
    assert log[-1]["mean"] >= 0.6  # of a held-out speaker; chance is 0.33


def test_resumed_is_the_same_as_uninterrupted(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(state: TrainState, *_: object) -> dict[str, float]:
        if state.epoch == 3:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_validate", stop)
        with pytest.raises(KeyboardInterrupt):
            train(*corpus, SMALL, OPTIONS, tmp_path)
    assert torch.load(tmp_path / STATE_NAME, weights_only=True)["epoch"] == 2
    train(*corpus, SMALL, OPTIONS, tmp_path)
    first, second = (read_run(folder).member.state_dict() for folder in (run, tmp_path))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_run_with_other_options_is_not_resumed(corpus: tuple[WaveformCache, Split], run: Path) -> None:
    with pytest.raises(TrainingDataError, match="other options"):
        train(*corpus, SMALL, replace(OPTIONS, seed=9), run)


def test_a_run_of_version_2_0_0_is_resumed(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = torch.load(run / STATE_NAME, weights_only=True)
    new_names = {new: old for old, new in OLD_OPTIONS.items()}
    content["options"] = {new_names.get(name, name): value for name, value in content["options"].items()}
    content["counting"] = content.pop("statistics_mlp")
    torch.save(content, tmp_path / STATE_NAME)
    monkeypatch.setattr(loop, "_run_epoch", lambda *_: pytest.fail("a finished run was repeated"))
    train(*corpus, SMALL, OPTIONS, tmp_path)
    assert not read_run(tmp_path).statistics_mlp


def test_labels_must_fit(corpus: tuple[WaveformCache, Split], tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="8 classes, the training clips have 3"):
        train(*corpus, replace(SMALL, labels=8), OPTIONS, tmp_path)


def test_the_exported_model_is_the_trained_one(corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path) -> None:
    cache, split = corpus
    export_runs(
        [run, run], clips=split.train + split.validation, labels=LABELS, cache=cache, directory=tmp_path, version="0"
    )
    model = load_builtin(tmp_path)
    assert model.labels.names == ("angry", "neutral", "sad")
    assert model.embedding_dim == 32
    labels = tuple(emotion for emotion in model.labels.emotions if emotion)
    predicted = predict_clips(of_model(model), cache, split.validation, labels)
    assert predicted.recalls()["pooled"] >= 0.6
    assert "NonCommercial" in (tmp_path / "LICENSE").read_text(encoding="utf-8")

    every_clip = split.train + split.validation
    measured = evaluate(tmp_path, cache, every_clip, split.train[:2], command="evaluate", machine="a laptop")
    assert measured.speakers == ("a_2",)  # the others were trained on
    assert measured.members_per_speaker == 2
    assert measured.test_recalls == {}
    assert measured.pooled.value == pytest.approx(predicted.recalls()["pooled"])
    assert measured.clips == {"a": len(split.validation)}
    assert np.array(measured.confusion).sum(axis=1).tolist() == [4, 4, 4]
    write_record(tmp_path / "evaluation.json", measured)
    write_card(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"**{measured.pooled.value:.3f}**" in card
    assert f"| {OPTIONS.seed} | convolutional | 5 | 3 | a_2 |" in card
    assert "a laptop" in card
    assert "The model was not trained on any of these speakers." in card
    assert "| as recorded | " in card
    assert [condition.name for condition in measured.conditions] == list(conditions())
    assert measured.conditions[0].pooled == pytest.approx(measured.pooled.value)
    np.testing.assert_array_equal(sum(np.array(m) for m in measured.confusions.values()), measured.confusion)


def test_speakers_are_evaluated_with_members_that_were_not_trained_on_them(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path
) -> None:
    cache, split = corpus
    every_clip = split.train + split.validation
    others = hold_out(every_clip, ["a_1", "b_1"])
    options = replace(OPTIONS, epochs=1, clips_per_epoch=16, seed=2)
    train(cache, others, SMALL, options, tmp_path / "convolutional")
    train(cache, others, SMALL, options, tmp_path / "statistics", statistics_mlp=True)
    runs = [tmp_path / "statistics", run, tmp_path / "convolutional"]  # not in the order of the file
    export_runs(runs, clips=every_clip, labels=LABELS, cache=cache, directory=tmp_path / "model", version="0")
    ensemble = open_ensemble(tmp_path / "model")
    covered = ensemble.covered(every_clip)
    assert {clip.speaker for clip in covered} == {"a_1", "a_2", "b_1"}  # every member was trained on b_2
    assert [ensemble.members_for(name) for name in ("a_1", "a_2", "b_2")] == [(0, 2), (1,), ()]
    predicted = ensemble.predict(cache, covered, LABELS)
    expected = predict_held_out([read_run(path) for path in runs], every_clip, cache, LABELS)
    temperature = read_config(tmp_path / "model").temperature
    np.testing.assert_allclose(predicted.logits * temperature, expected.logits, atol=5e-3)  # half precision on the disk
    assert predicted.clips == expected.clips


def test_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [learning_rate_at(step, OPTIONS) for step in range(OPTIONS.steps)]
    assert max(rates) == OPTIONS.learning_rate
    assert rates[0] == pytest.approx(OPTIONS.learning_rate / 6)
    assert rates[-1] < 0.01 * OPTIONS.learning_rate


def test_the_temperature_is_fitted_on_held_out_speakers(corpus: tuple[WaveformCache, Split], run: Path) -> None:
    cache, split = corpus
    member = read_run(run)
    predicted = predict_held_out([member], split.train + split.validation, cache, LABELS)
    assert {clip.speaker for clip in predicted.clips} == {"a_2"}
    with pytest.raises(TrainingDataError, match="trained on every speaker"):
        predict_held_out([member], split.train, cache, LABELS)


def test_training_starts_from_a_shipped_member(corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path) -> None:
    cache, split = corpus
    export_runs(
        [run],
        clips=split.train + split.validation,
        labels=LABELS,
        cache=cache,
        directory=tmp_path / "model",
        version="0",
    )
    start = read_member(tmp_path / "model", 0)
    options = replace(OPTIONS, epochs=1, learning_rate=1e-9)
    train(cache, split, start.config, options, tmp_path / "run", start)
    continued = read_run(tmp_path / "run").member.state_dict()
    for name, tensor in start.state_dict().items():
        torch.testing.assert_close(continued[name], tensor, atol=1e-5, rtol=0)


def test_the_pipeline_makes_a_model_that_the_program_loads(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    data = write_corpus(tmp_path / "data", takes=2)
    pipeline = PipelineOptions(
        data=data,
        work=tmp_path,
        model=tmp_path / "model",
        members=1,
        version="7",
        machine="a laptop",
        command="train",
        processes=2,
    )
    run_pipeline(pipeline, replace(OPTIONS, epochs=1, clips_per_epoch=16, validate_every=1), SMALL)
    config = read_config(tmp_path / "model")
    assert (config.version, config.network.members, config.network.statistics_members) == ("7", 1, 1)
    kinds = [read_run(tmp_path / "runs" / name).statistics_mlp for name in ("0", "0-statistics")]
    assert kinds == [False, True]
    assert load_builtin(tmp_path / "model").embedding_dim == 16 + 128
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "24 clips of 2 speakers" not in card
    assert "12 clips of 2 speakers" in card  # both members were trained on the other two
    assert card.startswith("# A small model of emotion in speech, version 7")
    settings = Settings(models_dir=tmp_path)
    model = ModelRegistry(settings).load("model")
    assert (model.info.name, model.info.engine, model.notices) == ("model", "builtin", ())
    assert model.info.license == config.license
    assert "RAVDESS" not in (tmp_path / "model" / "LICENSE").read_text("utf-8")
    first, last = [line for line in caplog.messages if line.startswith("decoding recordings")]
    assert (first, last.startswith("decoding recordings: done in ")) == ("decoding recordings: 24", True)


def test_a_card_on_speakers_with_the_names_of_the_projects_corpora(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path
) -> None:
    """Someone who trains on a part of RAVDESS gets a card without sentences about the choices of this project."""
    cache, split = corpus
    clips = [replace(clip, speaker=TEST_SPEAKERS[0]) for clip in split.validation]
    export_runs([run], clips=clips, labels=LABELS, cache=cache, directory=tmp_path, version="0", license=USER_LICENSE)
    measured = evaluate(tmp_path, cache, clips, clips[:1], command="evaluate", machine="laptop")
    assert measured.speakers == TEST_SPEAKERS[:1]
    assert measured.test_recalls == {}
    made_earlier = measured.model_copy(update={"test_recalls": {"ravdess": measured.pooled, "mean": measured.pooled}})
    write_record(tmp_path / "evaluation.json", made_earlier)
    write_card(tmp_path)
    card = (tmp_path / "README.md").read_text("utf-8")
    for words in ("test speakers", "Thorsten", "RAVDESS", "EMO-DB", "as a fallback", "so few speakers"):
        assert words not in card
    assert "## Intended use\n\n- Not for decisions about people" in card


def test_the_log_names_member_kind_and_epoch(
    corpus: tuple[WaveformCache, Split], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache, split = corpus
    caplog.set_level("INFO")
    options = replace(OPTIONS, epochs=3, clips_per_epoch=16, validate_every=3)
    for task in member_pair(
        tmp_path / "0", name="pair 1", cache_dir=cache.directory, split=split, config=SMALL, options=options
    ):
        if not task.statistics_mlp:
            task.run_training()
            task.run_training()
    lines = [line for line in caplog.messages if line.startswith("pair 1")]
    assert [line.partition(": loss")[0] for line in lines] == [
        "pair 1, convolutions, epoch 1 of 3",
        "pair 1, convolutions, epoch 2 of 3",
        "pair 1, convolutions, epoch 3 of 3",
        "pair 1, convolutions: resumed after epoch 3 of 3",
    ]


def test_progress_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert list(log_progress(range(3), 3, "counting", interval_s=0)) == [0, 1, 2]
    assert caplog.messages[:-1] == ["counting: 3", "counting: 1 of 3", "counting: 2 of 3"]
    assert caplog.messages[-1].startswith("counting: done in ")


def test_a_held_out_corpus(
    corpus: tuple[WaveformCache, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, whole = corpus
    every_clip = whole.train + whole.validation
    plan = plan_training([clip for clip in every_clip if (clip.corpus, clip.emotion) != ("b", Emotion.SAD)], 2)
    options, work = replace(OPTIONS, epochs=1, clips_per_epoch=16), tmp_path / "runs"

    def measure() -> Transfer:
        return measure_transfer(cache, plan, SMALL, options, work, command="transfer", machine="a laptop")

    transfer = measure()
    assert [(row.corpus, row.trained_on, row.clips, row.speakers) for row in transfer.corpora] == [
        ("a", ("b",), 16, 2),  # two emotions shared, two speakers, four takes
        ("b", ("a",), 16, 2),
    ]
    assert all(row.labels == ("angry", "neutral") for row in transfer.corpora)
    assert all(row.recall.over_clips[0] <= row.recall.value <= row.recall.over_clips[1] for row in transfer.corpora)
    for row in transfer.corpora:
        assert not {s for s in read_run(work / row.corpus).speakers if s.startswith(row.corpus)}
    monkeypatch.setattr(loop, "_run_epoch", lambda *_: pytest.fail("a finished run was repeated"))
    assert measure() == transfer


def test_restricted_predictions_are_among_the_shared_classes() -> None:
    clips = [Clip("a", str(n), "a_1", emotion) for n, emotion in enumerate((Emotion.ANGRY, Emotion.SAD))]
    logits = np.array([[1.0, 9.0, 0.0], [1.0, 9.0, 2.0]])
    predicted = ClipLogits(tuple(clips), LABELS, logits, np.array([0, 2]))
    restricted = predicted.restrict_to((Emotion.ANGRY, Emotion.SAD))
    assert restricted.truth.tolist() == [0, 1]
    assert restricted.logits.argmax(axis=1).tolist() == [0, 1]
    assert recall_figure(restricted).value == 1.0


def test_a_teacher_replaces_labels(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data", takes=1)
    (data / "manifest.csv").unlink()
    folder = tmp_path / "teacher"
    make_checkpoint(folder, seed=3)
    teacher = load_torch_model("emotion2vec_plus_large", folder, folder / "model.pt", license="none")
    pipeline = PipelineOptions(
        data=data, work=tmp_path, model=tmp_path / "model", members=2, version="1", machine="a laptop", command="train"
    )
    run_pipeline(pipeline, replace(OPTIONS, epochs=2, clips_per_epoch=32), SMALL, teacher)
    student = load_builtin(tmp_path / "model")
    assert student.labels.emotions == tuple(Emotion)
    assert "the scores of the model emotion2vec_plus_large" in (tmp_path / "model" / "README.md").read_text("utf-8")
    clips, scores = label_with_teacher(teacher, data)
    assert len(clips) == 12
    np.testing.assert_allclose([row.sum() for row in scores.scores.values()], 1, atol=1e-6)
    logits = predict_recording(teacher, read_waveform(data / clips[0].path)).logits
    expected = emotion_scores(logits.mean(axis=0, dtype=np.float64), teacher)
    np.testing.assert_allclose(scores.of(clips)[0], expected, atol=1e-9)
