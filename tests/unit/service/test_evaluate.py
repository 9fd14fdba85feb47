"""Evaluation of a model on labelled recordings; the figures equal those of scikit-learn."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile
from sklearn import metrics as sklearn_metrics

from tests.support.track_files import with_tracks
from tests.support.training_corpus import RATE, write_corpus
from webui.audio.limits import DecodeLimits
from webui.cli.program import run
from webui.engine.builtin.family import BUILTIN_DIR
from webui.engine.builtin.model import load_builtin
from webui.errors import RequestError
from webui.labels import Emotion
from webui.service.evaluate import metrics
from webui.service.evaluate.annotators import krippendorff_alpha
from webui.service.evaluate.files import (
    DOCUMENT_FILE,
    PICTURE_FILE,
    PREDICTION_COLUMNS,
    PREDICTIONS_FILE,
    REPORT_FILE,
    predictions_csv,
)
from webui.service.evaluate.manifest import LabelledClip, read_labelled, read_source
from webui.service.evaluate.measure import Answers, evaluate_answers, predict_clips
from webui.service.evaluate.picture import draw_confusion
from webui.service.evaluate.report import render_report
from webui.texts import Language

LIMITS = DecodeLimits(max_bytes=10_000_000, max_duration_s=60)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), takes=1) / "manifest.csv"


def test_the_figures_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth, predictions = random.integers(0, 5, 400), random.integers(0, 6, 400)
    predictions[:200] = truth[:200]
    present = np.unique(truth)
    matrix = sklearn_metrics.confusion_matrix(truth, predictions, labels=range(6))
    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predictions, 6), matrix)
    assert metrics.accuracy(truth, predictions) == pytest.approx(sklearn_metrics.accuracy_score(truth, predictions))
    recall = sklearn_metrics.recall_score(truth, predictions, labels=present, average="macro")
    assert metrics.average_recall(truth, predictions) == pytest.approx(recall)
    expected = sklearn_metrics.f1_score(truth, predictions, labels=present, average="macro")
    assert metrics.average_f1(truth, predictions) == pytest.approx(expected)


def test_figures_of_a_model(corpus: Path) -> None:
    model, clips = load_builtin(BUILTIN_DIR), read_labelled(corpus)
    assert len(clips) == 12
    answers = predict_clips(model, clips, LIMITS)
    found = evaluate_answers(answers, model, corpus, rounds=50)
    truth = [clip.emotion.value for clip in clips]
    predictions = [list(Emotion)[row].value for row in answers.scores.argmax(axis=1)]
    expected = sklearn_metrics.confusion_matrix(truth, predictions, labels=list(found.labels))
    np.testing.assert_array_equal(found.confusion, expected)
    assert found.accuracy.value == pytest.approx(sklearn_metrics.accuracy_score(truth, predictions))
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        truth, predictions, labels=list(found.labels), zero_division=0
    )
    for i, label in enumerate(found.labels):
        figures = found.classes[label]
        assert (figures.precision, figures.recall, figures.f1) == pytest.approx((precision[i], recall[i], f1[i]))
        assert figures.clips == support[i]
    assert found.speakers == 4
    assert set(found.groups) == {"a", "b"}
    assert found.average_recall.low <= found.average_recall.value <= found.average_recall.high
    report = render_report(found, Language.EN)
    assert f"**{found.average_recall.value:.3f}**" in report
    assert "4 speakers" in report
    assert "trained on EMO-DB" in report
    assert "trained on" not in render_report(found.model_copy(update={"model": "another"}), Language.EN)


def test_intervals_resample_speakers_within_their_corpus() -> None:
    right = np.array([1.0] * 50 + [0.0] * 50 + [1.0] * 40)
    groups, speakers = ["a"] * 100 + ["b"] * 40, ["s"] * 50 + ["t"] * 50 + ["u"] * 40
    found = metrics.bootstrap(lambda rows: float(right[rows].mean()), groups, clusters=speakers, rounds=200)
    assert (found.low, found.high) == pytest.approx(
        (40 / 140, 1.0)
    )  # both draws from corpus a can be t; corpus b has only u


def test_a_folder_per_emotion(corpus: Path, tmp_path: Path) -> None:
    for place in ("Angry/anna", "sad"):
        (tmp_path / place).mkdir(parents=True)
    source = corpus.parent / "a_1_angry_0.wav"
    (tmp_path / "Angry" / "anna" / "1.wav").write_bytes(source.read_bytes())
    (tmp_path / "sad" / "2.WAV").write_bytes(source.read_bytes())
    (tmp_path / "sad" / "notes.txt").write_text("not audio")
    clips = read_labelled(tmp_path)
    assert [(clip.emotion, clip.speaker, clip.path.name) for clip in clips] == [
        (Emotion.ANGRY, "anna", "1.wav"),
        (Emotion.SAD, None, "2.WAV"),
    ]


@pytest.mark.parametrize(
    ("name", "corpus_name", "speaker", "emotion"),
    [
        ("03-01-05-01-02-01-12.wav", "ravdess", "12", Emotion.ANGRY),
        ("03-01-02-01-02-01-03.wav", "ravdess", "03", Emotion.NEUTRAL),
        ("1001_DFA_FEA_XX.wav", "crema-d", "1001", Emotion.FEARFUL),
        ("03a01Wa.wav", "emodb", "03", Emotion.ANGRY),
        ("16b10Lb.wav", "emodb", "16", Emotion.OTHER),
        ("EB0_surprised_17.wav", "nemo", "EB0", Emotion.SURPRISED),
    ],
)
def test_names_of_known_corpora(
    corpus: Path, tmp_path: Path, name: str, corpus_name: str, speaker: str, emotion: Emotion
) -> None:
    place = tmp_path / "data" / "deep"
    place.mkdir(parents=True)
    (place / name).write_bytes((corpus.parent / "a_1_angry_0.wav").read_bytes())
    (clip,) = read_labelled(tmp_path / "data")
    assert (clip.group, clip.speaker, clip.emotion) == (corpus_name, f"{corpus_name}_{speaker}", emotion)
    (place / "song.wav").write_bytes(b"x")
    with pytest.raises(RequestError) as caught:
        read_labelled(tmp_path / "data")
    assert caught.value.code == "evaluate.odd_names"
    assert "song.wav" in str(caught.value)


def test_a_list_of_emobox(corpus: Path, tmp_path: Path) -> None:
    lists = tmp_path / "data" / "toy" / "fold_1"
    lists.mkdir(parents=True)
    folder = tmp_path / "downloads" / "toy"
    folder.mkdir(parents=True)
    (folder / "a.wav").write_bytes((corpus.parent / "a_1_angry_0.wav").read_bytes())
    row = {"key": "a", "dataset": "toy", "wav": "downloads/toy/a.wav", "task": "category", "emo": "exc", "length": 1.0}
    file = lists / "toy_test_fold_1.jsonl"
    file.write_text(json.dumps(row) + "\n", "utf-8")
    with pytest.raises(RequestError) as caught:
        read_labelled(file)
    assert (caught.value.code, "'exc' 1x: line 1" in str(caught.value)) == ("evaluate.unknown_emotion", True)
    (tmp_path / "data" / "toy" / "label_map.json").write_text(json.dumps({"exc": "hap"}), "utf-8")
    (clip,) = read_labelled(file)
    assert (clip.path, clip.emotion, clip.group) == (folder / "a.wav", Emotion.HAPPY, "toy")
    for bad, code in (("{}", "evaluate.bad_emobox"), ("{", "evaluate.unreadable")):
        file.write_text(bad, "utf-8")
        with pytest.raises(RequestError) as caught:
            read_labelled(file)
        assert caught.value.code == code


def test_several_annotators(corpus: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in corpus.parent.glob("*.wav"))[:4]
    rows = ["path,annotator_1,annotator_2,annotator_3"]
    rows += [f"{names[0]},sad,sad,angry", f"{names[1]},happy,sad,angry", f"{names[2]},happy,joy,"]
    rows += [f"{names[3]},,快乐,"]
    table = corpus.parent / "three_people.csv"
    table.write_text("\n".join(rows) + "\n", "utf-8")
    found = read_source(table)
    assert [(clip.path.name, clip.emotion) for clip in found.clips] == [
        (names[0], Emotion.SAD),
        (names[2], Emotion.HAPPY),
        (names[3], Emotion.HAPPY),
    ]
    assert found.agreement is not None
    assert found.agreement.undecided == (names[1],)
    assert (found.agreement.annotators, found.agreement.recordings) == (3, 3)
    assert found.agreement.unanimous == pytest.approx(1 / 3)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_an_uploaded_list_can_only_name_files_next_to_it(corpus: Path, tmp_path: Path, suffix: str) -> None:
    """Users of the page upload such lists: they must not read other files or reveal which exist."""
    there = tmp_path / "there"
    there.mkdir()
    secret = tmp_path / "secret.wav"
    for path in (secret, there / "a.wav"):
        path.write_bytes((corpus.parent / "a_1_angry_0.wav").read_bytes())
    listed = there / f"list{suffix}"

    def read(given: str) -> tuple[LabelledClip, ...]:
        rows = {".csv": f"path,label\n{given},sad\n", ".jsonl": json.dumps({"wav": given, "emo": "sad"})}
        listed.write_text(rows[suffix], "utf-8")
        return read_source(listed, uploaded=True).clips

    for given in ("a.wav", "clips/a.wav", "C:\\clips\\a.wav", f"{tmp_path}/a.wav"):
        (clip,) = read(given)
        assert clip.path == there / "a.wav"
    for given in (str(secret), "../secret.wav", "..", ".", "", "/etc/passwd", "a.wav/.."):
        with pytest.raises(RequestError) as caught:
            read(given)
        assert caught.value.code == "evaluate.no_recording"


def test_alpha_equals_a_published_example() -> None:
    """The example of Krippendorff's paper (four observers, twelve units, missing labels): nominal alpha 0.743."""
    grid = [
        (1, 1, None, 1),
        (2, 2, 3, 2),
        (3, 3, 3, 3),
        (3, 3, 3, 3),
        (2, 2, 2, 2),
        (1, 2, 3, 4),
        (4, 4, 4, 4),
        (1, 1, 2, 1),
        (2, 2, 2, 2),
        (None, 5, 5, 5),
        (None, None, 1, 1),
        (None, None, 3, None),
    ]
    emotions = list(Emotion)
    votes = [[emotions[value] for value in row if value is not None] for row in grid]
    assert krippendorff_alpha(votes) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([[Emotion.SAD, Emotion.SAD]]) is None


def test_a_table_with_tabs(corpus: Path, tmp_path: Path) -> None:
    audio = corpus.parent / "b_2_sad_0.wav"
    (tmp_path / "a.tsv").write_text(f"path\tlabel\n{audio}\tSad\n", encoding="utf-8-sig")
    (clip,) = read_labelled(tmp_path / "a.tsv")
    assert (clip.path, clip.emotion, clip.speaker) == (audio, Emotion.SAD, None)


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("file,label\n", "evaluate.bad_columns", "file, label"),
        ("path,label\n", "evaluate.nothing_listed", "m.csv"),
        ("path,label\nm.csv,envy\nm.csv,sad\nm.csv,envy\n", "evaluate.unknown_emotion", "'envy' 2x: line 2, line 4"),
        ("path,label\ngone.wav,sad\n", "evaluate.no_recording", "line 2"),
    ],
)
def test_a_bad_manifest(tmp_path: Path, content: str, code: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(content, encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        read_labelled(tmp_path / "m.csv")
    assert caught.value.code == code
    assert message in str(caught.value)


def test_the_picture_shows_the_counts() -> None:
    root = ET.fromstring(draw_confusion(["angry", "sad"], [[3, 1], [0, 0]], "a & b"))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["angry", "angry", "sad", "sad", "3", "1", "0", "0"]
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "a & b"


def test_the_command(corpus: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "bad.csv").write_text(corpus.read_text("utf-8"), encoding="utf-8")
    for audio in corpus.parent.glob("*.wav"):
        (tmp_path / audio.name).symlink_to(audio)
    broken = tmp_path / "a_1_sad_0.wav"
    broken.unlink()
    broken.write_bytes(b"no audio")
    out = tmp_path / "report"
    assert run(["evaluate", str(tmp_path / "bad.csv"), "--model", "builtin", "--json", "-o", str(out)]) == 6
    printed = json.loads(capfdbinary.readouterr().out)
    assert printed == json.loads((out / DOCUMENT_FILE).read_text("utf-8"))
    assert (printed["model"], printed["clips"], len(printed["failed"])) == ("builtin", 11, 1)
    assert "a_1_sad_0.wav" in (out / REPORT_FILE).read_text("utf-8")
    ET.fromstring((out / PICTURE_FILE).read_text("utf-8"))
    rows = predictions_in(out)
    assert [row["path"] for row in rows] == [
        line["path"] for line in csv.DictReader(corpus.open()) if line["path"] != broken.name
    ]
    labels = printed["labels"]
    counted = [[0] * len(labels) for _ in labels]
    for row in rows:
        counted[labels.index(row["label"])][labels.index(row["predicted"])] += 1
        scores = {emotion.value: float(row[emotion]) for emotion in Emotion}
        assert max(scores, key=scores.__getitem__) == row["predicted"]
        assert sum(scores.values()) == pytest.approx(1)
    assert counted == printed["confusion"]
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = ["evaluate", str(corpus), "--model", "builtin", "-o", str(out)]
    assert run(again) == 2
    assert "already contains an evaluation" in capfdbinary.readouterr().err.decode()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run([*again, "--force"]) == 0
    assert len(predictions_in(out)) == 12
    assert run(["evaluate", str(tmp_path / "gone.csv")]) == 2


def predictions_in(folder: Path) -> list[dict[str, str]]:
    with (folder / PREDICTIONS_FILE).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_names_in_the_predictions(tmp_path: Path) -> None:
    """A path that a spreadsheet would run gets an apostrophe; one that is not UTF-8 becomes printable."""
    names = ("=cmd.wav", "\udcbf.wav", "情感,1.wav")
    clips = tuple(LabelledClip(tmp_path / "a" / name, Emotion.SAD) for name in names)
    table = predictions_csv(Answers(clips, np.eye(9)[:3], ()), tmp_path / "a")
    assert table.encode("utf-8").startswith(b"\xef\xbb\xbf" + ",".join(PREDICTION_COLUMNS).encode())
    rows = list(csv.DictReader(io.StringIO(table[1:])))
    assert [row["path"] for row in rows] == ["'=cmd.wav", "\\xbf.wav", "情感,1.wav"]
    assert [row["predicted"] for row in rows] == [emotion.value for emotion in list(Emotion)[:3]]


def test_a_track_and_samples_without_a_header(
    corpus: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """``--track`` and ``--headerless`` have the same meaning as for ``recognize``."""
    angry, sad = (soundfile.read(corpus.parent / f"a_1_{name}_0.wav", dtype="float32")[0] for name in ("angry", "sad"))
    sad_folder = tmp_path / "data" / "sad"
    sad_folder.mkdir(parents=True)

    def predicted(*options: str) -> tuple[int, list[list[float]]]:
        out = tmp_path / f"out {len(list(tmp_path.iterdir()))}"
        code = run(["evaluate", str(tmp_path / "data"), "--model", "builtin", "-o", str(out), *options])
        rows = predictions_in(out) if out.is_dir() else []
        return code, [[float(row[emotion]) for emotion in Emotion] for row in rows]

    soundfile.write(sad_folder / "a.pcm", sad, RATE, format="RAW", subtype="PCM_16")
    assert predicted() == (2, [])
    raw_code, raw_scores = predicted("--headerless", f"s16le,{RATE},1")
    (sad_folder / "a.pcm").unlink()
    (sad_folder / "a.wav").write_bytes((corpus.parent / "a_1_sad_0.wav").read_bytes())
    assert (raw_code, raw_scores) == predicted()
    assert predicted("--headerless", "mp9,1,1") == (2, [])
    assert "mp9" in capfdbinary.readouterr().err.decode()
    (sad_folder / "a.wav").unlink()
    (sad_folder / "film.mkv").write_bytes(with_tracks([angry, sad], RATE, codec="flac"))
    first, second = (predicted("--track", number) for number in ("1", "2"))
    assert first[0] == second[0] == 0
    np.testing.assert_allclose(second[1], raw_scores, atol=1e-3)
    assert not np.allclose(first[1], raw_scores, atol=1e-2)
    assert predicted("--track", "nine")[0] == 2
