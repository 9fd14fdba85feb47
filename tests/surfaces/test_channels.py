"""Channels over REST, in jobs, on the command line and in batch: the same choice, the same results."""

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.support.audio_files import stereo, voice
from tests.support.cli_process import CommandLine
from tests.support.fake_model import FakeRegistry
from webui.api.jobs import JobsApi
from webui.api.routes import Api
from webui.errors import SpeechEmotionError
from webui.http.problems import answer_error
from webui.service import RecognitionService
from webui.settings import Settings

RATE = 16_000


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A call with two channels, and a mono recording of each speaker."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    customer, agent = voice(3.0, seed=1), 0.4 * voice(3.0, seed=2)
    soundfile.write(folder / "call.wav", stereo(customer, agent), RATE)
    soundfile.write(folder / "customer.wav", customer, RATE)
    soundfile.write(folder / "agent.wav", agent, RATE)
    return folder


@pytest.fixture
def client(tmp_path: Path, recordings: Path) -> Iterator[TestClient]:
    settings = Settings(outputs_dir=tmp_path / "outputs", audio_roots=[recordings])
    service = RecognitionService(settings, FakeRegistry(settings))
    app = FastAPI()
    jobs = JobsApi(service)
    app.include_router(jobs.router)
    app.include_router(Api(service).router)
    app.add_exception_handler(SpeechEmotionError, answer_error)
    jobs.start()
    yield TestClient(app)
    jobs.stop()


def close(found: dict[str, float], expected: dict[str, float]) -> bool:
    return found == pytest.approx(expected, abs=2e-5)


def test_rest_takes_the_choice_in_a_form_and_in_json(client: TestClient, recordings: Path) -> None:
    call = recordings / "call.wav"
    form = {"channels": "separate", "channel_names": "customer, agent"}
    document = client.post("/api/v1/recognize", files={"audio": call.read_bytes()}, data=form).json()
    assert [channel["name"] for channel in document["channels"]] == ["customer", "agent"]
    assert {"processed_audio_channel_0.wav", "processed_audio_channel_1.wav"} <= set(document["links"])
    assert client.get(document["links"][document["channels"][1]["audio_file"]]).content.startswith(b"RIFF")
    for channel in document["channels"]:
        mono = client.post("/api/v1/recognize", json={"audio_path": str(recordings / f"{channel['name']}.wav")}).json()
        assert close(channel["scores"], mono["scores"])
        for choice in (channel["index"], str(channel["index"])):
            single = client.post("/api/v1/recognize", json={"audio_path": str(call), "channels": choice}).json()
            assert close(single["scores"], mono["scores"])
            assert single["source"]["channel"] == channel["index"]
            assert "channels" not in single
    mixed = client.post("/api/v1/recognize", json={"audio_path": str(call)}).json()
    assert mixed["scores"] == document["scores"]
    assert "channels" not in mixed
    assert client.get(f"/api/v1/results/{document['id']}").json()["channels"] == document["channels"]


def test_rest_refuses_invalid_channels(client: TestClient, recordings: Path) -> None:
    for channels, code in ((2, "audio.no_such_channel"), ("both", None), (-1, None)):
        body = {"audio_path": str(recordings / "call.wav"), "channels": channels}
        answer = client.post("/api/v1/recognize", json=body)
        assert answer.status_code == 422
        if code is not None:
            assert answer.json()["code"] == code


def test_a_job_has_a_row_per_channel(client: TestClient, recordings: Path) -> None:
    files = [str(recordings / name) for name in ("call.wav", "agent.wav")]
    body = {"audio_paths": files, "channels": "separate", "channel_names": ["customer", "agent"]}
    job = client.post("/api/v1/jobs", json=body).json()["id"]
    deadline = time.monotonic() + 60
    while client.get(f"/api/v1/jobs/{job}").json()["state"] != "done" and time.monotonic() < deadline:
        time.sleep(0.02)
    table = client.get(f"/api/v1/jobs/{job}/results").content.decode("utf-8-sig")
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["channel"] for row in rows] == ["customer", "agent", "0"]
    assert float(rows[1]["happy"]) == pytest.approx(float(rows[2]["happy"]), abs=2e-5)


def test_the_command_line(command_line: CommandLine, recordings: Path, tmp_path: Path) -> None:
    call = recordings / "call.wav"
    names = ("--channels", "separate", "--channel-names", "customer,agent")
    document = command_line.run("recognize", call, *names, "--json").documents[0]
    mono = [
        command_line.run("recognize", recordings / f"{name}.wav", "--json").documents[0] for name in names[3].split(",")
    ]
    for channel, single in zip(document["channels"], mono, strict=True):
        assert close(channel["scores"], single["scores"])
    shown = command_line.run("recognize", call, *names[:2])
    assert shown.code == 0
    assert "Channel 1" in shown.text

    table = tmp_path / "results.csv"
    assert command_line.run("batch", recordings, "--out", table, *names).code == 0
    rows = list(csv.DictReader(table.read_text("utf-8-sig").splitlines()))
    assert [(row["path"], row["channel"]) for row in rows] == [
        ("agent.wav", "0"),
        ("call.wav", "customer"),
        ("call.wav", "agent"),
        ("customer.wav", "0"),
    ]
    assert float(rows[2]["happy"]) == pytest.approx(float(rows[0]["happy"]), abs=2e-5)

    assert command_line.run("recognize", call, "--channels", "left").code == 2
    assert command_line.run("recognize", call, "--channel-names", "a,b").code == 2
    assert "audio.no_such_channel" in json.dumps(
        command_line.run("recognize", call, "--channels", "5", "--json").documents
    )
