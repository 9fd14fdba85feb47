"""``track`` and ``headerless`` on the REST API, in jobs and on the command line."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tests.support.audio_files import voice
from tests.support.cli_process import CommandLine
from tests.support.server_process import RunningServer, running_server
from tests.support.track_files import with_tracks
from tests.support.waiting import wait_until

RATE = 16_000
FILM = with_tracks([np.zeros(2 * RATE, np.float32), voice(2.0), voice(2.0, level=0.01)], RATE, codec="flac", default=0)


def call() -> bytes:
    file = io.BytesIO()
    speech = np.concatenate([np.zeros(8_000, np.float32), voice(3.0, 8_000)])
    soundfile.write(file, speech, 8_000, format="RAW", subtype="ALAW")
    return file.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("options")
    with running_server(folder / "outputs", models_dir=folder) as started:
        yield started


def sent(server: RunningServer, content: bytes, **fields: str) -> tuple[int, dict[str, object]]:
    answer = httpx.post(
        f"{server.url}/api/v1/recognize", files={"audio": ("call.PCMA", content)}, data=fields, timeout=60
    )
    return answer.status_code, answer.json()


def codes(answer: dict[str, object]) -> list[str]:
    warnings = answer["warnings"]
    assert isinstance(warnings, list)
    return [warning["code"] for warning in warnings if warning["code"].startswith("audio.")]


def test_rest(server: RunningServer) -> None:
    status, answer = sent(server, call())
    assert (status, answer["code"]) == (422, "audio.headerless")
    assert "alaw,8000,1" in str(answer["detail"])

    status, answer = sent(server, call(), headerless="alaw,8000,1")
    assert (status, answer["source"]["format"]) == (200, "raw/pcm_alaw")  # type: ignore[index]
    assert answer["source"]["duration_s"] == 4.0  # type: ignore[index]

    assert codes(sent(server, FILM)[1]) == ["audio.silent_track"]
    assert codes(sent(server, FILM, track="1")[1]) == ["audio.no_speech", "audio.several_tracks"]
    assert codes(sent(server, FILM, track="3")[1]) == ["audio.several_tracks"]
    status, answer = sent(server, FILM, track="4")
    assert (status, answer["code"]) == (422, "audio.no_such_track")

    for fields in ({"track": "0"}, {"track": "second"}, {"headerless": "alaw"}, {"headerless": "opus,8000,1"}):
        assert sent(server, FILM, **fields)[0] == 422


def test_jobs(server: RunningServer) -> None:
    job = httpx.post(
        f"{server.url}/api/v1/jobs",
        files=[("audio", ("call.PCMA", call())), ("audio", ("film.mkv", FILM))],
        data={"track": "1", "headerless": "alaw,8000,1"},
    ).json()
    address = f"{server.url}/api/v1/jobs/{job['id']}"
    wait_until(lambda: httpx.get(address).json()["state"] == "done")

    rows = httpx.get(f"{address}/results?format=jsonl").text.splitlines()

    results = {row["path"]: row for row in map(json.loads, rows)}
    assert results["call.PCMA"]["source"]["format"] == "raw/pcm_alaw"
    assert codes(results["film.mkv"]) == ["audio.no_speech", "audio.several_tracks"]


def test_recognize(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "call.PCMA").write_bytes(call())
    (tmp_path / "film.mkv").write_bytes(FILM)

    ended = command_line.run("recognize", tmp_path / "call.PCMA")
    assert ended.code == 3
    assert "--headerless alaw,8000,1" in ended.err

    ended = command_line.run(
        "recognize",
        "--json",
        "--headerless",
        "alaw,8000,1",
        "--track",
        "3",
        tmp_path / "call.PCMA",
        tmp_path / "film.mkv",
    )
    assert ended.code == 6
    assert "There is no audio track 3 in call.PCMA" in ended.err or "no_such_track" in ended.out

    for option in (("--track", "x"), ("--headerless", "alaw")):
        ended = command_line.run("recognize", *option, tmp_path / "call.PCMA")
        assert ended.code == 2
        assert "expected" in ended.err


def test_batch_finds_files_without_a_header(command_line: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "one.PCMA").write_bytes(call())
    (folder / "film.mkv").write_bytes(FILM)
    table = tmp_path / "results.csv"

    ended = command_line.run("batch", folder, "--out", table, "--headerless", "alaw,8000,1")

    assert ended.code == 0, ended.err
    with table.open(encoding="utf-8-sig", newline="") as file:
        assert {row["path"]: row["state"] for row in csv.DictReader(file)} == {"one.PCMA": "done", "film.mkv": "done"}
