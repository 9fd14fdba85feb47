"""The comparison: figures as in scikit-learn, models in separate processes, failures, resuming."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_recall_fscore_support,
)

from tests.support.example import EXAMPLE_EMOTION
from webui.engine.catalog import TrainingData
from webui.engine.registry import ModelRegistry
from webui.labels import Emotion
from webui.service.compare.advice import Limits
from webui.service.compare.figures import measure_accuracy, purity, shared_emotions, weighted_f1
from webui.service.compare.kept import TIMES_FILE, read_answers
from webui.service.compare.process import ModelProcess
from webui.service.compare.report import HTML_FILE, JSON_FILE, MARKDOWN_FILE, report_files
from webui.service.compare.run import MeasuredModel, compare
from webui.service.compare.training_data import KnownClips, find_known_clips
from webui.service.evaluate.manifest import LabelledClip
from webui.settings import PROJECT_DIR, Settings
from webui.texts import Language, text

EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"
EMOTIONS = list(Emotion)
FOUR = ("angry", "happy", "neutral", "sad")


def about(emotions: tuple[str, ...]) -> dict[str, object]:
    info = {"name": "x", "engine": "fake", "precision": "fp32", "device": "cpu", "labels": [], "license": "none"}
    sizes = {"embedding_dim": 4, "frame_rate": 50.0, "size_mb": 1.0, "loaded_mb": 10.0}
    return {"info": info, "emotions": list(emotions), **sizes, "start_s": 1.0, "load_s": 0.5}


def answered(name: str, emotions: tuple[str, ...], clips: list[LabelledClip], seed: int) -> MeasuredModel:
    random = np.random.default_rng(seed)
    known = [EMOTIONS.index(Emotion(emotion)) for emotion in emotions]
    answers = {}
    for clip in clips:
        scores = np.zeros(9)
        scores[known] = random.dirichlet(np.ones(len(known)))
        answers[str(clip.path)] = {
            "scores": scores.tolist(),
            "embedding": random.normal(size=4).tolist(),
            "seconds": 0.1,
        }
    return MeasuredModel(
        name, name, about=about(emotions), answers=answers, times={10.0: [0.5, 0.6]}, memory={"peak_mb": 100.0}
    )


@pytest.fixture
def clips() -> list[LabelledClip]:
    random = np.random.default_rng(1)
    return [
        LabelledClip(Path(f"{number}.wav"), EMOTIONS[random.integers(7)], f"speaker {number % 5}")
        for number in range(80)
    ]


def test_the_figures_equal_those_of_scikit_learn(clips: list[LabelledClip]) -> None:
    large = answered("large", tuple(emotion.value for emotion in EMOTIONS), clips, 2)
    small = answered("small", FOUR, clips, 3)
    shared = shared_emotions([large, small], clips)
    assert [EMOTIONS[number].value for number in shared] == list(FOUR)
    for model in (large, small):
        found = measure_accuracy(model, clips, shared)
        assert found is not None
        assert found.shared_recall is not None
        truth = np.array([EMOTIONS.index(clip.emotion) for clip in clips])
        scores = np.array([model.answers[str(clip.path)]["scores"] for clip in clips])
        predictions = scores.argmax(axis=1)
        present = np.unique(truth)
        assert found.right.value == pytest.approx(accuracy_score(truth, predictions))
        assert found.recall.value == pytest.approx(
            np.mean([(predictions[truth == label] == label).mean() for label in present])
        )
        assert found.weighted_f1 == pytest.approx(
            f1_score(truth, predictions, labels=present, average="weighted", zero_division=0)
        )
        inside = np.isin(truth, shared)
        allowed_emotions = np.array(shared)[scores[inside][:, shared].argmax(axis=1)]
        assert found.shared_recall.value == pytest.approx(balanced_accuracy_score(truth[inside], allowed_emotions))
        every = precision_recall_fscore_support(truth, predictions, labels=present, zero_division=0)
        for place, label in enumerate(present):
            figures = found.classes[EMOTIONS[label]]
            precision, recall, f1, support = (column[place] for column in every)
            assert (figures.recall, figures.precision, figures.f1, figures.clips) == pytest.approx(
                (recall, precision, f1, support)
            )
        assert found.shared_recall.low <= found.shared_recall.value <= found.shared_recall.high


def test_weighted_f1_of_a_small_case() -> None:
    truth, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert weighted_f1(truth, predictions) == pytest.approx(f1_score(truth, predictions, average="weighted"))


def test_purity_follows_from_the_nearest_neighbour() -> None:
    rows = np.array([[1.0, 0.0], [5.0, 0.1], [0.0, 1.0], [0.1, 2.0]])
    assert purity(rows, ["a", "a", "b", "b"]) == 1.0
    assert purity(rows, ["a", "b", "a", "b"]) == 0.0
    assert purity(rows[:1], ["a"]) is None
    assert purity(rows, ["a", "a", "b", "b"], apart=["x", "x", "y", "y"]) == 0.0
    assert purity(rows, ["a", "b", "a", "b"], apart=["x", "y", "x", "y"]) == 0.0
    assert purity(rows, ["a", "a", "b", "b"], apart=["x"] * 4) is None


def test_a_model_that_failed_is_shown_as_failed(clips: list[LabelledClip]) -> None:
    good, bad = answered("good", FOUR, clips, 4), MeasuredModel("bad", error="there is | no such file")
    figures = measure_accuracy(good, clips, shared_emotions([good], clips))
    assert figures is not None
    for language in Language:
        made = report_files([good, bad], {"good": figures}, len(clips), "a machine", language, "2 annotators")
        assert not made.complete
        files = made.files
        assert files[MARKDOWN_FILE].count("no such file") == 1
        failed = text("compare.failed", language)
        assert files[MARKDOWN_FILE].count(f"| bad | {failed} |") == 7, (
            "every table except the one from the article shows the failure"
        )
        assert "84.2 %" in files[MARKDOWN_FILE]
        assert "http" not in files[HTML_FILE], "the page loads nothing from the network"
        assert "2 annotators" in files[MARKDOWN_FILE]
        assert files[HTML_FILE].count("<svg") == 2
        assert json.loads(files[JSON_FILE])["models"][1]["error"] == "there is | no such file"
        assert {"speed.csv", "memory.csv", "accuracy.csv", "embedding.csv", "deployment.csv", "output.csv"} <= set(
            files
        )


def test_without_recordings_there_is_no_accuracy() -> None:
    files = report_files([MeasuredModel("a", about=about(FOUR))], {}, 0, "a machine", Language.EN).files
    assert "No labelled recordings" in files[MARKDOWN_FILE]
    assert "Most accurate" not in files[MARKDOWN_FILE]


def test_a_model_is_left_out_of_the_rules_on_accuracy_for_its_training_data(tmp_path: Path) -> None:
    """Its corpora are recognised by the table's column, by the names of files, and by the record of its speakers."""
    registry = ModelRegistry(Settings(models_dir=tmp_path))
    shipped = {name: registry.training_data(name) for name in ("builtin", "hubert_large_superb")}

    def known(name: str, path: str, **values: str) -> tuple[str, ...]:
        found = find_known_clips(shipped[name], [LabelledClip(Path(path), Emotion.SAD, **values)])
        return found.names if found is not None else ()

    assert known("builtin", "/x/1.wav", group="Emo_DB", speaker="44") == ("Emo_DB",)
    assert known("builtin", "/x/03-01-05-01-02-01-12.wav") == ("ravdess",)
    assert known("builtin", "/x/EB0_anger_1.wav") == ("nemo",)
    assert known("builtin", "/x/1.wav", speaker="nemo_EB0") == ("nemo_EB0",)
    assert known("builtin", "/x/1001_DFA_FEA_XX.wav", group="crema-d", speaker="1001") == ()
    assert known("hubert_large_superb", "/x/03-01-05-01-02-01-12.wav") == ()
    assert known("hubert_large_superb", "/x/1.wav", group="IEMOCAP") == ("IEMOCAP",)

    own = TrainingData(speakers=frozenset({"anna", "happy/2.wav"}))
    clips = [LabelledClip(tmp_path / name, Emotion.HAPPY) for name in ("happy/1.wav", "happy/2.wav")]
    assert find_known_clips(own, clips) == KnownClips(1, ("happy/2.wav",))


@pytest.mark.parametrize("language", Language)
def test_advice_on_training_data(clips: list[LabelledClip], language: Language) -> None:
    good, other = (answered(name, FOUR, clips, seed) for name, seed in (("builtin", 6), ("other", 7)))
    for clip in clips:  # the first model is always right
        good.answers[str(clip.path)]["scores"] = np.eye(9)[EMOTIONS.index(clip.emotion)].tolist()
    found = {model.name: measure_accuracy(model, clips, [0, 3]) for model in (good, other)}
    accuracy = {name: figures for name, figures in found.items() if figures is not None}

    def advice(known: dict[str, KnownClips]) -> tuple[str, ...]:
        return report_files([good, other], accuracy, len(clips), "", language, known=known).advice

    def recommended(name: str) -> str:
        recall = accuracy[name].recall.value
        return text("compare.rule_take", language, model=name, recall=recall)

    left_out = text("compare.rule_trained_on", language, model="builtin", count=80, names="nemo")
    nobody = text("compare.rule_all_trained", language)
    assert recommended("builtin") in advice({})
    assert recommended("other") in advice({"builtin": KnownClips(80, ("nemo",))})
    assert text("compare.rule_accurate", language, models="other") in advice({"builtin": KnownClips(80, ("nemo",))})
    assert left_out in advice({"builtin": KnownClips(80, ("nemo",))})
    assert nobody not in advice({"builtin": KnownClips(80, ("nemo",))})
    everyone = advice({name: KnownClips(80, ("nemo",)) for name in accuracy})
    assert nobody in everyone
    assert not {recommended("builtin"), recommended("other")} & set(everyone)


def test_advice_within_limits(clips: list[LabelledClip]) -> None:
    """A model that is too large, too slow or for another language is not recommended."""
    large, small = (answered(name, FOUR, clips, 5) for name in ("emotion2vec_plus_large", "hubert_large_superb"))
    small.memory["peak_mb"], small.times = 50.0, {10.0: [1.5]}
    figures = {model.name: measure_accuracy(model, clips, []) for model in (large, small)}
    accuracy = {name: figure for name, figure in figures.items() if figure is not None}

    def advised(limits: Limits) -> str:
        made = report_files([large, small], accuracy, len(clips), "", Language.EN, "", limits)
        line = next(line for line in made.advice if line.startswith("Within the given limits"))
        return line.rpartition("): ")[2].rstrip(".")

    assert advised(Limits()) == "emotion2vec_plus_large, hubert_large_superb"
    assert advised(Limits(memory_mb=60.0)) == "hubert_large_superb"
    assert advised(Limits(latency_s=1.0)) == "emotion2vec_plus_large"
    assert advised(Limits(language="zh")) == "emotion2vec_plus_large"
    assert advised(Limits(language="fi")) == "none"


@pytest.mark.model
def test_models_in_separate_processes(tmp_path: Path) -> None:
    missing = tmp_path / "gone.wav"
    clips = [LabelledClip(EXAMPLE, Emotion.OTHER), LabelledClip(missing, Emotion.SAD)]
    settings = {"models_dir": str(tmp_path / "models"), "device": "cpu"}
    steps: list[tuple[int, int]] = []
    names = ["builtin", "hubert_large_superb"]

    def run() -> list[MeasuredModel]:
        return compare(
            names, settings, clips, kept=tmp_path / "answers", lengths_s=(0.5,), rounds=2,
            on_step=lambda done, total: steps.append((done, total)),
        )  # fmt: skip

    builtin, absent = run()
    assert builtin.error is None
    assert "hubert-large-superb-er" in (absent.error or "")
    assert len(builtin.times[0.5]) == 2
    assert builtin.memory["peak_mb"] is None or builtin.memory["peak_mb"] > 50
    first = builtin.answers[str(EXAMPLE)]
    assert EMOTIONS[int(np.argmax(first["scores"]))] is EXAMPLE_EMOTION
    assert len(first["embedding"]) == builtin.about["embedding_dim"]
    assert "gone.wav" in builtin.answers[str(missing)]["error"]
    assert steps == sorted(steps)
    kept = tmp_path / "answers" / "builtin.jsonl"
    whole = kept.read_text("utf-8")
    marked = {**first, "seconds": 123.0}
    kept.write_text(json.dumps({"path": str(EXAMPLE), **marked}) + "\n" + whole.splitlines()[-1][:20], "utf-8")
    times = json.loads((tmp_path / "answers" / TIMES_FILE).read_text("utf-8"))
    times["builtin"]["0.5"] = [7.0]
    (tmp_path / "answers" / TIMES_FILE).write_text(json.dumps(times), "utf-8")
    resumed = run()[0]
    assert resumed.times[0.5][0] == 7.0, "finished rounds are not repeated"
    assert len(resumed.times[0.5]) == 2
    again = resumed.answers
    assert again[str(EXAMPLE)]["seconds"] == 123.0, "finished results are not computed again"
    assert "error" in again[str(missing)]
    assert set(read_answers(kept)) == {str(EXAMPLE), str(missing)}


@pytest.mark.model
def test_with_and_without_a_gpu(tmp_path: Path) -> None:
    clips = [LabelledClip(EXAMPLE, Emotion.OTHER)]
    settings = {"models_dir": str(tmp_path / "models")}
    with_gpu, without = compare(
        ["builtin"], settings, clips, kept=tmp_path / "answers", lengths_s=(0.5,), rounds=1, also_cpu=True
    )
    assert (with_gpu.name, without.name) == ("builtin", "builtin (cpu)")
    assert len(with_gpu.times[0.5]) == len(without.times[0.5]) == 1
    assert (without.about["info"]["device"], without.answers) == ("cpu", {})
    files = report_files([with_gpu, without], {}, 1, "a machine", Language.EN).files
    rows = {name: content.count("builtin (cpu)") for name, content in files.items() if name.endswith(".csv")}
    assert {name for name, count in rows.items() if count} == {"speed.csv", "memory.csv"}


@pytest.mark.model
def test_a_dead_process_is_reported(tmp_path: Path) -> None:
    process = ModelProcess("builtin", {"models_dir": str(tmp_path)})
    assert "error" not in process.about
    process._process.kill()
    assert "ended with code" in process.request({"do": "memory"})["error"]
    process.close()
