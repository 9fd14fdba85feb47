"""A whole training in small: audio in, weights out, in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.training_corpus import write_corpus
from training import augment
from training import train as loop
from training.cache import WaveformCache, build_cache, read_waveform
from training.card import write_card
from training.data import Clip, TrainingDataError, read_manifest
from training.evaluate import evaluate, open_jury, recall_figure
from training.export import (
    combine,
    export_runs,
    fold_batch_norm,
    fold_statistics,
    predict_unheard,
    read_member,
    read_run,
)
from training.not_speech import background, not_speech
from training.options import TrainOptions
from training.pipeline import Job, run_job
from training.predict import ClipLogits, of_model, predict_clips
from training.robustness import conditions
from training.splits import Split, hold_out, plan_training
from training.teacher import ask_teacher
from training.train import learning_rate_at, train
from training.transfer import Transfer, allowed_emotions, measure_transfer
from webui.engine.builtin.checkpoint import STATISTICS_BANDS, read_config
from webui.engine.builtin.frontend import FrontEndConfig
from webui.engine.builtin.model import load_builtin
from webui.engine.builtin.network import MemberNetwork, NetworkConfig, statistics_mlp
from webui.engine.builtin.statistics import BANDS, StatisticsMember
from webui.engine.emotion2vec.torch_model import load_torch_model
from webui.engine.registry import ModelRegistry
from webui.labels import Emotion
from webui.service.recognition.scores import emotion_scores
from webui.service.recognition.windows import predict_recording
from webui.settings import Settings

SMALL = NetworkConfig(
    labels=3,
    front_end=FrontEndConfig(mels=16, lags=16),
    mel_channels=(4, 6, 8, 8),
    pitch_channels=(4, 4, 4, 4),
    width=16,
    heads=2,
    dilations=(1,),
    radius=4,
)
OPTIONS = TrainOptions(
    threads=1,
    epochs=5,
    clips_per_epoch=96,
    batch=8,
    learning_rate=1e-2,
    dropout=0.0,
    mixup=0.0,
    average=0.8,
    warp=0.2,
    not_speech_signals=2,
    variants=2,
)


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


def test_it_learns(run: Path) -> None:
    log = torch.load(run / loop.STATE_NAME, weights_only=True)["log"]
    assert [row["epoch"] for row in log] == [1, 2, 3, 4, 5]
    assert log[-1]["loss"] < log[0]["loss"] - 0.1
    assert log[-1]["mean"] >= 0.6  # of a speaker it didn't hear; chance is 0.33


def test_resumed_is_the_same_as_uninterrupted(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(state: loop.TrainState, *_: object) -> dict[str, float]:
        if state.epoch == 3:
            raise KeyboardInterrupt
        return {}

    with monkeypatch.context() as patched:
        patched.setattr(loop, "_validate", stop)
        with pytest.raises(KeyboardInterrupt):
            train(*corpus, SMALL, OPTIONS, tmp_path)
    assert torch.load(tmp_path / loop.STATE_NAME, weights_only=True)["epoch"] == 2
    train(*corpus, SMALL, OPTIONS, tmp_path)
    first, second = (read_run(folder).member.state_dict() for folder in (run, tmp_path))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_run_of_other_options_is_not_gone_on_with(corpus: tuple[WaveformCache, Split], run: Path) -> None:
    with pytest.raises(TrainingDataError, match="other options"):
        train(*corpus, SMALL, replace(OPTIONS, seed=9), run)


def test_labels_must_fit(corpus: tuple[WaveformCache, Split], tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="8 classes, the training clips have 3"):
        train(*corpus, replace(SMALL, labels=8), OPTIONS, tmp_path)


def test_what_is_exported_is_what_was_trained(corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path) -> None:
    cache, split = corpus
    export_runs(
        [run, run], clips=split.train + split.validation, labels=LABELS, cache=cache, directory=tmp_path, version="0"
    )
    model = load_builtin(tmp_path)
    assert model.labels.names == ("angry", "neutral", "sad")
    assert model.embedding_dim == 32
    found = predict_clips(of_model(model), cache, split.validation, tuple(e for e in model.labels.emotions if e))
    assert found.recalls()["pooled"] >= 0.6
    assert "NonCommercial" in (tmp_path / "LICENSE").read_text(encoding="utf-8")

    everybody = split.train + split.validation
    measured = evaluate(tmp_path, cache, everybody, split.train[:2], command="evaluate", machine="a laptop")
    assert measured.speakers == ("a_2",)  # the others were heard
    assert measured.judges == 2
    assert measured.unasked == {}
    assert measured.pooled.value == pytest.approx(found.recalls()["pooled"])
    assert measured.clips == {"a": len(split.validation)}
    assert np.array(measured.confusion).sum(axis=1).tolist() == [4, 4, 4]
    (tmp_path / "evaluation.json").write_text(measured.model_dump_json(), encoding="utf-8")
    write_card(tmp_path)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"**{measured.pooled.value:.3f}**" in card
    assert f"| {OPTIONS.seed} | shapes | 5 | 3 | a_2 |" in card
    assert "a laptop" in card
    assert "| as recorded | " in card
    assert [one.name for one in measured.hardships] == list(conditions())
    assert measured.hardships[0].pooled == pytest.approx(measured.pooled.value)
    np.testing.assert_array_equal(sum(np.array(m) for m in measured.confusions.values()), measured.confusion)


def test_everybody_is_judged_by_strangers_of_the_shipped_file(
    corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path
) -> None:
    cache, split = corpus
    everybody = split.train + split.validation
    others = hold_out(everybody, ["a_1", "b_1"])
    options = replace(OPTIONS, epochs=1, clips_per_epoch=16, seed=2)
    train(cache, others, SMALL, options, tmp_path / "shapes")
    train(cache, others, SMALL, options, tmp_path / "counts", counting=True)
    runs = [tmp_path / "counts", run, tmp_path / "shapes"]  # not in the order of the file
    export_runs(runs, clips=everybody, labels=LABELS, cache=cache, directory=tmp_path / "model", version="0")
    jury = open_jury(tmp_path / "model")
    judged = jury.judged(everybody)
    assert {clip.speaker for clip in judged} == {"a_1", "a_2", "b_1"}  # b_2 was heard by all
    assert [jury.strangers(name) for name in ("a_1", "a_2", "b_2")] == [(0, 2), (1,), ()]
    found = jury.predict(cache, judged, LABELS)
    expected = predict_unheard([read_run(path) for path in runs], everybody, cache, LABELS)
    temperature = read_config(tmp_path / "model").temperature
    np.testing.assert_allclose(found.logits * temperature, expected.logits, atol=5e-3)  # half precision on the disk
    assert found.clips == expected.clips


def trained_like(config: NetworkConfig) -> MemberNetwork:
    """A member whose every tensor was drawn, normalisation statistics included."""
    torch.manual_seed(1)
    member = MemberNetwork(config, batch_norm=True).eval()
    for name, tensor in member.state_dict().items():
        if "running_var" in name or name.endswith("norm.weight"):
            tensor.uniform_(0.5, 2.0)
        elif "norm" in name and tensor.dtype.is_floating_point:
            tensor.normal_(0, 0.5)
    return member


def test_folding_batch_norm_changes_nothing() -> None:
    member = trained_like(NetworkConfig())
    mel, pitch = torch.randn(2, 1, 64, 60), torch.randn(2, 1, 48, 60)
    plain = fold_batch_norm(member)
    assert not any("norm" in name for name in plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(plain(mel, pitch), member(mel, pitch), atol=1e-4, rtol=1e-4)


def counting_like(config: NetworkConfig) -> StatisticsMember:
    """A member that counts, whose every tensor was drawn."""
    torch.manual_seed(2)
    member = statistics_mlp(config, batch_norm=True).eval()
    for name, tensor in member.state_dict().items():
        if "running_var" in name or (name.startswith("norms") and name.endswith("weight")):
            tensor.uniform_(0.5, 2.0)
        elif ("norms" in name or name.startswith("scale")) and tensor.dtype.is_floating_point:
            tensor.normal_(0, 0.5)
    return member


def test_folding_the_norms_of_a_member_that_counts_changes_nothing() -> None:
    member = counting_like(NetworkConfig())
    mel, pitch = torch.randn(2, 1, 64, 60), torch.rand(2, 1, 48, 60)
    plain = fold_statistics(member, NetworkConfig())
    assert not any("norm" in name or "scale" in name for name in plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(plain.thinned(mel, pitch), member.thinned(mel, pitch), atol=1e-4, rtol=1e-4)
    assert BANDS == STATISTICS_BANDS


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_statistics_of_very_few_frames_are_finite(frames: int) -> None:
    member = counting_like(NetworkConfig())
    with torch.no_grad():
        found = member.thinned(torch.randn(1, 1, 64, frames), torch.rand(1, 1, 48, frames))
    assert found.shape == (1, -(-frames // 4), 128)
    assert found.isfinite().all()


def test_thinned_out_layers_are_the_dense_ones_at_every_fourth_frame() -> None:
    member = fold_batch_norm(trained_like(NetworkConfig()))
    mel = torch.randn(2, 1, 64, 61)
    with torch.no_grad():
        dense, thin = member.mel(mel, thin=False), member.mel(mel, thin=True)
        for block in member.time:
            dense, thin = block(dense, 4), block(thin, 1)
    assert thin.shape == (2, 192, 16)
    torch.testing.assert_close(dense[:, :, ::4], thin, atol=1e-4, rtol=1e-4)


def test_members_are_averaged() -> None:
    one, other = trained_like(SMALL), trained_like(SMALL)
    for tensor in other.head.parameters():
        tensor.data.add_(0.3)
    samples = torch.randn(1, 16_000)
    with torch.no_grad():
        both, features = combine([one, other], SMALL)(samples)
        alone = [combine([member], SMALL)(samples)[0] for member in (one, other)]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2, atol=1e-5, rtol=1e-5)
    assert features.shape[2] == 32


def test_members_that_count_have_their_share_and_the_head_is_linear() -> None:
    shape, counts = trained_like(SMALL), [counting_like(SMALL), counting_like(SMALL)]
    for tensor in counts[1].head.parameters():
        tensor.data.add_(0.3)
    network = combine([counts[0], shape, counts[1]], SMALL)
    samples = torch.randn(1, 16_000)
    with torch.no_grad():
        logits, features = network(samples)
        alone = [combine([one], replace(SMALL, statistics_share=0.0))(samples)[0] for one in (shape,)]
        alone += [combine([shape, one], replace(SMALL, statistics_share=1.0))(samples)[0] for one in counts]
    expected = 0.65 * alone[0] + 0.35 * (alone[1] + alone[2]) / 2
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    assert features.shape[2] == network.config.feature_size == 16 + 2 * 128
    heads = [network.members[0].head, *(member.head for member in network.counting)]
    shares = [0.65, 0.175, 0.175]
    weight = torch.cat([share * head.weight for share, head in zip(shares, heads, strict=True)], dim=1)
    bias = sum(share * head.bias for share, head in zip(shares, heads, strict=True))
    with torch.no_grad():
        torch.testing.assert_close(features.mean(1) @ weight.T + bias, logits.mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("counting", [False, True])
def test_a_frame_sees_no_further_than_it_says(counting: bool) -> None:
    members = [trained_like(NetworkConfig()), *([counting_like(NetworkConfig())] if counting else [])]
    network = combine(members, NetworkConfig())
    config = network.config
    reach = config.context_frames * 320 + config.front_end.reach_samples
    samples = torch.randn(1, 16_000 * 10)
    middle = 251  # the last of the four frames that share a value, so the one that sees furthest back
    with torch.no_grad():
        before = network(samples)[0][0, middle]
        outside = samples.clone()
        outside[:, : middle * 320 - reach] += 1
        outside[:, middle * 320 + 400 + reach :] += 1
        torch.testing.assert_close(network(outside)[0][0, middle], before, atol=1e-6, rtol=1e-6)
        inside = samples.clone()
        inside[:, : middle * 320 - reach + 960] += 1e4 * torch.randn(middle * 320 - reach + 960)
        assert (network(inside)[0][0, middle] - before).abs().max() > 1e-6


def test_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [learning_rate_at(step, OPTIONS) for step in range(OPTIONS.steps)]
    assert max(rates) == OPTIONS.learning_rate
    assert rates[0] == pytest.approx(OPTIONS.learning_rate / 6)
    assert rates[-1] < 0.01 * OPTIONS.learning_rate


def test_augmentation_keeps_level_and_shape() -> None:
    random = np.random.default_rng(0)
    waveforms = torch.from_numpy(random.standard_normal((6, 20_000)).astype(np.float32)) * 0.01
    changed = augment.add_noise(augment.filter_randomly(waveforms, random, share=1.0), random, share=1.0)
    normal = augment.normalise(changed)
    assert normal.shape == (6, 20_000)
    assert not torch.allclose(normal, augment.normalise(waveforms), atol=0.1)
    torch.testing.assert_close(normal.std(dim=1), torch.ones(6), atol=1e-3, rtol=0)
    assert torch.equal(augment.normalise(torch.zeros(1, 100)), torch.zeros(1, 100))


def test_cutting_and_filling() -> None:
    random = np.random.default_rng(0)
    waveform = np.arange(1000, dtype=np.float32)
    cut = augment.fit_length(waveform, 300, random)
    assert cut.size == 300
    assert np.all(np.diff(cut) == 1)
    filled = augment.fit_length(np.ones(1000, dtype=np.float32), 3000, random)
    assert filled.size == 3000
    assert (filled > 0.5).sum() == 1000


def test_what_is_not_speech_is_finite_and_varied() -> None:
    random = np.random.default_rng(0)
    signals = [not_speech(8000, random) for _ in range(80)]
    assert all(np.isfinite(signal).all() and signal.shape == (8000,) for signal in signals)
    assert len({round(float(signal.std()), 4) for signal in signals}) > 40
    assert any(not signal.any() for signal in signals)  # silence
    again = not_speech(8000, np.random.default_rng(0))
    np.testing.assert_array_equal(again, signals[0])


def test_what_is_behind_a_voice_has_level_1() -> None:
    random = np.random.default_rng(0)
    levels = [float(background(8000, random).std()) for _ in range(40)]
    assert levels == pytest.approx([1.0] * 40, abs=1e-3)


def test_the_temperature_is_fitted_on_who_was_not_heard(corpus: tuple[WaveformCache, Split], run: Path) -> None:
    cache, split = corpus
    member = read_run(run)
    found = predict_unheard([member], split.train + split.validation, cache, LABELS)
    assert {clip.speaker for clip in found.clips} == {"a_2"}
    with pytest.raises(TrainingDataError, match="heard every speaker"):
        predict_unheard([member], split.train, cache, LABELS)


def test_training_on_from_a_shipped_member(corpus: tuple[WaveformCache, Split], run: Path, tmp_path: Path) -> None:
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
    went_on = read_run(tmp_path / "run").member.state_dict()
    for name, tensor in start.state_dict().items():
        torch.testing.assert_close(went_on[name], tensor, atol=1e-5, rtol=0)


def test_the_whole_way_with_one_command(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data", takes=2)
    job = Job(
        data=data,
        work=tmp_path,
        model=tmp_path / "model",
        members=1,
        version="7",
        machine="a laptop",
        command="train",
        processes=2,
    )
    run_job(job, replace(OPTIONS, epochs=1, clips_per_epoch=16, validate_every=1), SMALL)
    config = read_config(tmp_path / "model")
    assert (config.version, config.network.members, config.network.statistics_members) == ("7", 1, 1)
    kinds = [read_run(tmp_path / "runs" / name).counting for name in ("0", "0-counting")]
    assert kinds == [False, True]
    assert load_builtin(tmp_path / "model").embedding_dim == 16 + 128
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "24 clips of 2 speakers" not in card
    assert "12 clips of 2 speakers" in card  # the other two were heard by both members
    assert card.startswith("# A small model of emotion in speech, version 7")
    settings = Settings(models_dir=tmp_path)
    model = ModelRegistry(settings).load("model")
    assert (model.info.name, model.info.engine, model.notices) == ("model", "builtin", ())
    assert model.info.license == config.license
    assert "RAVDESS" not in (tmp_path / "model" / "LICENSE").read_text("utf-8")


def test_a_corpus_that_was_never_heard(
    corpus: tuple[WaveformCache, Split], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, whole = corpus
    everybody = whole.train + whole.validation
    plan = plan_training([clip for clip in everybody if (clip.corpus, clip.emotion) != ("b", Emotion.SAD)], 2)
    options, work = replace(OPTIONS, epochs=1, clips_per_epoch=16), tmp_path / "runs"

    def measure() -> Transfer:
        return measure_transfer(cache, plan, SMALL, options, work, command="transfer", machine="a laptop")

    found = measure()
    assert [(one.corpus, one.heard, one.clips, one.speakers) for one in found.corpora] == [
        ("a", ("b",), 16, 2),  # two emotions shared, two speakers, four takes
        ("b", ("a",), 16, 2),
    ]
    assert all(one.labels == ("angry", "neutral") for one in found.corpora)
    assert all(one.recall.over_clips[0] <= one.recall.value <= one.recall.over_clips[1] for one in found.corpora)
    for one in found.corpora:
        assert not {s for s in read_run(work / one.corpus).speakers if s.startswith(one.corpus)}
    monkeypatch.setattr(loop, "_run_epoch", lambda *_: pytest.fail("a finished training was done again"))
    assert measure() == found


def test_a_masked_answer_is_one_of_the_shared_classes() -> None:
    clips = [Clip("a", str(n), "a_1", emotion) for n, emotion in enumerate((Emotion.ANGRY, Emotion.SAD))]
    logits = np.array([[1.0, 9.0, 0.0], [1.0, 9.0, 2.0]])
    masked = allowed_emotions(ClipLogits(tuple(clips), LABELS, logits, np.array([0, 2])), (Emotion.ANGRY, Emotion.SAD))
    assert masked.truth.tolist() == [0, 1]
    assert masked.logits.argmax(axis=1).tolist() == [0, 1]
    assert recall_figure(masked).value == 1.0


def test_a_teacher_teaches_without_labels(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data", takes=1)
    (data / "manifest.csv").unlink()
    folder = tmp_path / "teacher"
    make_checkpoint(folder, seed=3)
    teacher = load_torch_model("emotion2vec_plus_large", folder, folder / "model.pt", license="none")
    job = Job(
        data=data, work=tmp_path, model=tmp_path / "model", members=2, version="1", machine="a laptop", command="train"
    )
    run_job(job, replace(OPTIONS, epochs=2, clips_per_epoch=32), SMALL, teacher)
    student = load_builtin(tmp_path / "model")
    assert student.labels.emotions == tuple(Emotion)
    assert "emotion2vec_plus_large said" in (tmp_path / "model" / "README.md").read_text("utf-8")
    clips, scores = ask_teacher(teacher, data)
    assert len(clips) == 12
    np.testing.assert_allclose([row.sum() for row in scores.scores.values()], 1, atol=1e-6)
    logits = predict_recording(teacher, read_waveform(data / clips[0].path)).logits
    expected = emotion_scores(logits.mean(axis=0, dtype=np.float64), teacher)
    np.testing.assert_allclose(scores.of(clips)[0], expected, atol=1e-9)
