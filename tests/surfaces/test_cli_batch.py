"""``batch`` as a process: killed, interrupted, resumed."""

import csv
import json
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from tests.support.cli_process import CommandLine
from tests.support.waiting import wait_until
from webui.settings import PROJECT_DIR

FILES = 60  # more than are finished before a signal arrives
EXAMPLE = PROJECT_DIR / "examples" / "example_synthetic.wav"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    (folder / "sub").mkdir(parents=True)
    for number in range(FILES):
        shutil.copy(EXAMPLE, folder / ("sub" if number % 2 else ".") / f"{number:02}.wav")
    (folder / "notes.txt").write_text("not audio")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(command_line: CommandLine, recordings: Path, tmp_path: Path) -> None:
    (recordings / "bad.mp3").write_text("nothing")
    table = tmp_path / "results.csv"
    ended = command_line.run("batch", str(recordings), "--out", str(table))
    assert ended.code == 6
    assert "bad.mp3: " in ended.err
    found = rows(table)
    names = sorted(path.relative_to(recordings).as_posix() for path in recordings.rglob("*.[wm][ap][v3]"))
    assert sorted(row["path"] for row in found) == names
    assert {row["state"] for row in found if row["path"] != "bad.mp3"} == {"done"}
    assert len({row["emotion"] for row in found if row["state"] == "done"}) == 1
    (recordings / "bad.mp3").unlink()
    shutil.copy(EXAMPLE, recordings / "bad.mp3")
    ended = command_line.run("batch", str(recordings), "--out", str(table), "--resume")
    assert ended.code == 0, ended.err
    assert {row["state"] for row in rows(table)} == {"done"}
    assert sorted(path.name for path in tmp_path.glob("results.csv*")) == ["results.csv"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_existing_table_is_kept(command_line: CommandLine, tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(EXAMPLE, tmp_path / name / f"={name}.wav")
    table = tmp_path / f"results.{kind}"
    arguments = ("--out", str(table))
    assert command_line.run("batch", str(tmp_path / "a"), *arguments).code == 0
    before = table.read_bytes()
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments)
    assert ended.code == 2
    assert "Add --resume to continue it, name another file with --out, or add --force" in ended.err
    assert table.read_bytes() == before
    ended = command_line.run("batch", str(tmp_path / "a"), *arguments, "--resume")
    assert (ended.code, "1 of 1 are already done" in ended.err) == (0, True), ended.err
    kept = path_and_scores(table)
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments, "--resume")
    assert (ended.code, "1 of 2 are already done" in ended.err) == (0, True), ended.err
    assert list(path_and_scores(table)) == ["=a.wav", "=b.wav"]
    assert path_and_scores(table)["=a.wav"] == kept["=a.wav"] == path_and_scores(table)["=b.wav"]
    assert command_line.run("batch", str(tmp_path / "b"), *arguments, "--force").code == 0
    assert list(path_and_scores(table)) == ["=b.wav"]


def path_and_scores(table: Path) -> dict[str, str]:
    """Returns what was recognized in each recording, as one string."""
    if table.suffix == ".csv":
        return {row["path"].lstrip("'"): f"{row['emotion']} {row['happy']} {row['model']}" for row in rows(table)}
    if table.suffix == ".jsonl":
        lines = [json.loads(line) for line in table.read_text("utf-8").splitlines()]
        return {line["path"]: f"{line['emotion']} {line['scores']} {line['model']['name']}" for line in lines}
    found = pyarrow.parquet.read_table(table).to_pylist()
    return {row["path"]: f"{row['emotion']} {row['happy']} {row['model']}" for row in found}


def test_a_precision_without_effect(command_line: CommandLine, tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    ended = command_line.run("batch", str(EXAMPLE), "--out", str(table), "--precision", "int8")
    assert ended.code == 0
    assert ended.err.count("the requested int8 had no effect") == 1


def test_a_file_that_is_not_a_table_is_kept(command_line: CommandLine, tmp_path: Path) -> None:
    table = tmp_path / "results.csv"
    table.write_text("name,age\nanna,3\n", "utf-8")
    for extra, words in (((), "exists already"), (("--resume",), "is not a table that batch wrote")):
        ended = command_line.run("batch", str(EXAMPLE), "--out", str(table), *extra)
        assert (ended.code, words in ended.err) == (2, True), ended.err
        assert table.read_text("utf-8") == "name,age\nanna,3\n"
    assert sorted(path.name for path in tmp_path.glob("*results.csv*")) == ["results.csv"]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_an_ended_batch_is_resumed(
    command_line: CommandLine, recordings: Path, tmp_path: Path, kill: signal.Signals
) -> None:
    table = tmp_path / "results.csv"
    array = tmp_path / "results.npz"
    state = tmp_path / "results.csv.progress.sqlite"
    process = command_line.start("batch", recordings, "--out", table, "--embedding", array)
    wait_until(lambda: count_done(state) >= 2 or process.poll() is not None)
    assert process.poll() is None
    os.kill(process.pid, kill)
    process.communicate(timeout=120)
    assert process.returncode == (130 if kill is signal.SIGINT else -signal.SIGKILL)
    before = done(state)
    assert 2 <= len(before) <= FILES
    assert command_line.run("batch", str(recordings), "--out", str(table)).code == 2
    assert done(state) == before, "an interrupted batch is only continued on request"
    if kill is signal.SIGINT:
        assert sorted(row["path"] for row in rows(table) if row["state"] == "done") == sorted(before)
        assert sorted(embeddings_in(array)[0]) == sorted(before)
    ended = command_line.run("batch", str(recordings), "--out", str(table), "--resume")
    assert (ended.code, "was started with other options" in ended.err) == (2, True), ended.err
    ended = command_line.run("batch", str(recordings), "--out", str(table), "--embedding", str(array), "--resume")
    assert ended.code == 0, ended.err
    assert f"{len(before)} of {FILES} are already done" in ended.err
    assert len(rows(table)) == FILES
    names, embedding = embeddings_in(array)
    assert names == [row["path"] for row in rows(table)]
    assert (embedding == embedding[0]).all()
    assert {row["state"] for row in rows(table)} == {"done"}


@pytest.mark.parametrize("kind", ["npz", "npy"])
def test_embeddings_of_a_folder(command_line: CommandLine, tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(EXAMPLE, tmp_path / name / f"{name}.wav")
    (tmp_path / "a" / "bad.mp3").write_text("nothing")
    table, array = tmp_path / "results.csv", tmp_path / f"out.{kind}"
    arguments = ("--out", str(table), "--embedding", str(array), "--model", "builtin")
    assert command_line.run("batch", str(tmp_path / "a"), *arguments).code == 6
    names, first = embeddings_in(array)
    assert (names, first.shape) == (["a.wav"], (1, 1920))
    (tmp_path / "a" / "bad.mp3").unlink()
    before = array.read_bytes()
    for extra, code in (((), 2), (("--resume",), 6)):  # the unfinished batch lists the file that is gone now
        assert command_line.run("batch", str(tmp_path / "a"), *arguments, *extra).code == code
        assert array.read_bytes() == before
    assert command_line.run("batch", str(tmp_path / "a"), *arguments, "--force").code == 0
    assert sorted(path.name for path in tmp_path.glob("*results.csv*")) == ["results.csv"]
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments, "--resume")
    assert (ended.code, "2 embeddings saved to" in ended.err) == (0, True), ended.err
    names, both = embeddings_in(array)
    assert names == ["a.wav", "b.wav"]
    np.testing.assert_array_equal(both, np.concatenate([first, first]))
    other = tmp_path / f"other.{kind}"
    arguments = ("--out", str(table), "--embedding", str(other), "--model", "builtin")
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments, "--resume")
    assert ended.code == 0, ended.err
    assert embeddings_in(other)[0] == ["b.wav"], "recordings without an embedding are recognized again"
    (tmp_path / "results.csv").unlink()
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments, "--resume")
    assert (ended.code, f"{other} exists already" in ended.err) == (2, True), ended.err
    other.write_text("no array")
    (tmp_path / "results.csv").write_bytes(b"path,state,model,duration_s,emotion\n")
    ended = command_line.run("batch", str(tmp_path / "b"), *arguments, "--resume")
    assert (ended.code, "is not an array that batch wrote" in ended.err) == (2, True), ended.err
    assert other.read_text() == "no array"


def embeddings_in(path: Path) -> tuple[list[str], np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path) as found:
            return found["names"].tolist(), found["embedding"]
    return [row["path"] for row in rows(path.with_name(f"{path.stem}.names.csv"))], np.load(path)


def test_frame_scores_of_a_folder(command_line: CommandLine, tmp_path: Path) -> None:
    table = tmp_path / "frames.csv"
    arguments = ("batch", str(EXAMPLE), "--out", str(table), "--granularity", "frame", "--window", "1", "--hop", "0.5")
    assert command_line.run(*arguments).code == 0
    found = rows(table)
    assert [(row["start_s"], row["end_s"]) for row in found[:2]] == [("0.0", "0.5"), ("0.5", "1.0")]
    assert len(found) == 8
    before = table.read_bytes()
    for extra, words in (((), "Add --resume"), (("--resume",), "which can't be extended")):
        ended = command_line.run(*arguments, *extra)
        assert (ended.code, words in ended.err, table.read_bytes() == before) == (2, True, True), ended.err


def count_done(state: Path) -> int:
    return len(done(state))


def done(state: Path) -> dict[str, str]:
    if not state.is_file():
        return {}
    with sqlite3.connect(f"file:{state}?mode=ro", uri=True) as db:
        try:
            return dict(db.execute("SELECT name, outcome FROM items WHERE state = 'done'").fetchall())
        except sqlite3.OperationalError:  # the database has no tables yet
            return {}


def test_invalid_arguments(command_line: CommandLine, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (("empty", "--out", "r.csv"), "No recording was found"),
        ((str(recordings), "--out", "r.xlsx"), "has no known table format"),
        ((str(recordings), "--out", "r.csv", "--granularity", "segment"), "--format jsonl"),
        ((str(recordings), "--out", "r.csv", "--embedding", "r.txt"), "should end in .npz, .npy"),
        ((str(recordings), "--out", "r.csv", "--labels", "joy"), "no emotion joy"),
    ):
        given = [str(tmp_path / "empty") if word == "empty" else word for word in arguments]
        given = [str(tmp_path / word) if word.startswith("r.") else word for word in given]
        ended = command_line.run("batch", *given)
        assert (ended.code, message in ended.err) == (2, True), ended.err
    assert not list(tmp_path.glob("r.*"))
