"""Reading the corpora, splitting them, drawing batches from them."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.paths import SHARED
from tests.support.training_corpus import SPEAKERS, write_corpus
from training.cache import build_cache
from training.corpora import BY_NAME, CorpusSet, choose_corpora
from training.data import Clip, TrainingDataError, labels_in, read_manifest, speakers_in
from training.sampling import clip_weights, draw_batches
from training.splits import GROUPS, Split, group_speakers, hold_out, plan_training
from webui.labels import Emotion

DATA = SHARED / "data" / "speech"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), takes=2)


def damaged(corpus: Path, folder: Path, old: str, new: str) -> Path:
    text = (corpus / "manifest.csv").read_text(encoding="utf-8")
    assert old in text
    (folder / "manifest.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
    for path in corpus.glob("*.wav"):
        (folder / path.name).symlink_to(path)
    return folder


def test_reads_every_row(corpus: Path) -> None:
    clips = read_manifest(corpus)
    assert len(clips) == 4 * 3 * 2
    assert speakers_in(clips) == SPEAKERS
    assert labels_in(clips) == (Emotion.ANGRY, Emotion.NEUTRAL, Emotion.SAD)
    assert clips[0] == Clip("a", "a_1_angry_0.wav", "a_1", Emotion.ANGRY, "m")


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="--data"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("emotion_raw,emotion,", "emotion_raw,mood,", "It needs path and label (or emotion"),
        (",angry,angry,", ",angry,cross,", "manifest.csv has unknown emotion labels: 'cross' 1x: line 2"),
        ("a_1_angry_0.wav", "gone.wav", "line 2: the recording gone.wav does not exist"),
    ],
    ids=["column", "emotion", "file"],
)
def test_a_damaged_manifest(corpus: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(TrainingDataError, match=re.escape(message)):
        read_manifest(damaged(corpus, tmp_path, old, new))


def test_a_group_is_held_out(corpus: Path) -> None:
    split = hold_out(read_manifest(corpus), ["a_1", "b_2"])
    assert speakers_in(split.train) == ("a_2", "b_1")
    assert speakers_in(split.validation) == ("a_1", "b_2")


def test_a_leaking_speaker_is_refused(corpus: Path) -> None:
    clips = read_manifest(corpus)
    with pytest.raises(TrainingDataError, match=r"\['a_1'\] are in train and in validation"):
        Split(train=clips[:4], validation=clips[4:6])


def test_an_unknown_speaker_is_refused(corpus: Path) -> None:
    with pytest.raises(TrainingDataError, match="no speakers \\['z_9'\\]"):
        hold_out(read_manifest(corpus), ["z_9"])


def test_nothing_left_to_train_on(corpus: Path) -> None:
    with pytest.raises(TrainingDataError, match="No clip is left"):
        hold_out(read_manifest(corpus), SPEAKERS)


def test_the_cache_contains_the_decoded_recordings(corpus: Path, tmp_path: Path) -> None:
    clips = read_manifest(corpus)
    cache = build_cache(corpus, clips, tmp_path, speeds=(1.0, 1.25))
    seconds = [soundfile.info(corpus / clip.path).duration for clip in clips]
    assert [cache.waveform(n).size / 16_000 for n in range(len(clips))] == pytest.approx(seconds, abs=1e-3)
    assert cache.waveform(5, 1).size == pytest.approx(cache.waveform(5).size / 1.25, abs=2)
    again = build_cache(corpus, clips, tmp_path, speeds=(1.0, 1.25))
    np.testing.assert_array_equal(again.waveform(7), cache.waveform(7))
    with pytest.raises(TrainingDataError, match="not in the cache"):
        cache.rows_of([Clip("a", "new.wav", "a_1", Emotion.SAD)])


def test_a_file_that_is_not_audio(corpus: Path, tmp_path: Path) -> None:
    clips = read_manifest(corpus)[:1]
    (tmp_path / clips[0].path).write_bytes(b"not audio")
    with pytest.raises(TrainingDataError, match=r"a_1_angry_0\.wav can't be decoded"):
        build_cache(tmp_path, clips, tmp_path / "cache")


def test_the_weight_of_a_corpus_does_not_depend_on_its_size() -> None:
    big = [Clip("big", f"{n}", "s", Emotion.SAD if n % 4 else Emotion.HAPPY) for n in range(100)]
    small = [Clip("small", f"s{n}", "t", Emotion.SAD) for n in range(10)]
    weights = clip_weights(big + small, {"big": 0.6, "small": 0.4})
    assert weights[:100].sum() == pytest.approx(0.6)
    assert weights[100:].sum() == pytest.approx(0.4)
    happy = sum(w for w, clip in zip(weights, big, strict=False) if clip.emotion is Emotion.HAPPY)
    assert happy / 0.6 == pytest.approx(5 / (5 + 75**0.5))


def test_batches_are_of_similar_length_and_repeatable() -> None:
    lengths = np.random.default_rng(0).integers(16_000, 80_000, 500)
    weights = np.full(500, 1 / 500)
    draws = [
        list(draw_batches(lengths, weights, clips=320, batch_size=16, random=np.random.default_rng(4)))
        for _ in range(2)
    ]
    assert len(draws[0]) == 20
    for first, second in zip(*draws, strict=True):
        np.testing.assert_array_equal(first, second)
    spreads = [np.ptp(lengths[chosen]) for chosen in draws[0]]
    assert float(np.median(spreads)) < 0.3 * np.ptp(lengths)


def test_other_data_are_split_by_speaker() -> None:
    clips = [Clip("x", f"{n}.wav", f"s{n:02}", Emotion.SAD) for n in range(12)]
    clips += [Clip("y", "a.wav", "few", Emotion.SAD), Clip("y", "b.wav", "fewer", Emotion.HAPPY)]
    plan = plan_training(clips, 3)
    assert not plan.own_corpora
    assert plan.clips == tuple(clips)
    assert plan.groups[0] == ("s00", "s03", "s06", "s09", "few")
    assert sorted(speaker for group in plan.groups for speaker in group) == list(speakers_in(clips))
    assert plan_training(clips, 1).groups == ((*(f"s{n:02}" for n in range(0, 12, 2)), "few"),)
    assert len(plan_training(clips, 99).groups) == 14
    with pytest.raises(TrainingDataError, match="one speaker only"):
        plan_training(clips[:1], 3)


def test_a_folder_per_emotion(corpus: Path, tmp_path: Path) -> None:
    for emotion in ("happy", "sad"):
        (tmp_path / emotion / "anna").mkdir(parents=True)
        (tmp_path / emotion / "anna" / "1.wav").write_bytes((corpus / "a_1_sad_0.wav").read_bytes())
    assert read_manifest(tmp_path) == (
        Clip("data", "happy/anna/1.wav", "anna", Emotion.HAPPY),
        Clip("data", "sad/anna/1.wav", "anna", Emotion.SAD),
    )


def test_manifests_of_subfolders_with_votes(corpus: Path, tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).symlink_to(corpus)
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "x.wav").write_bytes((corpus / "a_1_sad_0.wav").read_bytes())
    (tmp_path / "three" / "manifest.csv").write_text("corpus,path,speaker,sex,emotion\nx,x.wav,s,M,sad\n", "utf-8")
    (tmp_path / "three" / "x_votes.csv").write_text("path,heard\nx.wav,sad+neutral\n", "utf-8")
    clips = read_manifest(tmp_path)
    assert len(clips) == 2 * 4 * 3 * 2 + 1
    assert {Path(clip.path).parts[0] for clip in clips} == {"one", "two", "three"}
    last = next(clip for clip in clips if clip.speaker == "s")
    assert last == Clip("x", "three/x.wav", "s", Emotion.SAD, "m", (Emotion.SAD, Emotion.NEUTRAL))


def made_up(corpus: str, count: int) -> list[Clip]:
    """Returns one clip each of ``count`` women and of as many men."""
    return [
        Clip(corpus, f"{corpus}_{sex}{n}.wav", f"{corpus}_{sex}{n:02}", Emotion.SAD, sex)
        for sex in "fm"
        for n in range(count)
    ]


def test_groups_are_balanced_by_corpus_and_sex() -> None:
    clips = [*made_up("crema-d", 13), *made_up("indowave", 4)]
    groups = group_speakers(clips)
    assert sorted(speaker for group in groups for speaker in group) == list(speakers_in(clips))
    for corpus, sex, most in (("crema-d", "f", 3), ("crema-d", "m", 3), ("indowave", "f", 1), ("indowave", "m", 1)):
        counts = [sum(speaker.startswith(f"{corpus}_{sex}") for speaker in group) for group in groups]
        assert max(counts) == most
        assert max(counts) - min(counts) <= 1
    both = [sum(speaker.startswith("indowave") for speaker in group) for group in groups]
    assert max(both) - min(both) <= 1
    alone = group_speakers(made_up("indowave", 4))
    assert {frozenset(group) for group in alone} == {
        frozenset(speaker for speaker in group if speaker.startswith("indowave")) for group in groups
    }


def test_the_free_set_has_only_corpora_for_any_use() -> None:
    clips = [clip for corpus in (*BY_NAME, "unknown") for clip in made_up(corpus, 1)]
    assert choose_corpora(clips, CorpusSet.ALL) == tuple(clips)
    kept = {clip.corpus for clip in choose_corpora(clips, CorpusSet.FREE)}
    assert kept == {"banglaser", "crema-d", "emodb", "indowave", "thorsten_samples"}
    assert not any("NC" in BY_NAME[name].license for name in kept)
    with pytest.raises(TrainingDataError, match="free for any use"):
        choose_corpora(made_up("nemo", 2), CorpusSet.FREE)


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not on this machine")
def test_the_real_corpora() -> None:
    clips = read_manifest(DATA)
    assert len(clips) == 5019
    plan = plan_training(clips, len(GROUPS))
    assert plan.own_corpora
    assert plan.groups == GROUPS
    assert labels_in(plan.clips) == tuple(Emotion)[:8]
    assert sorted(speaker for group in plan.groups for speaker in group) == list(speakers_in(plan.clips))
    assert len(speakers_in(plan.clips)) == 35
    for group in plan.groups:
        assert {speaker.split("_")[0] for speaker in group} == {"emodb", "nemo", "ravdess"}
        assert labels_in(hold_out(plan.clips, group).train) == tuple(Emotion)[:8]


@pytest.mark.skipif(not DATA.is_dir(), reason="the corpora are not on this machine")
def test_all_real_corpora() -> None:
    clips = read_manifest(DATA.parent)
    assert len(clips) == 13_823
    assert sum(bool(clip.perceived) for clip in clips) == 5968
    plan = plan_training(clips, len(GROUPS))
    assert plan.own_corpora
    assert len(speakers_in(plan.clips)) == 227
    assert all(set(old) <= set(group) for old, group in zip(GROUPS, plan.groups, strict=True))
    assert {len(group) for group in plan.groups} <= {36, 37, 38, 39, 40}
    free = plan_training(choose_corpora(clips, CorpusSet.FREE), len(GROUPS))
    assert free.own_corpora
    assert len(speakers_in(free.clips)) == 116
    for group, own in zip(plan.groups, free.groups, strict=True):
        assert set(own) <= set(group)
