"""Run folders, jobs and interrupted batches of an earlier version are read, and unfinished ones are resumed."""

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.cli_process import CommandLine
from tests.support.server_process import ROOT, RunningServer, running_server
from tests.support.waiting import wait_until
from webui.results import RecognitionResult

OLD = ROOT / "tests" / "data" / "version_1"
OLD_FOLDER = "/data/old"  # folder of the recordings when the files were written
JOB = "0123456789abcdef0123456789abcdef"
RUNS = sorted(folder.name for folder in (OLD / "outputs").iterdir())


def copy_database(name: str, target: Path) -> None:
    """Copies a job store and changes its paths to the recordings in the test data."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(OLD / name, target)
    with sqlite3.connect(target) as database:
        database.execute("UPDATE items SET place = replace(place, ?, ?)", (OLD_FOLDER, str(OLD)))
    database.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    outputs = tmp_path_factory.mktemp("old") / "outputs"
    shutil.copytree(OLD / "outputs", outputs)
    copy_database("jobs.sqlite", outputs / ".jobs" / "jobs.sqlite")
    with running_server(outputs, auto_download=False, models_dir=outputs.parent / "models") as started:
        yield started
        assert "Traceback" not in started.errors.read_text()


def without_messages(document: dict[str, Any]) -> dict[str, Any]:
    """Returns a result without the texts of its warnings, whose wording may change; codes and values may not."""
    warnings = [{key: warning[key] for key in ("code", "values")} for warning in document["warnings"]]
    return document | {"warnings": warnings}


@pytest.mark.parametrize("run", RUNS)
def test_old_results_are_read(run: str) -> None:
    written = json.loads((OLD / "outputs" / run / "result.json").read_text("utf-8"))
    result = RecognitionResult.model_validate(written)
    assert without_messages(json.loads(result.to_json())) == without_messages(written)


def test_old_results_are_listed_and_served(server: RunningServer) -> None:
    listed = httpx.get(f"{server.url}/api/v1/results").json()
    names = [entry["id"].partition(".")[0] for entry in listed["results"]]
    assert set(RUNS) <= set(names)
    for entry in listed["results"]:
        folder = entry["id"].partition(".")[0]
        if folder not in RUNS:
            continue  # the job writes no run folders, but a later version may
        assert httpx.get(f"{server.url}/api/v1/results/{entry['id']}").status_code == 200
        for name, address in entry["links"].items():
            expected = (OLD / "outputs" / folder / name).read_bytes()
            assert httpx.get(server.url + address).content == expected


def test_an_old_job_is_resumed(server: RunningServer) -> None:
    wait_until(lambda: httpx.get(f"{server.url}/api/v1/jobs/{JOB}").json()["state"] == "done")
    document = httpx.get(f"{server.url}/api/v1/jobs/{JOB}").json()
    assert (document["done"], document["failed"], document["finished"]) == (6, 1, True)
    assert "callback" not in document
    recordings = httpx.get(f"{server.url}/api/v1/jobs/{JOB}/recordings").json()["items"]
    assert [entry["id"] for entry in recordings] == [f"{JOB}.{number}" for number in range(7)]
    table = httpx.get(f"{server.url}/api/v1/jobs/{JOB}/results?format=csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["path"] for row in rows] == ["missing.wav", *(f"clip_{number}.wav" for number in range(6))]
    with sqlite3.connect(OLD / "jobs.sqlite") as database:
        before = dict(database.execute("SELECT name, outcome FROM items WHERE state = 'done'").fetchall())
    database.close()
    for row in rows:
        if row["path"] in before:  # results of the old version are kept
            assert np.isclose(float(row["confidence"]), json.loads(before[row["path"]])["confidence"], atol=1e-6)


def test_an_old_batch_is_resumed(command_line: CommandLine, tmp_path: Path) -> None:
    copy_database("results.csv.progress.sqlite", tmp_path / "results.csv.progress.sqlite")
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for number in range(6):
        source = OLD / f"clip_{number}.wav"
        shutil.copy(source if source.exists() else OLD / "clip_2.wav", recordings / f"clip_{number}.wav")
    with sqlite3.connect(tmp_path / "results.csv.progress.sqlite") as database:
        database.execute("DELETE FROM items WHERE name = 'missing.wav'")  # `--resume` would try it again
    database.close()
    ended = command_line.run("batch", recordings, "--out", tmp_path / "results.csv", "--resume")
    assert ended.code == 0, ended.err
    assert "2 of 6 are already done" in ended.err
    with (tmp_path / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["state"] for row in rows} == {"done"}
    assert len(rows) == 6
